"""How does the node stand right now? What nobody counts and everybody can look at: line, caches, memory, disk."""

from __future__ import annotations

import platform
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import structlog

from tintype import __version__
from tintype.telemetry import procfs, recorder

log = structlog.get_logger("tintype.telemetry")

_CACHE_SECONDS = 1.0
"""Seconds for which one look will do, whoever asks."""

Sample = tuple[str, tuple[str, ...], float]
"""A metric's name, its labels' values, its value."""


class SizedCache(Protocol):
    """A cache that says how much is in it."""

    def size(self) -> int:
        """Bytes of all values held now."""
        ...

    def entries(self) -> int:
        """How many values are held now."""
        ...


@dataclass(frozen=True, kw_only=True)
class NodeSources:
    """What can be looked at. ``daemon`` gives the capture daemon's figures, or None while it does not run.

    ``caches`` come with their budgets in bytes; ``seats`` are those of one worker, None where they are not bounded.
    """

    daemon: Callable[[], Mapping[str, Any] | None] | None = None
    caches: Mapping[str, tuple[SizedCache, int]] = field(default_factory=dict)
    engines: Sequence[str] = ()
    """What operators call the engines."""
    waiting_limit: int | None = None
    data_dir: Path | None = None


class NodeCollector:
    """One look at a node, kept for a moment."""

    def __init__(self, sources: NodeSources, clock: Callable[[], float] = time.monotonic) -> None:
        self._sources = sources
        self._clock = clock
        self._lock = threading.Lock()
        self._daemon_metrics: tuple[float, Mapping[str, Any] | None] | None = None

    def daemon(self) -> Mapping[str, Any] | None:
        """The capture daemon's figures; None while it does not run, or where there is none."""
        if self._sources.daemon is None:
            return None
        with self._lock:
            if self._daemon_metrics is None or self._clock() - self._daemon_metrics[0] > _CACHE_SECONDS:
                self._daemon_metrics = self._clock(), self._sources.daemon()
            return self._daemon_metrics[1]

    def samples(self) -> list[Sample]:
        """Everything there is to see."""
        return [*self._workers(), *self._caches(), *self._daemon()]

    def _workers(self) -> list[Sample]:
        owners, node = recorder.metric_store().owners(), self._sources
        found: list[Sample] = [
            ("tintype_workers", (), len(owners)),
            ("tintype_memory_bytes", ("web",), procfs.anonymous_bytes(owner.pid for owner in owners)),
            ("tintype_start_time_seconds", (), min((owner.started_at for owner in owners), default=time.time())),
        ]
        if node.waiting_limit is not None:
            found.append(("tintype_waiting_requests_limit", (), node.waiting_limit * len(owners)))
        if node.data_dir and (free := procfs.free_disk_bytes(node.data_dir)) is not None:
            found.append(("tintype_disk_free_bytes", (), free))
        return found

    def _caches(self) -> list[Sample]:
        found: list[Sample] = []
        for name, (cache, budget) in self._sources.caches.items():
            found += [("tintype_cache_bytes", (name,), cache.size()), ("tintype_cache_budget_bytes", (name,), budget)]
            found.append(("tintype_cache_entries", (name,), cache.entries()))
        return found

    def _daemon(self) -> list[Sample]:
        figures = self.daemon()
        browser = str(figures.get("browser", "")) if figures else ""
        found: list[Sample] = [("tintype_build_info", (__version__, platform.python_version(), browser), 1)]
        if self._sources.daemon is None:
            return found
        found.append(("tintype_daemon_up", (), figures is not None))
        for figure, value in (figures or {}).items():
            found += _daemon_samples(figure, value)
        return found


_METRIC_OF = {
    "waiting": "tintype_capture_queue_length",
    "queue": "tintype_capture_queue_limit",
    "busy": "tintype_slots_busy",
    "slots": "tintype_slots",
    "clients": "tintype_daemon_clients",
    "captures": "tintype_browser_captures_total",
    "restarts": "tintype_browser_restarts_total",
    "renewals": "tintype_browser_recycles_total",
    "bytes": "tintype_egress_bytes_total",
    "connections": "tintype_egress_connections_total",
}
_LABELLED_METRIC_OF = {
    "refused": "tintype_egress_denied_total",
    "memory": "tintype_memory_bytes",
    "layers": "tintype_isolation_layer_active",
}


def _daemon_samples(figure: str, value: Any) -> list[Sample]:
    """The daemon's word as samples; one of another version may say less, or more."""
    if figure in _METRIC_OF and isinstance(value, int | float):
        return [(_METRIC_OF[figure], (), value)]
    if figure in _LABELLED_METRIC_OF and isinstance(value, Mapping):
        return [(_LABELLED_METRIC_OF[figure], (str(label),), float(number)) for label, number in value.items()]
    return []
