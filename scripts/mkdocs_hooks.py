"""MkDocs hooks: add pages and files from outside of docs/ to the site, and rewrite links to them.

The Markdown files are also read on a repository host, where ``../deploy/…`` is a valid link. In the site it leads to a
copy of the file. The pages at the root of the repository are pages of the site.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
DOCS = "docs"
COPIES = "repository"
PAGES = {
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "README.md": "index.md",
    "SECURITY.md": "reporting.md",
}
"""Pages at the root of the repository, and their paths in the site."""
LONGEST_WHOLE = 40
"""Characters of code in a table that is never broken into lines; every name of a setting is shorter."""
_WITHOUT_CONTENTS = ("index.md", "configuration.md")
"""Pages whose tables need the width of the list of headings."""
_TABLE = re.compile(r"<table>.*?</table>", re.DOTALL)
_CODE = re.compile(r"<code>(?P<text>[^<]*)</code>")
_SEPARATOR = re.compile(r"[,/?=]|&amp;")
_LINK = re.compile(r'(?P<before>\]\(|<(?:img|a|source)\b[^>]*?\b(?:src|href)=")(?P<target>[^)\s"]+)')


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Remove pages that do not exist from the menu."""
    config.nav = _written(config.nav or [])
    return config


def _written(entries: list[Any]) -> list[Any]:
    known = set(PAGES.values())
    kept = []
    for entry in entries:
        ((title, where),) = entry.items()
        if isinstance(where, list):
            kept.append({title: _written(where)})
        elif where in known or (ROOT / DOCS / where).exists():
            kept.append(entry)
    return kept


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the root, and each file of the repository that a page links to."""
    for source, page in PAGES.items():
        if page != "index.md":
            files.append(File.generated(config, page, content=(ROOT / source).read_text()))
    for copy in sorted({copy for page in files.documentation_pages() for copy in _copies(page)}):
        path = ROOT / copy.removeprefix(f"{COPIES}/")
        files.append(File.generated(config, copy, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Rewrite links that leave docs/ to the paths of the site."""
    if page.file.src_uri in _WITHOUT_CONTENTS:
        page.meta["hide"] = ["toc"]
    here = _home(page.file.src_uri)
    return _LINK.sub(lambda found: found["before"] + _relinked(found["target"], here, page.file.src_uri), markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Let long code in tables break after separators; shorter code, such as the name of a setting, stays whole."""
    return _TABLE.sub(lambda table: _CODE.sub(_breakable(captions="<img" in table[0]), table[0]), html)


def _breakable(*, captions: bool) -> Callable[[re.Match[str]], str]:
    """A replacement of code in a table; that of captions may always break."""

    def replace(code: re.Match[str]) -> str:
        text = code["text"]
        if len(unescape(text)) <= LONGEST_WHOLE and not captions:
            return code[0]
        return f'<code class="long">{_SEPARATOR.sub(lambda found: found[0] + "<wbr>", text)}</code>'

    return replace


def _relinked(link: str, here: str, page: str) -> str:
    target = _target(link, here)
    if target is None:
        return link
    fragment = urlsplit(link).fragment
    return posixpath.relpath(target, posixpath.dirname(page) or ".") + (f"#{fragment}" if fragment else "")


def _copies(file: File) -> Iterator[str]:
    here = _home(file.src_uri)
    for found in _LINK.finditer(file.content_string):
        target = _target(found["target"], here)
        if target and target.startswith(f"{COPIES}/"):
            yield target


def _target(link: str, here: str) -> str | None:
    """Path in the site of a link that leaves docs/; None for all others."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc or not parts.path:
        return None
    path = posixpath.normpath(posixpath.join(posixpath.dirname(here), parts.path))
    if path in PAGES:
        return PAGES[path]
    if path.startswith(f"{DOCS}/"):
        return None if here.startswith(f"{DOCS}/") else path.removeprefix(f"{DOCS}/")
    return f"{COPIES}/{path}" if (ROOT / path).is_file() else None


def _home(page: str) -> str:
    """Path in the repository of a page of the site."""
    return next((source for source, name in PAGES.items() if name == page != "index.md"), f"{DOCS}/{page}")
