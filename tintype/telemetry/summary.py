"""What has the node done so far, and how busy is it? For people: the page at ``/`` and ``tintype top``."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from tintype.telemetry import recorder
from tintype.telemetry.collectors import NodeCollector

_PICTURES = ("/thumb", "/meta")


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Counts over all worker processes of the node, dead ones included, and how it stands now.

    Counts only grow: they go on over restarts of workers and of the service, as long as the data folder is the same.
    """

    requests: int
    """Answers on every route."""
    hits: int
    """Pictures from the cache (X-Cache: HIT), 304 included."""
    stale: int
    """Older pictures shown while a new one was taken, or because none was to be had (STALE)."""
    derived: int
    """Pictures made from a remembered master without a visit (DERIVED)."""
    coalesced: int
    """Pictures that somebody else was already taking (COALESCED)."""
    placeholders: int
    """Placeholders for pictures that were being taken (PLACEHOLDER)."""
    misses: int
    """Pictures for which a page was visited while the caller waited (MISS)."""
    captures: int
    """Visits of pages that gave a picture, those in the background included."""
    failures: int
    """Visits of pages that gave none."""
    capture_seconds: float
    """Seconds spent on all visits, time in line included; by ``captures + failures`` it is the mean."""
    problems: int
    """Errors answered, of any kind; the next four are among them."""
    rate_limited: int
    """Requests refused because a client's allowance was spent (429)."""
    overloaded: int
    """Requests refused because the line or the seats were full (503 overloaded)."""
    targets_denied: int
    """Requests refused because the target is not public or not permitted (target-denied)."""
    unauthorized: int
    """Requests refused for want of a key or a good signature."""
    guard_refusals: int
    """Connections of pages to non-public addresses, refused by the egress guard since the capture daemon started."""
    refusals: int
    """All refusals: ``rate_limited + overloaded + targets_denied + unauthorized + guard_refusals``."""
    bytes_sent: int
    """Bytes of bodies sent."""
    workers: int
    """Web worker processes now."""
    waiting: int | None
    """Captures in line now; None where there is no capture daemon of ours, or it does not run."""
    busy: int | None
    """Captures under way now; None as above."""
    slots: int | None
    """Captures that can be under way; None as above."""
    browser_restarts: int | None
    """Browsers lost and replaced since the capture daemon started; None as above."""
    uptime: float
    """Seconds since the oldest worker began."""

    @property
    def hit_ratio(self) -> float | None:
        """The part of pictures that came without waiting for a visit (HIT and STALE); None before the first one."""
        served = self.hits + self.stale + self.derived + self.coalesced + self.misses
        return (self.hits + self.stale) / served if served else None


def of(collector: NodeCollector) -> Summary:
    """The totals now."""
    readings = recorder.read_all()
    states = _sum_by(readings, "tintype_requests_total", 2, only=_PICTURES)
    errors = _sum_by(readings, "tintype_problems_total", 0)
    results = _sum_by(readings, "tintype_captures_total", 1)
    made = results["ok"] + results["partial"]
    figures = collector.daemon() or {}
    refused = {
        "rate_limited": errors["rate-limited"],
        "overloaded": errors["overloaded"],
        "targets_denied": errors["target-denied"],
        "unauthorized": errors["unauthorized"] + errors["bad-signature"],
        "guard_refusals": int((figures.get("refused") or {}).get("policy", 0)),
    }
    owners = recorder.metric_store().owners()
    return Summary(
        requests=_sum_by(readings, "tintype_requests_total", 0).total(),
        hits=states["HIT"],
        stale=states["STALE"],
        derived=states["DERIVED"],
        coalesced=states["COALESCED"],
        placeholders=states["PLACEHOLDER"],
        misses=states["MISS"],
        captures=made,
        failures=results.total() - made,
        capture_seconds=_seconds(readings, "tintype_capture_duration_seconds"),
        problems=errors.total(),
        refusals=sum(refused.values()),
        bytes_sent=_sum_by(readings, "tintype_sent_bytes_total", 0).total(),
        workers=len(owners),
        uptime=max(0.0, time.time() - min((owner.started_at for owner in owners), default=time.time())),
        **refused,
        waiting=figures.get("waiting"),
        busy=figures.get("busy"),
        slots=figures.get("slots"),
        browser_restarts=figures.get("restarts"),
    )


def _sum_by(
    readings: Mapping[tuple[str, ...], list[int]], name: str, label: int, only: tuple[str, ...] = ()
) -> Counter[str]:
    """A counter by one of its labels; ``only`` those whose first label is among these."""
    sums: Counter[str] = Counter()
    for (metric, *labels), cells in readings.items():
        if metric == name and (not only or labels[0] in only):
            sums[labels[label]] += cells[0]
    return sums


def _seconds(readings: Mapping[tuple[str, ...], list[int]], name: str) -> float:
    return sum(cells[-1] for (metric, *_), cells in readings.items() if metric == name) / recorder.NANOSECONDS
