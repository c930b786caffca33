"""Bounds what runs concurrently in a worker process, in all and for each client."""

from __future__ import annotations

import threading
from collections import Counter

from tintype.errors import Overloaded, RateLimited

RETRY_AFTER = 5.0
"""Seconds after which a rejected client should retry."""


class ClientLimit:
    """At most ``maximum`` entries at a time, of one client at most ``per_client``; ``name`` is their plural."""

    def __init__(self, name: str, maximum: int, per_client: int) -> None:
        self._name = name
        self._maximum = maximum
        self._per_client = per_client
        self._clients: Counter[str] = Counter()
        self._lock = threading.Lock()

    def enter(self, client: str) -> None:
        """Count an entry of a client, until ``leave``; raises Overloaded or RateLimited."""
        with self._lock:
            if self._clients[client] >= self._per_client:
                detail = f"the client has {self._per_client} {self._name} in progress; wait until one ends"
                raise RateLimited(detail, retry_after=RETRY_AFTER)
            if self._clients.total() >= self._maximum:
                raise Overloaded(f"too many {self._name} are in progress; retry later", retry_after=RETRY_AFTER)
            self._clients[client] += 1

    def leave(self, client: str) -> None:
        """End an entry of a client."""
        with self._lock:
            self._clients[client] -= 1
            if self._clients[client] <= 0:
                del self._clients[client]
