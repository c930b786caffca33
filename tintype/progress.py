"""The progress id of the request that a thread works on: under it, its client reads the step of its capture.

The client makes the id, 128 random bits, so that no other client can read or cancel the capture. It is in a context
variable, because the capture starts deep inside the pipeline, or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_FORM = re.compile(r"[0-9a-f]{32}")
_progress_id: ContextVar[str] = ContextVar("progress_id", default="")


def is_progress_id(text: str) -> bool:
    """Whether a text is a progress id: 32 hex digits in lower case."""
    return _FORM.fullmatch(text) is not None


def current_progress_id() -> str:
    """The progress id of this request; empty if its client does not follow it."""
    return _progress_id.get()


@contextmanager
def followed_as(progress_id: str) -> Iterator[None]:
    """Report captures inside the block under an id; a text of another form is ignored."""
    token = _progress_id.set(progress_id if is_progress_id(progress_id) else "")
    try:
        yield
    finally:
        _progress_id.reset(token)
