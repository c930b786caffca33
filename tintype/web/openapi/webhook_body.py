"""The member ``webhook`` of requests, as JSON Schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tintype.urls import MAX_BYTES
from tintype.web.openapi.features import TEXT, ApiFeatures
from tintype.web.openapi.parameters import job_options
from tintype.webhooks.model import JOB_EVENTS, PAGE_EVENTS

_URL = {**TEXT, "format": "uri", "maxLength": MAX_BYTES}


def webhook_member(default: Sequence[str] = JOB_EVENTS) -> dict[str, Any]:
    """The member ``webhook`` of a body; ``default`` are its events if none are named."""
    events = {
        "type": "array",
        "minItems": 1,
        "items": {**TEXT, "enum": [*PAGE_EVENTS, *JOB_EVENTS]},
        "default": [*default],
    }
    members = {"type": "object", "properties": {"url": _URL, "events": events}, "required": ["url"]}
    return {
        "description": "URL that receives the events, or an object with `url` and `events`.",
        "anyOf": [_URL, {**members, "additionalProperties": False}],
    }


def webhook_request() -> dict[str, Any]:
    """JSON Schema of a request of one thumbnail with a webhook."""
    options = job_options()
    return {
        **options,
        "description": "Options of a thumbnail, without HTML and the caller's credentials, and a webhook.",
        "properties": {**options["properties"], "webhook": webhook_member(PAGE_EVENTS)},
        "required": ["url", "webhook"],
    }


def body_with_webhook(features: ApiFeatures) -> dict[str, Any]:
    """The schema of the body of ``POST /thumb`` and ``POST /persist``."""
    plain = {"$ref": "#/components/schemas/Request"}
    return {"anyOf": [plain, {"$ref": "#/components/schemas/WebhookRequest"}]} if features.webhooks else plain
