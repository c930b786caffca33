"""What keeps a commit from being released: version, changelog, tag and uncommitted changes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from scripts.release.commands import ROOT, output_of

VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+((a|b|rc)[0-9]+)?")


class NotReady(Exception):
    """The commit cannot be released; one problem a line."""


def current_version() -> str:
    """The version in ``tintype/__init__.py``."""
    found = re.search(r'^__version__ = "(.*)"$', (ROOT / "tintype" / "__init__.py").read_text(), re.MULTILINE)
    return found[1] if found else ""


def require_releasable(version: str) -> str:
    """The release notes of a version; raises NotReady with every problem of the work tree."""
    changelog = (ROOT / "CHANGELOG.md").read_text()
    found = [*_of_version(version), *_of_work_tree(version), *_of_changelog(changelog, version)]
    if found:
        raise NotReady("\n".join(found))
    return notes(changelog, version)


def notes(changelog: str, version: str) -> str:
    """The text of the section of a version; empty without one."""
    section = re.search(rf"^## \[{re.escape(version)}\][^\n]*\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    return section[1].strip() if section else ""


def _of_version(version: str) -> Iterator[str]:
    if not VERSION.fullmatch(version):
        yield f"{version or 'An empty text'} is no version: write 1.2.3 or 1.2.3rc1."
    elif version != current_version():
        yield f"tintype/__init__.py has version {current_version()}, not {version}: change one of them."


def _of_work_tree(version: str) -> Iterator[str]:
    if changed := output_of("git", "status", "--porcelain"):
        names = ", ".join(line.split(maxsplit=1)[1] for line in changed.splitlines()[:5])
        yield f"Uncommitted changes ({names}): commit or remove them."
    if f"v{version}" in output_of("git", "tag", "--list", "v*").splitlines():
        yield f"The tag v{version} exists already: increase the version."


def _of_changelog(text: str, version: str) -> Iterator[str]:
    heading = re.search(rf"^## \[{re.escape(version)}\](.*)$", text, re.MULTILINE)
    if not heading:
        yield f"CHANGELOG.md has no section '## [{version}] - YYYY-MM-DD': move the lines from Unreleased to it."
        return
    day = re.fullmatch(r" - (\d{4}-\d{2}-\d{2})", heading[1])
    if not day or not _is_date(day[1]):
        yield f"The section {version} of CHANGELOG.md has no date: write '## [{version}] - YYYY-MM-DD'."
    if not notes(text, version):
        yield f"The section {version} of CHANGELOG.md has no text: describe what changed."


def _is_date(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False
