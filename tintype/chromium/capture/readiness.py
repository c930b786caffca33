"""When is a page ready for its picture? The waiting between navigation and exposure."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Coroutine
from typing import Any, TypeVar

from tintype.chromium.capture import clip
from tintype.chromium.capture.clip import Clip
from tintype.chromium.capture.full_page import FullPage
from tintype.chromium.capture.page_changes import PageChanger
from tintype.chromium.capture.virtual_time import VirtualTime
from tintype.chromium.cdp.connection import TargetClosed
from tintype.chromium.cdp.tab import ScriptFailed, Tab
from tintype.chromium.cleaning.cleaner import PageCleaner
from tintype.errors import InvalidParameter, InvalidRequest, SelectorNotFound
from tintype.options import Shot

_Result = TypeVar("_Result")

_AHEAD = 3000
"""Milliseconds of the page's own time that pass before the picture: most of what begins with a page is over by then."""
_LONGEST = 5000
"""Milliseconds an animation may still take to be shown at its end; what takes longer is no entry."""
_FURTHER = 300
"""Milliseconds that pass after each movement seen."""
_ROUNDS = 4
"""Movements after which the page counts as one that never rests."""
_PATIENCE = {"load": 1.0, "networkidle": 1.0, "domcontentloaded": 0.25}
"""Seconds of our time for what a page loads after the event that ends navigation."""
_CALM_WITHIN = 1.0
"""Seconds of our time for what is in view to be there."""
_SELECTOR_WITHIN = 3.0
_BEAT = 0.05
"""Seconds between two looks for an element."""
_SEARCHES = {"wait_for": "present", "selector": "element", "click": "element", "scroll_to": "goto"}
"""By which script each option's selector is looked for."""
_HOPS = 5
"""Pages that a page may send its visitor on to."""


class PageReadiness:
    """Waits for what a shot says, and for a page that stands still."""

    def __init__(self, tab: Tab, shot: Shot, cleaning: PageCleaner, max_height: int) -> None:
        self._tab = tab
        self._clock = VirtualTime(tab.session)
        self._cleaning = cleaning
        self._retouch = PageChanger(tab, shot)
        self._shot = shot
        everything = Clip(0, 0, shot.emulate.width, math.inf)
        tallest = clip.fitting(everything, shot.emulate.scale, max_height).height
        self._whole = FullPage(tab, self._clock, shot.emulate.height, int(tallest))
        self._depth = 0
        """How far down what is to be there is: the screen, or more of the page."""
        self._waited = not shot.settle.wait_for
        """Whether what was to be waited for has been there."""

    async def settle(self) -> None:
        """All of it; raises SelectorNotFound, InvalidRequest or Ended."""
        settle, expose = self._shot.settle, self._shot.expose
        await self._arrive()
        await self._clean()
        await self._change()
        if settle.wait_for:
            await self._await_element("wait_for", settle.wait_for)
            self._waited = True
        if expose.selector:
            box = await self._find("selector", expose.selector)
            await self._approach(box["y"], box["height"])
        if expose.clip:
            await self._approach(expose.clip[1], expose.clip[3])
        if expose.full_page or self._shot.sheets:
            await self._whole.unroll()
            self._depth = self._whole.tallest
        if expose.scroll_to:
            await self._find("scroll_to", expose.scroll_to)
        if settle.delay:
            await self._wait(settle.delay / 1000)
        elsewhere = expose.selector or expose.clip or expose.full_page or expose.scroll_to or self._shot.sheets
        if settle.wait_for or elsewhere or settle.delay:
            await self._arrive()
            await self._clean()
        if expose.full_page:
            await self._whole.unpin()

    async def insist(self) -> None:
        """Raise SelectorNotFound if the wait was cut short and what was to be waited for is not there."""
        if not self._waited and not await self.query("wait_for", "present", self._shot.settle.wait_for):
            raise not_found("wait_for")

    async def query(self, parameter: str, script: str, selector: str) -> Any:
        """What one of ``scripts/`` finds for a selector; raises InvalidRequest when it is none."""
        try:
            return await self._tab.evaluate(script, selector)
        except ScriptFailed:
            raise InvalidRequest(InvalidParameter(parameter, "must be a valid CSS selector")) from None

    async def _clean(self) -> None:
        """What a dialogue covered comes to light, and the page may load anew when it is refused."""
        if await self._cleaning.clean():
            await self._clock.keep_pace(_BEAT)
            await self._arrive()
            await self._cleaning.clean()

    async def _arrive(self) -> None:
        """Wait until the page is there and calm; where it sends the visitor on, until the next one is."""
        until = self._shot.navigate.wait_until
        for _ in range(_HOPS):
            await self.while_time_passes(self._tab.wait_for(until), after=2 * _BEAT)
            journeys = self._tab.navigations
            await self._rest(_AHEAD)
            if journeys == self._tab.navigations:
                return

    async def _rest(self, ahead: float = _FURTHER) -> None:
        """Let the page's time pass until it stands still, within bounds: some never do."""
        loop, journeys = asyncio.get_running_loop(), self._tab.navigations
        await self._look("calm", _LONGEST, self._depth, False)
        until = loop.time() + _PATIENCE[self._shot.navigate.wait_until]
        await self._clock.skip(ahead, until - loop.time())
        for _ in range(_ROUNDS):
            if journeys != self._tab.navigations or not await self._look("calm", _LONGEST, self._depth, True):
                return
            await self._clock.skip(_FURTHER, max(_BEAT, until - loop.time()))

    async def _look(self, script: str, *arguments: Any) -> Any:
        """What a script finds that waits for the page; None when it waits in vain."""
        with contextlib.suppress(TimeoutError, ScriptFailed):
            async with asyncio.timeout(_CALM_WITHIN):
                return await self.while_time_passes(self._tab.evaluate(script, *arguments), after=2 * _BEAT)
        return None

    async def _change(self) -> None:
        """Have the caller's changes made, and wait for what comes of them."""
        wanted = self._shot.retouch
        await self._retouch.style()
        if wanted.js:
            await self.while_time_passes(self._retouch.script())
        if wanted.click:
            await self._find("click", wanted.click)
            await self._retouch.click()
        if wanted.js or wanted.click:
            await self._clock.keep_pace(_BEAT)
            await self._arrive()
            await self._retouch.style()

    async def while_time_passes(self, work: Coroutine[Any, Any, _Result], after: float = 0) -> _Result:
        """The page's time keeps pace with ours, from so many seconds on until the work is done.

        While it stands still nothing that is loading arrives, and no frame that is due in its future is drawn.
        """

        async def passing() -> None:
            with contextlib.suppress(TargetClosed):
                await asyncio.sleep(after)
                if self._clock.begun:
                    await self._wait(math.inf)

        time = asyncio.create_task(passing())
        try:
            return await work
        finally:
            time.cancel()

    async def _await_element(self, parameter: str, selector: str) -> Any:
        while not (found := await self.query(parameter, _SEARCHES[parameter], selector)):
            await self._clock.keep_pace(_BEAT)
        return found

    async def _find(self, parameter: str, selector: str) -> Any:
        """An element a script may still have to draw; raises SelectorNotFound."""
        try:
            async with asyncio.timeout(_SELECTOR_WITHIN):
                return await self._await_element(parameter, selector)
        except TimeoutError:
            raise not_found(parameter) from None

    async def _approach(self, top: float, height: float) -> None:
        """What is lazy in the part to photograph loads when it comes near."""
        if await self._tab.evaluate("approach", top, height):
            await self._clock.keep_pace(_BEAT)
            await self._rest()
            await self._tab.evaluate("scroll", 0)

    async def _wait(self, seconds: float) -> None:
        """The page's time keeps pace with ours, so that what the page does meanwhile shows."""
        until = asyncio.get_running_loop().time() + seconds
        while (left := until - asyncio.get_running_loop().time()) > 0:
            await self._clock.keep_pace(min(_BEAT, left))


def not_found(parameter: str) -> SelectorNotFound:
    """The failure for an element that is not on the page."""
    return SelectorNotFound(f"{parameter}: nothing on the page matches")
