"""A thumbnail from Python, with nothing but the standard library.

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
    """The picture of a page; waits once when the service asks for it, raises RuntimeError with its reason."""
    address = f"{SERVICE}/thumb?{urlencode({'url': url, **options})}"
    for patience in (True, False):
        try:
            with urlopen(address) as answer:
                return bytes(answer.read())
        except HTTPError as error:
            if error.code not in BUSY or not patience:
                raise RuntimeError(json.load(error)["message"]) from error
            time.sleep(int(error.headers["Retry-After"]))
    raise AssertionError


if __name__ == "__main__":
    page, file, *pairs = sys.argv[1:]
    options = dict(pair.split("=", 1) for pair in pairs)
    Path(file).write_bytes(thumbnail(page, format=Path(file).suffix[1:], **options))
