"""Claims pages, captures them, and extends their leases meanwhile."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from tintype import telemetry
from tintype.errors import BackendUnavailable
from tintype.jobs.model import ClaimLimits, JobStore, Lease, NewPage, PageResult, Sitemap

log = structlog.get_logger("tintype.jobs")

LEASE_SECONDS = 15.0
"""A killed worker's page is claimed again after so many seconds at the latest."""
EXTEND_INTERVAL = LEASE_SECONDS / 3
MAX_ATTEMPTS = 8
"""Attempts of a page that fails only because this service is busy or a backend is unavailable; about six minutes."""
MAX_PAUSE = 120.0
"""Seconds between two attempts of one page at most."""
RESULT_SECONDS = 60.0
"""Seconds for which a result is offered to a store that fails; then the page is captured again."""
RESULT_INTERVAL = 1.0
_STOPPED = PageResult(error="worker-stopped", detail="the worker was stopped before it had captured the page")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureOutcome:
    """Result of one attempt; ``retry_after`` is in seconds, None if the result is final.

    With a ``sitemap`` that was read, ``pages`` replace it in its job.
    """

    result: PageResult
    retry_after: float | None = None
    pages: Sequence[NewPage] = ()
    sitemap: Sitemap | None = None


class LeasedPages:
    """The pages that this process captures now. ``capture`` never raises. Thread-safe."""

    def __init__(self, store: JobStore, capture: Callable[[Lease], CaptureOutcome], limits: ClaimLimits) -> None:
        self._store, self._capture, self.limits = store, capture, limits
        self._leases: dict[str, Lease] = {}
        self.changed = threading.Condition()
        """Notified when a page or the work of this process ends."""
        self.stopping = False

    def __len__(self) -> int:
        return len(self._leases)

    def start(self) -> None:
        """Start the thread that extends the leases."""
        threading.Thread(target=self._extend_leases, name="tintype-jobs-leases", daemon=True).start()

    def stop(self, timeout: float) -> bool:
        """Wait at most ``timeout`` seconds for the running pages; returns whether all ended. Idempotent."""
        with self.changed:
            self.stopping = True
            self.changed.notify_all()
            return self.changed.wait_for(lambda: not self._leases, timeout)

    def release(self) -> None:
        """Return the running pages to the queue: the process ends before they are captured."""
        for lease in [*self._leases.values()]:
            with suppress(BackendUnavailable):  # the lease expires
                self._store.release(lease, 0, _STOPPED)

    def claim(self) -> Lease | None:
        """Claim a page, which the caller passes to :meth:`capture`; raises BackendUnavailable."""
        lease = self._store.claim(self.limits, LEASE_SECONDS)
        if lease:
            with self.changed:
                self._leases[lease.token] = lease
        return lease

    def capture(self, lease: Lease) -> None:
        """Capture a claimed page and store its result."""
        try:
            self._end(lease, self._capture(lease))
        finally:
            with self.changed:
                self._leases.pop(lease.token, None)
                self.changed.notify_all()

    def _end(self, lease: Lease, outcome: CaptureOutcome) -> None:
        """Store a result; while the store is unavailable, the lease is kept and the result waits for a minute."""
        until = time.monotonic() + RESULT_SECONDS
        while True:
            try:
                return self._store_outcome(lease, outcome)
            except BackendUnavailable:
                if time.monotonic() >= until:
                    log.warning(
                        "job_result_lost", job=lease.job, page=lease.number, effect="the page is captured again"
                    )
                    return None
                time.sleep(RESULT_INTERVAL)

    def _store_outcome(self, lease: Lease, outcome: CaptureOutcome) -> None:
        if outcome.sitemap:
            self._store.expand(lease, outcome.pages, outcome.sitemap)
            return
        if outcome.retry_after is None or lease.attempt >= MAX_ATTEMPTS:
            if self._store.finish(lease, outcome.result):
                telemetry.count("tintype_job_pages_total", outcome.result.error or "ok")
            return
        telemetry.count("tintype_job_page_retries_total")
        pause = min(MAX_PAUSE, outcome.retry_after * 2 ** (lease.attempt - 1))
        self._store.release(lease, pause * random.uniform(0.8, 1.2), outcome.result)  # noqa: S311 - spreads retries

    def _extend_leases(self) -> None:
        while not self.stopping or self._leases:
            with self.changed:
                self.changed.wait_for(lambda: self.stopping and not self._leases, EXTEND_INTERVAL)
                leases = [*self._leases.values()]
            for lease in leases:
                self._extend(lease)

    def _extend(self, lease: Lease) -> None:
        try:
            if not self._store.extend(lease, LEASE_SECONDS) and lease.token in self._leases:
                log.warning("job_lease_lost", job=lease.job, page=lease.number)
        except BackendUnavailable:
            pass  # the store has logged it; the lease may expire, and the page is captured again
