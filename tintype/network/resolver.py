"""Where does a name lead, and may we go there? Look-ups with a time limit, which ``getaddrinfo`` has not.

:class:`Lookup` is the early answer for the caller; the decision to trust is made where the connection is made, by
:mod:`tintype.chromium.proxy.server`, with the same policy.
"""

from __future__ import annotations

import ctypes
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from ipaddress import ip_address
from typing import Any

import structlog

from tintype import urls
from tintype.errors import Overloaded, TargetDenied, TargetUnreachable
from tintype.network.egress import Address, Policy, parse_address

log = structlog.get_logger("tintype.lookup")

Resolve = Callable[..., Iterable[tuple[Any, ...]]]
"""The signature of ``socket.getaddrinfo``."""

_CACHE_SECONDS = 5.0
"""Seconds an answer is used again: several sizes of one page are often asked for at once."""
_MAX_CACHED_NAMES = 1024


class TooManyLookups(RuntimeError):
    """As many look-ups are under way as may be."""


class Resolver:
    """Names to addresses, on threads that nobody has to wait for.

    A look-up cannot be cancelled: its thread lives on until the system's resolver gives up. They are daemon threads,
    so they delay no shutdown, and only living ones count, so a forked child starts with none.
    """

    def __init__(self, limit: int = 16, resolve: Resolve = socket.getaddrinfo) -> None:
        self._limit = limit
        self._resolve = resolve
        self._threads: list[threading.Thread] = []

    def submit(self, host: str) -> Future[tuple[Address, ...]]:
        """Start a look-up; the future fails with OSError when there is no answer. Raises Busy."""
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        if len(self._threads) >= self._limit:
            raise TooManyLookups
        future: Future[tuple[Address, ...]] = Future()
        thread = threading.Thread(target=self._work, args=(host, future), name="lookup", daemon=True)
        thread.start()
        self._threads.append(thread)
        return future

    def _work(self, host: str, future: Future[tuple[Address, ...]]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            answers = self._resolve(host, None, type=socket.SOCK_STREAM)
            # The scope of a link-local answer stays in the text: an address with one is never permitted.
            future.set_result(tuple(dict.fromkeys(ip_address(answer[4][0]) for answer in answers)))
        except (OSError, ValueError) as error:
            # ValueError: Python's IDNA codec, on labels that no resolver takes.
            future.set_exception(OSError(str(error)))


class TargetResolver:
    """The look-up in the web process, before anything is captured. Safe in threads and across forks.

    ``timeout`` is in seconds.
    """

    def __init__(self, policy: Policy, timeout: float = 5.0, resolve: Resolve = socket.getaddrinfo) -> None:
        self._policy = policy
        self._timeout = timeout
        self._resolver = Resolver(limit=64, resolve=resolve)
        self._answers: dict[str, tuple[float, tuple[Address, ...]]] = {}

    def check(self, url: str) -> None:
        """Raise unless a canonical URL leads to permitted addresses only.

        TargetDenied when one of them is not, TargetUnreachable when there is none within the time limit, Overloaded
        when too many look-ups are under way.
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
            raise Overloaded("many names are being looked up; try again shortly", retry_after=5) from None
        except TimeoutError:
            raise TargetUnreachable(f"the name was not found within {self._timeout:g} seconds") from None
        except OSError:
            addresses = ()
        if not addresses:
            raise TargetUnreachable("the name of the host leads to no address")
        return addresses


def local_addresses() -> frozenset[Address]:
    """The addresses of this machine's network interfaces, as getifaddrs(3) tells them."""
    return frozenset(_interface_addresses())


class _Interface(ctypes.Structure):
    """The head of ``struct ifaddrs``, the same on Linux, macOS and the BSDs."""


_Interface._fields_ = [
    ("next", ctypes.POINTER(_Interface)),
    ("name", ctypes.c_char_p),
    ("flags", ctypes.c_uint),
    ("address", ctypes.c_void_p),
]


def _interface_addresses() -> Iterator[Address]:
    libc = ctypes.CDLL(None, use_errno=True)
    first = ctypes.POINTER(_Interface)()
    if libc.getifaddrs(ctypes.byref(first)) != 0:
        log.warning("local_addresses_unavailable", errno=ctypes.get_errno())
        return
    entry = first
    while entry:
        if address := _read_address(entry.contents.address):
            yield address
        entry = entry.contents.next
    libc.freeifaddrs(first)


def _read_address(where: int | None) -> Address | None:
    if not where:
        return None
    # Linux has two bytes for the family; elsewhere the first of them is a length and the family below 256.
    head = ctypes.string_at(where, 2)
    family = int.from_bytes(head, "little") if head[1] == 0 else head[1]
    if family == socket.AF_INET:
        return ip_address(ctypes.string_at(where + 4, 4))
    if family == socket.AF_INET6:
        return ip_address(ctypes.string_at(where + 8, 16))
    return None
