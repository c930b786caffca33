"""Routes and views."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from previews.models import Preview
from previews.tasks import capture


@require_POST
def create(request: HttpRequest) -> JsonResponse:
    """Queue a preview after the transaction, so that the worker finds it; return at once."""
    preview = Preview.objects.create(url=request.POST["url"])
    transaction.on_commit(lambda: capture.delay(preview.pk))
    return JsonResponse({"id": preview.pk}, status=202)


@require_GET
def report(_: HttpRequest, preview_id: int) -> JsonResponse:
    """The state of a preview."""
    preview = get_object_or_404(Preview, pk=preview_id)
    members = {"status": preview.status, "thumbnail": preview.thumbnail, "reason": preview.reason}
    return JsonResponse(members)


urlpatterns = [path("previews/", create), path("previews/<int:preview_id>/", report)]
