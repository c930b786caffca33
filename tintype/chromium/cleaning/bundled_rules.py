"""What belongs to no picture, by its elements? The rules that come with Tintype, read once."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

from tintype.options import PageChanges


def stylesheet(changes: PageChanges) -> str:
    """The style sheet that hides what a retouch leaves out; empty when that is nothing."""
    return hiding_css(_hidden_selectors(changes))


def hiding_css(selectors: Iterable[str]) -> str:
    """A style sheet that hides whatever matches.

    One rule a selector: browsers drop the whole rule for one selector they do not understand.
    """
    return "\n".join(f"{selector}{{display:none!important}}" for selector in selectors)


@cache
def consent_managers() -> list[dict[str, Any]]:
    """The consent managers: what to ``hide``, buttons that ``refuse``, classes that ``lock`` the page."""
    return list(json.loads(_read("consent.json")))


@cache
def consent_words() -> dict[str, list[str]]:
    """How consent dialogues and their buttons speak, in many languages."""
    return dict(json.loads(_read("consent-words.json")))


@cache
def marks() -> list[dict[str, Any]]:
    """Challenges, captcha widgets and parking pages: ``name``, ``kind``, ``selector``, and patterns of its ``script``.

    ``service/classify/patterns.py`` reads names and kinds from the same file.
    """
    return list(json.loads(_read("marks.json")))


@cache
def consent_selectors() -> list[str]:
    """Selectors by which an element counts as a consent dialog: those of the consent managers, and looser ones."""
    return [*(each for manager in consent_managers() for each in manager["hide"]), *_lines("consent-walls.txt")]


@cache
def selectors(name: str) -> tuple[str, ...]:
    """A list of selectors, one a line; ``# `` starts a comment."""
    return _lines(f"hide-{name}.txt")


def _hidden_selectors(changes: PageChanges) -> list[str]:
    consent = [selector for manager in consent_managers() for selector in manager["hide"]]
    return [
        *(selectors("ads") if changes.block_ads else ()),
        *(selectors("chats") if changes.block_chats else ()),
        *(consent if changes.block_cookie_banners else ()),
    ]


def _lines(name: str) -> tuple[str, ...]:
    lines = (line.strip() for line in _read(name).splitlines())
    return tuple(line for line in lines if line and not line.startswith("# ") and line != "#")


def _read(name: str) -> str:
    return files("tintype").joinpath("chromium", "data", name).read_text(encoding="utf-8")
