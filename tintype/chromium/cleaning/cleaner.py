"""What is taken off a page that is not its own? Consent dialogues, chats, advertising: hidden early, refused late.

A style sheet hides what the rules name before it is first drawn. After the page has settled one look tells whether
there is a consent dialogue; only then it is refused, by its manager's own interface or its button, and the page gets
its scrolling back. All of it runs in a world of our own, except for the managers' interfaces, which are the page's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import structlog

from tintype.chromium.cdp.connection import Json, ProtocolError
from tintype.chromium.cdp.frames import Frame, Frames
from tintype.chromium.cdp.tab import ISOLATED_WORLD, ScriptFailed, Tab, call_expression
from tintype.chromium.cleaning import bundled_rules
from tintype.chromium.cleaning.cosmetic import CosmeticFilter
from tintype.chromium.cleaning.network import NetworkFilter
from tintype.chromium.proxy.traffic import Traffic
from tintype.filters.engine import FilterEngine
from tintype.options import Shot
from tintype.urls import host_of

log = structlog.get_logger("tintype.chromium")

_WITHIN = 1.5
"""Seconds for all of one cleaning; a page that makes it last longer stays as it is."""
_INTERFACES = 0.4
"""Seconds for the managers' own interfaces, which are the page's code."""


class PageCleaner:
    """Of one page, as one shot wants it; ``filters`` are the operator's lists, if there are any."""

    def __init__(self, tab: Tab, shot: Shot, traffic: Traffic, filters: FilterEngine | None = None) -> None:
        self._tab = tab
        self._shot = shot
        self._traffic = traffic
        self._frames = Frames(tab.session)
        asked = filters if shot.retouch.block_ads else None
        self._lists = CosmeticFilter(tab, self._frames, asked) if asked else None
        self.sieve = NetworkFilter(tab, self._frames, asked) if asked else None
        self._refused: set[str] = set()
        """Managers that were asked already: what they leave on the page is no news."""

    def prepare(self) -> Iterator[asyncio.Future[Json]]:
        """The calls before navigation."""
        css = bundled_rules.stylesheet(self._shot.retouch)
        if self._lists:
            css += "\n" + self._lists.stylesheet(self._shot.url)
        if self.sieve:
            self.sieve.put_up()
        if css:
            yield self._tab.session.post(
                "Page.addScriptToEvaluateOnNewDocument", source=call_expression("veil", css), worldName=ISOLATED_WORLD
            )

    async def clean(self) -> bool:
        """Refuse consent dialogues and remove them; whether there was one not seen before. Raises Ended."""
        try:
            async with asyncio.timeout(_WITHIN):
                await self._collapse()
                return self._shot.retouch.block_cookie_banners and await self._clean()
        except (TimeoutError, ScriptFailed, ProtocolError) as failure:
            log.debug("cleaning_failed", host=host_of(self._shot.url), reason=type(failure).__name__)
            return False

    async def _collapse(self) -> None:
        """Leave no broken pictures and frames where something was refused."""
        hosts = sorted({refusal.host for refusal in self._traffic.denials if refusal.reason == "blocked"})
        addresses = sorted(self.sieve.addresses) if self.sieve else []
        if hosts or addresses:
            await self._tab.evaluate("collapse", hosts, addresses)
        if self._lists:
            await self._lists.hide(addresses)

    async def _clean(self) -> bool:
        found = await self._consent("find")
        if not found:
            return False
        framed = bool(found["frames"]) and await self._clean_frames()
        if new := set(found["known"]) - self._refused:
            self._refused |= new
            await self._ask_managers()
        others = await self._consent("clear")
        log.debug("page_cleaned", host=host_of(self._shot.url), framed=framed, **found)
        return bool(framed or new or others)

    async def _ask_managers(self) -> None:
        session = self._tab.session
        try:
            async with asyncio.timeout(_INTERFACES):
                await session.call("Runtime.evaluate", expression=call_expression("refuse"))
        except TimeoutError:
            session.post("Runtime.terminateExecution")

    async def _clean_frames(self) -> bool:
        """Answer the dialogues that are frames as a whole and lie over the page."""
        return any([await self._clean_frame(frame) for frame in await self._frames.current()])

    async def _clean_frame(self, frame: Frame) -> bool:
        if not await frame.run("consent", "look", bundled_rules.managers(), bundled_rules.words()):
            return False
        if not await frame.call_on_element("owner", False):
            return False
        await frame.run("consent", "press", bundled_rules.managers(), bundled_rules.words())
        return bool(await frame.call_on_element("owner", True))

    async def _consent(self, step: str) -> Any:
        return await self._tab.evaluate("consent", step, bundled_rules.managers(), bundled_rules.words())
