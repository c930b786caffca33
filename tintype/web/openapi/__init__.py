"""What can be asked of the service, as OpenAPI 3.1: made from the options and the error tree, never written twice."""

from __future__ import annotations

from typing import Any

from tintype import __version__, signing
from tintype.web import header_catalog
from tintype.web.openapi import parameters, responses, schemas
from tintype.web.openapi.paths import ApiFeatures, paths

__all__ = ["ApiFeatures", "document"]

_DESCRIPTION = """\
Give it a URL, it gives back a picture.

Every failure is a problem object (RFC 9457) that names the parameter and what it accepts. Where nothing else is said, \
an option that is left out has its default."""
_TAGS = [
    {"name": "pictures", "description": "Pictures of pages, for the moment and for good."},
    {"name": "operation", "description": "For those who run the service."},
]


def document(about: ApiFeatures) -> dict[str, Any]:
    """The API as OpenAPI 3.1.0 (spec.openapis.org/oas/v3.1.0), with the routes that these settings give it."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tintype",
            "version": __version__,
            "summary": "Self-hosted website thumbnails.",
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": about.base or "/"}],
        "tags": _TAGS,
        "paths": paths(about),
        "components": {
            "schemas": {"Request": parameters.body(), **schemas.SCHEMAS},
            "parameters": parameters.components(),
            "headers": header_catalog.components(),
            "examples": responses.examples(),
            **({"securitySchemes": schemes} if (schemes := _schemes(about)) else {}),
        },
    }


def _schemes(about: ApiFeatures) -> dict[str, Any]:
    keys = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
        "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "An API key."},
    }
    signature = {
        "type": "apiKey",
        "in": "query",
        "name": signing.SIGNATURE,
        "description": "HMAC-SHA256 over the address, as `tintype sign` makes it.",
    }
    return {**(keys if about.keys else {}), **({"signature": signature} if about.signatures else {})}
