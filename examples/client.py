"""Client for Tintype that uses the Python standard library only.

python client.py https://example.com example.webp thumb_width=320 dark_mode=1
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import urlopen

SERVICE = os.environ.get("TINTYPE", "http://127.0.0.1:8000").rstrip("/")
BUSY = (429, 503)
TIMEOUT = 60
USAGE = "usage: client.py URL FILE [OPTION=VALUE ...]; TINTYPE is the URL of the service"


class ThumbnailError(Exception):
    """The service returned an error, or cannot be reached."""


def thumbnail(url: str, **options: str) -> bytes:
    """Return the thumbnail of a page; retries once after Retry-After, raises ThumbnailError with the reason."""
    request = f"{SERVICE}/thumb?{urlencode({'url': url, **options})}"
    for may_retry in (True, False):
        try:
            with urlopen(request, timeout=TIMEOUT) as response:
                return bytes(response.read())
        except HTTPError as error:
            if error.code not in BUSY or not may_retry:
                raise ThumbnailError(_message(error)) from error
            time.sleep(int(error.headers.get("Retry-After") or 1))
        except (URLError, TimeoutError) as error:
            reason = getattr(error, "reason", error)
            raise ThumbnailError(f"cannot reach {SERVICE} ({reason}); start it, or set TINTYPE") from error
    raise AssertionError


def _message(error: HTTPError) -> str:
    """The message of the problem document; the status if another server answered."""
    try:
        return str(json.load(error)["message"])
    except (ValueError, KeyError, TypeError):
        return f"{SERVICE} returned status {error.code}; is it a Tintype service?"


def main(arguments: list[str]) -> int:
    """Save one thumbnail; return 0, 1 after an error of the service, or 2 after wrong usage."""
    page, file, *pairs = [*arguments, "", ""][: max(2, len(arguments))]
    if not (page and file and Path(file).suffix and all("=" in pair for pair in pairs)):
        print(USAGE, file=sys.stderr)
        return 2
    options = dict(pair.split("=", 1) for pair in pairs)
    try:
        Path(file).write_bytes(thumbnail(page, **{"format": Path(file).suffix[1:], **options}))
    except (ThumbnailError, OSError) as error:
        print(f"client.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
