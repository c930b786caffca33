"""Processes that capture pages of jobs without a browser, on each engine of jobs: SQLite, Redis, RabbitMQ."""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from harness.processes import is_stopped
from harness.waiting import eventually
from tintype.jobs import leased_pages, messages
from tintype.jobs.job_worker import JobWorker
from tintype.jobs.leased_pages import CaptureOutcome
from tintype.jobs.model import ClaimLimits, JobStore, Lease, PageResult
from tintype.jobs.runner import JobRunner, JobThreads
from tintype.state.broker import open_rabbitmq, open_redis
from tintype.state.redis_jobs import RedisJobs
from tintype.state.sqlite_jobs import SqliteJobs

Behaviour = Literal["capture", "hang", "wait for release", "die after the result"]
LONG_LEASE, SHORT_LEASE = 30.0, 3.0
"""Seconds. The long one outlasts any pause of a busy machine; tests of lost workers wait for the short one."""
_PATIENCE = 60.0
_SQLITE_FILE = "jobs.db"


class Event(NamedTuple):
    """The begin or the end of a capture; ``at`` is a time of the machine's monotonic clock."""

    job: str
    number: int
    pid: int
    at: float


@dataclass(frozen=True, slots=True)
class JobEngine:
    """A store of jobs, and a broker unless workers look for pages themselves; picklable."""

    name: str

    open_store: Callable[[], JobStore]
    folder: Path
    """Where workers record what they capture."""
    open_broker: Callable[[], Any] | None = None

    def release(self) -> None:
        """End the captures of the workers that wait for it."""
        (self.folder / "released").touch()

    def start(
        self, behaviour: Behaviour = "capture", *, seconds: float = 0.0, lease: float = LONG_LEASE
    ) -> multiprocessing.process.BaseProcess:
        """Start a worker process; its captures take so many seconds."""
        context = multiprocessing.get_context("spawn")
        worker = context.Process(target=work, args=(self, behaviour, seconds, lease), daemon=True)
        worker.start()
        return worker

    def freeze(self, worker: multiprocessing.process.BaseProcess) -> None:
        """Stop a worker process with SIGSTOP, outside its transactions: SQLite's lock would stay with it."""
        assert worker.pid
        with self._no_transactions():
            os.kill(worker.pid, signal.SIGSTOP)
            assert eventually(lambda: is_stopped(worker.pid or 0))

    @contextmanager
    def _no_transactions(self) -> Iterator[None]:
        """Hold SQLite's write lock; the other engines have no locks."""
        if self.name != "sqlite":
            yield
            return
        with closing(sqlite3.connect(self.folder / _SQLITE_FILE, timeout=_PATIENCE, isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            yield

    def events(self, kind: Literal["begun", "captured"] = "begun") -> list[Event]:
        """The captures that workers have begun or ended."""
        record = self.folder / kind
        lines = record.read_text().splitlines() if record.exists() else []
        fields = map(str.split, lines)
        return [Event(job, int(number), int(pid), float(at)) for job, number, pid, at in fields]

    def captures(self) -> Counter[tuple[str, int]]:
        """How often each page (job, number) was begun by any worker."""
        return Counter((each.job, each.number) for each in self.events())

    def record(self, kind: Literal["begun", "captured"], lease: Lease) -> None:
        """Record an event; one write of a line is atomic."""
        descriptor = os.open(self.folder / kind, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, f"{lease.job} {lease.number} {os.getpid()} {time.monotonic()}\n".encode())
        os.close(descriptor)


def work(engine: JobEngine, behaviour: Behaviour, seconds: float, lease: float) -> None:
    """Work until SIGTERM, then finish the running pages."""
    leased_pages.LEASE_SECONDS, leased_pages.EXTEND_INTERVAL, messages.SWEEP_INTERVAL = lease, lease / 3, 0.3
    store = engine.open_store()
    if behaviour == "die after the result":
        _die_after_a_result(store)
    threads = _threads(engine, store, behaviour, functools.partial(_capture, engine, behaviour, seconds))
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    threads.start()
    while not stopped.wait(0.2):
        pass  # the kernel may deliver the signal to another thread, which does not wake this one
    threads.stop(30)


def _threads(
    engine: JobEngine, store: JobStore, behaviour: Behaviour, capture: Callable[[Lease], CaptureOutcome]
) -> JobThreads | JobWorker:
    places = 1 if behaviour == "wait for release" else 3  # it must not claim its own page once the lease has expired
    limits = ClaimLimits(total=places, per_owner=100, per_host=100, node=str(os.getpid()))
    if engine.open_broker:
        return JobWorker(store, engine.open_broker(), capture, limits)
    return JobRunner(store, capture, limits)


def _capture(engine: JobEngine, behaviour: Behaviour, seconds: float, lease: Lease) -> CaptureOutcome:
    engine.record("begun", lease)
    if behaviour == "hang":
        threading.Event().wait()
    threading.Event().wait(seconds)  # the work of a browser
    if behaviour == "wait for release":
        eventually((engine.folder / "released").exists, _PATIENCE)
    engine.record("captured", lease)
    return CaptureOutcome(result=PageResult(verdict="ok"))


def _die_after_a_result(store: JobStore) -> None:
    """Kill this process when the store has a result, before the broker has the acknowledgement."""
    finish = store.finish

    def finish_and_die(*args: Any) -> bool:
        finish(*args)
        os.kill(os.getpid(), signal.SIGKILL)
        return True

    vars(store)["finish"] = finish_and_die


ENGINES = ("sqlite", "redis", "rabbitmq")


def job_engine(name: str, folder: Path, redis_url: str = "", rabbitmq_url: str = "") -> JobEngine:
    """An engine of ``ENGINES`` with its files in a folder, whose name is the prefix of its keys and queues."""
    if name == "sqlite":
        return JobEngine(name, functools.partial(SqliteJobs, folder / _SQLITE_FILE), folder)
    store = functools.partial(RedisJobs, redis_url, folder.name)
    if name == "redis":
        return JobEngine(name, store, folder, functools.partial(open_redis, redis_url, folder.name))
    return JobEngine(name, store, folder, functools.partial(open_rabbitmq, rabbitmq_url, folder.name))
