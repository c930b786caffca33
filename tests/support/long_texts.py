"""Long texts on which patterns backtrack, and the processor time of a call on them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any

SHORT, LONG = 8_000, 64_000
"""Characters of a text and of one 8 times as long, on which a linear call takes about 8 times as long."""
MAX_SECONDS = 0.1
"""A linear call takes about 1 ms for LONG characters; a quadratic one takes from 1 s on."""

_UNITS = {
    "letters": "a", "digits": "1", "spaces": " ", "tabs": "\t", "lines": "a\n", "commas": ",", "pairs": "a=b;",
    "numbers": "1,", "negative": "-", "dashes": "a-", "slashes": "a/", "dots": "a.", "colons": "a:", "quotes": '"',
    "escapes": '\\"', "brackets": "[", "objects": '{"a":', "percent": "%41", "wide": "é", "emoji": "\U0001f600",
    "underscores": "_a", "plus": "+", "stars": "*a", "semicolons": "a;q=0.1,",
}  # fmt: skip
ENDS = ("", "\x01", "é", "!", " ")


def long_texts(size: int, ends: Sequence[str] = ENDS) -> dict[str, str]:
    """Texts of about ``size`` characters by name; each shape occurs with ends that let a pattern fail late."""
    return {f"{name} + {end!r}": unit * (size // len(unit)) + end for name, unit in _UNITS.items() for end in ends}


def seconds_of(function: Callable[..., Any], *arguments: Any) -> float:
    """Seconds of this thread's processor time for a call; other processes do not change it. Errors count as results.

    The best of two runs: the first one can include a garbage collection.
    """
    return min(_seconds_of_one(function, *arguments) for _ in range(2))


def _seconds_of_one(function: Callable[..., Any], *arguments: Any) -> float:
    start = time.thread_time()
    with contextlib.suppress(Exception):
        function(*arguments)
    return time.thread_time() - start


def slow_texts(function: Callable[[str], Any], ends: Sequence[str] = ENDS) -> list[str]:
    """Names of the shapes on which a call takes longer than MAX_SECONDS; the best of two runs counts.

    Stops at the first such shape, because a quadratic pattern takes minutes for the long texts.
    """
    for size in (SHORT, LONG):
        for name, text in long_texts(size, ends).items():
            if _seconds_of_one(function, text) > MAX_SECONDS and _seconds_of_one(function, text) > MAX_SECONDS:
                return [f"{name}, {size} characters"]
    return []
