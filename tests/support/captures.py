"""Small capture requests, and checks of the captured image."""

from __future__ import annotations

from typing import Any

from tests.support.images import pixel
from tintype.model import Capture
from tintype.options import Options, Shot

BLUE = (0, 102, 204)


def shot(url: str, **options: Any) -> Shot:
    return Options(url=url, width=640, height=480, **options).capture_request().shot


def is_blue(capture: Capture) -> bool:
    return pixel(capture.body, 630, 470)[:3] == BLUE
