"""Atomic writes of files that other programs may read meanwhile."""

from __future__ import annotations

from pathlib import Path


def write_atomically(path: Path, body: bytes) -> None:
    """Replace a file atomically: readers see the old content or the new one. Raises OSError."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(body)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
