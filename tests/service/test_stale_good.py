"""Bad pictures: how long they live, and the good older ones that they never replace. Fakes around the real service."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.service.test_service import DAY, FORCED, FRESHNESS, World, together, wanted
from tintype.errors import (
    BackendUnavailable,
    CaptureTimeout,
    Overloaded,
    SelectorNotFound,
    TargetDenied,
    TargetError,
    TargetUnreachable,
    TintypeError,
    UnusableCapture,
)
from tintype.model import Freshness, Verdict

BRIEFLY = Freshness(max_age=60, stale_for=0)
BAD: dict[str, dict[str, Any]] = {
    "missing": {"status": 404},
    "in trouble": {"status": 503},
    "blank": {"blank_captures": 99},
}
GOOD: dict[str, Any] = {"status": 200, "blank_captures": 0}


@pytest.fixture
def world() -> World:
    return World()


def show(world: World, what: dict[str, Any]) -> None:
    vars(world.engine).update({**GOOD, **what})


def visits(bad: dict[str, Any]) -> int:
    """One to the good page, one to the bad, and to a blank one another."""
    return 3 if "blank_captures" in bad else 2


class TestABlankPage:
    def test_is_visited_once_more_with_more_patience(self, world: World) -> None:
        world.engine.blank_captures = 1
        answer = world.service.get(wanted(delay=200), FRESHNESS)
        assert answer.thumbnail.verdict == "ok"
        assert [shot.wait.delay for shot in world.engine.shots] == [200, 1700]

    def test_is_accepted_when_it_is_blank_again(self, world: World) -> None:
        world.engine.blank_captures = 2
        answer = world.service.get(wanted(), FRESHNESS)
        assert (answer.thumbnail.verdict, answer.freshness.max_age, world.engine.visits) == ("blank", 60, 2)

    def test_is_accepted_when_the_second_attempt_fails(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        take, errors = world.engine.capture, iter([None, Overloaded("busy")])

        def capture(shot: Any) -> Any:
            if error := next(errors):
                raise error
            return take(shot)

        world.engine.blank_captures = 1
        monkeypatch.setattr(world.engine, "capture", capture)
        assert world.service.get(wanted(), FRESHNESS).thumbnail.verdict == "blank"

    def test_is_not_visited_twice_by_each_of_many(self, world: World) -> None:
        world.engine.blank_captures = 99
        assert sorted(together(world, [world.ask] * 5)) == ["COALESCED"] * 4 + ["MISS"]
        assert world.engine.visits == 2


class TestAnOlderGoodPicture:
    @pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
    def test_is_answered_by_who_would_wait_for_a_bad_one(self, world: World, bad: dict[str, Any]) -> None:
        old = world.body(BRIEFLY)
        world.clock.advance(3600)
        show(world, bad)
        for _ in range(3):
            answer = world.service.get(wanted(), BRIEFLY)
            assert (answer.cache, answer.thumbnail.body, answer.thumbnail.verdict) == ("STALE", old, "ok")
        assert world.engine.visits == visits(bad), "the bad one is remembered beside"

    @pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
    def test_is_not_replaced_by_a_refresh(self, world: World, bad: dict[str, Any]) -> None:
        old = world.body()
        world.clock.advance(2 * DAY)
        show(world, bad)
        for _ in range(3):
            assert (world.ask(), world.body()) == ("STALE", old)
            world.refreshed()
        assert world.engine.visits == visits(bad)

    def test_gives_way_to_a_good_one(self, world: World) -> None:
        world.ask()
        world.clock.advance(2 * DAY)
        show(world, BAD["missing"])
        world.ask()
        world.refreshed()
        show(world, {})
        world.clock.advance(3601)
        assert world.ask() == "STALE"
        world.refreshed()
        assert world.ask() == "HIT"

    def test_is_not_for_who_insists_on_a_new_one(self, world: World) -> None:
        old = world.body()
        world.clock.advance(1)
        show(world, BAD["missing"])
        answer = world.service.get(wanted(), FORCED)
        assert (answer.cache, answer.thumbnail.verdict) == ("MISS", "error")
        assert (world.ask(), world.body()) == ("HIT", old), "everybody else keeps it"

    def test_those_who_insist_together_share_a_bad_visit(self, world: World) -> None:
        world.ask()
        world.clock.advance(1)
        show(world, BAD["missing"])
        assert sorted(together(world, [lambda: world.ask(FORCED)] * 5)) == ["COALESCED"] * 4 + ["MISS"]
        assert world.engine.visits == 2

    def test_of_another_size_is_made_from_the_older_master(self, world: World) -> None:
        world.ask()
        world.clock.advance(2 * DAY)
        show(world, BAD["missing"])
        for _ in range(2):
            answer = world.service.get(wanted(thumb_width=320), FRESHNESS)
            assert (answer.cache, answer.thumbnail.width, answer.thumbnail.verdict) == ("STALE", 320, "ok")

    def test_does_for_a_while_when_there_is_no_other(self, world: World) -> None:
        world.ask()
        show(world, BAD["missing"])
        world.clock.advance(8.5 * DAY)
        assert world.ask() == "STALE"
        world.clock.advance(DAY)
        assert world.service.get(wanted(), FRESHNESS).thumbnail.verdict == "error"

    def test_is_not_replaced_when_the_bad_one_is_older_than_a_bad_one(self, world: World) -> None:
        show(world, BAD["missing"])
        world.ask()
        world.clock.advance(DAY * 2)
        show(world, BAD["in trouble"])
        assert world.service.get(wanted(), FRESHNESS).thumbnail.status == 503


class TestWhileThePageFails:
    @pytest.mark.parametrize(
        "failure",
        [TargetUnreachable("x"), TargetError("x"), CaptureTimeout("x"), Overloaded("x"), BackendUnavailable("x")],
    )
    def test_an_older_picture_is_better_than_none(self, world: World, failure: TintypeError) -> None:
        old = world.body(BRIEFLY)
        world.clock.advance(3600)
        world.engine.error = failure
        for _ in range(3):
            assert (world.ask(BRIEFLY), world.body(BRIEFLY)) == ("STALE", old)
        assert world.engine.visits == 2, "and the page has its rest"

    @pytest.mark.parametrize("failure", [TargetDenied("x"), SelectorNotFound("x")])
    def test_but_not_when_the_request_is_at_fault(self, world: World, failure: TintypeError) -> None:
        world.ask(BRIEFLY)
        world.clock.advance(3600)
        world.engine.error = failure
        with pytest.raises(type(failure)):
            world.ask(BRIEFLY)

    def test_nor_for_who_insists(self, world: World) -> None:
        world.ask()
        world.clock.advance(1)
        world.engine.error = TargetUnreachable("x")
        with pytest.raises(TargetUnreachable):
            world.ask(FORCED)

    def test_a_bad_older_one_is_no_help(self, world: World) -> None:
        show(world, BAD["in trouble"])
        world.ask(BRIEFLY)
        world.clock.advance(3600)
        world.engine.error = TargetUnreachable("x")
        with pytest.raises(TargetUnreachable):
            world.ask(BRIEFLY)


class TestPersisting:
    def test_a_bad_picture_is_told_and_tried_again(self, world: World) -> None:
        show(world, BAD["missing"])
        assert world.service.persist(wanted(), FRESHNESS).verdict is Verdict.ERROR
        show(world, {})
        world.clock.advance(3601)
        again = world.service.persist(wanted(), FRESHNESS)
        assert (again.cached, again.verdict) == (False, Verdict.OK)

    def test_a_bad_one_never_takes_the_place_of_a_good_one(self, world: World) -> None:
        good = world.service.persist(wanted(), FRESHNESS)
        world.clock.advance(1)
        show(world, BAD["missing"])
        assert world.service.persist(wanted(), FORCED) == dataclasses.replace(good, cached=True)
        assert world.service.persist(wanted(), FRESHNESS) == dataclasses.replace(good, cached=True)

    @pytest.mark.parametrize(("bad", "error"), [("missing", TargetError), ("blank", UnusableCapture)])
    def test_nothing_is_stored_that_the_caller_minds(self, world: World, bad: str, error: type[TintypeError]) -> None:
        show(world, BAD[bad])
        with pytest.raises(error):
            world.service.persist(wanted(), FRESHNESS, fail_on=(Verdict.ERROR, Verdict.BLANK))
        assert not list(world.storage.keys())


class TestAhead:
    """What is answered at once, while the picture is taken beside."""

    def test_nothing_at_first_and_then_the_picture(self, world: World) -> None:
        world.engine.released.clear()
        assert [world.service.get_or_schedule(wanted(), FRESHNESS) for _ in range(3)] == [None] * 3
        world.engine.released.set()
        world.refreshed()
        assert (world.ask(), world.engine.visits) == ("HIT", 1)

    def test_workers_take_it_once(self, world: World) -> None:
        world.engine.released.clear()
        other = world.another_worker()
        assert [service.get_or_schedule(wanted(), FRESHNESS) for service in (world.service, other)] == [None, None]
        world.engine.released.set()
        world.refreshed()
        assert other.wait_idle(10)
        assert world.engine.visits == 1

    def test_another_size_at_once_where_the_page_was_photographed(self, world: World) -> None:
        world.ask()
        answer = world.service.get_or_schedule(wanted(thumb_width=320), FRESHNESS)
        assert answer
        assert (answer.cache, world.engine.visits) == ("DERIVED", 1)

    def test_an_older_picture_where_there_is_one(self, world: World) -> None:
        old = world.body(BRIEFLY)
        world.clock.advance(3600)
        answer = world.service.get_or_schedule(wanted(), BRIEFLY)
        assert answer
        assert (answer.cache, answer.thumbnail.body) == ("STALE", old)
        world.refreshed()
        assert world.ask(BRIEFLY) == "HIT"

    @pytest.mark.parametrize("failure", [TargetUnreachable("x"), Overloaded("x"), TargetDenied("x")])
    def test_a_failure_when_asked_again(self, world: World, failure: TintypeError) -> None:
        world.engine.error = failure
        assert world.service.get_or_schedule(wanted(), FRESHNESS) is None
        world.refreshed()
        with pytest.raises(type(failure)):
            world.service.get_or_schedule(wanted(), FRESHNESS)
        assert world.engine.visits == 1

    def test_after_a_failure_it_is_tried_again(self, world: World) -> None:
        world.engine.error = Overloaded("x")
        world.service.get_or_schedule(wanted(), FRESHNESS)
        world.refreshed()
        world.engine.error = None
        world.clock.advance(11)
        assert world.service.get_or_schedule(wanted(), FRESHNESS) is None
        world.refreshed()
        assert world.ask() == "HIT"

    def test_who_waits_does_not_suffer_from_a_busy_moment(self, world: World) -> None:
        world.engine.error = Overloaded("x")
        world.service.get_or_schedule(wanted(), FRESHNESS)
        world.refreshed()
        world.engine.error = None
        assert world.ask() == "MISS"

    def test_a_page_full_of_pictures_is_taken_in_turn(self, world: World) -> None:
        world.engine.released.clear()
        asked = [wanted(url=f"https://site.org/{number}") for number in range(20)]
        assert [world.service.get_or_schedule(request, FRESHNESS) for request in asked] == [None] * 20
        world.engine.released.set()
        world.refreshed()
        assert {world.service.get(request, FRESHNESS).cache for request in asked} == {"HIT"}
