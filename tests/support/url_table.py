"""Reads url_cases.txt: target URLs of every bypass class, and similar legitimate ones."""

from __future__ import annotations

from pathlib import Path

_CASES = Path(__file__).with_name("url_cases.txt")


def rejected() -> dict[str, list[str]]:
    """Raw URLs that the parser rejects by their text, by class."""
    return {name: lines for (result, name), lines in _sections().items() if result == "rejected"}


def accepted() -> dict[str, list[tuple[str, str]]]:
    """Raw URLs with their canonical form, by class."""
    sections = {name: lines for (result, name), lines in _sections().items() if result == "accepted"}
    return {name: [_split(line) for line in lines] for name, lines in sections.items()}


def _sections() -> dict[tuple[str, str], list[str]]:
    sections: dict[tuple[str, str], list[str]] = {}
    lines: list[str] = []
    for line in _CASES.read_text(encoding="ascii").splitlines():
        if line.startswith(("[rejected ", "[accepted ")):
            result, _, name = line.strip("[]").partition(" ")
            lines = sections.setdefault((result, name), [])
        elif line and not line.startswith("# ") and line != "#":
            lines.append(line.encode().decode("unicode_escape"))
    return sections


def _split(line: str) -> tuple[str, str]:
    raw, arrow, canonical = line.partition(" => ")
    return raw, canonical if arrow else raw
