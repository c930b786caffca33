"""ThumbnailService: stored thumbnails, purges and readiness, with fakes around it."""

from __future__ import annotations

import dataclasses

import pytest

from tests.support.service_harness import (
    DAY,
    FORCED,
    FRESHNESS,
    UNUSABLE,
    ServiceHarness,
    capture_request,
    show,
)
from tintype.errors import (
    BackendUnavailable,
    TargetError,
    TintypeError,
    UnusableCapture,
)
from tintype.model import Verdict, is_storage_key
from tintype.service.purge import Selector, SelectorKind

EVERYTHING = Selector(SelectorKind.ALL)


@pytest.fixture
def harness() -> ServiceHarness:
    return ServiceHarness()


class TestPersist:
    def test_stores_under_a_key_with_the_content_digest(self, harness: ServiceHarness) -> None:
        persisted = harness.service.persist(capture_request(thumb_width=320), FRESHNESS)
        assert is_storage_key(persisted.key)
        assert persisted.url == f"/stored/{persisted.key}"
        stored = harness.service.open_stored(persisted.key)
        assert stored is not None
        facts = (persisted.cached, persisted.content_type, persisted.width, persisted.height, persisted.bytes)
        assert facts == (False, "image/png", 320, 180, stored.size)

    def test_returns_the_stored_thumbnail_for_the_same_request(self, harness: ServiceHarness) -> None:
        first, second = (harness.service.persist(capture_request(), FRESHNESS) for _ in range(2))
        assert second == dataclasses.replace(first, cached=True)
        assert harness.engine.capture_count == 1

    def test_returns_the_stored_thumbnail_after_the_cache_was_cleared(self, harness: ServiceHarness) -> None:
        harness.service.persist(capture_request(), FRESHNESS)
        harness.service.purge(EVERYTHING)
        assert harness.service.persist(capture_request(), FRESHNESS).cached
        assert harness.engine.capture_count == 1

    def test_stores_a_fresh_cached_thumbnail(self, harness: ServiceHarness) -> None:
        harness.state()
        assert not harness.service.persist(capture_request(), FRESHNESS).cached
        assert harness.engine.capture_count == 1

    def test_captures_instead_of_storing_a_stale_thumbnail(self, harness: ServiceHarness) -> None:
        harness.state()
        harness.clock.advance(2 * DAY)
        harness.service.persist(capture_request(), FRESHNESS)
        assert harness.engine.capture_count == 2

    def test_stores_a_forced_capture_beside_the_old_one(self, harness: ServiceHarness) -> None:
        old = harness.service.persist(capture_request(), FRESHNESS)
        harness.clock.advance(1)
        new = harness.service.persist(capture_request(), FORCED)
        assert (new.cached, new.key != old.key) == (False, True)
        assert harness.service.open_stored(old.key)
        assert harness.service.persist(capture_request(), FRESHNESS).key == new.key

    def test_captures_again_after_storing_a_transient_state(self, harness: ServiceHarness) -> None:
        harness.engine.partial = True
        harness.service.persist(capture_request(), FRESHNESS)
        harness.engine.partial = False
        harness.clock.advance(100)
        assert [harness.service.persist(capture_request(), FRESHNESS).cached for _ in range(2)] == [False, True]

    def test_reports_a_storage_failure(self, harness: ServiceHarness) -> None:
        harness.storage.error = "the disk is full"
        with pytest.raises(BackendUnavailable):
            harness.service.persist(capture_request(), FRESHNESS)

    @pytest.mark.parametrize("key", ["", "../../etc/passwd", "thumbs/abc.png", "thumbs/" + "a" * 64 + ".png"])
    def test_passes_only_valid_keys_to_the_storage(self, harness: ServiceHarness, key: str) -> None:
        harness.storage.error = "must not be read"
        assert harness.service.open_stored(key) is None


class TestPersistUnusable:
    def test_captures_again_after_storing_an_unusable_one(self, harness: ServiceHarness) -> None:
        show(harness, UNUSABLE["missing"])
        assert harness.service.persist(capture_request(), FRESHNESS).verdict is Verdict.ERROR
        show(harness, {})
        harness.clock.advance(3601)
        again = harness.service.persist(capture_request(), FRESHNESS)
        assert (again.cached, again.verdict) == (False, Verdict.OK)

    def test_replaces_no_good_thumbnail_by_an_unusable_one(self, harness: ServiceHarness) -> None:
        good = harness.service.persist(capture_request(), FRESHNESS)
        harness.clock.advance(1)
        show(harness, UNUSABLE["missing"])
        assert harness.service.persist(capture_request(), FORCED) == dataclasses.replace(good, cached=True)
        assert harness.service.persist(capture_request(), FRESHNESS) == dataclasses.replace(good, cached=True)

    @pytest.mark.parametrize(("bad", "error"), [("missing", TargetError), ("blank", UnusableCapture)])
    def test_stores_nothing_with_a_verdict_in_fail_on(
        self, harness: ServiceHarness, bad: str, error: type[TintypeError]
    ) -> None:
        show(harness, UNUSABLE[bad])
        with pytest.raises(error):
            harness.service.persist(capture_request(), FRESHNESS, fail_on=(Verdict.ERROR, Verdict.BLANK))
        assert not harness.storage.keys()


class TestPurge:
    def test_captures_again_after_a_purge(self, harness: ServiceHarness) -> None:
        harness.state()
        harness.state(thumb_width=320)
        harness.state(url="https://other.org/")
        assert harness.service.purge(Selector(SelectorKind.URL, "https://site.org/")).total == 3
        assert [harness.state(), harness.state(url="https://other.org/")] == ["MISS", "HIT"]

    def test_keeps_stored_thumbnails_when_the_cache_is_cleared(self, harness: ServiceHarness) -> None:
        key = harness.service.persist(capture_request(), FRESHNESS).key
        assert harness.service.purge(EVERYTHING).total == 2
        assert harness.state() == "MISS"
        assert harness.service.open_stored(key)

    def test_names_cached_values_by_digests_only(self, harness: ServiceHarness) -> None:
        harness.state(url="https://site.org/?token=hidden")
        assert not [key for key in harness.records.keys() + harness.masters.keys() if "site" in key or "hidden" in key]


class TestReadiness:
    def test_reports_ok_for_every_backend(self, harness: ServiceHarness) -> None:
        assert harness.service.readiness() == {"engine": "ok", "state": "ok", "storage": "ok"}

    def test_reports_each_backend_on_its_own(self, harness: ServiceHarness) -> None:
        harness.engine.check_error, harness.records.unavailable, harness.storage.error = "no browser", True, "disk full"
        expected = {
            "engine": "no browser",
            "state": "a written value could not be read back: the cache is full or does not respond",
            "storage": "disk full",
        }
        assert harness.service.readiness() == expected

    def test_reuses_a_result_for_some_seconds(self, harness: ServiceHarness) -> None:
        for _ in range(5):
            harness.service.readiness()
        assert harness.engine.checks == 1
