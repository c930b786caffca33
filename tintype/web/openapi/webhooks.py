"""OpenAPI operations of deliveries, the member ``webhook`` of requests, and the events that receivers get."""

from __future__ import annotations

from typing import Any

from tintype import errors
from tintype.web.header_catalog import RATE_LIMIT
from tintype.web.openapi.features import REQUEST_ID, TEXT, ApiFeatures
from tintype.web.openapi.jobs import client_operation, query_parameter
from tintype.web.openapi.responses import json_content, success
from tintype.web.openapi.schemas import reference
from tintype.web.webhooks.bodies import DeliveryList, DeliveryReport, WebhookEvent
from tintype.web.webhooks.views import DEFAULT_PAGE, MAX_PAGE
from tintype.webhooks.model import DeliveryState

_DELIVERY = {
    "name": "delivery_id",
    "in": "path",
    "required": True,
    "description": "The member `id` of a delivery.",
    "schema": TEXT,
}
_HEADERS = {
    "webhook-id": "Id of the event, the same in every attempt.",
    "webhook-timestamp": "Time of the attempt, in seconds since the epoch.",
    "webhook-signature": "One signature for each secret, separated by spaces: `v1,` and HMAC-SHA256 in base64.",
}


def webhook_paths(features: ApiFeatures) -> dict[str, Any]:
    """The operations of deliveries, by path and method."""
    return {
        "/webhooks/deliveries": {"get": _list(features)},
        "/webhooks/deliveries/{delivery_id}/resend": {"post": _resend(features)},
    }


def webhooks() -> dict[str, Any]:
    """The requests that receivers get."""
    parameters = [
        {"name": name, "in": "header", "required": True, "description": text, "schema": TEXT}
        for name, text in _HEADERS.items()
    ]
    return {
        "event": {
            "post": {
                "operationId": "webhookEvent",
                "summary": "An event of a job or a schedule, signed by Standard Webhooks.",
                "description": "Respond within 10 seconds. Any other response than 2xx and 410 is followed by further"
                " attempts, with the same id and body.",
                "parameters": parameters,
                "requestBody": {"required": True, "content": json_content(WebhookEvent)},
                "responses": {
                    "2XX": {"description": "The event is delivered."},
                    "410": {"description": "The receiver accepts no more events of this job or schedule."},
                },
            }
        }
    }


def _list(features: ApiFeatures) -> dict[str, Any]:
    found = success("One page of the list.", json_content(DeliveryList))
    summary = "The client's deliveries, newest first."
    operation = client_operation(features, "deliveryList", summary, found, tag="webhooks")
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_PAGE}
    parameters = [
        query_parameter("state", "Only deliveries in this state.", {**TEXT, "enum": [*DeliveryState]}),
        query_parameter("before", "The member `next` of the previous page.", TEXT),
        query_parameter("limit", "Entries of one response.", limit),
    ]
    return operation | {
        "description": "An API key lists the deliveries of its own jobs and schedules; without API keys there is one"
        " list.",
        "parameters": [*parameters, REQUEST_ID],
    }


def _resend(features: ApiFeatures) -> dict[str, Any]:
    found = success("The delivery, which is due now.", json_content(DeliveryReport), *RATE_LIMIT)
    kinds = (errors.NotFound, errors.Closed, errors.RateLimited)
    summary = "Send a delivery again, with all attempts."
    operation = client_operation(features, "deliveryResend", summary, found, *kinds, rate_limited=True, tag="webhooks")
    return operation | {
        "description": "With the same id and body, also after a 410.",
        "parameters": [_DELIVERY, REQUEST_ID],
    }


def webhook_sentence(features: ApiFeatures) -> str:
    """The effect of ``webhook`` on these routes, as the end of a description."""
    return " With `webhook` the response is 202 with a job, and its event is sent there." if features.webhooks else ""


def accepted(features: ApiFeatures, report: type) -> dict[str, Any]:
    """The response 202 of these routes."""
    if not features.webhooks:
        return {}
    found = success("With `webhook`: the job of one page.", {"application/json": {"schema": reference(report)}})["200"]
    location = {"Location": {"description": "URL of the job.", "schema": {**TEXT, "format": "uri"}}}
    return {"202": {**found, "headers": {**found["headers"], **location}}}
