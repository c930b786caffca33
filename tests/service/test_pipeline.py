"""The stages of the capture pipeline, driven through ThumbnailService with fakes around it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.support.concurrency import eventually
from tests.support.service_harness import (
    DAY,
    FORCED,
    FRESHNESS,
    SHORT,
    UNUSABLE,
    ServiceHarness,
    capture_request,
    count_captures,
    run_concurrently,
    show,
)
from tintype.errors import (
    BackendUnavailable,
    CaptureTimeout,
    Overloaded,
    SelectorNotFound,
    TargetDenied,
    TargetError,
    TargetUnreachable,
    TintypeError,
)
from tintype.low_priority import low_priority
from tintype.model import CacheState, Freshness
from tintype.service.policy import BlankRetry


@pytest.fixture
def harness() -> ServiceHarness:
    return ServiceHarness()


class TestLowPriority:
    def test_client_does_not_wait_for_the_lock_of_a_job_that_captures_the_same_page(
        self, harness: ServiceHarness
    ) -> None:
        harness.engine.released.clear()
        with ThreadPoolExecutor(2) as pool:
            job = pool.submit(_at_low_priority, harness.state)
            assert eventually(lambda: harness.engine.capture_count == 1)
            client = pool.submit(harness.state)
            assert eventually(lambda: harness.engine.capture_count == 2)
            harness.engine.released.set()
            assert [job.result(), client.result()] == ["MISS", "MISS"]

    def test_pages_of_two_jobs_share_a_capture(self, harness: ServiceHarness) -> None:
        jobs = [partial(_at_low_priority, harness.state)] * 2
        assert sorted(run_concurrently(harness, [*jobs])) == ["COALESCED", "MISS"]
        assert harness.engine.capture_count == 1


def _at_low_priority(call: Callable[[], CacheState]) -> CacheState:
    with low_priority():
        return call()


class TestDerivation:
    def test_derives_without_a_dns_query(self, harness: ServiceHarness) -> None:
        harness.state()
        harness.target_checker.error = TargetUnreachable("no such host")
        assert [harness.state(thumb_width=320), harness.state(format="jpeg")] == ["DERIVED", "DERIVED"]
        assert harness.target_checker.checked == ["https://site.org/"]
        assert harness.service.persist(capture_request(thumb_width=100), FRESHNESS).width == 100

    def test_derives_without_waiting_for_a_running_capture(self, harness: ServiceHarness) -> None:
        harness.state()
        harness.clock.advance(1)
        harness.engine.released.clear()
        with ThreadPoolExecutor(1) as pool:
            capture = pool.submit(harness.state, FORCED)
            assert eventually(lambda: harness.engine.capture_count == 2)
            assert harness.state(thumb_width=320) == "DERIVED"
            assert not capture.done()
            harness.engine.released.set()

    def test_derives_after_a_failed_capture(self, harness: ServiceHarness) -> None:
        harness.state()
        harness.clock.advance(1)
        harness.engine.error = TargetUnreachable("no such host")
        with pytest.raises(TargetUnreachable):
            harness.state(FORCED)
        assert [harness.state(thumb_width=320), harness.state(thumb_width=320)] == ["DERIVED", "HIT"]

    def test_renders_once_for_concurrent_equal_requests(self, harness: ServiceHarness) -> None:
        harness.state()
        with ThreadPoolExecutor(8) as pool:
            states = list(pool.map(lambda _: harness.state(thumb_width=320), range(8)))
        assert states.count(CacheState.DERIVED) == 1
        assert set(states) <= {"DERIVED", "COALESCED", "HIT"}


class TestForcedCapture:
    def test_replaces_the_thumbnail_for_later_requests(self, harness: ServiceHarness) -> None:
        harness.state()
        harness.clock.advance(1)
        assert [harness.state(FORCED), harness.state()] == ["MISS", "HIT"]
        assert harness.engine.capture_count == 2

    def test_derives_nothing_from_an_older_master(self, harness: ServiceHarness) -> None:
        harness.state()
        harness.clock.advance(1)
        assert harness.state(FORCED, thumb_width=320) == "MISS"

    def test_ignores_and_clears_a_cached_failure(self, harness: ServiceHarness) -> None:
        harness.engine.error = TargetUnreachable("no such host")
        with pytest.raises(TargetUnreachable):
            harness.state()
        harness.clock.advance(1)
        harness.engine.error = None
        assert harness.state(FORCED) == "MISS"
        assert harness.state(thumb_width=320) == "DERIVED", "the failure is still cached"

    def test_shares_one_capture_between_concurrent_forced_requests(self, harness: ServiceHarness) -> None:
        assert sorted(run_concurrently(harness, [lambda: harness.state(FORCED)] * 5)) == ["COALESCED"] * 4 + ["MISS"]
        assert harness.engine.capture_count == 1


class TestCachedFailures:
    def test_caches_a_failure_for_a_minute(self, harness: ServiceHarness) -> None:
        harness.engine.error = TargetUnreachable("no such host")
        for _ in range(3):
            with pytest.raises(TargetUnreachable, match="no such host"):
                harness.state()
        assert harness.engine.capture_count == 1
        harness.clock.advance(61)
        harness.engine.error = None
        assert harness.state() == "MISS"

    def test_retry_after_is_the_rest_of_that_minute(self, harness: ServiceHarness) -> None:
        harness.engine.error = CaptureTimeout()
        waits = []
        for elapsed in (0, 0, 20.5, 39):
            harness.clock.advance(elapsed)
            with pytest.raises(CaptureTimeout) as failure:
                harness.state()
            waits.append(failure.value.retry_after_seconds)
        assert waits == [60, 60, 40, 1]

    def test_applies_a_cached_failure_to_every_size(self, harness: ServiceHarness) -> None:
        harness.engine.error = CaptureTimeout("never settled")
        for width in (320, 640):
            with pytest.raises(CaptureTimeout):
                harness.state(thumb_width=width)
        assert harness.engine.capture_count == 1

    def test_caches_no_overload(self, harness: ServiceHarness) -> None:
        harness.engine.error = Overloaded("busy")
        for _ in range(2):
            with pytest.raises(Overloaded):
                harness.state()
        assert harness.engine.capture_count == 2

    def test_captures_no_denied_target(self, harness: ServiceHarness) -> None:
        harness.target_checker.error = TargetDenied()
        for _ in range(2):
            with pytest.raises(TargetDenied):
                harness.state()
        assert (harness.engine.capture_count, len(harness.target_checker.checked)) == (0, 1)

    def test_reports_the_failure_to_all_waiting_requests(self, harness: ServiceHarness) -> None:
        harness.engine.error = CaptureTimeout("never settled")
        assert run_concurrently(harness, [failing(harness, FRESHNESS)] * 5) == ["capture-timeout"] * 5
        assert harness.engine.capture_count == 1

    def test_reports_the_failure_to_waiting_forced_requests(self, harness: ServiceHarness) -> None:
        harness.engine.error = CaptureTimeout("never settled")
        assert run_concurrently(harness, [failing(harness, FORCED)] * 5) == ["capture-timeout"] * 5
        assert harness.engine.capture_count == 1

    def test_rejects_a_request_that_waited_too_long(self) -> None:
        harness = ServiceHarness(wait_timeout=0.05)
        harness.engine.released.clear()
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(harness.state)
            assert eventually(lambda: harness.engine.capture_count == 1)
            with pytest.raises(Overloaded) as caught:
                harness.state()
            harness.engine.released.set()
            assert first.result() == "MISS"
        assert caught.value.retry_after


def failing(harness: ServiceHarness, freshness: Freshness) -> Callable[[], str]:
    def send() -> str:
        with pytest.raises(CaptureTimeout) as caught:
            harness.state(freshness)
        return caught.value.code

    return send


class TestConcurrentRequests:
    def test_shares_one_capture_between_equal_requests(self, harness: ServiceHarness) -> None:
        assert sorted(run_concurrently(harness, [harness.state] * 20)) == ["COALESCED"] * 19 + ["MISS"]
        assert harness.engine.capture_count == 1

    def test_captures_once_for_ten_sizes(self, harness: ServiceHarness) -> None:
        def sized(width: int) -> Callable[[], str]:
            return lambda: harness.state(thumb_width=width)

        states = run_concurrently(harness, [sized(width) for width in range(100, 1100, 100)])
        assert sorted(states) == ["DERIVED"] * 9 + ["MISS"]
        assert harness.engine.capture_count == 1

    def test_captures_different_pages_in_parallel(self, harness: ServiceHarness) -> None:
        pages = [f"https://site.org/{number}" for number in range(3)]

        def at(page: str) -> Callable[[], str]:
            return lambda: harness.state(url=page)

        assert run_concurrently(harness, [at(page) for page in pages]) == ["MISS"] * 3


class TestBlankPage:
    def test_captures_a_blank_page_again_with_a_longer_delay(self, harness: ServiceHarness) -> None:
        harness.engine.blank_captures = 1
        answer = harness.service.get(capture_request(delay=200), FRESHNESS)
        assert answer.thumbnail.verdict == "ok"
        assert [shot.wait.delay for shot in harness.engine.shots] == [200, 1700]

    def test_accepts_a_page_that_is_blank_twice(self, harness: ServiceHarness) -> None:
        harness.engine.blank_captures = 2
        answer = harness.service.get(capture_request(), FRESHNESS)
        assert (answer.thumbnail.verdict, answer.freshness.max_age, harness.engine.capture_count) == ("blank", 60, 2)

    @pytest.mark.parametrize(
        ("policy", "captures"),
        [("local", (2, 1)), ("always", (2, 2)), ("never", (1, 1))],
        ids=["local", "always", "never"],
    )
    def test_repeats_by_the_setting_and_the_engine(self, policy: str, captures: tuple[int, int]) -> None:
        for hosted, expected in zip((False, True), captures, strict=True):
            harness = ServiceHarness(blank_retry=BlankRetry(policy))
            harness.engine.hosted, harness.engine.blank_captures = hosted, 99
            assert harness.service.get(capture_request(), FRESHNESS).thumbnail.verdict == "blank"
            assert harness.engine.capture_count == expected, "captures of the hosted engine" if hosted else "local"

    def test_accepts_a_blank_page_and_logs_a_failed_second_attempt(
        self, harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        take, errors = harness.engine.capture, iter([None, Overloaded("busy")])

        def capture(shot: Any, *, fresh: bool = False) -> Any:
            if error := next(errors):
                raise error
            return take(shot, fresh=fresh)

        harness.engine.blank_captures = 1
        monkeypatch.setattr(harness.engine, "capture", capture)
        with capture_logs() as lines:
            assert harness.service.get(capture_request(), FRESHNESS).thumbnail.verdict == "blank"
        failed = next(line for line in lines if line["event"] == "blank_retry_failed")
        assert (failed["log_level"], failed["error"], failed["target"]) == ("warning", "overloaded", "site.org")

    def test_concurrent_requests_share_one_retry_of_a_blank_page(self, harness: ServiceHarness) -> None:
        harness.engine.blank_captures = 99
        assert sorted(run_concurrently(harness, [harness.state] * 5)) == ["COALESCED"] * 4 + ["MISS"]
        assert harness.engine.capture_count == 2


class TestLastGoodThumbnail:
    @pytest.mark.parametrize("bad", UNUSABLE.values(), ids=UNUSABLE)
    def test_serves_the_last_good_thumbnail_if_a_capture_is_unusable(
        self, harness: ServiceHarness, bad: dict[str, Any]
    ) -> None:
        old = harness.body(SHORT)
        harness.clock.advance(3600)
        show(harness, bad)
        for _ in range(3):
            answer = harness.service.get(capture_request(), SHORT)
            assert (answer.cache, answer.thumbnail.body, answer.thumbnail.verdict) == ("STALE", old, "ok")
        assert harness.engine.capture_count == count_captures(bad), "the rejected capture was not cached"

    @pytest.mark.parametrize("bad", UNUSABLE.values(), ids=UNUSABLE)
    def test_keeps_the_last_good_thumbnail_if_a_refresh_is_unusable(
        self, harness: ServiceHarness, bad: dict[str, Any]
    ) -> None:
        old = harness.body()
        harness.clock.advance(2 * DAY)
        show(harness, bad)
        for _ in range(3):
            assert (harness.state(), harness.body()) == ("STALE", old)
            harness.wait_idle()
        assert harness.engine.capture_count == count_captures(bad)

    def test_replaces_the_last_good_thumbnail_by_a_good_capture(self, harness: ServiceHarness) -> None:
        harness.state()
        harness.clock.advance(2 * DAY)
        show(harness, UNUSABLE["missing"])
        harness.state()
        harness.wait_idle()
        show(harness, {})
        harness.clock.advance(3601)
        assert harness.state() == "STALE"
        harness.wait_idle()
        assert harness.state() == "HIT"

    def test_forced_request_bypasses_the_last_good_thumbnail(self, harness: ServiceHarness) -> None:
        old = harness.body()
        harness.clock.advance(1)
        show(harness, UNUSABLE["missing"])
        answer = harness.service.get(capture_request(), FORCED)
        assert (answer.cache, answer.thumbnail.verdict) == ("MISS", "error")
        assert (harness.state(), harness.body()) == ("HIT", old), "the forced capture replaced it"

    def test_forced_requests_share_an_unusable_capture(self, harness: ServiceHarness) -> None:
        harness.state()
        harness.clock.advance(1)
        show(harness, UNUSABLE["missing"])
        assert sorted(run_concurrently(harness, [lambda: harness.state(FORCED)] * 5)) == ["COALESCED"] * 4 + ["MISS"]
        assert harness.engine.capture_count == 2

    def test_renders_another_size_from_the_last_good_master(self, harness: ServiceHarness) -> None:
        harness.state()
        harness.clock.advance(2 * DAY)
        show(harness, UNUSABLE["missing"])
        for _ in range(2):
            answer = harness.service.get(capture_request(thumb_width=320), FRESHNESS)
            assert (answer.cache, answer.thumbnail.width, answer.thumbnail.verdict) == ("STALE", 320, "ok")

    def test_keeps_the_last_good_thumbnail_a_day_after_the_stale_window(self, harness: ServiceHarness) -> None:
        harness.state()
        show(harness, UNUSABLE["missing"])
        harness.clock.advance(8.5 * DAY)
        assert harness.state() == "STALE"
        harness.clock.advance(DAY)
        assert harness.service.get(capture_request(), FRESHNESS).thumbnail.verdict == "error"

    def test_an_unusable_capture_replaces_an_unusable_one(self, harness: ServiceHarness) -> None:
        show(harness, UNUSABLE["missing"])
        harness.state()
        harness.clock.advance(DAY * 2)
        show(harness, UNUSABLE["unavailable"])
        assert harness.service.get(capture_request(), FRESHNESS).thumbnail.status == 503


class TestStaleIfError:
    @pytest.mark.parametrize(
        "failure",
        [TargetUnreachable("x"), TargetError("x"), CaptureTimeout("x"), Overloaded("x"), BackendUnavailable("x")],
    )
    def test_serves_the_last_good_thumbnail(self, harness: ServiceHarness, failure: TintypeError) -> None:
        old = harness.body(SHORT)
        harness.clock.advance(3600)
        harness.engine.error = failure
        for _ in range(3):
            assert (harness.state(SHORT), harness.body(SHORT)) == ("STALE", old)
        assert harness.engine.capture_count == 2, "captured again during the back-off"

    @pytest.mark.parametrize("failure", [TargetDenied("x"), SelectorNotFound("x")])
    def test_reports_an_error_of_the_request(self, harness: ServiceHarness, failure: TintypeError) -> None:
        harness.state(SHORT)
        harness.clock.advance(3600)
        harness.engine.error = failure
        with pytest.raises(type(failure)):
            harness.state(SHORT)

    def test_reports_the_error_to_a_forced_request(self, harness: ServiceHarness) -> None:
        harness.state()
        harness.clock.advance(1)
        harness.engine.error = TargetUnreachable("x")
        with pytest.raises(TargetUnreachable):
            harness.state(FORCED)

    def test_serves_no_unusable_thumbnail(self, harness: ServiceHarness) -> None:
        show(harness, UNUSABLE["unavailable"])
        harness.state(SHORT)
        harness.clock.advance(3600)
        harness.engine.error = TargetUnreachable("x")
        with pytest.raises(TargetUnreachable):
            harness.state(SHORT)

    def test_logs_stale_served_with_the_reason(self, harness: ServiceHarness) -> None:
        harness.body(SHORT)
        harness.clock.advance(3600)
        show(harness, UNUSABLE["missing"])
        with capture_logs() as lines:
            assert harness.state(SHORT) == "STALE"
        harness.clock.advance(7200)
        harness.engine.error = TargetUnreachable("x")
        with capture_logs() as more:
            assert harness.state(SHORT) == "STALE"
        reasons = [line["why"] for line in (*lines, *more) if line["event"] == "stale_served"]
        assert reasons == ["unusable", "capture_failed"]
