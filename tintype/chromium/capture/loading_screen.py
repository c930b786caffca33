"""Reads what the first screen shows if it may be a loading screen, and which of its pictures move without an end."""

from __future__ import annotations

import asyncio
import base64
import re
from urllib.parse import unquote_to_bytes

from tintype.chromium.capture.context import PageContext
from tintype.chromium.cdp.connection import Json, ProtocolError, TargetClosed
from tintype.chromium.cdp.tab import ScriptFailed

_READ_SECONDS = 1.0
"""Real seconds for the script and the files."""
_MAX_FILES = 3
"""Files that are read; a loading screen has hardly more."""
_ENDLESS_SVG = re.compile(rb"repeat(Count|Dur)\s*=\s*[\"']indefinite|animation[^;}]*\binfinite\b")
_GIF_FRAME = b"\x21\xf9\x04"
"""A graphic control extension, which precedes each frame of an animated GIF."""


async def read_loading_screen(page: PageContext) -> Json | None:
    """The report of ``loading_screen.js`` with ``moves`` for each picture; None if the page shows more than that."""
    try:
        async with asyncio.timeout(_READ_SECONDS):
            if not (report := await page.tab.evaluate("loading_screen")):
                return None
            files = 0
            for picture in report["pictures"]:
                file = picture.pop("file", "")
                files += bool(file)
                picture["moves"] = bool(file) and files <= _MAX_FILES and moves(await _read_file(page, file))
            return dict(report)
    except (TimeoutError, ScriptFailed, ProtocolError, TargetClosed, KeyError, TypeError, AttributeError):
        return None


def moves(content: bytes) -> bool:
    """Whether an image file is an animation without an end: GIF, APNG, WebP or SVG."""
    if content.startswith(b"GIF8"):
        return content.count(_GIF_FRAME) > 1
    if content.startswith(b"\x89PNG"):
        return b"acTL" in content[:200]
    if content.startswith(b"RIFF"):
        return b"ANIM" in content[:200]
    return b"<svg" in content and bool(_ENDLESS_SVG.search(content))


async def _read_file(page: PageContext, url: str) -> bytes:
    """The content of a file that the page has loaded; empty if Chromium no longer has it."""
    if url.startswith("data:"):
        head, _, body = url.partition(",")
        content = unquote_to_bytes(body)
        try:
            return base64.b64decode(content) if head.endswith(";base64") else content
        except ValueError:
            return b""
    try:
        answer = await page.session.call("Page.getResourceContent", frameId=page.tab.frame, url=url)
    except ProtocolError:
        return b""
    text = str(answer.get("content", ""))
    return base64.b64decode(text) if answer.get("base64Encoded") else text.encode()
