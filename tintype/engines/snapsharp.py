"""Photographs by the SnapSharp screenshot API, or by any node that speaks it.

Its failures become ours here. The key travels in one request header; it is in no log, no error and no repr.
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
from tintype.engines.snapsharp_params import translate
from tintype.errors import BackendUnavailable, CaptureTimeout, EngineError, Overloaded
from tintype.model import Capture, Verdict
from tintype.options import Shot

log = structlog.get_logger("tintype.snapsharp")

MAX_BODY = 50 * 1024 * 1024
"""Bytes of a picture that are taken."""

LONGEST_ADDRESS = 4000
"""Characters; a longer one goes as POST, because common servers cut request lines at 4 or 8 KB."""

_MAX_PROBLEM = 64 * 1024
_CONNECT = 5.0  # seconds to reach the API, thrice at most
_DEFAULT_WAIT, _LONGEST_WAIT = 30.0, 86_400.0  # seconds
_PAGE_FAULTS: dict[str, type[errors.TintypeError]] = {
    kind.code: kind
    for kind in (
        errors.TargetDenied,
        errors.TargetUnreachable,
        errors.TargetError,
        errors.SelectorNotFound,
        errors.NotAPage,
    )
}
"""How a node of our own kind says that the page is at fault."""

_VERDICTS = {verdict.value: verdict for verdict in Verdict}
"""What a node of our own kind says of a picture."""

_REFUSAL = re.compile(r"ssrf|private|internal|loopback|metadata|not.allowed|blocked", re.IGNORECASE)
"""The API's word for a refused address is not documented; these are the ways to say it."""

_IN_A_BODY = frozenset(("clip", "css", "js"))
"""What an address cannot say, or only at length."""

_OPERATORS = {
    httpx.codes.UNAUTHORIZED: "SNAPSHARP_API_KEY",
    httpx.codes.FORBIDDEN: "SNAPSHARP_API_KEY",
    httpx.codes.NOT_FOUND: "SNAPSHARP_BASE_URL",
    httpx.codes.METHOD_NOT_ALLOWED: "SNAPSHARP_BASE_URL",
    **dict.fromkeys(range(300, 400), "SNAPSHARP_BASE_URL"),
}
"""Answers that only the operator can do something about, with the setting to look at."""


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
        self._clients: dict[int, httpx.Client] = {}
        self._lock = threading.Lock()

    def capture(self, shot: Shot) -> Capture:
        """Photograph a page; raises UnsupportedOption for options the API has no word for, and TintypeErrors."""
        request = self._ask(translate(shot))
        begin = time.monotonic()
        with self._answered(request) as response:
            if response.status_code != httpx.codes.OK:
                raise self._explain(response, urls.host_of(shot.url), begin + self._timeout)
            body = _read(response, MAX_BODY, begin + self._timeout)
        width, height, _ = imaging.verify(body)
        return Capture(
            body=body,
            width=width,
            height=height,
            taken_at=time.time(),
            status=_status(response.headers.get("X-Target-Status", "")),
            partial="partial" in response.headers.get("X-Capture", ""),
            truncated="truncated" in response.headers.get("X-Capture", ""),
            verdict=_VERDICTS.get(response.headers.get("X-Verdict", ""), Verdict.OK),
            timings={"hosted": (time.monotonic() - begin) * 1000},
        )

    def warnings(self) -> tuple[str, ...]:
        """None: what guards the hosted browser is not ours to know."""
        return ()

    def check(self) -> None:
        """Raise BackendUnavailable unless the API says that it lives; needs no key and costs no capture."""
        request = self._client().build_request("GET", f"{self._base}/health", timeout=min(_CONNECT, self._timeout))
        try:
            with self._answered(request) as response:
                status = response.status_code
        except errors.TintypeError:
            raise _unavailable() from None
        if status != httpx.codes.OK:
            log.warning("hosted_engine_unhealthy", setting="SNAPSHARP_BASE_URL", status=status)
            raise _unavailable()

    def close(self) -> None:
        """Give back the connections of this process; a later capture opens new ones."""
        with self._lock:
            client = self._clients.pop(os.getpid(), None)
        if client:
            client.close()

    def _client(self) -> httpx.Client:
        """One pool a process: a fork must not share connections."""
        with self._lock:
            if os.getpid() not in self._clients:
                self._clients[os.getpid()] = self._connect()
            return self._clients[os.getpid()]

    def _connect(self) -> httpx.Client:
        return httpx.Client(
            # httpx retries only what never reached the API, so no capture is paid for twice
            transport=httpx.HTTPTransport(retries=2, trust_env=False),
            timeout=httpx.Timeout(self._timeout, connect=min(_CONNECT, self._timeout)),
            headers={"User-Agent": f"tintype/{__version__}", "Accept": "image/*", "Accept-Encoding": "identity"},
            trust_env=False,
        )

    def _ask(self, options: dict[str, Any]) -> httpx.Request:
        address = f"{self._base}/v1/screenshot"
        said = {name: str(value).lower() if isinstance(value, bool) else value for name, value in options.items()}
        query = f"{address}?{urlencode(said, quote_via=quote)}"
        if len(query) <= LONGEST_ADDRESS and not options.keys() & _IN_A_BODY:
            return self._client().build_request("GET", query, headers=self._key)
        return self._client().build_request("POST", address, json=options, headers=self._key)

    @contextmanager
    def _answered(self, request: httpx.Request) -> Iterator[httpx.Response]:
        """The answer, its body still unread; failures of the connection become ours, without a trace of the request."""
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
            raise _lost(error, arrived=arrived) from None

    def _explain(self, response: httpx.Response, target: str, deadline: float) -> errors.TintypeError:
        """What an error answer means to our caller; the operator reads the API's own words in the log."""
        status, said = response.status_code, _problem(response, deadline)
        code, message = str(said.get("error") or "")[:80], str(said.get("message") or "")[:500]
        log.log(
            logging.ERROR if status in _OPERATORS or code == "quota_exceeded" else logging.WARNING,
            "hosted_engine_refused",
            setting=_OPERATORS.get(status, ""),
            status=status,
            error=self._cover(code),
            reason=self._cover(message),
            required_plan=self._cover(str(said.get("required_plan") or "")[:40]),
            target=target,
        )
        if code in _PAGE_FAULTS:
            return _PAGE_FAULTS[code]()
        if status == httpx.codes.BAD_REQUEST and _REFUSAL.search(f"{code} {message}"):
            return errors.TargetDenied()
        return _failure(status, _wait(response.headers.get("Retry-After") or str(said.get("retry_after") or "")))

    def _cover(self, text: str) -> str:
        """Without the key and without queries of target URLs, in case the API repeats them."""
        key = self._key.get("Authorization", "").removeprefix("Bearer ")
        return re.sub(r"\?[^\s\"']+", "?…", text.replace(key, "***") if key else text)


def _is_address(text: str) -> bool:
    """Whether requests can go there. User info would take the place of the key, so it is refused."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        return False
    return url.scheme in {"http", "https"} and bool(url.host) and not (url.userinfo or url.query or url.fragment)


def _read(response: httpx.Response, most: int, deadline: float) -> bytes:
    """The body; raises EngineError when it is too large, CaptureTimeout when it drips in beyond the deadline."""
    parts, length = [], 0
    for part in response.iter_raw():
        length += len(part)
        if length > most:
            raise EngineError(f"the capture engine answered more than {most // 1024 // 1024} MB")
        if time.monotonic() > deadline:
            raise CaptureTimeout
        parts.append(part)
    return b"".join(parts)


def _problem(response: httpx.Response, deadline: float) -> dict[str, Any]:
    """The members of an error object; none when it is something else."""
    try:
        said = json.loads(_read(response, _MAX_PROBLEM, deadline))
    except (ValueError, RecursionError, EngineError):
        return {}
    return said if isinstance(said, dict) else {}


def _failure(status: int, wait: float | None) -> errors.TintypeError:
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return Overloaded("the capture engine takes no more pictures for now", retry_after=wait or _DEFAULT_WAIT)
    if status in {httpx.codes.REQUEST_TIMEOUT, httpx.codes.GATEWAY_TIMEOUT}:
        return CaptureTimeout()
    if status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN} or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return _unavailable(wait)
    return EngineError("the capture engine did not take the request")


def _lost(error: httpx.HTTPError, *, arrived: bool) -> errors.TintypeError:
    if isinstance(error, httpx.PoolTimeout):
        return Overloaded(retry_after=_DEFAULT_WAIT)
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout):
        return CaptureTimeout()
    return EngineError("the capture engine's answer broke off") if arrived else _unavailable()


def _unavailable(wait: float | None = None) -> BackendUnavailable:
    return BackendUnavailable("the capture engine cannot be used at the moment", retry_after=wait)


def _wait(text: str) -> float | None:
    """Seconds of a Retry-After header, a number or a date (RFC 9110, 10.2.3); None when it says nothing."""
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", text.strip()):
        seconds = float(text)
    else:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(seconds, 1.0), _LONGEST_WAIT)


def _status(text: str) -> int:
    """The page's HTTP status, which nodes of our own kind say; 0 for anything else."""
    return int(text) if re.fullmatch(r"[1-5][0-9]{2}", text) else 0
