"""Bundled rules as data: ads, chats, consent dialogs, marks of challenge pages."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

from tintype.options import PageChanges

_HIDDEN = "display:none!important"
_UNSEEN = "opacity:0!important;pointer-events:none!important"
"""Hides an element that lies over the page, and keeps its size: if it turns out to be the page itself, scripts that
measured it meanwhile were right."""


def named_rules(changes: PageChanges) -> dict[str, dict[str, Any]]:
    """The rules for ``block_ads``, ``block_chats`` and ``block_cookie_banners``, by kind; without disabled ones.

    ``selectors``, the style of their elements before the page is first drawn (``first``), and the one once the page has
    loaded and they turned out to be what they are named (``final``). The frames of a hidden consent dialog have to be
    drawn until it is refused.
    """
    consent = tuple(selector for manager in consent_managers() for selector in manager["hide"])
    kinds = {
        "ads": (changes.block_ads, selectors("ads"), _HIDDEN, _HIDDEN),
        "chats": (changes.block_chats, selectors("chats"), _UNSEEN, _HIDDEN),
        "consent": (changes.block_cookie_banners, consent, _UNSEEN, _UNSEEN),
    }
    return {
        kind: {"selectors": names, "first": first, "final": final}
        for kind, (enabled, names, first, final) in kinds.items()
        if enabled
    }


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


def _lines(name: str) -> tuple[str, ...]:
    """The lines of a data file without comments, which start with ``# ``."""
    lines = (line.strip() for line in _read(name).splitlines())
    return tuple(line for line in lines if line and not line.startswith("# ") and line != "#")


def _read(name: str) -> str:
    return files("tintype").joinpath("chromium", "data", name).read_text(encoding="utf-8")
