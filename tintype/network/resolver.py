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
from ipaddress import ip_address
from typing import Any

import structlog

from tintype import urls
from tintype.errors import Overloaded, TargetDenied, TargetUnreachable
from tintype.network.egress import Address, Policy, parse_address

log = structlog.get_logger("tintype.network")

Resolve = Callable[..., Iterable[tuple[Any, ...]]]
"""The signature of ``socket.getaddrinfo``."""

_CACHE_SECONDS = 5.0
"""Seconds for which an answer is cached: clients often request several sizes of one page concurrently."""
_MAX_CACHED_NAMES = 1024


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


class TargetResolver:
    """Checks in the web worker that a target resolves to permitted addresses. Thread-safe and fork-safe.

    ``timeout`` is in seconds, for one lookup. Answers are cached for 5 s; failures are not.
    """

    def __init__(self, policy: Policy, timeout: float = 5.0, resolve: Resolve = socket.getaddrinfo) -> None:
        self._policy = policy
        self._timeout = timeout
        self._resolver = Resolver(limit=64, resolve=resolve)
        self._answers: dict[str, tuple[float, tuple[Address, ...]]] = {}

    def check(self, url: str) -> None:
        """Raise unless a canonical URL resolves to permitted addresses only.

        Raises TargetDenied for a denied address, TargetUnreachable without an answer within the time limit, and
        Overloaded while 64 lookups run.
        """
        host, port = urls.endpoint_of(url)
        address = parse_address(host)
        for each in (address,) if address else self._addresses(host):
            if not self._policy.permits(each, port):
                log.warning("target_denied", target=host, port=port, address=str(each))
                raise TargetDenied

    def _addresses(self, host: str) -> tuple[Address, ...]:
        expires, addresses = self._answers.get(host, (0.0, ()))
        if expires > time.monotonic():
            return addresses
        addresses = self._resolve(host)
        if len(self._answers) >= _MAX_CACHED_NAMES:
            self._answers = {}
        self._answers[host] = (time.monotonic() + _CACHE_SECONDS, addresses)
        return addresses

    def _resolve(self, host: str) -> tuple[Address, ...]:
        try:
            addresses = self._resolver.submit(host).result(self._timeout)
        except TooManyLookups:
            log.warning("dns_lookup_limit_reached", target=host)
            raise Overloaded("too many DNS lookups in progress; retry in 5 s", retry_after=5) from None
        except TimeoutError:
            raise TargetUnreachable(f"the host name did not resolve within {self._timeout:g} s") from None
        except OSError:
            addresses = ()
        if not addresses:
            raise TargetUnreachable("the host name does not resolve")
        return addresses
