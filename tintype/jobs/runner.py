"""Captures the pages of jobs in threads of this process, within limits that all processes share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from tintype.errors import BackendUnavailable
from tintype.jobs.leased_pages import CaptureOutcome, LeasedPages
from tintype.jobs.model import ClaimLimits, JobStore, Lease

POLL_INTERVAL = 0.5
"""Seconds between two claims while no page is due."""
FAILURE_PAUSE = 5.0
"""Seconds until the next claim after the store has failed."""


class JobThreads(Protocol):
    """Threads that work on the queue of jobs, or have it worked on."""

    def start(self) -> None:
        """Start the threads of this process, so that a forked worker has its own."""
        ...

    def stop(self, timeout: float) -> bool:
        """Begin nothing more, and wait at most ``timeout`` seconds; returns whether all work ended. Idempotent."""
        ...

    def wake(self) -> None:
        """Look at the queue now: a job was submitted."""
        ...


class ThreadsTogether:
    """Several :class:`JobThreads` as one; also none."""

    def __init__(self, parts: Sequence[JobThreads]) -> None:
        self._parts = parts

    def start(self) -> None:
        """Start all of them."""
        for each in self._parts:
            each.start()

    def stop(self, timeout: float) -> bool:
        """Stop all of them within ``timeout`` seconds; returns whether all work ended."""
        until = time.monotonic() + timeout
        ended = [each.stop(max(0.0, until - time.monotonic())) for each in self._parts]
        return all(ended)

    def wake(self) -> None:
        """Wake all of them."""
        for each in self._parts:
            each.wake()


class JobRunner:
    """Claims pages and captures them, at most ``limits.total`` at a time in all processes of the node together.

    ``capture`` never raises.
    """

    def __init__(self, store: JobStore, capture: Callable[[Lease], CaptureOutcome], limits: ClaimLimits) -> None:
        self._pages = LeasedPages(store, capture, limits)
        self._changed = self._pages.changed

    def start(self) -> None:
        """Start the threads of this process."""
        self._pages.start()
        threading.Thread(target=self._claim_pages, name="tintype-jobs", daemon=True).start()

    def stop(self, timeout: float) -> bool:
        """Claim no more pages, and wait at most ``timeout`` seconds for the running ones; returns whether all ended.

        The pages that are left are captured by another process when their leases expire. Idempotent.
        """
        return self._pages.stop(timeout)

    def wake(self) -> None:
        """Claim now: a job was submitted."""
        with self._changed:
            self._changed.notify_all()

    def _claim_pages(self) -> None:
        while self._wait_for_capacity():
            try:
                lease = self._pages.claim()
            except BackendUnavailable:
                self._pause(FAILURE_PAUSE)
                continue
            if lease is None:
                self._pause(min(POLL_INTERVAL, self._pages.limits.host_pause or POLL_INTERVAL))
            else:
                self._begin(lease)

    def _wait_for_capacity(self) -> bool:
        """Wait until this process may capture another page; False if it stops."""
        with self._changed:
            self._changed.wait_for(lambda: self._pages.stopping or len(self._pages) < self._pages.limits.total)
            return not self._pages.stopping

    def _pause(self, seconds: float) -> None:
        with self._changed:
            if not self._pages.stopping:
                self._changed.wait(seconds)

    def _begin(self, lease: Lease) -> None:
        threading.Thread(target=self._pages.capture, args=(lease,), name="tintype-job-page", daemon=True).start()
