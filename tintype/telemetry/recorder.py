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
from tintype.telemetry.shared_metrics import SharedMetrics, board_at

log = structlog.get_logger("tintype.telemetry")

NANOSECONDS = 1_000_000_000
_board: SharedMetrics | None = None
_beginning = threading.Lock()


def begin(path: Path) -> None:
    """Count into the file that all processes of a node share; where that cannot be had, for this process alone."""
    global _board  # noqa: PLW0603 - one meter a process, as there is one log
    try:
        _board = board_at(path)
    except OSError as error:
        log.error("metrics_store_failed", path=str(path), reason=str(error), effect="each worker tells of itself alone")
        _board = SharedMetrics()
    _forget_places()


def board() -> SharedMetrics:
    """Where this process counts."""
    global _board  # noqa: PLW0603 - see above
    if _board is None:
        with _beginning:
            _board = _board or SharedMetrics()
            _forget_places()
    return _board


def count(name: str, *labels: str, by: int = 1) -> None:
    """Add to a counter."""
    here, place = board(), _place(name, labels)
    with here.turn:
        here.cells[place] += by


def observe(name: str, *labels: str, seconds: float) -> None:
    """Add to a histogram: cells of buckets, the one without bound, and the sum in nanoseconds."""
    here, place, buckets = board(), _place(name, labels), BY_NAME[name].buckets
    with here.turn:
        here.cells[place + bisect_left(buckets, seconds)] += 1
        here.cells[place + len(buckets) + 1] += max(0, round(seconds * NANOSECONDS))


def move(name: str, *labels: str, by: int) -> None:
    """Raise or lower a level of this process; never below nothing."""
    here, place = board(), _place(name, labels)
    with here.turn:
        here.cells[place] = max(0, here.cells[place] + by)


def request(route: str, status: int, cache: str, seconds: float, sent: int) -> None:
    """Count an answer: ``cache`` is its X-Cache, ``sent`` the bytes of its body. This is on the way of every hit."""
    here = _board or board()
    places = _places.get((route, status, cache)) or _learn(route, status, cache)
    cells = here.cells
    with here.turn:
        cells[places[0]] += 1
        cells[places[1]] += sent
        cells[places[2] + bisect_left(_EDGES, seconds)] += 1
        cells[places[3]] += round(seconds * NANOSECONDS)


_EDGES = BY_NAME["tintype_request_duration_seconds"].buckets
_places: dict[tuple[str, int, str], tuple[int, int, int, int]] = {}
"""The cells of requests, bytes, durations and their sum."""


def _learn(route: str, status: int, cache: str) -> tuple[int, int, int, int]:
    durations = _place("tintype_request_duration_seconds", (route, cache or "none"))
    found = _places[route, status, cache] = (
        _place("tintype_requests_total", (route, str(status), cache or "none")),
        _place("tintype_sent_bytes_total", (route,)),
        durations,
        durations + len(_EDGES) + 1,
    )
    return found


@lru_cache(4096)
def _place(name: str, labels: tuple[str, ...]) -> int:
    buckets = BY_NAME[name].buckets
    return board().place((name, *labels), len(buckets) + 2 if buckets else 1)


def announce(name: str, *labels: str) -> None:
    """Tell a series before there is anything to count, so that its first count is seen to be a rise."""
    _place(name, labels)


def _forget_places() -> None:
    _place.cache_clear()
    _places.clear()


def readings() -> Mapping[tuple[str, ...], list[int]]:
    """Cells by name and labels: counters and histograms of all processes ever, levels of the living."""
    here = board()
    levels = here.levels()
    return {name: levels.get(name, cells) if _is_level(name[0]) else cells for name, cells in here.sums().items()}


def _is_level(name: str) -> bool:
    metric = BY_NAME.get(name)
    return metric is not None and metric.kind == "gauge"
