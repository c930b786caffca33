"""Tests of the checks of ``tintype doctor``, with real failures: a closed port, a failing program."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.servers import RabbitServer, RedisServer, S3Server, free_port
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
    """A folder at the start of the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


@pytest.fixture
def browser(commands: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script in place of Chromium."""
    monkeypatch.setattr(find_browser, "_MAGIC", (b"#!/b",))
    monkeypatch.setattr(find_browser, "is_world_executable", lambda _: True)
    monkeypatch.setattr(user, "choose_user", lambda *_, **__: user.BrowserUser("me"))
    return program(commands / "chromium", STARTS)


@pytest.fixture
def all_fonts(commands: Path) -> Path:
    """Scripts in place of fontconfig, which report every font."""
    program(commands / "fc-list", "echo False 0-ffff; echo True 20-10ffff")
    program(commands / "fc-match", f"echo {WIDTHS}")
    return commands


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def settings(tmp_path: Path, **environ: str) -> Settings:
    return Settings.load({"TINTYPE_DATA_DIR": str(tmp_path / "data"), **environ}, env_file=None)


def check(chosen: Settings) -> dict[str, CheckResult]:
    return {result.name: result for result in doctor.run_checks(chosen)}


class TestDataFolder:
    def test_reports_the_free_disk_space(self, tmp_path: Path) -> None:
        found = check(settings(tmp_path))["data folder"]
        assert found.level is CheckLevel.OK
        assert f"{tmp_path}/data, " in found.detail

    def test_reports_a_folder_that_cannot_be_used(self, tmp_path: Path) -> None:
        (tmp_path / "data").write_text("a file")
        found = check(settings(tmp_path))["data folder"]
        assert found.level is CheckLevel.ERROR
        assert "TINTYPE_DATA_DIR" in found.remedy


class TestBrowser:
    def test_reports_version_and_path(self, tmp_path: Path, browser: Path) -> None:
        found = check(settings(tmp_path, TINTYPE_CHROMIUM=str(browser)))["browser"]
        assert (found.level, found.detail) == (CheckLevel.OK, f"Chromium 1.2.3 at {browser}")

    def test_reports_a_missing_browser(self, tmp_path: Path) -> None:
        found = check(settings(tmp_path, TINTYPE_CHROMIUM="/nowhere"))["browser"]
        assert (found.level, found.detail) == (CheckLevel.ERROR, "none at /nowhere")
        assert "install-browser" in found.remedy

    def test_reports_why_the_browser_does_not_start(self, tmp_path: Path, browser: Path) -> None:
        program(browser, "echo libnss3.so: cannot open shared object file >&2; exit 127")
        found = check(settings(tmp_path, TINTYPE_CHROMIUM=str(browser)))
        assert found["browser"].level is CheckLevel.ERROR
        assert "libnss3.so" in found["browser"].detail
        assert "sandbox" not in found

    def test_skips_the_browser_for_another_engine(self, tmp_path: Path) -> None:
        found = check(settings(tmp_path, SNAPSHARP_API_KEY="sk"))
        assert not {"browser", "sandbox", "fonts"} & set(found)
        assert found["capture"].level is CheckLevel.OK

    def test_warns_when_the_browser_runs_as_another_user(
        self, tmp_path: Path, browser: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stand_in = user.BrowserUser("nobody", os.geteuid(), os.getegid())
        monkeypatch.setattr(user, "choose_user", lambda *_, **__: stand_in)
        if os.geteuid() != 0:
            monkeypatch.setattr(doctor, "_start_browser", lambda *_: pytest.fail("needs root"))
        found = next(f for f in doctor._browser(settings(tmp_path, TINTYPE_CHROMIUM=str(browser))) if "user" in f.name)
        assert (found.level, found.detail) == (
            CheckLevel.WARNING,
            "the user tintype does not exist; Chromium runs as nobody",
        )
        monkeypatch.setattr(find_browser, "is_world_executable", lambda _: False)
        found = next(f for f in doctor._browser(settings(tmp_path, TINTYPE_CHROMIUM=str(browser))) if "user" in f.name)
        assert (found.level, found.detail) == (CheckLevel.ERROR, f"{stand_in.name} cannot execute {browser}")


class TestSandbox:
    def test_accepts_a_working_sandbox(self, tmp_path: Path, browser: Path) -> None:
        assert check(settings(tmp_path, TINTYPE_CHROMIUM=str(browser)))["sandbox"].level is CheckLevel.OK

    def test_reports_chromiums_message_about_its_sandbox(self, tmp_path: Path, browser: Path) -> None:
        program(browser, NO_SANDBOX)
        found = check(settings(tmp_path, TINTYPE_CHROMIUM=str(browser)))["sandbox"]
        assert (found.level, found.detail) == (CheckLevel.ERROR, "FATAL: No usable sandbox!")
        assert "user namespaces" in found.remedy

    def test_warns_while_the_sandbox_is_disabled(self, tmp_path: Path, browser: Path) -> None:
        unsandboxed = settings(tmp_path, TINTYPE_CHROMIUM=str(browser), ALLOW_NO_SANDBOX="1")
        assert "ALLOW_NO_SANDBOX" in check(unsandboxed)["sandbox"].remedy
        program(browser, NO_SANDBOX)
        assert check(unsandboxed)["sandbox"].level is CheckLevel.WARNING

    @pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")
    def test_tries_namespaces(self, tmp_path: Path, browser: Path) -> None:
        assert check(settings(tmp_path, TINTYPE_CHROMIUM=str(browser)))["namespaces"].level in CheckLevel

    @pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")
    def test_warns_about_the_home_that_contains_the_browser(
        self, tmp_path: Path, browser: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(doctor, "HOMES", (str(browser.parent), str(tmp_path / "other")))
        namespaces = check(settings(tmp_path, TINTYPE_CHROMIUM=str(browser)))["namespaces"]
        assert namespaces.level is CheckLevel.WARNING
        if "own network" in namespaces.detail:
            assert f"sees {browser.parent}, because" in namespaces.detail


class TestFonts:
    def test_accepts_fonts_for_all_writing_systems(self, tmp_path: Path, all_fonts: Path) -> None:
        found = check(settings(tmp_path))["fonts"]
        assert found.level is CheckLevel.OK
        assert found.detail.startswith(f"{len(fonts.SCRIPTS)} writing systems, colour emoji")

    def test_names_missing_fonts_and_their_packages(self, tmp_path: Path, all_fonts: Path) -> None:
        program(all_fonts / "fc-list", 'echo "False 0-dff e80-3040 3100-10ffff"')
        program(all_fonts / "fc-match", f"echo {WIDTHS.replace('Carlito', 'Noto Sans')}")
        found = check(settings(tmp_path))["fonts"]
        assert found.level is CheckLevel.WARNING
        assert found.detail == (
            "no font with the metrics of Calibri: install fonts-crosextra-carlito; "
            "no font for Thai: install fonts-noto-core; "
            "no font for Japanese: install fonts-noto-cjk; no font for Emoji: install fonts-noto-color-emoji"
        )
        assert found.remedy.endswith(
            "apt install fonts-crosextra-carlito fonts-noto-cjk fonts-noto-color-emoji fonts-noto-core"
        )

    def test_requires_one_font_for_a_whole_writing_system(self, tmp_path: Path, all_fonts: Path) -> None:
        program(all_fonts / "fc-list", "echo True 0-e2f; echo True e30-10ffff")
        assert "no font for Thai" in check(settings(tmp_path))["fonts"].detail

    def test_ignores_fonts_in_home_folders(self, tmp_path: Path, all_fonts: Path) -> None:
        program(all_fonts / "fc-list", 'case "$HOME$XDG_DATA_HOME" in /nonexistent) ;; *) echo True 0-10ffff;; esac')
        assert "no font for Latin" in check(settings(tmp_path))["fonts"].detail

    @pytest.mark.parametrize("program_", ["fc-list", "fc-match"])
    def test_warns_when_fontconfig_is_missing(
        self, program_: str, tmp_path: Path, all_fonts: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (all_fonts / program_).unlink()
        monkeypatch.setenv("PATH", str(all_fonts))
        found = check(settings(tmp_path))["fonts"]
        assert (found.level, found.detail) == (CheckLevel.WARNING, f"unknown: {program_} is missing")
        assert found.remedy == "Run: apt install fontconfig"

    def test_reports_why_fontconfig_fails(self, tmp_path: Path, all_fonts: Path) -> None:
        program(all_fonts / "fc-list", "echo Cannot load default config file >&2; exit 1")
        found = check(settings(tmp_path))["fonts"]
        assert found.detail == "unknown: fc-list failed: Cannot load default config file"


class TestCache:
    def test_reports_sqlite(self, tmp_path: Path) -> None:
        found = check(settings(tmp_path))["cache"]
        assert found.level is CheckLevel.OK
        assert found.detail.startswith("SQLite in ")

    def test_reports_redis(self, tmp_path: Path) -> None:
        with RedisServer() as server:
            found = check(settings(tmp_path, REDIS_URL=server.url))["cache"]
        assert found.level is CheckLevel.OK
        assert found.detail.startswith("Redis at 127.0.0.1:")

    def test_reports_a_redis_that_is_down(self, tmp_path: Path) -> None:
        found = check(settings(tmp_path, REDIS_URL=f"redis://:hush@127.0.0.1:{free_port()}"))["cache"]
        assert found.level is CheckLevel.ERROR
        assert "REDIS_URL" in found.remedy
        assert "hush" not in found.detail


class TestBroker:
    def test_checks_no_broker_that_jobs_do_not_use(self, tmp_path: Path) -> None:
        assert "broker" not in check(settings(tmp_path))

    def test_reports_redis(self, tmp_path: Path) -> None:
        with RedisServer() as server:
            found = check(settings(tmp_path, REDIS_URL=server.url, TINTYPE_JOB_WORKERS="0"))["broker"]
        assert (found.level, found.detail) == (CheckLevel.OK, f"Redis at 127.0.0.1:{server.port}")

    def test_reports_rabbitmq(self, tmp_path: Path) -> None:
        with RedisServer() as redis, RabbitServer() as server:
            found = check(settings(tmp_path, REDIS_URL=redis.url, TINTYPE_BROKER_URL=server.url))["broker"]
        assert (found.level, found.detail) == (CheckLevel.OK, f"RabbitMQ at 127.0.0.1:{server.port}")

    def test_reports_a_rabbitmq_that_is_down(self, tmp_path: Path) -> None:
        url = f"amqp://user:hush@127.0.0.1:{free_port()}/"
        found = check(settings(tmp_path, REDIS_URL="redis://127.0.0.1:9/0", TINTYPE_BROKER_URL=url))["broker"]
        assert found.level is CheckLevel.ERROR
        assert "TINTYPE_BROKER_URL" in found.remedy
        assert "hush" not in found.detail

    def test_requires_shared_jobs(self, tmp_path: Path) -> None:
        found = check(settings(tmp_path, TINTYPE_JOB_WORKERS="0"))["broker"]
        assert found.level is CheckLevel.ERROR
        assert "REDIS_URL" in found.detail


class TestStorage:
    @pytest.fixture
    def bucket(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        with S3Server() as server:
            server.create_bucket("thumbs")
            yield {"S3_BUCKET": "thumbs", "S3_REGION": "us-east-1", "S3_ENDPOINT_URL": server.url}

    def test_reports_files(self, tmp_path: Path) -> None:
        assert check(settings(tmp_path))["storage"].detail.startswith("files in ")

    def test_reports_a_bucket(self, tmp_path: Path, bucket: dict[str, str]) -> None:
        found = check(settings(tmp_path, **bucket))["storage"]
        assert (found.level, found.detail) == (CheckLevel.OK, f"bucket thumbs at {bucket['S3_ENDPOINT_URL']}")

    def test_reports_why_the_storage_is_unavailable(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("HOME", str(tmp_path))
        found = check(settings(tmp_path, S3_BUCKET="thumbs", S3_REGION="us-east-1"))["storage"]
        assert found.level is CheckLevel.ERROR
        assert "Unable to locate credentials" in found.detail

    def test_reports_a_bucket_that_does_not_exist(self, tmp_path: Path, bucket: dict[str, str]) -> None:
        found = check(settings(tmp_path, **{**bucket, "S3_BUCKET": "nowhere"}))["storage"]
        assert found.level is CheckLevel.ERROR
        assert "S3_BUCKET" in found.remedy


def test_reports_why_a_capture_fails(tmp_path: Path, engine: FakeEngine) -> None:
    engine.check_error = "the browser does not start"
    found = check(settings(tmp_path))["capture"]
    assert (found.level, found.detail) == (CheckLevel.ERROR, "the browser does not start")


def test_names_the_engine_that_fails_if_there_are_several(tmp_path: Path, engine: FakeEngine) -> None:
    engine.check_error = "no reply"
    chosen = settings(tmp_path, TINTYPE_ENGINE="unix:///run/a.sock,snapsharp", SNAPSHARP_API_KEY="sk")
    details = [result.detail for result in doctor.run_checks(chosen) if result.name == "capture"]
    assert details == ["unix: no reply", "snapsharp: no reply"]


class TestCommand:
    @pytest.fixture(autouse=True)
    def _own_settings(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, browser: Path, all_fonts: Path) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("TINTYPE_DATA_DIR", str(tmp_path / "data"))
        monkeypatch.setenv("TINTYPE_CHROMIUM", str(browser))

    def test_exits_with_0_when_every_check_passes(self, capfd: pytest.CaptureFixture[str]) -> None:
        assert cli.run(["doctor"]) == 0
        output = capfd.readouterr().out
        assert "Ready to capture." in output
        assert "Chromium 1.2.3" in output

    def test_exits_with_1_and_a_remedy_when_a_check_fails(
        self, capfd: pytest.CaptureFixture[str], engine: FakeEngine
    ) -> None:
        engine.check_error = "the browser does not start"
        assert cli.run(["doctor"]) == 1
        output = capfd.readouterr().out
        assert "ERROR" in output
        assert "→ " in output

    def test_prints_the_source_of_each_setting(
        self, capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / ".env").write_text("TINTYPE_CACHE_TTL=36h\n")
        monkeypatch.setenv("TINTYPE_SLOTS", "7")
        assert cli.run(["doctor"]) == 0
        lines = [line.split() for line in capfd.readouterr().out.splitlines()]
        assert ["TINTYPE_CACHE_TTL", "36h", ".env"] in lines
        assert ["TINTYPE_SLOTS", "7", "environment"] in lines
        assert "TINTYPE_STALE_FOR" not in str(lines)
        assert cli.run(["doctor", "--all"]) == 0
        lines = [line.split() for line in capfd.readouterr().out.splitlines()]
        assert ["TINTYPE_STALE_FOR", "7d", "default"] in lines

    def test_masks_secrets(
        self, capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "key").write_text("sk_live_hush")
        monkeypatch.setenv("SNAPSHARP_API_KEY_FILE", str(tmp_path / "key"))
        monkeypatch.setenv("REDIS_URL", f"redis://me:hush@127.0.0.1:{free_port()}/1?password=hush")
        cli.run(["doctor"])
        output = "".join(capfd.readouterr())
        assert "hush" not in output
        assert "set, not shown" in output
        assert "redis://***@127.0.0.1:" in output

    def test_shows_unset_secrets_as_empty(self, capfd: pytest.CaptureFixture[str]) -> None:
        cli.run(["doctor", "--all"])
        lines = [line.split() for line in capfd.readouterr().out.splitlines()]
        assert ["TINTYPE_API_KEYS", "not", "set", "default"] in lines
        assert ["TINTYPE_SIGNING_KEYS", "not", "set", "default"] in lines

    def test_prints_what_is_wrong_first(self, capfd: pytest.CaptureFixture[str], engine: FakeEngine) -> None:
        engine.check_error = "the browser does not start"
        assert cli.run(["doctor"]) == 1
        output, log = capfd.readouterr()
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        assert lines[1:3] == ["An essential check failed.", "ERROR   capture        the browser does not start"]
        assert lines[3].startswith("→ Fix the other errors first. The log of the capture daemon is")
        assert log == "", "reasons are in the results, not in log lines"

    def test_names_what_is_in_force(
        self, capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TINTYPE_API_KEYS", "a:0123456789abcdef,b:0123456789abcdef")
        monkeypatch.setenv("TINTYPE_ALLOW_ADDRESSES", "127.0.0.1:9")
        assert cli.run(["doctor"]) == 0
        in_force = capfd.readouterr().out.partition("In force")[2].partition("Settings")[0]
        words = " ".join(in_force.split())
        assert words.startswith("engine chromium cache SQLite in ")
        assert words.endswith("clients 2 API keys targets public addresses; private: 127.0.0.1:9")
        assert "storage files in " in words


@pytest.mark.browser
@pytest.mark.usefixtures("engine")
def test_starts_the_browser_of_this_machine(tmp_path: Path) -> None:
    found = check(settings(tmp_path, **{k: v for k, v in os.environ.items() if k == "TINTYPE_CHROMIUM"}))
    assert found["browser"].level is CheckLevel.OK, found["browser"]
    assert "hromi" in found["browser"].detail or "hrome" in found["browser"].detail
    assert found["sandbox"].detail


class TestFilterLists:
    @pytest.fixture
    def lists(self, tmp_path: Path) -> Path:
        path = tmp_path / "list.txt"
        path.write_text("! Title: Ours\n||ads.example^\n")
        return path

    def test_skips_the_check_without_lists(self, tmp_path: Path) -> None:
        assert "filter lists" not in check(settings(tmp_path))

    def test_warns_about_lists_that_were_never_downloaded(self, lists: Path, tmp_path: Path) -> None:
        found = check(settings(tmp_path, TINTYPE_FILTER_LISTS=str(lists)))["filter lists"]
        assert (found.level, "update-filters" in found.remedy) == (CheckLevel.WARNING, True)

    @pytest.mark.parametrize(("days", "level"), [(0, CheckLevel.OK), (40, CheckLevel.WARNING)])
    def test_warns_about_outdated_lists(
        self, days: int, level: CheckLevel, lists: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wanted = settings(tmp_path, TINTYPE_FILTER_LISTS=str(lists))
        backends.data_folder(wanted, "filters")
        monkeypatch.setattr(store, "now", lambda: time.time() - days * 86_400)
        backends.filter_list_store(wanted).update(wanted.filter_lists, lambda source: Path(source).read_text())
        found = check(wanted)["filter lists"]
        assert found.level is level
        assert "Ours: 1 rules" in found.detail
