"""``tintype shot -o``: endings, folders, standard output, and the names of files."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from tests.support.fakes import FakeEngine
from tests.support.terminal import Terminal

pytestmark = pytest.mark.usefixtures("own_settings", "engine")

PAGE = "http://127.0.0.1:9/page"


class TestEndings:
    @pytest.mark.parametrize(
        ("flags", "message"),
        [
            (("-o", "a.gif"), "-o a.gif: the ending .gif is no format; use one of .png, .jpg,"),
            (("-o", "thumbnail"), "-o thumbnail: has no ending; use one of .png"),
            (("-o", "a.jpg", "--format", "webp"), "-o a.jpg: the ending is that of jpeg, but --format is webp"),
            (("-o", "a.png", "--format", "auto"), "-o a.png: the ending is that of png, but --format is auto"),
            (("-o", "a.pdf", "--format", "png"), "-o a.pdf: the ending is that of pdf, but --format is png"),
        ],
    )
    def test_fail_before_the_capture(
        self, tintype: Terminal, engine: FakeEngine, flags: tuple[str, ...], message: str
    ) -> None:
        assert tintype("shot", PAGE, *flags) == 2
        assert message in tintype.err
        assert (engine.capture_count, list(Path().glob("*.*"))) == (0, [])

    @pytest.mark.parametrize(
        ("flags", "start"),
        [
            (("-o", "a.JPG", "--format", "jpg"), b"\xff\xd8"),
            (("-o", "a.bin", "--format", "png"), b"\x89PNG"),
            (("-o", "a", "--format", "webp"), b"RIFF"),
        ],
    )
    def test_agree_with_the_format(self, tintype: Terminal, flags: tuple[str, ...], start: bytes) -> None:
        assert tintype("shot", PAGE, *flags) == 0
        assert Path(flags[1]).read_bytes().startswith(start)


class TestFolders:
    @pytest.mark.parametrize("written", ["out", "out/"])
    def test_contain_a_file_named_after_the_page(self, tintype: Terminal, written: str) -> None:
        Path("out").mkdir()
        assert tintype("shot", PAGE, "-o", written, "--format", "webp") == 0
        assert Path("out/127.0.0.1.webp").is_file()
        assert tintype.err.startswith("out/127.0.0.1.webp: ")

    @pytest.mark.parametrize("path", ["nowhere/", "nowhere/a.png"])
    def test_fail_if_missing(self, tintype: Terminal, engine: FakeEngine, path: str) -> None:
        assert tintype("shot", PAGE, "-o", path) == 1
        assert "does not exist" in tintype.err
        assert engine.capture_count == 0


class TestNames:
    def test_follow_the_html_file(self, tintype: Terminal) -> None:
        Path("card.html").write_text("<h1>Card</h1>")
        assert tintype("shot", "--html", "card.html") == 0
        assert Path("card.png").is_file()

    def test_default_to_page_for_html_from_stdin(self, tintype: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"<h1>Card</h1>")))
        assert tintype("shot", "--html", "-") == 0
        assert Path("page.png").is_file()


class TestStdout:
    def test_rejects_binary_data_on_a_terminal(
        self, tintype: Terminal, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        assert tintype("shot", PAGE, "-o", "-") == 2
        assert "would write binary data to the terminal" in tintype.err
        assert engine.capture_count == 0
        engine.meta = {"title": "Page"}
        assert tintype("shot", PAGE, "-o", "-", "--format", "json") == 0
