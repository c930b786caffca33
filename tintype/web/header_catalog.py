"""Header fields: which ones tell of an answer, what they say, and of which answers."""

from __future__ import annotations

from typing import Any, NamedTuple

from tintype.model import CacheState, Verdict

_TEXT: dict[str, Any] = {"type": "string"}
_NUMBER: dict[str, Any] = {"type": "integer", "minimum": 0}


class HeaderField(NamedTuple):
    """A header field: what it says, and how."""

    meaning: str
    schema: dict[str, Any] = _TEXT


FIELDS = {
    "Age": HeaderField("Seconds since the picture was taken.", _NUMBER),
    "Content-Disposition": HeaderField("Shown in place; the name to save it by."),
    "ETag": HeaderField("Names this picture; sent back as If-None-Match it is answered with 304."),
    "RateLimit": HeaderField("What is left of the allowance, and the seconds until it is renewed."),
    "RateLimit-Limit": HeaderField("Requests that are allowed.", _NUMBER),
    "RateLimit-Policy": HeaderField("The allowance, and its window in seconds."),
    "RateLimit-Remaining": HeaderField("Requests that are left.", _NUMBER),
    "RateLimit-Reset": HeaderField("Seconds until the allowance is renewed.", _NUMBER),
    "Refresh": HeaderField("Beside a placeholder: the seconds after which the picture should be there.", _NUMBER),
    "Retry-After": HeaderField("Seconds after which another attempt makes sense.", {"type": "integer", "minimum": 1}),
    "Server-Timing": HeaderField("How long the parts took, in milliseconds."),
    "X-Cache": HeaderField(
        "Where the picture came from.", {"type": "string", "enum": [state.value for state in CacheState]}
    ),
    "X-Capture": HeaderField("partial: the page was not done in time; truncated: it was cut at the greatest height."),
    "X-Request-Id": HeaderField("What the log calls this request: the caller's own, if it is harmless."),
    "X-Target-Status": HeaderField(
        "The status the page itself was answered with.", {"type": "integer", "minimum": 100, "maximum": 599}
    ),
    "X-Verdict": HeaderField(
        "What the picture shows.", {"type": "string", "enum": [verdict.value for verdict in Verdict]}
    ),
}
"""All that scripts of other origins may read, by name."""

ALWAYS = ("Server-Timing", "X-Request-Id")
COUNTED = ("RateLimit", "RateLimit-Limit", "RateLimit-Policy", "RateLimit-Remaining", "RateLimit-Reset")
OF_PICTURES = ("Age", "Content-Disposition", "ETag", "Refresh", "X-Cache", "X-Capture", "X-Target-Status", "X-Verdict")


def references(*names: str) -> dict[str, Any]:
    """Header fields of an answer, by reference to ``components``."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def components() -> dict[str, Any]:
    """All header fields, told once."""
    return {name: {"description": field.meaning, "schema": field.schema} for name, field in FIELDS.items()}
