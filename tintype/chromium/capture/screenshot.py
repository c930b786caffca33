"""How does what is on the screen become a picture? Which area, its pixels, and what the page says about itself."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from tintype import imaging
from tintype.chromium.capture import clip
from tintype.chromium.capture.clip import Clip
from tintype.chromium.capture.readiness import PageReadiness, selector_not_found
from tintype.chromium.cdp.connection import Json, ProtocolError
from tintype.chromium.cdp.tab import ScriptFailed, Tab
from tintype.errors import EngineError, InvalidParameter, InvalidRequest
from tintype.options import Shot

RETRY_DELAY = 0.1
"""Seconds between two attempts while the page is between two documents."""

_SLOW_SCREENSHOT = 0.3
"""Seconds after which the page's time passes with ours while a picture is taken: it may wait for a frame."""


@dataclass(frozen=True, slots=True)
class RawCapture:
    """A picture as the browser gave it: PNG, device pixels, with the page's own account of itself."""

    body: bytes
    width: int
    height: int
    page_info: Json
    meta: Json = field(default_factory=dict)
    truncated: bool = False


class Screenshotter:
    """Takes the picture of a settled page; ``max_height`` is in CSS pixels."""

    def __init__(self, tab: Tab, shot: Shot, readiness: PageReadiness, max_height: int) -> None:
        self._tab = tab
        self._session = tab.session
        self._shot = shot
        self._readiness = readiness
        self._max_height = max_height

    async def take(self) -> RawCapture | None:
        """The picture of what is there; None while the page is between two documents. Raises TintypeError."""
        try:
            area = await self._find_clip()
            facts, meta, picture = await asyncio.gather(
                read_page_info(self._tab, "page_features"),
                read_page_info(self._tab, "metadata"),
                self._screenshot_clip(area),
            )
        except ProtocolError as refusal:
            if "Unable to capture" in refusal.message:
                raise EngineError("the page is too large to photograph") from None
            await asyncio.sleep(RETRY_DELAY)
            return None
        try:
            width, height = clip.png_size(picture)
        except ValueError:
            raise EngineError("the browser gave an empty picture") from None
        return RawCapture(picture, width, height, facts, meta, truncated=bool(area and area.truncated))

    async def _find_clip(self) -> Clip | None:
        """The part of the page to photograph; None is the viewport."""
        emulate, expose = self._shot.emulation, self._shot.region
        if expose.selector:
            box = await self._readiness.query("selector", "element_box", expose.selector)
            if not box:
                raise selector_not_found("selector")
            return clip.fit_clip(Clip(**box), emulate.scale, self._max_height)
        if expose.clip:
            box = Clip(*expose.clip)
            size = await self._page_size()
            if box.x >= size["width"] or box.y >= max(size["height"], emulate.height):
                where = f"{size['width']:.0f} × {size['height']:.0f} pixels"
                raise InvalidRequest(InvalidParameter("clip", f"lies outside of the page, which has {where}"))
            return clip.fit_clip(box, emulate.scale, self._max_height)
        if expose.full_page:
            size = await self._page_size()
            box = Clip(0, 0, emulate.width, max(size["height"], emulate.height))
            return clip.fit_clip(box, emulate.scale, self._max_height)
        return None

    async def _page_size(self) -> Json:
        """In CSS pixels."""
        return dict((await self._session.call("Page.getLayoutMetrics"))["cssContentSize"])

    async def _is_in_viewport(self, area: Clip) -> bool:
        """Whether all of it is seen as the page stands: at its top, not scrolled."""
        seen = (await self._session.call("Page.getLayoutMetrics"))["cssVisualViewport"]
        at_the_top = not (seen["pageX"] or seen["pageY"])
        return at_the_top and area.fits_in(seen["clientWidth"], seen["clientHeight"])

    async def _screenshot_clip(self, area: Clip | None) -> bytes:
        if area is None:
            return await self._screenshot()
        if await self._is_in_viewport(area):
            return await self._screenshot(**area.parameters(beyond_viewport=False))  # the window may stay as it is
        async with self._scripts_paused():
            tiles = [await self._screenshot(**tile.parameters()) for tile in area.tiles(self._shot.emulation.scale)]
        return tiles[0] if len(tiles) == 1 else await asyncio.to_thread(imaging.stitch_vertically, tiles)

    @contextlib.asynccontextmanager
    async def _scripts_paused(self) -> AsyncIterator[None]:
        """No script of the page runs meanwhile, unless its styles would notice that.

        For a part of a page Chromium makes the window one pixel small and back: whoever listens builds the page anew.
        """
        if self._tab.frozen or await self._tab.evaluate("uses_scripting_query"):
            yield
            return
        self._session.post("Emulation.setScriptExecutionDisabled", value=True)
        try:
            yield
        finally:
            self._session.post("Emulation.setScriptExecutionDisabled", value=self._tab.frozen)

    async def _screenshot(self, **parameters: Any) -> bytes:
        taking = self._session.call("Page.captureScreenshot", format="png", optimizeForSpeed=True, **parameters)
        answer = await self._readiness.with_time_running(taking, after=_SLOW_SCREENSHOT)
        return await asyncio.to_thread(base64.b64decode, answer["data"])


async def read_page_info(tab: Tab, script: str) -> Json:
    """What the page says about itself; a page too busy to say has at least an address."""
    with contextlib.suppress(TimeoutError, ScriptFailed):
        async with asyncio.timeout(1):
            return dict(await tab.evaluate(script) or {})
    return {}
