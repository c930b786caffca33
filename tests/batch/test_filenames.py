"""File names of thumbnails: portable, limited in length and unique."""

from __future__ import annotations

from pathlib import Path

import pytest

from tintype.batch.filenames import MAX_STEM_LENGTH, FileNamer, stem_of


class TestFileNamer:
    @pytest.mark.parametrize(
        ("url", "stem"),
        [
            ("https://example.com/", "example.com"),
            ("https://example.com/a/b.html", "example.com-a-b.html"),
            ("https://example.com:8443/?q=a%20b&c=%2e%2e%2f", "example.com-8443-q-a-b-c-.."),
            ("https://example.com/../../etc/passwd", "example.com-..-..-etc-passwd"),
            ("https://example.com/%00%0a$(rm)`x`", "example.com-rm-x"),
            ("https://xn--bcher-kva.example/ä", "xn--bcher-kva.example"),
            ("https://example.com/#/route", "example.com-route"),
            ("http://[2001:db8::1]/", "2001-db8-1"),
        ],
    )
    def test_builds_portable_names(self, url: str, stem: str) -> None:
        assert stem_of(url) == stem.strip("-.")

    def test_limits_the_length(self) -> None:
        assert len(stem_of("https://example.com/" + "a" * 2000)) == MAX_STEM_LENGTH

    def test_assigns_unique_names_ignoring_case(self, tmp_path: Path) -> None:
        (tmp_path / "example.com-theirs.png").touch()
        names = FileNamer(tmp_path, ["example.com-given.png"])
        paths = ["a", "A", "a/", "a?", "theirs", "given"]
        made = [
            names.name_for(f"https://example.com/{path}", f"{number:064x}"[::-1], "png")
            for number, path in enumerate(paths)
        ]
        assert len({name.casefold() for name in [*made, "example.com-theirs.png", "example.com-given.png"]}) == 8
