"""Reads url_cases.txt: target URLs of every bypass class and their legitimate look-alikes."""

from __future__ import annotations

from pathlib import Path

_CASES = Path(__file__).with_name("url_cases.txt")


def refused() -> dict[str, list[str]]:
    """Raw URLs that must be refused by their text, by class."""
    return {name: lines for (verdict, name), lines in _sections().items() if verdict == "refused"}


def accepted() -> dict[str, list[tuple[str, str]]]:
    """Raw URLs with their canonical spelling, by class."""
    sections = {name: lines for (verdict, name), lines in _sections().items() if verdict == "accepted"}
    return {name: [_split(line) for line in lines] for name, lines in sections.items()}


def _sections() -> dict[tuple[str, str], list[str]]:
    sections: dict[tuple[str, str], list[str]] = {}
    lines: list[str] = []
    for line in _CASES.read_text(encoding="ascii").splitlines():
        if line.startswith(("[refused ", "[accepted ")):
            verdict, _, name = line.strip("[]").partition(" ")
            lines = sections.setdefault((verdict, name), [])
        elif line and not line.startswith("# ") and line != "#":
            lines.append(line.encode().decode("unicode_escape"))
    return sections


def _split(line: str) -> tuple[str, str]:
    raw, arrow, canonical = line.partition(" => ")
    return raw, canonical if arrow else raw
