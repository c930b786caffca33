"""Runners of several nodes that share Redis: each due schedule is run once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.servers import RedisServer
from tests.support.concurrency import eventually
from tests.support.schedules import ScheduleHarness
from tintype.schedules import runner as runner_module
from tintype.schedules.model import RunStatus
from tintype.state.redis_client import client_for


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def nodes(server: RedisServer, tmp_path: Path) -> list[ScheduleHarness]:
    client_for(server.url).flushall()
    return [ScheduleHarness(tmp_path / str(number), redis=server.url) for number in range(3)]


def test_each_due_schedule_is_run_once(nodes: list[ScheduleHarness], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_module, "POLL_INTERVAL", 0.02)
    monkeypatch.setattr(runner_module, "FOLLOW_INTERVAL", 0.05)
    first = nodes[0]
    schedules = [first.create(every="1h", name=str(number)) for number in range(6)]
    for node in nodes:
        node.runner.start()
    try:

        def have_ended() -> bool:
            first.capture_pages()
            runs = [first.store.runs(each.id) for each in schedules]
            return all(found and found[0].ended_at for found in runs)

        assert eventually(have_ended, within=90)
    finally:
        assert all(node.runner.stop(90) for node in nodes)
    runs = [run for each in schedules for run in first.store.runs(each.id)]
    assert Counter(run.schedule for run in runs) == {each.id: 1 for each in schedules}
    assert sorted(job.id for job in first.jobs_store.jobs(owner=None)) == sorted(run.id for run in runs)
    assert {run.status for run in runs} == {RunStatus.COMPLETED}
    reported = Counter(run.id for node in nodes for _, run in node.reported)
    assert reported == {run.id: 1 for run in runs}


def test_nodes_that_find_the_same_due_time_submit_one_job(nodes: list[ScheduleHarness]) -> None:
    schedule = nodes[0].create(every="1h")
    barrier, begun = threading.Barrier(3), []

    def start(node: ScheduleHarness) -> None:
        barrier.wait(90)
        begun.append(node.runner.start_due())

    threads = [threading.Thread(target=start, args=(node,)) for node in nodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert sorted(begun) == [False, False, True]
    assert [job.id for job in nodes[1].jobs_store.jobs(owner=None)] == [nodes[2].store.runs(schedule.id)[0].id]
