"""Out-of-process iframes: always in Chrome, sometimes in headless shell."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from harness.site_server import SiteServer
from tests.support.concurrency import async_test, eventually
from tintype.chromium.browser import Browser
from tintype.chromium.process import user
from tintype.chromium.process.launch import Launcher
from tintype.chromium.process.launch_options import LaunchOptions
from tintype.chromium.process.profiles import ProfileRoot
from tintype.chromium.proxy.policy import EgressPolicy
from tintype.filters.engine import FilterFile, compile_lists
from tintype.model import Capture
from tintype.options import Options
from tintype.provision.find_browser import find_chromium

pytestmark = pytest.mark.browser

_CAPTURE_SECONDS = 120.0
"""Time limit of one capture. Cleaning gets a quarter of what is left, which a loaded machine may need."""
LIST = "/promo/loader.js$script\n/promo/banner.$image\n##.sponsored-box\n##div[data-kind=advert]\n"


async def capture_pages(site: SiteServer, other: SiteServer, lists: FilterFile | None, *names: str) -> list[Capture]:
    options = LaunchOptions(binary=str(find_chromium()), user=user.choose_user("nobody"), proxy_port=9, listeners=3)
    policy = EgressPolicy.of([f"127.0.0.1:{each.port}" for each in (site, other)], ["localhost"])
    profiles = ProfileRoot.create()
    browser = await Browser.start(
        Launcher(options, profiles, allow_no_sandbox=False), policy, lists, isolate_sites=True
    )
    try:
        taken = []
        for name in names:
            page, _, more = name.partition("&")
            url = site.url(f"/clean/{page}.html?other={other.port}&{more}")
            shot = Options(url=url, width=640, height=480).capture_request().shot
            taken.append(await browser.capture(shot, None, _CAPTURE_SECONDS, 16_000))
        # No session of a frame is left behind.
        assert await asyncio.to_thread(eventually, lambda: len(browser._session._connection._sessions) == 1)
        return taken
    finally:
        await browser.close()
        profiles.remove()


@async_test
async def test_rejects_consent_dialogs_in_out_of_process_frames() -> None:
    with SiteServer() as site, SiteServer() as other:
        page, *seen = await capture_pages(
            site, other, None, "onetrust&without", "sourcepoint", "trustarc", "home-made-frame"
        )
    assert [capture.title for capture in seen] == ["refused"] * 3
    assert [capture.body == page.body for capture in seen] == [True] * 3


@async_test
async def test_applies_filter_lists_in_out_of_process_frames(tmp_path: Path) -> None:
    (tmp_path / "engine.dat").write_bytes(compile_lists([LIST]))
    with SiteServer() as site, SiteServer() as other:
        lists = FilterFile(tmp_path / "engine.dat")
        page, seen, dialogue = await capture_pages(site, other, lists, "listed&without", "listed", "sourcepoint")
        assert other.visits("/clean/promo/banner.svg") == 0
    assert seen.title == "unanswered"
    assert seen.body == page.body
    assert dialogue.title == "refused"
