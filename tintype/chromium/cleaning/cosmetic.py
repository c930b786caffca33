"""Cosmetic rules of the operator's filter lists: hides elements by the page's URL, and by classes and ids on it."""

from __future__ import annotations

from tintype.chromium.capture.context import PageContext
from tintype.chromium.cleaning import bundled_rules
from tintype.filters.engine import FilterEngine

_MAX_NAMES = 5000
"""Maximum class names, and maximum ids, that are looked up in the lists."""


def stylesheet(page: PageContext) -> str:
    """A style sheet of the rules for the target's URL; empty without lists."""
    return _by_url(page.filters, page.shot.url) if page.filters else ""


async def hide_elements(page: PageContext) -> bool:
    """Hide elements that the lists name by class or id, in the page and its frames, and blocked ones in the frames.

    True if the lists had hidden most of the page, which is shown again. Raises TargetClosed, ProtocolError,
    ScriptFailed.
    """
    if not page.filters:
        return False
    names = await page.tab.evaluate("class_names", _MAX_NAMES)
    if css := _by_class_and_id(page.filters, page.url, names):
        await page.tab.evaluate("add_stylesheet", css)
    for frame in await page.frames.current():
        if frame.url.startswith("http") and (names := await frame.run("class_names", _MAX_NAMES)):
            css = _by_url(page.filters, frame.url) + "\n" + _by_class_and_id(page.filters, frame.url, names)
            await frame.run("hide_blocked", [], sorted(page.blocked_urls))
            await frame.run("add_stylesheet", css)
    return bool(await page.tab.evaluate("weigh_lists"))


def _by_url(filters: FilterEngine, url: str) -> str:
    return bundled_rules.hiding_css(filters.cosmetic_rules(url).selectors)


def _by_class_and_id(filters: FilterEngine, url: str, names: list[list[str]]) -> str:
    classes, ids = names
    return bundled_rules.hiding_css(filters.hidden_by_class_or_id(classes, ids, filters.cosmetic_rules(url)))
