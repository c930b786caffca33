"""Rate limits per client and API key, counted in sliding windows that all workers share."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, Self
from wsgiref.types import WSGIEnvironment

import structlog
from flask import Request, Response, after_this_request
from limits import RateLimitItem, parse
from limits.errors import StorageError

from tintype import telemetry
from tintype.api_keys import KeyLimits
from tintype.errors import Closed, RateLimited
from tintype.logs import LogThrottle
from tintype.rates import CLOSED, OFF, UNLIMITED
from tintype.web.client_address import (
    ProxyTrust,
    in_networks,
    parse_networks,
    rate_limit_key,
    wide_rate_limit_key,
)

log = structlog.get_logger("tintype.rate_limit")

MAX_CACHED_KEYS = 8192
"""Clients whose storage keys are cached, because a hit should not parse addresses again."""
WIDE_NETWORK_FACTOR = 16
"""An IPv6 /48 network may send this many times as many requests as one /64 network."""
_META_PATH = "/meta"
_REJECTION_KEY = "tintype.rejection"
"""The key of the WSGI environment with the window in which the fast path counted a request that it rejected."""
_SUBJECTS = {
    "thumb": "new thumbnails are",
    "hit": "cached thumbnails are",
    "meta": "GET /meta is",
    "persist": "POST /persist is",
    "stored": "GET /stored is",
    "purge": "POST /purge is",
    "jobs": "POST /jobs is",
}


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
    """Limits in the notation of :mod:`tintype.rates`; ``off``: requests count against ``thumb``."""

    thumb: str = UNLIMITED
    hit: str = OFF
    meta: str = OFF
    persist: str = UNLIMITED
    stored: str = UNLIMITED
    jobs: str = UNLIMITED
    purge: str = UNLIMITED
    """Of an admin key; not of clients."""
    exempt: Sequence[str] = ()
    """Client networks whose requests are not counted. ``closed`` applies to them too."""
    per_key: Mapping[str, KeyLimits] = field(default_factory=dict)
    """By API key name."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rate:
    """A rate limit: ``limit`` requests in ``period`` seconds. Compared by identity, which is fast."""

    name: str
    limit: int
    period: int
    item: RateLimitItem | None = None
    policy: tuple[str, str] = ("RateLimit-Policy", "")
    """The header field that describes the limit."""
    prefix: str = ""
    """The value of the field ``RateLimit`` up to the remaining requests."""
    wide: Rate | None = None
    """The limit of the /48 network of an IPv6 client."""

    @classmethod
    def parse(cls, name: str, text: str) -> Rate:
        """From a text such as ``30 per minute``; raises ValueError."""
        item = parse(text)
        network = type(item)(item.amount * WIDE_NETWORK_FACTOR, item.multiples)
        return cls._of(name, item, wide=cls._of(f"{name}-network", network))

    @classmethod
    def _of(cls, name: str, item: RateLimitItem, wide: Rate | None = None) -> Self:
        limit, period = item.amount, item.get_expiry()
        policy = "RateLimit-Policy", f'"{name}";q={limit};w={period}'
        return cls(name=name, limit=limit, period=period, item=item, policy=policy, prefix=f'"{name}";r=', wide=wide)

    def key_for(self, client: str) -> str:
        """The key of the counter of a client."""
        return self.item.key_for(self.name, client) if self.item else ""

    @property
    def text(self) -> str:
        """For an error detail: ``30 per minute``."""
        if self.item is None:
            return self.name
        unit, number = self.item.GRANULARITY.name, self.item.multiples
        return f"{self.limit} per {f'{number} {unit}s' if number > 1 else unit}"


_CLOSED_RATE = Rate(name=CLOSED, limit=0, period=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLimits:
    """Limits of the clients without a key, or of one API key; None: unlimited."""

    thumb: Rate | None
    hit: Rate | None
    meta: Rate | None
    persist: Rate | None
    stored: Rate | None
    jobs: Rate | None
    separates_hits: bool
    """Whether hits have another limit than ``thumb``."""
    separates_meta: bool
    """Whether ``/meta`` has another limit than ``/thumb``."""

    @classmethod
    def of(cls, limits: RateLimits, key: KeyLimits | None = None) -> Self:
        """The common limits, in which those of a key take precedence; raises ValueError."""
        texts = {name: getattr(limits, name) for name in _SUBJECTS if name != "purge"}
        if key:
            if key.thumb != OFF:
                texts["hit"] = OFF
            texts |= {name: text for name in ("thumb", "hit", "meta", "persist") if (text := getattr(key, name)) != OFF}
        thumb = _parse("thumb", texts["thumb"])
        others = {name: text for name, text in texts.items() if name != "thumb"}
        rates = {name: thumb if text == OFF else _parse(name, text) for name, text in others.items()}
        return cls(thumb=thumb, **rates, separates_hits=texts["hit"] != OFF, separates_meta=texts["meta"] != OFF)


def _parse(name: str, text: str) -> Rate | None:
    if text in (UNLIMITED, OFF):
        return None
    return _CLOSED_RATE if text == CLOSED else Rate.parse(name, text)


class Bucket(NamedTuple):
    """A counter: its limit and its key in the storage."""

    rate: Rate
    key: str
    network: str = ""
    """The network that shares the counter, if it is wider than one client."""


class RateLimiter:
    """Counts requests and raises RateLimited. If the storage fails, it logs an error and accepts every request."""

    def __init__(self, storage: RateLimitStorage, limits: RateLimits, proxies: ProxyTrust) -> None:
        self._storage = storage
        self._common = ClientLimits.of(limits)
        self._purge = _parse("purge", limits.purge)
        self._per_key = {name: ClientLimits.of(limits, key) for name, key in limits.per_key.items()}
        self._exempt = parse_networks(limits.exempt)
        self._proxies = proxies
        self._cached_buckets = functools.lru_cache(MAX_CACHED_KEYS)(self._buckets)
        self._log_throttle = LogThrottle()

    def check_thumb(self, request: Request, key_name: str = "") -> None:
        """Check a request of ``/thumb`` or ``/meta`` before the cache lookup, unless hits have a separate limit."""
        limits = self._limits(key_name)
        if limits.separates_meta and request.path == _META_PATH:
            self._check("meta", limits.meta, request, key_name)
        elif not limits.separates_hits:
            self._check("thumb", limits.thumb, request, key_name)

    def check_thumb_result(self, request: Request, key_name: str = "", *, hit: bool) -> None:
        """Check a request of ``/thumb`` or ``/meta`` after the cache lookup, if hits have a separate limit."""
        limits = self._limits(key_name)
        if limits.separates_hits and not (limits.separates_meta and request.path == _META_PATH):
            name, rate = ("hit", limits.hit) if hit else ("thumb", limits.thumb)
            self._check(name, rate, request, key_name)

    def check_persist(self, request: Request, key_name: str = "") -> None:
        """Check a persist request."""
        self._check("persist", self._limits(key_name).persist, request, key_name)

    def check_jobs(self, request: Request, key_name: str = "") -> None:
        """Check a submission of a job, or a retry."""
        self._check("jobs", self._limits(key_name).jobs, request, key_name)

    def check_stored(self, request: Request) -> None:
        """Check a request for a stored thumbnail, which needs no API key."""
        self._check("stored", self._common.stored, request, "")

    def check_purge(self, request: Request, key_name: str) -> None:
        """Check a purge; ``key_name`` is that of the admin key."""
        self._check("purge", self._purge, request, f"admin {key_name}")

    def charge_later(self, name: str, request: Request, key_name: str = "") -> Callable[[], bool]:
        """A call that counts one more request as ``thumb`` or ``persist``, also after the response was sent.

        It returns False if the limit is exceeded.
        """
        limits = self._limits(key_name)
        is_meta = limits.separates_meta and request.path == _META_PATH
        rate = limits.meta if is_meta else limits.persist if name == "persist" else limits.thumb
        client = self._proxies.client_fields(request.environ)

        def charge() -> bool:
            window = _CLOSED_WINDOW if rate is _CLOSED_RATE else self._count(rate, client, key_name) if rate else None
            return window is None or window.admitted

        return charge

    def check_hit(self, environ: WSGIEnvironment, key_name: str = "") -> WindowStats | None:
        """Check a hit of the fast path; returns the window, or None if no limit applies. Never raises.

        A rejection is kept in ``environ`` for the application, which reports it without counting again.
        """
        rate = self._limits(key_name).hit
        if rate is None:
            return None
        window = _CLOSED_WINDOW if rate is _CLOSED_RATE else self._count(rate, environ, key_name)
        if window and not window.admitted:
            environ[_REJECTION_KEY] = window
        return window

    def _limits(self, key_name: str) -> ClientLimits:
        return self._per_key.get(key_name, self._common) if key_name else self._common

    def _check(self, name: str, rate: Rate | None, request: Request, key_name: str) -> None:
        if rate is _CLOSED_RATE:
            raise Closed(f"{_SUBJECTS[name]} closed to this client; ask the operator of this service for access")
        rejection: WindowStats | None = request.environ.get(_REJECTION_KEY)
        is_counted = rejection is not None and rejection.rate in (rate, rate and rate.wide)
        window = rejection if is_counted else self._count(rate, request.environ, key_name) if rate else None
        if window is None:
            return
        after_this_request(window.add_headers)
        if not window.admitted:
            whose = f" for {window.network}" if window.network else ""
            detail = f"the rate limit of {window.rate.text}{whose} is exceeded; retry in {window.reset_seconds} s"
            raise RateLimited(detail, retry_after=window.reset_seconds)

    def _count(self, rate: Rate, environ: WSGIEnvironment, key_name: str) -> WindowStats | None:
        forwarded = self._proxies.forwarded(environ)
        buckets = self._cached_buckets(rate, key_name, environ.get("REMOTE_ADDR", ""), forwarded)
        try:
            if len(buckets) == 1:
                return self._count_in(buckets[0])
            return self._count_in_both(*buckets) if buckets else None
        except StorageError as error:
            telemetry.count("tintype_backend_failures_total", "limits")
            if self._log_throttle.allows():
                cause = type(error.__cause__ or error).__name__
                log.error("rate_limit_storage_failed", error=cause, effect="every request is accepted")
            return None

    def _count_in(self, bucket: Bucket) -> WindowStats:
        rate, key, network = bucket
        return WindowStats(rate, self._storage.count(key, rate.limit, rate.period), network)

    def _count_in_both(self, client: Bucket, network: Bucket) -> WindowStats:
        """Count in both buckets; a request that the first rejects does not count against the neighbours."""
        window = self._count_in(client)
        if not window.admitted:
            return window
        wide = self._count_in(network)
        return window if wide.admitted and window.remaining <= wide.remaining else wide

    def _buckets(self, rate: Rate, key_name: str, peer: str, forwarded: str) -> tuple[Bucket, ...]:
        """The counters of a client: one, two for IPv6, none if it is exempt."""
        address = self._proxies.client_address(peer, forwarded)
        if in_networks(address, self._exempt):
            return ()
        if key_name:
            return (Bucket(rate, rate.key_for(f"key {key_name}")),)
        bucket, network = Bucket(rate, rate.key_for(rate_limit_key(address))), wide_rate_limit_key(address)
        if rate.wide is None or not network:
            return (bucket,)
        return bucket, Bucket(rate.wide, rate.wide.key_for(network), network)


@dataclass(slots=True)  # not frozen: every hit makes one
class WindowStats:
    """State of a client's sliding window: two fixed windows, the previous one weighted by its remaining time."""

    rate: Rate
    window: tuple[bool, int, float, int, float]
    """Result of :meth:`RateLimitStorage.count`."""
    network: str = ""
    """The network that the window belongs to, if it is wider than one client."""

    @property
    def admitted(self) -> bool:
        """Whether this request is within the limit."""
        return self.window[0]

    @property
    def remaining(self) -> int:
        """Requests that the limit allows now."""
        _, previous, previous_life, current, _ = self.window
        return max(0, self.rate.limit - int(previous * previous_life / self.rate.period + current))

    @property
    def reset(self) -> float:
        """Seconds until the current window ends."""
        _, previous, previous_life, current, current_life = self.window
        if current:
            return max(0.0, current_life - self.rate.period)  # it counts as the previous one for another period
        return previous_life if previous else float(self.rate.period)

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

    @property
    def reset_seconds(self) -> int:
        """Whole seconds, at least 1: until one more request is allowed, or until the window ends if some remain."""
        return self._reset_seconds(self.remaining)

    def _reset_seconds(self, remaining: int) -> int:
        return max(1, math.ceil(self.reset if remaining else self.wait))

    def headers(self) -> tuple[tuple[str, str], ...]:
        """The two headers of the IETF draft (ratelimit-headers-10)."""
        remaining = self.remaining
        return self.rate.policy, ("RateLimit", f"{self.rate.prefix}{remaining};t={self._reset_seconds(remaining)}")

    def add_headers(self, response: Response) -> Response:
        """Add the headers to a response."""
        response.headers.extend(self.headers())
        return response


_CLOSED_WINDOW = WindowStats(_CLOSED_RATE, (False, 0, 0.0, 0, 0.0))
