"""How does a whole page come into one picture? Unfolded, walked down once so that what is lazy loads, nothing pinned.

The page is walked in screens, within bounds of steps, growth and time: some pages grow for ever.
"""

from __future__ import annotations

import asyncio

from tintype.chromium.capture.virtual_time import VirtualTime
from tintype.chromium.cdp.tab import Tab

_STEP_MS = 100
"""Milliseconds of the page's own time at every screen."""
_MAX_ANIMATION_MS = 5000
"""Milliseconds of an animation that is shown at its end."""
_MAX_GROWTH = 10
"""Screens by which a page may grow while it is walked, or twice its height where that is more."""
_MAX_SECONDS = 6.0
"""Seconds for the walk."""
_LOADING_SECONDS = 2.0
"""Seconds of our time for all that loads on the way."""
_MIN_WAIT = 0.02


class FullPage:
    """The whole of one page; ``screen`` and ``tallest`` are heights in CSS pixels."""

    def __init__(self, tab: Tab, clock: VirtualTime, viewport_height: int, max_height: int) -> None:
        self._tab = tab
        self._clock = clock
        self._viewport_height = viewport_height
        self.max_height = max_height
        """How much of it is in the picture."""

    async def scroll_through(self) -> None:
        """Have everything there, as far down as the picture goes, and be back at the top."""
        await self._tab.evaluate("expand_scrollers")
        loop = asyncio.get_running_loop()
        begin, top = loop.time(), 0
        until = self.max_height
        while top < until and loop.time() - begin < _MAX_SECONDS:
            height = await self._scroll_to(top)
            if not top:
                until = min(self.max_height, max(3 * height, height + _MAX_GROWTH * self._viewport_height))
            elif top >= height:
                break
            await self._clock.advance(_STEP_MS, max(_MIN_WAIT, begin + _LOADING_SECONDS - loop.time()))
            top += self._viewport_height
        await self._scroll_to(0)

    async def unpin_fixed(self) -> None:
        """Have what is fixed to the screen in the picture once."""
        await self._tab.evaluate("unpin_fixed", self.max_height)

    async def _scroll_to(self, top: int) -> int:
        """Scroll, and finish the animations that start there; the height of the page in CSS pixels."""
        return int((await self._tab.evaluate("scroll_to", top, {"maxAnimationMs": _MAX_ANIMATION_MS}))["height"])
