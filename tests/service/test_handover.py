"""Results of captures that requests of one process hand to each other while the cache is unavailable."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.support.concurrency import eventually
from tests.support.service_harness import FORCED, FRESHNESS, ServiceHarness, capture_request
from tintype.errors import TargetUnreachable
from tintype.model import CacheState, Freshness, ThumbnailResult

CLIENTS = 20


@pytest.fixture
def outage() -> ServiceHarness:
    """A service whose caches are unavailable and whose engine waits for ``released``."""
    harness = ServiceHarness()
    harness.records.unavailable = harness.masters.unavailable = True
    harness.engine.released.clear()
    return harness


def request_all(
    harness: ServiceHarness, freshness: Freshness = FRESHNESS, widths: int = 1
) -> list[Future[ThumbnailResult]]:
    """Send requests at the same time, and let the capture end once all of them wait."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        sent = [
            pool.submit(harness.service.get, capture_request(thumb_width=100 + number % widths), freshness)
            for number in range(CLIENTS)
        ]
        captures = harness.service._pipeline._handover._captures
        assert eventually(lambda: [each.members for each in captures.values()] == [CLIENTS])
        harness.engine.released.set()
    return sent


class TestOutage:
    def test_captures_a_page_once_for_all_waiting_requests(self, outage: ServiceHarness) -> None:
        results = [each.result() for each in request_all(outage)]
        assert outage.engine.capture_count == 1
        assert len({each.thumbnail.digest for each in results}) == 1
        assert sorted(each.cache for each in results) == [CacheState.COALESCED] * (CLIENTS - 1) + [CacheState.MISS]

    def test_renders_other_sizes_from_the_same_capture(self, outage: ServiceHarness) -> None:
        results = [each.result() for each in request_all(outage, widths=4)]
        assert outage.engine.capture_count == 1
        assert {each.thumbnail.width for each in results} == {100, 101, 102, 103}

    def test_captures_once_for_requests_that_force_a_capture(self, outage: ServiceHarness) -> None:
        assert all(each.result().thumbnail for each in request_all(outage, FORCED))
        assert outage.engine.capture_count == 1

    def test_reports_one_failure_to_all_waiting_requests(self, outage: ServiceHarness) -> None:
        outage.engine.error = TargetUnreachable("no route")
        assert {str(each.exception()) for each in request_all(outage)} == {"no route"}
        assert outage.engine.capture_count == 1

    def test_keeps_no_result_without_a_waiting_request(self, outage: ServiceHarness) -> None:
        request_all(outage)
        assert len(outage.service._pipeline._handover) == 0
        assert outage.state() is CacheState.MISS
        assert outage.engine.capture_count == 2


class TestAvailableCache:
    def test_decides_alone_what_waiting_requests_receive(self, outage: ServiceHarness) -> None:
        outage.records.unavailable = outage.masters.unavailable = False
        outage.records.put = outage.masters.put = lambda *_: None  # type: ignore[method-assign]
        request_all(outage)
        assert outage.engine.capture_count == CLIENTS
