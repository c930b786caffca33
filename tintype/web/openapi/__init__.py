"""OpenAPI 3.1 document of the service, made from the options, the response bodies and the error tree."""

from __future__ import annotations

from typing import Any

from tintype import __version__, signing
from tintype.web.header_catalog import FIELDS
from tintype.web.openapi import parameters, responses
from tintype.web.openapi.features import ApiFeatures
from tintype.web.openapi.paths import paths
from tintype.web.openapi.schemas import schemas
from tintype.web.openapi.webhook_body import webhook_request
from tintype.web.openapi.webhooks import webhooks

__all__ = ["ApiFeatures", "document"]

_DESCRIPTION = """\
Thumbnails of web pages by URL.

Every error is a problem object (RFC 9457) that names the parameter and the values it accepts. An option that is left \
out has its default value."""
_TAGS = [
    {"name": "thumbnails", "description": "Thumbnails, metadata and stored thumbnails."},
    {"name": "jobs", "description": "Jobs: captures of many pages without a waiting client."},
    {"name": "schedules", "description": "Schedules: jobs at given times, compared with the run before."},
    {"name": "webhooks", "description": "Webhooks: events of jobs and schedules, and their deliveries."},
    {"name": "operation", "description": "Health, metrics and status."},
]
_KEY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, or an admin key."},
    "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "An API key, or an admin key."},
}
_SIGNATURE_SCHEME = {
    "type": "apiKey",
    "in": "query",
    "name": signing.SIGNATURE,
    "description": "HMAC-SHA256 of the URL; `tintype sign` makes signed URLs.",
}


def document(features: ApiFeatures) -> dict[str, Any]:
    """The API as OpenAPI 3.1.0 (spec.openapis.org/oas/v3.1.0), with the routes that the settings enable."""
    schemes = {
        **(_KEY_SCHEMES if features.keys or features.admin else {}),
        **({"signature": _SIGNATURE_SCHEME} if features.signatures else {}),
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tintype",
            "version": __version__,
            "summary": "Self-hosted website thumbnails.",
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": features.base or "/"}],
        "tags": _TAGS,
        "paths": paths(features),
        **({"webhooks": webhooks()} if features.webhooks else {}),
        "components": {
            "schemas": {
                "Request": parameters.body(),
                "JobOptions": parameters.job_options(),
                "WebhookRequest": webhook_request(),
                **schemas(),
            },
            "parameters": parameters.components(),
            "headers": {name: {"description": field.meaning, "schema": field.schema} for name, field in FIELDS.items()},
            "examples": responses.examples(),
            **({"securitySchemes": schemes} if schemes else {}),
        },
    }
