"""Loading screens of every making are blank, and honest pages that show little are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.site_server import SiteServer
from tests.chromium.conftest import StartEngine
from tests.support.sparse_pages import HONEST, HONEST_HELD_BACK, LOADING, LOADING_HELD_BACK, write_pages
from tintype.model import Verdict
from tintype.options import Options
from tintype.service.classify.classifier import classify

pytestmark = pytest.mark.browser

LOADING_SCREENS = [*LOADING, *LOADING_HELD_BACK]
HONEST_PAGES = [*HONEST, *HONEST_HELD_BACK]


Judge = Callable[[str], Verdict]


@pytest.fixture(scope="module")
def verdict_on(start_engine: StartEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    """Capture and classify the page of a name."""
    folder: Path = tmp_path_factory.mktemp("sparse")
    files = write_pages(folder)
    with SiteServer(folder) as site:
        engine = start_engine(slots=1, timeout=30.0, allow_addresses=(f"127.0.0.1:{site.port}",))

        def verdict(name: str) -> Verdict:
            shot = Options(url=site.url(f"/{files[name]}")).capture_request().shot
            return classify(engine.capture(shot), shot.url)

        yield verdict


@pytest.mark.parametrize("name", LOADING_SCREENS)
def test_loading_screens_are_blank(name: str, verdict_on: Judge) -> None:
    assert verdict_on(name) == "blank"


@pytest.mark.parametrize("name", HONEST_PAGES)
def test_honest_pages_are_not_blank(name: str, verdict_on: Judge) -> None:
    assert verdict_on(name) != "blank"
