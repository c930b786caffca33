"""How does one count? By name and labels, in well under a microsecond, since every hit does.

There is one meter in a process. Until :func:`begin` it counts for this process alone, which costs the same.
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
    """Count into the file that all processes of a node share; where that cannot be had, for this process alone."""
    global _store  # noqa: PLW0603 - one meter a process, as there is one log
    try:
        _store = metrics_at(path)
    except OSError as error:
        log.error("metrics_store_failed", path=str(path), reason=str(error), effect="each worker tells of itself alone")
        _store = SharedMetrics()
    _clear_cell_caches()


def metric_store() -> SharedMetrics:
    """Where this process counts."""
    global _store  # noqa: PLW0603 - see above
    if _store is None:
        with _lock:
            _store = _store or SharedMetrics()
            _clear_cell_caches()
    return _store


def count(name: str, *labels: str, by: int = 1) -> None:
    """Add to a counter."""
    here, place = metric_store(), _cell(name, labels)
    with here.lock:
        here.cells[place] += by


def observe(name: str, *labels: str, seconds: float) -> None:
    """Add to a histogram: cells of buckets, the one without bound, and the sum in nanoseconds."""
    here, place, buckets = metric_store(), _cell(name, labels), BY_NAME[name].buckets
    with here.lock:
        here.cells[place + bisect_left(buckets, seconds)] += 1
        here.cells[place + len(buckets) + 1] += max(0, round(seconds * NANOSECONDS))


def add_gauge(name: str, *labels: str, by: int) -> None:
    """Raise or lower a level of this process; never below nothing."""
    here, place = metric_store(), _cell(name, labels)
    with here.lock:
        here.cells[place] = max(0, here.cells[place] + by)


def observe_request(route: str, status: int, cache: str, seconds: float, sent: int) -> None:
    """Count an answer: ``cache`` is its X-Cache, ``sent`` the bytes of its body. This is on the way of every hit."""
    here = _store or metric_store()
    places = _request_cells.get((route, status, cache)) or _resolve_cells(route, status, cache)
    cells = here.cells
    with here.lock:
        cells[places[0]] += 1
        cells[places[1]] += sent
        cells[places[2] + bisect_left(_REQUEST_BUCKETS, seconds)] += 1
        cells[places[3]] += round(seconds * NANOSECONDS)


_REQUEST_BUCKETS = BY_NAME["tintype_request_duration_seconds"].buckets
_request_cells: dict[tuple[str, int, str], tuple[int, int, int, int]] = {}
"""The cells of requests, bytes, durations and their sum."""


def _resolve_cells(route: str, status: int, cache: str) -> tuple[int, int, int, int]:
    durations = _cell("tintype_request_duration_seconds", (route, cache or "none"))
    found = _request_cells[route, status, cache] = (
        _cell("tintype_requests_total", (route, str(status), cache or "none")),
        _cell("tintype_sent_bytes_total", (route,)),
        durations,
        durations + len(_REQUEST_BUCKETS) + 1,
    )
    return found


@lru_cache(4096)
def _cell(name: str, labels: tuple[str, ...]) -> int:
    buckets = BY_NAME[name].buckets
    return metric_store().allocate((name, *labels), len(buckets) + 2 if buckets else 1)


def declare(name: str, *labels: str) -> None:
    """Tell a series before there is anything to count, so that its first count is seen to be a rise."""
    _cell(name, labels)


def _clear_cell_caches() -> None:
    _cell.cache_clear()
    _request_cells.clear()


def read_all() -> Mapping[tuple[str, ...], list[int]]:
    """Cells by name and labels: counters and histograms of all processes ever, levels of the living."""
    here = metric_store()
    levels = here.gauges()
    return {name: levels.get(name, cells) if _is_gauge(name[0]) else cells for name, cells in here.sums().items()}


def _is_gauge(name: str) -> bool:
    metric = BY_NAME.get(name)
    return metric is not None and metric.kind == "gauge"
