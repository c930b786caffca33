"""The circuit breaker: rejects calls while open, probes once per interval, logs once a minute."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from tests.support.fakes import Clock
from tintype.circuit_breaker import CircuitBreaker
from tintype.logs import LOG_INTERVAL


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker("redis", "cache.internal:6379", open_seconds=1.0, clock=clock)


def test_allows_all_calls_while_closed(breaker: CircuitBreaker) -> None:
    assert all(breaker.allows() for _ in range(5))


def test_allows_one_probe_per_interval_while_open(breaker: CircuitBreaker, clock: Clock) -> None:
    breaker.record_failure("refused")
    assert not breaker.allows()
    clock.advance(1.1)
    assert [breaker.allows() for _ in range(3)] == [True, False, False]
    clock.advance(1.1)
    assert [breaker.allows() for _ in range(3)] == [True, False, False]


def test_allows_all_calls_after_a_success(breaker: CircuitBreaker) -> None:
    breaker.record_failure("refused")
    breaker.record_success()
    assert all(breaker.allows() for _ in range(5))


def test_logs_failures_once_a_minute_and_the_recovery_once(breaker: CircuitBreaker, clock: Clock) -> None:
    with capture_logs() as logs:
        for _ in range(3):
            for _ in range(10):
                breaker.record_failure("refused")
            clock.advance(LOG_INTERVAL)
        breaker.record_success()
        breaker.record_success()
    assert [log["event"] for log in logs] == ["state_failed"] * 3 + ["state_recovered"]
    assert logs[0] == {
        "event": "state_failed",
        "log_level": "warning",
        "backend": "redis",
        "location": "cache.internal:6379",
        "reason": "refused",
    }


def test_logs_a_failure_after_a_recovery_immediately(breaker: CircuitBreaker) -> None:
    with capture_logs() as logs:
        for _ in range(2):
            breaker.record_failure("refused")
            breaker.record_success()
    assert [log["event"] for log in logs] == ["state_failed", "state_recovered"] * 2
