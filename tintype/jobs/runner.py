"""Captures the pages of jobs in threads of this process, within limits that all processes share."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from tintype.errors import BackendUnavailable
from tintype.jobs.model import ClaimLimits, JobStore, Lease, PageResult

log = structlog.get_logger("tintype.jobs")

LEASE_SECONDS = 15.0
"""A killed worker's page is claimed again after so many seconds at the latest."""
EXTEND_INTERVAL = LEASE_SECONDS / 3
POLL_INTERVAL = 0.5
"""Seconds between two claims while no page is due."""
FAILURE_PAUSE = 5.0
"""Seconds until the next claim after the store has failed."""
MAX_ATTEMPTS = 8
"""Attempts of a page that fails only because this service is busy or a backend is out; about six minutes."""
MAX_PAUSE = 120.0
"""Seconds between two attempts of one page at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureOutcome:
    """Result of one attempt; ``retry_after`` is in seconds, None if the result is final."""

    result: PageResult
    retry_after: float | None = None


class JobRunner:
    """Claims pages and captures them, at most ``limits.total`` at a time in all processes together.

    ``capture`` never raises. Threads start with :meth:`start`, so a forked worker has its own.
    """

    def __init__(self, store: JobStore, capture: Callable[[Lease], CaptureOutcome], limits: ClaimLimits) -> None:
        self._store, self._capture, self._limits = store, capture, limits
        self._leases: dict[str, Lease] = {}
        self._changed = threading.Condition()
        self._stopping = False

    def start(self) -> None:
        """Start the threads of this process."""
        for work in (self._claim_pages, self._extend_leases):
            threading.Thread(target=work, name="tintype-jobs", daemon=True).start()

    def stop(self, timeout: float) -> bool:
        """Claim no more pages, and wait at most ``timeout`` seconds for the running ones; returns whether all ended.

        The pages that are left are captured by another process when their leases expire. Idempotent.
        """
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not self._leases, timeout)

    def wake(self) -> None:
        """Claim now: a job was submitted."""
        with self._changed:
            self._changed.notify_all()

    def _claim_pages(self) -> None:
        while self._wait_for_capacity():
            try:
                lease = self._store.claim(self._limits, LEASE_SECONDS)
            except BackendUnavailable:
                self._pause(FAILURE_PAUSE)
                continue
            if lease is None:
                self._pause(min(POLL_INTERVAL, self._limits.host_pause or POLL_INTERVAL))
            else:
                self._begin(lease)

    def _wait_for_capacity(self) -> bool:
        """Wait until this process may capture another page; False if it stops."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or len(self._leases) < self._limits.total)
            return not self._stopping

    def _pause(self, seconds: float) -> None:
        with self._changed:
            if not self._stopping:
                self._changed.wait(seconds)

    def _begin(self, lease: Lease) -> None:
        with self._changed:
            self._leases[lease.token] = lease
        threading.Thread(target=self._run, args=(lease,), name="tintype-job-page", daemon=True).start()

    def _run(self, lease: Lease) -> None:
        try:
            self._end(lease, self._capture(lease))
        except BackendUnavailable:
            log.warning("job_result_lost", job=lease.job, page=lease.number, effect="the page is captured again")
        finally:
            with self._changed:
                self._leases.pop(lease.token, None)
                self._changed.notify_all()

    def _end(self, lease: Lease, outcome: CaptureOutcome) -> None:
        if outcome.retry_after is None or lease.attempt >= MAX_ATTEMPTS:
            self._store.finish(lease, outcome.result)
            return
        pause = min(MAX_PAUSE, outcome.retry_after * 2 ** (lease.attempt - 1))
        self._store.release(lease, pause * random.uniform(0.8, 1.2), outcome.result)  # noqa: S311 - spreads retries

    def _extend_leases(self) -> None:
        while not self._stopping or self._leases:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping and not self._leases, EXTEND_INTERVAL)
                leases = [*self._leases.values()]
            for lease in leases:
                self._extend(lease)

    def _extend(self, lease: Lease) -> None:
        try:
            if not self._store.extend(lease, LEASE_SECONDS) and lease.token in self._leases:
                log.warning("job_lease_lost", job=lease.job, page=lease.number)
        except BackendUnavailable:
            pass  # the store has logged it; the lease may expire, and the page is captured again
