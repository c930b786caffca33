"""File names for thumbnails: made of the URL, portable across file systems, unique in the folder."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

FORMAT_BY_ENDING = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".webp": "webp",
    ".avif": "avif",
    ".pdf": "pdf",
    ".json": "json",
}
"""The format that the ending of a file name selects."""
MAX_NAME_BYTES = 200
"""Bytes of a file name that a list may name; file systems permit 255."""
MAX_STEM_LENGTH = 100
"""Characters of a file name before its extension."""
_DIGEST_LENGTH = 8
_FORBIDDEN = re.compile(r"[^A-Za-z0-9._-]+")


class FileNamer:
    """Assigns unique file names in a folder; names of existing files and of ``reserved`` are not reused."""

    def __init__(self, folder: Path, reserved: Iterable[str]) -> None:
        there = (path.name for path in folder.iterdir()) if folder.is_dir() else ()
        self._used = {name.casefold() for name in (*reserved, *there)}

    def name_for(self, url: str, key: str, extension: str) -> str:
        """A name made of the URL, with the first 8 characters of the key appended if the name is in use."""
        stem = stem_of(url)
        name = f"{stem}.{extension}"
        if name.casefold() in self._used:
            name = f"{stem}-{key[:_DIGEST_LENGTH]}.{extension}"
        self._used.add(name.casefold())
        return name


def is_file_name(name: str) -> bool:
    """Whether a text is a plain file name, without a path."""
    return name not in {"", ".", ".."} and not set(name) & {"/", "\\", "\0"} and len(name.encode()) <= MAX_NAME_BYTES


def stem_of(url: str) -> str:
    """``https://example.com/a/b?c=1`` becomes ``example.com-a-b-c-1``: letters, digits, dots, ``-`` and ``_``."""
    parts = urlsplit(url)
    words = unquote(f"{parts.netloc}{parts.path} {parts.query} {parts.fragment}")
    return _FORBIDDEN.sub("-", words)[:MAX_STEM_LENGTH].strip("-.") or "page"
