"""Ages of served thumbnails, captures that fresh requests accept, and purges while a capture runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.support.concurrency import eventually
from tests.support.service_harness import DAY, FORCED, FRESHNESS, UNUSABLE, ServiceHarness, capture_request, show
from tintype.errors import Overloaded, TargetUnreachable
from tintype.model import CLOCK_TOLERANCE, CacheState, Freshness
from tintype.service import Terms
from tintype.service.purge import Selector, SelectorKind

TTL = Freshness(max_age=60, explicit=True, kept_for=FRESHNESS.retention)
"""The freshness of ``ttl=60``."""
PURGES = {
    "url": Selector(SelectorKind.URL, "https://site.org/"),
    "host": Selector(SelectorKind.HOST, "site.org"),
    "prefix": Selector(SelectorKind.PREFIX, "https://site.org"),
    "tag": Selector(SelectorKind.TAG, "news"),
    "all": Selector(SelectorKind.ALL),
}


@pytest.fixture
def harness() -> ServiceHarness:
    return ServiceHarness()


@contextmanager
def running_capture(
    harness: ServiceHarness, send: Callable[[], CacheState]
) -> Iterator[tuple[ThreadPoolExecutor, Future[CacheState]]]:
    """A request whose capture has begun, and threads for others; the capture ends with the block."""
    harness.engine.released.clear()
    before = harness.engine.capture_count
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(send)
        assert eventually(lambda: harness.engine.capture_count == before + 1)
        harness.clock.advance(1)
        try:
            yield pool, first
        finally:
            harness.engine.released.set()


class TestFreshRequest:
    def test_does_not_accept_a_capture_that_began_before_it(self, harness: ServiceHarness) -> None:
        with running_capture(harness, harness.state) as (pool, first):
            others = [pool.submit(harness.state, FORCED) for _ in range(4)]
            assert eventually(lambda: len(harness.locks.requested) == 5)
            harness.engine.released.set()
            states = sorted(other.result() for other in others)
        assert (first.result(), states) == ("MISS", ["COALESCED"] * 3 + ["MISS"])
        assert harness.engine.capture_count == 2, "one waiting capture serves all that came before it began"
        assert harness.engine.fresh == [False, True]

    def test_does_not_accept_the_failure_of_a_capture_that_began_before_it(self, harness: ServiceHarness) -> None:
        def fail() -> CacheState:
            with pytest.raises(TargetUnreachable):
                harness.state()
            return CacheState.MISS

        harness.engine.error = TargetUnreachable("connection refused")
        with running_capture(harness, fail) as (pool, _):
            other = pool.submit(_fails_forced, harness)
            assert eventually(lambda: len(harness.locks.requested) == 2)
            harness.engine.released.set()
            assert other.result()
        assert harness.engine.capture_count == 2

    def test_lets_other_requests_use_a_running_capture(self, harness: ServiceHarness) -> None:
        with running_capture(harness, lambda: harness.state(FORCED)) as (pool, first):
            other = pool.submit(harness.state)
            assert eventually(lambda: len(harness.locks.requested) == 2)
            harness.engine.released.set()
            assert (first.result(), other.result()) == ("MISS", "COALESCED")

    def test_does_not_depend_on_the_clocks_of_engine_and_workers(self, harness: ServiceHarness) -> None:
        harness.engine.clock = lambda: harness.clock() + 3600  # a daemon whose clock is ahead
        harness.state()
        harness.clock.advance(1)
        assert [harness.state(FORCED), harness.state()] == ["MISS", "HIT"]
        assert harness.service.get(capture_request(), FRESHNESS).thumbnail.taken_at == harness.clock()


def _fails_forced(harness: ServiceHarness) -> bool:
    with pytest.raises(TargetUnreachable):
        harness.state(FORCED)
    return True


class TestTtl:
    @pytest.mark.parametrize(("age", "state"), [(59, "HIT"), (60, "MISS"), (DAY * 2, "MISS")])
    def test_bounds_the_age(self, harness: ServiceHarness, age: float, state: str) -> None:
        harness.state()
        harness.clock.advance(age)
        assert harness.state(TTL) == state

    def test_keeps_its_capture_for_requests_without_ttl(self, harness: ServiceHarness) -> None:
        harness.state(TTL)
        harness.clock.advance(DAY / 2)
        assert [harness.state(thumb_width=320), harness.state()] == ["DERIVED", "HIT"]
        harness.clock.advance(5 * DAY)
        assert harness.state() == "STALE"

    def test_returns_the_last_good_thumbnail_while_the_page_fails(self, harness: ServiceHarness) -> None:
        old = harness.body()
        harness.clock.advance(3600)
        harness.engine.error = TargetUnreachable("connection refused")
        assert harness.state(TTL) == "STALE"
        assert harness.body(TTL) == old

    def test_replaces_a_stored_thumbnail_that_is_older(self, harness: ServiceHarness) -> None:
        harness.service.persist(capture_request(), FRESHNESS)
        for seconds, cached, captures in ((30, True, 1), (60, False, 2), (30, True, 2)):
            harness.clock.advance(seconds)
            assert harness.service.persist(capture_request(), TTL).cached is cached
            assert harness.engine.capture_count == captures
        harness.clock.advance(400 * DAY)
        assert harness.service.persist(capture_request(), FRESHNESS).cached, "without ttl it does not expire"

    def test_replaces_a_stored_thumbnail_of_unknown_age(self, harness: ServiceHarness) -> None:
        key = harness.service.persist(capture_request(), FRESHNESS).key
        stored = harness.storage.get(key)
        assert stored
        harness.storage.put(dataclasses.replace(stored, meta={**stored.meta, "taken_at": ""}))
        harness.clock.advance(61)
        assert not harness.service.persist(capture_request(), TTL).cached


class TestClockSkew:
    @pytest.mark.parametrize(("ahead", "state"), [(CLOCK_TOLERANCE - 1, "HIT"), (CLOCK_TOLERANCE + 1, "MISS")])
    def test_captures_of_the_future_are_used_within_a_tolerance(
        self, harness: ServiceHarness, ahead: float, state: str
    ) -> None:
        harness.clock.advance(ahead)
        harness.state()
        harness.clock.advance(-ahead)
        assert harness.state() == state
        assert harness.engine.capture_count == 1 + (state == "MISS")

    def test_masters_of_the_future_are_not_rendered(self, harness: ServiceHarness) -> None:
        harness.clock.advance(DAY)
        harness.state()
        harness.clock.advance(-DAY)
        assert harness.state(thumb_width=320) == "MISS"


class TestPurgeDuringACapture:
    @pytest.mark.parametrize("selector", PURGES.values(), ids=PURGES)
    def test_drops_the_result_of_the_capture(self, harness: ServiceHarness, selector: Selector) -> None:
        def send() -> CacheState:
            return harness.service.get(capture_request(), FRESHNESS, terms=Terms(tags=("news",))).cache

        with running_capture(harness, send) as (_, first):
            assert harness.service.purge(selector).total == 0
        assert first.result() == "MISS"
        assert [harness.state(), harness.state()] == ["MISS", "HIT"]
        assert harness.engine.capture_count == 2

    def test_keeps_the_result_for_another_page(self, harness: ServiceHarness) -> None:
        with running_capture(harness, harness.state):
            for kind, value in (("url", "https://site.org/other"), ("host", "other.org"), ("tag", "news")):
                harness.service.purge(Selector(SelectorKind(kind), value))
        assert harness.state() == "HIT"

    def test_drops_the_later_result_of_a_refresh(self, harness: ServiceHarness) -> None:
        harness.state()
        harness.clock.advance(2 * DAY)
        with running_capture(harness, harness.state) as (_, first):
            assert first.result() == "STALE"
            assert harness.service.purge(PURGES["url"]).total == 2
        harness.wait_idle()
        assert harness.state() == "MISS"

    def test_drops_the_later_result_of_a_failure(self, harness: ServiceHarness) -> None:
        harness.engine.error = TargetUnreachable("connection refused")
        with ThreadPoolExecutor(1) as pool:
            harness.engine.released.clear()
            first = pool.submit(_fails_forced, harness)
            assert eventually(lambda: harness.engine.capture_count == 1)
            harness.clock.advance(1)
            harness.service.purge(PURGES["url"])
            harness.engine.released.set()
            assert first.result()
        harness.engine.error = None
        assert harness.state() == "MISS"

    def test_drops_the_later_result_of_a_rendering_of_the_master(self, harness: ServiceHarness) -> None:
        harness.state()
        lookup = harness.service._cache.lookup(capture_request(thumb_width=320))
        master = lookup.master
        assert master
        harness.clock.advance(1)
        harness.service.purge(PURGES["host"])
        thumbnail = dataclasses.replace(
            harness.service.get(capture_request(url="https://other.org/"), FRESHNESS).thumbnail,
            begun_at=master.begun_at,
        )
        harness.service._cache.put_thumbnail(capture_request(thumb_width=320), thumbnail, DAY)
        assert harness.service._cache.lookup(capture_request(thumb_width=320)).thumbnail is None


class TestPlaceholder:
    @pytest.mark.parametrize("error", [TargetUnreachable("refused"), Overloaded("busy")], ids=["cached", "not cached"])
    def test_failing_page_rests_while_the_last_good_thumbnail_is_returned(
        self, harness: ServiceHarness, error: Exception
    ) -> None:
        harness.state()
        harness.clock.advance(20 * DAY / 3)  # stale for the request below, and still cached
        harness.engine.error = error  # type: ignore[assignment]
        for _ in range(5):
            result = harness.service.get_or_schedule(capture_request(), Freshness(max_age=60))
            assert result
            assert result.cache == "STALE"
            harness.wait_idle()
        assert harness.engine.capture_count == 2


class TestSecondVisitOfABlankPage:
    @pytest.mark.parametrize(("allowed", "captures"), [(True, 2), (False, 1)])
    def test_counts_against_the_rate_limit(self, harness: ServiceHarness, allowed: bool, captures: int) -> None:
        charged: list[bool] = []

        def charge() -> bool:
            charged.append(allowed)
            return allowed

        show(harness, UNUSABLE["blank"])
        result = harness.service.get(capture_request(), FRESHNESS, terms=Terms(charge=charge))
        assert (result.thumbnail.verdict, harness.engine.capture_count) == ("blank", captures)
        assert charged == [allowed]
