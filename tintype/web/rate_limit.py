"""Rate limits per client and API key, counted in sliding windows that all workers share."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol
from wsgiref.types import WSGIEnvironment

import structlog
from flask import Request, Response, after_this_request
from limits import RateLimitItem, parse
from limits.errors import StorageError

from tintype import telemetry
from tintype.errors import RateLimited
from tintype.logs import LogThrottle
from tintype.web.client_address import ProxyTrust, in_networks, parse_networks, rate_limit_key

log = structlog.get_logger("tintype.rate_limit")

MAX_CACHED_KEYS = 8192
"""Clients whose storage key is cached, because a hit should not parse addresses again."""


class RateLimitStorage(Protocol):
    """Sliding windows shared by all workers, computed as by the ``limits`` library."""

    def count(self, key: str, limit: int, period: int) -> tuple[bool, int, float, int, float]:
        """Count a request if the limit allows it.

        Returns whether it does, the count of the previous window, the seconds until that window expires, and the same
        two values of the current window. Raises StorageError.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """Rates such as ``30 per minute``; empty: unlimited. Without ``hit``, cache hits count against ``thumb``."""

    thumb: str = ""
    persist: str = ""
    hit: str = ""
    exempt: Sequence[str] = ()
    per_key: Mapping[str, str] = field(default_factory=dict)
    """By API key name; used in place of ``thumb`` and ``hit``."""


class RateLimiter:
    """Counts requests and raises RateLimited. If the storage fails, it logs an error and accepts every request."""

    def __init__(self, storage: RateLimitStorage, limits: RateLimits, proxies: ProxyTrust) -> None:
        self._storage = storage
        rates = {"thumb": limits.thumb, "persist": limits.persist, "hit": limits.hit}
        self._rates = {name: Rate.parse(name, text) for name, text in rates.items() if text}
        self._per_key = {who: Rate.parse("thumb", text) for who, text in limits.per_key.items() if text}
        self._exempt = parse_networks(limits.exempt)
        self._proxies = proxies
        self._cached_storage_key = functools.lru_cache(MAX_CACHED_KEYS)(self._storage_key)
        self._log_throttle = LogThrottle()

    def check_thumb(self, request: Request, key_name: str = "") -> None:
        """Check a thumbnail request before the cache lookup, unless hits have a separate limit."""
        if "hit" not in self._rates or key_name in self._per_key:
            self._check("thumb", request, key_name)

    def check_thumb_result(self, request: Request, key_name: str = "", *, hit: bool) -> None:
        """Check a thumbnail request after the cache lookup, if hits have a separate limit."""
        if "hit" in self._rates and key_name not in self._per_key:
            self._check("hit" if hit else "thumb", request, key_name)

    def check_persist(self, request: Request, key_name: str = "") -> None:
        """Check a persist request."""
        self._check("persist", request, key_name)

    def check_hit(self, environ: WSGIEnvironment, key_name: str = "") -> WindowStats | None:
        """Check a hit of the fast path; returns the window, or None if no limit applies. Never raises."""
        return self._count(
            "hit" if "hit" in self._rates and key_name not in self._per_key else "thumb", environ, key_name
        )

    def _check(self, name: str, request: Request, key_name: str) -> None:
        window = self._count(name, request.environ, key_name)
        if window is None:
            return
        after_this_request(window.add_headers)
        if not window.admitted:
            seconds = math.ceil(window.wait)
            detail = f"the rate limit of {window.rate.text} is exceeded; retry in {seconds} s"
            raise RateLimited(detail, retry_after=window.wait)

    def _count(self, name: str, environ: WSGIEnvironment, key_name: str) -> WindowStats | None:
        rate = self._rates.get(name) if name == "persist" or key_name not in self._per_key else self._per_key[key_name]
        if rate is None:
            return None
        key = self._cached_storage_key(
            name, key_name, environ.get("REMOTE_ADDR", ""), environ.get("HTTP_X_FORWARDED_FOR", "")
        )
        if not key:
            return None
        try:
            return WindowStats(rate, self._storage.count(key, rate.limit, rate.period))
        except StorageError as error:
            telemetry.count("tintype_backend_failures_total", "limits")
            if self._log_throttle.allows():
                cause = type(error.__cause__ or error).__name__
                log.error("rate_limit_storage_failed", error=cause, effect="every request is accepted")
            return None

    def _storage_key(self, name: str, key_name: str, peer: str, forwarded: str) -> str:
        """Key under which the storage counts a client's requests; empty for exempt clients."""
        address = self._proxies.client_address(peer, forwarded)
        if in_networks(address, self._exempt):
            return ""
        rate = self._per_key.get(key_name) or self._rates[name]
        return rate.item.key_for(name, f"key {key_name}" if key_name else rate_limit_key(address))


class Rate(NamedTuple):
    """A rate limit: ``limit`` requests in ``period`` seconds."""

    name: str
    limit: int
    period: int
    item: RateLimitItem
    headers: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, name: str, text: str) -> Rate:
        """From a text such as ``30 per minute``; raises ValueError."""
        item = parse(text)
        limit, period = item.amount, item.get_expiry()
        policy = f'"{name}";q={limit};w={period}'
        return cls(name, limit, period, item, (("RateLimit-Limit", str(limit)), ("RateLimit-Policy", policy)))

    @property
    def text(self) -> str:
        """For an error detail: ``30 per minute``."""
        unit, number = self.item.GRANULARITY.name, self.item.multiples
        return f"{self.limit} per {f'{number} {unit}s' if number > 1 else unit}"


@dataclass(slots=True)  # not frozen: every hit makes one
class WindowStats:
    """State of a client's sliding window: two fixed windows, the previous one weighted by its remaining time."""

    rate: Rate
    window: tuple[bool, int, float, int, float]
    """Result of :meth:`RateLimitStorage.count`."""

    @property
    def admitted(self) -> bool:
        """Whether this request is within the limit."""
        return self.window[0]

    @property
    def remaining(self) -> int:
        """Requests that the limit allows now."""
        _, previous, previous_life, current, _ = self.window
        return max(0, self.rate.limit - math.floor(previous * previous_life / self.rate.period + current))

    @property
    def reset(self) -> float:
        """Seconds until the current window ends."""
        _, _, _, current, current_life = self.window
        return current_life % self.rate.period if current else 0.0

    @property
    def wait(self) -> float:
        """Seconds until the limit allows one more request."""
        _, previous, previous_life, current, _ = self.window
        if self.remaining:
            return 0.0
        if current < self.rate.limit and previous:
            # the weight of the previous window decreases linearly until the sum is below the limit
            return previous_life - (self.rate.limit - current) * self.rate.period / previous
        return self.reset

    def headers(self) -> tuple[tuple[str, str], ...]:
        """The three headers in wide use, and the two of the IETF draft (ratelimit-headers-10)."""
        rate, remaining = self.rate, self.remaining
        reset = math.ceil(self.reset if remaining else max(self.reset, self.wait))
        return (
            *rate.headers,
            ("RateLimit-Remaining", str(remaining)),
            ("RateLimit-Reset", str(reset)),
            ("RateLimit", f'"{rate.name}";r={remaining};t={reset}'),
        )

    def add_headers(self, response: Response) -> Response:
        """Add the headers to a response."""
        response.headers.extend(self.headers())
        return response
