"""Outages: said once a minute, tried by one caller per pause."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from tests.support.fakes import Clock
from tintype.logs import LOG_INTERVAL
from tintype.state.circuit_breaker import CircuitBreaker


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outage(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker("redis", "cache.internal:6379", open_seconds=1.0, clock=clock)


def test_while_all_is_well_everybody_may_try(outage: CircuitBreaker) -> None:
    assert all(outage.allows() for _ in range(5))


def test_after_a_failure_nobody_tries_for_a_pause_and_then_one_does(outage: CircuitBreaker, clock: Clock) -> None:
    outage.record_failure("refused")
    assert not outage.allows()
    clock.advance(1.1)
    assert [outage.allows() for _ in range(3)] == [True, False, False]
    clock.advance(1.1)
    assert [outage.allows() for _ in range(3)] == [True, False, False]


def test_after_one_success_everybody_may_try_again(outage: CircuitBreaker) -> None:
    outage.record_failure("refused")
    outage.record_success()
    assert all(outage.allows() for _ in range(5))


def test_failures_are_told_once_a_minute_and_the_end_once(outage: CircuitBreaker, clock: Clock) -> None:
    with capture_logs() as logs:
        for _ in range(3):
            for _ in range(10):
                outage.record_failure("refused")
            clock.advance(LOG_INTERVAL)
        outage.record_success()
        outage.record_success()
    assert [log["event"] for log in logs] == ["state_failed"] * 3 + ["state_recovered"]
    assert logs[0] == {
        "event": "state_failed",
        "log_level": "warning",
        "of": "redis",
        "where": "cache.internal:6379",
        "reason": "refused",
    }


def test_an_outage_after_a_recovery_is_told_at_once(outage: CircuitBreaker) -> None:
    with capture_logs() as logs:
        for _ in range(2):
            outage.record_failure("refused")
            outage.record_success()
    assert [log["event"] for log in logs] == ["state_failed", "state_recovered"] * 2
