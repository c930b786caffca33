"""Reads request bodies within a deadline, and bounds the requests whose bodies are arriving."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from flask import Request

from tintype.errors import BodyTooLarge, InvalidParameter, InvalidRequest, RequestTimeout
from tintype.web.client_address import ProxyTrust
from tintype.web.client_limit import ClientLimit
from tintype.web.connections import BODY_TIMEOUT, ConnectionGuard

MAX_BODY = 1 << 20
"""Bytes of a request body."""
MAX_DRAIN = 16 << 20
"""Bytes read of a rejected body: a client that is still sending may miss a response on a closed connection."""
MAX_SENDERS = 32
"""Requests of one worker process whose bodies are arriving. They take no place of the waiting limit."""
MAX_SENDERS_PER_CLIENT = 8
"""Of these, requests of one client."""

_CHUNK = 1 << 16


class BodyReader:
    """Reads bodies. ``guard`` ends a read at its deadline, because the read of a WSGI server cannot be interrupted."""

    def __init__(
        self,
        proxies: ProxyTrust | None = None,
        guard: ConnectionGuard | None = None,
        *,
        limit: ClientLimit | None = None,
    ) -> None:
        self._proxies = proxies or ProxyTrust()
        self._guard = guard
        self._limit = limit or ClientLimit("uploads", MAX_SENDERS, MAX_SENDERS_PER_CLIENT)

    def read(self, request: Request, max_bytes: int = MAX_BODY) -> bytes:
        """The body, of at most ``max_bytes``.

        Raises BodyTooLarge, RequestTimeout, InvalidRequest if it is cut off, Overloaded and RateLimited.
        """
        length = request.content_length
        if length == 0 or (length is None and not request.environ.get("wsgi.input_terminated")):
            return b""
        if length is not None and length > max_bytes and "Expect" in request.headers:
            raise _too_large(max_bytes)  # the client waits for 100 Continue before it sends the body (RFC 9110, 10.1.1)
        with self._receiving(request):
            return _receive(request, length, max_bytes)

    @contextmanager
    def _receiving(self, request: Request) -> Iterator[None]:
        peer, client = request.environ.get("REMOTE_ADDR", ""), self._proxies.client_of(request.environ)
        self._limit.enter(client)
        try:
            with self._guard.receiving(peer) if self._guard else nullcontext():
                yield
        finally:
            self._limit.leave(client)


def _receive(request: Request, length: int | None, max_bytes: int) -> bytes:
    stream, deadline = request.environ["wsgi.input"], time.monotonic() + BODY_TIMEOUT
    chunks: list[bytes] = []
    received, end = 0, MAX_DRAIN if length is None else min(length, MAX_DRAIN)
    while received < end and time.monotonic() < deadline:
        chunk = stream.read(min(end - received, _CHUNK))
        if not chunk:
            break
        received += len(chunk)
        if max(received, length or 0) <= max_bytes:
            chunks.append(chunk)
        else:
            chunks.clear()
    if max(received, length or 0) > max_bytes:
        raise _too_large(max_bytes)
    if time.monotonic() >= deadline:
        raise RequestTimeout(f"the request body did not arrive within {BODY_TIMEOUT:g} s; send it faster")
    if length is not None and received < length:
        raise InvalidRequest(InvalidParameter("body", "must be as long as Content-Length states"))
    return b"".join(chunks)


def _too_large(max_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(f"the request body may hold at most {max_bytes >> 20} MB")
