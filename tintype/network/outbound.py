"""Downloads over HTTP(S), such as filter lists; every connection obeys the egress policy.

httpcore speaks HTTP; its network backend is replaced by one that resolves and checks each host and connects to the
checked address. TLS certificates are verified for the host name. Each redirect is checked like the first URL.
"""

from __future__ import annotations

import socket
import ssl
import time
import zlib
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpcore

from tintype.errors import TargetDenied, TintypeError
from tintype.network.egress import Address, Policy, parse_address
from tintype.network.resolver import Resolver, TooManyLookups
from tintype.urls import TargetPolicy

MAX_BYTES = 32 << 20
"""The largest body accepted, after decompression; EasyList has 2 MB."""
_TOTAL_TIMEOUT = 60.0
"""Seconds for one fetch, redirects included."""
_IDLE_TIMEOUT = 15.0
"""Seconds for one connect, read or write."""
_LOOKUP_TIMEOUT = 5.0
_MAX_REDIRECTS = 5
_OK = 200
_REDIRECTS = {301, 302, 303, 307, 308}
_GZIP_OR_ZLIB = 47
"""zlib's ``wbits``: the largest window, and the format is detected."""
_NETWORK_ERRORS = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError)


class FetchError(Exception):
    """An outgoing request failed. The text contains no address. ``status`` is that of the response; 0 without one."""

    status: int = 0


def fetch(
    url: str,
    policy: Policy,
    *,
    targets: TargetPolicy | None = None,
    max_bytes: int | None = None,
    timeout: float | None = None,
) -> bytes:
    """Download the body behind an http:// or https:// URL; raises FetchError.

    ``targets`` restricts its host, and those of redirects, further than ``policy``. The body may have ``max_bytes``
    after decompression, by default :data:`MAX_BYTES`; ``timeout`` is in seconds, redirects included.
    """
    limit = MAX_BYTES if max_bytes is None else max_bytes
    backend = CheckedBackend(policy, _TOTAL_TIMEOUT if timeout is None else timeout)
    try:
        with httpcore.ConnectionPool(ssl.create_default_context(), network_backend=backend) as pool:
            return _follow(pool, url, targets or TargetPolicy(policy), limit)
    except TargetDenied as error:
        raise FetchError("not a public web address; TINTYPE_ALLOW_ADDRESSES permits others") from error
    except TintypeError as error:
        raise FetchError(error.detail) from error
    except _NETWORK_ERRORS as error:
        raise FetchError(str(error) or type(error).__name__) from error


def _follow(pool: httpcore.ConnectionPool, url: str, targets: TargetPolicy, max_bytes: int) -> bytes:
    timeouts = dict.fromkeys(("connect", "read", "write", "pool"), _IDLE_TIMEOUT)
    for _ in range(_MAX_REDIRECTS + 1):
        url = targets.canonicalize(url)
        parts = urlsplit(url)
        headers = [("Host", parts.netloc), ("User-Agent", "tintype"), ("Accept-Encoding", "gzip")]
        with pool.stream("GET", url, headers=headers, extensions={"timeout": timeouts}) as response:
            if response.status == _OK:
                return _read_body(response, max_bytes)
            if response.status not in _REDIRECTS:
                error = FetchError(f"{parts.hostname} returned status {response.status}")
                error.status = response.status
                raise error
            url = urljoin(url, _header(response, b"location"))
    raise FetchError(f"more than {_MAX_REDIRECTS} redirects")


def _read_body(response: httpcore.Response, max_bytes: int) -> bytes:
    body = bytearray()
    for piece in _decode(response.iter_stream(), _header(response, b"content-encoding").lower(), max_bytes):
        body += piece
        if len(body) > max_bytes:
            raise FetchError(f"the response is longer than {_size(max_bytes)}")
    return bytes(body)


def _decode(pieces: Iterable[bytes], encoding: str, max_bytes: int) -> Iterator[bytes]:
    """Decompress each piece to at most ``max_bytes`` + 1 bytes, so that a small piece cannot fill the memory."""
    if encoding in ("", "identity"):
        yield from pieces
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise FetchError(f"unsupported Content-Encoding {encoding!r}")
    decoder = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        for piece in pieces:
            yield decoder.decompress(piece, max_bytes + 1)
    except zlib.error as error:
        raise FetchError(f"the body is not valid {encoding}") from error
    if not decoder.eof:
        raise FetchError(f"the {encoding} body is truncated")


def _size(count: int) -> str:
    return f"{count >> 20} MB" if count >= 1 << 20 else f"{count >> 10} KB"


def _header(response: httpcore.Response, name: bytes) -> str:
    return next((value.decode("latin-1").strip() for key, value in response.headers if key.lower() == name), "")


class CheckedBackend(httpcore.NetworkBackend):
    """Connects to addresses that the policy permits; after ``seconds`` everything on its connections fails."""

    def __init__(self, policy: Policy, seconds: float) -> None:
        self._policy = policy
        self._deadline = _Deadline(seconds)
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first checked address that accepts."""
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in self._resolve(host, port):
            try:
                left = self._deadline.left(timeout)
                stream = self._sockets.connect_tcp(str(address), port, left, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _TimedStream(stream, self._deadline)
        raise failure

    def _resolve(self, host: str, port: int) -> tuple[Address, ...]:
        """The addresses of a host; raises FetchError unless the policy permits all of them."""
        literal = parse_address(host)
        try:
            timeout = self._deadline.left(_LOOKUP_TIMEOUT)
            addresses = (literal,) if literal else Resolver().submit(host).result(timeout)
        except (TooManyLookups, TimeoutError) as error:
            raise FetchError(f"{host} did not resolve within {_LOOKUP_TIMEOUT:g} s") from error
        if not all(self._policy.permits(each, port) for each in addresses):
            raise FetchError(f"{host} has an address that is not public; see TINTYPE_ALLOW_ADDRESSES")
        return addresses


class _Deadline:
    """The end of one request, redirects included."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._end = seconds, time.monotonic() + seconds

    def left(self, timeout: float | None) -> float:
        """The seconds of an operation with a timeout of its own; raises FetchError after the deadline."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise self.error()
        return min(left, timeout or left)

    def is_over(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self._end

    def error(self) -> FetchError:
        """The error of a request that takes too long."""
        return FetchError(f"the server took longer than {self._seconds:g} s")


class _TimedStream(httpcore.NetworkStream):
    """A connection that ends at a deadline, even if the server keeps sending or accepting single bytes."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Receive bytes; raises FetchError after the deadline."""
        try:
            return self._stream.read(max_bytes, self._deadline.left(timeout))
        except httpcore.ReadTimeout as error:
            if self._deadline.is_over():
                raise self._deadline.error() from error
            raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes; raises FetchError after the deadline. httpcore would grant each piece the whole timeout."""
        connection: socket.socket = self._stream.get_extra_info("socket")
        try:
            while buffer:
                connection.settimeout(self._deadline.left(timeout))
                buffer = buffer[connection.send(buffer) :]
        except TimeoutError as error:
            if self._deadline.is_over():
                raise self._deadline.error() from error
            raise httpcore.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Start TLS; the certificate is verified for the host name."""
        try:
            stream = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left(timeout))
        except httpcore.ConnectTimeout as error:
            if self._deadline.is_over():
                raise self._deadline.error() from error
            raise
        return _TimedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        """Information about the connection."""
        return self._stream.get_extra_info(info)
