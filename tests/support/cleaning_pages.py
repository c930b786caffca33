"""Captures the fixture pages of tests/site/clean, with frames on another origin."""

from __future__ import annotations

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from harness.site_server import PAGES, Response, SiteServer
from tintype.engines.chromium import ChromiumEngine
from tintype.model import Capture
from tintype.options import Options

ARTICLE = "<h1>Gardens</h1><p>An article about gardens, with words enough to be one.</p><p>Roses and beans.</p>" * 2
STYLE = """<!doctype html><meta charset=utf-8><title>kept</title><style>
  body { margin: 0; background: #fff; font: 16px/1.4 sans-serif; color: #222 }
  .bar { position: fixed; left: 0; right: 0; bottom: 0; background: #222; color: #fff; padding: 16px; z-index: 99 }
  .top { position: fixed; left: 0; right: 0; top: 0; background: #eee; padding: 16px; z-index: 99 }
  .box { position: fixed; left: 20%; right: 20%; top: 15%; background: #fff; border: 3px solid #c00; padding: 16px }
  .corner { position: fixed; left: 20px; bottom: 20px; width: 260px; background: #ffc; padding: 16px; z-index: 99 }
  .side { position: fixed; left: 0; top: 60px; width: 200px; background: #def; padding: 16px }
  .veil { position: fixed; inset: 0; background: rgba(0, 0, 0, .6) }
  .shell { position: fixed; inset: 0; overflow: auto; background: #fff }
  .frame { border: 2px solid #888; padding: 16px; margin: 16px; background: #fff }
  .pad { padding: 16px }
</style><script>
  function no() { document.title = "refused" }
  function yes() { document.title = "accepted" }
</script>"""
WATCHED = """<script>
  addEventListener("click", () => { document.title = "pressed"; document.body.style.background = "red" }, true);
</script>"""


class Fixture(NamedTuple):
    """One page of a table: its document, the document without what cleaning removes, and the title that remains."""

    name: str
    page: str
    without: str
    title: str


def read_table(file: str) -> list[Fixture]:
    """The pages of ``honest.txt`` or ``banners.txt``."""
    text = (PAGES / "clean" / file).read_text(encoding="utf-8").replace("{article}", ARTICLE)
    return [_fixture(section) for section in re.split(r"^= ", text, flags=re.MULTILINE)[1:]]


def _fixture(section: str) -> Fixture:
    head, _, body = section.partition("\n")
    name, _, title = head.partition(" ")
    page, _, removed = body.partition("---\n")
    if not removed:
        return Fixture(name, STYLE + WATCHED + page, "", "kept")
    if not page:  # what is removed is in front of the page
        removed, page = removed.removesuffix(f"{ARTICLE}\n"), ARTICLE
        return Fixture(name, STYLE + removed + page, STYLE + page, title)
    return Fixture(name, STYLE + page + removed, STYLE + page, title)


class CleaningPages:
    """Captures ``/clean/NAME.html``; its frames are on another origin."""

    def __init__(self, engine: ChromiumEngine, site: SiteServer, other: SiteServer) -> None:
        self.engine, self.site, self.other = engine, site, other

    def take(self, name: str, *, without: bool = False, **options: Any) -> Capture:
        url = self.site.url(f"/clean/{name}.html?other={self.other.port}{'&without=1' if without else ''}")
        return self.engine.capture(
            Options(**{"url": url, "width": 640, "height": 480, **options}).capture_request().shot
        )

    def take_all(self, names: Iterable[str], **options: Any) -> list[Capture]:
        """Captures of several pages, two at a time."""
        with ThreadPoolExecutor(2) as threads:
            return [*threads.map(lambda name: self.take(name, **options), names)]


def response(document: str) -> Response:
    """The response of a test site with an HTML document."""
    return 200, {"Content-Type": "text/html; charset=utf-8"}, document.encode()
