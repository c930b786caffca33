"""Usage of API keys per calendar month (UTC): requests, captures and bytes; monthly quotas of captures."""

from __future__ import annotations

import calendar
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import structlog

from tintype import telemetry
from tintype.api_keys import ApiKey
from tintype.errors import BackendUnavailable, QuotaExceeded
from tintype.logs import LogThrottle

log = structlog.get_logger("tintype.usage")

FLUSH_INTERVAL = 5.0
"""Seconds in which a worker collects requests and bytes; killed, it loses at most these. Captures are written before
they start."""
MAX_LABELLED_KEYS = 100
"""API keys with labels of their own in metrics, in the order of TINTYPE_API_KEYS; the others are ``other``."""


class Usage(NamedTuple):
    """Requests, captures and bytes of one API key in a month."""

    requests: int = 0
    captures: int = 0
    bytes: int = 0


class UsageStorage(Protocol):
    """Usage by month (``2026-11``) and name of the key, shared by all workers. Raises BackendUnavailable."""

    def add(self, month: str, used: Mapping[str, Usage]) -> None:
        """Add to the usage of keys."""
        ...

    def take_capture(self, month: str, key: str, quota: int | None) -> bool:
        """Count one capture unless the quota is used up; returns whether it was counted."""
        ...

    def read(self, month: str) -> Mapping[str, tuple[int, int, int]]:
        """Requests, captures and bytes of all keys in a month."""
        ...


class UsageRecorder:
    """Records the usage of API keys. If the storage fails, it logs an error and admits captures."""

    def __init__(
        self, storage: UsageStorage | None, keys: Sequence[ApiKey] = (), clock: Callable[[], float] = time.time
    ) -> None:
        self._storage = storage
        self._quotas = {key.name: key.quota for key in keys}
        self._labels = {key.name: key.name for key in keys[:MAX_LABELLED_KEYS]}
        self._clock = clock
        self._lock = threading.Lock()
        self._collected: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
        self._flusher: threading.Thread | None = None
        self._ended = threading.Event()
        self._log_throttle = LogThrottle()

    def record(self, key: str, sent: int) -> None:
        """Count a response to a request with an API key; ``sent``: bytes of its body."""
        with self._lock:
            collected = self._collected[key]
            collected[0] += 1
            collected[1] += sent
            is_running = self._flusher is not None
        if not is_running:
            self._start()

    def capture_charge(self, key: str) -> KeyCharge | None:
        """The charge of the captures of one request; None without a key."""
        return KeyCharge(self, key) if key else None

    def quota(self, key: str) -> int | None:
        """Captures per month of a key; None: unlimited."""
        return self._quotas.get(key)

    def read(self, month: str = "") -> tuple[str, Mapping[str, Usage]]:
        """The month, by default the current one, and the usage of all configured keys in it.

        Other workers may have collected more for ``FLUSH_INTERVAL`` seconds. Raises BackendUnavailable.
        """
        month = month or month_of(self._clock())
        self.flush()
        found = self._storage.read(month) if self._storage else {}
        return month, {name: Usage(*found.get(name, ())) for name in sorted(self._quotas)}

    def take_capture(self, key: str) -> None:
        """Count a capture; raises QuotaExceeded."""
        now, quota = self._clock(), self._quotas.get(key)
        try:
            admitted = self._storage is None or self._storage.take_capture(month_of(now), key, quota)
        except BackendUnavailable as error:
            self._report(error)
            return
        if not admitted:
            wait = month_end(now) - now
            raise QuotaExceeded(
                f"the API key {key!r} has used its {quota} captures of this month; retry next month, or ask the "
                "operator for a larger quota",
                retry_after=wait,
            )
        telemetry.count("tintype_key_captures_total", self._label(key))

    def give_back(self, key: str) -> None:
        """Take back a capture that did not start."""
        self._add({key: Usage(captures=-1)})

    def flush(self) -> None:
        """Write what was collected."""
        with self._lock:
            collected, self._collected = self._collected, defaultdict(lambda: [0, 0])
        for key, (requests, sent) in collected.items():
            telemetry.count("tintype_key_requests_total", self._label(key), by=requests)
            telemetry.count("tintype_key_sent_bytes_total", self._label(key), by=sent)
        if collected:
            self._add({key: Usage(requests=requests, bytes=sent) for key, (requests, sent) in collected.items()})

    def close(self) -> None:
        """Write what was collected, and end the thread that does it."""
        self._ended.set()
        self.flush()

    def _add(self, used: Mapping[str, Usage]) -> None:
        try:
            if self._storage:
                self._storage.add(month_of(self._clock()), used)
        except BackendUnavailable as error:
            self._report(error)

    def _start(self) -> None:
        with self._lock:
            if self._flusher is None:
                self._flusher = threading.Thread(target=self._flush_repeatedly, name="tintype-usage", daemon=True)
                self._flusher.start()

    def _flush_repeatedly(self) -> None:
        while not self._ended.wait(FLUSH_INTERVAL):
            self.flush()

    def _label(self, key: str) -> str:
        return self._labels.get(key, "other")

    def _report(self, error: BackendUnavailable) -> None:
        telemetry.count("tintype_backend_failures_total", "usage")
        if self._log_throttle.allows():
            log.error("usage_storage_failed", reason=error.detail, effect="usage is not counted, quotas do not apply")


@dataclass(slots=True)
class KeyCharge:
    """Charges at most one capture of a request to its API key."""

    recorder: UsageRecorder
    key: str
    is_charged: bool = False

    def apply(self) -> None:
        """Count a capture, once; raises QuotaExceeded."""
        if not self.is_charged:
            self.recorder.take_capture(self.key)
            self.is_charged = True

    def refund(self) -> None:
        """Take back the charge."""
        if self.is_charged:
            self.recorder.give_back(self.key)
            self.is_charged = False


def month_of(now: float) -> str:
    """The calendar month (UTC) of a time in seconds since the epoch: ``2026-11``."""
    return time.strftime("%Y-%m", time.gmtime(now))


def month_end(now: float) -> float:
    """The end of the calendar month (UTC), in seconds since the epoch."""
    year, month = time.gmtime(now)[:2]
    return float(calendar.timegm((year + month // 12, month % 12 + 1, 1, 0, 0, 0)))
