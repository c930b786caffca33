"""DNS resolution of targets with a time limit, on threads, because getaddrinfo(3) cannot be given one.

:class:`TargetResolver` rejects a target early, in the web worker. The binding decision is made where the connection is
made, by :mod:`tintype.chromium.proxy.server`, with the same policy.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from typing import Any

import structlog

from tintype import urls
from tintype.bounded_cache import BoundedCache
from tintype.errors import Overloaded, TargetDenied, TargetUnreachable
from tintype.network.egress import Address, Policy, parse_address
from tintype.shared_memory import ForkAware, register_fork_hooks

log = structlog.get_logger("tintype.network")

_REMEDY = "TINTYPE_ALLOW_ADDRESSES permits addresses that are not public"

Resolve = Callable[..., Iterable[tuple[Any, ...]]]
"""The signature of ``socket.getaddrinfo``."""

CACHE_SECONDS, FAILURE_SECONDS = 5.0, 2.0
"""Seconds for which an answer, and a failure, are cached: clients often request several sizes of a page together."""
MAX_LOOKUPS = 64
"""Lookups of different names at the same time; each holds a thread until the system's resolver gives up."""
MAX_CACHED_NAMES, MAX_CACHED_BYTES = 1024, 1 << 20
_ADDRESS_BYTES = 120
"""Bytes of one address in memory."""


class TooManyLookups(RuntimeError):
    """The limit of concurrent lookups is reached."""


class Resolver:
    """Resolves names to addresses, at most ``limit`` at a time, each on a daemon thread.

    A lookup cannot be cancelled: its thread ends when the system's resolver gives up. Daemon threads do not delay
    shutdown. Only living threads count, so a forked child starts with none.
    """

    def __init__(self, limit: int = 16, resolve: Resolve = socket.getaddrinfo) -> None:
        self._limit = limit
        self._resolve = resolve
        self._threads: list[threading.Thread] = []

    def submit(self, host: str) -> Future[tuple[Address, ...]]:
        """Start a lookup; the future fails with OSError without an answer. Raises TooManyLookups."""
        # No lock: a child forked while another thread holds it could not resolve again. Concurrent calls can exceed
        # the limit by their own number, which does no harm: the limit only bounds memory.
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        if len(self._threads) >= self._limit:
            raise TooManyLookups
        future: Future[tuple[Address, ...]] = Future()
        thread = threading.Thread(target=self._run, args=(host, future), name="lookup", daemon=True)
        thread.start()
        self._threads.append(thread)
        return future

    def _run(self, host: str, future: Future[tuple[Address, ...]]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            answers = self._resolve(host, None, type=socket.SOCK_STREAM)
            # The scope of a link-local answer stays in the text; the policy never permits an address with a scope.
            future.set_result(tuple(dict.fromkeys(ip_address(answer[4][0]) for answer in answers)))
        except (OSError, ValueError) as error:
            # ValueError: Python's IDNA codec rejects the label.
            future.set_exception(OSError(str(error)))


@dataclass(frozen=True, slots=True)
class _Answer:
    """A cached answer: addresses, or none and the reason of the failure."""

    expires: float
    addresses: tuple[Address, ...] = ()
    failure: str = ""


class TargetResolver(ForkAware):
    """Checks in the web worker that a target resolves to permitted addresses. Thread-safe and fork-safe.

    Any number of callers share one lookup of a name. ``timeout`` is in seconds, for one caller. Answers are cached for
    5 s, failures for 2 s. ``clock`` returns seconds that never go back.
    """

    def __init__(
        self,
        policy: Policy,
        timeout: float = 5.0,
        resolve: Resolve = socket.getaddrinfo,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = policy
        self._timeout = timeout
        self._clock = clock
        self._resolver = Resolver(limit=MAX_LOOKUPS, resolve=resolve)
        self._answers: BoundedCache[str, _Answer] = BoundedCache(
            MAX_CACHED_NAMES, MAX_CACHED_BYTES, lambda answer: _ADDRESS_BYTES * (1 + len(answer.addresses))
        )
        self.after_fork()
        register_fork_hooks(self)

    def after_fork(self) -> None:
        """Forget lookups of the parent, whose threads do not exist in the child."""
        self._lock = threading.Lock()
        self._in_flight: dict[str, Future[tuple[Address, ...]]] = {}

    def check(self, url: str) -> None:
        """Raise unless a canonical URL resolves to permitted addresses only.

        Raises TargetDenied for a denied address, TargetUnreachable without an answer within the time limit, and
        Overloaded while 64 other names are looked up.
        """
        host, port = urls.endpoint_of(url)
        address = parse_address(host)
        for each in (address,) if address else self._addresses(host):
            if not self._policy.permits(each, port):
                log.warning("target_denied", target=host, port=port, address=str(each), remedy=_REMEDY)
                raise TargetDenied

    def _addresses(self, host: str) -> tuple[Address, ...]:
        answer = self._answers.get(host)
        if answer is None or answer.expires <= self._clock():
            answer = self._resolve(host)
        if not answer.addresses:
            raise TargetUnreachable(answer.failure)
        return answer.addresses

    def _resolve(self, host: str) -> _Answer:
        """The answer of the lookup under way, or of a new one."""
        try:
            return self._to_answer(self._join(host).result(self._timeout))
        except TooManyLookups:
            log.warning("dns_lookup_limit_reached", target=host)
            raise Overloaded("too many DNS lookups in progress; retry in 5 s", retry_after=5) from None
        except TimeoutError:
            answer = self._to_failure(f"the host name did not resolve within {self._timeout:g} s")
            self._answers.put(host, answer)  # until the lookup ends, which replaces it
            return answer
        except OSError:
            return self._to_answer(())

    def _join(self, host: str) -> Future[tuple[Address, ...]]:
        """The lookup of a name under way, else a new one; raises TooManyLookups."""
        with self._lock:
            if lookup := self._in_flight.get(host):
                return lookup
            lookup = self._in_flight[host] = self._resolver.submit(host)
        lookup.add_done_callback(partial(self._end, host))  # outside of the lock: it may be done already
        return lookup

    def _end(self, host: str, lookup: Future[tuple[Address, ...]]) -> None:
        """Cache the answer before the lookup leaves the table, so that no caller starts another one in between."""
        self._answers.put(host, self._to_answer(() if lookup.exception() else lookup.result()))
        with self._lock:
            if self._in_flight.get(host) is lookup:
                del self._in_flight[host]

    def _to_answer(self, addresses: tuple[Address, ...]) -> _Answer:
        if not addresses:
            return self._to_failure("the host name does not resolve")
        return _Answer(self._clock() + CACHE_SECONDS, addresses)

    def _to_failure(self, reason: str) -> _Answer:
        return _Answer(self._clock() + FAILURE_SECONDS, failure=reason)
