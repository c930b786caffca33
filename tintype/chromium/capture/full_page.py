"""How does a whole page come into one picture? Unfolded, walked down once so that what is lazy loads, nothing pinned.

The page is walked in screens, within bounds of steps, growth and time: some pages grow for ever.
"""

from __future__ import annotations

import asyncio

from tintype.chromium.capture.virtual_time import VirtualTime
from tintype.chromium.cdp.tab import Tab

_STRIDE = 100
"""Milliseconds of the page's own time at every screen."""
_LONGEST = 5000
"""Milliseconds of an animation that is shown at its end."""
_GROWTH = 10
"""Screens by which a page may grow while it is walked, or twice its height where that is more."""
_WITHIN = 6.0
"""Seconds for the walk."""
_PATIENCE = 2.0
"""Seconds of our time for all that loads on the way."""
_SHORTEST = 0.02


class FullPage:
    """The whole of one page; ``screen`` and ``tallest`` are heights in CSS pixels."""

    def __init__(self, tab: Tab, clock: VirtualTime, screen: int, tallest: int) -> None:
        self._tab = tab
        self._clock = clock
        self._screen = screen
        self.tallest = tallest
        """How much of it is in the picture."""

    async def unroll(self) -> None:
        """Have everything there, as far down as the picture goes, and be back at the top."""
        await self._tab.evaluate("unfold")
        loop = asyncio.get_running_loop()
        begin, top = loop.time(), 0
        until = self.tallest
        while top < until and loop.time() - begin < _WITHIN:
            height = await self._tab.evaluate("stride", top, _LONGEST)
            if not top:
                until = min(self.tallest, max(3 * height, height + _GROWTH * self._screen))
            elif top >= height:
                break
            await self._clock.skip(_STRIDE, max(_SHORTEST, begin + _PATIENCE - loop.time()))
            top += self._screen
        await self._tab.evaluate("stride", 0, _LONGEST)

    async def unpin(self) -> None:
        """Have what is fixed to the screen in the picture once."""
        await self._tab.evaluate("unpin", self.tallest)
