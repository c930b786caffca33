"""Who may ask how often: allowances shared by all workers, counted before anything is done."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog
from flask import Request, Response, after_this_request
from limits import RateLimitItem, parse
from limits.errors import StorageError

from tintype.errors import RateLimited
from tintype.web.visitor import Visitors, allowance_key, networks, within

log = structlog.get_logger("tintype.gate")

QUIET_FOR = 60.0
"""Seconds between two log lines about counters that are down."""


class Counters(Protocol):
    """A storage of the ``limits`` library, as far as its sliding window counter goes."""

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count one request if the limit allows it."""
        ...

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Previous count and its life in seconds, current count and its life."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowances:
    """Rates such as ``30 per minute``; empty is unlimited. Without ``hit``, cache hits count as thumbs."""

    thumb: str = ""
    persist: str = ""
    hit: str = ""
    exempt: Sequence[str] = ()


class Gate:
    """Counts requests; raises RateLimited. Counters that are down let everybody through, loudly."""

    def __init__(self, counters: Counters, allowances: Allowances, visitors: Visitors) -> None:
        self._counters = counters
        rates = {"thumb": allowances.thumb, "persist": allowances.persist, "hit": allowances.hit}
        self._rates = {name: parse(rate) for name, rate in rates.items() if rate}
        self._exempt = networks(allowances.exempt)
        self._visitors = visitors
        self._alarm = _Alarm()

    def enter_thumb(self, request: Request) -> None:
        """Count a request for a picture, unless hits have an allowance of their own."""
        if "hit" not in self._rates:
            self._admit("thumb", request)

    def settle_thumb(self, request: Request, *, hit: bool) -> None:
        """Count it now that one knows whether it is a hit, if that matters."""
        if "hit" in self._rates:
            self._admit("hit" if hit else "thumb", request)

    def enter_persist(self, request: Request) -> None:
        """Count a request to persist."""
        self._admit("persist", request)

    def _admit(self, name: str, request: Request) -> None:
        rate = self._rates.get(name)
        address = self._visitors.address(request)
        if rate is None or within(address, self._exempt):
            return
        try:
            self._count(name, rate, allowance_key(address))
        except StorageError as error:
            self._alarm.raise_(error)

    def _count(self, name: str, rate: RateLimitItem, client: str) -> None:
        key, period = rate.key_for(name, client), rate.get_expiry()
        admitted = self._counters.acquire_sliding_window_entry(key, rate.amount, period)
        standing = Standing(name, rate.amount, period, *self._counters.get_sliding_window(key, period))
        after_this_request(standing.stamp)
        if not admitted:
            seconds = math.ceil(standing.wait)
            detail = f"the allowance of {rate.amount} per {_period(rate)} is spent; try again in {seconds} s"
            raise RateLimited(detail, retry_after=standing.wait)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a client stands in a sliding window: two fixed windows, the previous one weighted by its rest of life."""

    name: str
    limit: int
    period: int
    previous: int
    previous_life: float
    current: int
    current_life: float

    @property
    def remaining(self) -> int:
        """Requests that would be admitted now."""
        weighted = self.previous * self.previous_life / self.period + self.current
        return max(0, self.limit - math.floor(weighted))

    @property
    def reset(self) -> float:
        """Seconds until the current window ends."""
        return self.current_life % self.period if self.current else 0.0

    @property
    def wait(self) -> float:
        """Seconds until one more request is admitted."""
        if self.remaining:
            return 0.0
        if self.current < self.limit and self.previous:
            # the previous window's weight shrinks evenly until the sum is below the limit
            return self.previous_life - (self.limit - self.current) * self.period / self.previous
        return self.reset

    def stamp(self, response: Response) -> Response:
        """Tell the client: the three headers in wide use, and the IETF draft's two (ratelimit-headers-10)."""
        reset = math.ceil(max(self.reset, self.wait))
        response.headers["RateLimit-Limit"] = str(self.limit)
        response.headers["RateLimit-Remaining"] = str(self.remaining)
        response.headers["RateLimit-Reset"] = str(reset)
        response.headers["RateLimit-Policy"] = f'"{self.name}";q={self.limit};w={self.period}'
        response.headers["RateLimit"] = f'"{self.name}";r={self.remaining};t={reset}'
        return response


class _Alarm:
    """Says that counting does not work, at most once in a while."""

    def __init__(self) -> None:
        self._quiet_until = float("-inf")
        self._turn = threading.Lock()

    def raise_(self, error: Exception) -> None:
        with self._turn:
            if time.monotonic() < self._quiet_until:
                return
            self._quiet_until = time.monotonic() + QUIET_FOR
        cause = type(error.__cause__ or error).__name__
        log.error("limits_not_counted", error=cause, effect="everybody is let through")


def _period(rate: RateLimitItem) -> str:
    return f"{rate.multiples} {rate.GRANULARITY.name}s" if rate.multiples > 1 else rate.GRANULARITY.name
