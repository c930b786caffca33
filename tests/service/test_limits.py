"""WaitingLimit, ConcurrencyLimit and Permit, without a service."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.support.concurrency import eventually
from tintype.errors import Overloaded
from tintype.low_priority import low_priority
from tintype.service.limits import UNLIMITED, ConcurrencyLimit, WaitingLimit

NEVER = 60.0
SHORT = 0.01


class TestWaitingLimit:
    def test_counts_a_request_only_while_its_block_runs(self) -> None:
        limit = WaitingLimit(1)
        for _ in range(3):
            with limit.acquire("a"):
                pass

    def test_counts_no_page_of_a_job(self) -> None:
        limit = WaitingLimit(1)
        with low_priority(), limit.acquire("a"), limit.acquire("b"):
            pass
        with limit.acquire("a"), low_priority(), limit.acquire("b"):
            pass

    def test_releases_after_an_exception(self) -> None:
        limit = WaitingLimit(1)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError), limit.acquire("a"):
                raise ZeroDivisionError

    def test_rejects_a_request_when_all_slots_are_taken(self) -> None:
        limit = WaitingLimit(1)
        with limit.acquire("a"), pytest.raises(Overloaded) as rejection, limit.acquire("a"):
            pass
        assert rejection.value.retry_after_seconds == 5

    def test_limits_distinct_targets_but_not_requests_for_one_of_them(self) -> None:
        limit = WaitingLimit(4, max_targets=2)
        with limit.acquire("a"), limit.acquire("b"), limit.acquire("a"):
            with pytest.raises(Overloaded), limit.acquire("c"):
                pass
            with limit.acquire("b"), pytest.raises(Overloaded), limit.acquire("a"):
                pass
        with limit.acquire("c"), limit.acquire("d"):
            pass

    def test_counts_requests_whose_target_is_unknown(self) -> None:
        limit = WaitingLimit(3, max_targets=1)
        with limit.acquire(), limit.acquire("a"), limit.acquire():
            with pytest.raises(Overloaded), limit.acquire():
                pass
            with pytest.raises(Overloaded), limit.acquire("a"):
                pass
        with limit.acquire("b"):
            pass

    def test_accepts_any_number_without_a_limit(self) -> None:
        limit = WaitingLimit(None)
        with limit.acquire("a"), limit.acquire("a"):
            pass


class Requests:
    """Requests that run until ``end`` is set, and the number of running ones."""

    def __init__(self, limit: ConcurrencyLimit) -> None:
        self.limit = limit
        self.running = 0
        self.end = threading.Event()

    def _run(self) -> None:
        with self.limit.acquire():
            self.running += 1
            self.end.wait(NEVER)

    @contextmanager
    def start(self, number: int) -> Iterator[None]:
        with ThreadPoolExecutor(number) as pool:
            done = [pool.submit(self._run) for _ in range(number)]
            yield
            self.end.set()
        for each in done:
            each.result()


class TestConcurrencyLimit:
    def test_runs_only_the_permitted_number_concurrently(self) -> None:
        requests = Requests(ConcurrencyLimit(2, timeout=NEVER))
        with requests.start(5):
            assert eventually(lambda: requests.running == 2)
            assert requests.limit._free.acquire(blocking=False) is False
        assert requests.running == 5

    def test_lets_a_request_run_without_a_permit_after_the_timeout(self) -> None:
        requests = Requests(ConcurrencyLimit(1, timeout=SHORT))
        with requests.start(3):
            assert eventually(lambda: requests.running == 3)

    def test_releases_after_an_exception(self) -> None:
        limit = ConcurrencyLimit(1, timeout=NEVER)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError), limit.acquire() as permit, permit.released():
                raise ZeroDivisionError


class TestPermit:
    def test_returns_a_permit_once_if_it_is_released_twice(self) -> None:
        limit = ConcurrencyLimit(1, timeout=SHORT)
        with limit.acquire() as permit, permit.released(), permit.released():
            pass
        assert limit._free.acquire(blocking=False)
        assert not limit._free.acquire(blocking=False)

    def test_does_not_return_a_permit_that_was_not_acquired(self) -> None:
        limit = ConcurrencyLimit(0, timeout=SHORT)
        with limit.acquire() as permit, permit.released():
            pass
        assert not limit._free.acquire(blocking=False)

    def test_other_requests_acquire_a_released_permit(self) -> None:
        requests = Requests(ConcurrencyLimit(1, timeout=NEVER))
        with requests.limit.acquire() as permit, permit.released(), requests.start(1):
            assert eventually(lambda: requests.running == 1)

    def test_holds_the_permit_again_after_the_released_block(self) -> None:
        limit = ConcurrencyLimit(1, timeout=NEVER)
        with limit.acquire() as permit:
            with permit.released():
                pass
            assert not limit._free.acquire(blocking=False)

    def test_belongs_to_a_request_and_not_to_a_thread(self) -> None:
        limit = ConcurrencyLimit(2, timeout=NEVER)
        with limit.acquire() as first, limit.acquire(), first.released():
            assert limit._free.acquire(blocking=False)
            limit.release()

    def test_unlimited_does_nothing(self) -> None:
        with UNLIMITED.released():
            pass
