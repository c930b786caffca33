"""The runner: due times, runs over crashes and several processes, recorded changes, kept pictures."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import structlog

from tests.support.concurrency import eventually
from tests.support.schedules import URL, ScheduleHarness
from tintype.errors import BackendUnavailable, HostNotAllowed, Overloaded
from tintype.schedules import runner as runner_module
from tintype.schedules.model import Run, RunStatus, Schedule
from tintype.schedules.runner import LEASE_SECONDS, MAX_RUN, result_of
from tintype.state.sqlite_schedules import SqliteSchedules

HOUR = 3600.0


@pytest.fixture
def node(tmp_path: Path) -> ScheduleHarness:
    return ScheduleHarness(tmp_path)


def current(node: ScheduleHarness, schedule: Schedule) -> Schedule:
    found = node.store.schedule(schedule.id)
    assert found
    return found


def keep_page(node: ScheduleHarness) -> None:
    """Let the page look the same from now on."""
    node.engine.shots.clear()


def jobs_of(node: ScheduleHarness) -> list[str]:
    return [job.id for job in node.jobs_store.jobs(owner=None)]


class TestDueTimes:
    def test_first_run_is_due_at_once_then_at_each_interval(self, node: ScheduleHarness) -> None:
        schedule = node.create(every="1h")
        begin = node.clock.now
        first, second = node.run(schedule), node.run(schedule)
        assert [run.due_at - begin for run in (first, second)] == [0, HOUR]
        assert current(node, schedule).due_at == begin + 2 * HOUR

    def test_nothing_is_due_before_its_time(self, node: ScheduleHarness) -> None:
        schedule = node.create(cron="0 8 * * *", timezone="Europe/Vienna")
        due = current(node, schedule).due_at or 0
        node.clock.now = due - 0.5
        assert not node.runner.start_due()
        node.clock.now = due
        assert node.runner.start_due()

    def test_missed_runs_are_run_once(self, node: ScheduleHarness) -> None:
        schedule = node.create(every="1h")
        begin = node.clock.now
        node.run(schedule)
        node.advance(7.5 * HOUR)
        missed = node.run(schedule)
        assert missed.due_at == begin + HOUR
        assert not node.runner.start_due()
        assert current(node, schedule).due_at == begin + 8 * HOUR

    def test_restart_over_a_due_time_runs_it(self, tmp_path: Path) -> None:
        before = ScheduleHarness(tmp_path)
        schedule = before.create(every="1h")
        before.run(schedule)
        after = ScheduleHarness(tmp_path)
        after.clock.now = before.clock.now + 2 * HOUR
        after.machine.now = before.machine.now + 2 * HOUR
        assert after.runner.start_due()
        assert not after.runner.start_due()

    def test_run_that_lasts_over_the_next_due_time_delays_it(self, node: ScheduleHarness) -> None:
        schedule = node.create(every="1h")
        assert node.runner.start_due()
        node.advance(HOUR + 1)
        assert not node.runner.start_due()
        node.capture_pages()
        assert node.runner.follow_one()
        assert node.runner.start_due()
        assert len(node.store.runs(schedule.id)) == 2

    def test_paused_schedule_does_not_run(self, node: ScheduleHarness) -> None:
        node.create(every="1h", paused=True)
        node.advance(100 * HOUR)
        assert not node.runner.start_due()


class TestClockJumps:
    def test_clock_that_was_ahead_does_not_stop_a_schedule(self, node: ScheduleHarness) -> None:
        schedule = node.create(every="1h")
        begin = node.clock.now
        node.run(schedule)
        node.clock.now += 365 * 24 * HOUR
        node.run(schedule)
        node.clock.now = begin + 10
        assert node.runner.check_due_times() == 1
        assert current(node, schedule).due_at == begin + HOUR

    def test_schedule_that_was_created_ahead_of_time_is_moved(self, node: ScheduleHarness) -> None:
        begin = node.clock.now
        node.clock.now += 365 * 24 * HOUR
        schedule = node.create(every="1h")
        node.clock.now = begin
        assert node.runner.check_due_times() == 1
        assert 0 < (current(node, schedule).due_at or 0) - begin <= HOUR

    def test_right_times_are_kept(self, node: ScheduleHarness) -> None:
        for times in ({"every": "1h"}, {"cron": "0 8 * * *"}, {"every": "30d", "paused": True}):
            node.create(**times)
        assert node.runner.check_due_times() == 0

    def test_clock_that_goes_back_is_noticed(self, node: ScheduleHarness, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(runner_module, "EXTEND_INTERVAL", 0.02)
        begin = node.clock.now
        schedule = node.create(cron="0 8 * * *")
        node.runner._monotonic = node.machine
        watcher = threading.Thread(target=node.runner._watch)
        watcher.start()
        try:
            due = current(node, schedule).due_at
            node.clock.now += 100 * 24 * HOUR
            assert node.runner.start_due()
            assert current(node, schedule).due_at != due
            node.clock.now = begin
            assert eventually(lambda: current(node, schedule).due_at == due, within=90)
        finally:
            node.runner.stop(90)
            watcher.join(90)

    def test_clock_that_is_ahead_only_during_a_check_is_noticed(self, node: ScheduleHarness) -> None:
        begin = node.clock.now
        schedule = node.create(cron="0 8 * * *")
        due = current(node, schedule).due_at
        node.runner._check_clock()

        def start_a_run_ahead_of_time() -> None:
            node.clock.now += 100 * 24 * HOUR
            node.runner.start_due()

        run = threading.Thread(target=start_a_run_ahead_of_time)

        def monotonic() -> float:
            if run.ident is None:  # the check has read the time of day
                run.start()
                run.join(0.2)
            return node.machine()

        node.runner._monotonic = monotonic
        node.runner._check_clock()
        run.join()
        assert current(node, schedule).due_at != due
        node.clock.now = begin
        node.runner._check_clock()
        assert current(node, schedule).due_at == due

    def test_due_times_are_checked_again_after_a_failure(
        self, node: ScheduleHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begin = node.clock.now
        schedule = node.create(cron="0 8 * * *")
        due = current(node, schedule).due_at
        node.clock.now += 100 * 24 * HOUR
        node.runner.start_due()
        node.clock.now = begin
        with monkeypatch.context() as failing:
            failing.setattr(node.runner, "check_due_times", Mock(side_effect=BackendUnavailable("the store is full")))
            with pytest.raises(BackendUnavailable):
                node.runner._check_clock()
        node.runner._check_clock()
        assert current(node, schedule).due_at == due


class TestCrashes:
    """Each step of a run is the last one of a process; another process continues after the lease."""

    def continue_run(self, node: ScheduleHarness, schedule: Schedule) -> Run:
        node.advance(LEASE_SECONDS + 1)
        other = node.new_runner()
        while not (run := node.store.runs(schedule.id, limit=1)) or not run[0].ended_at:
            worked = other.start_due() or other.follow_one() or node.capture_pages() > 0
            node.advance(0 if worked else 5)
        return run[0]

    @pytest.mark.parametrize(
        ("owner", "step"),
        [
            ("store", "begin"),
            ("jobs", "submit_once"),
            ("jobs", "find"),
            ("store", "release"),
        ],
    )
    @pytest.mark.parametrize("happened", [False, True], ids=["before", "after"])
    def test_crash_at_a_step_makes_one_run(
        self, owner: str, step: str, happened: bool, node: ScheduleHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        schedule = node.create(every="1h")
        part = getattr(node, owner)
        original = getattr(part, step)

        def crash(*args: Any, **more: Any) -> None:
            if happened:
                original(*args, **more)
            raise SystemExit

        with monkeypatch.context() as patch:
            patch.setattr(part, step, crash)
            with pytest.raises(SystemExit):
                node.runner.start_due()
        run = self.continue_run(node, schedule)
        assert run.status is RunStatus.COMPLETED
        assert jobs_of(node) == [run.id]
        assert [each.id for each in node.store.runs(schedule.id)] == [run.id]
        assert len(node.engine.shots) == 1

    @pytest.mark.parametrize("happened", [False, True], ids=["before", "after"])
    def test_crash_at_the_end_reports_the_same_run(
        self, happened: bool, node: ScheduleHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        schedule = node.create(every="1h")
        assert node.runner.start_due()
        node.capture_pages()
        node.advance(5)
        original = node.store.finish

        def crash(*args: Any) -> None:
            if happened:
                original(*args)
            raise SystemExit

        with monkeypatch.context() as patch:
            patch.setattr(node.store, "finish", crash)
            with pytest.raises(SystemExit):
                node.runner.follow_one()
        run = self.continue_run(node, schedule)
        assert {reported.id for _, reported in node.reported} == {run.id}
        assert jobs_of(node) == [run.id]

    def test_process_that_lost_its_lease_changes_nothing(self, node: ScheduleHarness) -> None:
        schedule = node.create(every="1h")
        lease = node.store.claim_due(LEASE_SECONDS)
        assert lease
        node.advance(LEASE_SECONDS + 1)
        other = node.new_runner()
        assert other.start_due()
        node.runner._begin(lease)
        assert len(node.store.runs(schedule.id)) == 1
        assert len(jobs_of(node)) == 1

    def test_busy_service_delays_a_run(self, node: ScheduleHarness, monkeypatch: pytest.MonkeyPatch) -> None:
        schedule = node.create(every="1h")

        def reject(*args: Any, **more: Any) -> None:
            raise Overloaded("the queue of jobs is full")

        with monkeypatch.context() as patch:
            patch.setattr(node.jobs, "submit_once", reject)
            assert node.runner.start_due()
        assert jobs_of(node) == []
        assert self.continue_run(node, schedule).status is RunStatus.COMPLETED

    def test_event_that_cannot_be_stored_is_reported_later(self, node: ScheduleHarness) -> None:
        schedule = node.create(every="1h")
        assert node.runner.start_due()
        node.capture_pages()
        node.advance(5)
        node.notify_error = "the storage of deliveries failed"
        assert node.runner.follow_one()
        assert not node.store.runs(schedule.id)[0].ended_at
        node.notify_error = ""
        run = self.continue_run(node, schedule)
        assert [reported.id for _, reported in node.reported] == [run.id]


class TestSeveralProcesses:
    def test_due_schedule_is_started_once(self, node: ScheduleHarness) -> None:
        schedules = [node.create(every="1h") for _ in range(8)]
        runners = [node.runner, node.new_runner(), node.new_runner()]

        def work(runner: Any) -> None:
            while runner.start_due():
                pass

        threads = [threading.Thread(target=work, args=(runner,)) for runner in runners]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(90)
        assert sorted(jobs_of(node)) == sorted(node.store.runs(each.id)[0].id for each in schedules)
        assert [len(node.store.runs(each.id)) for each in schedules] == [1] * 8


class TestRuns:
    def test_first_run_has_nothing_to_compare_with(self, node: ScheduleHarness) -> None:
        run = node.run(node.create())
        assert (run.status, run.change, run.changed) == (RunStatus.COMPLETED, None, False)
        assert run.pages[0].key in node.storage._objects
        assert (run.pages[0].url, run.pages[0].width) == (URL, 1280)

    def test_page_that_looks_the_same_has_not_changed(self, node: ScheduleHarness) -> None:
        schedule = node.create()
        first = node.run(schedule)
        keep_page(node)
        second = node.run(schedule)
        assert (second.change, second.changed, second.pages[0].difference) == (0.0, False, "")
        assert second.pages[0].key == first.pages[0].key
        assert len(node.engine.shots) == 1

    def test_changed_page_has_a_difference_picture(self, node: ScheduleHarness) -> None:
        schedule = node.create(threshold=50)
        first = node.run(schedule)
        node.engine.shots += node.engine.shots * 100
        second = node.run(schedule)
        page = second.pages[0]
        assert (page.changed, page.before) == (True, first.pages[0].key)
        assert page.change == 100
        assert page.difference in node.storage._objects
        stored = node.storage.get(page.difference)
        assert stored
        assert (stored.mime, stored.target) == ("image/webp", URL)

    def test_change_up_to_the_threshold_does_not_count(self, node: ScheduleHarness) -> None:
        schedule = node.create(threshold=100)
        node.run(schedule)
        node.engine.shots += node.engine.shots * 100
        run = node.run(schedule)
        assert (run.change, run.changed) == (100, False)

    def test_changed_options_begin_anew(self, node: ScheduleHarness) -> None:
        schedule = node.create()
        node.run(schedule)
        node.schedules.update(schedule, {"options": {"width": 800}}, check_host=lambda _: None)
        assert node.run(schedule).change is None

    def test_failed_page_is_compared_with_the_last_thumbnail_later(self, node: ScheduleHarness) -> None:
        schedule = node.create()
        first = node.run(schedule)
        node.engine.status = 404
        failed = node.run(schedule)
        assert (failed.status, failed.pages[0].error, failed.pages[0].key) == (RunStatus.FAILED, "target-error", "")
        node.engine.status = 200
        assert node.run(schedule).pages[0].before == first.pages[0].key

    def test_some_failed_pages_make_a_partial_run(self, node: ScheduleHarness) -> None:
        schedule = node.create(pages=["https://a.org/", {"url": "https://b.org/", "format": "webp"}])
        assert node.runner.start_due()
        assert node.capture_pages(1) == 1
        node.engine.status = 500
        node.finish()
        run = node.store.runs(schedule.id)[0]
        assert (run.status, [page.error for page in run.pages]) == (RunStatus.PARTIAL, ["", "target-error"])

    def test_failed_page_is_captured_a_second_time(self, node: ScheduleHarness) -> None:
        schedule = node.create()
        assert node.runner.start_due()
        node.engine.status = 503
        node.capture_pages()
        node.advance(5)
        assert node.runner.follow_one()
        assert node.reported == []
        node.engine.status = 200
        node.finish()
        assert node.store.runs(schedule.id)[0].status is RunStatus.COMPLETED
        assert [run.status for _, run in node.reported] == [RunStatus.COMPLETED]

    def test_cancelled_job_is_not_retried(self, node: ScheduleHarness) -> None:
        schedule = node.create()
        assert node.runner.start_due()
        node.jobs_store.cancel(jobs_of(node)[0])
        node.finish()
        page = node.store.runs(schedule.id)[0].pages[0]
        assert (page.error, len(node.engine.shots)) == ("cancelled", 0)

    def test_missing_thumbnail_of_the_run_before_is_no_change(self, node: ScheduleHarness) -> None:
        schedule = node.create()
        node.storage.delete([page.key for page in node.run(schedule).pages])
        node.engine.shots += node.engine.shots * 100
        page = node.run(schedule).pages[0]
        assert (page.change, page.changed) == (None, False)
        assert "was deleted" in page.detail

    def test_schedule_does_not_change_what_persist_returns(self, node: ScheduleHarness) -> None:
        node.run(node.create())
        capture = node.parser.parse([("url", URL)])
        stored = node.service.persist(capture.capture_request, capture.freshness)
        node.advance(10)
        node.run(node.create())
        assert node.service.persist(capture.capture_request, capture.freshness).key == stored.key


class TestErrors:
    def test_key_that_is_gone_fails_the_run(self, tmp_path: Path) -> None:
        node = ScheduleHarness(tmp_path)
        schedule = node.create(owner="shop")

        def reject(owner: str, host: str) -> None:
            raise HostNotAllowed(f"the API key {owner} does not exist any more; use another key")

        node.check_host = reject
        assert node.runner.start_due()
        run = node.store.runs(schedule.id)[0]
        assert (run.status, run.error) == (RunStatus.FAILED, "invalid-request")
        assert "shop does not exist any more" in run.detail
        assert current(node, schedule).run == ""

    def test_deleted_job_fails_the_run(self, node: ScheduleHarness) -> None:
        schedule = node.create()
        assert node.runner.start_due()
        node.jobs_store.delete(jobs_of(node)[0])
        node.advance(5)
        assert node.runner.follow_one()
        assert node.store.runs(schedule.id)[0].error == "job-deleted"

    def test_job_that_does_not_end_fails_the_run(self, node: ScheduleHarness) -> None:
        schedule = node.create()
        assert node.runner.start_due()
        node.advance(MAX_RUN + 1)
        assert node.runner.follow_one()
        assert node.store.runs(schedule.id)[0].error == "run-timeout"

    def test_unexpected_error_is_logged_and_repeated(
        self, node: ScheduleHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        node.create()
        with monkeypatch.context() as patch, structlog.testing.capture_logs() as logs:
            patch.setattr(node.jobs, "find", lambda _: 1 / 0)
            assert node.runner.start_due()
        assert "schedule_step_failed" in [entry["event"] for entry in logs]
        node.advance(LEASE_SECONDS + 1)
        assert node.runner.follow_one()


class TestRetention:
    def test_pictures_of_forgotten_runs_are_deleted(self, tmp_path: Path) -> None:
        node = ScheduleHarness(tmp_path, keep=2)
        schedule = node.create()
        runs = []
        for _ in range(4):
            node.engine.shots += [*node.engine.shots] * 3
            runs.append(node.run(schedule))
        kept = set().union(*(run.keys for run in runs[2:]))
        assert set(node.storage.keys()) == kept

    def test_picture_that_a_kept_run_shows_stays(self, tmp_path: Path) -> None:
        node = ScheduleHarness(tmp_path, keep=2)
        schedule = node.create()
        for _ in range(4):
            keep_page(node)
            run = node.run(schedule)
        assert node.storage.keys() == [run.pages[0].key]

    def test_deleted_schedule_deletes_its_pictures_only(self, node: ScheduleHarness) -> None:
        one, other = node.create(), node.create()
        node.run(one)
        kept = node.run(other).keys
        node.schedules.delete(current(node, one))
        assert set(node.storage.keys()) == kept

    def test_schedule_that_is_deleted_during_a_run_leaves_nothing(self, node: ScheduleHarness) -> None:
        schedule = node.create()
        assert node.runner.start_due()
        node.schedules.delete(current(node, schedule))
        node.capture_pages()
        assert not node.runner.follow_one()
        assert node.storage.keys() == []


class TestThreads:
    @pytest.fixture
    def start(self, node: ScheduleHarness, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
        for name in ("POLL_INTERVAL", "FOLLOW_INTERVAL", "EXTEND_INTERVAL"):
            monkeypatch.setattr(runner_module, name, 0.02)
        assert isinstance(node.store, SqliteSchedules)
        node.store._monotonic = time.monotonic
        yield node.runner.start
        assert node.runner.stop(90)

    def test_run_from_start_to_end(self, node: ScheduleHarness, start: Callable[[], None]) -> None:
        start()
        schedule = node.create()
        assert eventually(lambda: node.capture_pages() > 0, within=90)
        assert eventually(lambda: bool(node.store.runs(schedule.id)[0].ended_at), within=90)

    def test_failing_store_does_not_end_them(
        self, node: ScheduleHarness, start: Callable[[], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        failed = threading.Event()

        def fail(seconds: float) -> None:
            failed.set()
            raise BackendUnavailable("down")

        with monkeypatch.context() as patch:
            patch.setattr(node.store, "claim_due", fail)
            start()
            assert failed.wait(90)
        schedule = node.create()
        assert eventually(lambda: len(node.store.runs(schedule.id)) == 1, within=90)


def test_results_for_metrics(node: ScheduleHarness) -> None:
    run = node.run(node.create())
    assert result_of(run) == "unchanged"
    assert result_of(run.failed(1.0, "e", "d")) == "failed"
