"""Catalogue of response headers: the meaning of each, its schema, and the responses that carry it."""

from __future__ import annotations

from typing import Any, NamedTuple

from tintype.model import CacheState, Verdict

_TEXT: dict[str, Any] = {"type": "string"}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}


class HeaderField(NamedTuple):
    """Meaning of a response header, and the JSON Schema of its value."""

    meaning: str
    schema: dict[str, Any] = _TEXT


FIELDS = {
    "Age": HeaderField("Seconds since the capture.", _COUNT),
    "Content-Disposition": HeaderField("`inline`, with a file name for saving."),
    "ETag": HeaderField(
        "Identifies the content; a request that sends it as If-None-Match gets 304 if it is unchanged."
    ),
    "RateLimit": HeaderField("Remaining requests, and the seconds until the limit resets."),
    "RateLimit-Policy": HeaderField("The rate limit, and its window in seconds."),
    "Refresh": HeaderField("With a placeholder: seconds after which to request the thumbnail again.", _COUNT),
    "Retry-After": HeaderField("Seconds to wait before a retry.", {"type": "integer", "minimum": 1}),
    "Server-Timing": HeaderField(
        "Duration of each step in milliseconds; of a cache hit only if the request has `X-Server-Timing`."
    ),
    "X-Cache": HeaderField(
        "Where the thumbnail came from.", {"type": "string", "enum": [state.value for state in CacheState]}
    ),
    "X-Capture": HeaderField(
        "`partial`: the page had not finished loading; `truncated;limit=…`: the image was cut at "
        "this limit (height, pixels, width, format, scroller, screens, engine); "
        "`features-unavailable`: the page was too busy to report its features, so X-Verdict is less certain."
    ),
    "X-Request-Id": HeaderField("Id of this request in the log: the client's id if it is valid, else a new one."),
    "X-Target-Status": HeaderField(
        "HTTP status that the target returned.", {"type": "integer", "minimum": 100, "maximum": 599}
    ),
    "X-Verdict": HeaderField(
        "Class of the captured page.", {"type": "string", "enum": [verdict.value for verdict in Verdict]}
    ),
}
"""By name. CORS exposes all of them to scripts of other origins."""

ALWAYS = ("Server-Timing", "X-Request-Id")
RATE_LIMIT = ("RateLimit", "RateLimit-Policy")
THUMBNAIL = ("Age", "Content-Disposition", "ETag", "Refresh", "X-Cache", "X-Capture", "X-Target-Status", "X-Verdict")
