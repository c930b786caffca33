"""The client of the capture daemon, against daemons made of a few lines: starting, sharing, losing and forking."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness import processes
from tests.support.concurrency import eventually
from tests.support.paths import ROOT
from tintype.engines import daemon_launcher
from tintype.engines.chromium import ChromiumEngine
from tintype.engines.daemon_launcher import DaemonLauncher
from tintype.errors import BackendUnavailable, BrowserCrashed, CaptureTimeout, EngineError, NotAPage
from tintype.options import Navigation, Shot

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

def answer(header):
    what = header.get("shot", {}).get("navigate", {}).get("url", header["op"])
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


class Scripted:
    """A daemon whose answers and start are lines of Python, and engines that use it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "d.sock"
        self.engines: list[ChromiumEngine] = []

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

    def starter(self) -> DaemonLauncher:
        """Of the program that the last engine wrote."""
        return DaemonLauncher(
            [sys.executable, str(self.folder / "daemon.py"), str(self.socket)], self.folder, f"unix://{self.socket}"
        )

    @property
    def starts(self) -> int:
        marks = Path(f"{self.socket}.starts")
        return len(marks.read_text()) if marks.exists() else 0

    def pids(self) -> list[int]:
        return processes.mentioning(str(self.socket))


@pytest.fixture
def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scripted:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with_daemons = Scripted(tmp_path)
    yield with_daemons  # type: ignore[misc]
    for engine in with_daemons.engines:
        engine.close()
    for pid in with_daemons.pids():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def who_answered(engine: ChromiumEngine) -> int:
    return int(engine.capture(SHOT).body)


class TestStarting:
    def test_whoever_finds_no_daemon_starts_it(self, scripted: Scripted) -> None:
        engine = scripted.engine()
        assert scripted.starts == 0
        assert processes.gone([who_answered(engine)]) is False
        assert scripted.starts == 1

    def test_a_crowd_starts_one(self, scripted: Scripted) -> None:
        engines = [scripted.engine(), scripted.engine()]
        with ThreadPoolExecutor(16) as crowd:
            pids = set(crowd.map(lambda number: who_answered(engines[number % 2]), range(32)))
        assert len(pids) == 1
        assert scripted.starts == 1

    def test_it_is_not_a_child_that_a_signal_to_our_group_reaches(self, scripted: Scripted) -> None:
        daemon = who_answered(scripted.engine())
        assert os.getpgid(daemon) == daemon != os.getpgid(0)

    def test_a_failing_start_is_told_briefly_to_the_caller_and_fully_to_the_log(
        self, scripted: Scripted, capsys: pytest.CaptureFixture[str]
    ) -> None:
        engine = scripted.engine(start="""print('{"error": "no browser at /secret/path"}', flush=True); sys.exit(1)""")
        with pytest.raises(BackendUnavailable) as failure:
            engine.capture(SHOT)
        assert "/secret" not in failure.value.detail
        assert failure.value.retry_after
        assert "no browser at /secret/path" in capsys.readouterr().out

    @pytest.mark.parametrize("start", ["sys.exit(3)", "print('nonsense', flush=True); sys.exit(0)"])
    def test_a_daemon_that_ends_at_once_is_a_failing_start(self, start: str, scripted: Scripted) -> None:
        with pytest.raises(BackendUnavailable):
            scripted.engine(start=start).capture(SHOT)

    def test_a_daemon_that_is_never_ready_is_ended(self, scripted: Scripted) -> None:
        with pytest.raises(BackendUnavailable):
            scripted.engine(start="time.sleep(60)", start_timeout=1.0).capture(SHOT)
        assert eventually(lambda: not scripted.pids(), within=5)

    def test_a_crowd_shares_one_failure(self, scripted: Scripted) -> None:
        engine = scripted.engine(start="sys.exit(1)")
        with ThreadPoolExecutor(16) as crowd:
            failures = [crowd.submit(engine.capture, SHOT).exception() for _ in range(16)]
        assert all(isinstance(failure, BackendUnavailable) for failure in failures)
        assert scripted.starts < 16

    def test_a_failed_start_does_not_spoil_later_ones(
        self, scripted: Scripted, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(daemon_launcher, "_FAILURE_TTL", 0.0)
        engine = scripted.engine(start="sys.exit(1)")
        with pytest.raises(BackendUnavailable):
            engine.capture(SHOT)
        scripted.engine()  # writes a program that works
        assert who_answered(engine)

    def test_a_daemon_begun_ahead_is_waited_for_by_whoever_needs_it(self, scripted: Scripted) -> None:
        engine = scripted.engine(start="time.sleep(0.5)")
        assert scripted.starter().start_in_background() is True
        assert who_answered(engine)
        assert scripted.starts == 1

    def test_nothing_is_begun_where_a_daemon_runs_or_is_being_started(self, scripted: Scripted) -> None:
        engine = scripted.engine(start="time.sleep(0.5)")
        assert [scripted.starter().start_in_background() for _ in range(3)] == [True, False, False]
        assert who_answered(engine)
        assert scripted.starter().start_in_background() is False
        assert scripted.starts == 1

    def test_a_daemon_begun_in_vain_does_not_spoil_later_starts(self, scripted: Scripted) -> None:
        scripted.engine(start="sys.exit(1)")
        assert scripted.starter().start_in_background() is True
        assert eventually(lambda: scripted.starts == 1)
        assert who_answered(scripted.engine())

    def test_a_daemon_begun_and_not_ready_can_be_withdrawn(self, scripted: Scripted) -> None:
        scripted.engine(start="time.sleep(60)")
        begun = scripted.starter()
        begun.start_in_background()
        begun.cancel()
        assert eventually(lambda: not scripted.pids())

    def test_a_daemon_run_elsewhere_is_not_started(self, tmp_path: Path) -> None:
        for address in (f"unix://{tmp_path}/none.sock", "tcp://127.0.0.1:1"):
            with pytest.raises(BackendUnavailable):
                ChromiumEngine(address, None, tmp_path, timeout=5).capture(SHOT)


class TestAsking:
    def test_a_connection_is_used_again(self, scripted: Scripted) -> None:
        engine = scripted.engine(answer="return codec.pack({'kind': 'status', 'clients': threading.active_count()})")
        assert [engine.status().clients for _ in range(5)] == [3] * 5

    def test_a_problem_is_raised_as_itself(self, scripted: Scripted) -> None:
        engine = scripted.engine(answer="return codec.pack_problem(errors.NotAPage('a download'))")
        with pytest.raises(NotAPage, match="a download"):
            engine.capture(SHOT)

    def test_a_torn_answer_is_the_engines_failure(self, scripted: Scripted) -> None:
        with pytest.raises(EngineError):
            scripted.engine(answer="return b'nonsense'").capture(SHOT)

    def test_patience_has_an_end(self, scripted: Scripted) -> None:
        with pytest.raises(CaptureTimeout):
            scripted.engine(answer="time.sleep(30)", timeout=1.0).capture(SHOT)

    def test_a_check_fails_as_a_whole(self, scripted: Scripted) -> None:
        engine = scripted.engine(answer="return codec.pack_problem(errors.BrowserCrashed())")
        with pytest.raises(BackendUnavailable):
            engine.check()


class TestLosing:
    def test_a_daemon_that_died_between_captures_is_started_again(self, scripted: Scripted) -> None:
        engine = scripted.engine()
        first = who_answered(engine)
        os.kill(first, signal.SIGKILL)
        assert who_answered(engine) != first

    def test_a_daemon_that_dies_under_a_capture_is_replaced(self, scripted: Scripted) -> None:
        dies_once = "if len(open(path + '.starts').read()) == 1: os._exit(1)"
        assert who_answered(scripted.engine(answer=dies_once))
        assert scripted.starts == 2

    def test_a_capture_that_kills_one_daemon_after_the_other_is_given_up(self, scripted: Scripted) -> None:
        with pytest.raises(BrowserCrashed):
            scripted.engine(answer="os._exit(1)").capture(SHOT)
        assert 1 < scripted.starts <= 3

    def test_an_interrupted_answer_is_never_read_as_the_next_one(self, scripted: Scripted) -> None:
        slow_once = "if len(threading.enumerate()) == 3: time.sleep(1.5)"
        engine = scripted.engine(answer=slow_once, timeout=1.0)
        with pytest.raises(CaptureTimeout):
            engine.capture(SHOT)
        assert engine.capture(SHOT).width == 1


class TestForking:
    def test_a_child_makes_its_own_connections(self, scripted: Scripted) -> None:
        engine = scripted.engine()
        daemon = who_answered(engine)
        seen = in_a_child(lambda: who_answered(engine))
        assert seen == daemon
        assert who_answered(engine) == daemon


def in_a_child(work: Callable[[], int]) -> int:
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=lambda: theirs.send(work()))
    child.start()
    assert ours.poll(20)
    answer = int(ours.recv())
    child.join()
    return answer
