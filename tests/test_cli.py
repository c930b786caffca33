"""The command line: flags, files, messages and exit codes. The engine is a fake one, except where marked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.fakes import FakeEngine
from tests.support.terminal import Terminal
from tintype import __version__, backends, cli, errors, imaging
from tintype.errors import TintypeError
from tintype.model import Truncation
from tintype.provision import install

pytestmark = pytest.mark.usefixtures("own_settings")

PAGE = "http://127.0.0.1:9/page"


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    fake = FakeEngine(clock=time.time)
    monkeypatch.setattr(backends, "open_engine", lambda *_, **__: fake)
    return fake


class TestTintype:
    def test_prints_the_version(self, tintype: Terminal) -> None:
        assert tintype("--version") == 0
        assert tintype.out == f"tintype, version {__version__}\n"

    def test_lists_all_commands(self, tintype: Terminal) -> None:
        assert tintype("--help") == 0
        assert all(name in tintype.out for name in cli.COMMANDS)

    def test_rejects_an_unknown_command(self, tintype: Terminal) -> None:
        assert tintype("sho") == 2
        assert "There is no command 'sho'; did you mean shot?" in tintype.err

    def test_ends_quietly_when_the_reader_closes_stdout(self) -> None:
        command = f"{sys.executable} -m tintype doctor | head -c 1"
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
        assert done.stdout == "T"
        assert "Traceback" not in done.stderr

    def test_runs_as_a_module(self) -> None:
        command = [sys.executable, "-m", "tintype", "--version"]
        assert __version__ in subprocess.run(command, capture_output=True, text=True, check=True).stdout


class TestInvalidSettings:
    def test_reports_all_invalid_settings_and_exits_with_2(
        self, tintype: Terminal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PORT", "eighty")
        monkeypatch.setenv("TINTYPE_CASH_TTL", "1d")
        assert tintype("shot", PAGE) == 2
        assert "PORT: invalid value 'eighty'; expected a port from 0 to 65535" in tintype.err
        assert "TINTYPE_CASH_TTL: unknown setting" in tintype.err

    def test_reports_settings_that_fail_at_startup(self, tintype: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TINTYPE_ENGINE", "camera")
        assert tintype("serve", "--port", "0") == 2
        assert "TINTYPE_ENGINE: unknown value 'camera'" in tintype.err


@pytest.mark.usefixtures("engine")
class TestShot:
    def test_names_the_file_after_the_host(self, tintype: Terminal) -> None:
        assert tintype("shot", PAGE) == 0
        assert imaging.size(Path("127.0.0.1.png").read_bytes())[:2] == (1280, 720)
        assert re.match(r"127\.0\.0\.1\.png: 1280 × 720 png, [0-9,]+ bytes \(MISS, ", tintype.err)
        assert tintype.out == ""

    def test_writes_to_the_output_file(self, tintype: Terminal) -> None:
        assert tintype("shot", PAGE, "-o", "mine.png") == 0
        assert Path("mine.png").read_bytes().startswith(b"\x89PNG")

    def test_writes_to_stdout(self, tintype: Terminal) -> None:
        assert tintype("shot", PAGE, "-o", "-") == 0
        assert tintype.raw.startswith(b"\x89PNG")
        assert imaging.size(tintype.raw)[:2] == (1280, 720)

    @pytest.mark.parametrize(("name", "start"), [("a.webp", b"RIFF"), ("a.jpg", b"\xff\xd8"), ("a.JPEG", b"\xff\xd8")])
    def test_derives_the_format_from_the_suffix(self, tintype: Terminal, name: str, start: bytes) -> None:
        assert tintype("shot", PAGE, "-o", name) == 0
        assert Path(name).read_bytes().startswith(start)

    def test_passes_flags_as_options(self, tintype: Terminal, engine: FakeEngine) -> None:
        flags = "--width 800 --height 600 --dark-mode --no-block-ads --delay 250 --selector #chart --thumb-width 400"
        assert tintype("shot", PAGE, *flags.split()) == 0
        shot = engine.shots[0]
        assert (shot.emulation.width, shot.emulation.height, shot.emulation.dark_mode) == (800, 600, True)
        assert (shot.page_changes.block_ads, shot.wait.delay, shot.region.selector) == (False, 250, "#chart")
        assert imaging.size(Path("127.0.0.1.png").read_bytes())[:2] == (400, 300)

    def test_leaves_unset_options_to_the_device_preset(self, tintype: Terminal, engine: FakeEngine) -> None:
        assert tintype("shot", PAGE, "--device", "iPhone SE") == 0
        assert (engine.shots[0].emulation.width, engine.shots[0].emulation.scale) == (375, 2)

    def test_requires_a_url_or_html(self, tintype: Terminal) -> None:
        assert tintype("shot") == 2
        assert "URL" in tintype.err
        assert "--html" in tintype.err

    def test_sends_headers_cookies_and_basic_auth(self, tintype: Terminal, engine: FakeEngine) -> None:
        flags = ["--headers", "X-Key: s3cret", "--headers", "X-B: 2", "--cookies", "a=1", "--cookies", "b=s3cret"]
        assert tintype("shot", PAGE, *flags, "--basic-auth", "anna:s3cret", "-v") == 0
        sent = engine.shots[0].credentials
        assert sent.headers == (("x-b", "2"), ("x-key", "s3cret"))
        assert [cookie[:2] for cookie in sent.cookies] == [("a", "1"), ("b", "s3cret")]
        assert sent.basic_auth == ("anna", "s3cret")
        assert "s3cret" not in tintype.err + tintype.out

    def test_reports_every_invalid_flag_and_exits_with_2(self, tintype: Terminal) -> None:
        assert tintype("shot", "ftp://site.org", "--width", "1", "--thumb-height", "much") == 2
        assert "URL must start with http:// or https://" in tintype.err
        assert "--width must be a whole number from 320 to 3840 pixels, not 1" in tintype.err
        assert "--thumb-height must be a whole number" in tintype.err

    def test_caches_captures_and_fresh_bypasses_the_cache(self, tintype: Terminal, engine: FakeEngine) -> None:
        states = []
        for flags in ([], [], ["--thumb-width", "320"], ["--fresh"]):
            assert tintype("shot", PAGE, *flags) == 0
            states.append(re.search(r"\(([A-Z]+), ", tintype.err)[1])
        assert states == ["MISS", "HIT", "DERIVED", "MISS"]
        assert engine.capture_count == 2

    @pytest.mark.parametrize("limit", [limit for limit in Truncation if limit])
    def test_summary_names_the_limit_that_cut_the_image(
        self, limit: Truncation, tintype: Terminal, engine: FakeEngine
    ) -> None:
        engine.truncated = limit
        assert tintype("shot", PAGE) == 0
        assert "truncated, " in tintype.err

    def test_summary_reports_http_status_and_partial_captures(self, tintype: Terminal, engine: FakeEngine) -> None:
        engine.status, engine.partial = 404, True
        assert tintype("shot", PAGE) == 0
        assert "HTTP status 404" in tintype.err
        assert "captured before the page finished loading" in tintype.err

    def test_reports_an_unwritable_file(self, tintype: Terminal) -> None:
        assert tintype("shot", PAGE, "-o", "nowhere/a.png") == 1
        assert "nowhere/a.png" in tintype.err

    def test_denies_a_private_address_with_exit_code_3(self, tintype: Terminal, engine: FakeEngine) -> None:
        assert tintype("shot", "http://10.0.0.1/") == 3
        assert "not a public web address" in tintype.err
        assert engine.capture_count == 0

    @pytest.mark.parametrize(
        ("failure", "code"),
        [
            (errors.TargetUnreachable("the host has no address"), 3),
            (errors.NotAPage("the URL leads to application/pdf"), 3),
            (errors.SelectorNotFound("nothing matches #chart"), 3),
            (errors.UnusableCapture("verdict login"), 3),
            (errors.TargetError("the page has status 404"), 3),
            (errors.Overloaded("the line is full"), 4),
            (errors.CaptureTimeout("not settled in 20 seconds"), 4),
            (errors.BrowserCrashed("the browser was lost"), 4),
            (errors.BackendUnavailable("the browser does not start"), 4),
        ],
        ids=lambda value: getattr(value, "code", value),
    )
    def test_reports_failures_in_one_line_with_an_exit_code(
        self, tintype: Terminal, engine: FakeEngine, failure: TintypeError, code: int
    ) -> None:
        engine.error = failure
        assert tintype("shot", PAGE) == code
        assert tintype.err == f"tintype: {failure.title}: {failure.detail}\n"
        assert not list(Path().glob("*.png"))

    def test_ctrl_c_prints_nothing(
        self, tintype: Terminal, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupted(_: Any, **__: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(engine, "capture", interrupted)
        assert tintype("shot", PAGE) == 130
        assert tintype.err.strip() == ""


@pytest.mark.usefixtures("engine")
class TestPurge:
    OTHER = "http://127.0.0.1:9/other"

    @pytest.fixture(autouse=True)
    def _two_pages(self, engine: FakeEngine, tintype: Terminal) -> None:
        assert [tintype("shot", page) for page in (PAGE, self.OTHER)] == [0, 0]

    def state(self, tintype: Terminal, page: str) -> str:
        assert tintype("shot", page) == 0
        return re.search(r"\(([A-Z]+), ", tintype.err)[1]

    def test_purges_one_page(self, tintype: Terminal) -> None:
        assert tintype("purge", "--url", f"{PAGE}?utm_source=mail") == 0
        assert re.match(r"Purged [1-9][0-9]* cache entr", tintype.out)
        assert [self.state(tintype, page) for page in (PAGE, self.OTHER)] == ["MISS", "HIT"]

    def test_purges_everything(self, tintype: Terminal) -> None:
        assert tintype("purge", "--all") == 0
        assert [self.state(tintype, page) for page in (PAGE, self.OTHER)] == ["MISS", "MISS"]

    @pytest.mark.parametrize(
        "flags", [("--host", "127.0.0.1"), ("--prefix", "http://127.0.0.1:9"), ("--url", PAGE, "--url", OTHER)]
    )
    def test_purges_groups_of_pages(self, tintype: Terminal, flags: tuple[str, ...]) -> None:
        assert tintype("purge", *flags) == 0
        assert [self.state(tintype, page) for page in (PAGE, self.OTHER)] == ["MISS", "MISS"]

    def test_purges_a_host_that_is_denied_now(self, tintype: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TINTYPE_DENY_HOSTS", "127.0.0.1")
        assert tintype("shot", PAGE) == 3
        assert tintype("purge", "--url", PAGE) == 0
        assert "Purged 2 cache entries (1 of thumbnails, 1 of masters) of url" in tintype.out

    def test_names_the_cache(self, tintype: Terminal) -> None:
        assert tintype("purge", "--tag", "news") == 0
        assert re.search(r"of tag news from SQLite in /.*/cache\.$", tintype.out.strip())

    def test_exits_with_4_if_the_cache_does_not_respond(
        self, tintype: Terminal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REDIS_URL", "redis://:secret@127.0.0.1:1")
        for flags in (("--all",), ("--url", PAGE), ("--host", "site.org"), ("--etag", "0" * 32)):
            assert tintype("purge", *flags) == 4
            assert "the cache does not respond, and the purge may be incomplete; repeat it" in tintype.err
            assert "secret" not in tintype.err + tintype.out

    @pytest.mark.parametrize("flags", [(), ("--all", "--url", PAGE)])
    def test_requires_a_selector_or_all(self, tintype: Terminal, flags: tuple[str, ...]) -> None:
        assert tintype("purge", *flags) == 2
        assert "pass --all, or one of --url, --host, --prefix, --tag, --etag" in tintype.err


class TestInstallBrowser:
    @pytest.fixture
    def installations(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
        installations: list[tuple[str, str]] = []

        def installed(explicit: str, user: str, report: Callable[[str], None], _: Sequence[str]) -> Path:
            installations.append((explicit, user))
            report("Installing ...")
            return Path("/bin/true")

        monkeypatch.setattr("tintype.commands.install_browser.install_browser", installed)
        monkeypatch.setattr("tintype.provision.find_browser.version_of", lambda _: "Chromium 1.2.3")
        return installations

    def test_prints_version_and_path(
        self, tintype: Terminal, installations: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TINTYPE_CHROMIUM", "/opt/chromium")
        assert tintype("install-browser") == 0
        assert tintype.out == "Chromium 1.2.3 at /bin/true\n"
        assert installations == [("/opt/chromium", "tintype")]

    def test_installs_if_needed_only_for_the_chromium_engine(
        self, tintype: Terminal, installations: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SNAPSHARP_API_KEY", "sk_live_x")
        assert tintype("install-browser", "--if-needed") == 0
        assert installations == []
        monkeypatch.setenv("TINTYPE_ENGINE", "snapsharp,chromium")
        assert tintype("install-browser", "--if-needed") == 0
        assert len(installations) == 1

    def test_reports_a_failed_installation_and_exits_with_1(
        self, tintype: Terminal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def failed(*_: Any) -> Path:
            raise install.InstallFailed("one\ntwo\nthree")

        monkeypatch.setattr("tintype.commands.install_browser.install_browser", failed)
        assert tintype("install-browser") == 1
        assert tintype.err == "tintype: one\n  two\n  three\n"


@pytest.mark.browser
def test_shot_captures_a_real_page(example: str, tmp_path: Path) -> None:
    env = {"TINTYPE_ALLOW_ADDRESSES": example.removeprefix("http://").rstrip("/"), "TINTYPE_DAEMON_IDLE_TIMEOUT": "1s"}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tintype",
            "shot",
            example,
            "-o",
            "-",
            "--format",
            "webp",
            "--full-page",
            "--scale",
            "1",
        ],
        env={**os.environ, **env},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    width, height, *_ = imaging.size(done.stdout)
    assert width == 1280
    assert height > 1200
