"""Freshness by verdict and status."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.service_harness import (
    DAY,
    FRESHNESS,
    ServiceHarness,
    capture_request,
)


@pytest.fixture
def harness() -> ServiceHarness:
    return ServiceHarness()


class TestTransientStates:
    @pytest.mark.parametrize("state", [{"partial": True}, {"status": 503}, {"status": 429}])
    def test_keeps_a_transient_state_fresh_for_a_minute(self, harness: ServiceHarness, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(harness.engine, name, value)
        answer = harness.service.get(capture_request(), FRESHNESS)
        assert answer.freshness.max_age == 60
        harness.clock.advance(61)
        assert harness.state() == "STALE"
        harness.wait_idle()
        harness.clock.advance(DAY)
        assert harness.state() == "MISS"

    def test_keeps_a_404_fresh_for_an_hour(self, harness: ServiceHarness) -> None:
        harness.engine.status = 404
        answer = harness.service.get(capture_request(), FRESHNESS)
        assert (answer.thumbnail.verdict, answer.freshness.max_age) == ("error", 3600)
