"""Where does a name lead, and may we go there? Look-ups with a time limit, which ``getaddrinfo`` has not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from ipaddress import ip_address
from typing import Any

from tintype.egress import Address

Resolve = Callable[..., Iterable[tuple[Any, ...]]]
"""The signature of ``socket.getaddrinfo``."""


class Busy(RuntimeError):
    """As many look-ups are under way as may be."""


class Resolver:
    """Names to addresses, on threads that nobody has to wait for.

    A look-up cannot be cancelled: its thread lives on until the system's resolver gives up. They are daemon threads,
    so that they delay neither a shutdown nor, after a fork, the child: what counts is which are alive here and now.
    """

    def __init__(self, limit: int = 16, resolve: Resolve = socket.getaddrinfo) -> None:
        self._limit = limit
        self._resolve = resolve
        self._threads: list[threading.Thread] = []

    def submit(self, host: str) -> Future[tuple[Address, ...]]:
        """Start a look-up; the future fails with OSError when there is no answer. Raises Busy."""
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        if len(self._threads) >= self._limit:
            raise Busy
        future: Future[tuple[Address, ...]] = Future()
        thread = threading.Thread(target=self._work, args=(host, future), name=f"lookup {host}", daemon=True)
        self._threads.append(thread)
        thread.start()
        return future

    def _work(self, host: str, future: Future[tuple[Address, ...]]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            answers = self._resolve(host, None, type=socket.SOCK_STREAM)
            # The scope of a link-local answer stays in the text: an address with one is never permitted.
            future.set_result(tuple(dict.fromkeys(ip_address(answer[4][0]) for answer in answers)))
        except (OSError, ValueError) as error:
            # Python's IDNA codec raises UnicodeError, a ValueError, on labels no resolver takes.
            future.set_exception(OSError(f"no answer for {host!r}: {error}"))
