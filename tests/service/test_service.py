"""The story of a picture, told with fakes around the real service."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.support.fakes import Clock, FakeEngine, FakeLookup, MemoryCache, MemoryStorage, ThreadLocks
from tintype.errors import BackendUnavailable, CaptureTimeout, Overloaded, TargetDenied, TargetUnreachable
from tintype.model import CacheState, Freshness, is_storage_key
from tintype.options import CaptureRequest, Options
from tintype.service import ThumbnailService

DAY = 86_400.0
FRESHNESS = Freshness(max_age=DAY, stale_for=7 * DAY)
FORCED = dataclasses.replace(FRESHNESS, forced=True)


def wanted(**options: Any) -> CaptureRequest:
    return Options.model_validate({"url": "https://site.org/", **options}).capture_request()


@dataclass
class World:
    """A service and everything around it, at hand."""

    clock: Clock = field(default_factory=Clock)
    patience: float = 10.0

    def __post_init__(self) -> None:
        self.engine = FakeEngine(self.clock)
        self.records, self.masters = MemoryCache(self.clock), MemoryCache(self.clock)
        self.locks, self.storage, self.lookup = ThreadLocks(), MemoryStorage(), FakeLookup()
        self.service = self.another_worker()

    def another_worker(self) -> ThumbnailService:
        return ThumbnailService(
            engine=self.engine,
            records=self.records,
            masters=self.masters,
            locks=self.locks,
            storage=self.storage,
            target_checker=self.lookup,
            wait_timeout=self.patience,
            clock=self.clock,
        )

    def ask(self, freshness: Freshness = FRESHNESS, **options: Any) -> CacheState:
        return self.service.get(wanted(**options), freshness).cache

    def body(self, freshness: Freshness = FRESHNESS, **options: Any) -> bytes:
        return self.service.get(wanted(**options), freshness).thumbnail.body

    def refreshed(self) -> None:
        assert self.service.wait_idle(10)


@pytest.fixture
def world() -> World:
    return World()


class TestRemembering:
    def test_a_picture_is_taken_once_and_then_remembered(self, world: World) -> None:
        assert [world.ask(), world.ask()] == ["MISS", "HIT"]
        assert world.engine.visits == 1

    def test_a_remembered_picture_is_the_very_same(self, world: World) -> None:
        assert world.body() == world.body()

    def test_workers_share_what_they_remember(self, world: World) -> None:
        world.ask()
        assert world.another_worker().get(wanted(), FRESHNESS).cache == "HIT"

    def test_another_size_is_rendered_from_the_same_photograph(self, world: World) -> None:
        world.ask()
        answer = world.service.get(wanted(thumb_width=320, format="jpeg"), FRESHNESS)
        assert (answer.cache, answer.thumbnail.width, answer.thumbnail.mime) == ("DERIVED", 320, "image/jpeg")
        assert world.engine.visits == 1

    def test_a_derived_picture_is_as_old_as_its_photograph(self, world: World) -> None:
        taken = world.service.get(wanted(), FRESHNESS).thumbnail.taken_at
        world.clock.advance(100)
        assert world.service.get(wanted(thumb_width=320), FRESHNESS).thumbnail.taken_at == taken

    def test_another_view_of_the_page_is_another_photograph(self, world: World) -> None:
        assert [world.ask(), world.ask(dark_mode=True)] == ["MISS", "MISS"]

    def test_a_caller_who_wants_it_younger_gets_a_new_one(self, world: World) -> None:
        world.ask()
        world.clock.advance(100)
        strict = Freshness(max_age=50)
        assert [world.ask(strict), world.ask(strict, thumb_width=320)] == ["MISS", "DERIVED"]
        assert world.engine.visits == 2

    def test_no_size_is_derived_from_a_photograph_that_is_too_old(self, world: World) -> None:
        world.ask()
        world.clock.advance(100)
        assert world.ask(Freshness(max_age=50), thumb_width=320) == "MISS"

    def test_torn_values_are_misses(self, world: World) -> None:
        world.ask()
        world.records.corrupt()
        world.masters.corrupt()
        assert [world.ask(), world.ask()] == ["MISS", "HIT"]

    def test_without_its_caches_it_still_works(self, world: World) -> None:
        world.records.unavailable = world.masters.unavailable = True
        assert [world.ask(), world.ask()] == ["MISS", "MISS"]

    def test_timings_tell_the_steps(self, world: World) -> None:
        timings = world.service.get(wanted(), FRESHNESS).timings
        assert timings.keys() == {"lookup", "wait", "capture", "render", "navigate"}


class TestDeriving:
    def test_asks_nobody_where_the_page_is(self, world: World) -> None:
        world.ask()
        world.lookup.error = TargetUnreachable("no such host")
        assert [world.ask(thumb_width=320), world.ask(format="jpeg")] == ["DERIVED", "DERIVED"]
        assert world.lookup.checked == ["https://site.org/"]
        assert world.service.persist(wanted(thumb_width=100), FRESHNESS).width == 100

    def test_does_not_wait_for_a_visit_under_way(self, world: World) -> None:
        world.ask()
        world.clock.advance(1)
        world.engine.released.clear()
        with ThreadPoolExecutor(1) as pool:
            visit = pool.submit(world.ask, FORCED)
            while world.engine.visits < 2:
                threading.Event().wait(0.001)
            assert world.ask(thumb_width=320) == "DERIVED"
            assert not visit.done()
            world.engine.released.set()

    def test_goes_on_after_a_visit_that_failed(self, world: World) -> None:
        world.ask()
        world.clock.advance(1)
        world.engine.error = TargetUnreachable("no such host")
        with pytest.raises(TargetUnreachable):
            world.ask(FORCED)
        assert [world.ask(thumb_width=320), world.ask(thumb_width=320)] == ["DERIVED", "HIT"]

    def test_many_who_want_the_same_have_it_rendered_once(self, world: World) -> None:
        world.ask()
        with ThreadPoolExecutor(8) as pool:
            states = list(pool.map(lambda _: world.ask(thumb_width=320), range(8)))
        assert states.count("DERIVED") == 1
        assert set(states) <= {"DERIVED", "COALESCED", "HIT"}


class TestForcing:
    def test_fresh_takes_a_new_photograph_for_everybody(self, world: World) -> None:
        world.ask()
        world.clock.advance(1)
        assert [world.ask(FORCED), world.ask()] == ["MISS", "HIT"]
        assert world.engine.visits == 2

    def test_fresh_never_derives_from_an_older_photograph(self, world: World) -> None:
        world.ask()
        world.clock.advance(1)
        assert world.ask(FORCED, thumb_width=320) == "MISS"

    def test_fresh_tries_again_where_a_failure_is_remembered(self, world: World) -> None:
        world.engine.error = TargetUnreachable("no such host")
        with pytest.raises(TargetUnreachable):
            world.ask()
        world.clock.advance(1)
        world.engine.error = None
        assert world.ask(FORCED) == "MISS"
        assert world.ask(thumb_width=320) == "DERIVED", "the failure is forgotten"

    def test_forced_callers_who_come_together_share_one_visit(self, world: World) -> None:
        assert sorted(together(world, [lambda: world.ask(FORCED)] * 5)) == ["COALESCED"] * 4 + ["MISS"]
        assert world.engine.visits == 1


class TestStale:
    def test_a_stale_picture_comes_at_once_and_is_refreshed_beside(self, world: World) -> None:
        old = world.body()
        world.clock.advance(2 * DAY)
        world.engine.released.clear()
        assert (world.ask(), world.body()) == ("STALE", old)
        world.engine.released.set()
        world.refreshed()
        assert (world.ask(), world.body() != old) == ("HIT", True)
        assert world.engine.visits == 2

    def test_beyond_the_stale_window_the_caller_waits_for_a_new_one(self, world: World) -> None:
        world.ask()
        world.clock.advance(9 * DAY)
        assert world.ask() == "MISS"

    def test_two_workers_refresh_once(self, world: World) -> None:
        world.ask()
        world.clock.advance(2 * DAY)
        world.engine.released.clear()
        other = world.another_worker()
        for service in (world.service, other, world.service, other):
            assert service.get(wanted(), FRESHNESS).cache == "STALE"
        assert other.wait_idle(10)
        world.engine.released.set()
        world.refreshed()
        assert world.engine.visits == 2

    def test_a_failed_refresh_keeps_the_old_picture_and_is_not_repeated_at_each_hit(self, world: World) -> None:
        old = world.body()
        world.clock.advance(2 * DAY)
        world.engine.error = BackendUnavailable("gone")
        for _ in range(3):
            assert (world.ask(), world.body()) == ("STALE", old)
            world.refreshed()
        assert world.engine.visits == 2

    def test_after_a_while_a_failed_refresh_is_tried_again(self, world: World) -> None:
        world.ask()
        world.clock.advance(2 * DAY)
        world.engine.error = TargetUnreachable("gone")
        world.ask()
        world.refreshed()
        world.clock.advance(61)
        world.engine.error = None
        assert world.ask() == "STALE"
        world.refreshed()
        assert world.ask() == "HIT"

    def test_an_unforeseen_failure_of_a_refresh_harms_nobody(self, world: World) -> None:
        world.ask()
        world.clock.advance(2 * DAY)
        world.lookup.error = ValueError("a bug")  # type: ignore[assignment]
        assert world.ask() == "STALE"
        world.refreshed()
        assert world.ask() == "STALE"

    def test_a_good_picture_is_not_replaced_by_one_of_a_page_in_trouble(self, world: World) -> None:
        old = world.body()
        world.clock.advance(2 * DAY)
        world.engine.status = 503
        world.ask()
        world.refreshed()
        assert (world.ask(), world.body()) == ("STALE", old)


class TestPassingStates:
    @pytest.mark.parametrize("state", [{"partial": True}, {"status": 503}, {"status": 429}])
    def test_a_picture_of_a_passing_state_is_fresh_for_a_minute(self, world: World, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(world.engine, name, value)
        answer = world.service.get(wanted(), FRESHNESS)
        assert answer.freshness.max_age == 60
        world.clock.advance(61)
        assert world.ask() == "STALE"
        world.refreshed()
        world.clock.advance(DAY)
        assert world.ask() == "MISS"

    def test_a_missing_page_is_looked_at_again_within_the_hour(self, world: World) -> None:
        world.engine.status = 404
        answer = world.service.get(wanted(), FRESHNESS)
        assert (answer.thumbnail.verdict, answer.freshness.max_age) == ("error", 3600)


class TestFailures:
    def test_a_failure_is_remembered_for_a_minute(self, world: World) -> None:
        world.engine.error = TargetUnreachable("no such host")
        for _ in range(3):
            with pytest.raises(TargetUnreachable, match="no such host"):
                world.ask()
        assert world.engine.visits == 1
        world.clock.advance(61)
        world.engine.error = None
        assert world.ask() == "MISS"

    def test_it_holds_for_every_size_of_the_page(self, world: World) -> None:
        world.engine.error = CaptureTimeout("never settled")
        for width in (320, 640):
            with pytest.raises(CaptureTimeout):
                world.ask(thumb_width=width)
        assert world.engine.visits == 1

    def test_a_busy_moment_is_not_remembered(self, world: World) -> None:
        world.engine.error = Overloaded("busy")
        for _ in range(2):
            with pytest.raises(Overloaded):
                world.ask()
        assert world.engine.visits == 2

    def test_a_refused_target_is_never_visited(self, world: World) -> None:
        world.lookup.error = TargetDenied()
        for _ in range(2):
            with pytest.raises(TargetDenied):
                world.ask()
        assert (world.engine.visits, len(world.lookup.checked)) == (0, 1)

    def test_those_who_waited_for_a_failing_capture_get_its_failure(self, world: World) -> None:
        world.engine.error = CaptureTimeout("never settled")
        assert together(world, [failing(world, FRESHNESS)] * 5) == ["capture-timeout"] * 5
        assert world.engine.visits == 1

    def test_forced_callers_too(self, world: World) -> None:
        world.engine.error = CaptureTimeout("never settled")
        assert together(world, [failing(world, FORCED)] * 5) == ["capture-timeout"] * 5
        assert world.engine.visits == 1

    def test_who_waits_too_long_is_told_to_come_back(self) -> None:
        world = World(patience=0.05)
        world.engine.released.clear()
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(world.ask)
            while not world.engine.visits:
                pass
            with pytest.raises(Overloaded) as caught:
                world.ask()
            world.engine.released.set()
            assert first.result() == "MISS"
        assert caught.value.retry_after


def failing(world: World, freshness: Freshness) -> Callable[[], str]:
    def ask() -> str:
        with pytest.raises(CaptureTimeout) as caught:
            world.ask(freshness)
        return caught.value.code

    return ask


def together(world: World, calls: list[Callable[[], str]]) -> list[str]:
    """The answers of callers who all wait while the first is at the page."""
    world.engine.released.clear()
    world.locks.requested.clear()
    with ThreadPoolExecutor(len(calls)) as pool:
        pending = [pool.submit(call) for call in calls]
        while len(world.locks.requested) < len(calls):
            threading.Event().wait(0.001)
        world.engine.released.set()
        return [str(call.result(10)) for call in pending]


class TestComingTogether:
    def test_equal_requests_share_one_visit_and_one_picture(self, world: World) -> None:
        assert sorted(together(world, [world.ask] * 20)) == ["COALESCED"] * 19 + ["MISS"]
        assert world.engine.visits == 1

    def test_ten_sizes_of_a_cold_page_are_one_visit(self, world: World) -> None:
        def sized(width: int) -> Callable[[], str]:
            return lambda: world.ask(thumb_width=width)

        states = together(world, [sized(width) for width in range(100, 1100, 100)])
        assert sorted(states) == ["DERIVED"] * 9 + ["MISS"]
        assert world.engine.visits == 1

    def test_different_pages_do_not_wait_for_each_other(self, world: World) -> None:
        pages = [f"https://site.org/{number}" for number in range(3)]

        def at(page: str) -> Callable[[], str]:
            return lambda: world.ask(url=page)

        assert together(world, [at(page) for page in pages]) == ["MISS"] * 3


class TestPersisting:
    def test_a_picture_is_stored_under_a_key_that_names_it(self, world: World) -> None:
        persisted = world.service.persist(wanted(thumb_width=320), FRESHNESS)
        assert is_storage_key(persisted.key)
        assert persisted.url == f"/stored/{persisted.key}"
        stored = world.service.get_stored(persisted.key)
        assert stored is not None
        facts = (persisted.cached, persisted.content_type, persisted.width, persisted.height, persisted.bytes)
        assert facts == (False, "image/png", 320, 180, len(stored.body))

    def test_the_same_request_again_is_answered_from_storage(self, world: World) -> None:
        first, second = (world.service.persist(wanted(), FRESHNESS) for _ in range(2))
        assert second == dataclasses.replace(first, cached=True)
        assert world.engine.visits == 1

    def test_that_outlives_every_cache(self, world: World) -> None:
        world.service.persist(wanted(), FRESHNESS)
        world.service.clear()
        assert world.service.persist(wanted(), FRESHNESS).cached
        assert world.engine.visits == 1

    def test_a_fresh_picture_is_reused(self, world: World) -> None:
        world.ask()
        assert not world.service.persist(wanted(), FRESHNESS).cached
        assert world.engine.visits == 1

    def test_a_stale_picture_is_not_made_to_last(self, world: World) -> None:
        world.ask()
        world.clock.advance(2 * DAY)
        world.service.persist(wanted(), FRESHNESS)
        assert world.engine.visits == 2

    def test_fresh_stores_a_new_one_beside_the_old(self, world: World) -> None:
        old = world.service.persist(wanted(), FRESHNESS)
        world.clock.advance(1)
        new = world.service.persist(wanted(), FORCED)
        assert (new.cached, new.key != old.key) == (False, True)
        assert world.service.get_stored(old.key)
        assert world.service.persist(wanted(), FRESHNESS).key == new.key

    def test_what_shows_a_passing_state_is_taken_again_next_time(self, world: World) -> None:
        world.engine.partial = True
        world.service.persist(wanted(), FRESHNESS)
        world.engine.partial = False
        world.clock.advance(100)
        assert [world.service.persist(wanted(), FRESHNESS).cached for _ in range(2)] == [False, True]

    def test_storage_that_fails_is_told(self, world: World) -> None:
        world.storage.error = "the disk is full"
        with pytest.raises(BackendUnavailable):
            world.service.persist(wanted(), FRESHNESS)

    @pytest.mark.parametrize("key", ["", "../../etc/passwd", "thumbs/abc.png", "thumbs/" + "a" * 64 + ".png"])
    def test_only_keys_of_ours_reach_storage(self, world: World, key: str) -> None:
        world.storage.error = "must not be asked"
        assert world.service.get_stored(key) is None


class TestForgetting:
    def test_a_purged_page_is_taken_again(self, world: World) -> None:
        world.ask()
        world.ask(thumb_width=320)
        world.ask(url="https://other.org/")
        assert world.service.purge("https://site.org/") == 3
        assert [world.ask(), world.ask(url="https://other.org/")] == ["MISS", "HIT"]

    def test_clearing_forgets_everything_but_what_was_persisted(self, world: World) -> None:
        key = world.service.persist(wanted(), FRESHNESS).key
        assert world.service.clear() == 2
        assert world.ask() == "MISS"
        assert world.service.get_stored(key)

    def test_remembered_values_are_named_by_digests_only(self, world: World) -> None:
        world.ask(url="https://site.org/?token=hidden")
        assert not [key for key in world.records.keys() + world.masters.keys() if "site" in key or "hidden" in key]


class TestReadiness:
    def test_all_is_well(self, world: World) -> None:
        assert world.service.readiness() == {"engine": "ok", "state": "ok", "storage": "ok"}

    def test_each_part_speaks_for_itself(self, world: World) -> None:
        world.engine.check_error, world.records.unavailable, world.storage.error = "no browser", True, "disk full"
        expected = {
            "engine": "no browser",
            "state": "cache check failed: a written value could not be read back",
            "storage": "disk full",
        }
        assert world.service.readiness() == expected

    def test_an_answer_holds_for_a_while(self, world: World) -> None:
        for _ in range(5):
            world.service.readiness()
        assert world.engine.checks == 1
