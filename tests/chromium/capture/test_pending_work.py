"""Pages that wait for what virtual time cannot see: no time limit of a page expires earlier than for a visitor."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.chromium.conftest import StartEngine
from tests.support.captures import shot
from tests.support.images import pixel
from tests.support.waiting_pages import BUSY, OPEN_BY_NATURE, WORK, WaitingPages
from tintype.chromium.capture.pending_work import WorkCounts
from tintype.engines.chromium import ChromiumEngine

GREEN = (0, 170, 0)
PAGES = [(name, after) for after in (0, 400) for name in WORK]
"""Work that begins with the load event, and work that a timer begins."""


@pytest.fixture(scope="module")
def site() -> Iterator[WaitingPages]:
    with WaitingPages() as server:
        yield server


@pytest.fixture(scope="module")
def engine(start_engine: StartEngine, site: WaitingPages) -> ChromiumEngine:
    return start_engine(slots=4, queue=100, timeout=30.0, allow_addresses=(f"127.0.0.1:{site.port}",))


@pytest.fixture(scope="module")
def colours(engine: ChromiumEngine, site: WaitingPages) -> dict[tuple[str, int], tuple[int, ...]]:
    """The colour of each page, captured four at a time."""

    def colour(page: tuple[str, int]) -> tuple[int, ...]:
        name, after = page
        return pixel(engine.capture(shot(site.url(name, after=after))).body, 300, 200)[:3]

    with ThreadPoolExecutor(4) as threads:
        return dict(zip(PAGES, threads.map(colour, PAGES), strict=True))


@pytest.mark.browser
class TestTimeLimitsOfPages:
    @pytest.mark.parametrize(("name", "after"), PAGES)
    def test_time_limits_do_not_expire_while_work_is_pending(
        self, name: str, after: int, colours: dict[tuple[str, int], tuple[int, ...]]
    ) -> None:
        assert colours[name, after] == GREEN

    @pytest.mark.parametrize("name", BUSY)
    def test_ends_loops_that_read_the_clock(self, name: str, engine: ChromiumEngine, site: WaitingPages) -> None:
        capture = engine.capture(shot(site.url(name, after=300)))
        assert pixel(capture.body, 300, 200)[:3] == GREEN
        assert not capture.partial


@pytest.mark.browser
class TestNetworkIdle:
    @pytest.mark.parametrize("name", sorted(OPEN_BY_NATURE.keys() - {"pixel", "image out of view"}))
    def test_ignores_what_is_open_by_nature(self, name: str, engine: ChromiumEngine, site: WaitingPages) -> None:
        assert not engine.capture(shot(site.url(name), wait_until="networkidle")).partial

    @pytest.mark.parametrize("name", ["one request after another, to an end", "slow request"])
    def test_waits_for_requests(self, name: str, engine: ChromiumEngine, site: WaitingPages) -> None:
        capture = engine.capture(shot(site.url(name, limit=60_000), wait_until="networkidle"))
        assert pixel(capture.body, 300, 200)[:3] == GREEN
        assert not capture.partial

    @pytest.mark.parametrize("name", ["event stream", "socket", "body read as a stream"])
    def test_ignores_streams(self, name: str, engine: ChromiumEngine, site: WaitingPages) -> None:
        capture = engine.capture(shot(site.url(name), wait_until="networkidle"))
        assert pixel(capture.body, 300, 200)[:3] == GREEN
        assert not capture.partial


class TestWorkCounts:
    @pytest.mark.parametrize("value", [None, 1, "x", [], {"operations": "many"}, {"unknown": 1}])
    def test_ignores_what_a_page_has_tampered_with(self, value: object) -> None:
        assert WorkCounts.of(value) == WorkCounts()

    def test_reads_the_counts_of_the_script(self) -> None:
        assert WorkCounts.of({"operations": 1, "open": 2.0}) == WorkCounts(operations=1, open=2)
