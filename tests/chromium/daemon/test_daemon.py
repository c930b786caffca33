"""The capture daemon with a real browser: hostile pages, lost browsers, concurrent clients, shutdown."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from harness import processes
from harness.site_server import SiteServer
from tests.chromium.conftest import StartEngine, end
from tests.support.captures import is_blue, shot
from tests.support.concurrency import eventually
from tintype.chromium.daemon.daemon import DaemonConfig, address_for, command_for
from tintype.engines.chromium import ChromiumEngine
from tintype.errors import BackendUnavailable, CaptureTimeout, InvalidRequest, Overloaded, PageCrashed
from tintype.model import Capture
from tintype.options import Navigation, Shot
from tintype.provision.find_browser import is_world_executable

pytestmark = pytest.mark.browser

TIMEOUT = 6.0
AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env")


@pytest.fixture(scope="module")
def engine(start_engine: StartEngine, site: SiteServer) -> ChromiumEngine:
    """An engine shared by tests that do not stop its daemon."""
    return start_engine(slots=2, queue=50, timeout=TIMEOUT, allow_addresses=(f"127.0.0.1:{site.port}",))


@pytest.fixture
def own(start_engine: StartEngine, site: SiteServer) -> ChromiumEngine:
    """An engine with a separate daemon, which the test may kill or overload."""
    return start_engine(slots=1, queue=1, timeout=8.0, idle_timeout=30.0, allow_addresses=(f"127.0.0.1:{site.port}",))


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(20) as threads:
        yield threads


def folder_of(pid: int) -> Path:
    """The folder in which a daemon keeps the files of its browsers."""
    return next(Path(tempfile.gettempdir()).glob(f"tintype-browser-{pid}-*"))


class TestHostilePages:
    @pytest.mark.parametrize("page", ["loop.html", "loop-later.html", "never-loads.html"])
    def test_captures_an_unfinished_page_at_the_soft_deadline(
        self, page: str, engine: ChromiumEngine, site: SiteServer
    ) -> None:
        seen = engine.capture(shot(site.url(f"/{page}")))
        assert seen.partial
        assert is_blue(seen)
        assert engine.capture(shot(site.url("/plain.html"))).partial is False

    @pytest.mark.parametrize("page", ["alerts.html", "popups.html"])
    def test_stops_dialogs_and_popups(self, page: str, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = engine.capture(shot(site.url(f"/{page}")))
        assert is_blue(seen)
        assert not seen.partial

    def test_times_out_if_the_server_never_replies(self, engine: ChromiumEngine, site: SiteServer) -> None:
        with pytest.raises(CaptureTimeout):
            engine.capture(shot(site.url("/hang")))
        assert is_blue(engine.capture(shot(site.url("/plain.html"))))

    def test_blames_a_page_that_crashes_its_renderer(self, engine: ChromiumEngine, site: SiteServer) -> None:
        with pytest.raises(PageCrashed):
            engine.capture(shot(site.url("/deep.html")))
        assert site.visits("/deep.html") == 1
        assert is_blue(engine.capture(shot(site.url("/plain.html"))))


class TestConcurrentClients:
    def test_share_one_capture_of_one_page(
        self, engine: ChromiumEngine, site: SiteServer, threads: ThreadPoolExecutor
    ) -> None:
        wanted = shot(site.url("/plain.html?threads"), delay=2500)
        seen = [threads.submit(engine.capture, wanted) for _ in range(20)]
        assert len({one.result().taken_at for one in seen}) == 1
        assert site.visits("/plain.html?threads") == 1

    def test_rejects_captures_when_the_queue_is_full(
        self, own: ChromiumEngine, site: SiteServer, threads: ThreadPoolExecutor
    ) -> None:
        urls = [site.url(f"/plain.html?full={number}") for number in range(8)]
        seen = [threads.submit(own.capture, shot(url, delay=1000)) for url in urls]
        failures = [one.exception() for one in seen if one.exception()]
        assert 1 <= len(failures) < 8
        assert all(isinstance(failure, Overloaded) and failure.retry_after for failure in failures)

    def test_free_their_slot_by_disconnecting(
        self, own: ChromiumEngine, site: SiteServer, threads: ThreadPoolExecutor
    ) -> None:
        own.connect()
        impatient = ChromiumEngine(own.address, None, Path("/nowhere"), timeout=0.5)
        with pytest.raises(BackendUnavailable):
            impatient.capture(shot(site.url("/plain.html?impatient"), delay=6000))
        assert eventually(lambda: own.status().busy == 0, within=5)


class TestBrowserReplacement:
    def test_restarts_a_browser_that_dies_during_a_capture(
        self, own: ChromiumEngine, site: SiteServer, threads: ThreadPoolExecutor
    ) -> None:
        pending = start_slowly(own, site, threads, "killed")
        browser = own.status().browser_pid
        os.killpg(browser, signal.SIGKILL)
        assert is_blue(pending.result())
        assert own.status().browser_pid != browser

    def test_restarts_a_browser_that_dies_between_captures(self, own: ChromiumEngine, site: SiteServer) -> None:
        own.check()
        os.killpg(own.status().browser_pid, signal.SIGKILL)
        assert is_blue(own.capture(shot(site.url("/plain.html?between"))))

    def test_replaces_the_browser_of_a_page_that_had_to_be_stopped(self, own: ChromiumEngine, site: SiteServer) -> None:
        own.check()
        before = own.status().browser_pid
        with contextlib.suppress(CaptureTimeout):
            assert own.capture(shot(site.url("/loop.html?stopped"))).partial
        assert eventually(lambda: own.status().browser_pid != before)

    def test_recycles_a_browser_after_its_captures(self, start_engine: StartEngine, site: SiteServer) -> None:
        engine = start_engine(slots=1, recycle_after=2, allow_addresses=(f"127.0.0.1:{site.port}",))
        first = engine.status().browser_pid
        for number in range(4):
            assert is_blue(engine.capture(shot(site.url(f"/plain.html?{number}"))))
        assert eventually(lambda: engine.status().browser_pid != first)
        assert eventually(lambda: processes.have_ended([first]))


class TestDaemon:
    def test_counts_contexts_and_pages_until_none_is_open(
        self, own: ChromiumEngine, site: SiteServer, threads: ThreadPoolExecutor
    ) -> None:
        pending = start_slowly(own, site, threads, "counted")
        assert (own.status().contexts, own.status().pages) == (1, 1)
        assert is_blue(pending.result())
        assert eventually(lambda: (own.status().contexts, own.status().pages) == (0, 0))

    def test_client_restarts_a_daemon_killed_during_a_capture(
        self, own: ChromiumEngine, site: SiteServer, threads: ThreadPoolExecutor
    ) -> None:
        pending = start_slowly(own, site, threads, "daemon")
        before = own.status()
        left = folder_of(before.pid)
        os.kill(before.pid, signal.SIGKILL)
        assert is_blue(pending.result())
        assert own.status().pid != before.pid
        assert eventually(lambda: processes.have_ended([before.browser_pid]))
        end(own)  # a daemon removes what others have left at its start and at its end
        assert eventually(lambda: not left.exists())

    def test_leaves_no_processes_and_files_after_sigterm(self, own: ChromiumEngine, site: SiteServer) -> None:
        own.capture(shot(site.url("/plain.html?end")))
        daemon = own.status().pid
        family, folder = processes.tree(daemon), folder_of(daemon)
        os.kill(daemon, signal.SIGTERM)
        assert eventually(lambda: processes.have_ended(family))
        assert not folder.exists()
        assert not Path(own.address.removeprefix("unix://")).exists()

    def test_stops_within_3_seconds_under_load(
        self, own: ChromiumEngine, site: SiteServer, threads: ThreadPoolExecutor
    ) -> None:
        pending = start_slowly(own, site, threads, "load", delay=6000)
        daemon = own.status().pid
        os.kill(daemon, signal.SIGTERM)
        assert eventually(lambda: processes.have_ended([daemon]), within=3)
        assert pending.exception() is None or pending.exception().retry_after

    def test_stops_after_the_idle_timeout(self, start_engine: StartEngine) -> None:
        engine = start_engine(slots=1, idle_timeout=5.0)
        daemon = engine.status().pid
        engine.close()
        assert eventually(lambda: processes.have_ended([daemon]))

    def test_reports_its_status(self, own: ChromiumEngine) -> None:
        own.check()
        status = own.status()
        assert (status.slots, status.busy, status.queue_length) == (1, 0, 0)
        assert status.browser.startswith("HeadlessChrome/")
        assert status.sandbox is True
        assert status.user != "root"

    def test_runs_renderers_in_the_sandbox(
        self, own: ChromiumEngine, site: SiteServer, threads: ThreadPoolExecutor
    ) -> None:
        pending = start_slowly(own, site, threads, "sandbox")
        family = processes.tree(own.status().browser_pid)
        renderers = [pid for pid in family if "--type=renderer" in read(pid, "cmdline")]
        assert renderers
        assert all("Seccomp:\t2" in read(pid, "status") for pid in renderers)
        assert not any("--no-sandbox" in read(pid, "cmdline") for pid in family)
        assert is_blue(pending.result())

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can change its user")
    def test_runs_as_a_user_that_is_not_root(self, site: SiteServer) -> None:
        with tempfile.TemporaryDirectory(prefix="tintype-run-") as folder:
            os.chown(folder, 65534, 65534)
            config = DaemonConfig(slots=1, idle_timeout=2.0, allow_addresses=(f"127.0.0.1:{site.port}",))
            address = f"unix://{folder}/capture.sock"
            _, *arguments = command_for(config, address)
            command = [*AS_NOBODY, *world_executable_python(), *arguments]
            engine = ChromiumEngine(address, command, Path(folder), timeout=30, log_file=Path(folder) / "log")
            assert is_blue(engine.capture(shot(site.url("/plain.html?user"))))
            assert (engine.status().user, engine.status().sandbox) == ("nobody", True)
            end(engine)

    def test_reports_why_it_does_not_start(self, tmp_path: Path) -> None:
        config = DaemonConfig(binary=str(tmp_path / "no-browser"))
        done = subprocess.run(
            [*command_for(config, address_for(config, tmp_path))], capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert "TINTYPE_CHROMIUM" in done.stdout
        assert "install-browser" in done.stdout

    @pytest.mark.parametrize(
        "url",
        ["file:///etc/passwd", "FILE:///etc/passwd", "view-source:file:///", "chrome://crash", "data:text/html,x", ""],
    )
    def test_opens_only_http_and_https(self, engine: ChromiumEngine, url: str) -> None:
        forged = Shot.model_construct(navigation=Navigation.model_construct(url=url))
        with pytest.raises(InvalidRequest) as rejected:
            engine.capture(forged)
        assert [mistake.parameter for mistake in rejected.value.invalid_parameters] == ["url"]


def start_slowly(
    engine: ChromiumEngine, site: SiteServer, threads: ThreadPoolExecutor, name: str, delay: int = 2500
) -> Future[Capture]:
    """Start a capture and wait until the browser requests the page; the screenshot follows ``delay`` ms later."""
    path = f"/plain.html?{name}"
    pending = threads.submit(engine.capture, shot(site.url(path), delay=delay))
    site.wait_for_visit(path)
    return pending


def read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:
        return ""


def world_executable_python() -> tuple[str, str]:
    """An interpreter of this version that all users may start; that of the tests may be below /root."""
    libraries = os.pathsep.join(path for path in sys.path if path)
    version = sys.version_info[:2]
    for python in (sys.executable, "/usr/bin/python3"):
        if Path(python).exists() and is_world_executable(Path(python).resolve()) and version_of(python) == version:
            return f"PYTHONPATH={libraries}", python
    pytest.skip("NO PYTHON IS EXECUTABLE FOR OTHER USERS: the daemon is not tested as another user")


def version_of(python: str) -> tuple[int, ...]:
    done = subprocess.run(
        [python, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True, check=True
    )
    return tuple(int(part) for part in done.stdout.split())
