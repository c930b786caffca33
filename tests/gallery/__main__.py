"""``make gallery``: every picture before and after, on a page to look at; ``ACCEPT=1`` takes those of today as golden.

``python -m tests.gallery [--accept] [--only NAME,…] [FOLDER]``. Leaves with 1 when a picture is different.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.gallery import exhibition
from tests.gallery.cases import CASES
from tests.gallery.comparison import Finding
from tests.gallery.report import write
from tests.support.paths import ROOT


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "gallery")
    parser.add_argument("--accept", action="store_true", help="make the pictures of today the golden ones")
    parser.add_argument("--only", default="", help="names of cases, separated by commas")
    asked = parser.parse_args()
    chosen = [case for case in CASES if not asked.only or case.name in asked.only.split(",")]
    exhibits = exhibition.take(chosen)
    judged = [(exhibit, exhibit.judge()) for exhibit in exhibits]
    page = write(asked.folder, judged)
    for exhibit, comparison in judged:
        print(f"{comparison.finding:9} {comparison.share:8.3%}  {exhibit.case.name}  {comparison.remark}".rstrip())
    if asked.accept:
        size = sum(exhibit.accept() for exhibit, comparison in judged if comparison.finding is not Finding.SAME)
        if not asked.only:
            exhibition.tidy(CASES)
        print(f"Accepted: {size:,} bytes of new golden pictures. Look at each before you commit it.")
    print(f"Look at {page}")
    wrong = any(comparison.finding in {Finding.DIFFERENT, Finding.NEW} for _, comparison in judged)
    sys.exit(1 if wrong and not asked.accept else 0)


if __name__ == "__main__":
    main()
