"""Pages that are not finished at the time limit are partial, with a reason; what is open by nature is no reason."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.chromium.conftest import StartEngine
from tests.support.captures import shot
from tests.support.images import pixel
from tests.support.waiting_pages import OPEN_BY_NATURE, UNFINISHED, WORK, WaitingPages
from tintype.engines.chromium import ChromiumEngine

pytestmark = pytest.mark.browser

GREEN = (0, 170, 0)


@pytest.fixture(scope="module")
def site() -> Iterator[WaitingPages]:
    with WaitingPages() as server:
        yield server


@pytest.fixture(scope="module")
def engine(start_engine: StartEngine, site: WaitingPages) -> ChromiumEngine:
    return start_engine(slots=4, queue=100, timeout=30.0, allow_addresses=(f"127.0.0.1:{site.port}",))


@pytest.fixture(scope="module")
def partial(engine: ChromiumEngine, site: WaitingPages) -> dict[str, bool]:
    """Whether the capture of each page is partial, captured four at a time."""

    def is_partial(name: str) -> bool:
        return engine.capture(shot(site.url(name, limit=60_000))).partial

    names = [*UNFINISHED, *OPEN_BY_NATURE, *WORK]
    with ThreadPoolExecutor(4) as threads:
        return dict(zip(names, threads.map(is_partial, names), strict=True))


class TestPartialCaptures:
    @pytest.mark.parametrize("name", UNFINISHED)
    def test_work_under_way_makes_a_capture_partial(self, name: str, partial: dict[str, bool]) -> None:
        assert partial[name]

    @pytest.mark.parametrize("name", OPEN_BY_NATURE)
    def test_connections_that_stay_open_do_not(self, name: str, partial: dict[str, bool]) -> None:
        assert not partial[name]

    @pytest.mark.parametrize("name", WORK)
    def test_work_that_has_ended_does_not(self, name: str, partial: dict[str, bool]) -> None:
        assert not partial[name]


class TestLimitsOfTheProxy:
    def test_a_page_of_400_images_is_whole(self, engine: ChromiumEngine, site: WaitingPages) -> None:
        capture = engine.capture(shot(site.url_of_images(400)))
        assert not capture.partial
        assert {pixel(capture.body, x, y)[:3] for x, y in ((12, 18), (84, 108))} == {GREEN}

    @pytest.mark.parametrize(("count", "size"), [(1050, 0), (4, 30_000_000)], ids=["connections", "bytes"])
    def test_a_page_that_lacks_images_is_partial(
        self, count: int, size: int, engine: ChromiumEngine, site: WaitingPages
    ) -> None:
        assert engine.capture(shot(site.url_of_images(count, size))).partial
