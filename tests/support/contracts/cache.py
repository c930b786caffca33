"""What every cache promises, whatever it is made of. Mixed into each backend's tests."""

from __future__ import annotations

import functools
import hashlib
import random
from collections.abc import Callable
from functools import partial

import pytest

from tests.support.concurrency import eventually, in_fork, in_processes, in_threads
from tintype.protocols import Cache

KB = 1024
OpenCache = Callable[..., Cache]


def body_of(key: str, size: int) -> bytes:
    """Bytes that only this key may have."""
    seed = hashlib.sha256(key.encode()).digest()
    return (seed * (size // len(seed) + 1))[:size]


def scribble(open_cache: Callable[[], Cache], worker: int, rounds: int, keys: int) -> int:
    """Put and get at random like a busy worker; how many values were found, each of them right."""
    cache, dice, found = open_cache(), random.Random(worker), 0
    for _ in range(rounds):
        key = f"key-{dice.randrange(keys)}"
        if dice.random() < 0.5:
            cache.put(key, body_of(key, dice.randrange(1, 9 * KB)), 60, tag=f"tag-{dice.randrange(4)}")
        elif (value := cache.get(key)) is not None:
            assert value == body_of(key, len(value))
            found += 1
        if dice.random() < 0.02:
            cache.purge(f"tag-{dice.randrange(4)}")
    return found


class CacheContract:
    @pytest.fixture
    def open_cache(self) -> OpenCache:
        """Opens ``(budget, touch_after)`` on one and the same store; a partial of a plain class."""
        raise NotImplementedError

    @pytest.fixture
    def cache(self, open_cache: OpenCache) -> Cache:
        return open_cache(budget=10_000 * KB, touch_after=60)

    def test_gives_back_what_was_put(self, cache: Cache) -> None:
        cache.put("key", b"value\0\xff", 60)
        assert cache.get("key") == b"value\0\xff"

    def test_counts_its_entries(self, cache: Cache) -> None:
        assert cache.entries() == 0
        cache.put("one", b"1", 60)
        cache.put("two", b"2", 60)
        cache.put("two", b"3", 60)
        assert cache.entries() == 2
        assert cache.clear() == 2
        assert cache.entries() == 0

    def test_knows_nothing_it_was_not_told(self, cache: Cache) -> None:
        assert cache.get("key") is None

    def test_takes_any_key_and_tag(self, cache: Cache) -> None:
        cache.put("schlüssel: *[^]?\n", b"1", 60, tag="https://example.com/ä?a=*&b=[1]")
        cache.put("schlüssel: *", b"2", 60, tag="https://example.com/*")
        assert cache.get("schlüssel: *[^]?\n") == b"1"
        assert cache.purge("https://example.com/*") == 1

    def test_an_empty_value_is_a_value(self, cache: Cache) -> None:
        cache.put("key", b"", 60)
        assert cache.get("key") == b""

    def test_an_empty_value_can_be_replaced(self, cache: Cache) -> None:
        for value in (b"", b"", b"full"):
            cache.put("key", value, 60)
            assert cache.get("key") == value
        assert cache.size() == 4

    def test_a_large_value_comes_back_whole(self, cache: Cache) -> None:
        cache.put("key", body_of("key", 5000 * KB), 60)
        assert cache.get("key") == body_of("key", 5000 * KB)

    def test_the_last_put_wins(self, cache: Cache) -> None:
        cache.put("key", b"old", 60)
        cache.put("key", b"newer", 60)
        assert cache.get("key") == b"newer"
        assert cache.size() == 5

    def test_a_value_expires(self, cache: Cache) -> None:
        cache.put("brief", b"1", 0.05)
        cache.put("long", b"2", 60)
        assert eventually(lambda: cache.get("brief") is None)
        assert cache.get("long") == b"2"

    @pytest.mark.parametrize("ttl", [0, -1])
    def test_a_value_without_time_to_live_takes_the_old_one_along(self, cache: Cache, ttl: float) -> None:
        cache.put("key", b"old", 60)
        cache.put("key", b"dead", ttl)
        assert cache.get("key") is None

    def test_a_new_put_renews_the_time_to_live(self, cache: Cache) -> None:
        cache.put("key", b"1", 0.05)
        cache.put("key", b"1", 60)
        cache.put("clock", b"1", 0.06)
        assert eventually(lambda: cache.get("clock") is None)
        assert cache.get("key") == b"1"

    def test_purge_forgets_what_has_the_tag_and_nothing_else(self, cache: Cache) -> None:
        for key, tag in (("a", "page"), ("b", "page"), ("c", "other"), ("d", "")):
            cache.put(key, b"1", 60, tag=tag)
        assert cache.purge("page") == 2
        assert [cache.get(key) for key in "abcd"] == [None, None, b"1", b"1"]
        assert cache.size() == 2

    def test_purge_of_a_tag_nobody_used_finds_nothing(self, cache: Cache) -> None:
        cache.put("untagged", b"1", 60)
        assert [cache.purge("page"), cache.purge("")] == [0, 0]
        assert cache.get("untagged") == b"1"

    def test_a_value_has_the_tag_of_its_last_put(self, cache: Cache) -> None:
        cache.put("key", b"1", 60, tag="old")
        cache.put("key", b"2", 60, tag="new")
        assert cache.purge("old") == 0
        assert cache.get("key") == b"2"
        assert cache.purge("new") == 1

    def test_clear_forgets_everything(self, cache: Cache) -> None:
        for number in range(150):
            cache.put(f"key-{number}", b"1", 60, tag="page")
        assert cache.clear() == 150
        assert (cache.get("key-7"), cache.size(), cache.purge("page"), cache.clear()) == (None, 0, 0, 0)

    def test_size_counts_the_bytes_of_values(self, cache: Cache) -> None:
        assert cache.size() == 0
        cache.put("a", b"12345", 60)
        cache.put("b", b"123", 60)
        assert cache.size() == 8

    def test_the_budget_is_kept_and_the_oldest_go_first(self, open_cache: OpenCache) -> None:
        cache = open_cache(budget=10 * KB, touch_after=60)
        for number in range(30):
            cache.put(f"key-{number}", body_of(f"key-{number}", KB), 60)
            assert cache.size() <= 10 * KB
        assert [number for number in range(30) if cache.get(f"key-{number}")] == list(range(20, 30))

    def test_what_is_used_stays(self, open_cache: OpenCache) -> None:
        cache = open_cache(budget=3 * KB, touch_after=0)
        for key in "abc":
            cache.put(key, bytes(KB), 60)
        assert cache.get("a")
        cache.put("d", bytes(KB), 60)
        assert [key for key in "abcd" if cache.get(key)] == ["a", "c", "d"]

    def test_a_use_is_not_noted_more_often_than_agreed(self, open_cache: OpenCache) -> None:
        cache = open_cache(budget=3 * KB, touch_after=60)
        for key in "abc":
            cache.put(key, bytes(KB), 60)
        assert cache.get("a")
        cache.put("d", bytes(KB), 60)
        assert cache.get("a") is None

    def test_one_large_value_takes_the_place_of_many_small_ones(self, open_cache: OpenCache) -> None:
        cache = open_cache(budget=1000 * KB, touch_after=60)
        for number in range(1000):
            cache.put(f"key-{number}", bytes(KB), 60)
        cache.put("large", body_of("large", 999 * KB), 60)
        assert cache.get("large") == body_of("large", 999 * KB)
        assert cache.size() <= 1000 * KB

    def test_a_value_over_the_budget_is_not_kept_nor_the_one_before(self, open_cache: OpenCache) -> None:
        cache = open_cache(budget=10 * KB, touch_after=60)
        cache.put("other", b"1", 60)
        cache.put("key", b"1", 60)
        cache.put("key", bytes(10 * KB + 1), 60)
        assert (cache.get("key"), cache.get("other")) == (None, b"1")

    def test_a_value_as_large_as_the_budget_fits(self, open_cache: OpenCache) -> None:
        cache = open_cache(budget=10 * KB, touch_after=60)
        cache.put("key", bytes(10 * KB), 60)
        assert cache.get("key") == bytes(10 * KB)

    def test_expired_values_make_room_before_living_ones_go(self, open_cache: OpenCache) -> None:
        cache = open_cache(budget=10 * KB, touch_after=60)
        cache.put("living", bytes(KB), 60)
        for number in range(9):
            cache.put(f"dying-{number}", bytes(KB), 0.05, tag="page")
        assert eventually(lambda: cache.get("dying-8") is None)
        for number in range(9):
            cache.put(f"new-{number}", bytes(KB), 60)
        assert cache.get("living")
        assert cache.size() == 10 * KB
        assert cache.purge("page") == 0

    def test_a_smaller_budget_is_reached_with_the_next_put(self, open_cache: OpenCache) -> None:
        large = open_cache(budget=1000 * KB, touch_after=60)
        for number in range(500):
            large.put(f"key-{number}", bytes(KB), 60)
        small = open_cache(budget=20 * KB, touch_after=60)
        small.put("key", bytes(KB), 60)
        assert small.size() <= 20 * KB
        assert small.get("key")

    def test_two_openings_see_each_other(self, open_cache: OpenCache) -> None:
        one, other = open_cache(budget=10 * KB, touch_after=60), open_cache(budget=10 * KB, touch_after=60)
        one.put("key", b"1", 60, tag="page")
        assert other.get("key") == b"1"
        assert other.purge("page") == 1
        assert one.get("key") is None

    def test_threads_share_one(self, open_cache: OpenCache) -> None:
        cache = open_cache(budget=100 * KB, touch_after=0)
        found = in_threads(partial(scribble, lambda: cache), [(number, 100, 60) for number in range(8)])
        assert sum(found) > 0
        assert cache.size() <= 100 * KB

    def test_processes_share_one_and_keep_the_budget_together(self, open_cache: OpenCache) -> None:
        opener = functools.partial(open_cache, budget=100 * KB, touch_after=0)
        found = in_processes(partial(scribble, opener), [(number, 200, 60) for number in range(4)])
        assert sum(found) > 0
        assert opener().size() <= 100 * KB

    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
    def test_a_fork_goes_on_with_it(self, open_cache: OpenCache) -> None:
        cache = open_cache(budget=100 * KB, touch_after=0)
        cache.put("parent", b"1", 60)

        def child() -> bool:
            cache.put("child", b"2", 60)
            return cache.get("parent") == b"1"

        assert in_fork(child)
        assert [cache.get("parent"), cache.get("child")] == [b"1", b"2"]
