"""The contact sheet of a batch: cards, links, escaping."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tintype.batch import contact_sheet
from tintype.batch.record import Record, RecordStatus

CAPTURED = Record(
    url="https://site.org/a", state=RecordStatus.CAPTURED, file="site.org-a.webp", width=640, height=360, bytes=12_300,
    status=200, verdict="ok",
)  # fmt: skip


def sheet(tmp_path: Path, *records: Record, name: str = "out/index.html") -> str:
    (tmp_path / "out").mkdir()
    contact_sheet.write(tmp_path / name, tmp_path / "out", records)
    return (tmp_path / name).read_text()


class TestCard:
    def test_shows_thumbnail_verdict_and_link(self, tmp_path: Path) -> None:
        text = sheet(tmp_path, CAPTURED)
        assert '<a class="shot" href="./site.org-a.webp"><img src="./site.org-a.webp" loading="lazy"' in text
        assert '<a href="https://site.org/a">site.org/a</a>' in text
        assert '<span class="badge">ok</span><span>640 × 360</span><span>12 kB</span><span>captured</span>' in text

    def test_marks_an_unusable_capture(self, tmp_path: Path) -> None:
        unusable = replace(CAPTURED, verdict="login", status=403)
        text = sheet(tmp_path, unusable)
        assert '<span class="badge warn">login</span>' in text
        assert "<span>HTTP 403</span>" in text
        assert "1 page: 1 captured; verdicts besides ok: 1 login" in text

    def test_shows_the_reason_of_a_failure(self, tmp_path: Path) -> None:
        failed = Record(
            url="https://b.org/", state=RecordStatus.FAILED, error="target-unreachable", detail="no address"
        )
        text = sheet(tmp_path, failed)
        assert '<div class="shot none">no address</div>' in text
        assert '<span class="badge error">target-unreachable</span>' in text

    def test_names_a_document_without_a_picture(self, tmp_path: Path) -> None:
        text = sheet(tmp_path, replace(CAPTURED, file="a.pdf"))
        assert '<a class="shot" href="./a.pdf">a.pdf</a>' in text

    def test_escapes_what_lists_and_pages_say(self, tmp_path: Path) -> None:
        hostile = Record(
            url='javascript:alert("<b>")', state=RecordStatus.FAILED, error="<i>", detail="<script>x</script>"
        )
        text = sheet(tmp_path, hostile)
        assert "<script>" not in text
        assert 'href="javascript' not in text
        assert "&lt;script&gt;x&lt;/script&gt;" in text


class TestPage:
    def test_links_relative_to_the_sheet(self, tmp_path: Path) -> None:
        odd = replace(CAPTURED, file="a b%.webp")
        assert 'src="out/a%20b%25.webp"' in sheet(tmp_path, odd, name="sheet.html")

    def test_loads_nothing_but_images(self, tmp_path: Path) -> None:
        text = sheet(tmp_path, CAPTURED)
        assert "default-src 'none'; img-src 'self' file:; style-src 'unsafe-inline'" in text
        assert "<script" not in text
