"""Rates of a node between two polls of its metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tintype.telemetry.figures import NodeFigures, hit_ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRates:
    """Rates over the last interval, and the figures at its end."""

    interval: float
    """Seconds between the two polls."""
    thumbnails_per_second: Mapping[str, float]
    """By cache state."""
    hit_ratio: float | None
    """Share of thumbnails returned without waiting for a capture; None without thumbnails in the interval."""
    captures_per_minute: float
    failures_per_minute: float
    mean_capture_seconds: float | None
    """Mean duration of a capture, time in the queue included; None without captures in the interval."""
    rejections_per_minute: Mapping[str, float]
    bytes_per_second: float
    totals: NodeFigures


def rates_between(earlier: NodeFigures, later: NodeFigures, interval: float) -> NodeRates:
    """The rates of what happened between two polls ``interval`` seconds apart."""
    interval = max(interval, 1e-9)
    thumbnails = _increases(earlier.thumbnails, later.thumbnails)
    rejections = _increases(earlier.rejections, later.rejections)
    captures = _increase(earlier.captures, later.captures)
    failures = _increase(earlier.failures, later.failures)
    seconds = _increase(earlier.capture_seconds, later.capture_seconds)
    return NodeRates(
        interval=interval,
        thumbnails_per_second={state: count / interval for state, count in thumbnails.items()},
        hit_ratio=hit_ratio(thumbnails),
        captures_per_minute=captures / interval * 60,
        failures_per_minute=failures / interval * 60,
        mean_capture_seconds=seconds / (captures + failures) if captures + failures else None,
        rejections_per_minute={reason: count / interval * 60 for reason, count in rejections.items()},
        bytes_per_second=_increase(earlier.bytes_sent, later.bytes_sent) / interval,
        totals=later,
    )


def _increases(earlier: Mapping[str, float], later: Mapping[str, float]) -> dict[str, float]:
    return {name: _increase(earlier[name], count) for name, count in later.items()}


def _increase(earlier: float, later: float) -> float:
    """The increase of a counter; one that decreased was reset in between and started from 0."""
    return later - earlier if later >= earlier else later
