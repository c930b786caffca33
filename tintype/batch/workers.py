"""Who takes the pictures of a list? A few threads, each one page at a time; what passes is tried again."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import structlog

from tintype.batch.url_list import BatchItem
from tintype.errors import BackendUnavailable, BrowserCrashed, Overloaded, TintypeError
from tintype.model import ThumbnailResult
from tintype.web.params import ThumbnailRequest

log = structlog.get_logger("tintype.batch")

Take = Callable[[ThumbnailRequest], ThumbnailResult]
PAUSES = (1.0, 5.0, 15.0)
"""Seconds before a page is tried again for which the line was full, the browser died or did not start."""
_PASSING = (Overloaded, BrowserCrashed, BackendUnavailable)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A picture or why there is none, after so many seconds."""

    task: BatchItem
    result: ThumbnailResult | TintypeError
    seconds: float


class WorkerPool:
    """Iterates over outcomes as they come; whoever iterates is never called from another thread."""

    def __init__(self, tasks: Iterable[BatchItem], take: Take, size: int) -> None:
        self._waiting = deque(tasks)
        self._take = take
        self._outcomes: queue.SimpleQueue[Outcome | None] = queue.SimpleQueue()
        self._size = min(size, len(self._waiting))
        self._under_way: set[str] = set()
        self._stopped = threading.Event()

    def __iter__(self) -> Iterator[Outcome]:
        for number in range(self._size):
            # daemons: who is told to leave at once does not wait for pages
            threading.Thread(target=self._work, name=f"tintype-batch-{number}", daemon=True).start()
        at_work = self._size
        while at_work:
            outcome = self._outcomes.get()
            if outcome is None:
                at_work -= 1
            else:
                yield outcome

    def stop(self) -> int:
        """Begin no other page, and try none again; how many are under way. Safe in a signal handler."""
        self._waiting.clear()
        self._stopped.set()
        return len(self._under_way)

    def _work(self) -> None:
        while True:
            try:
                task = self._waiting.popleft()
            except IndexError:
                break
            self._under_way.add(task.key)
            outcome = self._outcome(task)
            self._under_way.discard(task.key)
            self._outcomes.put(outcome)
        self._outcomes.put(None)

    def _outcome(self, task: BatchItem) -> Outcome:
        begin = time.perf_counter()
        try:
            result: ThumbnailResult | TintypeError = self._persistently(task)
        except TintypeError as error:
            result = error
        except Exception:  # one page must not end the others
            log.exception("batch_page_failed")
            result = TintypeError()
        return Outcome(task, result, time.perf_counter() - begin)

    def _persistently(self, task: BatchItem) -> ThumbnailResult:
        for pause in PAUSES:
            try:
                return self._take(task.wanted)
            except _PASSING as error:
                if self._stopped.wait(max(pause, error.retry_after or 0)):
                    raise
        return self._take(task.wanted)
