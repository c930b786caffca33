"""Consent dialogs, chats and ad slots are removed from pages.

``page.js`` draws the same page under every dialog, so a cleaned capture equals the capture of the page alone. The title
reports how the dialog was answered.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from harness import site_server
from harness.site_server import PAGES, SiteServer
from tests.chromium.conftest import StartEngine
from tests.support.cleaning_pages import CleaningPages
from tests.support.images import pixel
from tintype.chromium.cleaning import bundled_rules
from tintype.model import Capture

pytestmark = pytest.mark.browser

BLUE, RED = (0, 102, 204), (204, 0, 0)
MANAGERS = (
    "complianz", "consentmanager", "cookiebot", "cookienotice", "cookieyes", "didomi", "fundingchoices", "hubspot",
    "insites", "iubenda", "klaro", "onetrust", "orestbida", "osano", "quantcast", "tarteaucitron", "usercentrics",
)  # fmt: skip
FRAMES = ("trustarc", "sourcepoint", "home-made-frame")
HOME_MADE = ("home-made-bar", "home-made-modal", "home-made-shadow")
INNOCENT = tuple(sorted(path.stem for path in (PAGES / "clean").glob("stays-*.html")))


@pytest.fixture(scope="module")
def pages(start_engine: StartEngine, site: SiteServer) -> Iterator[CleaningPages]:
    with SiteServer() as other:
        ports = site.port, other.port
        addresses = tuple(f"127.0.0.1:{port}" for port in ports)
        engine = start_engine(slots=2, timeout=20.0, allow_addresses=addresses, allow_hosts=("localhost",))
        yield CleaningPages(engine, site, other)


@pytest.fixture(scope="module")
def page(pages: CleaningPages) -> Capture:
    """The page below all dialogues."""
    return pages.take("onetrust", without=True)


class TestConsentDialog:
    @pytest.mark.parametrize("name", [*MANAGERS, *FRAMES, *HOME_MADE])
    def test_refuses_and_hides_a_consent_dialog(self, name: str, pages: CleaningPages, page: Capture) -> None:
        capture = pages.take(name)
        assert capture.title == "refused"
        assert capture.body == page.body

    def test_hides_dialog_and_backdrop_if_no_button_refuses(self, pages: CleaningPages, page: Capture) -> None:
        capture = pages.take("home-made-wall")
        assert capture.title == "unanswered"
        assert capture.body == page.body

    @pytest.mark.parametrize("name", ["link-only", "form-only"])
    def test_does_not_follow_a_link_or_submit_a_form(self, name: str, pages: CleaningPages, page: Capture) -> None:
        capture = pages.take(name)
        assert (capture.title, capture.final_url.partition("?")[0]) == (
            "unanswered",
            pages.site.url(f"/clean/{name}.html"),
        )
        assert capture.body == page.body

    def test_captures_a_page_that_reloads_after_a_refusal(self, pages: CleaningPages, page: Capture) -> None:
        capture = pages.take("reloading")
        assert capture.title == "refused"
        assert capture.body == page.body

    def test_does_not_shorten_a_full_page(self, pages: CleaningPages) -> None:
        whole = pages.take("onetrust", without=True, full_page=True)
        for name in ("onetrust", "didomi", "sourcepoint", "home-made-wall"):
            assert pages.take(name, full_page=True).body == whole.body

    @pytest.mark.parametrize("name", ["onetrust", "sourcepoint", "home-made-bar"])
    def test_stays_if_the_option_is_off(self, name: str, pages: CleaningPages, page: Capture) -> None:
        capture = pages.take(name, block_cookie_banners=False)
        assert capture.title == "unanswered"
        assert capture.body != page.body


@pytest.mark.parametrize("name", INNOCENT)
def test_keeps_elements_that_only_mention_cookies(name: str, pages: CleaningPages) -> None:
    clean, untouched = pages.take(name), pages.take(name, block_cookie_banners=False)
    assert clean.title == "unanswered"
    assert clean.body == untouched.body


def test_a_consent_api_that_never_returns_does_not_stop_a_capture(pages: CleaningPages, page: Capture) -> None:
    assert pages.take("hostile").body == page.body


def test_hides_in_spite_of_a_content_security_policy(pages: CleaningPages) -> None:
    assert pixel(pages.take("strict").body, 320, 90)[:3] == BLUE
    untouched = pages.take("strict", block_cookie_banners=False)
    assert pixel(untouched.body, 320, 90)[:3] == RED


def test_removes_chats_and_ad_slots(pages: CleaningPages, page: Capture) -> None:
    assert pages.take("extras").body == page.body
    chatty = pages.take("extras", block_chats=False)
    crowded = pages.take("extras", block_ads=False)
    assert len({page.body, chatty.body, crowded.body}) == 3


def test_hides_broken_images_of_blocked_hosts(start_engine: StartEngine, pages: CleaningPages, page: Capture) -> None:
    site, other = pages.site, pages.other
    addresses = (f"127.0.0.1:{site.port}", f"127.0.0.1:{other.port}")
    engine = start_engine(
        slots=1, timeout=20.0, allow_addresses=addresses, allow_hosts=("localhost",), block_hosts=("localhost",)
    )
    clean = CleaningPages(engine, site, other)
    assert clean.take("refused").body == page.body
    assert clean.take("refused", block_ads=False).body != page.body


def test_every_bundled_selector_is_valid(pages: CleaningPages, monkeypatch: pytest.MonkeyPatch) -> None:
    selectors = [
        *bundled_rules.selectors("ads"),
        *bundled_rules.selectors("chats"),
        *bundled_rules.consent_selectors(),
        *(mark["selector"] for mark in bundled_rules.marks()),
        *(each for manager in bundled_rules.consent_managers() for each in (*manager["hide"], *manager["refuse"])),
    ]
    script = f"""<!doctype html><script>
        const wrong = {json.dumps(selectors)}.filter((selector) => {{
            try {{ document.querySelector(selector); }} catch {{ return true; }}
        }});
        document.title = "wrong: " + wrong;
    </script>"""
    answer = 200, {"Content-Type": "text/html; charset=utf-8"}, script.encode()
    monkeypatch.setitem(site_server.RESPONSES, "/clean/selectors.html", lambda _: answer)
    assert pages.take("selectors").title == "wrong:"
