"""Many processes at once, and waiting for what another process does."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any, TypeVar

Result = TypeVar("Result")


def in_processes(work: Callable[..., Result], calls: Iterable[tuple[Any, ...]]) -> list[Result]:
    """Run the calls in a fresh process each, together; an exception in one is raised here."""
    calls = list(calls)
    with ProcessPoolExecutor(len(calls), mp_context=multiprocessing.get_context("spawn")) as crowd:
        return [running.result() for running in [crowd.submit(work, *call) for call in calls]]


def in_threads(work: Callable[..., Result], calls: Iterable[tuple[Any, ...]]) -> list[Result]:
    """Run the calls in a thread each, together."""
    calls = list(calls)
    with ThreadPoolExecutor(len(calls)) as crowd:
        return [running.result() for running in [crowd.submit(work, *call) for call in calls]]


def in_fork(work: Callable[[], bool]) -> bool:
    """What the work says in a forked child."""
    child = os.fork()
    if child == 0:
        code = 2
        try:
            code = 0 if work() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def eventually(true: Callable[[], object], within: float = 20.0) -> bool:
    """Ask until it is true, for at most ``within`` seconds."""
    deadline = time.monotonic() + within
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True
