"""Validation of documents in kept contexts, over a scripted DevTools connection."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.support.concurrency import async_test
from tintype.chromium.capture.context import PageContext
from tintype.chromium.capture.validation import continue_request
from tintype.chromium.cdp.connection import Connection


class Calls:
    """A connection that records calls."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.connection = Connection(self._write)
        self.session = self.connection.session("S")

    def _write(self, data: bytes) -> None:
        call = json.loads(data.rstrip(b"\0"))
        self.sent.append((call["method"], call["params"]))


def page(*, is_reused: bool) -> PageContext:
    return cast("PageContext", SimpleNamespace(is_reused=is_reused))


def paused(kind: str) -> dict[str, Any]:
    return {"requestId": "7", "resourceType": kind, "request": {"headers": {"A": "1", "cache-control": "no-store"}}}


@async_test
async def test_a_document_in_a_kept_context_is_validated() -> None:
    calls = Calls()
    continue_request(page(is_reused=True), calls.session, paused("Document"))
    headers = [{"name": "A", "value": "1"}, {"name": "Cache-Control", "value": "max-age=0"}]
    assert calls.sent == [("Fetch.continueRequest", {"requestId": "7", "headers": headers})]


@pytest.mark.parametrize(("is_reused", "kind"), [(False, "Document"), (True, "Script")])
def test_other_requests_continue_as_they_are(is_reused: bool, kind: str) -> None:
    @async_test
    async def scenario() -> None:
        calls = Calls()
        continue_request(page(is_reused=is_reused), calls.session, paused(kind))
        assert calls.sent == [("Fetch.continueRequest", {"requestId": "7"})]

    scenario()
