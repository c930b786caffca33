"""The files that pages are made of: read once, served under an address that changes when any of them does."""

from __future__ import annotations

import hashlib
import mimetypes
from functools import cache
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "static"
_MEDIA_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


class StaticFiles(NamedTuple):
    """Files by name, with a name for all of them together; scripts that import each other stay in step."""

    digest: str
    files: dict[str, bytes]

    def media_type(self, name: str) -> str:
        """The media type of a file."""
        return _MEDIA_TYPES.get(Path(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"


@cache
def static_files() -> StaticFiles:
    """What the package ships."""
    files = {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir()) if path.suffix in _MEDIA_TYPES}
    told = b"".join(name.encode() + b"\0" + hashlib.sha256(body).digest() for name, body in files.items())
    return StaticFiles(hashlib.sha256(told).hexdigest()[:16], files)
