"""Bundled rules as data and style sheets: ads, chats, consent dialogs, marks of challenge pages."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

from tintype.options import PageChanges


def stylesheet(changes: PageChanges) -> str:
    """The style sheet for ``block_ads``, ``block_chats`` and ``block_cookie_banners``; empty without them."""
    return hiding_css(_hidden_selectors(changes))


def hiding_css(selectors: Iterable[str]) -> str:
    """A style sheet with one rule per selector, which hides its matches: an invalid selector drops its whole rule."""
    return "\n".join(f"{selector}{{display:none!important}}" for selector in selectors)


@cache
def consent_managers() -> list[dict[str, Any]]:
    """Consent managers: ``name``, selectors to ``hide``, buttons that ``refuse``, ``locks`` that stop scrolling."""
    return list(json.loads(_read("consent.json")))


@cache
def consent_words() -> dict[str, list[str]]:
    """Words of consent dialogs and labels of their buttons, in many languages, lower case."""
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
    """The selectors of ``ads`` or ``chats``."""
    return _lines(f"hide-{name}.txt")


def _hidden_selectors(changes: PageChanges) -> list[str]:
    consent = [selector for manager in consent_managers() for selector in manager["hide"]]
    return [
        *(selectors("ads") if changes.block_ads else ()),
        *(selectors("chats") if changes.block_chats else ()),
        *(consent if changes.block_cookie_banners else ()),
    ]


def _lines(name: str) -> tuple[str, ...]:
    """The lines of a data file without comments, which start with ``# ``."""
    lines = (line.strip() for line in _read(name).splitlines())
    return tuple(line for line in lines if line and not line.startswith("# ") and line != "#")


def _read(name: str) -> str:
    return files("tintype").joinpath("chromium", "data", name).read_text(encoding="utf-8")
