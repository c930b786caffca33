"""Notation of rate limits: a rate such as ``30 per minute``, or one of three words."""

from __future__ import annotations

import re

UNLIMITED = "unlimited"
"""Requests are not counted."""
CLOSED = "closed"
"""Requests are rejected with 403."""
OFF = "off"
"""There is no separate limit: requests count against the limit of thumbnails."""
WORDS = (UNLIMITED, CLOSED, OFF)

_RATE = re.compile(r"[1-9][0-9]{0,9}\s*(per|/)\s*([1-9][0-9]{0,3}\s*)?(second|minute|hour|day)s?", re.IGNORECASE)


def normalize(text: str) -> str:
    """A rate without outer spaces, or a word in lower case; raises ValueError for any other text."""
    stripped = text.strip()
    if stripped.lower() in WORDS:
        return stripped.lower()
    if not _RATE.fullmatch(stripped):
        raise ValueError(f"not a rate, {', '.join(WORDS[:-1])} or {WORDS[-1]}")
    return stripped
