"""Notation of rate limits."""

from __future__ import annotations

import pytest

from tintype import rates


@pytest.mark.parametrize(
    "text", ["30 per minute", "100/hour", "5 per 10 seconds", "1 PER DAY", "1000000000 per minute"]
)
def test_accepts_rates(text: str) -> None:
    assert rates.normalize(f" {text} ") == text


@pytest.mark.parametrize("word", rates.WORDS)
def test_accepts_words_in_any_case(word: str) -> None:
    assert rates.normalize(word.upper()) == word


@pytest.mark.parametrize("text", ["", "none", "0 per minute", "5 per 0 hours", "5 per month", "5 minute", "9" * 400])
def test_rejects_other_text(text: str) -> None:
    with pytest.raises(ValueError, match="unlimited, closed or off"):
        rates.normalize(text)
