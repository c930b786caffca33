"""The job worker: captures a page for each message of the broker."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from tintype.jobs.leased_pages import CaptureOutcome, LeasedPages
from tintype.jobs.messages import Broker, Consumer, MessageHandler, MessageSender
from tintype.jobs.model import ClaimLimits, JobStore, Lease

log = structlog.get_logger("tintype.jobs")

MAX_SILENCE = 60.0
"""Seconds after which a thread that has not reported counts as blocked."""
LAST_SECONDS = 5.0
"""Seconds in which a stopped worker returns its messages and its unfinished pages."""


class JobWorker:
    """Captures up to ``limits.total`` pages at a time. ``capture`` never raises."""

    def __init__(
        self, store: JobStore, broker: Broker, capture: Callable[[Lease], CaptureOutcome], limits: ClaimLimits
    ) -> None:
        self._pages, self._broker = LeasedPages(store, capture, limits), broker
        self._captures = MessageHandler(store, self._pages)
        self._sender = MessageSender(store, lambda: broker, broker)
        self._consumer: Consumer | None = None

    def start(self) -> None:
        """Start the threads."""
        self._pages.start()
        self._consumer = self._broker.consume(self._captures.capture_next, self._pages.limits.total)
        self._sender.start()

    def stop(self, timeout: float) -> bool:
        """Finish the running pages within ``timeout`` seconds and return the others; returns whether all were finished.

        Idempotent.
        """
        consumer, self._consumer = self._consumer, None
        if consumer is None:
            return True
        consumer.pause()
        all_ended = self._pages.stop(timeout)
        if not all_ended:
            log.warning("job_pages_returned", pages=len(self._pages), effect="another worker captures them")
            self._pages.release()
        consumer.stop(LAST_SECONDS)
        self._sender.stop(LAST_SECONDS)
        return all_ended

    def is_alive(self) -> bool:
        """Whether the threads run; an outage of store or broker does not matter."""
        is_silent = time.monotonic() - self._sender.last_round > MAX_SILENCE
        return self._consumer is not None and self._consumer.is_alive() and not is_silent
