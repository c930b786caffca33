"""Who may ask how often: allowances shared by all workers, counted before anything is done."""

from __future__ import annotations

import functools
import math
import threading
import time
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
from tintype.web.client_address import ProxyTrust, in_networks, parse_networks, rate_limit_key

log = structlog.get_logger("tintype.gate")

LOG_INTERVAL = 60.0
"""Seconds between two log lines about counters that are down."""
MAX_CACHED_KEYS = 8192
"""Clients whose name for the counters is remembered, so that a hit need not work it out again."""


class RateLimitStorage(Protocol):
    """Sliding windows shared by every worker, as the ``limits`` library defines them."""

    def count(self, key: str, limit: int, period: int) -> tuple[bool, int, float, int, float]:
        """Count one request if the limit allows it: whether it did, and how the window then stands.

        That is the previous count with its life in seconds, then the current one with its. Raises StorageError.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """Rates such as ``30 per minute``; empty is unlimited. Without ``hit``, cache hits count as thumbs."""

    thumb: str = ""
    persist: str = ""
    hit: str = ""
    exempt: Sequence[str] = ()
    per_key: Mapping[str, str] = field(default_factory=dict)
    """By name of an API key, in place of ``thumb`` and ``hit``."""


class RateLimiter:
    """Counts requests; raises RateLimited. Counters that are down let everybody through, loudly."""

    def __init__(self, storage: RateLimitStorage, limits: RateLimits, proxies: ProxyTrust) -> None:
        self._storage = storage
        rates = {"thumb": limits.thumb, "persist": limits.persist, "hit": limits.hit}
        self._rates = {name: Rate.parse(name, text) for name, text in rates.items() if text}
        self._per_key = {who: Rate.parse("thumb", text) for who, text in limits.per_key.items() if text}
        self._exempt = parse_networks(limits.exempt)
        self._proxies = proxies
        self._cached_storage_key = functools.lru_cache(MAX_CACHED_KEYS)(self._storage_key)
        self._alarm = LogThrottle()

    def check_thumb(self, request: Request, key_name: str = "") -> None:
        """Count a request for a picture, unless hits have an allowance of their own; ``who`` is a key's name."""
        if "hit" not in self._rates or key_name in self._per_key:
            self._check("thumb", request, key_name)

    def check_thumb_result(self, request: Request, key_name: str = "", *, hit: bool) -> None:
        """Count it now that one knows whether it is a hit, if that matters."""
        if "hit" in self._rates and key_name not in self._per_key:
            self._check("hit" if hit else "thumb", request, key_name)

    def check_persist(self, request: Request, key_name: str = "") -> None:
        """Count a request to persist."""
        self._check("persist", request, key_name)

    def check_hit(self, environ: WSGIEnvironment, key_name: str = "") -> WindowStats | None:
        """Count what is known to be a hit: how the client stands, or None where nothing is counted."""
        return self._count(
            "hit" if "hit" in self._rates and key_name not in self._per_key else "thumb", environ, key_name
        )

    def _check(self, name: str, request: Request, key_name: str) -> None:
        standing = self._count(name, request.environ, key_name)
        if standing is None:
            return
        after_this_request(standing.add_headers)
        if not standing.admitted:
            seconds = math.ceil(standing.wait)
            detail = f"the allowance of {standing.rate.text} is spent; try again in {seconds} s"
            raise RateLimited(detail, retry_after=standing.wait)

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
            self._alarm.report(error)
            return None

    def _storage_key(self, name: str, key_name: str, peer: str, forwarded: str) -> str:
        """Under which name a client's requests are counted; empty for those without limits."""
        address = self._proxies.client_address(peer, forwarded)
        if in_networks(address, self._exempt):
            return ""
        rate = self._per_key.get(key_name) or self._rates[name]
        return rate.item.key_for(name, f"key {key_name}" if key_name else rate_limit_key(address))


class Rate(NamedTuple):
    """What is allowed: ``limit`` requests in ``period`` seconds."""

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
        """In words."""
        unit, number = self.item.GRANULARITY.name, self.item.multiples
        return f"{self.limit} per {f'{number} {unit}s' if number > 1 else unit}"


@dataclass(slots=True)  # not frozen: every hit makes one
class WindowStats:
    """How a client stands in a sliding window: two fixed windows, the previous one weighted by its rest of life."""

    rate: Rate
    window: tuple[bool, int, float, int, float]
    """What :meth:`Counters.count` said."""

    @property
    def admitted(self) -> bool:
        """Whether this request was within the allowance."""
        return self.window[0]

    @property
    def remaining(self) -> int:
        """Requests that would be admitted now."""
        _, previous, previous_life, current, _ = self.window
        return max(0, self.rate.limit - math.floor(previous * previous_life / self.rate.period + current))

    @property
    def reset(self) -> float:
        """Seconds until the current window ends."""
        _, _, _, current, current_life = self.window
        return current_life % self.rate.period if current else 0.0

    @property
    def wait(self) -> float:
        """Seconds until one more request is admitted."""
        _, previous, previous_life, current, _ = self.window
        if self.remaining:
            return 0.0
        if current < self.rate.limit and previous:
            # the previous window's weight shrinks evenly until the sum is below the limit
            return previous_life - (self.rate.limit - current) * self.rate.period / previous
        return self.reset

    def headers(self) -> tuple[tuple[str, str], ...]:
        """What the client is told: the three headers in wide use, and the IETF draft's two (ratelimit-headers-10)."""
        rate, remaining = self.rate, self.remaining
        reset = math.ceil(self.reset if remaining else max(self.reset, self.wait))
        return (
            *rate.headers,
            ("RateLimit-Remaining", str(remaining)),
            ("RateLimit-Reset", str(reset)),
            ("RateLimit", f'"{rate.name}";r={remaining};t={reset}'),
        )

    def add_headers(self, response: Response) -> Response:
        """Tell the client."""
        response.headers.extend(self.headers())
        return response


class LogThrottle:
    """Logs that the rate limit storage failed, at most once per ``QUIET_FOR`` seconds."""

    def __init__(self) -> None:
        self._quiet_until = float("-inf")
        self._turn = threading.Lock()

    def report(self, error: Exception) -> None:
        """Log the failure, at most once per ``QUIET_FOR`` seconds."""
        with self._turn:
            if time.monotonic() < self._quiet_until:
                return
            self._quiet_until = time.monotonic() + LOG_INTERVAL
        cause = type(error.__cause__ or error).__name__
        log.error("rate_limit_storage_failed", error=cause, effect="everybody is let through")
