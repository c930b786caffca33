"""Benchmark of the engines of jobs: submissions, costs per page, and workers that are killed. No browser.

``python -m bench.jobs_engines [--engines sqlite,redis,rabbitmq] [--kills N]``. Captures are pauses, so the figures are
those of store and broker:

========== =========================================================================================================
submission seconds in which a job of 10,000 pages is stored, and what it adds to the file or to the memory of Redis
overhead   milliseconds of one page besides its capture, with one worker of three threads
kills      a job while workers are killed: pages without a result, pages of which more than two captures were finished,
           and the longest time from a killed worker to the next capture of a page that it had not finished
========== =========================================================================================================
"""

from __future__ import annotations

import argparse
import functools
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from rich.table import Table

from bench.tables import number, print_tables
from harness.job_workers import ENGINES, Event, JobEngine, job_engine
from harness.servers import RabbitServer, RedisServer
from harness.waiting import eventually
from tintype.jobs.leased_pages import LEASE_SECONDS
from tintype.jobs.model import NewJob, NewPage, PageStatus
from tintype.state.redis_client import client_for

SUBMITTED, MEASURED = 10_000, 1_000
"""Pages of the jobs of the first two measurements."""
WORKERS, KILLED_PAGES, CAPTURE_SECONDS = 3, 240, 0.5
"""The job during which workers are killed: pages, and seconds of one capture."""
BETWEEN_KILLS = 24
"""Captures that begin between two kills."""
_PATIENCE = 600.0


@dataclass(frozen=True, slots=True)
class Kills:
    """A job during which workers were killed."""

    killed: int
    lost: int
    more_than_twice: int
    longest: float


def new_job(name: str, pages: int) -> NewJob:
    """A job of pages on a thousand hosts."""
    urls = [(f"shop-{index % 1000}.example", f"/products/category/{index}.html") for index in range(pages)]
    options = '{"thumb_width": 640, "format": "webp"}'
    return NewJob(
        id=name, pages=[NewPage(url=f"https://{host}{path}", host=host, options=options) for host, path in urls]
    )


def submission(engine: JobEngine, size: Iterator[int]) -> tuple[float, int]:
    """Seconds to store a job of ``SUBMITTED`` pages, and bytes that it adds."""
    store, before = engine.open_store(), next(size)
    begin = time.monotonic()
    store.create(new_job("submitted", SUBMITTED))
    seconds = time.monotonic() - begin
    added = next(size) - before
    store.delete("submitted")
    return seconds, added


def overhead(engine: JobEngine) -> float:
    """Milliseconds of one page whose capture takes no time."""
    store = engine.open_store()
    store.create(new_job("measured", MEASURED))
    worker = engine.start(lease=LEASE_SECONDS)
    assert eventually(lambda: len(engine.events()) == MEASURED and not store.state().running, _PATIENCE)
    worker.terminate()
    worker.join()
    begun = [each.at for each in engine.events()]
    return 1000 * (max(begun) - min(begun)) / (MEASURED - 1)


def kills(engine: JobEngine, count: int) -> Kills:
    """Kill one of three workers again and again while a job runs; another one takes its place."""
    store = engine.open_store()
    store.create(new_job("killed", KILLED_PAGES))
    start = functools.partial(engine.start, seconds=CAPTURE_SECONDS, lease=LEASE_SECONDS)
    workers: list[BaseProcess] = [start() for _ in range(WORKERS)]
    deaths: list[tuple[int | None, float]] = []
    for index in range(count):
        due = len(_begun(engine)) + BETWEEN_KILLS
        assert eventually(functools.partial(_has_begun, engine, due), _PATIENCE)
        time.sleep(random.uniform(0, CAPTURE_SECONDS))
        victim = workers[index % WORKERS]
        victim.kill()
        deaths.append((victim.pid, time.monotonic()))
        victim.join()
        workers[index % WORKERS] = start()
    assert eventually(lambda: not any(store.state()[:2]), _PATIENCE)
    for worker in workers:
        worker.terminate()
        worker.join()
    return _account(engine, deaths)


def _begun(engine: JobEngine) -> list[Event]:
    return [each for each in engine.events() if each.job == "killed"]


def _has_begun(engine: JobEngine, captures: int) -> bool:
    return len(_begun(engine)) >= captures


def _account(engine: JobEngine, deaths: list[tuple[int | None, float]]) -> Kills:
    begun = _begun(engine)
    captured = [each for each in engine.events("captured") if each.job == "killed"]
    waits = [0.0]
    for pid, died in deaths:
        finished = {each.number for each in captured if each.pid == pid}
        unfinished = {each.number for each in begun if each.pid == pid} - finished
        again = (min(each.at for each in begun if each.number == page and each.at > died) for page in unfinished)
        waits += [at - died for at in again]
    pages = engine.open_store().pages("killed", limit=KILLED_PAGES)
    times = Counter(each.number for each in captured)
    return Kills(
        killed=len(deaths),
        lost=sum(page.status is not PageStatus.CAPTURED for page in pages),
        more_than_twice=sum(each > 2 for each in times.values()),  # noqa: PLR2004
        longest=max(waits),
    )


def file_size(folder: Path) -> Iterator[int]:
    """Bytes of the files of SQLite, at each step."""
    while True:
        yield sum(path.stat().st_size for path in folder.glob("jobs.db*"))


def memory(url: str) -> Iterator[int]:
    """Bytes of the memory of Redis, at each step."""
    while True:
        yield int(client_for(url).info("memory")["used_memory"])


def measure(name: str, kill_count: int) -> tuple[str, ...]:
    """One row of the table."""
    with ExitStack() as running:
        redis = running.enter_context(RedisServer(persistent=True)) if name != "sqlite" else None
        rabbitmq = running.enter_context(RabbitServer()) if name == "rabbitmq" else None
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="engine-")))
        engine = job_engine(name, folder, redis.url if redis else "", rabbitmq.url if rabbitmq else "")
        seconds, added = submission(engine, memory(redis.url) if redis else file_size(folder))
        cost = overhead(engine)
        killed = kills(engine, kill_count)
    return (
        name, f"{number(seconds)} s", f"{number(added / (1 << 20))} MB", f"{number(cost)} ms", str(killed.killed),
        str(killed.lost), str(killed.more_than_twice), f"{number(killed.longest)} s",
    )  # fmt: skip


def main() -> None:
    """Measure the engines, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--kills", type=int, default=6)
    arguments = parser.parse_args()
    table = Table("engine", "10,000 pages", "size", "per page", "killed", "lost", "> twice", "longest wait")
    for name in arguments.engines.split(","):
        table.add_row(*measure(name, arguments.kills))
    print_tables(table)


if __name__ == "__main__":
    main()
