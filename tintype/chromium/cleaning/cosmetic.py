"""What do an operator's filter lists hide on a page? By its address at once, by what is on it afterwards."""

from __future__ import annotations

from tintype.chromium.cdp.frames import Frames
from tintype.chromium.cdp.tab import Tab
from tintype.chromium.cleaning import bundled_rules
from tintype.filters.engine import FilterEngine

_MAX_NAMES = 5000
"""Class names, and ids, that are asked about."""


class CosmeticFilter:
    """The element rules of the lists, on one page and in its frames."""

    def __init__(self, tab: Tab, frames: Frames, filters: FilterEngine) -> None:
        self._tab = tab
        self._frames = frames
        self._filters = filters

    def stylesheet(self, url: str) -> str:
        """What is hidden on a page of this address, whatever is on it."""
        return bundled_rules.hiding_css(self._filters.cosmetic_rules(url).selectors)

    async def hide(self, blocked_urls: list[str]) -> None:
        """Hide, in the frames too, what the names there stand for and what was refused.

        Raises Ended, Refused, ScriptFailed.
        """
        url = str(self._tab.document.get("url", ""))
        if css := self._by_class_and_id(url, await self._tab.evaluate("class_names", _MAX_NAMES)):
            await self._tab.evaluate("add_stylesheet", css)
        for frame in await self._frames.current():
            if frame.url.startswith("http") and (found := await frame.run("class_names", _MAX_NAMES)):
                await frame.run("hide_blocked", [], blocked_urls)
                await frame.run(
                    "add_stylesheet", self.stylesheet(frame.url) + "\n" + self._by_class_and_id(frame.url, found)
                )

    def _by_class_and_id(self, url: str, found: list[list[str]]) -> str:
        names, ids = found
        return bundled_rules.hiding_css(
            self._filters.hidden_by_class_or_id(names, ids, self._filters.cosmetic_rules(url))
        )
