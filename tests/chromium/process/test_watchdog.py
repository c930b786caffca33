"""The watchdog measures all processes of a browser, including new ones."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from harness import processes
from tests.support.concurrency import eventually
from tintype.chromium.process.watchdog import ProcessLimits, ProcessTree, Watchdog, private_memory, process_memory

PARENT = """
import subprocess, sys, threading
def start(kind):
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", f"--type={kind}"])
threading.Thread(target=lambda: start("gpu-process")).start()  # Chromium starts processes from threads as well
zygote = subprocess.Popen([sys.executable, "-c", ZYGOTE, "--type=zygote"], stdin=subprocess.PIPE, text=True)
for line in sys.stdin:
    print(line, end="", file=zygote.stdin, flush=True)
"""
ZYGOTE = """
import subprocess, sys
for line in sys.stdin:
    count = line.strip() or "0"
    threads = "[threading.Thread(target=time.sleep, args=(60,), daemon=True).start() for _ in range(" + count + ")]"
    program = "import threading, time; " + threads + "; time.sleep(60)"
    subprocess.Popen([sys.executable, "-c", program, "--type=" + "renderer"])
"""


@pytest.fixture
def browser() -> Iterator[subprocess.Popen[str]]:
    """Something with the family of a browser; each line makes a renderer with that number of threads."""
    program = f"ZYGOTE = {ZYGOTE!r}{PARENT}"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, text=True) as process:
        yield process
        for pid in processes.tree(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)


def kinds(tree: ProcessTree) -> list[str]:
    return sorted(usage.kind for usage in tree.read())


def test_reads_every_process_with_its_kind(browser: subprocess.Popen[str]) -> None:
    assert eventually(lambda: kinds(ProcessTree(browser.pid)) == ["browser", "gpu", "other"])


def test_reads_a_renderer_that_starts_later(browser: subprocess.Popen[str]) -> None:
    tree = ProcessTree(browser.pid)
    assert eventually(lambda: kinds(tree) == ["browser", "gpu", "other"])
    for count in (1, 2):
        print(file=browser.stdin, flush=True)
        assert eventually(lambda n=count: kinds(tree).count("renderer") == n)


def test_omits_a_process_that_has_exited(browser: subprocess.Popen[str]) -> None:
    tree = ProcessTree(browser.pid)
    assert eventually(lambda: "gpu" in kinds(tree))
    gpu = next(usage.pid for usage in tree.read() if usage.kind == "gpu")
    os.kill(gpu, 9)
    assert eventually(lambda: not next((u.memory for u in tree.read() if u.pid == gpu), 0))


def test_measures_private_memory() -> None:
    before = private_memory(os.getpid())
    held = bytearray(os.urandom(64 << 20))
    assert private_memory(os.getpid()) - before >= 60 << 20
    assert held


def test_reads_nothing_for_a_browser_that_has_exited() -> None:
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    assert process_memory(int(gone.stdout)) == []


class TestLimits:
    def test_ends_a_browser_that_is_over_its_limit(self, browser: subprocess.Popen[str]) -> None:
        ended: list[str] = []
        Watchdog(browser.pid, ProcessLimits(browser=1), ended.append).read_memory()
        assert ended == ["memory"]

    def test_ends_a_browser_whose_gpu_process_is_over_its_limit(self, browser: subprocess.Popen[str]) -> None:
        ended: list[str] = []
        watchdog = Watchdog(browser.pid, ProcessLimits(gpu=1), ended.append)
        assert eventually(lambda: watchdog.read_memory() and ended == ["memory"])

    def test_ends_a_browser_whose_processes_are_over_the_limit_of_the_tree(
        self, browser: subprocess.Popen[str]
    ) -> None:
        ended: list[str] = []
        watchdog = Watchdog(browser.pid, ProcessLimits(tree=1), ended.append)
        watchdog.read_memory()
        assert "memory" in ended
        assert watchdog.memory > 1

    def test_kills_a_renderer_alone(self, browser: subprocess.Popen[str]) -> None:
        ended: list[str] = []
        watchdog = Watchdog(browser.pid, ProcessLimits(renderer=1), ended.append)
        print(file=browser.stdin, flush=True)
        assert eventually(lambda: watchdog.read_memory() and watchdog.renderers_killed > 0)
        assert ended == []

    def test_ends_a_browser_whose_renderers_have_too_many_threads(self, browser: subprocess.Popen[str]) -> None:
        ended: list[str] = []
        watchdog = Watchdog(browser.pid, ProcessLimits(threads=20), ended.append)
        print("50", file=browser.stdin, flush=True)

        def reports_workers() -> bool:
            watchdog.read_cpu(watchdog.read_memory())
            return ended[:1] == ["workers"]

        assert eventually(reports_workers)

    def test_allows_many_renderers_without_workers(self, browser: subprocess.Popen[str]) -> None:
        ended: list[str] = []
        watchdog = Watchdog(browser.pid, ProcessLimits(threads=0), ended.append)
        for _ in range(10):
            print("5", file=browser.stdin, flush=True)
        assert eventually(lambda: kinds(watchdog._tree).count("renderer") == 10)
        watchdog.read_cpu(watchdog.read_memory())
        assert ended == []

    def test_counts_the_cpu_time_of_processes_that_have_exited(self, browser: subprocess.Popen[str]) -> None:
        watchdog = Watchdog(browser.pid, ProcessLimits(), lambda _: None)
        assert eventually(lambda: "gpu" in kinds(watchdog._tree))

        def has_counted() -> bool:
            watchdog.read_cpu(watchdog.read_memory())
            return watchdog.cpu > 0

        assert eventually(has_counted)  # the clock of processes has steps of 10 ms
        before = watchdog.cpu
        os.kill(next(usage.pid for usage in watchdog.read_memory() if usage.kind == "gpu"), 9)
        watchdog.read_cpu(watchdog.read_memory())
        assert watchdog.cpu >= before
