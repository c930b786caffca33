"""Cache reads of each kind of request, keys of rejected captures, and values that cannot be decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.support.service_harness import (
    DAY,
    FORCED,
    FRESHNESS,
    UNUSABLE,
    ServiceHarness,
    capture_request,
    show,
)
from tintype import telemetry
from tintype.errors import TargetUnreachable
from tintype.logs import LogThrottle
from tintype.service import thumbnail_cache
from tintype.telemetry.samples import Samples


@pytest.fixture
def harness() -> ServiceHarness:
    return ServiceHarness()


class TestCacheReads:
    """What each kind of request costs: with Redis every read is a round trip."""

    def test_a_hit_costs_one(self, harness: ServiceHarness) -> None:
        harness.state()
        assert harness.count_reads(harness.state) == 1

    def test_a_miss_costs_six(self, harness: ServiceHarness) -> None:
        assert harness.count_reads(harness.state) == 6
        assert len(harness.records.writes) + len(harness.masters.writes) == 2

    def test_a_derived_thumbnail_costs_four(self, harness: ServiceHarness) -> None:
        harness.state()
        assert harness.count_reads(lambda: harness.state(thumb_width=320)) == 4

    def test_a_stale_thumbnail_costs_one_before_its_refresh(self, harness: ServiceHarness) -> None:
        harness.state()
        harness.clock.advance(2 * DAY)
        harness.engine.released.clear()
        other = harness.new_worker()
        reads = harness.count_reads(lambda: other.get_fresh(capture_request(), FRESHNESS))
        harness.engine.released.set()
        assert reads == 1

    def test_a_refresh_costs_at_most_six(self, harness: ServiceHarness) -> None:
        harness.state()
        harness.clock.advance(2 * DAY)

        def refresh() -> None:
            assert harness.state() == "STALE"
            harness.wait_idle()

        assert harness.count_reads(refresh) <= 2 + 6

    def test_a_placeholder_costs_at_most_four(self, harness: ServiceHarness) -> None:
        harness.engine.released.clear()

        def schedule() -> None:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(harness.service._captures, "submit", lambda *_: True)
                assert harness.service.get_or_schedule(capture_request(), FRESHNESS) is None

        assert harness.count_reads(schedule) <= 4
        harness.engine.released.set()

    def test_a_forced_capture_costs_at_most_six(self, harness: ServiceHarness) -> None:
        harness.state()
        harness.clock.advance(1)
        assert harness.count_reads(lambda: harness.state(FORCED)) <= 6

    def test_a_cached_failure_costs_three(self, harness: ServiceHarness) -> None:
        def fail() -> None:
            with pytest.raises(TargetUnreachable):
                harness.state()

        harness.engine.error = TargetUnreachable("no such host")
        fail()
        assert harness.count_reads(fail) == 3

    def test_a_capture_with_credentials_reads_and_writes_nothing(self, harness: ServiceHarness) -> None:
        def send(**options: Any) -> Callable[[], object]:
            return lambda: harness.state(cookies={"session": "s3cret"}, **options)

        assert harness.count_reads(send()) == 0
        assert harness.count_reads(send(format="jpeg")) == 0
        assert not harness.records.writes + harness.masters.writes


class TestRejectedCaptures:
    def test_does_not_read_rejected_captures_without_a_good_one(self, harness: ServiceHarness) -> None:
        show(harness, UNUSABLE["missing"])
        harness.state()
        assert not [key for key in harness.records.reads + harness.masters.reads if key.startswith("rejected:")]


class TestDecodeErrors:
    def test_counts_decode_errors_and_logs_one_per_interval(
        self, harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(thumbnail_cache, "_decode_log", LogThrottle())
        harness.state()
        harness.records.corrupt()
        harness.masters.corrupt()
        before = decode_errors()
        with capture_logs() as lines:
            assert harness.state() == "MISS"
        assert decode_errors() - before >= 2
        assert [line["event"] for line in lines].count("cache_decode_failed") == 1

    def test_does_not_count_a_cleared_failure_as_a_decode_error(self, harness: ServiceHarness) -> None:
        harness.state(FORCED)
        before = decode_errors()
        harness.state(thumb_width=320)
        harness.state(dark_mode=True)
        assert decode_errors() == before


def decode_errors() -> float:
    return Samples.parse(telemetry.expose()[0].decode()).value("tintype_cache_decode_errors_total") or 0.0
