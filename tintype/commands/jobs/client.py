"""Client of the routes of jobs of a running service."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from tintype import errors
from tintype.errors import BackendUnavailable, InvalidRequest, Overloaded, RateLimited, TintypeError

Json = dict[str, Any]

WAIT_SECONDS = 30
"""Seconds for which the service holds a request that waits for a change."""
TIMEOUT = 90.0
"""Seconds of silence after which a request has failed; longer than the service holds one."""
RECONNECT_SECONDS = 120.0
"""Seconds for which a waiting command asks a service again that does not respond, or is overloaded."""
_RECONNECT_PAUSE = 2.0
_MAX_BODY = 64 << 20
_PIECE = 64 << 10
_KINDS = {kind.code: kind for kind in errors.ALL}


class JobClient:
    """Sends requests to the service at a base URL, with an API key if there is one."""

    def __init__(self, url: str, key: str = "") -> None:
        self.url = url.rstrip("/")
        self._key = key

    def submit(self, members: Mapping[str, Any], idempotency_key: str = "") -> Json:
        """Submit a job; returns its report. Raises the error of the service, or BackendUnavailable."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self._json("POST", "/jobs", json.dumps(members).encode(), headers)

    def jobs(self, query: Mapping[str, str], limit: int) -> Iterator[Json]:
        """Reports of jobs, newest first."""
        before: str | None = ""
        while before is not None and limit > 0:
            words = {**query, "limit": str(min(limit, 1000)), **({"before": before} if before else {})}
            found = self._json("GET", f"/jobs?{urlencode(words)}")
            yield from found["jobs"]
            before, limit = found["next"], limit - len(found["jobs"])

    def job(self, job_id: str, wait: int = 0) -> Json:
        """The report of a job, at its next change if ``wait`` seconds are given."""
        return self._json("GET", f"{_path(job_id)}{f'?wait={wait}' if wait else ''}")

    def pages(self, job_id: str, status: str = "") -> Iterator[Json]:
        """The pages of a job, those in one state if it is named."""
        after: int | None = 0
        while after is not None:
            words = {"limit": "1000", "after": str(after), **({"status": status} if status else {})}
            found = self._json("GET", f"{_path(job_id)}/pages?{urlencode(words)}")
            yield from found["pages"]
            after = found["next"]

    def retry(self, job_id: str) -> int:
        """Queue the failed and cancelled pages again; returns their number."""
        return int(self._json("POST", f"{_path(job_id)}/retry")["pages"])

    def cancel(self, job_id: str) -> int:
        """Cancel the pages that have not begun, or forget a job that has ended; returns the number of pages."""
        return int(self._json("DELETE", _path(job_id))["pages"])

    def archive(self, job_id: str) -> Iterator[bytes]:
        """The archive of a job, in pieces; raises BackendUnavailable if it is cut off."""
        with self._request("GET", f"{_path(job_id)}/archive") as response:
            try:
                while piece := response.read(_PIECE):
                    yield piece
            except (OSError, http.client.HTTPException) as error:
                raise BackendUnavailable(f"the archive was cut off ({error or type(error).__name__})") from None

    def changes(self, job_id: str) -> Iterator[Json]:
        """The report now, and after each change until the job has ended.

        An outage of the service is waited for; the error is raised after ``RECONNECT_SECONDS``.
        """
        report, until, wait = None, time.monotonic() + RECONNECT_SECONDS, 0
        while report is None or not report["ended_at"]:
            try:
                found = self.job(job_id, wait)
            except (BackendUnavailable, Overloaded, RateLimited) as error:
                if time.monotonic() >= until:
                    raise
                time.sleep(error.retry_after or _RECONNECT_PAUSE)
                continue
            until, wait = time.monotonic() + RECONNECT_SECONDS, WAIT_SECONDS
            if found != report:
                yield found
            report = found

    def request(self, method: str, path: str, members: Mapping[str, Any] | None = None) -> Json:
        """Send a request to another route; returns its JSON object. Raises as :meth:`submit` does."""
        return self._json(method, path, None if members is None else json.dumps(members).encode())

    def _json(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] = {}) -> Json:
        with self._request(method, path, body, headers) as response:
            found = _decode(response.read(_MAX_BODY))
            if found is None:
                raise self._not_tintype()
            return found

    @contextmanager
    def _request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] = {},
    ) -> Iterator[http.client.HTTPResponse]:
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        sent = {
            "Accept": "*/*",
            **({"Content-Type": "application/json"} if body is not None else {}),
            **({"Authorization": f"Bearer {self._key}"} if self._key else {}),
            **headers,
        }
        with closing(kind(parts.hostname or "", parts.port, timeout=TIMEOUT)) as connection:
            try:
                connection.request(method, f"{parts.path}{path}", body=body, headers=sent)
                response = connection.getresponse()
                problem = response.read(_MAX_BODY) if response.status >= HTTPStatus.BAD_REQUEST else b""
            except (OSError, http.client.HTTPException) as error:
                reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
                message = f"cannot connect to {self.url} ({reason}); is tintype serve running there? See --server"
                raise BackendUnavailable(message) from None
            if response.status >= HTTPStatus.BAD_REQUEST:
                raise self._error(_decode(problem), response.status)
            if response.status >= HTTPStatus.MULTIPLE_CHOICES:
                raise self._not_tintype()
            yield response

    def _error(self, problem: Json | None, status: int) -> TintypeError:
        """The error of a problem document; its class decides the exit code."""
        if problem is None or "error" not in problem:
            return self._not_tintype(status)
        kind = _KINDS.get(str(problem["error"]), TintypeError)
        detail = str(problem.get("detail", ""))
        if issubclass(kind, InvalidRequest):
            return kind(detail=detail)
        return kind(detail, retry_after=problem.get("retry_after"))

    def _not_tintype(self, status: int = 200) -> BackendUnavailable:
        return BackendUnavailable(f"the server at {self.url} is not Tintype (status {status}); see --server")


def _path(job_id: str) -> str:
    return f"/jobs/{quote(job_id, safe='')}"


def _decode(body: bytes) -> Json | None:
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
