"""Tests of the cache that is bounded by entries and bytes."""

from __future__ import annotations

from tintype.bounded_cache import ENTRY_OVERHEAD, BoundedCache, key_bytes

ENTRY = ENTRY_OVERHEAD + key_bytes("a") + 100


def cache(entries: int = 100, size: int = 10 * ENTRY) -> BoundedCache[str, bytes]:
    return BoundedCache(entries, size, len)


def test_returns_what_was_stored_last() -> None:
    stored = cache()
    stored.put("a", b"1")
    stored.put("a", b"2")
    assert (stored.get("a"), stored.get("b"), len(stored)) == (b"2", None, 1)


def test_evicts_the_least_recently_used_beyond_the_number_of_entries() -> None:
    stored = cache(entries=2)
    for key in "ab":
        stored.put(key, b"")
    stored.get("a")
    stored.put("c", b"")
    assert [stored.get(key) is None for key in "abc"] == [False, True, False]


def test_evicts_beyond_the_bytes_of_keys_and_values() -> None:
    stored = cache()
    for number in range(1000):
        stored.put("k" * number, b"v" * number)
        assert stored.bytes <= 10 * ENTRY
    assert len(stored) < 10


def test_does_not_store_what_exceeds_the_bound_alone() -> None:
    stored = cache()
    stored.put("a", b"1")
    stored.put("b", b"v" * 10 * ENTRY)
    stored.put("k" * 10 * ENTRY, b"")
    assert (len(stored), stored.get("a")) == (1, b"1")


def test_forgets_a_value_whose_replacement_is_too_large() -> None:
    stored = cache()
    stored.put("a", b"1")
    stored.put("a", b"v" * 10 * ENTRY)
    assert (stored.get("a"), stored.bytes) == (None, 0)


def test_counts_all_parts_of_a_key() -> None:
    assert key_bytes(("a" * 1000, 5, "b" * 1000)) > 2000


def test_deletes_all_entries() -> None:
    stored = cache()
    stored.put("a", b"1")
    stored.clear()
    assert (len(stored), stored.bytes, stored.get("a")) == (0, 0, None)
