"""Contents of the static files of playground and docs page, and the hash of them that is part of their URLs."""

from __future__ import annotations

import hashlib
import mimetypes
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "static"
_MEDIA_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
_IMPORT = re.compile(rb'^import .*"\./(.+)";$', re.MULTILINE)


class StaticFiles(NamedTuple):
    """Contents by file name, and one hash over all of them, because scripts that import each other need one version."""

    digest: str
    files: dict[str, bytes]

    def media_type(self, name: str) -> str:
        """Content-Type of a file."""
        return _MEDIA_TYPES.get(Path(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"

    def modules(self, script: str) -> list[str]:
        """The modules that a script imports, and those that they import."""
        found: list[str] = []
        waiting = [script]
        while waiting:
            imported = _IMPORT.findall(self.files[waiting.pop()])
            new = [name for each in imported if (name := each.decode()) not in found]
            found += new
            waiting += new
        return sorted(found)


@cache
def static_files() -> StaticFiles:
    """The static files of the package, read once."""
    files = {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir()) if path.suffix in _MEDIA_TYPES}
    digests = b"".join(name.encode() + b"\0" + hashlib.sha256(body).digest() for name, body in files.items())
    return StaticFiles(hashlib.sha256(digests).hexdigest()[:16], files)
