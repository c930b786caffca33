"""Releases the current commit: ``python -m scripts.release [VERSION] [--publish]``.

A dry run by default: builds and checks into dist/ everything that a release publishes, and changes nothing else.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scripts.release.build import PARTS, build
from scripts.release.commands import ROOT, CommandFailed, output_of
from scripts.release.problems import NotReady, current_version, require_releasable


def main() -> int:
    """Build the release; 1 if the commit cannot be released or a check fails."""
    arguments = _parser().parse_args()
    version = arguments.version or current_version()
    try:
        notes = require_releasable(version)
        build(arguments.folder.absolute(), version, notes, arguments.only or PARTS)
        if arguments.publish:
            _tag(version, notes)
    except NotReady as problems:
        print(
            f"{version} cannot be released:",
            *(f"- {line}" for line in str(problems).splitlines()),
            sep="\n",
            file=sys.stderr,
        )
        return 1
    except CommandFailed as failure:
        print(f"The release failed: {failure}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make release", description=__doc__)
    parser.add_argument("version", nargs="?", default="", help="must be that of tintype/__init__.py, the default")
    parser.add_argument("--folder", type=Path, default=ROOT / "dist", help="is deleted first")
    parser.add_argument("--only", action="append", choices=PARTS, help="build this part only; repeat for more")
    parser.add_argument("--publish", action="store_true", help="also run tests and linters, and create the tag")
    return parser


def _tag(version: str, notes: str) -> None:
    print(output_of("make", "test", "lint"))
    tag = f"v{version}"
    output_of("git", "tag", "--annotate", "--cleanup=verbatim", "-m", f"Tintype {version}", "-m", notes, tag)
    print(f"Tagged {tag}. Next: git push origin HEAD {tag}, then publish dist/ as docs/releasing.md describes")


if __name__ == "__main__":
    sys.exit(main())
