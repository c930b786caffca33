"""The script of docs/verdicts.md, in the real browser: a page that requests a placeholder ends with the thumbnail."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from harness.site_server import SiteServer
from tests.chromium.conftest import StartEngine
from tests.support.images import pixel
from tests.support.paths import ROOT
from tests.web.conftest import Site
from tintype.options import Options

pytestmark = pytest.mark.browser

DOCS = ROOT / "docs" / "verdicts.md"


@pytest.fixture
def service() -> Iterator[tuple[Site, int]]:
    """A service whose engine waits, on a port."""
    site = Site()
    server = make_server("127.0.0.1", 0, site.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield site, server.port
    site.engine.released.set()
    server.shutdown()
    thread.join(10)
    server.server_close()
    assert site.service.wait_idle(10)


def snippet(port: int) -> str:
    """The example as it is printed, with this service's address."""
    found = re.search(r"<!-- swap -->\s+```html\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert found
    return found[1].replace("127.0.0.1:8000", f"127.0.0.1:{port}")


def test_example_page_replaces_the_placeholder(
    service: tuple[Site, int], start_engine: StartEngine, tmp_path: Path
) -> None:
    site, port = service
    (tmp_path / "page.html").write_text(f"<!doctype html><style>* {{ margin: 0 }}</style>{snippet(port)}")
    with SiteServer(tmp_path) as pages:
        engine = start_engine(slots=1, timeout=30.0, allow_addresses=(f"127.0.0.1:{pages.port}", f"127.0.0.1:{port}"))
        address = pages.url("/page.html")
        site.engine.released.clear()
        waiting = engine.capture(Options(url=address, width=320, height=240).capture_request().shot)
        assert pixel(waiting.body, 4, 4)[:3] == (246, 243, 236), "the placeholder's paper"
        site.engine.released.set()
        swapped = Options(url=address, width=320, height=240, wait_for="img:not([data-thumb])").capture_request().shot
        seen = engine.capture(swapped)
        assert pixel(seen.body, 4, 4)[:3] == (1, 128, 64), "the first capture"
        assert site.engine.capture_count == 1
