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

_MAX_SECONDS = 1.5
"""Seconds for all of one cleaning; a page that makes it last longer stays as it is."""
_API_SECONDS = 0.4
"""Seconds for the managers' own interfaces, which are the page's code."""


class PageCleaner:
    """Of one page, as one shot wants it; ``filters`` are the operator's lists, if there are any."""

    def __init__(self, tab: Tab, shot: Shot, traffic: Traffic, filters: FilterEngine | None = None) -> None:
        self._tab = tab
        self._shot = shot
        self._traffic = traffic
        self._frames = Frames(tab.session)
        asked = filters if shot.page_changes.block_ads else None
        self._cosmetic_filter = CosmeticFilter(tab, self._frames, asked) if asked else None
        self.network_filter = NetworkFilter(tab, self._frames, asked) if asked else None
        self._managers_called: set[str] = set()
        """Managers that were asked already: what they leave on the page is no news."""

    def preload(self) -> Iterator[asyncio.Future[Json]]:
        """The calls before navigation."""
        css = bundled_rules.stylesheet(self._shot.page_changes)
        if self._cosmetic_filter:
            css += "\n" + self._cosmetic_filter.stylesheet(self._shot.url)
        if self.network_filter:
            self.network_filter.enable()
        if css:
            yield self._tab.session.post(
                "Page.addScriptToEvaluateOnNewDocument",
                source=call_expression("preload_styles", css),
                worldName=ISOLATED_WORLD,
            )

    async def clean(self) -> bool:
        """Refuse consent dialogues and remove them; whether there was one not seen before. Raises Ended."""
        try:
            async with asyncio.timeout(_MAX_SECONDS):
                await self._hide_blocked()
                return self._shot.page_changes.block_cookie_banners and await self._remove_consent()
        except (TimeoutError, ScriptFailed, ProtocolError) as failure:
            log.debug("cleaning_failed", host=host_of(self._shot.url), reason=type(failure).__name__)
            return False

    async def _hide_blocked(self) -> None:
        """Leave no broken pictures and frames where something was refused."""
        hosts = sorted({refusal.host for refusal in self._traffic.denials if refusal.reason == "blocked"})
        addresses = sorted(self.network_filter.blocked_urls) if self.network_filter else []
        if hosts or addresses:
            await self._tab.evaluate("hide_blocked", hosts, addresses)
        if self._cosmetic_filter:
            await self._cosmetic_filter.hide(addresses)

    async def _remove_consent(self) -> bool:
        found = await self._run_consent("find")
        if not found:
            return False
        framed = bool(found["frames"]) and await self._clean_frames()
        if new := set(found["known"]) - self._managers_called:
            self._managers_called |= new
            await self._call_consent_apis()
        others = await self._run_consent("clear")
        log.debug("page_cleaned", host=host_of(self._shot.url), framed=framed, **found)
        return bool(framed or new or others)

    async def _call_consent_apis(self) -> None:
        session = self._tab.session
        try:
            async with asyncio.timeout(_API_SECONDS):
                await session.call("Runtime.evaluate", expression=call_expression("consent_apis"))
        except TimeoutError:
            session.post("Runtime.terminateExecution")

    async def _clean_frames(self) -> bool:
        """Answer the dialogues that are frames as a whole and lie over the page."""
        return any([await self._clean_frame(frame) for frame in await self._frames.current()])

    async def _clean_frame(self, frame: Frame) -> bool:
        if not await frame.run("consent", "look", bundled_rules.consent_managers(), bundled_rules.consent_words()):
            return False
        if not await frame.call_on_element("frame_overlay", False):
            return False
        await frame.run("consent", "press", bundled_rules.consent_managers(), bundled_rules.consent_words())
        return bool(await frame.call_on_element("frame_overlay", True))

    async def _run_consent(self, step: str) -> Any:
        return await self._tab.evaluate(
            "consent", step, bundled_rules.consent_managers(), bundled_rules.consent_words()
        )
