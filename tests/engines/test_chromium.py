"""The client of the capture daemon with scripted daemons: start, shared use, lost connections, forks."""

from __future__ import annotations

import contextlib
import fcntl
import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness import processes
from tests.support.concurrency import eventually
from tests.support.paths import ROOT
from tintype.deadline import answer_within
from tintype.engines import chromium, daemon_launcher
from tintype.engines.chromium import ChromiumEngine
from tintype.engines.daemon_launcher import DaemonLauncher
from tintype.errors import BackendUnavailable, BrowserCrashed, EngineError, NotAPage
from tintype.options import Navigation, Shot
from tintype.rpc.tls import TransportSecurity

SHOT = Shot(navigation=Navigation(url="http://a.example.com/"))

DAEMON = """
import os, socket, struct, sys, threading, time
from tintype import errors
from tintype.rpc import codec
from tintype.model import Capture

def receive(client, size):
    data = b""
    while len(data) < size:
        piece = client.recv(size - len(data))
        if not piece:
            sys.exit()  # of this thread
        data += piece
    return data

def wait_for_go():
    open(path + ".go").read()  # a FIFO: blocks until the test opens it

def hang():
    threading.Event().wait()

def answer(header):
    @ANSWER@
    return codec.pack_capture(Capture(body=str(os.getpid()).encode(), width=1, height=1, taken_at=1.0))

def serve(client):
    while True:
        (size,) = struct.unpack(">I", receive(client, 4))
        header, _ = codec.unpack(receive(client, size))
        body = answer(header)
        client.sendall(struct.pack(">I", len(body)) + body)

path = sys.argv[1]
open(path + ".starts", "a").write("x")
@START@
if os.path.exists(path):
    os.unlink(path)
server = socket.socket(socket.AF_UNIX)
server.bind(path)
server.listen(64)
print('{"ready": true}', flush=True)
threading.Timer(60, lambda: os._exit(0)).start()
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""


class ScriptedDaemon:
    """A daemon with replies and a start given as lines of Python, and engines that use it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "d.sock"
        self.engines: list[ChromiumEngine] = []
        os.mkfifo(f"{self.socket}.go")

    def go(self) -> None:
        """Let one ``wait_for_go()`` in the daemon return."""
        Path(f"{self.socket}.go").write_text("")

    def engine(self, answer: str = "pass", start: str = "pass", **options: float) -> ChromiumEngine:
        program = self.folder / "daemon.py"
        program.write_text(DAEMON.replace("@ANSWER@", answer).replace("@START@", start), encoding="utf-8")
        engine = ChromiumEngine(
            f"unix://{self.socket}",
            [sys.executable, str(program), str(self.socket)],
            self.folder,
            log_file=self.folder / "log",
            **{"timeout": 20.0, "start_timeout": 20.0, **options},  # type: ignore[arg-type]
        )
        self.engines.append(engine)
        return engine

    def launcher(self) -> DaemonLauncher:
        """A launcher of the program that the last engine wrote."""
        return DaemonLauncher(
            [sys.executable, str(self.folder / "daemon.py"), str(self.socket)], self.folder, f"unix://{self.socket}"
        )

    @contextlib.contextmanager
    def starting_elsewhere(self) -> Iterator[None]:
        """Hold the start lock, as another process that starts the daemon."""
        with Path(f"{self.socket}.start").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @property
    def starts(self) -> int:
        marks = Path(f"{self.socket}.starts")
        return len(marks.read_text()) if marks.exists() else 0

    def pids(self) -> list[int]:
        return processes.find_by_text(str(self.socket))


@pytest.fixture
def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedDaemon]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with_daemons = ScriptedDaemon(tmp_path)
    yield with_daemons
    for engine in with_daemons.engines:
        engine.close()
    for pid in with_daemons.pids():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def daemon_pid(engine: ChromiumEngine) -> int:
    return int(engine.capture(SHOT).body)


METRICS = "return codec.pack({{'kind': 'metrics', 'slots': 2, 'busy': {busy}, 'layers': {{'sandbox': False}}}})"


class TestSilentDaemon:
    """A daemon that accepts connections and never replies, as one that is stopped (SIGSTOP)."""

    def test_capture_is_never_a_fault_of_the_page(self, scripted: ScriptedDaemon) -> None:
        with pytest.raises(BackendUnavailable) as raised:
            scripted.engine(answer="hang()", timeout=0.1).capture(SHOT)
        assert not raised.value.cacheable
        assert raised.value.retry_after

    def test_capture_ends_at_the_deadline_of_its_request(self, scripted: ScriptedDaemon) -> None:
        engine = scripted.engine(answer="hang()", timeout=600.0)
        engine.connect()
        with answer_within(0.1), pytest.raises(BackendUnavailable, match="did not reply"):
            engine.capture(SHOT)

    def test_check_and_warnings_are_limited_to_two_seconds(self, scripted: ScriptedDaemon) -> None:
        engine = scripted.engine(answer="hang()", timeout=60.0)
        engine.connect()
        begin = time.monotonic()
        with pytest.raises(BackendUnavailable, match="did not reply"):
            engine.check()
        assert engine.warnings() == ()
        assert engine.warnings() == ()
        assert time.monotonic() - begin < 30  # half the time of a capture
        assert chromium.PROBE_TIMEOUT + chromium.QUICK_TIMEOUT < 2

    def test_busy_daemon_passes_the_check(self, scripted: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(chromium, "PROBE_TIMEOUT", 0.05)
        monkeypatch.setattr(chromium, "QUICK_TIMEOUT", 5.0)
        scripted.engine(answer="if header['op'] == 'probe': hang()\n    " + METRICS.format(busy=2)).check()

    def test_idle_daemon_that_does_not_capture_fails_the_check(
        self, scripted: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(chromium, "PROBE_TIMEOUT", 0.05)
        monkeypatch.setattr(chromium, "QUICK_TIMEOUT", 5.0)
        engine = scripted.engine(answer="if header['op'] == 'probe': hang()\n    " + METRICS.format(busy=1))
        with pytest.raises(BackendUnavailable):
            engine.check()
        assert engine.warnings() == ("Chromium runs without its sandbox",)


class TestStart:
    def test_starts_a_daemon_if_none_runs(self, scripted: ScriptedDaemon) -> None:
        engine = scripted.engine()
        assert scripted.starts == 0
        assert processes.have_ended([daemon_pid(engine)]) is False
        assert scripted.starts == 1

    def test_starts_one_daemon_for_concurrent_callers(self, scripted: ScriptedDaemon) -> None:
        engines = [scripted.engine(), scripted.engine()]
        with ThreadPoolExecutor(16) as pool:
            pids = set(pool.map(lambda number: daemon_pid(engines[number % 2]), range(32)))
        assert len(pids) == 1
        assert scripted.starts == 1

    def test_wait_for_another_process_ends_at_the_deadline_of_the_request(self, scripted: ScriptedDaemon) -> None:
        engine = scripted.engine(start_timeout=600.0)
        with (
            scripted.starting_elsewhere(),
            answer_within(0.1),
            pytest.raises(BackendUnavailable, match="does not start"),
        ):
            engine.capture(SHOT)
        assert scripted.starts == 0

    def test_wait_for_another_thread_ends_at_the_deadline_of_the_request(self, scripted: ScriptedDaemon) -> None:
        engine = scripted.engine(start_timeout=600.0)
        with ThreadPoolExecutor(1) as other:
            with scripted.starting_elsewhere():
                first = other.submit(engine.capture, SHOT)
                with answer_within(0.1), pytest.raises(BackendUnavailable, match="does not start"):
                    engine.capture(SHOT)
            assert first.result().body

    def test_starts_the_daemon_in_a_process_group_of_its_own(self, scripted: ScriptedDaemon) -> None:
        daemon = daemon_pid(scripted.engine())
        assert os.getpgid(daemon) == daemon != os.getpgid(0)

    def test_logs_the_reason_of_a_failed_start_and_hides_it_from_clients(
        self, scripted: ScriptedDaemon, capsys: pytest.CaptureFixture[str]
    ) -> None:
        engine = scripted.engine(start="""print('{"error": "no browser at /secret/path"}', flush=True); sys.exit(1)""")
        with pytest.raises(BackendUnavailable) as failure:
            engine.capture(SHOT)
        assert "/secret" not in failure.value.detail
        assert failure.value.retry_after
        assert "no browser at /secret/path" in capsys.readouterr().out

    @pytest.mark.parametrize("start", ["sys.exit(3)", "print('nonsense', flush=True); sys.exit(0)"])
    def test_fails_if_the_daemon_exits_during_the_start(self, start: str, scripted: ScriptedDaemon) -> None:
        with pytest.raises(BackendUnavailable):
            scripted.engine(start=start).capture(SHOT)

    def test_kills_a_daemon_that_is_not_ready_in_time(self, scripted: ScriptedDaemon) -> None:
        with pytest.raises(BackendUnavailable):
            scripted.engine(start="hang()", start_timeout=1.0).capture(SHOT)
        assert eventually(lambda: not scripted.pids())

    def test_shares_a_failed_start_between_concurrent_callers(self, scripted: ScriptedDaemon) -> None:
        engine = scripted.engine(start="sys.exit(1)")
        with ThreadPoolExecutor(16) as pool:
            failures = [pool.submit(engine.capture, SHOT).exception() for _ in range(16)]
        assert all(isinstance(failure, BackendUnavailable) for failure in failures)
        assert scripted.starts < 16

    def test_starts_again_after_a_failed_start(self, scripted: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(daemon_launcher, "_FAILURE_TTL", 0.0)
        engine = scripted.engine(start="sys.exit(1)")
        with pytest.raises(BackendUnavailable):
            engine.capture(SHOT)
        scripted.engine()  # writes a program that starts
        assert daemon_pid(engine)

    def test_waits_for_a_daemon_that_starts_in_the_background(self, scripted: ScriptedDaemon) -> None:
        engine = scripted.engine(start="wait_for_go()")
        assert scripted.launcher().start_in_background() is True
        with ThreadPoolExecutor(1) as threads:
            pending = threads.submit(daemon_pid, engine)
            scripted.go()
            assert pending.result()
        assert scripted.starts == 1

    def test_starts_nothing_in_the_background_if_a_daemon_runs_or_starts(self, scripted: ScriptedDaemon) -> None:
        engine = scripted.engine(start="wait_for_go()")
        assert [scripted.launcher().start_in_background() for _ in range(3)] == [True, False, False]
        scripted.go()
        assert daemon_pid(engine)
        assert scripted.launcher().start_in_background() is False
        assert scripted.starts == 1

    def test_starts_again_after_a_failed_start_in_the_background(self, scripted: ScriptedDaemon) -> None:
        scripted.engine(start="sys.exit(1)")
        assert scripted.launcher().start_in_background() is True
        assert eventually(lambda: scripted.starts == 1)
        assert daemon_pid(scripted.engine())

    def test_cancels_a_daemon_that_starts_in_the_background(self, scripted: ScriptedDaemon) -> None:
        scripted.engine(start="hang()")
        launcher = scripted.launcher()
        launcher.start_in_background()
        launcher.cancel()
        assert eventually(lambda: not scripted.pids())

    def test_does_not_start_a_daemon_without_a_command(self, tmp_path: Path) -> None:
        security = TransportSecurity(secret="0123456789abcdef")
        for address in (f"unix://{tmp_path}/none.sock", "tcp://127.0.0.1:1"):
            with pytest.raises(BackendUnavailable):
                ChromiumEngine(address, None, tmp_path, timeout=5, security=security).capture(SHOT)


class TestCalls:
    def test_reuses_a_connection(self, scripted: ScriptedDaemon) -> None:
        engine = scripted.engine(answer="return codec.pack({'kind': 'status', 'clients': threading.active_count()})")
        assert [engine.status().clients for _ in range(5)] == [3] * 5

    def test_raises_the_error_that_the_daemon_sends(self, scripted: ScriptedDaemon) -> None:
        engine = scripted.engine(answer="return codec.pack_problem(errors.NotAPage('a download'))")
        with pytest.raises(NotAPage, match="a download"):
            engine.capture(SHOT)

    def test_reports_a_corrupt_reply_as_an_engine_error(self, scripted: ScriptedDaemon) -> None:
        with pytest.raises(EngineError):
            scripted.engine(answer="return b'nonsense'").capture(SHOT)

    def test_times_out(self, scripted: ScriptedDaemon) -> None:
        with pytest.raises(BackendUnavailable):
            scripted.engine(answer="hang()", timeout=1.0).capture(SHOT)

    def test_check_reports_every_failure_as_unavailable(self, scripted: ScriptedDaemon) -> None:
        engine = scripted.engine(answer="return codec.pack_problem(errors.BrowserCrashed())")
        with pytest.raises(BackendUnavailable):
            engine.check()


class TestBrokenConnection:
    """The daemon closes the connection during an operation that is not retried."""

    @pytest.fixture
    def connection(self, scripted: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
        ours, theirs = socket.socketpair()
        theirs.close()
        monkeypatch.setattr(ChromiumEngine, "_take_idle", lambda _: ours)
        yield ours
        ours.close()

    def test_closes_the_connection_after_failed_metrics(
        self, scripted: ScriptedDaemon, connection: socket.socket
    ) -> None:
        assert scripted.engine().metrics() is None
        assert connection.fileno() == -1

    def test_closes_the_connection_after_a_failed_stop(
        self, scripted: ScriptedDaemon, connection: socket.socket
    ) -> None:
        assert scripted.engine().stop_if_idle() is False
        assert connection.fileno() == -1


class TestMetrics:
    def test_returns_what_the_daemon_sends(self, scripted: ScriptedDaemon) -> None:
        engine = scripted.engine(answer="return codec.pack({'kind': 'metrics', 'captures': 3, 'later': 1})")
        engine.connect()
        assert engine.metrics() == {"captures": 3, "later": 1}

    def test_starts_no_daemon(self, scripted: ScriptedDaemon) -> None:
        assert scripted.engine().metrics() is None
        assert scripted.starts == 0

    @pytest.mark.parametrize("answer", ["return b'nonsense'", "return codec.pack_problem(errors.EngineError('no'))"])
    def test_logs_a_reply_that_holds_none(
        self, answer: str, scripted: ScriptedDaemon, capsys: pytest.CaptureFixture[str]
    ) -> None:
        engine = scripted.engine(answer=answer)
        engine.connect()
        assert engine.metrics() is None
        assert "daemon_metrics_failed" in capsys.readouterr().out


class TestLostDaemon:
    def test_restarts_a_daemon_that_died_between_captures(self, scripted: ScriptedDaemon) -> None:
        engine = scripted.engine()
        first = daemon_pid(engine)
        os.kill(first, signal.SIGKILL)
        assert daemon_pid(engine) != first

    def test_restarts_a_daemon_that_dies_during_a_capture(self, scripted: ScriptedDaemon) -> None:
        dies_once = "if len(open(path + '.starts').read()) == 1: os._exit(1)"
        assert daemon_pid(scripted.engine(answer=dies_once))
        assert scripted.starts == 2

    def test_gives_up_a_capture_that_kills_several_daemons(self, scripted: ScriptedDaemon) -> None:
        with pytest.raises(BrowserCrashed):
            scripted.engine(answer="os._exit(1)").capture(SHOT)
        assert 1 < scripted.starts <= 3

    def test_discards_a_connection_after_a_timeout(self, scripted: ScriptedDaemon) -> None:
        slow_once = "if len(threading.enumerate()) == 3: hang()"
        engine = scripted.engine(answer=slow_once, timeout=1.0)
        with pytest.raises(BackendUnavailable):
            engine.capture(SHOT)
        engine._timeout = 20.0
        assert engine.capture(SHOT).width == 1


class TestFork:
    def test_opens_connections_of_its_own_in_a_forked_child(self, scripted: ScriptedDaemon) -> None:
        engine = scripted.engine()
        daemon = daemon_pid(engine)
        seen = in_a_child(lambda: daemon_pid(engine))
        assert seen == daemon
        assert daemon_pid(engine) == daemon


def in_a_child(work: Callable[[], int]) -> int:
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=lambda: theirs.send(work()))
    child.start()
    assert ours.poll(20)
    answer = int(ours.recv())
    child.join()
    return answer
