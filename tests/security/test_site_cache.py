"""Kept browser contexts: captures of one site share its static files, and nothing else."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.chromium.conftest import StartEngine
from tests.support.caching_site import FOREVER, CachingSite, Headers, Response
from tests.support.concurrency import eventually
from tests.support.login_pages import LOGINS, NO_LOGINS, REQUEST, SEND, locked
from tintype.engines.chromium import ChromiumEngine
from tintype.errors import TintypeError
from tintype.model import Capture
from tintype.options import INLINE_HTML_URL, Options

pytestmark = pytest.mark.browser

READY = "document.body.id = 'ready'"


class Site:
    """A site, another one, and captures by one browser; each returns when its context is kept or disposed of."""

    def __init__(self, engine: ChromiumEngine, own: CachingSite, other: CachingSite) -> None:
        self.engine = engine
        self.own = own
        self.other = other

    def capture(self, path: str = "/", *, site: CachingSite | None = None, fresh: bool = False, **more: Any) -> Capture:
        url = (site or self.own).url(path)
        shot = Options(url=url, **{"width": 320, "height": 240, **more}).capture_request().shot
        try:
            return self.engine.capture(shot, fresh=fresh)
        finally:
            assert eventually(lambda: self.engine.status().contexts == 0)

    @property
    def kept(self) -> int:
        return self._metric("kept_contexts")

    @property
    def reused(self) -> int:
        return self._metric("kept_context_captures")

    def forget_requests(self) -> None:
        self.own.forget_requests()
        self.other.forget_requests()

    def _metric(self, name: str) -> int:
        return int((self.engine.metrics() or {name: 0})[name])  # no daemon runs before the first capture

    def title_after(self, first: str, second: str, **more: Any) -> str:
        """Capture a path, then another one in the same context; its title."""
        before = self.reused
        self.capture(first, **more)
        if not self.kept:  # all its requests have to be watched, and are the next time
            self.forget_requests()
            self.capture(first, **more)
        title = self.capture(second, **more).title
        assert self.reused == before + 1, "the second capture did not use the kept context"
        return title


@pytest.fixture
def site(start_engine: StartEngine) -> Iterator[Site]:
    with ExitStack() as servers:
        own, other = (servers.enter_context(CachingSite(host)) for host in ("127.0.0.1", "127.0.0.2"))
        engine = start_engine(allow_addresses=(own.address, other.address), slots=1, site_cache=2)
        for each in (own, other):
            each.serve("/", "<!doctype html><title>page</title><script src=/app.js></script>", Cache_Control="no-store")
            each.serve("/app.js", "window.loaded = true", Cache_Control=FOREVER["Cache-Control"])
        yield Site(engine, own, other)
        engine.close()
        engine.stop_if_idle()


def script_page(script: str, body: str = "") -> str:
    """A page whose module script ends when ``wait_for=%23ready`` matches."""
    return f"<!doctype html><title>page</title><body>{body}<script type=module>\n{script}\n{READY}</script>"


OTHER_CAPTURES: tuple[dict[str, Any], ...] = (
    {"cookies": [{"name": "a", "value": "1"}]},
    {"headers": {"X-A": "1"}},
    {"basic_auth": "anna:s3cret"},
    {"js": "1"},
    {"fresh": True},
    {"user_agent": "Other/1"},
    {"device": "iphone-15"},
    {"locale": "de-DE"},
    {"block_ads": False},
    {"block_trackers": False},
    {"block_chats": False},
)


class TestCache:
    def test_a_static_file_is_loaded_once(self, site: Site) -> None:
        for _ in range(3):
            assert site.capture().title == "page"
        assert (len(site.own.requests("/app.js")), len(site.own.requests("/"))) == (1, 3)
        assert (site.kept, site.reused) == (1, 2)

    def test_a_document_is_validated(self, site: Site) -> None:
        def page(headers: Headers) -> Response:
            known = headers.get("if-none-match") == '"1"'
            return (304 if known else 200), {"ETag": '"1"', **FOREVER}, "<!doctype html><title>first</title><p>."

        site.own.pages["/"] = page
        captures = [site.capture() for _ in range(2)]
        assert [(capture.title, capture.status) for capture in captures] == [("first", 200)] * 2
        assert [headers.get("cache-control") for headers in site.own.requests("/")] == [None, "max-age=0"]
        site.own.pages["/"] = (200, FOREVER, "<!doctype html><title>second</title><p>.")
        assert site.capture().title == "second"

    def test_a_document_is_validated_after_a_redirect(self, site: Site) -> None:
        site.own.pages["/"] = (301, {"Location": "/new", **FOREVER}, "")
        site.own.serve("/new", "<!doctype html><title>new</title>", Cache_Control=FOREVER["Cache-Control"])
        assert site.title_after("/", "/") == "new"
        for path in ("/", "/new"):
            assert [headers.get("cache-control") for headers in site.own.requests(path)] == [None, "max-age=0"], path

    def test_documents_of_frames_and_of_later_navigations_obey_their_lifetimes(self, site: Site) -> None:
        site.own.pages["/frame"] = (200, FOREVER, "<!doctype html>frame")
        site.own.pages["/next"] = (200, FOREVER, "<!doctype html><title>next</title><iframe src=/frame></iframe>")
        site.own.pages["/"] = (200, FOREVER, "<!doctype html><title>first</title><script>location = '/next'</script>")
        assert site.title_after("/", "/") == "next"
        assert [len(site.own.requests(path)) for path in ("/", "/next", "/frame")] == [2, 1, 1]

    def test_serves_no_other_captures(self, site: Site) -> None:
        site.capture()
        for number, options in enumerate(OTHER_CAPTURES, start=2):
            site.capture(**options)
            assert len(site.own.requests("/app.js")) == number, options
        assert site.reused == 0

    def test_serves_no_inline_html(self, site: Site) -> None:
        site.capture()
        html = f"<!doctype html><title>page</title><script src={site.own.url('/app.js')}></script>"
        shot = Options(url=INLINE_HTML_URL, html=html)
        site.engine.capture(shot.capture_request().shot)
        assert len(site.own.requests("/app.js")) == 2

    def test_serves_no_other_port_of_the_host(self, site: Site) -> None:
        with CachingSite() as neighbour:
            engine_sees = site.own.url("/app.js")
            neighbour.serve("/", f"<!doctype html><title>neighbour</title><script src={engine_sees}></script>")
            site.capture()
            with pytest.raises(TintypeError):  # the policy of this test does not permit the port
                site.capture(site=neighbour)
        assert site.reused == 0

    def test_a_fresh_capture_replaces_the_context(self, site: Site) -> None:
        site.capture()
        site.own.serve("/app.js", "window.loaded = 2", Cache_Control="max-age=3600")
        site.own.serve("/", "<!doctype html><script src=/app.js></script><script>document.title = loaded</script>")
        assert site.capture(fresh=True).title == "2"
        assert site.capture().title == "2"
        assert len(site.own.requests("/app.js")) == 2
        assert site.kept == 1

    def test_keeps_at_most_as_many_contexts_as_set(self, site: Site) -> None:
        for agent in ("A/1", "B/1", "C/1"):
            site.capture(user_agent=agent)
        assert site.kept == 2
        site.capture(user_agent="A/1")
        assert (site.kept, site.reused) == (2, 0)

    def test_zero_keeps_none(self, start_engine: StartEngine, site: Site) -> None:
        engine = start_engine(allow_addresses=(site.own.address,), slots=1, site_cache=0)
        none = Site(engine, site.own, site.other)
        none.capture()
        none.capture()
        assert len(site.own.requests("/app.js")) == 2
        assert none.kept == 0


LEAVE = """
  document.cookie = "trace=1; max-age=3600; path=/; SameSite=None; Secure; Partitioned";
  document.cookie = "plain=1; max-age=3600; path=/";
  localStorage.trace = 1; sessionStorage.trace = 1; window.name = "trace"; history.pushState(1, "", "?left");
  await new Promise((done) => {
    const opening = indexedDB.open("trace", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("trace");
    opening.onsuccess = done;
  });
  await caches.open("trace").then((cache) => cache.put("/trace", new Response("1")));
  await navigator.storage.getDirectory().then((root) => root.getFileHandle("trace", { create: true }));
  if (navigator.storageBuckets) await navigator.storageBuckets.open("trace", { persisted: true });
  const shout = new BroadcastChannel("trace"); setInterval(() => shout.postMessage("1"), 10);
  navigator.locks.request("trace", () => new Promise(() => {}));
  for (const name of ["beforeunload", "unload", "pagehide", "visibilitychange"])
    addEventListener(name, () => {
      localStorage.late = 1; document.cookie = "late=1; max-age=3600"; fetch("/late", { keepalive: true });
    });
"""
FIND = """
  const found = [];
  const note = (name, is) => is && found.push(name);
  note("cookie", document.cookie); note("name", window.name); note("history", history.length > 2);
  note("localStorage", localStorage.length); note("sessionStorage", sessionStorage.length);
  note("indexedDB", (await indexedDB.databases()).length); note("caches", (await caches.keys()).length);
  for await (const name of (await navigator.storage.getDirectory()).keys()) note("files", name);
  if (navigator.storageBuckets) note("buckets", (await navigator.storageBuckets.keys()).length);
  note("service worker", (await navigator.serviceWorker.getRegistrations()).length);
  note("controller", navigator.serviceWorker.controller);
  note("locks", (await navigator.locks.query()).held.length);
  note(await new Promise((done) => {
    new BroadcastChannel("trace").onmessage = () => done("broadcast");
    const worker = new SharedWorker("/shared.js");
    worker.port.onmessage = ({ data }) => done(data && "shared worker");
    worker.port.postMessage("get");
  }), true);
  const names = found.filter(Boolean).join(", ") || "nothing";
"""
SHARED_WORKER = """
  let trace = false;
  self.onconnect = ({ ports: [port] }) => {
    port.onmessage = ({ data }) => (data === "set" ? (trace = true) : port.postMessage(trace));
  };
"""


def serve_traces(site: Site) -> None:
    """``/leave`` and ``/find``, on the site itself and in frames of the other one."""
    framed = 'parent.postMessage(names, "*");'
    for server in (site.own, site.other):
        server.serve("/shared.js", SHARED_WORKER)
        server.serve("/leave-frame", script_page(LEAVE + 'parent.postMessage("left", "*");'))
        server.serve("/find-frame", script_page(FIND + framed))
    frame = "<iframe src={}></iframe>"
    heard = "const heard = new Promise((done) => { onmessage = ({ data }) => done(data); });"
    site.own.serve(
        "/leave",
        script_page(heard + LEAVE + "document.title = await heard;", frame.format(site.other.url("/leave-frame"))),
    )
    site.own.serve(
        "/find",
        script_page(
            heard + FIND + 'document.title = names + " / " + await heard;', frame.format(site.other.url("/find-frame"))
        ),
    )


class TestIsolation:
    def test_the_next_capture_finds_no_state_of_the_page_or_of_its_frames(self, site: Site) -> None:
        serve_traces(site)
        assert site.title_after("/leave", "/find", wait_for="#ready") == "nothing / nothing"

    def test_cookies_of_responses_are_gone(self, site: Site) -> None:
        cookie = "a=1; Max-Age=3600; Path=/\nb=1; Max-Age=3600; Path=/; SameSite=None; Secure; Partitioned"
        for server in (site.own, site.other):
            server.pages["/image.svg"] = (200, {"Set-Cookie": cookie, "Cache-Control": "no-store"}, "<svg/>")
        images = f"<img src=/image.svg><img src={site.other.url('/image.svg')}>"
        site.own.pages["/"] = (200, {"Set-Cookie": cookie}, f"<!doctype html><title>page</title>{images}")
        site.title_after("/", "/")
        assert "cookie" not in site.own.requests("/")[1]
        assert "cookie" not in site.other.requests("/image.svg")[1]

    def test_a_closing_page_stores_and_sends_nothing(self, site: Site) -> None:
        serve_traces(site)
        assert site.title_after("/leave", "/find", wait_for="#ready") == "nothing / nothing"
        assert not site.own.requests("/late")

    def test_object_urls_are_gone(self, site: Site) -> None:
        site.own.serve("/leave", script_page('await fetch("/at?" + URL.createObjectURL(new Blob(["trace"])));'))
        site.capture("/leave", wait_for="#ready")
        (address,) = (path.partition("?")[2] for path in site.own.paths() if path.startswith("/at?"))
        assert address.startswith("blob:")
        find = f'document.title = await fetch("{address}").then(() => "found", () => "gone");'
        site.own.serve("/find", script_page(find))
        assert site.capture("/find", wait_for="#ready").title == "gone"
        assert site.reused == 1

    def test_permissions_and_position_are_gone(self, site: Site) -> None:
        site.own.serve(
            "/",
            script_page('document.title = (await navigator.permissions.query({ name: "geolocation" })).state;'),
        )
        assert site.capture(wait_for="#ready", geolocation="48.2,16.4").title == "granted"
        assert site.capture(wait_for="#ready").title == "denied"
        assert site.reused == 1

    def test_emulation_is_gone(self, site: Site) -> None:
        site.own.serve(
            "/",
            script_page(
                """document.title = [Intl.DateTimeFormat().resolvedOptions().timeZone, innerWidth, devicePixelRatio,
                matchMedia("(prefers-color-scheme: dark)").matches, matchMedia("print").matches];"""
            ),
        )
        usual = site.capture(wait_for="#ready").title
        other: dict[str, Any] = {
            "timezone": "Asia/Tokyo",
            "width": 640,
            "scale": 2,
            "dark_mode": True,
            "media": "print",
        }
        assert site.capture(wait_for="#ready", **other).title == "Asia/Tokyo,640,2,true,true"
        assert site.capture(wait_for="#ready").title == usual
        assert site.reused == 2

    def test_a_kept_context_without_a_page_does_not_connect(self, site: Site) -> None:
        site.own.serve("/", script_page('setInterval(() => fetch("/beat", { keepalive: true }), 20);'))
        site.capture(wait_for="#ready")
        assert site.kept == 1
        before = len(site.own.requests("/beat"))
        site.capture(site=site.other)
        assert len(site.own.requests("/beat")) == before

    def test_captures_of_other_sites_do_not_share_it(self, site: Site) -> None:
        site.own.serve("/", f"<!doctype html><title>.</title><script src={site.other.url('/app.js')}></script>")
        site.capture()
        site.capture(site=site.other)
        assert len(site.other.requests("/app.js")) == 2


class TestLastingState:
    """What no call removes: the context is disposed of."""

    @pytest.mark.parametrize("login", LOGINS)
    def test_a_password_is_not_sent_by_the_next_capture(self, site: Site, login: str) -> None:
        own = site.own
        own.pages["/locked"] = own.pages["/locked.js"] = locked
        own.pages["/redirect"] = (302, {"Location": own.url("/locked").replace("//", "//anna:s3cret@")}, "")
        own.serve("/worker.js", f"{REQUEST} {SEND}.then(postMessage);")
        own.serve("/nesting.js", 'new Worker("/worker.js").onmessage = ({ data }) => postMessage(data);')
        own.serve(
            "/shared.js", f"{REQUEST} onconnect = ({{ ports: [port] }}) => {SEND}.then((is) => port.postMessage(is));"
        )
        own.serve("/after", script_page('document.title = (await fetch("/locked")).status;'))
        own.serve("/login", script_page(LOGINS[login]))
        for _ in range(2):  # after a page that was not kept, all requests of its site may be watched
            site.capture("/login", delay=300)
            sent = [headers for path in ("/locked", "/locked.js") for headers in own.requests(path)]
            assert any("authorization" in headers for headers in sent)
            assert site.kept == 0
            assert site.capture("/after", wait_for="#ready").title == "401"
            assert "authorization" not in own.requests("/after")[-1]
            own.forget_requests()

    def test_chromium_sends_no_password_of_other_urls(self, site: Site) -> None:
        """Neither the watch of the page alone nor its script covers them."""
        site.own.pages["/locked"] = locked
        plain = REQUEST.replace("anna:s3cret@", "")
        requests = []
        for variables in (REQUEST, plain):
            site.own.serve("/login", script_page(variables + NO_LOGINS))
            site.capture("/login", wait_for="#ready", delay=300)
            requests.append(site.own.requests("/locked"))
            site.own.forget_requests()
        assert not any("authorization" in headers for headers in requests[0])
        assert len(requests[1]) > 10  # the same without a password

    def test_watches_all_requests_of_a_site_whose_pages_have_frames(self, site: Site) -> None:
        site.own.serve("/frame", "<!doctype html>frame")
        site.own.serve("/", "<!doctype html><title>page</title><p>text<iframe src=/frame></iframe>")
        kept = []
        for _ in range(2):
            site.capture()
            kept.append(site.kept)
        assert kept == [0, 1]
        site.own.serve("/frame", "<!doctype html>frame", Accept_CH="Sec-CH-Viewport-Width")
        site.capture()
        assert site.kept == 0

    def test_requested_client_hints_are_not_sent_by_the_next_capture(self, site: Site) -> None:
        hints = "Sec-CH-UA-Full-Version-List, Sec-CH-Viewport-Width"
        site.own.serve("/", "<!doctype html><title>page</title><p>.", Accept_CH=hints, Critical_CH=hints)
        site.capture()
        assert site.kept == 0
        site.capture()
        without, critical, after, _ = site.own.requests("/")  # Chromium repeats a request for critical hints
        assert without.keys() < critical.keys()
        assert without.keys() == after.keys()

    def test_disposes_of_a_context_after_a_page_that_went_to_another_site(self, site: Site) -> None:
        site.own.serve("/", f"<!doctype html><title>page</title><script>location = '{site.other.url('/')}'</script>")
        assert site.capture().final_url == site.other.url("/")
        assert site.kept == 0

    def test_disposes_of_a_context_after_a_page_that_opened_windows(self, site: Site) -> None:
        site.own.serve("/", "<!doctype html><title>page</title><p>text<script>open('/window')</script>")
        site.capture()
        assert site.kept == 0

    def test_disposes_of_a_context_after_a_page_with_workers(self, site: Site) -> None:
        site.own.serve("/worker.js", "onconnect = () => {};")
        for start in ("new Worker", "new SharedWorker", "await navigator.serviceWorker.register"):
            site.own.serve("/", script_page(f'{start}("/worker.js");'))
            site.capture(wait_for="#ready")
            assert site.kept == 0, start

    def test_disposes_of_a_context_after_an_error(self, site: Site) -> None:
        for response in ((200, {"Content-Disposition": "attachment"}, "file"), (500, {}, ""), (204, {}, "")):
            site.own.pages["/"] = response
            with pytest.raises(TintypeError):
                site.capture()
            assert site.kept == 0, response

    def test_disposes_of_a_context_after_a_page_that_was_stopped(self, start_engine: StartEngine, site: Site) -> None:
        engine = start_engine(allow_addresses=(site.own.address,), slots=1, timeout=5.0)
        hasty = Site(engine, site.own, site.other)
        site.own.serve("/", "<!doctype html><title>page</title><p>text<script>setTimeout(() => { for (;;); })</script>")
        with contextlib.suppress(TintypeError):
            assert hasty.capture().partial
        assert hasty.kept == 0
