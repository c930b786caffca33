"""Demoted processes run at the lowest priority, and what they start does too."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tintype.chromium.process.priority import demote, demote_all

pytestmark = pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="Linux only")

THREADS = """
import threading, time
started = threading.Event()
threading.Thread(target=lambda: (started.set(), time.sleep(60)), daemon=True).start()
started.wait()
print("ready", flush=True)
input()
"""


def test_demotes_every_thread_of_a_process() -> None:
    with subprocess.Popen([sys.executable, "-c", THREADS], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        demote([process.pid])
        threads = [int(entry.name) for entry in Path(f"/proc/{process.pid}/task").iterdir()]
        assert len(threads) > 1
        assert {os.sched_getscheduler(thread) for thread in threads} == {os.SCHED_IDLE}
        process.kill()


def test_demotes_processes_that_start_meanwhile() -> None:
    with ExitStack() as stack:
        started: list[subprocess.Popen[bytes]] = []

        def processes() -> list[int]:
            if len(started) < 3:
                command = [sys.executable, "-c", "input()"]
                started.append(stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE)))
                stack.callback(started[-1].kill)
            return [each.pid for each in started]

        demote_all(processes)
        assert [os.sched_getscheduler(each.pid) for each in started] == [os.SCHED_IDLE] * 3


def test_ignores_a_process_that_has_exited() -> None:
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    demote([int(gone.stdout)])
