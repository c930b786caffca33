"""The documentation site: the build has no warnings, and its pages load nothing from other hosts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.support.documentation_site import build_site
from tests.support.paths import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_site(tmp_path_factory.mktemp("site"))


def pages(site: Path) -> list[Path]:
    return [page for page in site.rglob("*.html") if "repository" not in page.relative_to(site).parts]


class Loads(HTMLParser):
    """What a browser fetches by itself when it opens a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in {"src", "srcset", "poster", "data"}]
        if tag == "link":
            self.addresses += [value or "" for name, value in attrs if name == "href"]


def loads(page: Path) -> list[str]:
    parser = Loads()
    parser.feed(page.read_text())
    return parser.addresses


def test_contains_a_page_for_every_file(site: Path) -> None:
    sources = (path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md"))
    assert [str(page) for page in sources if not (site / page).exists()] == []


def test_loads_nothing_from_other_hosts(site: Path) -> None:
    away = {
        (page.name, address) for page in pages(site) for address in loads(page) if re.match(r"(https?:)?//", address)
    }
    assert away == set()
    sheets = "".join(sheet.read_text() for sheet in site.rglob("*.css"))
    assert re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//[^)]+", sheets) == []


def test_contains_every_file_that_pages_load(site: Path) -> None:
    def missing() -> Iterator[str]:
        for page in pages(site):
            for address in loads(page):
                if not address.startswith(("data:", "/")) and not (page.parent / address.partition("?")[0]).exists():
                    yield f"{page.name}: {address}"

    assert list(missing()) == []


def test_contains_repository_files_that_pages_link_to(site: Path) -> None:
    assert "tintype" in (site / "repository" / "deploy" / "nginx" / "tintype.conf").read_text()
    assert 'href="repository/deploy/nginx/tintype.conf"' in (site / "deploy.html").read_text()


def test_contains_the_pages_of_the_repository_root(site: Path) -> None:
    assert 'href="security.html"' in (site / "reporting.html").read_text()
    assert "Unreleased" in (site / "changelog.html").read_text()


def test_option_images_are_generated_and_shown() -> None:
    drawn = set(
        re.findall(r'^    "([a-z0-9-]+)": \(', (ROOT / "scripts" / "option_images.py").read_text(), re.MULTILINE)
    )
    shown = set(re.findall(r"images/options/([a-z0-9-]+)\.webp", (ROOT / "docs" / "options.md").read_text()))
    there = {path.stem for path in (ROOT / "docs" / "images" / "options").iterdir()}
    assert drawn == shown == there


def test_only_long_code_in_tables_may_break(site: Path) -> None:
    page = (site / "configuration.html").read_text()
    assert "<code>TINTYPE_CLIENT_ADDRESS_HEADER</code>" in page
    assert '<code class="long">utm_*,<wbr>gclid,<wbr>' in page
