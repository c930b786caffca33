"""What is a node doing now? Two scrapes of it, compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from tintype.model import CacheState
from tintype.telemetry.scrape import Scrape

_PICTURES = ("/thumb", "/meta")
_FROM_CACHE = (CacheState.HIT, CacheState.STALE)
_SERVED = (*_FROM_CACHE, CacheState.DERIVED, CacheState.COALESCED, CacheState.MISS)
_REFUSING = ("rate-limited", "overloaded", "target-denied", "unauthorized", "bad-signature")
EGRESS_DENIED = "guard"
"""Among refusals: connections of pages to addresses that are not public."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRates:
    """Rates over ``over`` seconds, and how things stand; a level is None where the node does not tell it."""

    version: str
    uptime: float
    workers: int
    over: float
    requests_per_second: Mapping[str, float]
    """By X-Cache, for pictures; ``none`` are answers without one, most of them errors."""
    hit_ratio: float | None
    """Pictures that came without waiting for a visit, by all pictures; None where there was none."""
    captures_per_minute: float
    failures_per_minute: float
    capture_seconds: float | None
    """A visit on average, its time in line included; None where there was none."""
    refusals_per_minute: Mapping[str, float]
    bytes_per_second: float
    line: Mapping[str, float | None]
    """``waiting`` of ``limit`` captures, ``busy`` of ``slots``, requests holding ``seats``, of ``seats_limit``."""
    browser: Mapping[str, float | None]
    """``up``, ``restarts`` of those that went wrong, ``renewals`` in time."""
    memory_bytes: Mapping[str, float]
    pictures: Mapping[str, float]
    """Like ``requests_per_second``, since the counts began; so are those that follow."""
    hit_ratio_in_all: float | None
    refusals: Mapping[str, float]
    captures: float
    failures: float


def rates_between(earlier: Scrape, later: Scrape, now: float) -> NodeRates:
    """How a node stands, and what happened between two scrapes; ``now`` is seconds since the epoch."""
    over = max(later.at - earlier.at, 1e-9)
    before, after = _Counts.of(earlier), _Counts.of(later)
    states, refusals = _increase(after.states, before.states), _increase(after.refusals, before.refusals)
    captures, failures, seconds, sent = _increase(after.sums, before.sums).values()
    return NodeRates(
        version=later.label("tintype_build_info", "version"),
        uptime=max(0.0, now - (later.value("tintype_start_time_seconds") or now)),
        workers=int(later.value("tintype_workers") or 0),
        over=over,
        requests_per_second={state: count / over for state, count in states.items()},
        hit_ratio=_ratio(states),
        captures_per_minute=captures / over * 60,
        failures_per_minute=failures / over * 60,
        capture_seconds=seconds / (captures + failures) if captures + failures else None,
        refusals_per_minute={reason: count / over * 60 for reason, count in refusals.items()},
        bytes_per_second=sent / over,
        line={name: later.value(figure) for name, figure in _LINE.items()},
        browser={name: later.value(figure) for name, figure in _BROWSER.items()},
        memory_bytes=dict(later.sum_by("tintype_memory_bytes", "process")),
        pictures=after.states,
        hit_ratio_in_all=_ratio(after.states),
        refusals=after.refusals,
        captures=after.sums["captures"],
        failures=after.sums["failures"],
    )


_LINE = {
    "waiting": "tintype_capture_queue_length",
    "limit": "tintype_capture_queue_limit",
    "busy": "tintype_slots_busy",
    "slots": "tintype_slots",
    "seats": "tintype_waiting_requests",
    "seats_limit": "tintype_waiting_requests_limit",
}
_BROWSER = {
    "up": "tintype_daemon_up",
    "restarts": "tintype_browser_restarts_total",
    "renewals": "tintype_browser_recycles_total",
}


class _Counts(NamedTuple):
    """What only grows."""

    states: dict[str, float]
    refusals: dict[str, float]
    sums: dict[str, float]

    @classmethod
    def of(cls, scrape: Scrape) -> _Counts:
        states = scrape.sum_by("tintype_requests_total", "cache", route=_PICTURES)
        problems = scrape.sum_by("tintype_problems_total", "error")
        results = scrape.sum_by("tintype_captures_total", "result")
        made = results["ok"] + results["partial"]
        guarded = scrape.sum_by("tintype_egress_denied_total", "reason")["policy"]
        return cls(
            {state: states[state] for state in (*map(str, CacheState), "none")},
            {**{error: problems[error] for error in _REFUSING}, EGRESS_DENIED: guarded},
            {
                "captures": made,
                "failures": results.total() - made,
                "seconds": scrape.value("tintype_capture_duration_seconds_sum") or 0.0,
                "sent": scrape.value("tintype_sent_bytes_total") or 0.0,
            },
        )


def _increase(now: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    """By how much each count rose; one that fell began anew."""
    return {name: count - before[name] if count >= before[name] else count for name, count in now.items()}


def _ratio(states: Mapping[str, float]) -> float | None:
    served = sum(states.get(state, 0.0) for state in _SERVED)
    return sum(states.get(state, 0.0) for state in _FROM_CACHE) / served if served else None
