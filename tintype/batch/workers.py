"""Thread pool that captures batch items and retries transient failures."""

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
"""Seconds before each retry after a full queue, a browser crash or an unavailable backend."""
_TRANSIENT = (Overloaded, BrowserCrashed, BackendUnavailable)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one item, or its error; ``seconds`` includes retries."""

    item: BatchItem
    result: ThumbnailResult | TintypeError
    seconds: float


class WorkerPool:
    """Iterates over outcomes in order of completion, in the thread of the caller."""

    def __init__(self, items: Iterable[BatchItem], capture: CaptureCallable, size: int) -> None:
        self._pending = deque(items)
        self._capture = capture
        self._outcomes: queue.SimpleQueue[Outcome | None] = queue.SimpleQueue()
        self._size = min(size, len(self._pending))
        self._in_progress: set[str] = set()
        self._stopped = threading.Event()

    def __iter__(self) -> Iterator[Outcome]:
        for number in range(self._size):
            # daemon threads, so that a second Ctrl-C exits without waiting for captures
            threading.Thread(target=self._work, name=f"tintype-batch-{number}", daemon=True).start()
        running = self._size
        while running:
            outcome = self._outcomes.get()
            if outcome is None:
                running -= 1
            else:
                yield outcome

    def stop(self) -> int:
        """Start no further captures or retries; returns the number in progress. Safe in a signal handler."""
        self._pending.clear()
        self._stopped.set()
        return len(self._in_progress)

    def _work(self) -> None:
        while True:
            try:
                item = self._pending.popleft()
            except IndexError:
                break
            self._in_progress.add(item.key)
            outcome = self._process(item)
            if isinstance(outcome.result, BackendUnavailable):
                self.stop()  # here, because the thread that reads the outcomes may be late
            self._in_progress.discard(item.key)
            self._outcomes.put(outcome)
        self._outcomes.put(None)

    def _process(self, item: BatchItem) -> Outcome:
        start = time.perf_counter()
        try:
            result: ThumbnailResult | TintypeError = self._with_retries(item)
        except TintypeError as error:
            result = error
        except Exception:  # an unexpected error ends this item only
            log.exception("batch_page_failed")
            result = TintypeError()
        return Outcome(item, result, time.perf_counter() - start)

    def _with_retries(self, item: BatchItem) -> ThumbnailResult:
        for delay in RETRY_DELAYS:
            try:
                return self._capture(item.request)
            except _TRANSIENT as error:
                if self._stopped.wait(max(delay, error.retry_after or 0)):
                    raise
        return self._capture(item.request)
