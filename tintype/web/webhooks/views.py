"""Routes ``GET /webhooks/deliveries`` and ``POST /webhooks/deliveries/<id>/resend``."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, jsonify, request

from tintype.web import request_log
from tintype.web.auth import Authenticator
from tintype.web.bodies import JsonBody
from tintype.web.query_values import number, one_of, parameters
from tintype.web.rate_limit import RateLimiter
from tintype.web.webhooks.bodies import DeliveryList, DeliveryReport
from tintype.webhooks.model import DeliveryState
from tintype.webhooks.service import WebhookService

DEFAULT_PAGE, MAX_PAGE = 100, 1000
"""Entries of the list in one response."""
MAX_ID = 64
"""Characters of an id that are compared."""


@dataclass(frozen=True, slots=True)
class DeliveriesView:
    """The views of deliveries; an API key has its own, without API keys there is one list."""

    webhooks: WebhookService
    authenticator: Authenticator
    rate_limiter: RateLimiter

    def list(self) -> Response:
        """``GET /webhooks/deliveries``: the client's deliveries, newest first."""
        owner, texts = self.authenticator.owner_of(request), parameters("state", "before", "limit")
        limit = number(texts, "limit", DEFAULT_PAGE, 1, MAX_PAGE)
        found = self.webhooks.deliveries(
            owner, state=one_of(DeliveryState, texts, "state"), before=texts.get("before", "")[:MAX_ID], limit=limit + 1
        )
        reports = [DeliveryReport.of(each) for each in found[:limit]]
        return _uncached(DeliveryList(deliveries=reports, next=reports[-1].id if len(found) > limit else None))

    def resend(self, delivery_id: str) -> Response:
        """``POST /webhooks/deliveries/<id>/resend``: send again, with all attempts."""
        parameters()
        delivery = self.webhooks.delivery(delivery_id[:MAX_ID], self.authenticator.owner_of(request))
        self.rate_limiter.check_jobs(request, delivery.owner)
        request_log.bind(delivery=delivery.id)
        return _uncached(DeliveryReport.of(self.webhooks.resend(delivery)))


def blueprint(view: DeliveriesView) -> Blueprint:
    """The routes."""
    routes = Blueprint("webhooks", __name__)
    routes.add_url_rule("/webhooks/deliveries", view_func=view.list, methods=["GET"])
    routes.add_url_rule("/webhooks/deliveries/<delivery_id>/resend", view_func=view.resend, methods=["POST"])
    return routes


def _uncached(body: JsonBody) -> Response:
    response = jsonify(body.members())
    response.headers["Cache-Control"] = "no-store"
    return response
