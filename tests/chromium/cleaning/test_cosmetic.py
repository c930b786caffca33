"""Cosmetic rules of filter lists on pages with unusual names."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from harness import site_server
from harness.site_server import SiteServer
from tests.chromium.conftest import StartEngine
from tests.support.cleaning_pages import ARTICLE, CleaningPages, response
from tintype.filters.engine import compile_lists

pytestmark = pytest.mark.browser

UNUSUAL_NAMES = {
    "emoji at the limit of a name": f'<div id="a{"x" * 98}&#128512;tail" class="a{"x" * 98}&#128512;tail">',
    "half of an emoji": r'<script>document.body.id = document.body.className = "\ud83d"</script>',
    "very long": f'<div id="{"x" * 5000}" class="{"y" * 5000}">',
    "form with fields named as properties": "<form id=f class=g><input name=id><input name=classList></form>",
    "in another name space": '<svg id="s" class="t"><g id="u" class="v"></g></svg>',
}  # fmt: skip


@pytest.fixture(scope="module")
def pages(start_engine: StartEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CleaningPages]:
    lists = tmp_path_factory.mktemp("filters") / "engine.dat"
    lists.write_bytes(compile_lists(["##.sponsored-box\n##.x\n###y\n##.content\n127.0.0.1##.entry\n"]))
    with SiteServer() as site:
        engine = start_engine(slots=1, timeout=60.0, allow_addresses=(f"127.0.0.1:{site.port}",), filters=str(lists))
        yield CleaningPages(engine, site, site)


CONTENT = {
    "all text of the page, by class": f"<div class=content>{ARTICLE}{ARTICLE}</div>",
    "all text of the page, by address": f"<div class=entry>{ARTICLE}{ARTICLE}</div>",
    "the form of the page": f"<p>Welcome back.</p><form class=content>{ARTICLE}{ARTICLE}<input type=password></form>",
}


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Serve a body at ``/clean/names.html``, and a box of an advertiser below it unless ``without`` is in the query."""

    def start(body: str) -> None:
        def respond(query: dict[str, str]) -> site_server.Response:
            box = "" if "without" in query else '<div class="sponsored-box">Advert</div>'
            return response(f"<!doctype html><meta charset=utf-8><body>{body}<p>Words to read.</p>{box}")

        monkeypatch.setitem(site_server.RESPONSES, "/clean/names.html", respond)

    return start


@pytest.mark.parametrize("body", UNUSUAL_NAMES.values(), ids=UNUSUAL_NAMES.keys())
def test_hides_elements_beside_unusual_names(body: str, pages: CleaningPages, serve: Callable[[str], None]) -> None:
    serve(body)
    plain = pages.take("names", without=True)
    assert pages.take("names").body == plain.body
    assert pages.take("names", block_ads=False).body != plain.body


@pytest.mark.parametrize("body", CONTENT.values(), ids=CONTENT.keys())
def test_keeps_most_of_a_page_in_spite_of_a_rule(body: str, pages: CleaningPages, serve: Callable[[str], None]) -> None:
    serve(body)
    assert pages.take("names").body == pages.take("names", block_ads=False, without=True).body


def test_hides_a_part_of_a_page_by_class(pages: CleaningPages, serve: Callable[[str], None]) -> None:
    serve(f"<div class=content><p>A word from our partner.</p></div>{ARTICLE}")
    assert pages.take("names").body != pages.take("names", block_ads=False, without=True).body
