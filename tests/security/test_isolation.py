"""What one capture leaves behind no other capture finds: neither after it nor beside it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.site_server import SiteServer
from tests.chromium.conftest import StartEngine
from tintype.engines.chromium import ChromiumEngine
from tintype.options import Navigation, Shot, WaitOptions

pytestmark = pytest.mark.browser

LEFT = "left cookie localStorage indexedDB caches files serviceWorker"


@pytest.fixture(scope="module")
def engine(start_engine: StartEngine, site: SiteServer) -> ChromiumEngine:
    return start_engine(allow_addresses=(f"127.0.0.1:{site.port}",), slots=2)


def leave(site: SiteServer, number: int, stay: int = 0) -> Shot:
    url = site.url(f"/leave-traces.html?{number}")
    return Shot(navigation=Navigation(url=url), wait=WaitOptions(wait_for="#left", delay=stay))


def look(site: SiteServer, number: int) -> Shot:
    return Shot(
        navigation=Navigation(url=site.url(f"/find-traces.html?{number}")), wait=WaitOptions(wait_for="#looked")
    )


def test_next_capture_finds_no_state(engine: ChromiumEngine, site: SiteServer) -> None:
    for number in range(3):
        assert engine.capture(leave(site, number)).title == LEFT
        assert engine.capture(look(site, number)).title == "found nothing"


def test_concurrent_capture_finds_no_state(engine: ChromiumEngine, site: SiteServer) -> None:
    with ThreadPoolExecutor(1) as beside:
        staying = beside.submit(engine.capture, leave(site, 10, stay=3000))
        site.wait_for_visit("/leave-traces.html?10")
        assert engine.capture(look(site, 10)).title == "found nothing"
        assert engine.capture(look(site, 11)).title == "found nothing"
        assert staying.result().title == LEFT


def test_captures_share_no_http_cache(engine: ChromiumEngine, site: SiteServer) -> None:
    before = site.visits("/cacheable")
    engine.capture(look(site, 20))
    engine.capture(look(site, 21))
    assert site.visits("/cacheable") == before + 2
