"""Property that is computed on its first use."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from tintype.computed_once import computed_once


class Counter:
    def __init__(self) -> None:
        self.computed = 0

    @computed_once
    def value(self) -> int:
        """The number."""
        self.computed += 1
        return self.computed


class TestComputedOnce:
    def test_computes_each_instance_once(self) -> None:
        first, second = Counter(), Counter()
        assert [first.value, first.value, second.value] == [1, 1, 1]

    def test_keeps_the_docstring(self) -> None:
        assert Counter.value.__doc__ == "The number."

    def test_computes_instances_at_the_same_time(self) -> None:
        both = Barrier(2)

        class Slow:
            @computed_once
            def value(self) -> int:
                return both.wait(10)

        with ThreadPoolExecutor(2) as threads:
            assert sorted(threads.map(lambda each: each.value, [Slow(), Slow()])) == [0, 1]
