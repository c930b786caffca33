"""Page features and metadata that a page reports, or is too busy to report."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.support.concurrency import async_test
from tintype.chromium.capture.context import PageContext
from tintype.chromium.capture.features import read_features, read_metadata
from tintype.chromium.cdp.connection import Connection
from tintype.chromium.cdp.tab import ScriptFailed, Tab
from tintype.chromium.proxy.traffic import Traffic
from tintype.options import Navigation, Shot


class ScriptedTab(Tab):
    """A tab whose page answers every script with one value or error."""

    def __init__(self, answer: Any) -> None:
        super().__init__(Connection(lambda _: None).session("page"), "frame", "context")
        self._answer = answer

    async def evaluate(self, script: str, *arguments: Any) -> Any:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def page_that_answers(answer: Any) -> PageContext:
    shot = Shot(navigation=Navigation(url="https://site.org/secret"))
    return PageContext(ScriptedTab(answer), shot, Traffic(), "Chrome/1", 1000)


@async_test
async def test_returns_what_the_page_reports() -> None:
    with capture_logs() as events:
        assert await read_features(page_that_answers({"status": 200})) == {"status": 200}
    assert events == []


@pytest.mark.parametrize(
    ("answer", "reason"), [(TimeoutError(), "TimeoutError"), (ScriptFailed("no"), "ScriptFailed"), (None, "frozen")]
)
@async_test
async def test_logs_a_page_that_reports_nothing(answer: Any, reason: str) -> None:
    with capture_logs() as events:
        page = page_that_answers(answer)
        assert (await read_features(page), await read_metadata(page)) == ({}, {})
    expected = {"event": "features_unavailable", "host": "site.org", "reason": reason, "log_level": "warning"}
    assert events == [{**expected, "script": script} for script in ("page_features", "metadata")]
