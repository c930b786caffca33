"""Slots: the rights to run a capture, and the queue in front of them.

A page that waits for the network leaves its core to others: while captures wait and a core is idle, more of them run
than there are slots, up to three times as many. They are added one by one, each after another look at the cores.

A page that takes long must not keep the slots from pages that take little. While captures wait, one that has run for 2
seconds gives up its slot and goes on as a slow capture, of which there may be a limited number. Captures that are known
to be slow wait behind the others, give up their slot without that delay, and leave one slot free if they could not.

So do captures of low priority, behind both: their browsers get the CPU time that no other one wants, so one that goes
on without a slot costs memory only. None begins beside a capture of a client in its first 2 seconds, and in the 0.2
seconds after it, in which the client may request the next one. One that has waited for 10 seconds joins the end of the
normal queue, so that none waits for ever.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import IntEnum

SLOW_AFTER = 2.0
"""Seconds after which a capture gives up its slot while others wait."""
MAX_OVERLAP = 3
"""Captures at the same time while a core is idle, as a multiple of the slots."""
EXTRA_SLOW = 2
"""Slow captures at the same time, more than there are slots."""
PATIENCE = 10.0
"""Seconds after which a capture of low priority waits no longer behind the others."""


AFTER_CLIENT = 0.2
"""Seconds after a capture of a client in which none of low priority begins."""


class Rank(IntEnum):
    """Order of the queues in front of the slots."""

    NORMAL = 0
    KNOWN_SLOW = 1
    LOW_PRIORITY = 2


@dataclass(eq=False, slots=True)
class Holder:
    """One capture that runs: since when, from which queue, and whether it has given up its slot."""

    started: float
    rank: Rank
    slow: bool = False


@dataclass(eq=False, slots=True)
class QueueEntry:
    """The place of one capture in the queue."""

    rank: Rank
    granted: asyncio.Future[Holder]

    @property
    def is_slow(self) -> bool:
        """Whether the capture runs without a slot."""
        return self.granted.done() and not self.granted.cancelled() and self.granted.result().slow


class Slots:
    """Grants slots in order.

    ``may_exceed`` permits captures beside the slots, as long as there is memory. ``takes_idle_core`` permits one more
    capture than there are slots, because a core is idle.
    """

    def __init__(
        self,
        count: int,
        may_exceed: Callable[[], bool] = lambda: True,
        takes_idle_core: Callable[[], bool] = lambda: False,
    ) -> None:
        self.count = count
        self._may_exceed = may_exceed
        self._takes_idle_core = takes_idle_core
        self._holders: set[Holder] = set()
        self._queues: dict[Rank, deque[QueueEntry]] = {rank: deque() for rank in Rank}
        self._timer: asyncio.TimerHandle | None = None
        self._client_ended = -AFTER_CLIENT

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
        return sum(map(len, self._queues.values()))

    def entry(self, rank: Rank = Rank.NORMAL) -> QueueEntry:
        """An entry of a queue, which :meth:`hold` appends."""
        return QueueEntry(rank, asyncio.get_running_loop().create_future())

    @asynccontextmanager
    async def hold(self, entry: QueueEntry) -> AsyncIterator[Holder]:
        """Wait for a slot, and hold it during the block."""
        self._queues[entry.rank].append(entry)
        patience = None
        if entry.rank is Rank.LOW_PRIORITY:
            patience = asyncio.get_running_loop().call_later(PATIENCE, self.raise_rank, entry)
        self.assign()
        try:
            yield await entry.granted
        finally:
            if patience:
                patience.cancel()
            if entry in self._queues[entry.rank]:
                self._queues[entry.rank].remove(entry)
            elif entry.granted.done() and not entry.granted.cancelled():
                self._holders.discard(entry.granted.result())
                if entry.rank is Rank.NORMAL:
                    self._client_ended = asyncio.get_running_loop().time()
            self.assign()

    def raise_rank(self, entry: QueueEntry) -> None:
        """Let a capture that waits with low priority wait at the end of the normal queue."""
        if entry in (queue := self._queues[entry.rank]) and entry.rank is Rank.LOW_PRIORITY:
            queue.remove(entry)
            entry.rank = Rank.NORMAL
            self._queues[entry.rank].append(entry)
            self.assign()

    def assign(self) -> None:
        """Grant the free slots, and those that slow captures give up."""
        normal = self._queues[Rank.NORMAL]
        while (entry := _first(normal)) and (self.busy < self.count or self._free_a_slot() or self._may_overlap()):
            self._grant(entry)
        while not normal and (entry := _first(self._queues[Rank.KNOWN_SLOW])) and self._has_room_for_slow():
            self._grant(entry)
        low = self._queues[Rank.LOW_PRIORITY]
        while not (normal or self._queues[Rank.KNOWN_SLOW] or self._has_clients()) and (entry := _first(low)):
            if not self._has_room_for_slow():
                break
            self._grant(entry)
        self._set_timer()

    def _grant(self, entry: QueueEntry) -> None:
        self._queues[entry.rank].remove(entry)
        holder = Holder(asyncio.get_running_loop().time(), entry.rank)
        self._holders.add(holder)
        entry.granted.set_result(holder)

    def _has_clients(self) -> bool:
        """Whether a client waits for a capture that runs and is not slow, or may request the next one."""
        now = asyncio.get_running_loop().time()
        if now < self._client_ended + AFTER_CLIENT:
            return True
        return any(each.rank is Rank.NORMAL and not each.slow and self._due(each) > now for each in self._holders)

    def _has_room_for_slow(self) -> bool:
        free = self.count - self.busy
        return free > 1 or (free == 1 and (self.count == 1 or self._can_exceed()))

    def _can_exceed(self) -> bool:
        return self.slow < self.count + EXTRA_SLOW and self._may_exceed()

    def _may_overlap(self) -> bool:
        """Whether one more capture may run because the pages of the others wait and leave a core idle."""
        return self.busy < self.count * MAX_OVERLAP and self._may_exceed() and self._takes_idle_core()

    def _free_a_slot(self) -> bool:
        """Make a capture of low priority, or else the oldest one that is slow, give up its slot; return whether."""
        now = asyncio.get_running_loop().time()
        candidates = [holder for holder in self._holders if not holder.slow and self._due(holder) <= now]
        if not candidates or not self._can_exceed():
            return False
        min(candidates, key=lambda holder: (holder.rank is not Rank.LOW_PRIORITY, holder.started)).slow = True
        return True

    def _set_timer(self) -> None:
        """Look again at the cores, when the next capture becomes slow, and when a client has requested no other one."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        due = [self._due(holder) for holder in self._holders if not holder.slow]
        if self._queues[Rank.LOW_PRIORITY] and self._client_ended + AFTER_CLIENT > loop.time():
            due.append(self._client_ended + AFTER_CLIENT)
        if self._queues[Rank.NORMAL] and self.busy < self.count * MAX_OVERLAP:
            due.append(loop.time() + _POLL_INTERVAL)
        if (self._queues[Rank.NORMAL] or self._queues[Rank.LOW_PRIORITY]) and due:
            self._timer = loop.call_at(max(min(due), loop.time() + _POLL_INTERVAL), self.assign)

    @staticmethod
    def _due(holder: Holder) -> float:
        return holder.started + (SLOW_AFTER if holder.rank is Rank.NORMAL else 0)


_POLL_INTERVAL = 0.1
"""Seconds between two looks at memory and cores while a capture waits."""


def _first(queue: deque[QueueEntry]) -> QueueEntry | None:
    """Return the first place whose capture still waits."""
    while queue and queue[0].granted.done():
        queue.popleft()
    return queue[0] if queue else None
