"""Pages that lead through hosts of a blocklist, as links of affiliates do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import pytest

from harness.site_server import SiteServer
from tests.chromium.conftest import StartEngine
from tests.support.images import pixel
from tintype.engines.chromium import ChromiumEngine
from tintype.errors import TargetDenied
from tintype.options import Options

pytestmark = pytest.mark.browser

BLUE = (0, 102, 204)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        to, _, script = self.path.partition("?to=")[2].partition("&script")
        self.send_response(200 if script else 302)
        if not script:
            self.send_header("Location", to)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(f"<script>location = '{to}'</script>".encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def blocked() -> Iterator[str]:
    """The origin of a host that the blocklist of the engine contains; it redirects to ``to``."""
    with ThreadingHTTPServer(("127.0.0.2", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.2:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(scope="module")
def engine(start_engine: StartEngine, site: SiteServer, blocked: str) -> ChromiumEngine:
    allowed = (f"127.0.0.1:{site.port}", blocked.removeprefix("http://"))
    return start_engine(slots=2, timeout=20.0, allow_addresses=allowed, block_hosts=("127.0.0.2",))


class TestBlockedNavigation:
    @pytest.mark.parametrize("how", ["", "&script"])
    @pytest.mark.parametrize("path", ["{blocked}/?to={page}{how}", "{site}/redirect?to={quoted}"])
    def test_page_behind_a_blocked_host_is_captured(
        self, path: str, how: str, engine: ChromiumEngine, site: SiteServer, blocked: str
    ) -> None:
        page = site.url("/plain.html")
        quoted = quote(f"{blocked}/?to={page}{how}", safe="")
        url = path.format(blocked=blocked, page=page, how=how, site=site.url(""), quoted=quoted)
        capture = engine.capture(Options(url=url).capture_request().shot)
        assert (capture.final_url, pixel(capture.body, 1270, 710)[:3]) == (page, BLUE)

    def test_script_that_leads_to_a_blocked_host_is_followed(
        self, engine: ChromiumEngine, site: SiteServer, blocked: str
    ) -> None:
        page = site.url("/plain.html")
        url = site.url(f"/redirect?to={quote(f'/leads-away.html?{blocked}/?to={page}', safe='')}")
        assert engine.capture(Options(url=url).capture_request().shot).final_url == page

    def test_other_requests_to_the_host_stay_blocked(
        self, engine: ChromiumEngine, site: SiteServer, blocked: str
    ) -> None:
        html = f"<body><script src='{blocked}/?to=x' onload='document.title = 1' onerror='document.title = 2'></script>"
        shot = Options(url="http://html.invalid/", html=html).capture_request().shot
        assert engine.capture(shot).title == "2"

    def test_denied_host_stays_denied(self, engine: ChromiumEngine, site: SiteServer) -> None:
        url = site.url(f"/redirect?to={quote('http://127.0.0.3:9/', safe='')}")
        with pytest.raises(TargetDenied):
            engine.capture(Options(url=url).capture_request().shot)
