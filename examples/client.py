"""Client for Tintype that uses the Python standard library only.

python client.py https://example.com example.webp thumb_width=320 dark_mode=1
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

SERVICE = os.environ.get("TINTYPE", "http://127.0.0.1:8000")
BUSY = (429, 503)


def thumbnail(url: str, **options: str) -> bytes:
    """Return the thumbnail of a page; retries once after Retry-After, raises RuntimeError with the error's reason."""
    request = f"{SERVICE}/thumb?{urlencode({'url': url, **options})}"
    for may_retry in (True, False):
        try:
            with urlopen(request) as response:
                return bytes(response.read())
        except HTTPError as error:
            if error.code not in BUSY or not may_retry:
                raise RuntimeError(json.load(error)["message"]) from error
            time.sleep(int(error.headers["Retry-After"]))
    raise AssertionError


if __name__ == "__main__":
    page, file, *pairs = sys.argv[1:]
    options = dict(pair.split("=", 1) for pair in pairs)
    Path(file).write_bytes(thumbnail(page, format=Path(file).suffix[1:], **options))
