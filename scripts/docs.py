"""Rewrites the tables of the documentation from the code: ``make docs``."""

from __future__ import annotations

from pathlib import Path

from tintype.reference import edge, refresh

ROOT = Path(__file__).parent.parent


def main() -> None:
    """Every page with markers and every generated file, and a line for each that changed."""
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        _write(path, refresh(path.read_text()))
    _write(ROOT / "deploy" / "nginx" / "options.conf", edge())


def _write(path: Path, text: str) -> None:
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
        print(f"{path.relative_to(ROOT)} rewritten")


if __name__ == "__main__":
    main()
