"""Cache hits that granian sends without WSGI: the same responses, and everything else through the application."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from granian.server import mp

from tests.support.fast_path import RawRequest, call_wsgi
from tests.web.conftest import Site
from tintype.commands import granian_hits
from tintype.web.fast_path import FastPath
from tintype.web.rate_limit import RateLimits


@dataclass
class SentResponse:
    """In place of granian's object for the response."""

    sent: list[tuple[int, list[tuple[str, str]], bytes]] = field(default_factory=list)

    def response_bytes(self, status: int, fields: list[tuple[str, str]], body: bytes) -> None:
        self.sent.append((status, fields, body))

    def response_iter(self, status: int, fields: list[tuple[str, str]], chunks: Any) -> None:
        self.sent.append((status, fields, b"".join(iter(chunks.__next__, None))))


@dataclass
class Worker:
    """The handler that granian would call in a worker, and the requests that reached WSGI."""

    site: Site
    passed: int = 0

    def __post_init__(self) -> None:
        assert isinstance(self.site.app.wsgi_app, FastPath)
        granian_hits.send_hits_directly(self.site.app.wsgi_app)
        self.handle = vars(mp)["_wsgi_call_wrap"](self._application, {}, None)

    def send(self, request: RawRequest) -> tuple[int, dict[str, str], bytes]:
        response = SentResponse()
        status = self.handle(response, request.environ())
        ((sent, fields, body),) = response.sent
        assert sent == status
        return sent, dict(fields), body

    def _application(self, environ: Any, start_response: Any) -> Any:
        self.passed += 1
        return self.site.app.wsgi_app(environ, start_response)


@pytest.fixture
def patched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restores granian at the end of a test."""
    monkeypatch.setattr(mp, "_wsgi_call_wrap", vars(mp)["_wsgi_call_wrap"])


@pytest.fixture
def worker(patched: None) -> Worker:
    return Worker(Site())


def test_sends_hits_without_wsgi(worker: Worker) -> None:
    states = [worker.send(RawRequest())[1]["X-Cache"] for _ in range(4)]
    assert (states, worker.passed) == (["MISS", "HIT", "HIT", "HIT"], 2)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_hits_equal_those_of_wsgi(worker: Worker, method: str) -> None:
    request = RawRequest(method=method)
    for _ in range(2):
        worker.send(request)
    status, fields, body = worker.send(request)
    line, expected, expected_body = call_wsgi(worker.site.app, request.environ())
    fields["RateLimit"] = dict(expected).get("RateLimit", fields.get("RateLimit", ""))
    assert (f"{status} OK", body) == (line, expected_body)
    assert {name: value for name, value in fields.items() if value} == dict(expected)


def test_sends_304_for_the_same_etag(worker: Worker) -> None:
    etag = [worker.send(RawRequest())[1]["ETag"] for _ in range(3)][-1]
    assert worker.send(RawRequest(headers={"If-None-Match": etag}))[::2] == (304, b"")


def test_counts_each_request_once(patched: None) -> None:
    worker = Worker(Site(rate_limits=RateLimits(thumb="3 per minute")))
    statuses = [worker.send(RawRequest())[0] for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]


def test_passes_other_requests_to_wsgi_once(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    fast_path = worker.site.app.wsgi_app
    answer = fast_path.answer  # type: ignore[attr-defined]
    monkeypatch.setattr(fast_path, "answer", lambda environ: asked.append(environ) or answer(environ))
    assert worker.send(RawRequest())[1]["X-Cache"] == "MISS"
    assert (len(asked), worker.passed) == (1, 1)


def test_leaves_a_granian_without_that_function_alone(patched: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(mp, "_wsgi_call_wrap")
    site = Site()
    assert isinstance(site.app.wsgi_app, FastPath)
    granian_hits.send_hits_directly(site.app.wsgi_app)
    assert not hasattr(mp, "_wsgi_call_wrap")
