"""Contract of every cache, mixed into the tests of each backend."""

from __future__ import annotations

import functools
import hashlib
import random
from collections.abc import Callable
from functools import partial

import pytest

from tests.support.concurrency import eventually, in_fork, in_processes, in_threads
from tintype.errors import BackendUnavailable
from tintype.protocols import Cache

KB = 1024
OpenCache = Callable[..., Cache]


def body_of(key: str, size: int) -> bytes:
    """A value that identifies its key."""
    seed = hashlib.sha256(key.encode()).digest()
    return (seed * (size // len(seed) + 1))[:size]


def read_and_write(open_cache: Callable[[], Cache], worker: int, rounds: int, keys: int) -> int:
    """Random puts, gets and purges; checks every value and returns how many were found."""
    cache, dice, found = open_cache(), random.Random(worker), 0
    for _ in range(rounds):
        key = f"key-{dice.randrange(keys)}"
        if dice.random() < 0.5:
            cache.put(key, body_of(key, dice.randrange(1, 9 * KB)), 60, tags=(f"tag-{dice.randrange(4)}",))
        elif (value := cache.get(key)) is not None:
            assert value == body_of(key, len(value))
            found += 1
        if dice.random() < 0.02:
            cache.purge(f"tag-{dice.randrange(4)}")
    return found


def assert_purges_fail(cache: Cache) -> None:
    """Purges of a cache that is down raise an error that does not show where it is."""
    for purge in (lambda: cache.purge("page"), lambda: cache.related_tags("page"), cache.clear):
        with pytest.raises(BackendUnavailable, match="the purge may be incomplete; repeat it"):
            purge()


class CacheContract:
    @pytest.fixture
    def open_cache(self) -> OpenCache:
        """Opens the same cache at each call, with ``(budget, touch_after)``; picklable, so a partial of a class."""
        raise NotImplementedError

    @pytest.fixture
    def cache(self, open_cache: OpenCache) -> Cache:
        return open_cache(budget=10_000 * KB, touch_after=60)

    def test_returns_a_stored_value(self, cache: Cache) -> None:
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

    def test_returns_none_for_an_unknown_key(self, cache: Cache) -> None:
        assert cache.get("key") is None

    def test_accepts_any_key_and_tag(self, cache: Cache) -> None:
        cache.put("schlüssel: *[^]?\n", b"1", 60, tags=("https://example.com/ä?a=*&b=[1]",))
        cache.put("schlüssel: *", b"2", 60, tags=("https://example.com/*",))
        assert cache.get("schlüssel: *[^]?\n") == b"1"
        assert cache.purge("https://example.com/*") == 1

    def test_stores_an_empty_value(self, cache: Cache) -> None:
        cache.put("key", b"", 60)
        assert cache.get("key") == b""

    def test_replaces_an_empty_value(self, cache: Cache) -> None:
        for value in (b"", b"", b"full"):
            cache.put("key", value, 60)
            assert cache.get("key") == value
        assert cache.size() == 4

    def test_returns_a_large_value_completely(self, cache: Cache) -> None:
        cache.put("key", body_of("key", 5000 * KB), 60)
        assert cache.get("key") == body_of("key", 5000 * KB)

    def test_returns_the_value_of_the_last_put(self, cache: Cache) -> None:
        cache.put("key", b"old", 60)
        cache.put("key", b"newer", 60)
        assert cache.get("key") == b"newer"
        assert cache.size() == 5

    def test_expires_a_value(self, cache: Cache) -> None:
        cache.put("brief", b"1", 0.05)
        cache.put("long", b"2", 60)
        assert eventually(lambda: cache.get("brief") is None)
        assert cache.get("long") == b"2"

    @pytest.mark.parametrize("ttl", [0, -1])
    def test_put_without_time_to_live_deletes_the_old_value(self, cache: Cache, ttl: float) -> None:
        cache.put("key", b"old", 60)
        cache.put("key", b"new", ttl)
        assert cache.get("key") is None

    def test_put_restarts_the_time_to_live(self, cache: Cache) -> None:
        cache.put("key", b"1", 0.05)
        cache.put("key", b"1", 60)
        cache.put("clock", b"1", 0.06)
        assert eventually(lambda: cache.get("clock") is None)
        assert cache.get("key") == b"1"

    def test_purge_deletes_only_values_with_the_tag(self, cache: Cache) -> None:
        for key, tag in (("a", "page"), ("b", "page"), ("c", "other"), ("d", "")):
            cache.put(key, b"1", 60, tags=(tag,))
        assert cache.purge("page") == 2
        assert [cache.get(key) for key in "abcd"] == [None, None, b"1", b"1"]
        assert cache.size() == 2

    def test_purge_of_an_unknown_tag_deletes_nothing(self, cache: Cache) -> None:
        cache.put("untagged", b"1", 60)
        assert [cache.purge("page"), cache.purge("")] == [0, 0]
        assert cache.get("untagged") == b"1"

    def test_value_has_the_tag_of_its_last_put(self, cache: Cache) -> None:
        cache.put("key", b"1", 60, tags=("old",))
        cache.put("key", b"2", 60, tags=("new",))
        assert cache.purge("old") == 0
        assert cache.get("key") == b"2"
        assert cache.purge("new") == 1

    def test_purge_deletes_a_value_by_any_of_its_tags(self, cache: Cache) -> None:
        cache.put("key", b"1", 60, tags=("page", "host", "campaign"))
        cache.put("other", b"2", 60, tags=("host",))
        assert cache.purge("unknown", "campaign") == 1
        assert [cache.get("key"), cache.get("other")] == [None, b"2"]
        assert cache.purge("page", "host") == 1

    def test_purge_deletes_more_values_than_one_batch(self, cache: Cache) -> None:
        for number in range(1100):
            cache.put(f"key-{number}", b"1", 60, tags=("host", f"page-{number}"))
        cache.put("other", b"1", 60, tags=("other",))
        assert cache.purge("host") == 1100
        assert (cache.entries(), cache.get("other")) == (1, b"1")

    def test_returns_the_tags_of_the_values_with_a_tag(self, cache: Cache) -> None:
        cache.put("one", b"1", 60, tags=("etag", "page"))
        cache.put("two", b"2", 60, tags=("etag", "other", "page"))
        cache.put("three", b"3", 60, tags=("elsewhere",))
        assert cache.related_tags("etag") == {"etag", "page", "other"}
        assert cache.related_tags("unknown") == set()

    @pytest.mark.parametrize("purged", [("host",), ("unused", "page"), None], ids=["one", "several", "all"])
    def test_stores_no_value_begun_before_a_purge(self, cache: Cache, purged: tuple[str, ...] | None) -> None:
        begun_at = cache.now() - 1
        cache.clear() if purged is None else cache.purge(*purged)
        cache.put("key", b"old", 60, tags=("page", "host"), begun_at=begun_at)
        assert cache.get("key") is None
        cache.put("key", b"new", 60, tags=("page", "host"), begun_at=cache.now() + 1)
        cache.put("key", b"old", 60, tags=("page", "host"), begun_at=begun_at)
        assert cache.get("key") == b"new"

    def test_stores_a_value_begun_before_a_purge_of_another_tag(self, cache: Cache) -> None:
        begun_at = cache.now() - 1
        cache.purge("other", "")
        cache.put("key", b"1", 60, tags=("page",), begun_at=begun_at)
        assert cache.get("key") == b"1"

    def test_remembers_a_purge_for_all_instances(self, open_cache: OpenCache) -> None:
        one, other = open_cache(budget=10 * KB, touch_after=60), open_cache(budget=10 * KB, touch_after=60)
        begun_at = one.now() - 1
        other.purge("page")
        one.put("key", b"1", 60, tags=("page",), begun_at=begun_at)
        assert one.get("key") is None

    def test_clear_deletes_all_values(self, cache: Cache) -> None:
        for number in range(150):
            cache.put(f"key-{number}", b"1", 60, tags=("page",))
        assert cache.clear() == 150
        assert (cache.get("key-7"), cache.size(), cache.purge("page"), cache.clear()) == (None, 0, 0, 0)

    def test_size_counts_the_bytes_of_values(self, cache: Cache) -> None:
        assert cache.size() == 0
        cache.put("a", b"12345", 60)
        cache.put("b", b"123", 60)
        assert cache.size() == 8

    def test_evicts_the_oldest_values_over_the_budget(self, open_cache: OpenCache) -> None:
        cache = open_cache(budget=10 * KB, touch_after=60)
        for number in range(30):
            cache.put(f"key-{number}", body_of(f"key-{number}", KB), 60)
            assert cache.size() <= 10 * KB
        assert [number for number in range(30) if cache.get(f"key-{number}")] == list(range(20, 30))

    def test_keeps_recently_used_values(self, open_cache: OpenCache) -> None:
        cache = open_cache(budget=3 * KB, touch_after=0)
        for key in "abc":
            cache.put(key, bytes(KB), 60)
        assert cache.get("a")
        cache.put("d", bytes(KB), 60)
        assert [key for key in "abcd" if cache.get(key)] == ["a", "c", "d"]

    def test_records_uses_only_after_touch_after(self, open_cache: OpenCache) -> None:
        cache = open_cache(budget=3 * KB, touch_after=60)
        for key in "abc":
            cache.put(key, bytes(KB), 60)
        assert cache.get("a")
        cache.put("d", bytes(KB), 60)
        assert cache.get("a") is None

    def test_large_value_evicts_many_small_ones(self, open_cache: OpenCache) -> None:
        cache = open_cache(budget=1000 * KB, touch_after=60)
        for number in range(1000):
            cache.put(f"key-{number}", bytes(KB), 60)
        cache.put("large", body_of("large", 999 * KB), 60)
        assert cache.get("large") == body_of("large", 999 * KB)
        assert cache.size() <= 1000 * KB

    def test_value_over_the_budget_deletes_the_old_value(self, open_cache: OpenCache) -> None:
        cache = open_cache(budget=10 * KB, touch_after=60)
        cache.put("other", b"1", 60)
        cache.put("key", b"1", 60)
        cache.put("key", bytes(10 * KB + 1), 60)
        assert (cache.get("key"), cache.get("other")) == (None, b"1")

    def test_stores_a_value_as_large_as_the_budget(self, open_cache: OpenCache) -> None:
        cache = open_cache(budget=10 * KB, touch_after=60)
        cache.put("key", bytes(10 * KB), 60)
        assert cache.get("key") == bytes(10 * KB)

    def test_deletes_expired_values_before_evicting_others(self, open_cache: OpenCache) -> None:
        cache = open_cache(budget=10 * KB, touch_after=60)
        cache.put("lasting", bytes(KB), 60)
        for number in range(9):
            cache.put(f"expiring-{number}", bytes(KB), 0.05, tags=("page",))
        assert eventually(lambda: cache.get("expiring-8") is None)
        for number in range(9):
            cache.put(f"new-{number}", bytes(KB), 60)
        assert cache.get("lasting")
        assert cache.size() == 10 * KB
        assert cache.purge("page") == 0

    def test_put_applies_a_smaller_budget(self, open_cache: OpenCache) -> None:
        large = open_cache(budget=1000 * KB, touch_after=60)
        for number in range(500):
            large.put(f"key-{number}", bytes(KB), 60)
        small = open_cache(budget=20 * KB, touch_after=60)
        small.put("key", bytes(KB), 60)
        assert small.size() <= 20 * KB
        assert small.get("key")

    def test_two_instances_share_values(self, open_cache: OpenCache) -> None:
        one, other = open_cache(budget=10 * KB, touch_after=60), open_cache(budget=10 * KB, touch_after=60)
        one.put("key", b"1", 60, tags=("page",))
        assert other.get("key") == b"1"
        assert other.purge("page") == 1
        assert one.get("key") is None

    def test_serves_threads_concurrently(self, open_cache: OpenCache) -> None:
        cache = open_cache(budget=100 * KB, touch_after=0)
        found = in_threads(partial(read_and_write, lambda: cache), [(number, 100, 60) for number in range(8)])
        assert sum(found) > 0
        assert cache.size() <= 100 * KB

    def test_processes_share_values_within_one_budget(self, open_cache: OpenCache) -> None:
        opener = functools.partial(open_cache, budget=100 * KB, touch_after=0)
        found = in_processes(partial(read_and_write, opener), [(number, 200, 60) for number in range(4)])
        assert sum(found) > 0
        assert opener().size() <= 100 * KB

    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
    def test_shares_values_with_a_forked_process(self, open_cache: OpenCache) -> None:
        cache = open_cache(budget=100 * KB, touch_after=0)
        cache.put("parent", b"1", 60)

        def child() -> bool:
            cache.put("child", b"2", 60)
            return cache.get("parent") == b"1"

        assert in_fork(child)
        assert [cache.get("parent"), cache.get("child")] == [b"1", b"2"]
