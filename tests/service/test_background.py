"""BackgroundTasks: limit, queue, failures."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from tintype.service.background import BackgroundTasks


def waiting(gate: threading.Event) -> Callable[[], None]:
    def job() -> None:
        assert gate.wait(10)

    return job


def test_runs_a_task() -> None:
    background, ran = BackgroundTasks(), threading.Event()
    assert background.submit("job", ran.set)
    assert background.join(10)
    assert ran.is_set()


def test_runs_a_name_once_at_a_time() -> None:
    background, gate = BackgroundTasks(), threading.Event()
    assert background.submit("job", waiting(gate))
    assert not background.submit("job", gate.set)
    gate.set()
    assert background.join(10)
    assert background.submit("job", gate.set)
    assert background.join(10)


def test_drops_a_task_over_the_limit() -> None:
    background, gate = BackgroundTasks(limit=2), threading.Event()
    started = [background.submit(str(number), waiting(gate)) for number in range(3)]
    gate.set()
    assert started == [True, True, False]
    assert background.join(10)


def test_queues_tasks_over_the_limit() -> None:
    background, gate, ran = BackgroundTasks(limit=1, queue_size=2), threading.Event(), list[str]()
    started = [background.submit("first", waiting(gate))]
    started += [background.submit(name, lambda name=name: ran.append(name)) for name in ("second", "third", "fourth")]
    started += [background.submit("second", gate.set)]
    assert started == [True, True, True, False, False]
    gate.set()
    assert background.join(10)
    assert ran == ["second", "third"]


def test_frees_the_slot_of_a_failed_task() -> None:
    background = BackgroundTasks(limit=1)

    def fail() -> None:
        raise ValueError("a bug")

    assert background.submit("bad", fail)
    assert background.join(10)
    assert background.submit("good", lambda: None)
    assert background.join(10)


def test_drops_a_task_if_no_thread_can_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    background = BackgroundTasks(limit=1)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert not background.submit("job", lambda: None)
    assert background.submit("job", lambda: None)
    assert background.join(10)


def test_join_returns_after_its_timeout() -> None:
    background, gate = BackgroundTasks(), threading.Event()
    background.submit("job", waiting(gate))
    assert not background.join(0.01)
    gate.set()
    assert background.join(10)


class TestReserve:
    def test_starts_the_task_after_the_block(self) -> None:
        background, ran = BackgroundTasks(), threading.Event()
        with background.reserve("job", ran.set) as starts:
            assert starts
            assert not ran.is_set()
            assert not background.submit("job", ran.set)
        assert background.join(10)
        assert ran.is_set()

    def test_starts_nothing_if_the_block_raises(self) -> None:
        background, ran = BackgroundTasks(limit=1, queue_size=1), list[str]()
        with ExitStack() as stack:
            stack.enter_context(pytest.raises(ValueError, match="rejected"))
            stack.enter_context(background.reserve("job", lambda: ran.append("job")))
            assert background.submit("queued", lambda: ran.append("queued"))
            raise ValueError("rejected")
        assert background.join(10)
        assert ran == ["queued"]

    def test_starts_nothing_while_the_name_runs_or_no_thread_is_free(self) -> None:
        background, gate = BackgroundTasks(limit=1), threading.Event()
        assert background.submit("job", waiting(gate))
        for name in ("job", "other"):
            with background.reserve(name, gate.set) as starts:
                assert not starts
        gate.set()
        assert background.join(10)
