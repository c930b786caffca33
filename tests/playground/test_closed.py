"""The playground of a service that requires API keys or signed URLs."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from harness.node import Node
from harness.site_server import SiteServer
from tests.playground.conftest import OpenPage, Start
from tintype.signing import UrlSigner

pytestmark = pytest.mark.browser

KEY, SIGNING = "a-key-of-the-shop-1", "a key that signs addresses"


@pytest.fixture(scope="module")
def keyed(share: Start) -> Node:
    return share(TINTYPE_API_KEYS=f"shop:{KEY}", TINTYPE_SIGNING_KEYS=SIGNING)


@pytest.fixture(scope="module")
def signed(share: Start) -> Node:
    return share(TINTYPE_SIGNING_KEYS=SIGNING)


class TestApiKeys:
    def test_requires_a_key(self, open_page: OpenPage, keyed: Node, site: SiteServer) -> None:
        tab = open_page(keyed)
        tab.capture(site.url("/plain.html"))
        assert tab.text("key-error") == "Enter your API key. The operator of the service issues it."
        expect(tab.page.get_by_role("alert")).to_have_text("An API key is needed")
        assert tab.page.evaluate("document.activeElement.id") == "key"
        assert tab.find("status").is_hidden()

    def test_key_unlocks_thumbnails_and_status(self, open_page: OpenPage, keyed: Node, site: SiteServer) -> None:
        tab = open_page(keyed)
        tab.page.fill("#key", KEY)
        tab.capture(site.url("/plain.html?keyed"))
        assert tab.image_size == (1280, 720)
        expect(tab.find("rate-value")).to_be_visible()
        expect(tab.page.locator(".card img")).to_have_count(1)

    def test_enter_in_the_key_field_captures(self, open_page: OpenPage, keyed: Node, site: SiteServer) -> None:
        tab = open_page(keyed)
        tab.page.fill("#url", site.url("/plain.html?entered"))
        tab.page.fill("#key", KEY)
        tab.page.press("#key", "Enter")
        tab.wait_idle()
        assert tab.image_size == (1280, 720)

    def test_key_stays_in_session_storage(self, open_page: OpenPage, keyed: Node, site: SiteServer) -> None:
        tab = open_page(keyed)
        tab.page.fill("#key", KEY)
        tab.capture(site.url("/plain.html?stays"))
        tab.page.reload()
        expect(tab.find("key")).to_have_value(KEY)
        kept = tab.page.evaluate("JSON.stringify(localStorage) + location.href + document.body.textContent")
        assert KEY not in kept
        assert all(KEY not in address for address in tab.requested_urls)
        assert "$API_KEY" in tab.code("curl")
        assert "os.environ" in tab.code("python")

    def test_shows_an_error_for_an_unknown_key(self, open_page: OpenPage, keyed: Node, site: SiteServer) -> None:
        tab = open_page(keyed)
        tab.page.fill("#key", "another")
        tab.capture(site.url("/plain.html"))
        assert "does not know this API key" in tab.text("key-error")
        expect(tab.page.get_by_role("alert")).to_have_text("This API key is unknown")
        assert tab.page.evaluate("sessionStorage.getItem('tintype.key')") is None


class TestSignedUrlsOnly:
    def test_shows_the_thumbnail_of_a_signed_url(self, open_page: OpenPage, signed: Node, site: SiteServer) -> None:
        tab = open_page(signed)
        tab.page.fill("#url", site.url("/plain.html?signed"))
        assert f"--base http://127.0.0.1:{signed.port}" in tab.code("signed")
        pairs = [("url", site.url("/plain.html?signed")), ("thumb_width", "320")]
        query = f"{'&'.join(f'{name}={value}' for name, value in pairs)}"
        signature = UrlSigner([SIGNING]).sign("/thumb", pairs)
        tab.page.fill("#key", f"http://127.0.0.1:{signed.port}/thumb?{query}&sig={signature}")
        tab.capture()
        assert tab.image_size[0] == 320

    def test_reports_a_signature_that_is_not_valid(self, open_page: OpenPage, signed: Node, site: SiteServer) -> None:
        tab = open_page(signed)
        tab.page.fill("#url", site.url("/plain.html"))
        tab.page.fill("#key", f"http://127.0.0.1:{signed.port}/thumb?url={site.url('/plain.html')}&sig={'0' * 64}")
        tab.page.press("#key", "Enter")
        tab.wait_idle()
        expect(tab.page.get_by_role("alert")).to_have_text("This signed URL is not valid")
        assert tab.text("key-error").startswith("Does not match the URL")

    def test_shows_an_error_without_a_signature(self, open_page: OpenPage, signed: Node, site: SiteServer) -> None:
        tab = open_page(signed)
        tab.capture(site.url("/plain.html"))
        assert tab.text("key-error") == "Run the command under “Signed URL” below, and paste its output here."
        expect(tab.page.get_by_role("alert")).to_have_text("A signed URL is needed")
        assert not any("status.json" in address for address in tab.requested_urls)
