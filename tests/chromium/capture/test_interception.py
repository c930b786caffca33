"""Request interception: credentials reach only the target's origin, inline HTML only public addresses."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from harness.processes import command_line, tree
from harness.site_server import SiteServer
from tests.chromium.conftest import StartEngine
from tests.support.concurrency import eventually
from tests.support.images import pixel
from tests.support.recording_server import RecordingServer
from tintype.engines.chromium import ChromiumEngine
from tintype.errors import TargetDenied, TargetUnreachable, TintypeError
from tintype.model import Capture
from tintype.options import INLINE_HTML_URL, Options

pytestmark = pytest.mark.browser

TOKEN = "Bearer t0p-s3cret"
SECRETS = ("t0p-s3cret", "s3cret", "c00kie-value", "anna")


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[RecordingServer, RecordingServer]]:
    with RecordingServer() as other, RecordingServer(other.origin) as target:
        other.other = target.origin
        yield target, other


@pytest.fixture
def target(pair: tuple[RecordingServer, RecordingServer]) -> RecordingServer:
    pair[0].requests.clear()
    return pair[0]


@pytest.fixture
def other(pair: tuple[RecordingServer, RecordingServer]) -> RecordingServer:
    pair[1].requests.clear()
    return pair[1]


@pytest.fixture(scope="module")
def engine(start_engine: StartEngine, pair: tuple[RecordingServer, RecordingServer]) -> ChromiumEngine:
    open_ = [f"{address}:{server.port}" for server in pair for address in ("127.0.0.1", "[::1]")]
    return start_engine(slots=1, timeout=10.0, allow_addresses=tuple(open_))


def take(engine: ChromiumEngine, url: str, **options: Any) -> Capture:
    parsed = Options(url=url, **{"width": 320, "height": 240, "block_ads": False, **options})
    return engine.capture(parsed.capture_request().shot)


class TestSiteIsolation:
    @pytest.mark.parametrize(("credentials", "isolated"), [({"cookies": "a=b"}, True), ({}, False)])
    def test_separates_other_sites_from_a_page_with_credentials(
        self, engine: ChromiumEngine, target: RecordingServer, credentials: dict[str, str], isolated: bool
    ) -> None:
        with ThreadPoolExecutor(1) as threads:
            running = threads.submit(take, engine, f"{target.origin}/page", delay=1000, **credentials)
            assert eventually(lambda: "/own-fetch" in target.header_values("cookie"))
            commands = [command_line(pid) for pid in tree(engine.status().pid)]
            assert any("--site-per-process" in command for command in commands) == isolated
            running.result()


class TestHeaders:
    def test_headers_go_to_the_targets_origin_only(
        self, engine: ChromiumEngine, target: RecordingServer, other: RecordingServer
    ) -> None:
        seen = take(engine, f"{target.origin}/page", headers={"Authorization": TOKEN, "X-Key": "k3y"}, delay=500)
        assert seen.title == "page"
        values = target.header_values("authorization")
        assert {values[path].pop() for path in ("/page", "/own.png", "/hop", "/own-fetch", "/own-frame")} == {TOKEN}
        assert {"/other.png", "/style.css", "/frame", "/other-fetch", "/hopped.png"} <= other.header_values(
            "x-key"
        ).keys()
        assert set().union(*other.header_values("authorization").values(), *other.header_values("x-key").values()) == {
            ""
        }

    def test_headers_do_not_follow_a_redirect_to_another_origin(
        self, engine: ChromiumEngine, target: RecordingServer, other: RecordingServer
    ) -> None:
        seen = take(engine, f"{target.origin}/away", headers={"Authorization": TOKEN, "X-Key": "k3y"})
        assert seen.title == "landing"
        assert target.header_values("x-key")["/away"] == {"k3y"}
        assert other.header_values("x-key")["/landing"] == {""}
        assert set().union(*other.header_values("authorization").values()) == {""}

    def test_headers_replace_those_of_the_browser(self, engine: ChromiumEngine, target: RecordingServer) -> None:
        take(engine, f"{target.origin}/page", headers={"accept-language": "tlh"})
        assert target.header_values("accept-language")["/page"] == {"tlh"}


class TestDocumentsOfOtherOrigins:
    """Requests to the target that a document of another origin causes carry no headers of the caller."""

    HEADERS = {"Authorization": TOKEN}  # noqa: RUF012 - read only

    def test_frames_of_another_origin_send_no_credentials(
        self, engine: ChromiumEngine, target: RecordingServer
    ) -> None:
        take(engine, f"{target.origin}/embedding", headers=self.HEADERS, delay=800)
        values = target.header_values("authorization")
        forged = {path: sent for path, sent in values.items() if "forged" in path}
        assert {"/forged.png", "/forged-frame", "/forged-fetch", "/forged-form", "/forged-nested.png"} <= forged.keys()
        assert set().union(*forged.values()) == {""}

    def test_frames_of_the_target_send_credentials(self, engine: ChromiumEngine, target: RecordingServer) -> None:
        take(engine, f"{target.origin}/embedding", headers=self.HEADERS, delay=500)
        values = target.header_values("authorization")
        assert {path: values[path] for path in ("/embedding", "/nesting", "/nested.png", "/srcdoc.png")} == {
            "/embedding": {TOKEN}, "/nesting": {TOKEN}, "/nested.png": {TOKEN}, "/srcdoc.png": {TOKEN},
        }  # fmt: skip

    def test_a_redirect_by_another_origin_carries_no_credentials(
        self, engine: ChromiumEngine, target: RecordingServer
    ) -> None:
        take(engine, f"{target.origin}/embedding", headers=self.HEADERS, delay=500)
        assert target.header_values("authorization")["/bounced.png"] == {""}

    @pytest.mark.parametrize("path", ["/to-forging", "/to-navigating"])
    def test_a_page_behind_a_redirect_sends_no_credentials(
        self, engine: ChromiumEngine, target: RecordingServer, path: str
    ) -> None:
        take(engine, f"{target.origin}{path}", headers=self.HEADERS, delay=800)
        values = target.header_values("authorization")
        assert values.pop(path) == {TOKEN}
        assert any("forged" in path for path in values)
        assert set().union(*values.values()) == {""}

    def test_a_page_that_reloads_and_navigates_keeps_its_credentials(
        self, engine: ChromiumEngine, target: RecordingServer
    ) -> None:
        assert take(engine, f"{target.origin}/reloading", headers=self.HEADERS, delay=500).title == "next"
        values = target.header_values("authorization")
        assert (values["/reloading"], values["/next"]) == ({TOKEN}, {TOKEN})

    def test_a_frame_of_another_origin_cannot_use_the_cached_password(
        self, engine: ChromiumEngine, target: RecordingServer
    ) -> None:
        assert take(engine, f"{target.origin}/locked-embedding", basic_auth="anna:s3cret", delay=800).title == "inside"
        values = target.header_values("authorization")
        forged = {path: sent for path, sent in values.items() if "forged" in path}
        assert {"/forged.png", "/forged-fetch", "/forged-form"} <= forged.keys()
        assert set().union(*forged.values()) == {""}


class TestCookies:
    def test_cookies_go_to_their_host_and_path(self, engine: ChromiumEngine, target: RecordingServer) -> None:
        cookies = [{"name": "session", "value": "c00kie-value"}, {"name": "deep", "value": "1", "path": "/deeper"}]
        take(engine, f"{target.origin}/page", cookies=cookies)
        assert target.header_values("cookie")["/page"] == {"session=c00kie-value"}

    def test_cookies_end_with_the_capture(self, engine: ChromiumEngine, target: RecordingServer) -> None:
        take(engine, f"{target.origin}/page", cookies="session=c00kie-value")
        take(engine, f"{target.origin}/landing")
        assert target.header_values("cookie")["/landing"] == {""}

    def test_cookies_do_not_go_to_another_host(
        self, engine: ChromiumEngine, target: RecordingServer, other: RecordingServer
    ) -> None:
        seen = take(engine, f"http://localhost:{target.port}/away", cookies="session=c00kie-value")
        assert seen.title == "landing"
        assert target.header_values("cookie")["/away"] == {"session=c00kie-value"}
        assert other.header_values("cookie")["/landing"] == {""}


class TestBasicAuth:
    def test_opens_a_protected_page(self, engine: ChromiumEngine, target: RecordingServer) -> None:
        assert take(engine, f"{target.origin}/locked", basic_auth="anna:s3cret").title == "inside"

    def test_shows_the_401_page_for_a_wrong_password(self, engine: ChromiumEngine, target: RecordingServer) -> None:
        seen = take(engine, f"{target.origin}/locked", basic_auth="anna:wrong")
        assert (seen.title, seen.status) == ("outside", 401)

    def test_does_not_answer_another_origins_challenge(
        self, engine: ChromiumEngine, target: RecordingServer, other: RecordingServer
    ) -> None:
        assert take(engine, f"{target.origin}/trap", basic_auth="anna:s3cret").title == "trap"
        assert other.header_values("authorization")["/locked"] == {""}

    def test_does_not_follow_a_redirect(
        self, engine: ChromiumEngine, target: RecordingServer, other: RecordingServer
    ) -> None:
        take(engine, f"{target.origin}/away", basic_auth="anna:s3cret")
        assert set().union(*other.header_values("authorization").values()) == {""}


def test_credentials_are_in_no_log_and_no_repr(engine: ChromiumEngine, target: RecordingServer, tmp_path: Path) -> None:
    secrets: dict[str, Any] = {
        "headers": {"Authorization": TOKEN},
        "cookies": {"s": "c00kie-value"},
        "basic_auth": "anna:s3cret",
    }
    for path in ("/page", "/locked", "/away"):
        take(engine, f"{target.origin}{path}", **secrets)
    with pytest.raises(TintypeError):
        take(engine, "http://127.0.0.1:9/", **secrets)
    shot = Options(url=target.origin, **secrets)
    log = log_of(engine)
    assert "capture_done" in log
    for text in (
        log,
        repr(shot),
        str(shot),
        repr(shot.capture_request()),
        repr(shot.capture_request().shot.credentials),
    ):
        assert not [secret for secret in SECRETS if secret in text]


class TestInlineHtml:
    def test_captures_inline_html_as_a_page(self, engine: ChromiumEngine) -> None:
        html = "<!doctype html><title>Grüße</title><body style='margin:0;background:rgb(0,153,0)'>"
        seen = take(engine, INLINE_HTML_URL, html=html)
        assert (seen.title, seen.final_url, seen.status) == ("Grüße", "", 200)
        assert pixel(seen.body, 100, 100)[:3] == (0, 153, 0)

    def test_loads_images_from_the_web(self, engine: ChromiumEngine, target: RecordingServer) -> None:
        take(engine, INLINE_HTML_URL, html=f"<!doctype html><img src={target.origin}/picture.png>")
        assert "/picture.png" in target.header_values("accept")

    def test_has_storage_and_scripts(self, engine: ChromiumEngine) -> None:
        script = "localStorage.a = 1; document.cookie = 'b=2'; document.title = localStorage.a + document.cookie"
        assert take(engine, INLINE_HTML_URL, html=f"<script>{script}</script>").title == "1b=2"

    def test_accepts_a_megabyte_of_text(self, engine: ChromiumEngine) -> None:
        seen = take(engine, INLINE_HTML_URL, html="<title>book</title>" + "語" * 900_000)
        assert seen.title == "book"

    @pytest.mark.parametrize("address", ["file:///etc/passwd", "http://127.0.0.1:9/", "http://169.254.169.254/latest/"])
    @pytest.mark.parametrize(
        "html",
        [
            "<script>location = '{0}'</script>",
            "<meta http-equiv=refresh content='0;url={0}'>",
            "<title>kept</title><iframe src='{0}'></iframe><img src='{0}'><object data='{0}'></object>",
            "<title>kept</title><script>fetch('{0}').then(() => {{ document.title = 'reached' }})</script>",
        ],
    )
    def test_reaches_neither_files_nor_private_addresses(self, html: str, address: str, engine: ChromiumEngine) -> None:
        with suppress(TargetDenied, TargetUnreachable):
            seen = take(engine, INLINE_HTML_URL, html=html.format(address))
            assert seen.title in {"kept", ""}
            assert seen.final_url == ""

    def test_cannot_frame_a_denied_page(self, engine: ChromiumEngine, site: SiteServer) -> None:
        before = site.total_visits()
        take(engine, INLINE_HTML_URL, html=f"<iframe src='{site.url('/plain.html')}'></iframe>")
        assert site.total_visits() == before


def log_of(engine: ChromiumEngine) -> str:
    """Everything the daemon wrote."""
    path = Path(engine.address.removeprefix("unix://")).parent / "daemon.log"
    return path.read_text()
