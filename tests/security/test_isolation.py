"""Captures share no state: cookies and storage are invisible to later and concurrent captures."""

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


def leave_traces(site: SiteServer, number: int, stay: int = 0) -> Shot:
    url = site.url(f"/leave-traces.html?{number}")
    return Shot(navigation=Navigation(url=url), wait=WaitOptions(wait_for="#left", delay=stay))


def find_traces(site: SiteServer, number: int) -> Shot:
    return Shot(
        navigation=Navigation(url=site.url(f"/find-traces.html?{number}")), wait=WaitOptions(wait_for="#looked")
    )


def test_next_capture_finds_no_state(engine: ChromiumEngine, site: SiteServer) -> None:
    for number in range(3):
        assert engine.capture(leave_traces(site, number)).title == LEFT
        assert engine.capture(find_traces(site, number)).title == "found nothing"


def test_concurrent_capture_finds_no_state(engine: ChromiumEngine, site: SiteServer) -> None:
    with ThreadPoolExecutor(1) as pool:
        staying = pool.submit(engine.capture, leave_traces(site, 10, stay=3000))
        site.wait_for_visit("/leave-traces.html?10")
        assert engine.capture(find_traces(site, 10)).title == "found nothing"
        assert engine.capture(find_traces(site, 11)).title == "found nothing"
        assert staying.result().title == LEFT
