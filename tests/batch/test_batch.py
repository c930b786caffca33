"""``tintype batch`` with a fake engine, except in tests marked ``browser``."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.site_server import SiteServer
from tests.support.concurrency import eventually
from tests.support.fakes import FakeEngine
from tests.support.terminal import Terminal
from tintype import backends, errors, imaging
from tintype.batch import workers
from tintype.batch.manifest import MANIFEST_FILE, Manifest
from tintype.model import Capture
from tintype.options import Shot

pytestmark = pytest.mark.usefixtures("own_settings")

HOST = "http://127.0.0.1:9"


class ScriptedEngine(FakeEngine):
    """Fails for URLs that name an error: ``/overloaded_2`` twice, ``/overloaded`` always."""

    def capture(self, shot: Shot, *, fresh: bool = False) -> Capture:
        code, _, times = shot.url.rpartition("/")[2].partition("_")
        kind = next((kind for kind in errors.ALL if kind.code == code), None)
        before = sum(one.url == shot.url for one in self.shots)
        if kind and before < int(times or 1_000_000):
            self.shots.append(shot)
            raise kind("as the URL requests", retry_after=0)
        return super().capture(shot)

    def captured(self) -> list[str]:
        return sorted(shot.url.removeprefix(HOST) for shot in self.shots)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> ScriptedEngine:
    fake = ScriptedEngine(clock=time.time)
    monkeypatch.setattr(backends, "open_engine", lambda *_, **__: fake)
    monkeypatch.setattr(workers, "RETRY_DELAYS", (0, 0))
    monkeypatch.setenv("TINTYPE_FAILURE_TTL", "0")
    return fake


def write_list(*lines: str) -> str:
    Path("urls.txt").write_text("".join(f"{line}\n" for line in lines))
    return "urls.txt"


def image_files() -> list[str]:
    return sorted(path.name for path in Path("out").iterdir() if path.name != MANIFEST_FILE)


def states() -> dict[str, str]:
    return {entry["url"].removeprefix(HOST): entry["state"] for entry in json.loads(Path("report.json").read_text())}


@pytest.mark.usefixtures("engine")
class TestUrlList:
    def test_writes_files_named_after_their_urls(self, tintype: Terminal) -> None:
        list_file = write_list(f"{HOST}/", f"{HOST}/blog/post?id=7")
        assert tintype("batch", list_file, "-o", "out") == 0
        assert image_files() == ["127.0.0.1-9-blog-post-id-7.png", "127.0.0.1-9.png"]
        assert imaging.size((Path("out") / "127.0.0.1-9.png").read_bytes())[:2] == (1280, 720)
        assert (tintype.out, tintype.err.splitlines()[-1]) == ("", "out: 2 captured.")

    def test_ignores_comments_empty_lines_and_duplicates(self, tintype: Terminal, engine: ScriptedEngine) -> None:
        list_file = write_list(
            "# mine", "", f"  {HOST}/a  ", f"{HOST}/a?utm_source=mail", "HTTP://127.0.0.1:9/a#", "\t"
        )
        assert tintype("batch", list_file, "-o", "out") == 0
        assert engine.captured() == ["/a"]
        assert tintype.err.splitlines()[-1] == "out: 1 captured, 2 duplicates."

    def test_reads_the_list_from_stdin(self) -> None:
        command = [sys.executable, "-m", "tintype", "batch", "-", "-o", "out", "--report", "report.json"]
        done = subprocess.run(command, input="http://10.0.0.1/\n", capture_output=True, text=True, check=False)
        assert (done.returncode, states()) == (1, {"http://10.0.0.1/": "failed"})

    def test_accepts_a_byte_order_mark_and_crlf(self, tintype: Terminal, engine: ScriptedEngine) -> None:
        Path("urls.txt").write_bytes(f"\ufeff{HOST}/a\r\n{HOST}/b\r\n".encode())
        assert tintype("batch", "urls.txt", "-o", "out") == 0
        assert engine.captured() == ["/a", "/b"]

    def test_rejects_a_list_without_urls(self, tintype: Terminal) -> None:
        assert tintype("batch", write_list("# nothing"), "-o", "out") == 2
        assert "urls.txt contains no URL" in tintype.err

    def test_rejects_a_missing_list_file(self, tintype: Terminal) -> None:
        assert tintype("batch", "nowhere.txt", "-o", "out") == 2
        assert "nowhere.txt" in tintype.err

    def test_applies_options_to_all_pages(self, tintype: Terminal, engine: ScriptedEngine) -> None:
        flags = "--width 800 --height 600 --dark-mode --format webp --thumb-width 400"
        assert tintype("batch", write_list(f"{HOST}/a"), "-o", "out", *flags.split()) == 0
        assert imaging.size((Path("out") / "127.0.0.1-9-a.webp").read_bytes())[:2] == (400, 300)
        assert engine.shots[0].emulation.dark_mode

    def test_rejects_invalid_options_before_any_capture(self, tintype: Terminal, engine: ScriptedEngine) -> None:
        assert tintype("batch", write_list("ftp://a", f"{HOST}/a"), "-o", "out", "--width", "1") == 2
        assert "--width must be a whole number from 320 to 3840 pixels, not 1" in tintype.err
        assert (engine.capture_count, Path("out").exists()) == (0, False)

    def test_captures_pages_in_parallel(self, tintype: Terminal, engine: ScriptedEngine) -> None:
        engine.released.clear()

        def open_gate() -> None:
            assert eventually(lambda: engine.capture_count == 3)
            engine.released.set()

        opening = threading.Thread(target=open_gate)
        opening.start()
        list_file = write_list(*(f"{HOST}/{number}" for number in range(6)))
        assert tintype("batch", list_file, "-o", "out", "--parallel", "3") == 0
        opening.join()
        assert engine.capture_count == 6


@pytest.mark.usefixtures("engine")
class TestFailures:
    def test_continues_after_a_failed_page(self, tintype: Terminal) -> None:
        list_file = write_list("nonsense", "http://10.0.0.1/", f"{HOST}/target-unreachable", f"{HOST}/a")
        assert tintype("batch", list_file, "-o", "out") == 1
        assert image_files() == ["127.0.0.1-9-a.png"]
        assert "line 1: nonsense: invalid-request: url: is not a web address; it must start with http://" in tintype.err
        assert "line 2: http://10.0.0.1/: target-denied: " in tintype.err
        assert f"{HOST}/target-unreachable: target-unreachable: as the URL requests" in tintype.err
        assert tintype.err.splitlines()[-1] == "out: 1 captured, 3 failed."

    def test_retries_transient_failures(self, tintype: Terminal, engine: ScriptedEngine) -> None:
        assert tintype("batch", write_list(f"{HOST}/overloaded_2", f"{HOST}/browser-crashed_1"), "-o", "out") == 0
        assert engine.captured() == ["/browser-crashed_1"] * 2 + ["/overloaded_2"] * 3

    @pytest.mark.parametrize("page", ["overloaded_3", "browser-crashed_3", "engine-error_1"])
    def test_leaves_a_page_pending_after_a_failure_of_the_service(
        self, tintype: Terminal, engine: ScriptedEngine, page: str
    ) -> None:
        list_file = write_list(f"{HOST}/{page}", f"{HOST}/a")
        assert tintype("batch", list_file, "-o", "out", "--report", "report.json") == 1
        assert states() == {f"/{page}": "pending", "/a": "captured"}
        assert f"{page.partition('_')[0]}: as the URL requests; the next run captures it" in tintype.err
        assert tintype("batch", list_file, "-o", "out", "--report", "report.json") == 0
        assert states() == {f"/{page}": "captured", "/a": "skipped"}

    def test_ends_the_run_when_a_backend_is_unavailable(self, tintype: Terminal, engine: ScriptedEngine) -> None:
        list_file = write_list(*(f"{HOST}/{number}/backend-unavailable" for number in range(20)))
        assert tintype("batch", list_file, "-o", "out", "--parallel", "1", "--report", "report.json") == 4
        assert set(states().values()) == {"pending"}
        assert "tintype: A backend is unavailable" in tintype.err
        assert engine.capture_count == 3, "one page, and its retries"

    def test_counts_rejected_verdicts_as_failures(self, tintype: Terminal, engine: ScriptedEngine) -> None:
        engine.status = 404
        assert tintype("batch", write_list(f"{HOST}/a"), "-o", "out", "--fail-on", "error") == 1
        assert image_files() == []

    def test_ends_with_2_when_the_folder_cannot_be_created(self, tintype: Terminal) -> None:
        Path("out").write_text("a file")
        assert tintype("batch", write_list(f"{HOST}/a"), "-o", "out") == 2
        assert "out" in tintype.err


class TestSecondRun:
    @pytest.fixture(autouse=True)
    def _first(self, tintype: Terminal, engine: ScriptedEngine) -> None:
        list_file = write_list(f"{HOST}/a", f"{HOST}/target-unreachable", f"{HOST}/b")
        assert tintype("batch", list_file, "-o", "out") == 1
        engine.shots.clear()
        tintype("purge", "--all")

    def test_captures_only_missing_pages(self, tintype: Terminal, engine: ScriptedEngine) -> None:
        (Path("out") / "127.0.0.1-9-b.png").unlink()
        list_file = write_list(f"{HOST}/new", f"{HOST}/b", f"{HOST}/target-unreachable", f"{HOST}/a")
        assert tintype("batch", list_file, "-o", "out", "--report", "report.json") == 1
        assert engine.captured() == ["/b", "/new"]
        assert states() == {"/new": "captured", "/b": "captured", "/target-unreachable": "failed", "/a": "skipped"}
        assert tintype.err.splitlines()[-1] == "out: 2 captured, 1 skipped, 1 failed."

    def test_retry_failed_captures_failed_pages(self, tintype: Terminal, engine: ScriptedEngine) -> None:
        assert tintype("batch", "urls.txt", "-o", "out", "--retry-failed") == 1
        assert engine.captured() == ["/target-unreachable"]

    def test_force_captures_all_pages_under_the_same_names(self, tintype: Terminal, engine: ScriptedEngine) -> None:
        assert tintype("batch", "urls.txt", "-o", "out", "--force") == 1
        assert engine.captured() == ["/a", "/b", "/target-unreachable"]
        assert image_files() == ["127.0.0.1-9-a.png", "127.0.0.1-9-b.png"]

    @pytest.mark.parametrize("error", [errors.TargetUnreachable, errors.Overloaded])
    def test_force_keeps_the_image_of_a_page_that_fails(
        self, tintype: Terminal, engine: ScriptedEngine, error: type[errors.TintypeError]
    ) -> None:
        engine.error = error("down today", retry_after=0)
        assert tintype("batch", "urls.txt", "-o", "out", "--force", "--fresh") == 1
        engine.error = None
        engine.shots.clear()
        assert tintype("batch", "urls.txt", "-o", "out", "--report", "report.json") == 1
        assert engine.captured() == []
        assert states() == {"/a": "skipped", "/target-unreachable": "failed", "/b": "skipped"}
        assert tintype("batch", "urls.txt", "-o", "out", "--force", "--fresh") == 1
        assert image_files() == ["127.0.0.1-9-a.png", "127.0.0.1-9-b.png"]

    def test_recaptures_a_truncated_file(self, tintype: Terminal, engine: ScriptedEngine) -> None:
        (Path("out") / "127.0.0.1-9-a.png").write_bytes(b"half")
        assert tintype("batch", "urls.txt", "-o", "out") == 1
        assert engine.captured() == ["/a"]

    def test_keeps_files_of_other_options(self, tintype: Terminal, engine: ScriptedEngine) -> None:
        before = (Path("out") / "127.0.0.1-9-a.png").read_bytes()
        assert tintype("batch", write_list(f"{HOST}/a"), "-o", "out", "--dark-mode") == 0
        assert engine.captured() == ["/a"]
        assert (Path("out") / "127.0.0.1-9-a.png").read_bytes() == before
        assert len(image_files()) == 3

    def test_recovers_from_a_partial_manifest_line(self, tintype: Terminal, engine: ScriptedEngine) -> None:
        manifest = Path("out") / MANIFEST_FILE
        lines = manifest.read_bytes().splitlines(keepends=True)
        manifest.write_bytes(b"".join(lines[:-1]) + lines[-1][:20])
        assert tintype("batch", "urls.txt", "-o", "out") in {0, 1}
        assert len(engine.captured()) == 1
        assert tintype("batch", "urls.txt", "-o", "out") in {0, 1}
        assert len(engine.captured()) == 1

    def test_ignores_manifest_paths_outside_of_the_folder(self, tintype: Terminal, engine: ScriptedEngine) -> None:
        manifest = Path("out") / MANIFEST_FILE
        manifest.write_text(manifest.read_text().replace("127.0.0.1-9-a.png", "../a.png"))
        assert tintype("batch", "urls.txt", "-o", "out") == 1
        assert engine.captured() == ["/a"]
        assert not Path("a.png").exists()

    def test_fails_when_another_run_holds_the_lock(self, tintype: Terminal, engine: ScriptedEngine) -> None:
        with Manifest(Path("out")):
            assert tintype("batch", "urls.txt", "-o", "out") == 1
        assert "is locked by another batch run" in tintype.err
        assert engine.capture_count == 0


@pytest.mark.usefixtures("engine")
class TestReport:
    def test_writes_every_line_as_csv(self, tintype: Terminal) -> None:
        list_file = write_list(f"{HOST}/a", f"{HOST}/target-unreachable", "nonsense")
        assert tintype("batch", list_file, "-o", "out", "--report", "report.csv") == 1
        with Path("report.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["url"] for row in rows] == [f"{HOST}/a", f"{HOST}/target-unreachable", "nonsense"]
        assert [row["state"] for row in rows] == ["captured", "failed", "failed"]
        assert [row["error"] for row in rows] == ["", "target-unreachable", "invalid-request"]
        assert (rows[0]["file"], rows[0]["width"], rows[0]["verdict"]) == ("127.0.0.1-9-a.png", "1280", "ok")

    def test_writes_json(self, tintype: Terminal) -> None:
        assert tintype("batch", write_list(f"{HOST}/a"), "-o", "out", "--report", "report.json") == 0
        entry = json.loads(Path("report.json").read_text())[0]
        assert (entry["state"], entry["cache"], entry["status"], entry["width"]) == ("captured", "MISS", 200, 1280)
        assert entry["bytes"] == (Path("out") / entry["file"]).stat().st_size

    def test_rejects_an_unknown_format(self, tintype: Terminal) -> None:
        assert tintype("batch", write_list(f"{HOST}/a"), "-o", "out", "--report", "report.xml") == 2
        assert "use a file name that ends in .csv or .json" in tintype.err


class TestInterrupt:
    @pytest.fixture
    def stopped(self, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
        """Set once the worker pool has been stopped."""
        stopped, stop = threading.Event(), workers.WorkerPool.stop

        def stop_and_signal(pool: workers.WorkerPool) -> int:
            in_progress = stop(pool)
            stopped.set()
            return in_progress

        monkeypatch.setattr(workers.WorkerPool, "stop", stop_and_signal)
        return stopped

    def test_finishes_captures_in_progress_and_leaves_the_rest_pending(
        self, tintype: Terminal, engine: ScriptedEngine, stopped: threading.Event
    ) -> None:
        engine.released.clear()

        def interrupt() -> None:
            assert eventually(lambda: engine.capture_count == 1)
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            assert stopped.wait(30)
            engine.released.set()

        list_file = write_list(*(f"{HOST}/{number}" for number in range(5)))
        interrupting = threading.Thread(target=interrupt)
        interrupting.start()
        assert tintype("batch", list_file, "-o", "out", "--parallel", "1", "--report", "report.json") == 130
        interrupting.join()
        assert sorted(states().values()) == ["captured"] + ["pending"] * 4
        assert "Finishing 1 captures in progress" in tintype.err
        assert "4 pending" in tintype.err
        assert tintype("batch", list_file, "-o", "out") == 0
        assert len(image_files()) == 5
        assert engine.capture_count == 5

    def test_leaves_a_page_pending_that_waits_for_a_retry(
        self, tintype: Terminal, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(workers, "RETRY_DELAYS", (600,))

        def interrupt() -> None:
            assert eventually(lambda: len(engine.shots) == 1)
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

        list_file = write_list(f"{HOST}/overloaded_1")
        interrupting = threading.Thread(target=interrupt)
        interrupting.start()
        assert tintype("batch", list_file, "-o", "out", "--report", "report.json") == 130
        interrupting.join()
        assert states() == {"/overloaded_1": "pending"}
        assert tintype("batch", list_file, "-o", "out", "--report", "report.json") == 0
        assert states() == {"/overloaded_1": "captured"}


@pytest.mark.browser
class TestRealBrowser:
    @pytest.fixture
    def site(self) -> Iterator[SiteServer]:
        with SiteServer() as server:
            yield server

    def start(self, site: SiteServer, *flags: str) -> subprocess.Popen[str]:
        env = {"TINTYPE_ALLOW_ADDRESSES": f"127.0.0.1:{site.port}", "TINTYPE_DAEMON_IDLE_TIMEOUT": "1s"}
        command = [sys.executable, "-m", "tintype", "batch", "urls.txt", "-o", "out", *flags]
        return subprocess.Popen(command, env={**os.environ, **env}, stderr=subprocess.PIPE, text=True)

    def test_resumes_an_interrupted_run(self, site: SiteServer) -> None:
        good = ["/plain.html", "/plain.html?second=1", "/plain.html?third=1"]
        write_list(*map(site.url, good), site.url("/download"), site.url("/plain.html?held=1"))
        site.release_held.clear()
        running = self.start(site, "--format", "webp", "--thumb-width", "320")
        site.wait_for_visit("/plain.html?held=1")
        assert eventually(lambda: len(image_files()) == 3, within=60)
        running.send_signal(signal.SIGINT)
        site.release_held.set()
        _, stderr = running.communicate(timeout=60)
        assert running.returncode == 130, stderr
        assert "not-a-page" in stderr
        again = self.start(site, "--format", "webp", "--thumb-width", "320", "--report", "report.json")
        assert again.wait(60) == 1
        again.communicate()
        assert sorted(states().values()) == ["failed", "skipped", "skipped", "skipped", "skipped"]
        assert all(imaging.size((Path("out") / name).read_bytes())[0] == 320 for name in image_files())
        assert [site.visits(path) for path in good] == [1, 1, 1]
