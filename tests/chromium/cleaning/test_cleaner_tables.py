"""Cleaning changes nothing on honest pages, and removes consent dialogs, chats and ads of many kinds.

Two tables of pages: ``tests/site/clean/honest.txt`` and ``banners.txt``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness import site_server
from harness.site_server import SiteServer
from tests.chromium.conftest import StartEngine
from tests.support.cleaning_pages import CleaningPages, Fixture, read_table, response

pytestmark = pytest.mark.browser

OFF = {"block_ads": False, "block_chats": False, "block_cookie_banners": False}
HONEST = read_table("honest.txt")
BANNERS = read_table("banners.txt")


@pytest.fixture(scope="module")
def pages(start_engine: StartEngine) -> Iterator[CleaningPages]:
    with SiteServer() as site, pytest.MonkeyPatch.context() as patch:
        for fixture in (*HONEST, *BANNERS):
            documents = fixture.page, fixture.without

            def respond(query: dict[str, str], documents: tuple[str, str] = documents) -> site_server.Response:
                return response(documents["without" in query])

            patch.setitem(site_server.RESPONSES, f"/clean/{path_of(fixture)}.html", respond)
        engine = start_engine(slots=2, timeout=60.0, allow_addresses=(f"127.0.0.1:{site.port}",))
        yield CleaningPages(engine, site, site)


def path_of(fixture: Fixture) -> str:
    return f"banner-{fixture.name}" if fixture.without else f"honest-{fixture.name}"


def test_the_tables_have_enough_pages() -> None:
    assert len({fixture.name for fixture in HONEST}) == len(HONEST) >= 40
    assert len({fixture.name for fixture in BANNERS}) == len(BANNERS) >= 10


def test_changes_no_pixel_of_an_honest_page(pages: CleaningPages) -> None:
    names = [path_of(fixture) for fixture in HONEST]
    clean, untouched = pages.take_all(names), pages.take_all(names, **OFF)
    assert [name for name, capture in zip(names, clean, strict=True) if capture.title != "kept"] == []
    assert [name for name, a, b in zip(names, clean, untouched, strict=True) if a.body != b.body] == []


def test_removes_each_kind_of_banner(pages: CleaningPages) -> None:
    names = [path_of(fixture) for fixture in BANNERS]
    clean, plain = pages.take_all(names), pages.take_all(names, without=True, **OFF)
    assert [name for name, a, b in zip(names, clean, plain, strict=True) if a.body != b.body] == []
    titles = {fixture.name: capture.title for fixture, capture in zip(BANNERS, clean, strict=True)}
    assert titles == {fixture.name: fixture.title for fixture in BANNERS}


def test_presses_nothing_in_a_capture_with_credentials(pages: CleaningPages) -> None:
    names = [path_of(fixture) for fixture in BANNERS if fixture.title == "refused"][::3]
    plain = pages.take_all(names, without=True, **OFF)
    clean = pages.take_all(names, cookies=[{"name": "session", "value": "1"}])
    assert {capture.title for capture in clean} == {"kept"}
    assert [name for name, a, b in zip(names, clean, plain, strict=True) if a.body != b.body] == []
