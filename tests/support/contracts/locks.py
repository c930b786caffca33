"""Contract of all locks, mixed into the tests of each backend."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from tests.support.concurrency import eventually, in_fork, in_processes, in_threads, process_context
from tintype.protocols import Locks

OpenLocks = Callable[[], Locks]


def count_up(open_locks: OpenLocks, file: Path, times: int) -> None:
    """Read, add one, write: loses counts if two callers do it concurrently."""
    locks = open_locks()
    for _ in range(times):
        with locks.hold("counter", 30) as held:
            assert held
            file.write_text(str(int(file.read_text()) + 1))


def hold_forever(open_locks: OpenLocks, results: Connection) -> None:
    with open_locks().hold("name", 10) as held:
        results.send(held)
        threading.Event().wait()


class LocksContract:
    @pytest.fixture
    def open_locks(self) -> OpenLocks:
        """Opens locks on the same backend at each call; picklable, so a partial of a class."""
        raise NotImplementedError

    @pytest.fixture
    def locks(self, open_locks: OpenLocks) -> Locks:
        return open_locks()

    def test_acquires_a_free_lock(self, locks: Locks) -> None:
        with locks.hold("name", 0) as held:
            assert held

    def test_releases_the_lock_after_the_block(self, locks: Locks) -> None:
        for _ in range(3):
            with locks.hold("name", 0) as held:
                assert held

    def test_releases_the_lock_after_an_error(self, locks: Locks) -> None:
        with pytest.raises(KeyError), locks.hold("name", 0):
            raise KeyError
        with locks.hold("name", 0) as held:
            assert held

    def test_does_not_acquire_a_held_lock(self, open_locks: OpenLocks, locks: Locks) -> None:
        with locks.hold("name", 0):
            for other in (locks, open_locks()):
                with other.hold("name", 0) as held:
                    assert not held
                with other.hold("name", 0.05) as held:
                    assert not held

    def test_failed_attempt_releases_nothing(self, open_locks: OpenLocks, locks: Locks) -> None:
        with locks.hold("name", 0):
            with open_locks().hold("name", 0):
                pass
            with open_locks().hold("name", 0) as held:
                assert not held

    def test_names_are_independent(self, open_locks: OpenLocks, locks: Locks) -> None:
        with locks.hold("one", 0), open_locks().hold("another name: ü*?", 0) as held:
            assert held

    def test_waiting_caller_acquires_it_after_the_release(self, open_locks: OpenLocks, locks: Locks) -> None:
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

    def test_excludes_threads(self, locks: Locks, tmp_path: Path) -> None:
        file = tmp_path / "count"
        file.write_text("0")
        in_threads(count_up, [(lambda: locks, file, 20)] * 6)
        assert file.read_text() == "120"

    def test_excludes_processes(self, open_locks: OpenLocks, tmp_path: Path) -> None:
        file = tmp_path / "count"
        file.write_text("0")
        in_processes(count_up, [(open_locks, file, 25)] * 4)
        assert file.read_text() == "100"

    def test_lock_is_released_when_its_holder_is_killed(self, open_locks: OpenLocks) -> None:
        receiver, sender = process_context().Pipe(duplex=False)
        holder = process_context().Process(target=hold_forever, args=(open_locks, sender))
        holder.start()
        assert receiver.poll(20)
        assert receiver.recv() is True
        with open_locks().hold("name", 0) as held:
            assert not held
        assert holder.pid
        os.kill(holder.pid, signal.SIGKILL)
        holder.join()
        with open_locks().hold("name", 30) as held:
            assert held
        holder.close()
        receiver.close()
        sender.close()

    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
    def test_forked_process_does_not_inherit_a_lock(self, locks: Locks) -> None:
        def child() -> bool:
            with locks.hold("name", 0) as own, locks.hold("other", 5) as other:
                return not own and other

        with locks.hold("name", 0):
            assert in_fork(child)
            with locks.hold("name", 0) as held:
                assert not held
        assert eventually(lambda: in_fork(lambda: _try(locks)))


def _try(locks: Locks) -> bool:
    with locks.hold("name", 0) as held:
        return held
