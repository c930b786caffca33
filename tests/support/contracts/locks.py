"""What all locks promise, whatever they are made of. Mixed into each backend's tests."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from tests.support.concurrency import eventually, in_fork, in_processes, in_threads
from tintype.protocols import Locks

OpenLocks = Callable[[], Locks]


def count_up(open_locks: OpenLocks, file: Path, times: int) -> None:
    """Read, add one, write: goes wrong as soon as two do it at once."""
    locks = open_locks()
    for _ in range(times):
        with locks.hold("counter", 30) as held:
            assert held
            file.write_text(str(int(file.read_text()) + 1))


def hold_for_ever(open_locks: OpenLocks, told: Connection) -> None:
    with open_locks().hold("name", 10) as held:
        told.send(held)
        threading.Event().wait()


class LocksContract:
    @pytest.fixture
    def open_locks(self) -> OpenLocks:
        """Opens locks on one and the same technology; a partial of a plain class."""
        raise NotImplementedError

    @pytest.fixture
    def locks(self, open_locks: OpenLocks) -> Locks:
        return open_locks()

    def test_a_free_lock_is_held(self, locks: Locks) -> None:
        with locks.hold("name", 0) as held:
            assert held

    def test_a_lock_is_free_again_after_the_block(self, locks: Locks) -> None:
        for _ in range(3):
            with locks.hold("name", 0) as held:
                assert held

    def test_a_lock_is_free_again_after_an_error(self, locks: Locks) -> None:
        with pytest.raises(KeyError), locks.hold("name", 0):
            raise KeyError
        with locks.hold("name", 0) as held:
            assert held

    def test_a_held_lock_is_not_given_twice(self, open_locks: OpenLocks, locks: Locks) -> None:
        with locks.hold("name", 0):
            for other in (locks, open_locks()):
                with other.hold("name", 0) as held:
                    assert not held
                with other.hold("name", 0.05) as held:
                    assert not held

    def test_one_who_does_not_hold_it_frees_nothing(self, open_locks: OpenLocks, locks: Locks) -> None:
        with locks.hold("name", 0):
            with open_locks().hold("name", 0):
                pass
            with open_locks().hold("name", 0) as held:
                assert not held

    def test_names_do_not_disturb_each_other(self, open_locks: OpenLocks, locks: Locks) -> None:
        with locks.hold("one", 0), open_locks().hold("ein anderer: ü*?", 0) as held:
            assert held

    def test_a_waiter_gets_it_when_it_is_freed(self, open_locks: OpenLocks, locks: Locks) -> None:
        waiting = threading.Event()

        def wait() -> bool:
            waiting.set()
            with open_locks().hold("name", 30) as held:
                return held

        with ThreadPoolExecutor(1) as other:
            with locks.hold("name", 0):
                waiter = other.submit(wait)
                assert waiting.wait(10)
            assert waiter.result(10)

    def test_threads_take_turns(self, locks: Locks, tmp_path: Path) -> None:
        file = tmp_path / "count"
        file.write_text("0")
        in_threads(count_up, [(lambda: locks, file, 20)] * 6)
        assert file.read_text() == "120"

    def test_processes_take_turns(self, open_locks: OpenLocks, tmp_path: Path) -> None:
        file = tmp_path / "count"
        file.write_text("0")
        in_processes(count_up, [(open_locks, file, 25)] * 4)
        assert file.read_text() == "100"

    def test_a_holder_that_is_killed_frees_it(self, open_locks: OpenLocks) -> None:
        told, tell = get_context("spawn").Pipe(duplex=False)
        holder = get_context("spawn").Process(target=hold_for_ever, args=(open_locks, tell))
        holder.start()
        assert told.poll(20)
        assert told.recv() is True
        with open_locks().hold("name", 0) as held:
            assert not held
        assert holder.pid
        os.kill(holder.pid, signal.SIGKILL)
        holder.join()
        with open_locks().hold("name", 30) as held:
            assert held
        holder.close()
        told.close()
        tell.close()

    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
    def test_a_fork_does_not_inherit_it(self, locks: Locks) -> None:
        def child() -> bool:
            with locks.hold("name", 0) as mine, locks.hold("other", 5) as other:
                return not mine and other

        with locks.hold("name", 0):
            assert in_fork(child)
            with locks.hold("name", 0) as held:
                assert not held
        assert eventually(lambda: in_fork(lambda: _try(locks)))


def _try(locks: Locks) -> bool:
    with locks.hold("name", 0) as held:
        return held
