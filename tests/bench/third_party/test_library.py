"""Generated modules of scripts."""

from __future__ import annotations

import pytest

from bench.third_party.library import library


def test_repeats_itself_for_the_same_seed() -> None:
    assert library("chat", 20_000) == library("chat", 20_000) != library("other", 20_000)


@pytest.mark.parametrize("size", [10_000, 100_000, 400_000])
def test_has_about_the_size(size: int) -> None:
    assert size <= len(library("chat", size)) <= size + 3_000
