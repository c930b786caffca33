"""Requests of a crowd are worked on a few at a time; whoever waits for a picture holds nobody up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.support.concurrency import eventually
from tests.web.conftest import Site
from tintype.service.turns import ConcurrencyLimit

FOREVER = 60.0
AT_ONCE = 0.01


class Worker:
    """Counts who is at work; they work until they are let go."""

    def __init__(self, turns: ConcurrencyLimit) -> None:
        self.turns = turns
        self.working = 0
        self.go = threading.Event()

    def work(self) -> None:
        with self.turns.acquire():
            self.working += 1
            self.go.wait(FOREVER)

    @contextmanager
    def crowd(self, number: int) -> Iterator[None]:
        with ThreadPoolExecutor(number) as crowd:
            done = [crowd.submit(self.work) for _ in range(number)]
            yield
            self.go.set()
        for each in done:
            each.result()


class TestTurns:
    def test_are_for_so_many_at_a_time(self) -> None:
        worker = Worker(ConcurrencyLimit(2, timeout=FOREVER))
        with worker.crowd(5):
            assert eventually(lambda: worker.working == 2)
            assert worker.turns._free.acquire(blocking=False) is False
        assert worker.working == 5

    def test_are_not_waited_for_without_end(self) -> None:
        worker = Worker(ConcurrencyLimit(1, timeout=AT_ONCE))
        with worker.crowd(3):
            assert eventually(lambda: worker.working == 3)

    def test_are_given_back_after_a_failure(self) -> None:
        turns = ConcurrencyLimit(1, timeout=FOREVER)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError), turns.acquire(), turns.released():
                raise ZeroDivisionError

    def test_are_given_back_once_however_often_they_are_lent(self) -> None:
        turns = ConcurrencyLimit(1, timeout=AT_ONCE)
        with turns.acquire(), turns.released(), turns.released():
            pass
        assert turns._free.acquire(blocking=False)
        assert not turns._free.acquire(blocking=False)

    def test_that_were_not_had_are_not_given_back(self) -> None:
        turns = ConcurrencyLimit(0, timeout=AT_ONCE)
        with turns.acquire(), turns.released():
            pass
        assert not turns._free.acquire(blocking=False)

    def test_lent_are_somebody_else_s(self) -> None:
        worker = Worker(ConcurrencyLimit(1, timeout=FOREVER))
        with worker.turns.acquire(), worker.turns.released(), worker.crowd(1):
            assert eventually(lambda: worker.working == 1)

    def test_are_had_again_after_they_were_lent(self) -> None:
        turns = ConcurrencyLimit(1, timeout=FOREVER)
        with turns.acquire():
            with turns.released():
                pass
            assert not turns._free.acquire(blocking=False)


class TestAService:
    @pytest.fixture
    def strict(self, site: Site) -> Site:
        """One at a time, however long that takes."""
        site.service._turns = ConcurrencyLimit(1, timeout=FOREVER)
        return site

    def test_answers_while_somebody_waits_for_a_picture(self, strict: Site) -> None:
        strict.thumb()
        strict.engine.gate.clear()
        with ThreadPoolExecutor(1) as crowd:
            waiting = crowd.submit(strict.app.test_client().get, "/thumb?url=https://slow.org/")
            assert eventually(lambda: strict.engine.visits == 2)
            assert strict.thumb().headers["X-Cache"] == "HIT"
            strict.engine.gate.set()
            assert waiting.result().headers["X-Cache"] == "MISS"

    def test_gives_its_turn_back_after_a_refusal(self, strict: Site) -> None:
        for _ in range(3):
            assert strict.thumb(url="ftp://example.org/").status_code == 400
        assert strict.thumb().status_code == 200
