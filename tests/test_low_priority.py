"""The priority of a thread's work."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tintype.low_priority import WAIT_FACTOR, is_low_priority, low_priority, wait_limit


def test_priority_is_low_inside_the_block() -> None:
    assert not is_low_priority()
    with low_priority():
        assert is_low_priority()
    assert not is_low_priority()


def test_other_threads_keep_their_priority() -> None:
    with low_priority(), ThreadPoolExecutor(1) as pool:
        assert not pool.submit(is_low_priority).result()


def test_waits_longer_at_low_priority() -> None:
    assert wait_limit(20) == 20
    with low_priority():
        assert wait_limit(20) == 20 * WAIT_FACTOR
