"""Removes consent dialogs, ads and chat widgets from a page, and nothing else.

Before the page is first drawn, style sheets hide the elements that the rules name. Once the page has loaded, a script
measures what a visitor would lose with them, and shows content again. Then another searches for a consent dialog. If
it finds one, it refuses by the consent manager's API or the button, hides the dialog and makes the page scrollable
again; in a capture with the caller's credentials it only hides. All scripts run in the isolated world, except for the
APIs: they are the page's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from tintype.chromium.capture.context import PageContext
from tintype.chromium.cdp.connection import Json, ProtocolError
from tintype.chromium.cdp.frames import Frame
from tintype.chromium.cdp.tab import ISOLATED_WORLD, ScriptFailed, call_expression
from tintype.chromium.cleaning import bundled_rules, closed_hosts, cosmetic

_MIN_SECONDS, _TIME_SHARE = 1.5, 0.25
"""Time limit of one cleaning: 1.5 s, or a quarter of the time until the soft deadline if that is more. A page that
takes longer stays as it is."""
_API_SECONDS = 0.4
"""Seconds for the APIs of consent managers."""


def preload_hiding(page: PageContext) -> Iterator[asyncio.Future[Json]]:
    """The call that applies the bundled rules and filter lists before each document is first drawn."""
    named, listed = bundled_rules.named_rules(page.shot.page_changes), cosmetic.stylesheet(page)
    if named or listed:
        script = call_expression("preload_hiding", named, listed)
        yield page.session.post("Page.addScriptToEvaluateOnNewDocument", source=script, worldName=ISOLATED_WORLD)


async def clean_page(page: PageContext) -> bool:
    """Hide blocked elements, refuse and hide consent dialogs. Raises TargetClosed.

    True if the page may change now: there was a new dialog, or content is shown again that was hidden by mistake.
    """
    try:
        async with asyncio.timeout(_time_limit(page)):
            shown = await _hide_named(page)
            shown = await _hide_blocked(page) or shown
            found = page.shot.page_changes.block_cookie_banners and await _remove_consent(page)
            return shown or found
    except (TimeoutError, ScriptFailed, ProtocolError) as failure:
        page.log.info("cleaning_failed", reason=type(failure).__name__)
        return False


def _time_limit(page: PageContext) -> float:
    """Seconds: cleaning takes milliseconds on an idle machine, and seconds on a loaded one."""
    return max(_MIN_SECONDS, (page.deadline - asyncio.get_running_loop().time()) * _TIME_SHARE)


async def _hide_named(page: PageContext) -> bool:
    """Hide the elements that the bundled rules name; True if some that were hidden are content, and shown again."""
    kinds = bundled_rules.named_rules(page.shot.page_changes)
    if not kinds:
        return False
    await closed_hosts.register_hosts(page)
    shown = await page.tab.evaluate("hide_named", kinds, None)
    if shown is None:  # elements have to be judged
        shown = await page.tab.evaluate("hide_named", kinds, bundled_rules.consent_words())
    return bool(shown)


async def _hide_blocked(page: PageContext) -> bool:
    """Hide images and frames that would show as broken because their host or URL was blocked, and what lists name.

    True if the lists had hidden content, which is shown again.
    """
    hosts = sorted({denial.host for denial in page.traffic.denials if denial.reason == "blocked"})
    if hosts or page.blocked_urls:
        await page.tab.evaluate("hide_blocked", hosts, sorted(page.blocked_urls))
    return await cosmetic.hide_elements(page)


async def _remove_consent(page: PageContext) -> bool:
    """Refuse and hide the dialogs; True if one was found that the last call did not see."""
    found = await _run_consent(page, "find")
    if not found:
        return False
    framed = bool(found["frames"]) and await _clean_frames(page)
    if new := set(found["known"]) - page.called_managers:
        page.called_managers |= new
        if not page.shot.has_credentials:
            await _call_consent_apis(page, new)
    others = await _run_consent(page, "clear")
    page.log.debug("page_cleaned", framed=framed, **found)
    return bool(framed or new or others)


async def _call_consent_apis(page: PageContext, managers: set[str]) -> None:
    try:
        async with asyncio.timeout(_API_SECONDS):
            await page.session.call("Runtime.evaluate", expression=call_expression("consent_apis", sorted(managers)))
    except TimeoutError:
        page.session.post("Runtime.terminateExecution")


async def _clean_frames(page: PageContext) -> bool:
    """Refuse the dialogs that fill a frame which lies over the page."""
    return any([await _clean_frame(page, frame) for frame in await page.frames.current()])


async def _clean_frame(page: PageContext, frame: Frame) -> bool:
    if not await frame.run("consent", "look", *_consent_data(page)):
        return False
    if not await frame.call_on_element("frame_overlay", False):
        return False
    await frame.run("consent", "press", *_consent_data(page))
    return bool(await frame.call_on_element("frame_overlay", True))


async def _run_consent(page: PageContext, step: str) -> Any:
    return await page.tab.evaluate("consent", step, *_consent_data(page))


def _consent_data(page: PageContext) -> tuple[Any, ...]:
    """The arguments of ``consent.js``. It may press buttons unless the page knows the caller by credentials."""
    return bundled_rules.consent_managers(), bundled_rules.consent_words(), not page.shot.has_credentials
