"""Rewrites the tables of the documentation from the code: ``make docs``."""

from __future__ import annotations

from pathlib import Path

from tintype.reference import refresh

ROOT = Path(__file__).parent.parent


def main() -> None:
    """Every page with markers, and a line for each that changed."""
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        before = path.read_text()
        after = refresh(before)
        if after != before:
            path.write_text(after)
            print(f"{path.relative_to(ROOT)} rewritten")


if __name__ == "__main__":
    main()
