"""Rate limit storage that counts on this machine while the storage shared by all machines fails."""

from __future__ import annotations

import structlog
from limits.errors import StorageError

from tintype import telemetry
from tintype.logs import LogThrottle
from tintype.state.rate_limit_storage import SharedMemoryRateLimitStorage
from tintype.state.reserving_rate_limits import ReservingRateLimitStorage

log = structlog.get_logger("tintype.rate_limit")


class FallbackRateLimitStorage:
    """Counts in Redis, and in a file of this machine while Redis fails.

    During the failure each machine has its own counters, which begin at 0: a client may send its limit once more, and
    once per machine. Raises StorageError if the file fails too.
    """

    def __init__(self, shared: ReservingRateLimitStorage, local: SharedMemoryRateLimitStorage) -> None:
        self._shared = shared
        self._local = local
        self._log_throttle = LogThrottle()

    def count(self, key: str, limit: int, period: int) -> tuple[bool, int, float, int, float]:
        """Count one request if the limit allows it, as both storages do; raises StorageError."""
        try:
            return self._shared.count(key, limit, period)
        except StorageError as error:
            telemetry.count("tintype_backend_failures_total", "limits")
            if self._log_throttle.allows():
                cause = type(error.__cause__ or error).__name__
                log.warning("rate_limits_counted_locally", error=cause, effect="each machine counts for itself")
            return self._local.count(key, limit, period)
