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
from tintype.request_parser import ThumbnailRequest

log = structlog.get_logger("tintype.batch")

CaptureCallable = Callable[[ThumbnailRequest], ThumbnailResult]
RETRY_DELAYS = (1.0, 5.0, 15.0)
"""Seconds before a page is tried again for which the line was full, the browser died or did not start."""
_TRANSIENT = (Overloaded, BrowserCrashed, BackendUnavailable)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A picture or why there is none, after so many seconds."""

    item: BatchItem
    result: ThumbnailResult | TintypeError
    seconds: float


class WorkerPool:
    """Iterates over outcomes as they come; whoever iterates is never called from another thread."""

    def __init__(self, items: Iterable[BatchItem], capture: CaptureCallable, size: int) -> None:
        self._pending = deque(items)
        self._capture = capture
        self._outcomes: queue.SimpleQueue[Outcome | None] = queue.SimpleQueue()
        self._size = min(size, len(self._pending))
        self._in_progress: set[str] = set()
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
        self._pending.clear()
        self._stopped.set()
        return len(self._in_progress)

    def _work(self) -> None:
        while True:
            try:
                task = self._pending.popleft()
            except IndexError:
                break
            self._in_progress.add(task.key)
            outcome = self._process(task)
            self._in_progress.discard(task.key)
            self._outcomes.put(outcome)
        self._outcomes.put(None)

    def _process(self, item: BatchItem) -> Outcome:
        begin = time.perf_counter()
        try:
            result: ThumbnailResult | TintypeError = self._with_retries(item)
        except TintypeError as error:
            result = error
        except Exception:  # one page must not end the others
            log.exception("batch_page_failed")
            result = TintypeError()
        return Outcome(item, result, time.perf_counter() - begin)

    def _with_retries(self, item: BatchItem) -> ThumbnailResult:
        for pause in RETRY_DELAYS:
            try:
                return self._capture(item.request)
            except _TRANSIENT as error:
                if self._stopped.wait(max(pause, error.retry_after or 0)):
                    raise
        return self._capture(item.request)
