"""``tintype shot --html``: what the page loads, what is reported, and what it cannot reach."""

from __future__ import annotations

import io
import json
import sys
import time
from pathlib import Path

import pytest

from harness.site_server import SiteServer
from tests.support.fakes import FakeEngine
from tests.support.images import pixel
from tests.support.terminal import Terminal
from tintype import backends
from tintype.commands import html_file
from tintype.provision.find_browser import find_chromium

BLUE, GREEN = (0, 102, 204), (0, 153, 0)
SQUARE = """<svg xmlns="http://www.w3.org/2000/svg" width="100" height="100">
<rect width="100" height="100" fill="#090"/></svg>"""
PAGE = """<!doctype html><meta charset=iso-8859-1><link rel=stylesheet href="below/style.css">
<img src="b%C3%B6se%20%23.svg"><img src="../outside.svg"><p id=out></p>
<script type=module>
  import { word } from "./below/module.mjs";
  const data = await (await fetch("data.json")).json();
  const other = await fetch("OTHER", { mode: "no-cors" }).then(() => "reached", () => "unreachable");
  document.title = [word, data.word, other, document.characterSet, "Grüße"].join();
</script>"""


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    fake = FakeEngine(clock=time.time)
    monkeypatch.setattr(backends, "open_engine", lambda *_, **__: fake)
    return fake


class TestCommand:
    def test_page_has_an_address_of_its_own(self, tintype: Terminal, engine: FakeEngine) -> None:
        Path("my card.html").write_text("<h1>Grüße</h1>", encoding="utf-8")
        assert tintype("shot", "--html", "my card.html", "--width", "800") == 0
        shot = engine.shots[0]
        assert shot.url.startswith("http://127.0.0.1:")
        assert shot.url.endswith("/my%20card.html")
        assert (shot.navigation.html, shot.emulation.width) == ("", 800)
        assert Path("my card.png").exists()

    def test_nothing_is_cached(self, tintype: Terminal, engine: FakeEngine) -> None:
        Path("card.html").write_text("<h1>Card</h1>")
        for _ in range(2):
            assert tintype("shot", "--html", "card.html") == 0
            assert "MISS" in tintype.err
        assert engine.capture_count == 2

    def test_base_dir_is_a_folder_above(self, tintype: Terminal, engine: FakeEngine) -> None:
        Path("site/pages").mkdir(parents=True)
        Path("site/pages/card.html").write_text("<h1>Card</h1>")
        assert tintype("shot", "--html", "site/pages/card.html", "--base-dir", "site") == 0
        assert engine.shots[0].url.endswith("/pages/card.html")
        assert tintype("shot", "--html", "site/pages/card.html", "--base-dir", "data") == 2

    def test_stdin_has_no_folder(self, tintype: Terminal, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
        html = "<meta charset=latin1><h1>Grüße</h1>"
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(html.encode("latin1"))))
        assert tintype("shot", "--html", "-", "-o", "card.png") == 0
        assert engine.shots[0].navigation.html == html

    def test_other_engines_receive_the_html_alone(
        self, tintype: Terminal, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TINTYPE_ENGINE", "unix:///run/capture.sock")
        Path("card.html").write_text("<h1>Card</h1>")
        assert tintype("shot", "--html", "card.html") == 0
        assert engine.shots[0].navigation.html == "<h1>Card</h1>"
        assert "Only the local browser loads files" in tintype.err

    def test_large_file_is_rejected(
        self, tintype: Terminal, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(html_file, "MAX_FILE", 10)
        Path("card.html").write_text("<h1>Card</h1>")
        assert tintype("shot", "--html", "card.html") == 2
        assert not engine.shots


@pytest.mark.browser
@pytest.mark.skipif(find_chromium() is None, reason="Chromium is not installed")
class TestPage:
    def test_page_loads_its_folder_and_nothing_else_of_the_machine(self, tintype: Terminal) -> None:
        folder = Path("site # 1")
        (folder / "below").mkdir(parents=True)
        (folder / "böse #.svg").write_text(SQUARE)
        Path("outside.svg").write_text(SQUARE)
        (folder / "below/style.css").write_text("body { margin: 0; background: rgb(0, 102, 204) }")
        (folder / "below/module.mjs").write_text('export const word = "module";')
        (folder / "data.json").write_text('{"word": "json"}')
        with SiteServer() as other:
            html = PAGE.replace("OTHER", other.url("/plain.html"))
            (folder / "50% größer?.html").write_bytes(html.encode("latin1"))
            assert tintype("shot", "--html", f"{folder}/50% größer?.html", "-o", "page.png") == 0
            assert pixel(Path("page.png").read_bytes(), 50, 50)[:3] == GREEN
            assert pixel(Path("page.png").read_bytes(), 900, 600)[:3] == BLUE
            assert "Not loaded: /outside.svg lies outside of the folder of the page." in tintype.err
            assert tintype.err.count("Not loaded") == 1
            assert tintype("shot", "--html", f"{folder}/50% größer?.html", "-o", "page.json") == 0
            assert other.total_visits() == 0
        found = json.loads(Path("page.json").read_text())
        assert found["title"] == "module,json,unreachable,windows-1252,Grüße"
        assert "127.0.0.1" not in json.dumps(found)
