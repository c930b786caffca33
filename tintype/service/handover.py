"""Hands the result of a capture to other requests of this process, while the cache cannot.

Requests for one shot wait for its lock; the first one captures, and the others find its result in the cache. While the
state backend is unavailable they would find nothing and capture one after another: 40 clients, 40 visits of the page.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tintype.errors import TintypeError
from tintype.model import Capture, Thumbnail
from tintype.problems import from_problem


@dataclass(slots=True)
class SharedCapture:
    """The last result for one shot. It exists as long as a request waits for the shot."""

    members: int = 0
    """Requests that wait or capture."""
    offered_at: float = float("-inf")
    """When it was offered, in seconds since the epoch."""
    capture: Capture | None = None
    thumbnails: dict[str, Thumbnail] = field(default_factory=dict)
    """By request key."""
    failure: TintypeError | None = None

    def offer(self, capture: Capture, request_key: str, thumbnail: Thumbnail, now: float) -> None:
        """Offer a new capture and its first thumbnail to the other members."""
        self.capture, self.thumbnails, self.failure = capture, {request_key: thumbnail}, None
        self.offered_at = now

    def offer_failure(self, error: TintypeError, now: float) -> None:
        """Offer a failure that the cache would keep."""
        if error.cacheable:
            self.failure, self.offered_at = from_problem(error.problem()), now


class Handover:
    """The captures that requests of this process wait for, by the key of the shot. Thread-safe."""

    def __init__(self) -> None:
        self._captures: dict[str, SharedCapture] = {}
        self._lock = threading.Lock()

    @contextmanager
    def join(self, key: str) -> Iterator[SharedCapture]:
        """Be a member while the block runs. The result is read and written under the lock of the shot."""
        with self._lock:
            shared = self._captures.setdefault(key, SharedCapture())
            shared.members += 1
        try:
            yield shared
        finally:
            with self._lock:
                shared.members -= 1
                if not shared.members:
                    del self._captures[key]

    def __len__(self) -> int:
        """Number of shots that requests wait for."""
        return len(self._captures)
