"""ThumbnailService: cache, stale thumbnails, deadlines and fail_on, with fakes around it."""

from __future__ import annotations

import math

import pytest

from tests.support.concurrency import eventually
from tests.support.service_harness import (
    DAY,
    FRESHNESS,
    SHORT,
    UNUSABLE,
    ServiceHarness,
    capture_request,
    show,
)
from tintype.deadline import time_left
from tintype.errors import (
    BackendUnavailable,
    Overloaded,
    RateLimited,
    TargetDenied,
    TargetError,
    TargetUnreachable,
    TintypeError,
    UnusableCapture,
)
from tintype.model import Capture, Freshness, Verdict
from tintype.options import Shot
from tintype.service import Terms
from tintype.service.purge import Selector, SelectorKind

EVERYTHING = Selector(SelectorKind.ALL)


@pytest.fixture
def harness() -> ServiceHarness:
    return ServiceHarness()


class TestCache:
    def test_captures_once_and_then_hits(self, harness: ServiceHarness) -> None:
        assert [harness.state(), harness.state()] == ["MISS", "HIT"]
        assert harness.engine.capture_count == 1

    def test_returns_the_same_bytes_on_a_hit(self, harness: ServiceHarness) -> None:
        assert harness.body() == harness.body()

    def test_shares_the_cache_between_workers(self, harness: ServiceHarness) -> None:
        harness.state()
        assert harness.new_worker().get(capture_request(), FRESHNESS).cache == "HIT"

    def test_derives_another_size_from_the_same_master(self, harness: ServiceHarness) -> None:
        harness.state()
        answer = harness.service.get(capture_request(thumb_width=320, format="jpeg"), FRESHNESS)
        assert (answer.cache, answer.thumbnail.width, answer.thumbnail.mime) == ("DERIVED", 320, "image/jpeg")
        assert harness.engine.capture_count == 1

    def test_dates_a_derived_thumbnail_by_its_master(self, harness: ServiceHarness) -> None:
        taken = harness.service.get(capture_request(), FRESHNESS).thumbnail.taken_at
        harness.clock.advance(100)
        assert harness.service.get(capture_request(thumb_width=320), FRESHNESS).thumbnail.taken_at == taken

    def test_captures_again_for_another_shot(self, harness: ServiceHarness) -> None:
        assert [harness.state(), harness.state(dark_mode=True)] == ["MISS", "MISS"]

    def test_captures_again_for_a_shorter_max_age(self, harness: ServiceHarness) -> None:
        harness.state()
        harness.clock.advance(100)
        strict = Freshness(max_age=50)
        assert [harness.state(strict), harness.state(strict, thumb_width=320)] == ["MISS", "DERIVED"]
        assert harness.engine.capture_count == 2

    def test_derives_nothing_from_a_master_that_is_too_old(self, harness: ServiceHarness) -> None:
        harness.state()
        harness.clock.advance(100)
        assert harness.state(Freshness(max_age=50), thumb_width=320) == "MISS"

    def test_treats_corrupt_values_as_misses(self, harness: ServiceHarness) -> None:
        harness.state()
        harness.records.corrupt()
        harness.masters.corrupt()
        assert [harness.state(), harness.state()] == ["MISS", "HIT"]

    def test_works_while_the_caches_are_down(self, harness: ServiceHarness) -> None:
        harness.records.unavailable = harness.masters.unavailable = True
        assert [harness.state(), harness.state()] == ["MISS", "MISS"]

    def test_reports_the_time_of_each_stage(self, harness: ServiceHarness) -> None:
        timings = harness.service.get(capture_request(), FRESHNESS).timings
        assert timings.keys() == {"lookup", "wait", "capture", "render", "navigate"}


class TestFailOn:
    FAIL_ON = (Verdict.ERROR, Verdict.BLANK)

    @pytest.mark.parametrize(("page", "error"), [("missing", TargetError), ("blank", UnusableCapture)])
    def test_applies_to_new_and_to_cached_thumbnails(
        self, harness: ServiceHarness, page: str, error: type[TintypeError]
    ) -> None:
        show(harness, UNUSABLE[page])
        for _ in range(2):
            with pytest.raises(error):
                harness.service.get(capture_request(), FRESHNESS, fail_on=self.FAIL_ON)
        with pytest.raises(error):
            harness.service.get_fresh(capture_request(), FRESHNESS, fail_on=self.FAIL_ON)
        with pytest.raises(error):
            harness.service.get_or_schedule(capture_request(), FRESHNESS, fail_on=self.FAIL_ON)

    def test_ignores_other_verdicts(self, harness: ServiceHarness) -> None:
        show(harness, UNUSABLE["missing"])
        result = harness.service.get(capture_request(), FRESHNESS, fail_on=(Verdict.BLANK,))
        assert result.thumbnail.verdict is Verdict.ERROR


class TestOnLookup:
    def test_reports_a_miss_before_the_capture(self, harness: ServiceHarness) -> None:
        def reject(hit: bool) -> None:
            raise RateLimited(f"hit={hit}")

        with pytest.raises(RateLimited, match="hit=False"):
            harness.service.get(capture_request(), FRESHNESS, terms=Terms(on_lookup=reject))
        assert harness.engine.capture_count == 0

    def test_reports_a_stale_thumbnail_as_a_hit_unless_it_starts_a_refresh(self, harness: ServiceHarness) -> None:
        hits: list[bool] = []
        terms = Terms(on_lookup=hits.append)
        for seconds in (0.0, 1.0, 2 * DAY, 0.0):
            harness.clock.advance(seconds)
            if seconds == 2 * DAY:
                harness.engine.released.clear()
            harness.service.get(capture_request(), FRESHNESS, terms=terms)
        assert hits == [False, True, False, True]
        harness.engine.released.set()
        harness.wait_idle()
        assert harness.engine.capture_count == 2

    def test_reports_a_stale_thumbnail_of_a_failing_page_as_a_hit(self, harness: ServiceHarness) -> None:
        hits: list[bool] = []
        harness.state()
        harness.clock.advance(2 * DAY)
        harness.engine.error = TargetUnreachable("no such host")
        for _ in range(3):
            harness.service.get(capture_request(), FRESHNESS, terms=Terms(on_lookup=hits.append))
            harness.wait_idle()
        assert hits == [False, True, True]
        assert harness.engine.capture_count == 2

    def test_starts_no_refresh_for_a_request_it_rejects(self, harness: ServiceHarness) -> None:
        def reject(hit: bool) -> None:
            raise RateLimited(f"hit={hit}")

        harness.state()
        harness.clock.advance(2 * DAY)
        for _ in range(2):
            with pytest.raises(RateLimited, match="hit=False"):
                harness.service.get(capture_request(), FRESHNESS, terms=Terms(on_lookup=reject))
        harness.wait_idle()
        assert harness.engine.capture_count == 1
        assert harness.state() == "STALE"
        harness.wait_idle()
        assert harness.engine.capture_count == 2


class TestDeadline:
    """Everything that a request waits for ends within the wait timeout, 10 s in these tests."""

    @pytest.fixture
    def left(self, harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """Seconds until the deadline at every visit of a page."""
        seen: list[float] = []
        capture = harness.engine.capture

        def record(shot: Shot, *, fresh: bool = False) -> Capture:
            seen.append(time_left(math.inf))
            return capture(shot, fresh=fresh)

        monkeypatch.setattr(harness.engine, "capture", record)
        return seen

    def test_applies_to_captures(self, harness: ServiceHarness, left: list[float]) -> None:
        harness.state()
        harness.service.persist(capture_request(thumb_width=64), FRESHNESS)
        assert [0 < seconds <= 10 for seconds in left] == [True]

    def test_bounds_both_visits_of_a_blank_page(self, harness: ServiceHarness, left: list[float]) -> None:
        harness.engine.blank_captures = 1
        harness.state()
        first, second = left
        assert 0 < second < first

    def test_does_not_limit_captures_in_the_background(self, harness: ServiceHarness, left: list[float]) -> None:
        harness.service.get_or_schedule(capture_request(), FRESHNESS)
        assert eventually(lambda: left == [math.inf])

    def test_ends_with_the_request(self, harness: ServiceHarness) -> None:
        harness.state()
        assert time_left(math.inf) == math.inf


class TestStaleWhileRevalidate:
    def test_returns_a_stale_thumbnail_and_refreshes_it(self, harness: ServiceHarness) -> None:
        old = harness.body()
        harness.clock.advance(2 * DAY)
        harness.engine.released.clear()
        assert (harness.state(), harness.body()) == ("STALE", old)
        harness.engine.released.set()
        harness.wait_idle()
        assert (harness.state(), harness.body() != old) == ("HIT", True)
        assert harness.engine.capture_count == 2

    def test_captures_after_the_stale_window(self, harness: ServiceHarness) -> None:
        harness.state()
        harness.clock.advance(9 * DAY)
        assert harness.state() == "MISS"

    def test_refreshes_once_for_two_workers(self, harness: ServiceHarness) -> None:
        harness.state()
        harness.clock.advance(2 * DAY)
        harness.engine.released.clear()
        other = harness.new_worker()
        for service in (harness.service, other, harness.service, other):
            assert service.get(capture_request(), FRESHNESS).cache == "STALE"
        assert other.wait_idle(10)
        harness.engine.released.set()
        harness.wait_idle()
        assert harness.engine.capture_count == 2

    def test_keeps_the_thumbnail_and_backs_off_after_a_failed_refresh(self, harness: ServiceHarness) -> None:
        old = harness.body()
        harness.clock.advance(2 * DAY)
        harness.engine.error = BackendUnavailable("gone")
        for _ in range(3):
            assert (harness.state(), harness.body()) == ("STALE", old)
            harness.wait_idle()
        assert harness.engine.capture_count == 2

    def test_refreshes_again_after_the_back_off(self, harness: ServiceHarness) -> None:
        harness.state()
        harness.clock.advance(2 * DAY)
        harness.engine.error = TargetUnreachable("gone")
        harness.state()
        harness.wait_idle()
        harness.clock.advance(61)
        harness.engine.error = None
        assert harness.state() == "STALE"
        harness.wait_idle()
        assert harness.state() == "HIT"

    def test_survives_an_unexpected_exception_in_a_refresh(self, harness: ServiceHarness) -> None:
        harness.state()
        harness.clock.advance(2 * DAY)
        harness.target_checker.error = ValueError("a bug")  # type: ignore[assignment]
        assert harness.state() == "STALE"
        harness.wait_idle()
        assert harness.state() == "STALE"

    def test_keeps_a_good_thumbnail_if_the_target_answers_503(self, harness: ServiceHarness) -> None:
        old = harness.body()
        harness.clock.advance(2 * DAY)
        harness.engine.status = 503
        harness.state()
        harness.wait_idle()
        assert (harness.state(), harness.body()) == ("STALE", old)


class TestGetOrSchedule:
    """Responses without a wait, while the capture runs in the background."""

    def test_returns_none_and_captures_in_the_background(self, harness: ServiceHarness) -> None:
        harness.engine.released.clear()
        assert [harness.service.get_or_schedule(capture_request(), FRESHNESS) for _ in range(3)] == [None] * 3
        harness.engine.released.set()
        harness.wait_idle()
        assert (harness.state(), harness.engine.capture_count) == ("HIT", 1)

    def test_captures_once_for_two_workers(self, harness: ServiceHarness) -> None:
        harness.engine.released.clear()
        other = harness.new_worker()
        assert [service.get_or_schedule(capture_request(), FRESHNESS) for service in (harness.service, other)] == [
            None,
            None,
        ]
        harness.engine.released.set()
        harness.wait_idle()
        assert other.wait_idle(10)
        assert harness.engine.capture_count == 1

    def test_derives_another_size_immediately(self, harness: ServiceHarness) -> None:
        harness.state()
        answer = harness.service.get_or_schedule(capture_request(thumb_width=320), FRESHNESS)
        assert answer
        assert (answer.cache, harness.engine.capture_count) == ("DERIVED", 1)

    def test_returns_the_last_good_thumbnail_meanwhile(self, harness: ServiceHarness) -> None:
        old = harness.body(SHORT)
        harness.clock.advance(3600)
        answer = harness.service.get_or_schedule(capture_request(), SHORT)
        assert answer
        assert (answer.cache, answer.thumbnail.body) == ("STALE", old)
        harness.wait_idle()
        assert harness.state(SHORT) == "HIT"

    @pytest.mark.parametrize("failure", [TargetUnreachable("x"), Overloaded("x"), TargetDenied("x")])
    def test_reports_a_failed_background_capture_to_the_next_request(
        self, harness: ServiceHarness, failure: TintypeError
    ) -> None:
        harness.engine.error = failure
        assert harness.service.get_or_schedule(capture_request(), FRESHNESS) is None
        harness.wait_idle()
        with pytest.raises(type(failure)):
            harness.service.get_or_schedule(capture_request(), FRESHNESS)
        assert harness.engine.capture_count == 1

    def test_captures_again_after_a_failure(self, harness: ServiceHarness) -> None:
        harness.engine.error = Overloaded("x")
        harness.service.get_or_schedule(capture_request(), FRESHNESS)
        harness.wait_idle()
        harness.engine.error = None
        harness.clock.advance(11)
        assert harness.service.get_or_schedule(capture_request(), FRESHNESS) is None
        harness.wait_idle()
        assert harness.state() == "HIT"

    def test_reports_no_background_failure_to_a_waiting_request(self, harness: ServiceHarness) -> None:
        harness.engine.error = Overloaded("x")
        harness.service.get_or_schedule(capture_request(), FRESHNESS)
        harness.wait_idle()
        harness.engine.error = None
        assert harness.state() == "MISS"

    def test_queues_the_captures_of_a_page_full_of_images(self, harness: ServiceHarness) -> None:
        harness.engine.released.clear()
        requests = [capture_request(url=f"https://site.org/{number}") for number in range(20)]
        assert [harness.service.get_or_schedule(request, FRESHNESS) for request in requests] == [None] * 20
        harness.engine.released.set()
        harness.wait_idle()
        assert {harness.service.get(request, FRESHNESS).cache for request in requests} == {"HIT"}
