"""Deadline of a request: bounds the sum of its waits."""

from __future__ import annotations

import math
from threading import Thread

from tintype.deadline import answer_within, time_left


class TestTimeLeft:
    def test_returns_the_limit_without_a_deadline(self) -> None:
        assert time_left(15) == 15
        assert time_left(math.inf) == math.inf

    def test_returns_the_time_until_the_deadline(self) -> None:
        with answer_within(100):
            assert time_left(15) == 15
            assert 0 < time_left(math.inf) <= 100

    def test_returns_nothing_negative(self) -> None:
        with answer_within(-5):
            assert time_left(15) == 0

    def test_returns_at_least_the_minimum_but_not_over_the_limit(self) -> None:
        with answer_within(0):
            assert time_left(15, at_least=3) == 3
            assert time_left(2, at_least=3) == 2


class TestAnswerWithin:
    def test_keeps_an_earlier_deadline(self) -> None:
        with answer_within(10):
            with answer_within(100):
                assert time_left(math.inf) <= 10
            with answer_within(1):
                assert time_left(math.inf) <= 1
            assert time_left(math.inf) > 1

    def test_ends_with_the_block(self) -> None:
        with answer_within(10):
            pass
        assert time_left(math.inf) == math.inf

    def test_leaves_other_threads_without_a_deadline(self) -> None:
        seen: list[float] = []
        with answer_within(10):
            thread = Thread(target=lambda: seen.append(time_left(math.inf)))
            thread.start()
            thread.join()
        assert seen == [math.inf]
