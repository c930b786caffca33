"""Slots: the rights to run a capture, and the queue in front of them.

A page that takes long must not keep the slots from pages that take little. While captures wait, one that has run for 2
seconds gives up its slot and goes on as a slow capture, of which there may be a limited number. Captures that are known
to be slow wait behind the others, give up their slot without that delay, and leave one slot free if they could not.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

SLOW_AFTER = 2.0
"""Seconds after which a capture gives up its slot while others wait."""
EXTRA_SLOW = 2
"""Slow captures at the same time, more than there are slots."""


@dataclass(eq=False, slots=True)
class Holder:
    """One capture that runs: since when, and whether it has given up its slot."""

    started: float
    known_slow: bool
    slow: bool = False


class Slots:
    """Grants slots in order. ``may_exceed`` permits slow captures beside the slots, as long as there is memory."""

    def __init__(self, count: int, may_exceed: Callable[[], bool] = lambda: True) -> None:
        self.count = count
        self._may_exceed = may_exceed
        self._holders: set[Holder] = set()
        self._waiting: deque[asyncio.Future[Holder]] = deque()
        self._waiting_slow: deque[asyncio.Future[Holder]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def busy(self) -> int:
        """Slots in use."""
        return len(self._holders) - self.slow

    @property
    def slow(self) -> int:
        """Captures that run without a slot."""
        return sum(holder.slow for holder in self._holders)

    @property
    def waiting(self) -> int:
        """Captures in the queue."""
        return len(self._waiting) + len(self._waiting_slow)

    @asynccontextmanager
    async def hold(self, *, known_slow: bool = False) -> AsyncIterator[Holder]:
        """Wait for a slot, and hold it during the block."""
        future: asyncio.Future[Holder] = asyncio.get_running_loop().create_future()
        queue = self._waiting_slow if known_slow else self._waiting
        queue.append(future)
        self.assign()
        try:
            yield await future
        finally:
            if future in queue:
                queue.remove(future)
            elif future.done() and not future.cancelled():
                self._holders.discard(future.result())
            self.assign()

    def assign(self) -> None:
        """Grant the free slots, and those that slow captures give up."""
        while (future := _first(self._waiting)) and (self.busy < self.count or self._free_a_slot()):
            self._grant(self._waiting, future, known_slow=False)
        while not self._waiting and (future := _first(self._waiting_slow)) and self._has_room_for_slow():
            self._grant(self._waiting_slow, future, known_slow=True)
        self._set_timer()

    def _grant(self, queue: deque[asyncio.Future[Holder]], future: asyncio.Future[Holder], *, known_slow: bool) -> None:
        queue.remove(future)
        holder = Holder(asyncio.get_running_loop().time(), known_slow)
        self._holders.add(holder)
        future.set_result(holder)

    def _has_room_for_slow(self) -> bool:
        free = self.count - self.busy
        return free > 1 or (free == 1 and (self.count == 1 or self._can_exceed()))

    def _can_exceed(self) -> bool:
        return self.slow < self.count + EXTRA_SLOW and self._may_exceed()

    def _free_a_slot(self) -> bool:
        """Make the oldest capture that is slow give up its slot; return whether there is one."""
        now = asyncio.get_running_loop().time()
        candidates = [holder for holder in self._holders if not holder.slow and self._due(holder) <= now]
        if not candidates or not self._can_exceed():
            return False
        min(candidates, key=lambda holder: holder.started).slow = True
        return True

    def _set_timer(self) -> None:
        """Look again when the next capture becomes slow."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        due = [self._due(holder) for holder in self._holders if not holder.slow]
        if self._waiting and due:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(min(due), loop.time() + _POLL_INTERVAL), self.assign)

    @staticmethod
    def _due(holder: Holder) -> float:
        return holder.started + (0 if holder.known_slow else SLOW_AFTER)


_POLL_INTERVAL = 0.25
"""Seconds between two looks while nothing but memory keeps a capture waiting."""


def _first(queue: deque[asyncio.Future[Holder]]) -> asyncio.Future[Holder] | None:
    """Return the first future that still waits."""
    while queue and queue[0].done():
        queue.popleft()
    return queue[0] if queue else None
