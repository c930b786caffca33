"""Collects gauges when they are read: capture daemon, caches, memory, disk."""

from __future__ import annotations

import platform
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tintype import __version__
from tintype.model import StorageUsage
from tintype.protocols import Cache
from tintype.telemetry import procfs, recorder

_CACHE_SECONDS = 1.0
"""Seconds for which the metrics of the capture daemon are reused."""

Sample = tuple[str, tuple[str, ...], float]
"""The name of a metric, the values of its labels, its value."""


@dataclass(frozen=True, kw_only=True)
class NodeSources:
    """Sources of the gauges of a node.

    ``daemon`` returns the metrics of the capture daemon, or None while it does not run. ``caches`` are given with
    their budgets in bytes. ``waiting_limit`` is that of one worker; None for no limit.
    """

    daemon: Callable[[], Mapping[str, Any] | None] | None = None
    caches: Mapping[str, tuple[Cache, int]] = field(default_factory=dict)
    engines: Sequence[str] = ()
    """Names of the configured engines."""
    waiting_limit: int | None = None
    data_dir: Path | None = None
    stored_usage: Callable[[], StorageUsage | None] | None = None
    """The last measurement of the storage; it must not measure."""
    stored_quota: int = 0
    """Bytes; 0: unlimited."""
    webhook_queue: Callable[[], tuple[int, float] | None] | None = None
    """Returns the pending deliveries and the seconds that the oldest due one has waited."""
    jobs: Callable[[], Mapping[str, float]] | None = None
    """The queue of jobs, empty while its store fails; None without jobs. Its results are reused for a while."""


class NodeCollector:
    """Reads the gauges of a node; the metrics of the capture daemon are cached for a second."""

    def __init__(self, sources: NodeSources, clock: Callable[[], float] = time.monotonic) -> None:
        self._sources = sources
        self._clock = clock
        self._lock = threading.Lock()
        self._daemon_metrics: tuple[float, Mapping[str, Any] | None] | None = None

    def samples(self) -> list[Sample]:
        """All gauges."""
        return [*self.process_samples(), *self._cache_samples(), *self._stored_samples(), *self._webhook_samples()]

    def process_samples(self) -> list[Sample]:
        """Gauges of workers, capture daemon and jobs, which cost less than those of the caches."""
        return [*self._worker_samples(), *self._daemon_samples(), *self._job_samples()]

    def _worker_samples(self) -> list[Sample]:
        owners, sources = recorder.metric_store().owners(), self._sources
        samples: list[Sample] = [
            ("tintype_workers", (), len(owners)),
            ("tintype_memory_bytes", ("web",), procfs.anonymous_bytes(owner.pid for owner in owners)),
            ("tintype_start_time_seconds", (), min((owner.started_at for owner in owners), default=time.time())),
        ]
        if sources.waiting_limit is not None:
            samples.append(("tintype_waiting_requests_limit", (), sources.waiting_limit * len(owners)))
        if sources.data_dir and (free := procfs.free_disk_bytes(sources.data_dir)) is not None:
            samples.append(("tintype_disk_free_bytes", (), free))
        return samples

    def _cache_samples(self) -> list[Sample]:
        samples: list[Sample] = []
        for name, (cache, budget) in self._sources.caches.items():
            samples.append(("tintype_cache_bytes", (name,), cache.size()))
            samples.append(("tintype_cache_budget_bytes", (name,), budget))
            samples.append(("tintype_cache_entries", (name,), cache.entries()))
        return samples

    def _job_samples(self) -> list[Sample]:
        state = self._sources.jobs() if self._sources.jobs else {}
        pages: list[Sample] = [("tintype_job_pages", (name,), state[name]) for name in _JOB_STATES if name in state]
        return [*pages, *((metric, (), state[name]) for name, metric in _JOB_METRIC_OF.items() if name in state)]

    def _stored_samples(self) -> list[Sample]:
        usage = self._sources.stored_usage() if self._sources.stored_usage else None
        samples: list[Sample] = []
        if usage:
            samples = [("tintype_stored_objects", (), usage.objects), ("tintype_stored_bytes", (), usage.size)]
        if self._sources.stored_quota:
            samples.append(("tintype_stored_quota_bytes", (), self._sources.stored_quota))
        return samples

    def _webhook_samples(self) -> list[Sample]:
        queue = self._sources.webhook_queue() if self._sources.webhook_queue else None
        if queue is None:
            return []
        return [("tintype_webhook_pending", (), queue[0]), ("tintype_webhook_queue_age_seconds", (), queue[1])]

    def _daemon_samples(self) -> list[Sample]:
        metrics = self._read_daemon()
        browser = str(metrics.get("browser", "")) if metrics else ""
        samples: list[Sample] = [("tintype_build_info", (__version__, platform.python_version(), browser), 1)]
        if self._sources.daemon is not None:
            samples.append(("tintype_daemon_up", (), metrics is not None))
        for name, value in (metrics or {}).items():
            samples += _samples_of(name, value)
        return samples

    def _read_daemon(self) -> Mapping[str, Any] | None:
        """The metrics of the capture daemon; None while it does not run, or without one."""
        if self._sources.daemon is None:
            return None
        with self._lock:
            if self._daemon_metrics is None or self._clock() - self._daemon_metrics[0] > _CACHE_SECONDS:
                self._daemon_metrics = self._clock(), self._sources.daemon()
            return self._daemon_metrics[1]


_JOB_STATES = ("queued", "running")
_JOB_METRIC_OF = {
    "jobs": "tintype_jobs",
    "oldest_age": "tintype_job_queue_age_seconds",
    "unclaimed": "tintype_job_queue_unclaimed_seconds",
}
_METRIC_OF = {
    "queue_length": "tintype_capture_queue_length",
    "queue_limit": "tintype_capture_queue_limit",
    "busy": "tintype_slots_busy",
    "slots": "tintype_slots",
    "slow": "tintype_slow_captures",
    "low_priority": "tintype_low_priority_captures",
    "browsers": "tintype_browsers",
    "clients": "tintype_daemon_clients",
    "captures": "tintype_browser_captures_total",
    "restarts": "tintype_browser_restarts_total",
    "recycles": "tintype_browser_recycles_total",
    "kept_contexts": "tintype_browser_kept_contexts",
    "kept_tabs": "tintype_browser_kept_tabs",
    "kept_context_captures": "tintype_browser_kept_context_captures_total",
    "undisposed_contexts": "tintype_browser_undisposed_contexts_total",
    "bytes": "tintype_egress_bytes_total",
    "connections": "tintype_egress_connections_total",
}
_LABELLED_METRIC_OF = {
    "denied": "tintype_egress_denied_total",
    "memory": "tintype_memory_bytes",
    "layers": "tintype_isolation_layer_active",
}


def _samples_of(name: str, value: Any) -> list[Sample]:
    """Samples of one value of the metrics; those of a daemon of another version may have no metric and are ignored."""
    if name in _METRIC_OF and isinstance(value, int | float):
        return [(_METRIC_OF[name], (), value)]
    if name in _LABELLED_METRIC_OF and isinstance(value, Mapping):
        return [(_LABELLED_METRIC_OF[name], (str(label),), float(number)) for label, number in value.items()]
    return []
