"""Kept tabs: the next capture of a site runs in the renderer of the last one, and finds nothing of its page."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.chromium.conftest import StartEngine
from tests.support.caching_site import CachingSite
from tests.support.concurrency import eventually
from tests.support.images import pixel
from tintype.chromium.process.watchdog import process_memory
from tintype.engines.chromium import ChromiumEngine
from tintype.model import Capture
from tintype.options import Options

pytestmark = pytest.mark.browser


class Site:
    """A site and captures of it by one browser; each returns when its context is kept or disposed of."""

    def __init__(self, engine: ChromiumEngine, server: CachingSite) -> None:
        self.engine = engine
        self.server = server

    def capture(self, path: str, **more: Any) -> Capture:
        shot = Options(url=self.server.url(path), **{"width": 320, "height": 240, **more}).capture_request().shot
        try:
            return self.engine.capture(shot)
        finally:
            assert eventually(lambda: self.engine.status().contexts == 0)

    def count(self, name: str) -> int:
        return int((self.engine.metrics() or {name: 0})[name])

    def renderers(self) -> set[int]:
        pid = self.engine.status().browser_pid
        return {process.pid for process in process_memory(pid) if process.kind == "renderer"}


@pytest.fixture(scope="module")
def server() -> Iterator[CachingSite]:
    with CachingSite() as server:
        yield server


@pytest.fixture
def site(start_engine: StartEngine, server: CachingSite) -> Iterator[Site]:
    engine = start_engine(allow_addresses=(server.address,), slots=1, site_cache=2)
    yield Site(engine, server)
    engine.close()
    engine.stop_if_idle()


def page(script: str = "", body: str = "") -> str:
    return f"<!doctype html><title>page</title><body>{body}<p>Text</p><script>{script}</script>"


LEAVE = """
  window.trace = 1; globalThis[Symbol.for("trace")] = 1; Array.prototype.trace = 1; document.trace = 1;
  customElements.define("trace-element", class extends HTMLElement {});
  document.documentElement.style.background = "red"; scrollTo(0, 50);
  location.hash = "trace"; history.scrollRestoration = "manual";
  addEventListener("message", () => {}); document.cookie = "trace=1; max-age=3600; path=/";
  performance.mark("trace");
"""
FIND = """
  const found = {
    variable: "trace" in window, symbol: Symbol.for("trace") in globalThis, prototype: "trace" in [],
    document: "trace" in document, element: customElements.get("trace-element"), cookie: document.cookie,
    name: window.name, stored: sessionStorage.length + localStorage.length, opener: window.opener,
    marks: performance.getEntriesByName("trace").length, style: document.documentElement.style.background,
    scroll: scrollY, referrer: document.referrer, frames: window.length, state: history.state,
    restoration: history.scrollRestoration === "manual",
    history: history.length > 2,
  };
  document.title = Object.keys(found).filter((name) => found[name]).join() || "nothing";
"""
CLOSED: dict[str, tuple[str, dict[str, Any]]] = {
    "timer": ("setTimeout(() => {}, 2000)", {}),
    "name": ("window.name = 'trace'", {}),
    "session storage": ("sessionStorage.trace = 1", {}),
    "local storage": ("localStorage.trace = 1", {}),
    "frame": ("document.body.append(document.createElement('iframe'))", {}),
    "time zone": ("", {"timezone": "Asia/Tokyo"}),
    "position": ("", {"geolocation": "48.2,16.4"}),
    "transparent": ("", {"omit_background": True}),
    "style of the caller": ("", {"css": "p { color: red }"}),
    "full page": ("", {"full_page": True}),
    "delay": ("", {"delay": 10}),
}
"""Scripts and options of captures whose tab is closed; the context is kept."""


class TestKeptTab:
    def test_the_next_capture_runs_in_the_same_renderer(self, site: Site) -> None:
        site.server.serve("/", page())
        site.capture("/")
        before = site.renderers()
        assert site.count("kept_tabs") == 1
        site.capture("/")
        assert (site.count("kept_tabs"), site.count("kept_context_captures")) == (1, 1)
        assert before <= site.renderers()

    def test_the_next_page_finds_nothing_of_the_last_one(self, site: Site) -> None:
        site.server.serve("/leave", page(LEAVE, "<div style='height: 2000px'></div>"))
        site.server.serve("/find", page(FIND))
        site.capture("/leave")
        assert site.count("kept_tabs") == 1
        assert site.capture("/find").title == "nothing"

    def test_an_address_of_a_blob_is_gone(self, site: Site) -> None:
        site.server.serve("/leave", page("document.title = URL.createObjectURL(new Blob(['trace']))"))
        address = site.capture("/leave").title
        assert site.count("kept_tabs") == 1
        find = f"fetch('{address}').then(() => 'found', () => 'gone').then((text) => {{ document.title = text }})"
        site.server.serve("/find", page(find))
        assert site.capture("/find").title == "gone"

    def test_emulation_is_gone(self, site: Site) -> None:
        media = "matchMedia('print').matches, matchMedia('(prefers-color-scheme: dark)').matches"
        site.server.serve("/", page(f"document.title = [innerWidth, devicePixelRatio, {media}]"))
        usual = site.capture("/").title
        other = site.capture("/", width=640, scale=2, media="print", dark_mode=True)
        assert (other.title, other.width) == ("640,2,true,true", 1280)
        assert site.capture("/").title == usual == "320,1,false,false"
        assert site.count("kept_tabs") == 1

    def test_the_time_of_the_next_page_is_real_until_its_clock_is_advanced(self, site: Site) -> None:
        site.server.serve("/", page())
        later = "const begin = Date.now(); setTimeout(() => { document.title = Date.now() - begin >= 2500 }, 2500)"
        site.server.serve("/later", page(later))
        site.capture("/")
        assert site.count("kept_tabs") == 1
        assert site.capture("/later").title == "true"
        assert site.count("kept_tabs") == 0, "virtual time does not end with the session"
        assert site.capture("/later").title == "true"

    def test_shows_the_next_page(self, site: Site) -> None:
        for path, colour in (("/red", "#c00"), ("/green", "#0a0"), ("/blue", "#00c")):
            site.server.serve(path, f"<!doctype html><title>page</title><body style='background: {colour}'>")
        colours = [pixel(site.capture(path).body, 200, 100)[:3] for path in ("/red", "/green", "/blue", "/red")]
        assert colours == [(204, 0, 0), (0, 170, 0), (0, 0, 204), (204, 0, 0)]
        assert site.count("kept_context_captures") == 3

    @pytest.mark.parametrize("what", CLOSED)
    def test_a_tab_is_closed_if_more_than_a_document_would_last(self, site: Site, what: str) -> None:
        script, options = CLOSED[what]
        site.server.serve("/", page(script))
        for _ in range(2):  # all requests of a site whose pages have frames have to be watched
            site.capture("/", **options)
        assert site.count("kept_tabs") == 0
        assert site.count("kept_contexts") == 1

    def test_a_page_that_isolates_its_process_is_captured_again(self, site: Site) -> None:
        site.server.serve("/", page(), Cross_Origin_Opener_Policy="same-origin")
        assert [site.capture("/").title for _ in range(3)] == ["page"] * 3

    def test_a_context_whose_tab_crashes_is_disposed_of(self, site: Site) -> None:
        site.server.serve("/", page())
        before = site.renderers()
        site.capture("/")
        spare = site.renderers() - before
        for pid in spare | before:
            os.kill(pid, signal.SIGKILL)
        assert eventually(lambda: site.count("kept_contexts") == 0)
        assert site.capture("/").title == "page"
