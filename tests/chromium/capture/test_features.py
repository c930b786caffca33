"""Page features and metadata that a page reports, or is too busy to report."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from harness.site_server import SiteServer
from tests.chromium.conftest import StartEngine
from tests.support.concurrency import async_test
from tintype import imaging
from tintype.chromium.capture import features
from tintype.chromium.capture.context import PageContext
from tintype.chromium.capture.features import read_features, read_metadata, read_report
from tintype.chromium.cdp.connection import Connection
from tintype.chromium.cdp.tab import ScriptFailed, Tab
from tintype.chromium.proxy.traffic import Traffic
from tintype.engines.chromium import ChromiumEngine
from tintype.model import Thumbnail
from tintype.options import INLINE_HTML_URL, Navigation, Options, Shot


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


class SlowTab(ScriptedTab):
    """A tab whose page answers after an event, such as the end of its screenshot."""

    def __init__(self, answer: Any, event: asyncio.Future[None]) -> None:
        super().__init__(answer)
        self._event = event

    async def evaluate(self, script: str, *arguments: Any) -> Any:
        await asyncio.shield(self._event)
        return await super().evaluate(script, *arguments)


@async_test
async def test_a_report_may_arrive_as_the_screenshot_ends() -> None:
    loop = asyncio.get_running_loop()
    failures: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, failure: failures.append(failure))
    answered, screenshot = loop.create_future(), loop.create_future()
    page = page_that_answers({"status": 200})
    page.tab = SlowTab({"status": 200}, answered)
    report = asyncio.create_task(read_report(page, "page_features", screenshot=screenshot))
    await asyncio.sleep(0)
    answered.set_result(None)
    await asyncio.sleep(0)  # the report arrives in the next iteration of the loop, just before this
    screenshot.set_result(None)
    assert await report == {"status": 200}
    assert failures == []


@async_test
async def test_waits_for_a_page_whose_screenshot_is_slow() -> None:
    loop = asyncio.get_running_loop()
    screenshot = loop.create_future()
    page = page_that_answers({"status": 404})
    page.tab = SlowTab({"status": 404}, screenshot)
    loop.call_later(3 * features._READ_SECONDS, screenshot.set_result, None)
    reports = await asyncio.gather(read_features(page, screenshot), read_metadata(page, screenshot))
    assert [report["status"] for report in reports] == [404, 404]


@async_test
async def test_stops_waiting_for_a_page_that_is_busy_after_its_screenshot() -> None:
    screenshot = asyncio.get_running_loop().create_future()
    page = page_that_answers({})
    page.tab = SlowTab({}, asyncio.get_running_loop().create_future())
    reading = asyncio.ensure_future(read_report(page, "metadata", seconds=0.01, screenshot=screenshot))
    screenshot.set_result(None)
    assert await reading == {}


@pytest.fixture(scope="module")
def engine(start_engine: StartEngine, site: SiteServer) -> ChromiumEngine:
    return start_engine(slots=1, timeout=8.0, allow_addresses=(f"127.0.0.1:{site.port}",))


def take(engine: ChromiumEngine, url: str, **options: Any) -> Thumbnail:
    request = Options(url=url, **options).capture_request()
    return imaging.render(engine.capture(request.shot), request.rendition)


@pytest.mark.browser
class TestMetadata:
    def test_returns_what_the_markup_declares(self, engine: ChromiumEngine, site: SiteServer) -> None:
        metadata = json.loads(take(engine, site.url("/metadata.html"), format="json").body)
        metadata.pop("taken_at")
        assert metadata == {
            "final_url": site.url("/metadata.html"),
            "status": 200,
            "verdict": "ok",
            "title": "Über uns",
            "description": "Was wir tun.",
            "canonical": site.url("/about"),
            "language": "de-AT",
            "theme_color": "#fafafa",
            "author": "",
            "icons": [
                {"url": site.url("/deeper/icon.ico"), "rel": "shortcut icon", "sizes": "16x16", "type": "image/x-icon"},
                {"url": site.url("/touch.png"), "rel": "apple-touch-icon", "sizes": "", "type": ""},
            ],
            "open_graph": {
                "title": "Über uns, geteilt",
                "image": site.url("/deeper/share.png"),
                "image:width": "1200",
            },
            "twitter": {"card": "summary"},
        }

    def test_theme_color_follows_dark_mode(self, engine: ChromiumEngine, site: SiteServer) -> None:
        metadata = json.loads(take(engine, site.url("/metadata.html"), format="json", dark_mode=True).body)
        assert metadata["theme_color"] == "#101010"

    def test_bounds_all_values(self, engine: ChromiumEngine) -> None:
        many = "".join(
            f"<meta property='og:p{n}' content='{'x' * 5000}'><link rel=icon href=/{n}>" for n in range(2000)
        )
        html = f"<title>{'t' * 5000}</title><meta name=description content='{'d' * 5000}'>{many}"
        assert len(take(engine, INLINE_HTML_URL, html=html[:1_000_000], format="json").body) < 60_000
