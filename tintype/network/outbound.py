"""How does the text of a list come here? From a file, or over http past the same policy that guards captures.

A name is looked up once, every answer must be permitted, and the connection goes to an answer that was checked.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import time
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from tintype.errors import TintypeError
from tintype.network.egress import Address, Policy, parse_address
from tintype.network.resolver import Resolver, TooManyLookups
from tintype.urls import TargetPolicy, endpoint_of

MOST_BYTES = 32 << 20
"""The longest list taken; EasyList is 2 MB."""
_WITHIN = 60.0
_SILENCE = 15.0
_LOOKUP = 5.0
_REDIRECTS = 5
_PIECE = 1 << 16
_OK = 200
_MOVED = {301, 302, 303, 307, 308}


class FetchError(Exception):
    """Why a list did not come, in words for the operator."""


def fetch(source: str, policy: Policy) -> str:
    """The text behind an address or a path; raises NotFetched."""
    try:
        body = _download(source, policy) if source.startswith(("http://", "https://")) else _load(Path(source))
    except TintypeError as error:
        raise FetchError(error.detail) from error
    except (OSError, http.client.HTTPException) as error:
        raise FetchError(str(error) or type(error).__name__) from error
    return body.decode("utf-8", errors="replace")


def _load(path: Path) -> bytes:
    with path.open("rb") as file:
        body = file.read(MOST_BYTES + 1)
    _check_length(body)
    return body


def _download(source: str, policy: Policy) -> bytes:
    deadline = time.monotonic() + _WITHIN
    url = source
    for _ in range(_REDIRECTS):
        # The addresses a list sends us on to are no more trusted than those of pages.
        url = TargetPolicy(policy).canonicalize(url)
        with contextlib.closing(_connect(url, policy)) as connection:
            parts = urlsplit(url)
            path = f"{parts.path or '/'}{parts.query and '?' + parts.query}"
            connection.request("GET", path, headers={"User-Agent": "tintype", "Accept-Encoding": "identity"})
            with connection.getresponse() as response:
                if response.status == _OK:
                    return _read_body(response, deadline)
                if response.status not in _MOVED:
                    raise FetchError(f"{parts.hostname} answered {response.status}")
                url = urljoin(url, response.headers.get("Location", ""))
    raise FetchError("too many redirects")


def _read_body(response: http.client.HTTPResponse, deadline: float) -> bytes:
    body = bytearray()
    while piece := response.read1(_PIECE):
        body += piece
        _check_length(body)
        if time.monotonic() > deadline:
            raise FetchError(f"it took longer than {_WITHIN:g} seconds")
    return bytes(body)


def _check_length(body: bytes | bytearray) -> None:
    if len(body) > MOST_BYTES:
        raise FetchError(f"it is longer than {MOST_BYTES >> 20} MB")


def _connect(url: str, policy: Policy) -> http.client.HTTPConnection:
    host, port = endpoint_of(url)
    address = _checked(host, port, policy)
    if url.startswith("https:"):
        return _PinnedTLSConnection(host, port, address)
    return _PinnedConnection(host, port, address)


def _checked(host: str, port: int, policy: Policy) -> Address:
    literal = parse_address(host)
    try:
        addresses = (literal,) if literal else Resolver().submit(host).result(_LOOKUP)
    except (TooManyLookups, TimeoutError) as error:
        raise FetchError(f"{host} was not found in time") from error
    if not addresses:
        raise FetchError(f"{host} leads nowhere")
    if not all(policy.permits(each, port) for each in addresses):
        raise FetchError(f"{host} leads to an address that is not public; see TINTYPE_ALLOW_ADDRESSES")
    return addresses[0]


class _PinnedConnection(http.client.HTTPConnection):
    """Goes to an address that was checked, whatever the name leads to by now."""

    def __init__(self, host: str, port: int, address: Address) -> None:
        super().__init__(host.strip("[]"), port, timeout=_SILENCE)
        self._address = address

    def connect(self) -> None:
        """Dial the address."""
        self.sock = socket.create_connection((str(self._address), self.port), _SILENCE)


class _PinnedTLSConnection(_PinnedConnection):
    """The same with TLS, for the name."""

    default_port = 443

    def connect(self) -> None:
        """Dial the address, and have it prove the name."""
        super().connect()
        self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)
