"""Captures with filter lists: by path, by element, in frames of other sites."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.site_server import SiteServer
from tests.chromium.conftest import StartEngine
from tests.support.cleaning_pages import CleaningPages
from tintype.filters.engine import compile_lists

pytestmark = pytest.mark.browser

LIST = """/promo/loader.js$script
/promo/banner.$image
##.sponsored-box
##div[data-kind="advert"]
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("filters") / "engine.dat"
    path.write_bytes(compile_lists([LIST]))
    return path


@pytest.fixture(scope="module")
def pages(start_engine: StartEngine, compiled: Path) -> Iterator[CleaningPages]:
    with SiteServer() as site, SiteServer() as other:
        addresses = tuple(f"127.0.0.1:{each.port}" for each in (site, other))
        more = {"allow_addresses": addresses, "allow_hosts": ("localhost",)}
        yield CleaningPages(start_engine(slots=2, timeout=20.0, filters=str(compiled), **more), site, other)


def test_lists_block_requests_and_hide_elements(pages: CleaningPages) -> None:
    page = pages.take("listed", without=True)
    capture = pages.take("listed")
    assert capture.title == "unanswered"
    assert capture.body == page.body
    assert pages.site.visits("/clean/promo/loader.js?a") == 0
    assert pages.other.visits("/clean/promo/banner.svg") == 0


def test_block_ads_off_ignores_the_lists(pages: CleaningPages) -> None:
    clean, capture = pages.take("listed"), pages.take("listed", block_ads=False)
    assert capture.title == "advertised"
    assert capture.body != clean.body
    assert pages.other.visits("/clean/promo/banner.svg") == 1


def test_lists_apply_beside_credentials(pages: CleaningPages) -> None:
    page = pages.take("listed", without=True)
    capture = pages.take("listed", headers={"X-Test": "yes"}, basic_auth="me:secret")
    assert capture.body == page.body


def test_refuses_dialogs_in_frames_beside_lists(pages: CleaningPages) -> None:
    page = pages.take("onetrust", without=True)
    for name in ("sourcepoint", "trustarc"):
        capture = pages.take(name)
        assert (capture.title, capture.body == page.body) == ("refused", True)


def test_lists_never_block_the_target_itself(pages: CleaningPages, compiled: Path) -> None:
    before = compiled.read_bytes()
    new = compiled.with_name("new")
    new.write_bytes(compile_lists(["/clean/*$document,subdocument"]))
    new.replace(compiled)
    try:
        assert pages.take("onetrust").status == 200
    finally:
        new.write_bytes(before)
        new.replace(compiled)
