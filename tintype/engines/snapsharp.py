"""Captures by the SnapSharp screenshot API, or by any node that implements it.

Maps the API's errors to Tintype's. The API key is sent in one request header; it is in no log, no error and no repr.
"""

from __future__ import annotations

import json
import logging
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import structlog

from tintype import __version__, errors, imaging, urls
from tintype.deadline import time_left
from tintype.engines.snapsharp_params import translate
from tintype.errors import BackendUnavailable, CaptureTimeout, EngineError, Overloaded
from tintype.model import HOSTED, Capture, Truncation, Verdict
from tintype.options import Shot

log = structlog.get_logger("tintype.snapsharp")

MAX_BODY = 50 * 1024 * 1024
"""Maximum bytes of an image."""

LONGEST_ADDRESS = 4000
"""Characters; a longer one goes as POST, because common servers cut request lines at 4 or 8 KB."""

_MAX_PROBLEM = 64 * 1024
_CONNECT_TIMEOUT = 5.0  # seconds to reach the API, thrice at most
_VERIFY_EVERY = 60.0
"""Seconds between two attempts to verify a key that the API has rejected."""
_DEFAULT_WAIT, _LONGEST_WAIT = 30.0, 86_400.0  # seconds
_PAGE_FAULTS: dict[str, type[errors.TintypeError]] = {
    kind.code: kind
    for kind in (
        errors.TargetDenied,
        errors.TargetUnreachable,
        errors.TargetError,
        errors.SelectorNotFound,
        errors.NotAPage,
        errors.CaptureTimeout,
    )
}
"""Error codes of a Tintype node for faults of the page."""

_VERDICTS = {verdict.value: verdict for verdict in Verdict}
"""Verdicts of a Tintype node."""

_DENIED_TARGET = re.compile(r"ssrf|private|internal|loopback|metadata|not.allowed|blocked", re.IGNORECASE)
"""The API does not document its error for a denied address; these are likely words."""

_BODY_ONLY = frozenset(("clip", "css", "js"))
"""Options that do not fit into a URL, or only at length."""

_OPERATOR_HINTS = {
    httpx.codes.UNAUTHORIZED: "SNAPSHARP_API_KEY",
    httpx.codes.FORBIDDEN: "SNAPSHARP_API_KEY",
    httpx.codes.NOT_FOUND: "SNAPSHARP_BASE_URL",
    httpx.codes.METHOD_NOT_ALLOWED: "SNAPSHARP_BASE_URL",
    **dict.fromkeys(range(300, 400), "SNAPSHARP_BASE_URL"),
}
"""Statuses that only the operator can resolve, with the setting to check."""


class SnapSharpEngine:
    """A hosted engine. ``timeout`` is in seconds, for one capture; threads share connections."""

    def __init__(self, base_url: str, api_key: str, timeout: float) -> None:
        if not api_key.isascii() or not api_key.isprintable():
            raise errors.ConfigurationError("SNAPSHARP_API_KEY: must be printable ASCII characters")
        if not _is_address(base_url):
            raise errors.ConfigurationError("SNAPSHARP_BASE_URL: must be an http:// or https:// address")
        self._base = base_url.rstrip("/")
        # httpx keeps this header out of its repr
        self._key = httpx.Headers({"Authorization": f"Bearer {api_key}"} if api_key else {})
        self._timeout = timeout
        self._key_accepted, self._verify_at = False, 0.0
        self._clients: dict[int, httpx.Client] = {}
        self._lock = threading.Lock()

    def capture(self, shot: Shot, *, fresh: bool = False) -> Capture:  # noqa: ARG002 - each request is a capture
        """Capture a page; raises UnsupportedOption for options that the API lacks, and other TintypeErrors."""
        request = self._build_request(translate(shot))
        begin = time.monotonic()
        until = begin + time_left(self._timeout)
        with self._send(request) as response:
            self._key_accepted = response.status_code not in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}
            if response.status_code != httpx.codes.OK:
                raise self._error_for(response, urls.host_of(shot.url), until)
            body = _read(response, MAX_BODY, until)
        width, height, _ = imaging.verify(body)
        return Capture(
            body=body,
            width=width,
            height=height,
            taken_at=time.time(),
            status=_status(response.headers.get("X-Target-Status", "")),
            partial="partial" in response.headers.get("X-Capture", ""),
            truncated=Truncation.ENGINE if "truncated" in response.headers.get("X-Capture", "") else Truncation.NONE,
            verdict=_VERDICTS.get(response.headers.get("X-Verdict", ""), Verdict.OK),
            timings={HOSTED: (time.monotonic() - begin) * 1000},
        )

    def warnings(self) -> tuple[str, ...]:
        """Return nothing: the isolation of the hosted browser is unknown."""
        return ()

    def check(self) -> None:
        """Raise BackendUnavailable unless the API is healthy and accepts the key; makes no capture.

        The key is verified once, and again after the API has rejected it, at most once a minute.
        """
        self._check_health()
        if not self._key or self._key_accepted:
            return
        if time.monotonic() >= self._verify_at:
            self._verify_at = time.monotonic() + _VERIFY_EVERY
            self._key_accepted = self._verify_key()
        if not self._key_accepted:
            raise BackendUnavailable("the hosted API rejects the key: check SNAPSHARP_API_KEY")

    def _verify_key(self) -> bool:
        """Whether the API accepts the key: without a URL the request is invalid, which it reports after the key."""
        timeout = min(_CONNECT_TIMEOUT, self._timeout)
        request = self._client().build_request("GET", f"{self._base}/v1/screenshot", headers=self._key, timeout=timeout)
        with self._send(request) as response:
            status = response.status_code
        if status not in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            return True
        log.error("hosted_engine_key_rejected", setting="SNAPSHARP_API_KEY", status=status)
        return False

    def _check_health(self) -> None:
        request = self._client().build_request(
            "GET", f"{self._base}/health", timeout=min(_CONNECT_TIMEOUT, self._timeout)
        )
        try:
            with self._send(request) as response:
                status = response.status_code
        except errors.TintypeError as error:
            raise BackendUnavailable(
                "the hosted API does not respond: check SNAPSHARP_BASE_URL and the network"
            ) from error.__cause__
        if status != httpx.codes.OK:
            log.warning("hosted_engine_unhealthy", setting="SNAPSHARP_BASE_URL", status=status)
            raise BackendUnavailable(f"the hosted API reports status {status}: check SNAPSHARP_BASE_URL")

    def close(self) -> None:
        """Close the connections of this process; a later capture opens new ones."""
        with self._lock:
            client = self._clients.pop(os.getpid(), None)
        if client:
            client.close()

    def _client(self) -> httpx.Client:
        """Return the connection pool of this process: forked processes must not share connections."""
        with self._lock:
            if os.getpid() not in self._clients:
                self._clients[os.getpid()] = self._connect()
            return self._clients[os.getpid()]

    def _connect(self) -> httpx.Client:
        return httpx.Client(
            # httpx retries only what never reached the API, so no capture is paid for twice
            transport=httpx.HTTPTransport(retries=2, trust_env=False),
            timeout=httpx.Timeout(self._timeout, connect=min(_CONNECT_TIMEOUT, self._timeout)),
            headers={"User-Agent": f"tintype/{__version__}", "Accept": "image/*", "Accept-Encoding": "identity"},
            trust_env=False,
        )

    def _build_request(self, options: dict[str, Any]) -> httpx.Request:
        address = f"{self._base}/v1/screenshot"
        left = time_left(self._timeout)
        timeout = httpx.Timeout(left, connect=min(_CONNECT_TIMEOUT, left))
        parameters = {name: str(value).lower() if isinstance(value, bool) else value for name, value in options.items()}
        query = f"{address}?{urlencode(parameters, quote_via=quote)}"
        if len(query) <= LONGEST_ADDRESS and not options.keys() & _BODY_ONLY:
            return self._client().build_request("GET", query, headers=self._key, timeout=timeout)
        return self._client().build_request("POST", address, json=options, headers=self._key, timeout=timeout)

    @contextmanager
    def _send(self, request: httpx.Request) -> Iterator[httpx.Response]:
        """Send a request and yield the response with its body unread; raises TintypeErrors without request details."""
        arrived = False
        try:
            with closing(self._client().send(request, stream=True)) as response:
                arrived = True
                yield response
        except httpx.HTTPError as error:
            log.warning(
                "hosted_engine_unreachable",
                setting="SNAPSHARP_BASE_URL",
                reason=type(error).__name__,
                answered=arrived,
            )
            # the error of httpx holds the request, and the request the key
            cause = ConnectionError(f"{request.url.host}: {str(error)[:200] or type(error).__name__}")
            raise _map_transport_error(error, arrived=arrived) from cause

    def _error_for(self, response: httpx.Response, target: str, deadline: float) -> errors.TintypeError:
        """Map an error response to a TintypeError, and log the API's own message."""
        status, problem = response.status_code, _problem(response, deadline)
        code, message = str(problem.get("error") or "")[:80], str(problem.get("message") or "")[:500]
        log.log(
            logging.ERROR if status in _OPERATOR_HINTS or code == "quota_exceeded" else logging.WARNING,
            "hosted_engine_refused",
            setting=_OPERATOR_HINTS.get(status, ""),
            status=status,
            error=self._mask(code),
            reason=self._mask(message),
            required_plan=self._mask(str(problem.get("required_plan") or "")[:40]),
            target=target,
        )
        if code in _PAGE_FAULTS:
            return _PAGE_FAULTS[code]()
        if status == httpx.codes.BAD_REQUEST and _DENIED_TARGET.search(f"{code} {message}"):
            return errors.TargetDenied()
        if status == httpx.codes.GATEWAY_TIMEOUT and code:  # the API's own words; a gateway's page has no code
            return CaptureTimeout()
        return _failure(
            status, _parse_retry_after(response.headers.get("Retry-After") or str(problem.get("retry_after") or ""))
        )

    def _mask(self, text: str) -> str:
        """Remove the key and the queries of target URLs, which the API could repeat."""
        key = self._key.get("Authorization", "").removeprefix("Bearer ")
        return re.sub(r"\?[^\s\"']+", "?…", text.replace(key, "***") if key else text)


def _is_address(text: str) -> bool:
    """Return whether a base URL is valid. User info would replace the key, so it is rejected."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        return False
    return url.scheme in {"http", "https"} and bool(url.host) and not (url.userinfo or url.query or url.fragment)


def _read(response: httpx.Response, most: int, deadline: float) -> bytes:
    """Read the body; raises EngineError if it is too large, BackendUnavailable at the deadline."""
    parts, length = [], 0
    for part in response.iter_raw():
        length += len(part)
        if length > most:
            raise EngineError(f"the capture engine answered more than {most // 1024 // 1024} MB")
        if time.monotonic() > deadline:
            raise _unavailable()
        parts.append(part)
    return b"".join(parts)


def _problem(response: httpx.Response, deadline: float) -> dict[str, Any]:
    """Return the members of an error object; none for another body."""
    try:
        problem = json.loads(_read(response, _MAX_PROBLEM, deadline))
    except (ValueError, RecursionError, EngineError, BackendUnavailable):
        return {}
    return problem if isinstance(problem, dict) else {}


def _failure(status: int, wait: float | None) -> errors.TintypeError:
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return Overloaded(
            "the capture engine has reached its rate limit or quota; retry later", retry_after=wait or _DEFAULT_WAIT
        )
    if (
        status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN, httpx.codes.REQUEST_TIMEOUT}
        or status >= httpx.codes.INTERNAL_SERVER_ERROR
    ):
        return _unavailable(wait)
    return EngineError("the capture engine did not take the request")


def _map_transport_error(error: httpx.HTTPError, *, arrived: bool) -> errors.TintypeError:
    if isinstance(error, httpx.PoolTimeout):
        return Overloaded(retry_after=_DEFAULT_WAIT)
    if isinstance(error, httpx.TimeoutException):
        return _unavailable()  # the silence of the API is no fault of the page
    return EngineError("the capture engine's answer broke off") if arrived else _unavailable()


def _unavailable(wait: float | None = None) -> BackendUnavailable:
    return BackendUnavailable("the capture engine cannot be used at the moment", retry_after=wait)


def _parse_retry_after(text: str) -> float | None:
    """Parse a Retry-After header, seconds or a date (RFC 9110, 10.2.3); None if it is invalid."""
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", text.strip()):
        seconds = float(text)
    else:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(seconds, 1.0), _LONGEST_WAIT)


def _status(text: str) -> int:
    """Parse the HTTP status of the page, which Tintype nodes send; 0 for anything else."""
    return int(text) if re.fullmatch(r"[1-5][0-9]{2}", text) else 0
