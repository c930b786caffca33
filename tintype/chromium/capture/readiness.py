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

_ADVANCE_MS = 3000
"""Milliseconds of the page's own time that pass before the picture: most of what begins with a page is over by then."""
_MAX_ANIMATION_MS = 5000
"""Milliseconds an animation may still take to be shown at its end; what takes longer is no entry."""
_FURTHER_MS = 300
"""Milliseconds that pass after each movement seen."""
_MAX_ROUNDS = 4
"""Movements after which the page counts as one that never rests."""
_LOADING_SECONDS = {"load": 1.0, "networkidle": 1.0, "domcontentloaded": 0.25}
"""Seconds of our time for what a page loads after the event that ends navigation."""
_SCRIPT_SECONDS = 1.0
"""Seconds of our time for what is in view to be there."""
_SELECTOR_SECONDS = 3.0
_POLL_INTERVAL = 0.05
"""Seconds between two looks for an element."""
_SCRIPT_OF_OPTION = {"wait_for": "exists", "selector": "element_box", "click": "element_box", "scroll_to": "scroll_to"}
"""By which script each option's selector is looked for."""
_MAX_NAVIGATIONS = 5
"""Pages that a page may send its visitor on to."""


class PageReadiness:
    """Waits for what a shot says, and for a page that stands still."""

    def __init__(self, tab: Tab, shot: Shot, cleaner: PageCleaner, max_height: int) -> None:
        self._tab = tab
        self._virtual_time = VirtualTime(tab.session)
        self._cleaner = cleaner
        self._changer = PageChanger(tab, shot)
        self._shot = shot
        everything = Clip(0, 0, shot.emulation.width, math.inf)
        tallest = clip.fit_clip(everything, shot.emulation.scale, max_height).height
        self._full_page = FullPage(tab, self._virtual_time, shot.emulation.height, int(tallest))
        self._checked_height = 0
        """How far down what is to be there is: the screen, or more of the page."""
        self._has_waited_for = not shot.wait.wait_for
        """Whether what was to be waited for has been there."""

    async def wait(self) -> None:
        """All of it; raises SelectorNotFound, InvalidRequest or Ended."""
        settle, expose = self._shot.wait, self._shot.region
        await self._wait_loaded()
        await self._clean()
        await self._apply_changes()
        if settle.wait_for:
            await self._wait_for_element("wait_for", settle.wait_for)
            self._has_waited_for = True
        if expose.selector:
            box = await self._find_element("selector", expose.selector)
            await self._scroll_near(box["y"], box["height"])
        if expose.clip:
            await self._scroll_near(expose.clip[1], expose.clip[3])
        if expose.full_page or self._shot.pdf:
            await self._full_page.scroll_through()
            self._checked_height = self._full_page.max_height
        if expose.scroll_to:
            await self._find_element("scroll_to", expose.scroll_to)
        if settle.delay:
            await self._sleep(settle.delay / 1000)
        elsewhere = expose.selector or expose.clip or expose.full_page or expose.scroll_to or self._shot.pdf
        if settle.wait_for or elsewhere or settle.delay:
            await self._wait_loaded()
            await self._clean()
        if expose.full_page:
            await self._full_page.unpin_fixed()

    async def check_wait_for(self) -> None:
        """Raise SelectorNotFound if the wait was cut short and what was to be waited for is not there."""
        if not self._has_waited_for and not await self.query("wait_for", "exists", self._shot.wait.wait_for):
            raise selector_not_found("wait_for")

    async def query(self, parameter: str, script: str, selector: str) -> Any:
        """What one of ``scripts/`` finds for a selector; raises InvalidRequest when it is none."""
        try:
            return await self._tab.evaluate(script, selector)
        except ScriptFailed:
            raise InvalidRequest(InvalidParameter(parameter, "must be a valid CSS selector")) from None

    async def _clean(self) -> None:
        """What a dialogue covered comes to light, and the page may load anew when it is refused."""
        if await self._cleaner.clean():
            await self._virtual_time.sync_with_wall_clock(_POLL_INTERVAL)
            await self._wait_loaded()
            await self._cleaner.clean()

    async def _wait_loaded(self) -> None:
        """Wait until the page is there and calm; where it sends the visitor on, until the next one is."""
        until = self._shot.navigation.wait_until
        for _ in range(_MAX_NAVIGATIONS):
            await self.with_time_running(self._tab.wait_for(until), after=2 * _POLL_INTERVAL)
            journeys = self._tab.navigations
            await self._wait_stable(_ADVANCE_MS)
            if journeys == self._tab.navigations:
                return

    async def _wait_stable(self, milliseconds: float = _FURTHER_MS) -> None:
        """Let the page's time pass until it stands still, within bounds: some never do."""
        loop, journeys = asyncio.get_running_loop(), self._tab.navigations
        await self._run_bounded("wait_stable", _MAX_ANIMATION_MS, self._checked_height, False)
        until = loop.time() + _LOADING_SECONDS[self._shot.navigation.wait_until]
        await self._virtual_time.advance(milliseconds, until - loop.time())
        for _ in range(_MAX_ROUNDS):
            if journeys != self._tab.navigations or not await self._run_bounded(
                "wait_stable", _MAX_ANIMATION_MS, self._checked_height, True
            ):
                return
            await self._virtual_time.advance(_FURTHER_MS, max(_POLL_INTERVAL, until - loop.time()))

    async def _run_bounded(self, script: str, *arguments: Any) -> Any:
        """What a script finds that waits for the page; None when it waits in vain."""
        with contextlib.suppress(TimeoutError, ScriptFailed):
            async with asyncio.timeout(_SCRIPT_SECONDS):
                return await self.with_time_running(self._tab.evaluate(script, *arguments), after=2 * _POLL_INTERVAL)
        return None

    async def _apply_changes(self) -> None:
        """Have the caller's changes made, and wait for what comes of them."""
        wanted = self._shot.page_changes
        await self._changer.add_styles()
        if wanted.js:
            await self.with_time_running(self._changer.run_script())
        if wanted.click:
            await self._find_element("click", wanted.click)
            await self._changer.click()
        if wanted.js or wanted.click:
            await self._virtual_time.sync_with_wall_clock(_POLL_INTERVAL)
            await self._wait_loaded()
            await self._changer.add_styles()

    async def with_time_running(self, work: Coroutine[Any, Any, _Result], after: float = 0) -> _Result:
        """The page's time keeps pace with ours, from so many seconds on until the work is done.

        While it stands still nothing that is loading arrives, and no frame that is due in its future is drawn.
        """

        async def passing() -> None:
            with contextlib.suppress(TargetClosed):
                await asyncio.sleep(after)
                if self._virtual_time.started:
                    await self._sleep(math.inf)

        time = asyncio.create_task(passing())
        try:
            return await work
        finally:
            time.cancel()

    async def _wait_for_element(self, parameter: str, selector: str) -> Any:
        while not (found := await self.query(parameter, _SCRIPT_OF_OPTION[parameter], selector)):
            await self._virtual_time.sync_with_wall_clock(_POLL_INTERVAL)
        return found

    async def _find_element(self, parameter: str, selector: str) -> Any:
        """An element a script may still have to draw; raises SelectorNotFound."""
        try:
            async with asyncio.timeout(_SELECTOR_SECONDS):
                return await self._wait_for_element(parameter, selector)
        except TimeoutError:
            raise selector_not_found(parameter) from None

    async def _scroll_near(self, top: float, height: float) -> None:
        """What is lazy in the part to photograph loads when it comes near."""
        if await self._tab.evaluate("scroll_near", top, height):
            await self._virtual_time.sync_with_wall_clock(_POLL_INTERVAL)
            await self._wait_stable()
            await self._tab.evaluate("scroll_to", 0)

    async def _sleep(self, seconds: float) -> None:
        """The page's time keeps pace with ours, so that what the page does meanwhile shows."""
        until = asyncio.get_running_loop().time() + seconds
        while (left := until - asyncio.get_running_loop().time()) > 0:
            await self._virtual_time.sync_with_wall_clock(min(_POLL_INTERVAL, left))


def selector_not_found(parameter: str) -> SelectorNotFound:
    """The failure for an element that is not on the page."""
    return SelectorNotFound(f"{parameter}: nothing on the page matches")
