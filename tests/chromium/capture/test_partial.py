"""Pages that are not finished at the time limit are partial, with a reason; what is open by nature is no reason."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.chromium.conftest import StartEngine
from tests.support.captures import shot
from tests.support.waiting_pages import OPEN_BY_NATURE, UNFINISHED, WORK, WaitingPages
from tintype.engines.chromium import ChromiumEngine

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

ENDED = [name for name in WORK if "socket" in name or "stream" in name]
"""Work that ends in time on any machine: it waits for the server alone."""


@pytest.fixture(scope="module")
def site() -> Iterator[WaitingPages]:
    with WaitingPages() as server:
        yield server


@pytest.fixture(scope="module")
def engine(start_engine: StartEngine, site: WaitingPages) -> ChromiumEngine:
    allowed = (f"127.0.0.1:{site.port}", f"127.0.0.1:{site.closing_port}")
    return start_engine(slots=4, queue=100, timeout=60.0, allow_addresses=allowed)


@pytest.fixture(scope="module")
def partial(engine: ChromiumEngine, site: WaitingPages) -> dict[str, bool]:
    """Whether the capture of each page is partial, captured four at a time."""

    def is_partial(name: str) -> bool:
        return engine.capture(shot(site.url(name, limit=60_000))).partial

    names = [*UNFINISHED, *OPEN_BY_NATURE, *ENDED]
    with ThreadPoolExecutor(4) as threads:
        return dict(zip(names, threads.map(is_partial, names), strict=True))


class TestPartialCaptures:
    @pytest.mark.parametrize("name", UNFINISHED)
    def test_work_under_way_makes_a_capture_partial(self, name: str, partial: dict[str, bool]) -> None:
        assert partial[name]

    @pytest.mark.parametrize("name", OPEN_BY_NATURE)
    def test_connections_that_stay_open_do_not(self, name: str, partial: dict[str, bool]) -> None:
        assert not partial[name]

    @pytest.mark.parametrize("name", ENDED)
    def test_work_that_has_ended_does_not(self, name: str, partial: dict[str, bool]) -> None:
        assert not partial[name]


class TestLimitsOfTheProxy:
    @pytest.mark.parametrize(("count", "is_partial"), [(300, False), (1010, True)])
    def test_a_page_with_too_many_connections_is_partial(
        self, count: int, is_partial: bool, engine: ChromiumEngine, site: WaitingPages
    ) -> None:
        assert engine.capture(shot(site.url_of_connections(count), wait_for="main")).partial is is_partial

    def test_a_page_with_too_many_bytes_is_partial(self, engine: ChromiumEngine, site: WaitingPages) -> None:
        assert engine.capture(shot(site.url_of_images(4, 30_000_000))).partial
