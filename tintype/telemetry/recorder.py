"""Recording API for metrics: counters, gauges and histograms by name and labels, in less than a microsecond.

A process has one store. Until :func:`start` it is memory of this process, which costs the same.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import structlog

from tintype.telemetry.definitions import BY_NAME
from tintype.telemetry.shared_metrics import SharedMetrics, metrics_at

log = structlog.get_logger("tintype.telemetry")

NANOSECONDS = 1_000_000_000
_store: SharedMetrics | None = None
_lock = threading.Lock()


def start(path: Path) -> None:
    """Record into the file that all processes of a node share; if it is unusable, into memory of this process."""
    global _store  # noqa: PLW0603 - one store per process, as there is one log
    try:
        _store = metrics_at(path)
    except (OSError, ValueError) as error:  # ValueError: the file was truncated before it was mapped
        effect = "each worker exposes its own metrics only"
        log.error("metrics_store_failed", path=str(path), reason=str(error), effect=effect)
        _store = SharedMetrics()
    _clear_cell_caches()


def metric_store() -> SharedMetrics:
    """The store of this process."""
    global _store  # noqa: PLW0603 - see above
    if _store is None:
        with _lock:
            _store = _store or SharedMetrics()
            _clear_cell_caches()
    return _store


def count(name: str, *labels: str, by: int = 1) -> None:
    """Add to a counter."""
    store, cell = metric_store(), _cell(name, labels)
    with store.lock:
        store.cells[cell] += by


def observe(name: str, *labels: str, seconds: float) -> None:
    """Add to a histogram, whose cells are the buckets, the unbounded bucket, and the sum in nanoseconds."""
    store, cell, buckets = metric_store(), _cell(name, labels), BY_NAME[name].buckets
    with store.lock:
        store.cells[cell + bisect_left(buckets, seconds)] += 1
        store.cells[cell + len(buckets) + 1] += max(0, round(seconds * NANOSECONDS))


def add_gauge(name: str, *labels: str, by: int) -> None:
    """Add to the gauge of this process; the result is at least 0."""
    store, cell = metric_store(), _cell(name, labels)
    with store.lock:
        store.cells[cell] = max(0, store.cells[cell] + by)


def observe_request(route: str, status: int, cache: str, seconds: float, sent: int) -> None:
    """Record a response: ``cache`` is its X-Cache, ``sent`` the bytes of its body. Every cache hit calls this."""
    store = _store or metric_store()
    resolved = _request_cells.get((route, status, cache)) or _resolve_cells(route, status, cache)
    cells = store.cells
    with store.lock:
        cells[resolved[0]] += 1
        cells[resolved[1]] += sent
        cells[resolved[2] + bisect_left(_REQUEST_BUCKETS, seconds)] += 1
        cells[resolved[3]] += round(seconds * NANOSECONDS)


_REQUEST_BUCKETS = BY_NAME["tintype_request_duration_seconds"].buckets
_request_cells: dict[tuple[str, int, str], tuple[int, int, int, int]] = {}
"""The cells of count, bytes, first duration bucket and sum of durations, by route, status and cache state."""


def _resolve_cells(route: str, status: int, cache: str) -> tuple[int, int, int, int]:
    durations = _cell("tintype_request_duration_seconds", (route, cache or "none"))
    resolved = _request_cells[route, status, cache] = (
        _cell("tintype_requests_total", (route, str(status), cache or "none")),
        _cell("tintype_sent_bytes_total", (route,)),
        durations,
        durations + len(_REQUEST_BUCKETS) + 1,
    )
    return resolved


@lru_cache(4096)
def _cell(name: str, labels: tuple[str, ...]) -> int:
    buckets = BY_NAME[name].buckets
    return metric_store().allocate((name, *labels), len(buckets) + 2 if buckets else 1)


def declare(name: str, *labels: str) -> None:
    """Expose a series with 0 before its first count."""
    _cell(name, labels)


def _clear_cell_caches() -> None:
    _cell.cache_clear()
    _request_cells.clear()


def read_all() -> Mapping[tuple[str, ...], list[int]]:
    """Cells by name and labels: counters and histograms of all processes, gauges of running processes."""
    store = metric_store()
    gauges = store.gauges()
    return {name: gauges.get(name, cells) if _is_gauge(name[0]) else cells for name, cells in store.sums().items()}


def _is_gauge(name: str) -> bool:
    metric = BY_NAME.get(name)
    return metric is not None and metric.kind == "gauge"
