"""The page at ``/`` of a service that does not answer everybody."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from harness.node import Node
from harness.site_server import SiteServer
from tests.playground.conftest import Visit
from tintype.signing import UrlSigner

pytestmark = pytest.mark.browser

KEY, SIGNING = "a-key-of-the-shop-1", "a key that signs addresses"


@pytest.fixture(scope="module")
def keyed(start: Callable[..., Node]) -> Node:
    return start(TINTYPE_API_KEYS=f"shop:{KEY}", TINTYPE_SIGNING_KEYS=SIGNING)


@pytest.fixture(scope="module")
def signed(start: Callable[..., Node]) -> Node:
    return start(TINTYPE_SIGNING_KEYS=SIGNING)


class TestApiKeys:
    def test_requires_a_key(self, visit: Visit, keyed: Node, site: SiteServer) -> None:
        at = visit(keyed)
        at.take(site.url("/plain.html"))
        assert at.text("key-error") == "key is required: enter your API key"
        assert at.page.evaluate("document.activeElement.id") == "key"
        assert at.find("status").is_hidden()

    def test_key_unlocks_thumbnails_and_status(self, visit: Visit, keyed: Node, site: SiteServer) -> None:
        at = visit(keyed)
        at.page.fill("#key", KEY)
        at.take(site.url("/plain.html?keyed"))
        assert at.picture == (1280, 720)
        expect(at.find("rate-value")).to_be_visible()
        expect(at.page.locator(".card img")).to_have_count(1)

    def test_key_stays_in_session_storage(self, visit: Visit, keyed: Node, site: SiteServer) -> None:
        at = visit(keyed)
        at.page.fill("#key", KEY)
        at.take(site.url("/plain.html?stays"))
        at.page.reload()
        expect(at.find("key")).to_have_value(KEY)
        kept = at.page.evaluate("JSON.stringify(localStorage) + location.href + document.body.textContent")
        assert KEY not in kept
        assert all(KEY not in address for address in at.asked)
        assert "$TINTYPE_KEY" in at.text("curl")
        assert "os.environ" in at.text("python")

    def test_shows_an_error_for_an_unknown_key(self, visit: Visit, keyed: Node, site: SiteServer) -> None:
        at = visit(keyed)
        at.page.fill("#key", "another")
        at.take(site.url("/plain.html"))
        assert "unknown API key" in at.text("key-error")
        assert at.page.evaluate("sessionStorage.getItem('tintype.key')") is None


class TestSignedUrlsOnly:
    def test_shows_the_thumbnail_of_a_signed_url(self, visit: Visit, signed: Node, site: SiteServer) -> None:
        at = visit(signed)
        at.page.fill("#url", site.url("/plain.html?signed"))
        assert f"--base http://127.0.0.1:{signed.port}" in at.text("signed")
        pairs = [("url", site.url("/plain.html?signed")), ("thumb_width", "320")]
        query = f"{'&'.join(f'{name}={value}' for name, value in pairs)}"
        signature = UrlSigner([SIGNING]).sign("/thumb", pairs)
        at.page.fill("#key", f"http://127.0.0.1:{signed.port}/thumb?{query}&sig={signature}")
        at.take()
        assert at.picture[0] == 320

    def test_shows_an_error_without_a_signature(self, visit: Visit, signed: Node, site: SiteServer) -> None:
        at = visit(signed)
        at.take(site.url("/plain.html"))
        assert "signed" in at.text("key-error")
        assert not any("status.json" in address for address in at.asked)
