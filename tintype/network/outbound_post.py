"""POST requests to URLs of clients: no redirects, one deadline for everything, and every connection checked."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpcore

from tintype.errors import TargetDenied, TintypeError
from tintype.network.egress import Policy
from tintype.network.outbound import CheckedBackend, FetchError
from tintype.urls import TargetPolicy

MAX_RESPONSE = 64 << 10
"""Bytes of a response body that are read, and thrown away; then the connection is closed."""


class PostError(Exception):
    """A POST had no response. The text is for the client that named the URL, and contains no address."""


@dataclass(frozen=True, slots=True)
class PostResponse:
    """Status of a response, and its header field Retry-After."""

    status: int
    retry_after: str = ""


class Poster:
    """Sends POST requests; ``seconds`` limits each of them from the DNS lookup to the end of the response.

    ``deny_hosts`` are never connected to, whatever their addresses.
    """

    def __init__(self, policy: Policy, seconds: float, deny_hosts: tuple[str, ...] = ()) -> None:
        self._targets, self._seconds = TargetPolicy(policy, deny_hosts=deny_hosts), seconds
        self._context = ssl.create_default_context()

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> PostResponse:
        """Send a body to an http:// or https:// URL; raises PostError without a response."""
        try:
            canonical = self._targets.canonicalize(url)
            backend = CheckedBackend(self._targets.policy, self._seconds)
            with httpcore.ConnectionPool(self._context, network_backend=backend) as pool:
                return self._send(pool, canonical, body, headers)
        except FetchError as error:
            raise PostError(_without_hint(str(error))) from error
        except TargetDenied as error:
            raise PostError("the address is not public, or denied by the operator") from error
        except TintypeError as error:
            raise PostError(error.detail) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
            raise PostError(_reason(error)) from error

    def _send(self, pool: httpcore.ConnectionPool, url: str, body: bytes, headers: Mapping[str, str]) -> PostResponse:
        sent = {"Host": urlsplit(url).netloc, "Content-Length": str(len(body)), "Connection": "close", **headers}
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), self._seconds)
        with pool.stream(
            "POST", url, headers=[*sent.items()], content=body, extensions={"timeout": timeouts}
        ) as response:
            found = (value for name, value in response.headers if name.lower() == b"retry-after")
            _discard(response)
            return PostResponse(response.status, next(found, b"").decode("latin-1").strip())


def _discard(response: httpcore.Response) -> None:
    """Read the body, so that the server can end its response; what happens to it does not matter any more."""
    size = 0
    with suppress(FetchError, httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError):
        for piece in response.iter_stream():
            size += len(piece)
            if size > MAX_RESPONSE:
                return


def _without_hint(text: str) -> str:
    """The first part of an error: the second names settings, which concern the operator."""
    return text.partition(";")[0]


def _reason(error: BaseException) -> str:
    """The cause of an error, without file names of libraries and numbers of errors."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate is not valid: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed: {cause.reason or type(cause).__name__}"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
        cause = cause.__cause__ or cause.__context__
    return str(error) or type(error).__name__
