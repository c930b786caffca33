"""``make gallery``: compares every case with its golden image; ``ACCEPT=1`` replaces the golden images.

``python -m tests.gallery [--accept] [--only NAME,…] [FOLDER]``. Exits with status 1 if an image is different or new.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.gallery import screenshots
from tests.gallery.cases import CASES
from tests.gallery.comparison import Finding
from tests.gallery.report import write
from tests.support.paths import ROOT


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "gallery")
    parser.add_argument("--accept", action="store_true", help="replace the golden images")
    parser.add_argument("--only", default="", help="names of cases, separated by commas")
    arguments = parser.parse_args()
    chosen = [case for case in CASES if not arguments.only or case.name in arguments.only.split(",")]
    taken = screenshots.capture_all(chosen)
    compared = [(screenshot, screenshot.compare()) for screenshot in taken]
    page = write(arguments.folder, compared)
    for screenshot, comparison in compared:
        print(f"{comparison.finding:9} {comparison.share:8.3%}  {screenshot.case.name}  {comparison.remark}".rstrip())
    if arguments.accept:
        size = sum(screenshot.accept() for screenshot, comparison in compared if comparison.finding is not Finding.SAME)
        if not arguments.only:
            screenshots.remove_unused(CASES)
        print(f"Accepted: {size:,} bytes of new golden images. Check each before you commit it.")
    print(f"Report: {page}")
    wrong = any(comparison.finding in {Finding.DIFFERENT, Finding.NEW} for _, comparison in compared)
    sys.exit(1 if wrong and not arguments.accept else 0)


if __name__ == "__main__":
    main()
