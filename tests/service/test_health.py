"""Checks of the parts: who asks, how often, and what is said."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.fakes import Clock
from tintype.errors import BackendUnavailable
from tintype.service.health import CACHE_SECONDS, HealthChecks


class Part:
    """Something that can be checked; ``wrong`` is raised, ``gate`` holds a check up."""

    def __init__(self) -> None:
        self.asked = 0
        self.wrong: Exception | None = None
        self.entered, self.gate = threading.Event(), threading.Event()
        self.gate.set()

    def check(self) -> None:
        self.asked += 1
        self.entered.set()
        assert self.gate.wait(10)
        if self.wrong:
            raise self.wrong


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def part() -> Part:
    return Part()


@pytest.fixture
def checkup(part: Part, clock: Clock) -> HealthChecks:
    return HealthChecks({"part": part.check}, clock)


def test_a_part_that_works_is_told_as_none(checkup: HealthChecks) -> None:
    assert checkup.report() == {"part": None}


def test_a_known_failure_speaks_for_itself(checkup: HealthChecks, part: Part) -> None:
    part.wrong = BackendUnavailable("the disk is full")
    assert checkup.report() == {"part": "the disk is full"}


def test_an_unforeseen_failure_tells_nothing_to_strangers(checkup: HealthChecks, part: Part) -> None:
    part.wrong = ValueError("redis://:hunter2@10.0.0.1")
    assert checkup.report() == {"part": "failed in an unforeseen way; the log says more"}


@pytest.mark.parametrize("wrong", [None, BackendUnavailable("down")])
def test_an_answer_good_or_bad_holds_for_a_while(
    checkup: HealthChecks, part: Part, clock: Clock, wrong: Exception | None
) -> None:
    part.wrong = wrong
    first = checkup.report()
    clock.turn(CACHE_SECONDS - 1)
    assert (checkup.report(), part.asked) == (first, 1)
    part.wrong = None
    clock.turn(1)
    assert (checkup.report(), part.asked) == ({"part": None}, 2)


def test_those_who_come_first_together_ask_once(checkup: HealthChecks, part: Part) -> None:
    part.gate.clear()
    with ThreadPoolExecutor(5) as crowd:
        pending = [crowd.submit(checkup.report) for _ in range(5)]
        assert part.entered.wait(10)
        part.gate.set()
        assert [each.result(10) for each in pending] == [{"part": None}] * 5
    assert part.asked == 1


def test_while_one_asks_again_the_others_get_the_last_answer(checkup: HealthChecks, part: Part, clock: Clock) -> None:
    checkup.report()
    clock.turn(CACHE_SECONDS)
    part.entered.clear()
    part.gate.clear()
    part.wrong = BackendUnavailable("down")
    with ThreadPoolExecutor(1) as crowd:
        asking = crowd.submit(checkup.report)
        assert part.entered.wait(10)
        assert checkup.report() == {"part": None}
        part.gate.set()
        assert asking.result(10) == {"part": "down"}
