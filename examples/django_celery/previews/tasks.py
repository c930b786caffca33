"""The task that stores a thumbnail."""

from __future__ import annotations

from typing import Any

import requests
from celery import Task, shared_task
from django.conf import settings

from previews.models import Preview

BUSY = (429, 503)


@shared_task(bind=True, max_retries=8)
def capture(self: Task, preview_id: int) -> None:
    """Store the thumbnail of a preview. Running it twice stores the same object."""
    preview = Preview.objects.get(pk=preview_id)
    body = {"url": preview.url, "thumb_width": 320, "format": "webp", "fail_on": ["error", "blank"]}
    try:
        response = requests.post(f"{settings.TINTYPE}/persist", json=body, timeout=60)
    except requests.RequestException as error:
        raise self.retry(exc=error, countdown=10) from error
    if response.status_code in BUSY:
        raise self.retry(countdown=int(response.headers.get("Retry-After", 10)))
    found: dict[str, Any] = response.json()
    if response.ok:
        preview.status, preview.thumbnail = "captured", found["url"]
    else:
        preview.status, preview.reason = "failed", found["detail"]
    preview.save()
