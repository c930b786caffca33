"""Limit on the length of request header fields whose parsing costs time."""

from __future__ import annotations

from flask import Flask, request

MAX_FIELD = 8192
"""Characters of a header field that this service parses: nginx and gunicorn accept no longer ones either."""
OPTIONAL_FIELDS = (
    "HTTP_ACCEPT",
    "HTTP_IF_MATCH",
    "HTTP_IF_MODIFIED_SINCE",
    "HTTP_IF_NONE_MATCH",
    "HTTP_IF_RANGE",
    "HTTP_IF_UNMODIFIED_SINCE",
    "HTTP_RANGE",
    "CONTENT_TYPE",
)
"""Fields without which a GET has a complete response (RFC 9110, 12.4.1, 13.1, 14.2); a POST needs ``CONTENT_TYPE``."""


def install(app: Flask) -> None:
    """Ignore fields that are too long, before anything parses them."""
    app.before_request(_drop_long_fields)


def _drop_long_fields() -> None:
    for name in OPTIONAL_FIELDS:
        if len(request.environ.get(name, "")) > MAX_FIELD:
            del request.environ[name]
