"""Hints for names that are no options."""

from __future__ import annotations

import re

import pytest

from tintype.options import Options
from tintype.options.suggestions import OTHER_NAMES, hint_for


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("widht", "did you mean width?"),
        ("fullpage", "did you mean full_page?"),
        ("full-page", "did you mean full_page?"),
        ("Width", "did you mean width?"),
        ("block_resources", "use block_ads, block_trackers or block_chats"),
        ("proxy", "captures use the network of the service"),
        ("async", "placeholder=true"),
        ("country", "use locale, timezone and geolocation"),
        ("viewport_width", "use width"),
        ("q", ""),
        ("utm_source", ""),
    ],
)
def test_name_what_does_the_same(name: str, hint: str) -> None:
    assert hint_for(name).startswith(hint)
    assert bool(hint_for(name)) is bool(hint)


@pytest.mark.parametrize("hint", sorted({hint for hint in OTHER_NAMES.values() if hint.startswith("use ")}))
def test_name_existing_options(hint: str) -> None:
    named = re.findall(r"[a-z_]+", hint.removeprefix("use ").partition("=")[0])
    assert {name for name in named if name not in {"and", "or", "on"}} <= set(Options.model_fields)


def test_differ_from_the_options() -> None:
    assert set(OTHER_NAMES) & set(Options.model_fields) == set()
