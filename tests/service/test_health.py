"""Health checks: results, caching, and concurrent callers."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.concurrency import eventually
from tests.support.fakes import Clock
from tintype.errors import BackendUnavailable
from tintype.service import health
from tintype.service.health import CACHE_SECONDS, MAX_WAITING, NOT_FINISHED, HealthChecks


class FakeBackend:
    """Its check raises ``error`` and waits for the event ``may_finish``."""

    def __init__(self) -> None:
        self.checks = 0
        self.error: Exception | None = None
        self.started, self.may_finish = threading.Event(), threading.Event()
        self.may_finish.set()

    def check(self) -> None:
        self.checks += 1
        self.started.set()
        assert self.may_finish.wait(10)
        if self.error:
            raise self.error


@pytest.fixture(autouse=True)
def patient_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "REPORT_SECONDS", 60.0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend()


@pytest.fixture
def checks(backend: FakeBackend, clock: Clock) -> HealthChecks:
    return HealthChecks({"engine": backend.check}, clock)


def test_reports_ok_for_a_working_backend(checks: HealthChecks) -> None:
    assert checks.report() == {"engine": "ok"}


def test_reports_the_detail_of_a_tintype_error(checks: HealthChecks, backend: FakeBackend) -> None:
    backend.error = BackendUnavailable("the disk is full")
    assert checks.report() == {"engine": "the disk is full"}


def test_hides_the_text_of_an_unexpected_exception(checks: HealthChecks, backend: FakeBackend) -> None:
    backend.error = ValueError("redis://:hunter2@10.0.0.1")
    assert checks.report() == {"engine": "check failed unexpectedly; see the log"}


@pytest.mark.parametrize("error", [None, BackendUnavailable("down")])
def test_reuses_a_result_for_ten_seconds(
    checks: HealthChecks, backend: FakeBackend, clock: Clock, error: Exception | None
) -> None:
    backend.error = error
    first = checks.report()
    clock.advance(CACHE_SECONDS - 1)
    assert (checks.report(), backend.checks) == (first, 1)
    backend.error = None
    clock.advance(1)
    assert (checks.report(), backend.checks) == ({"engine": "ok"}, 2)


def test_runs_one_check_for_concurrent_first_callers(checks: HealthChecks, backend: FakeBackend) -> None:
    backend.may_finish.clear()
    with ThreadPoolExecutor(5) as callers:
        pending = [callers.submit(checks.report) for _ in range(5)]
        assert backend.started.wait(10)
        backend.may_finish.set()
        assert [each.result(10) for each in pending] == [{"engine": "ok"}] * 5
    assert backend.checks == 1


class TestHangingCheck:
    def test_fails_the_report_in_time_and_runs_once(
        self, checks: HealthChecks, backend: FakeBackend, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert checks.report() == {"engine": "ok"}
        monkeypatch.setattr(health, "REPORT_SECONDS", 0.05)
        clock.advance(CACHE_SECONDS)
        backend.may_finish.clear()
        assert [checks.report() for _ in range(3)] == [{"engine": NOT_FINISHED}] * 3
        assert eventually(lambda: backend.checks == 2)
        backend.may_finish.set()
        assert eventually(lambda: checks.report() == {"engine": "ok"})

    def test_fails_the_first_report_too(
        self, checks: HealthChecks, backend: FakeBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(health, "REPORT_SECONDS", 0.05)
        backend.may_finish.clear()
        assert checks.report() == {"engine": NOT_FINISHED}
        backend.may_finish.set()

    def test_excess_reports_return_the_last_result_without_waiting(
        self, checks: HealthChecks, backend: FakeBackend, clock: Clock
    ) -> None:
        checks.report()
        clock.advance(CACHE_SECONDS)
        backend.may_finish.clear()
        with ThreadPoolExecutor(MAX_WAITING) as callers:
            waiting = [callers.submit(checks.report) for _ in range(MAX_WAITING)]
            assert eventually(lambda: checks.waiting_places == 0)
            assert checks.report() == {"engine": "ok"}
            backend.may_finish.set()
            assert [each.result(10) for each in waiting] == [{"engine": "ok"}] * MAX_WAITING
