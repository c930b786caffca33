"""Concurrency helpers: calls in processes and threads, coroutine tests, and waiting for a condition."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import wraps
from multiprocessing.context import ForkServerContext
from typing import Any, TypeVar

from harness.waiting import eventually

__all__ = [
    "async_test",
    "at_test_end",
    "eventually",
    "in_fork",
    "in_processes",
    "in_threads",
    "killed_processes",
    "process_context",
]

Result = TypeVar("Result")
_PRELOADED = ["pytest", "structlog", "limits", "tests.support.fakes", "tintype.state.redis", "tintype.storage.s3"]
_TIME_LIMIT = 60.0
_cleanups: list[Callable[[], object]] = []


def in_processes(work: Callable[..., Result], calls: Iterable[tuple[Any, ...]]) -> list[Result]:
    """Run each call in a new process, concurrently; raises the first exception of a call."""
    calls = list(calls)
    with ProcessPoolExecutor(len(calls), mp_context=process_context()) as executor:
        return [running.result() for running in [executor.submit(work, *call) for call in calls]]


@contextmanager
def killed_processes(work: Callable[..., object], calls: Iterable[tuple[Any, ...]]) -> Iterator[None]:
    """Run each call in a new process; at the end of the block all are killed."""
    processes = [process_context().Process(target=work, args=call) for call in calls]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.join()
            process.close()


def process_context() -> ForkServerContext:
    """Start processes that inherit no thread, lock or connection of the test, nor a variable that it has set.

    They are forks of a server that has imported the libraries, because importing costs more than most calls.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


def in_threads(work: Callable[..., Result], calls: Iterable[tuple[Any, ...]]) -> list[Result]:
    """Run each call in a thread, concurrently; raises the first exception of a call."""
    calls = list(calls)
    with ThreadPoolExecutor(len(calls)) as executor:
        return [running.result() for running in [executor.submit(work, *call) for call in calls]]


def in_fork(work: Callable[[], bool]) -> bool:
    """Run work in a forked child; returns its result, or False if it raised."""
    child = os.fork()
    if child == 0:
        code = 2
        try:
            code = 0 if work() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def async_test(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a coroutine function as a test in a new event loop; it fails after 60 seconds."""

    async def limited(*args: Any, **kwargs: Any) -> None:
        try:
            async with asyncio.timeout(_TIME_LIMIT):
                await test(*args, **kwargs)
        finally:
            while _cleanups:
                _cleanups.pop()()
            await asyncio.sleep(0)  # lets the loop close the transports that a cleanup aborted

    @wraps(test)
    def call(*args: Any, **kwargs: Any) -> None:
        asyncio.run(limited(*args, **kwargs))

    return call


def at_test_end(cleanup: Callable[[], object]) -> None:
    """Call ``cleanup`` at the end of the running :func:`async_test`."""
    _cleanups.append(cleanup)
