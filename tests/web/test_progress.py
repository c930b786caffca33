"""Routes under /progress: step and cancellation of a client's own capture."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.access import SHOP, closed
from tests.web.conftest import Site
from tintype.progress import current_progress_id
from tintype.web.progress import MAX_CONCURRENT_PER_CLIENT

ID = "0123456789abcdef" * 2


class FakeMonitor:
    """Knows one capture. ``released`` is set while it replies at once."""

    def __init__(self) -> None:
        self.cancelled: list[str] = []
        self.asked = threading.Semaphore(0)
        self.released = threading.Event()
        self.released.set()

    def progress(self, progress_id: str) -> tuple[str, int]:
        self.asked.release()
        assert self.released.wait(30)
        return ("queue", 2) if progress_id == ID else ("", 0)

    def cancel(self, progress_id: str) -> bool:
        self.cancelled.append(progress_id)
        return progress_id == ID


@pytest.fixture
def monitor() -> FakeMonitor:
    return FakeMonitor()


@pytest.fixture
def site(monitor: FakeMonitor) -> Site:
    return Site(captures=monitor)


class TestProgress:
    def test_reports_step_and_queue(self, site: Site) -> None:
        answer = site.client.get(f"/progress/{ID}")
        assert answer.json == {"step": "queue", "ahead": 2}
        assert answer.headers["Cache-Control"] == "no-store"

    def test_reports_no_step_for_an_unknown_id(self, site: Site) -> None:
        assert site.client.get(f"/progress/{'f' * 32}").json == {"step": "", "ahead": 0}

    @pytest.mark.parametrize("text", ["1", ID.upper(), f"{ID}0", "..%2f"])
    def test_rejects_other_ids(self, site: Site, text: str) -> None:
        assert site.client.get(f"/progress/{text}").status_code == 404

    def test_needs_no_key(self, monitor: FakeMonitor) -> None:
        site = closed(SHOP, signatures=None, captures=monitor)
        assert site.client.get(f"/progress/{ID}").status_code == 200

    def test_limits_concurrent_requests_of_a_client(self, site: Site, monitor: FakeMonitor) -> None:
        monitor.released.clear()
        with ThreadPoolExecutor() as threads:
            first = [
                threads.submit(lambda: site.app.test_client().get(f"/progress/{ID}").status_code) for _ in range(4)
            ]
            for _ in first:
                assert monitor.asked.acquire(timeout=30)
            rejected = site.client.get(f"/progress/{ID}")
            monitor.released.set()
            assert rejected.status_code == 429
            assert [each.result() for each in first] == [200] * MAX_CONCURRENT_PER_CLIENT

    def test_does_not_exist_without_a_capture_daemon(self) -> None:
        site = Site()
        assert site.client.get(f"/progress/{ID}").status_code == 404
        assert "data-progress" not in site.client.get("/").text


class TestCancel:
    def test_cancels_the_capture(self, site: Site, monitor: FakeMonitor) -> None:
        assert site.client.delete(f"/progress/{ID}").json == {"cancelled": True}
        assert monitor.cancelled == [ID]

    def test_rejects_other_ids(self, site: Site, monitor: FakeMonitor) -> None:
        assert site.client.delete("/progress/other").status_code == 404
        assert monitor.cancelled == []


class TestRequest:
    def test_names_its_id_to_the_engine(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[str] = []
        capture = site.engine.capture

        def record(*arguments: object, **options: object) -> object:
            seen.append(current_progress_id())
            return capture(*arguments, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(site.engine, "capture", record)
        site.thumb(headers={"X-Progress-Id": ID})
        site.thumb(width=800, headers={"X-Progress-Id": "malformed"})
        assert seen == [ID, ""]
