"""Stored thumbnails for operators: pages, filters, deletion, and the bounds of one call."""

from __future__ import annotations

import pytest

from tests.support.service_harness import FRESHNESS, ServiceHarness, capture_request
from tintype.model import MetadataState
from tintype.service import stored_objects
from tintype.service.stored_objects import StoredFilter, StoredObjects

EVERYTHING = StoredFilter()


@pytest.fixture
def harness() -> ServiceHarness:
    return ServiceHarness()


@pytest.fixture
def stored(harness: ServiceHarness) -> StoredObjects:
    return harness.service.stored


def persist(harness: ServiceHarness, url: str, **options: object) -> str:
    return harness.service.persist(capture_request(url=url, **options), FRESHNESS).key


def keys(stored: StoredObjects, query: StoredFilter = EVERYTHING, limit: int = 1000) -> list[str]:
    """The keys of all pages."""
    found: list[str] = []
    after, pages = "", 0
    while pages == 0 or after:
        page = stored.page(query, after, limit)
        found += [entry.file.key for entry in page.entries]
        after, pages = page.next, pages + 1
        assert pages < 100
    return found


class TestPage:
    def test_contains_key_target_size_type_and_time(self, harness: ServiceHarness, stored: StoredObjects) -> None:
        key = persist(harness, "https://site.org/a?b=1", thumb_width=320, format="webp")
        (entry,) = stored.page(EVERYTHING).entries
        assert (entry.file.key, entry.target, entry.file.mime) == (key, "https://site.org/a?b=1", "image/webp")
        assert (entry.file.stored_at, entry.metadata) == (harness.clock(), MetadataState.OK)
        assert entry.meta["bytes"] == str(entry.file.size)
        assert entry.meta["verdict"] == "ok"

    def test_pages_contain_every_object_once_in_order(self, harness: ServiceHarness, stored: StoredObjects) -> None:
        for number in range(7):
            persist(harness, f"https://site.org/{number}")
        everything = sorted(harness.storage.keys())
        assert [keys(stored, limit=limit) for limit in (1, 2, 3, 6, 7, 8)] == [everything] * 6
        assert stored.page(EVERYTHING, limit=7).next == ""

    def test_has_no_gap_if_the_object_of_the_cursor_is_deleted(
        self, harness: ServiceHarness, stored: StoredObjects
    ) -> None:
        for number in range(4):
            persist(harness, f"https://site.org/{number}")
        first = stored.page(EVERYTHING, limit=2)
        stored.delete(first.next)
        rest = stored.page(EVERYTHING, first.next)
        assert [entry.file.key for entry in (*first.entries, *rest.entries)] == sorted(
            {*harness.storage.keys(), first.next}
        )

    def test_filters_by_url_host_prefix_and_time(self, harness: ServiceHarness, stored: StoredObjects) -> None:
        old = persist(harness, "https://a.org/")
        small = persist(harness, "https://a.org/", thumb_width=320)
        harness.clock.advance(100)
        now = harness.clock()
        port = persist(harness, "https://a.org:8443/")
        below, other = persist(harness, "https://www.a.org/x"), persist(harness, "https://ba.org/")
        assert set(keys(stored, StoredFilter(url="https://a.org/"))) == {old, small}
        assert set(keys(stored, StoredFilter(host="a.org"))) == {old, small, port}
        assert keys(stored, StoredFilter(host="*.a.org")) == [below]
        assert set(keys(stored, StoredFilter(before=now))) == {old, small}
        assert keys(stored, StoredFilter(prefix=other[:20])) == [other]
        assert keys(stored, StoredFilter(host="a.org", before=now, prefix=small[:20])) == [small]
        assert keys(stored, StoredFilter(host="c.org")) == []

    def test_reports_objects_with_an_unknown_target(self, harness: ServiceHarness, stored: StoredObjects) -> None:
        missing, good = persist(harness, "https://a.org/"), persist(harness, "https://a.org/", thumb_width=320)
        harness.storage.damaged[missing] = MetadataState.MISSING
        page = stored.page(StoredFilter(host="a.org"))
        assert ([entry.file.key for entry in page.entries], page.unknown_targets) == ([good], 1)
        listed = {entry.file.key: entry.metadata for entry in stored.page(EVERYTHING).entries}
        assert listed == {missing: "missing", good: "ok"}

    def test_examines_a_bounded_number_of_objects(
        self, harness: ServiceHarness, stored: StoredObjects, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stored_objects, "MAX_SCAN", 4)
        monkeypatch.setattr(stored_objects, "_CHUNK", 2)
        for number in range(11):
            persist(harness, f"https://site-{number}.org/")
        page = stored.page(StoredFilter(host="nowhere.org"))
        assert (page.entries, bool(page.next), harness.storage.described) == ((), True, 4)
        assert len(keys(stored, StoredFilter(host="site-3.org"))) == 1

    def test_ends_in_time_on_a_slow_storage(
        self, harness: ServiceHarness, stored: StoredObjects, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stored_objects, "SCAN_TIME", -1.0)
        monkeypatch.setattr(stored_objects, "_CHUNK", 2)
        for number in range(5):
            persist(harness, f"https://site-{number}.org/")
        assert len(stored.page(EVERYTHING).entries) == 2
        assert len(keys(stored)) == 5


class TestDelete:
    def test_removes_the_object_and_the_cached_values_of_its_url(
        self, harness: ServiceHarness, stored: StoredObjects
    ) -> None:
        key, other = persist(harness, "https://a.org/"), persist(harness, "https://b.org/")
        removed = stored.delete(key)
        assert removed is not None
        assert [entry.file.key for entry in removed.entries] == [key]
        assert harness.service.open_stored(key) is None
        assert harness.storage.keys() == [other]
        assert [harness.state(url="https://a.org/"), harness.state(url="https://b.org/")] == ["MISS", "HIT"]

    def test_persisting_again_makes_a_new_capture(self, harness: ServiceHarness, stored: StoredObjects) -> None:
        key = persist(harness, "https://a.org/")
        stored.delete(key)
        again = harness.service.persist(capture_request(url="https://a.org/"), FRESHNESS)
        assert (again.cached, again.key != key, harness.engine.capture_count) == (False, True, 2)

    @pytest.mark.parametrize("key", ["", "thumbs/", "../../etc/passwd", f"thumbs/{'0' * 64}-{'0' * 64}.png"])
    def test_returns_none_for_an_unknown_key(self, stored: StoredObjects, key: str) -> None:
        assert stored.delete(key) is None

    def test_deletes_what_matches_and_nothing_else(self, harness: ServiceHarness, stored: StoredObjects) -> None:
        gone = [persist(harness, "https://a.org/", thumb_width=width) for width in (100, 200, 300)]
        kept = persist(harness, "https://b.org/")
        removed = stored.delete_matching(StoredFilter(host="a.org"), limit=2)
        assert len(removed.entries) == 2
        assert removed.next
        rest = stored.delete_matching(StoredFilter(host="a.org"), removed.next)
        assert {entry.file.key for entry in (*removed.entries, *rest.entries)} == set(gone)
        assert (rest.next, harness.storage.keys()) == ("", [kept])

    def test_dry_run_deletes_nothing(self, harness: ServiceHarness, stored: StoredObjects) -> None:
        key = persist(harness, "https://a.org/")
        removed = stored.delete_matching(EVERYTHING, dry_run=True)
        assert ([entry.file.key for entry in removed.entries], removed.size > 0) == ([key], True)
        assert harness.storage.keys() == [key]
        assert harness.state(url="https://a.org/") == "HIT"

    def test_reports_what_the_storage_did_not_delete(self, harness: ServiceHarness, stored: StoredObjects) -> None:
        stuck, gone = persist(harness, "https://a.org/"), persist(harness, "https://b.org/")
        harness.storage.undeletable.add(stuck)
        removed = stored.delete_matching(EVERYTHING)
        assert ([entry.file.key for entry in removed.entries], removed.failed) == ([gone], (stuck,))
