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
def photographer(start_engine: StartEngine, compiled: Path) -> Iterator[CleaningPages]:
    with SiteServer() as site, SiteServer() as other:
        addresses = tuple(f"127.0.0.1:{each.port}" for each in (site, other))
        more = {"allow_addresses": addresses, "allow_hosts": ("localhost",)}
        yield CleaningPages(start_engine(slots=2, timeout=20.0, filters=str(compiled), **more), site, other)


def test_lists_block_requests_and_hide_elements(photographer: CleaningPages) -> None:
    page = photographer.take("listed", without=True)
    seen = photographer.take("listed")
    assert seen.title == "unanswered"
    assert seen.body == page.body
    assert photographer.site.visits("/clean/promo/loader.js?a") == 0
    assert photographer.other.visits("/clean/promo/banner.svg") == 0


def test_block_ads_off_ignores_the_lists(photographer: CleaningPages) -> None:
    clean, seen = photographer.take("listed"), photographer.take("listed", block_ads=False)
    assert seen.title == "advertised"
    assert seen.body != clean.body
    assert photographer.other.visits("/clean/promo/banner.svg") == 1


def test_lists_apply_beside_credentials(photographer: CleaningPages) -> None:
    page = photographer.take("listed", without=True)
    seen = photographer.take("listed", headers={"X-Test": "yes"}, basic_auth="me:secret")
    assert seen.body == page.body


def test_refuses_dialogs_in_frames_beside_lists(photographer: CleaningPages) -> None:
    page = photographer.take("onetrust", without=True)
    for name in ("sourcepoint", "trustarc"):
        seen = photographer.take(name)
        assert (seen.title, seen.body == page.body) == ("refused", True)


def test_lists_never_block_the_target_itself(photographer: CleaningPages, compiled: Path) -> None:
    before = compiled.read_bytes()
    new = compiled.with_name("new")
    new.write_bytes(compile_lists(["/clean/*$document,subdocument"]))
    new.replace(compiled)
    try:
        assert photographer.take("onetrust").status == 200
    finally:
        new.write_bytes(before)
        new.replace(compiled)
