"""What the doctor finds, and what it says helps. Broken parts are really broken: a closed port, a failing program."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.servers import RedisServer, S3Server, free_port
from tests.support.fakes import FakeEngine
from tintype import backends, cli
from tintype.chromium.process import user
from tintype.filters import store
from tintype.provision import doctor, find_browser, fonts
from tintype.provision.doctor import CheckLevel, CheckResult
from tintype.settings import Settings

STARTS = 'case "$*" in *--version*) echo Chromium 1.2.3;; *) echo "<p>tintype-was-here</p>";; esac'
NO_SANDBOX = 'case "$*" in *--version*) echo Chromium 1.2.3;; *) echo "FATAL: No usable sandbox!" >&2; exit 1;; esac'

WIDTHS = "Liberation Sans,Liberation Serif,Liberation Mono,Carlito,Caladea"


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    fake = FakeEngine(clock=lambda: 2e9)
    monkeypatch.setattr(backends, "open_engine", lambda *_, **__: fake)
    return fake


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in front of the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


@pytest.fixture
def browser(commands: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that passes for Chromium."""
    monkeypatch.setattr(find_browser, "_MAGIC", (b"#!/b",))
    monkeypatch.setattr(find_browser, "is_world_executable", lambda _: True)
    monkeypatch.setattr(user, "choose_user", lambda *_, **__: user.BrowserUser("me"))
    return program(commands / "chromium", STARTS)


@pytest.fixture
def all_fonts(commands: Path) -> Path:
    """Programs that pass for fontconfig's where nothing is missing."""
    program(commands / "fc-list", "echo False 0-ffff; echo True 20-10ffff")
    program(commands / "fc-match", f"echo {WIDTHS}")
    return commands


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def settings(tmp_path: Path, **said: str) -> Settings:
    return Settings.load({"TINTYPE_DATA_DIR": str(tmp_path / "data"), **said}, env_file=None)


def examine(chosen: Settings) -> dict[str, CheckResult]:
    return {finding.name: finding for finding in doctor.run_checks(chosen)}


class TestTheDataFolder:
    def test_is_named_with_what_is_free(self, tmp_path: Path) -> None:
        found = examine(settings(tmp_path))["data folder"]
        assert found.level is CheckLevel.OK
        assert f"{tmp_path}/data, " in found.detail

    def test_that_cannot_be_used_is_bad(self, tmp_path: Path) -> None:
        (tmp_path / "data").write_text("a file")
        found = examine(settings(tmp_path))["data folder"]
        assert found.level is CheckLevel.ERROR
        assert "TINTYPE_DATA_DIR" in found.remedy


class TestTheBrowser:
    def test_is_named_with_its_version(self, tmp_path: Path, browser: Path) -> None:
        found = examine(settings(tmp_path, TINTYPE_CHROMIUM=str(browser)))["browser"]
        assert (found.level, found.detail) == (CheckLevel.OK, f"Chromium 1.2.3 at {browser}")

    def test_that_is_missing_is_bad(self, tmp_path: Path) -> None:
        found = examine(settings(tmp_path, TINTYPE_CHROMIUM="/nowhere"))["browser"]
        assert (found.level, found.detail) == (CheckLevel.ERROR, "none at /nowhere")
        assert "install-browser" in found.remedy

    def test_that_does_not_start_is_bad_with_its_reason(self, tmp_path: Path, browser: Path) -> None:
        program(browser, "echo libnss3.so: cannot open shared object file >&2; exit 127")
        found = examine(settings(tmp_path, TINTYPE_CHROMIUM=str(browser)))
        assert found["browser"].level is CheckLevel.ERROR
        assert "libnss3.so" in found["browser"].detail
        assert "sandbox" not in found

    def test_is_not_needed_for_another_engine(self, tmp_path: Path) -> None:
        found = examine(settings(tmp_path, SNAPSHARP_API_KEY="sk"))
        assert not {"browser", "sandbox", "fonts"} & set(found)
        assert found["capture"].level is CheckLevel.OK

    def test_runs_as_somebody_else_for_want_of_its_user(
        self, tmp_path: Path, browser: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stand_in = user.BrowserUser("nobody", os.geteuid(), os.getegid())
        monkeypatch.setattr(user, "choose_user", lambda *_, **__: stand_in)
        if os.geteuid() != 0:
            monkeypatch.setattr(doctor, "_start_browser", lambda *_: pytest.fail("needs root"))
        found = next(f for f in doctor._browser(settings(tmp_path, TINTYPE_CHROMIUM=str(browser))) if "user" in f.name)
        assert (found.level, found.detail) == (
            CheckLevel.WARNING,
            "there is no user tintype, so Chromium runs as nobody",
        )
        monkeypatch.setattr(find_browser, "is_world_executable", lambda _: False)
        found = next(f for f in doctor._browser(settings(tmp_path, TINTYPE_CHROMIUM=str(browser))) if "user" in f.name)
        assert (found.level, found.detail) == (CheckLevel.ERROR, f"nobody cannot reach {browser}")


class TestTheSandbox:
    def test_that_works_is_good(self, tmp_path: Path, browser: Path) -> None:
        assert examine(settings(tmp_path, TINTYPE_CHROMIUM=str(browser)))["sandbox"].level is CheckLevel.OK

    def test_that_does_not_is_bad_with_what_chromium_says(self, tmp_path: Path, browser: Path) -> None:
        program(browser, NO_SANDBOX)
        found = examine(settings(tmp_path, TINTYPE_CHROMIUM=str(browser)))["sandbox"]
        assert (found.level, found.detail) == (CheckLevel.ERROR, "FATAL: No usable sandbox!")
        assert "user namespaces" in found.remedy

    def test_that_was_given_up_stays_doubtful(self, tmp_path: Path, browser: Path) -> None:
        given_up = settings(tmp_path, TINTYPE_CHROMIUM=str(browser), ALLOW_NO_SANDBOX="1")
        assert "ALLOW_NO_SANDBOX" in examine(given_up)["sandbox"].remedy
        program(browser, NO_SANDBOX)
        assert examine(given_up)["sandbox"].level is CheckLevel.WARNING

    @pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")
    def test_namespaces_are_tried(self, tmp_path: Path, browser: Path) -> None:
        assert examine(settings(tmp_path, TINTYPE_CHROMIUM=str(browser)))["namespaces"].level in CheckLevel


class TestFonts:
    def test_of_all_scripts_are_good(self, tmp_path: Path, all_fonts: Path) -> None:
        found = examine(settings(tmp_path))["fonts"]
        assert found.level is CheckLevel.OK
        assert found.detail.startswith(f"for {len(fonts.SCRIPTS)} scripts, with emoji in colour")

    def test_that_are_missing_are_named_with_their_packages(self, tmp_path: Path, all_fonts: Path) -> None:
        program(all_fonts / "fc-list", 'echo "False 0-dff e80-3040 3100-10ffff"')
        program(all_fonts / "fc-match", f"echo {WIDTHS.replace('Carlito', 'Noto Sans')}")
        found = examine(settings(tmp_path))["fonts"]
        assert found.level is CheckLevel.WARNING
        assert found.detail == (
            "none as wide as Calibri: install fonts-crosextra-carlito; no font for Thai: install fonts-noto-core; "
            "no font for Japanese: install fonts-noto-cjk; no font for Emoji: install fonts-noto-color-emoji"
        )
        assert found.remedy.endswith(
            "apt install fonts-crosextra-carlito fonts-noto-cjk fonts-noto-color-emoji fonts-noto-core"
        )

    def test_need_one_font_for_a_script_as_a_whole(self, tmp_path: Path, all_fonts: Path) -> None:
        program(all_fonts / "fc-list", "echo True 0-e2f; echo True e30-10ffff")
        assert "no font for Thai" in examine(settings(tmp_path))["fonts"].detail

    def test_of_somebody_whose_home_the_browser_does_not_see_do_not_count(
        self, tmp_path: Path, all_fonts: Path
    ) -> None:
        program(all_fonts / "fc-list", 'case "$HOME$XDG_DATA_HOME" in /nonexistent) ;; *) echo True 0-10ffff;; esac')
        assert "no font for Latin" in examine(settings(tmp_path))["fonts"].detail

    @pytest.mark.parametrize("program_", ["fc-list", "fc-match"])
    def test_that_cannot_be_asked_for_are_said_to_be_unknown(
        self, program_: str, tmp_path: Path, all_fonts: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (all_fonts / program_).unlink()
        monkeypatch.setenv("PATH", str(all_fonts))
        found = examine(settings(tmp_path))["fonts"]
        assert (found.level, found.detail) == (CheckLevel.WARNING, f"{program_} is missing, so nobody knows")
        assert found.remedy == "apt install fontconfig"

    def test_that_cannot_be_listed_are_said_to_be_unknown_and_why(self, tmp_path: Path, all_fonts: Path) -> None:
        program(all_fonts / "fc-list", "echo Cannot load default config file >&2; exit 1")
        found = examine(settings(tmp_path))["fonts"]
        assert found.detail == "fc-list failed: Cannot load default config file, so nobody knows"


class TestTheCache:
    def test_on_this_machine(self, tmp_path: Path) -> None:
        found = examine(settings(tmp_path))["cache"]
        assert found.level is CheckLevel.OK
        assert found.detail.startswith("SQLite in ")

    def test_in_redis(self, tmp_path: Path) -> None:
        with RedisServer() as server:
            found = examine(settings(tmp_path, REDIS_URL=server.url))["cache"]
        assert found.level is CheckLevel.OK
        assert found.detail.startswith("Redis, ")

    def test_in_a_redis_that_is_gone_is_bad(self, tmp_path: Path) -> None:
        found = examine(settings(tmp_path, REDIS_URL=f"redis://:hush@127.0.0.1:{free_port()}"))["cache"]
        assert found.level is CheckLevel.ERROR
        assert "REDIS_URL" in found.remedy
        assert "hush" not in found.detail


class TestStorage:
    @pytest.fixture
    def bucket(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        with S3Server() as server:
            server.create_bucket("thumbs")
            yield {"S3_BUCKET": "thumbs", "S3_REGION": "us-east-1", "S3_ENDPOINT_URL": server.url}

    def test_on_disk(self, tmp_path: Path) -> None:
        assert examine(settings(tmp_path))["storage"].detail.startswith("files in ")

    def test_in_a_bucket(self, tmp_path: Path, bucket: dict[str, str]) -> None:
        found = examine(settings(tmp_path, **bucket))["storage"]
        assert (found.level, found.detail) == (CheckLevel.OK, "bucket thumbs")

    def test_in_a_bucket_that_does_not_exist_is_bad(self, tmp_path: Path, bucket: dict[str, str]) -> None:
        found = examine(settings(tmp_path, **{**bucket, "S3_BUCKET": "nowhere"}))["storage"]
        assert found.level is CheckLevel.ERROR
        assert "S3_BUCKET" in found.remedy


def test_a_capture_that_fails_is_bad_with_its_reason(tmp_path: Path, engine: FakeEngine) -> None:
    engine.down = "the browser does not start"
    found = examine(settings(tmp_path))["capture"]
    assert (found.level, found.detail) == (CheckLevel.ERROR, "the browser does not start")


class TestTheCommand:
    @pytest.fixture(autouse=True)
    def _own_settings(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, browser: Path, all_fonts: Path) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("TINTYPE_DATA_DIR", str(tmp_path / "data"))
        monkeypatch.setenv("TINTYPE_CHROMIUM", str(browser))

    def test_ends_with_0_when_all_is_well(self, capfd: pytest.CaptureFixture[str]) -> None:
        assert cli.run(["doctor"]) == 0
        said = capfd.readouterr().out
        assert "Ready to take pictures." in said
        assert "Chromium 1.2.3" in said

    def test_ends_with_1_and_a_remedy_when_something_essential_is_not(
        self, capfd: pytest.CaptureFixture[str], engine: FakeEngine
    ) -> None:
        engine.down = "the browser does not start"
        assert cli.run(["doctor"]) == 1
        said = capfd.readouterr().out
        assert "WRONG" in said
        assert "→ " in said

    def test_tells_where_each_setting_came_from(
        self, capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / ".env").write_text("TINTYPE_CACHE_TTL=36h\n")
        monkeypatch.setenv("TINTYPE_SLOTS", "7")
        assert cli.run(["doctor"]) == 0
        lines = [line.split() for line in capfd.readouterr().out.splitlines()]
        assert ["TINTYPE_CACHE_TTL", "36h", ".env"] in lines
        assert ["TINTYPE_SLOTS", "7", "environment"] in lines
        assert ["TINTYPE_STALE_FOR", "7d", "default"] in lines

    def test_covers_secrets(
        self, capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "key").write_text("sk_live_hush")
        monkeypatch.setenv("SNAPSHARP_API_KEY_FILE", str(tmp_path / "key"))
        monkeypatch.setenv("REDIS_URL", f"redis://me:hush@127.0.0.1:{free_port()}/1?password=hush")
        cli.run(["doctor"])
        said = "".join(capfd.readouterr())
        assert "hush" not in said
        assert "set, not shown" in said
        assert "redis://***@127.0.0.1:" in said


@pytest.mark.browser
@pytest.mark.usefixtures("engine")
def test_this_very_machine_has_a_browser_that_starts(tmp_path: Path) -> None:
    found = examine(settings(tmp_path, **{k: v for k, v in os.environ.items() if k == "TINTYPE_CHROMIUM"}))
    assert found["browser"].level is CheckLevel.OK, found["browser"]
    assert "hromi" in found["browser"].detail or "hrome" in found["browser"].detail
    assert found["sandbox"].detail


class TestFilterLists:
    @pytest.fixture
    def lists(self, tmp_path: Path) -> Path:
        path = tmp_path / "list.txt"
        path.write_text("! Title: Ours\n||ads.example^\n")
        return path

    def test_are_not_spoken_of_where_there_are_none(self, tmp_path: Path) -> None:
        assert "filter lists" not in examine(settings(tmp_path))

    def test_have_to_be_read_first(self, lists: Path, tmp_path: Path) -> None:
        found = examine(settings(tmp_path, TINTYPE_FILTER_LISTS=str(lists)))["filter lists"]
        assert (found.level, "update-filters" in found.remedy) == (CheckLevel.WARNING, True)

    @pytest.mark.parametrize(("days", "state"), [(0, CheckLevel.OK), (40, CheckLevel.WARNING)])
    def test_grow_old(
        self, days: int, state: CheckLevel, lists: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wanted = settings(tmp_path, TINTYPE_FILTER_LISTS=str(lists))
        backends.data_folder(wanted, "filters")
        monkeypatch.setattr(store, "now", lambda: time.time() - days * 86_400)
        backends.filter_list_store(wanted).update(wanted.filter_lists, lambda source: Path(source).read_text())
        found = examine(wanted)["filter lists"]
        assert found.level is state
        assert "Ours: 1 rules" in found.detail
