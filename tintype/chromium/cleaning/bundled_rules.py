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
def selectors(name: str) -> tuple[str, ...]:
    """A list of selectors, one a line; ``# `` starts a comment."""
    lines = (line.strip() for line in _read(f"hide-{name}.txt").splitlines())
    return tuple(line for line in lines if line and not line.startswith("# ") and line != "#")


def _hidden_selectors(changes: PageChanges) -> list[str]:
    consent = [selector for manager in consent_managers() for selector in manager["hide"]]
    return [
        *(selectors("ads") if changes.block_ads else ()),
        *(selectors("chats") if changes.block_chats else ()),
        *(consent if changes.block_cookie_banners else ()),
    ]


def _read(name: str) -> str:
    return files("tintype").joinpath("chromium", "data", name).read_text(encoding="utf-8")
