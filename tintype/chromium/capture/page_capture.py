"""One capture from navigation to result: calls the steps in order, under two deadlines.

``Browser`` opens the page. Then: emulate, intercept, preload, navigate, wait, clean, change, wait_for, region,
full page, scroll_to, delay, screenshot or PDF with the page's features, result. Each option is applied in the step that
names it.

There are two deadlines. At the soft one the page is frozen and captured as it is; at the hard one the capture fails.
The blank page before the first navigation and Chromium's own error pages are never captured.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from tintype.chromium.capture import (
    anchor,
    full_page,
    lasting_state,
    motion,
    navigation_errors,
    page_changes,
    readiness,
    visible_rows,
)
from tintype.chromium.capture.context import PageContext
from tintype.chromium.capture.element_boxes import read_elements
from tintype.chromium.capture.elements import element_not_found, find_element, query, wait_for_element
from tintype.chromium.capture.emulation import emulate
from tintype.chromium.capture.features import read_features, read_metadata
from tintype.chromium.capture.interception import RequestInterceptor
from tintype.chromium.capture.page_area import find_page_area
from tintype.chromium.capture.partial import find_partial_reasons
from tintype.chromium.capture.pdf import print_pdf
from tintype.chromium.capture.screenshot import RawCapture, take_screenshot
from tintype.chromium.capture.virtual_time import POLL_INTERVAL
from tintype.chromium.cdp.connection import CdpSession, Json, ProtocolError
from tintype.chromium.cdp.tab import ScriptFailed, call_expression
from tintype.chromium.cleaning.cleaner import clean_page, preload_hiding
from tintype.chromium.proxy.traffic import DenialReason
from tintype.errors import CaptureTimeout, EngineError, TintypeError
from tintype.model import Capture
from tintype.options import INLINE_HTML_URL

SOFT_DEADLINE = 0.75
"""The soft deadline as a part of the time for a capture."""
MAX_BLOCKED_HOSTS = 5
"""Hosts of blocklists through which one page may navigate."""
_RETRY_DELAY = 0.1
"""Seconds between two screenshots while the page is between two documents."""
_HTTP_ERROR = 400


class PageCapture:
    """One capture of a page that was just opened. Its methods are the steps."""

    def __init__(self, page: PageContext) -> None:
        self.page = page
        self.part: tuple[float, float] | None = None
        """Top and bottom of ``selector`` or ``clip``, in CSS pixels from the top of the page."""

    async def run(self, seconds: float) -> Capture:
        """Raises TintypeError, or TargetClosed if the page or the browser crashed."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        try:
            async with asyncio.timeout_at(start + seconds):
                with self.page.timed("navigate"):
                    await self.prepare()
                    await self.navigate()
                # Even after a slow navigation the page gets at least half of the time after the usual soft deadline.
                least = loop.time() + seconds * (1 - SOFT_DEADLINE) / 2
                self.page.deadline = max(start + seconds * SOFT_DEADLINE, least)
                return await self.capture_before_deadline()
        except TimeoutError:
            raise CaptureTimeout from None
        except ScriptFailed as error:
            self.page.log.warning("page_script_failed", reason=str(error))
            raise EngineError("a script of Tintype failed in the page") from None

    async def capture_before_deadline(self) -> Capture:
        """Stabilize and take the screenshot; at the soft deadline freeze the page and take the screenshot then."""
        try:
            async with asyncio.timeout_at(self.page.deadline):
                with self.page.timed("stabilize"):
                    await self.stabilize()
                return await self.screenshot()
        except TimeoutError:
            self.page.tab.freeze()
        await self.check_wait_for()
        return await self.screenshot()

    async def prepare(self) -> None:
        """Send all calls before navigation and await them together; raises InvalidRequest for a rejected value."""
        page = self.page
        try:
            intercepted = RequestInterceptor(page).enable()
            await asyncio.gather(*self.open(), *emulate(page), *intercepted, *self.preload(), *self.isolate())
        except ProtocolError as error:
            raise navigation_errors.from_emulation(error, page.shot.emulation) or error from None

    def open(self) -> Iterator[asyncio.Future[Json]]:
        """Subscribe to the page's events, including those of ``wait_until``."""
        yield self.page.session.post("Page.enable")
        if self.page.shot.navigation.wait_until == "networkidle":
            yield self.page.network.enable()

    def preload(self) -> Iterator[asyncio.Future[Json]]:
        """Scripts that run before the page's own: clocks, counts of pending work, caller's styles, hidden elements."""
        if self.page.shot.has_credentials:  # its browser isolates sites
            self.page.frames.attach_to_new(self._prepare_isolated_frame)
        yield from self._preload_own(self.page.session)
        yield from anchor.preload_anchor(self.page)
        yield from page_changes.preload_styles(self.page)
        yield from preload_hiding(self.page)
        yield motion.preload_stop(self.page)

    def isolate(self) -> Iterator[asyncio.Future[Json]]:
        """Clear a kept browser context, and watch what the page leaves in one that may be kept."""
        if self.page.is_reused:
            yield from lasting_state.clear(self.page.tab)
        if self.page.is_keepable:
            yield from self.page.lasting_state.watch()

    def _preload_own(self, session: CdpSession) -> Iterator[asyncio.Future[Json]]:
        for script in ("page_clock", "closed_roots", "pending_work"):
            source = call_expression(script, self.page.key)
            yield session.post("Page.addScriptToEvaluateOnNewDocument", source=source)

    def _prepare_isolated_frame(self, session: CdpSession) -> None:
        """Prepare a frame in a process of its own: it inherits neither our scripts nor the page's virtual time."""
        session.post("Page.enable")
        for _ in self._preload_own(session):
            pass
        self.page.virtual_time.include(session)

    async def navigate(self) -> None:
        """Load ``url`` or ``html`` and wait until the document is committed."""
        page = self.page
        answer = await page.session.call("Page.navigate", url=page.shot.url)
        while error := answer.get("errorText"):
            denials, is_download = page.traffic.denials, bool(answer.get("isDownload"))
            denial = denials[-1] if denials else None
            if not (denial and navigation_errors.is_denied(error) and self._unblock(denial)):
                raise navigation_errors.from_navigation(error, denial, is_download=is_download)
            answer = await self._navigate_again(page.shot.url)
        await page.tab.wait_for("committed")
        self._check_document()

    async def _navigate_again(self, url: str) -> Json:
        """Navigate after Chromium has committed its error page; returns when the new document is committed."""
        page = self.page
        await page.tab.wait_for("committed")
        navigations = page.tab.navigations
        answer = await page.virtual_time.with_time_running(page.session.call("Page.navigate", url=url))
        await page.tab.wait_for_navigation(navigations)
        return answer

    def _unblock(self, denial: DenialReason) -> bool:
        """Permit a host of a blocklist, because the page itself navigates to it: links of affiliates lead through such.

        Returns False if it was denied for another reason, or if the page navigates to too many.
        """
        hosts = self.page.traffic.page_hosts
        if denial.reason != "blocked" or denial.host in hosts or len(hosts) >= MAX_BLOCKED_HOSTS:
            return False
        hosts.add(denial.host)
        return True

    async def stabilize(self) -> None:
        """The steps between navigation and screenshot; raises SelectorNotFound or InvalidRequest."""
        await self.wait()
        await self.clean()
        await self.change()
        await self.wait_for()
        await self.show_region()
        await self.show_full_page()
        await self.scroll_to()
        await self.delay()
        await self.wait_again()
        await self.restore_seen()
        await self.hold_motion()
        await self.unpin_fixed()

    async def wait(self) -> None:
        """Wait for ``wait_until`` and a stable page, also if scripts lead it through a host of a blocklist."""
        await readiness.wait_loaded(self.page)
        while (url := self.page.tab.document.get("unreachableUrl")) and (denial := self._denial_of(url)):
            if not self._unblock(denial):
                return
            await self._navigate_again(url)
            await readiness.wait_loaded(self.page)

    async def clean(self) -> None:
        """Apply ``block_cookie_banners``, ``block_ads``, ``block_chats``; again after a refusal: some pages reload."""
        if await clean_page(self.page):
            await self.page.virtual_time.sync_with_wall_clock(POLL_INTERVAL)
            await readiness.wait_loaded(self.page)
            await clean_page(self.page)

    async def change(self) -> None:
        """Apply ``css``, ``hide_selectors``, ``js`` and ``click``, then wait for a stable page."""
        page, changes = self.page, self.page.shot.page_changes
        await page_changes.add_styles(page)
        if changes.js:
            await page.virtual_time.with_time_running(page_changes.run_script(page))
        if changes.click:
            await page_changes.click(page)
        if changes.js or changes.click:
            await page.virtual_time.sync_with_wall_clock(POLL_INTERVAL)
            await readiness.wait_loaded(page)
            await page_changes.add_styles(page)

    async def wait_for(self) -> None:
        """Wait for an element that matches ``wait_for``, until the soft deadline."""
        if selector := self.page.shot.wait.wait_for:
            await wait_for_element(self.page, "wait_for", selector)
            self.page.found_wait_for = True

    async def check_wait_for(self) -> None:
        """Raise SelectorNotFound if the soft deadline ended ``wait_for`` and still no element matches."""
        selector = self.page.shot.wait.wait_for
        if selector and not self.page.found_wait_for and not await query(self.page, "wait_for", selector):
            raise element_not_found("wait_for")

    async def show_region(self) -> None:
        """Scroll near ``selector`` and ``clip``, so that lazy content loads, and expand scrollers that hide it."""
        page, region = self.page, self.page.shot.region
        if region.selector or region.clip or region.full_page or page.shot.pdf:
            await anchor.scroll_to_top(page)
        if region.selector:
            box = await find_element(page, "selector", region.selector)
            if box["hidden"]:
                await full_page.expand_scrollers(page)
                box = await find_element(page, "selector", region.selector)
            await self._show_part(box["y"], box["y"] + box["height"])
        if region.clip:
            if (await find_page_area(page)).height < region.clip[1] + region.clip[3]:
                await full_page.expand_scrollers(page)
            await self._show_part(region.clip[1], region.clip[1] + region.clip[3])

    async def _show_part(self, top: float, bottom: float) -> None:
        """Scroll near a part of the page, and through it if it is taller than the viewport, so that it loads."""
        self.part = (top, bottom)
        await readiness.scroll_near(self.page, top, bottom - top)
        if bottom - top > self.page.shot.emulation.height:
            await full_page.scroll_through_part(self.page, top, bottom)
            await readiness.wait_stable(self.page)

    async def show_full_page(self) -> None:
        """For ``full_page`` and every PDF, scroll through the page once."""
        if self.page.shot.region.full_page or self.page.shot.pdf:
            await full_page.scroll_through(self.page)
            self.page.checked_height = full_page.image_height(self.page)

    async def scroll_to(self) -> None:
        """Scroll to the position or the element of ``scroll_to``, or to an anchor that scripts have created."""
        if target := self.page.shot.region.scroll_to:
            await find_element(self.page, "scroll_to", target)
        await anchor.scroll_to_anchor(self.page)

    async def delay(self) -> None:
        """Wait ``delay`` milliseconds."""
        if milliseconds := self.page.shot.wait.delay:
            await self.page.virtual_time.sleep(milliseconds / 1000)

    async def wait_again(self) -> None:
        """Wait and clean again if a step from ``wait_for`` to ``delay`` was needed."""
        wait, region = self.page.shot.wait, self.page.shot.region
        await anchor.scroll_to_anchor(self.page)
        is_part = region.selector or region.clip or region.full_page or self.page.shot.pdf
        has_scrolled = region.scroll_to or self.page.scrolled_to_anchor
        if wait.wait_for or is_part or has_scrolled or wait.delay:
            await self.wait()
            await self.clean()
        if self.page.shot.page_changes.hide_selectors:  # in shadow trees that have appeared since
            await page_changes.add_styles(self.page)

    async def restore_seen(self) -> None:
        """For a part of the page, show what is below the viewport as it was seen; with its lost rows."""
        region = self.page.shot.region
        if region.full_page or region.selector or region.clip:
            await full_page.restore_seen(self.page)
            await visible_rows.capture_lost_rows(self.page, self.part)

    async def hold_motion(self) -> None:
        """Take what moves at its end, and what never ends at a fixed moment."""
        if await motion.hold(self.page):
            await readiness.wait_stable(self.page)
            await motion.hold(self.page)

    async def unpin_fixed(self) -> None:
        """For ``full_page``, show each fixed element once."""
        if self.page.shot.region.full_page:
            await full_page.unpin_fixed(self.page)

    async def screenshot(self) -> Capture:
        """The screenshot or PDF, while the page reports its features; again if the page moved to another document."""
        page = self.page
        with page.timed("screenshot"):
            while True:
                self._check_document()
                try:
                    # not during a screenshot, which may resize the window
                    boxes = await read_elements(page) if page.shot.region.elements else {}
                    image = asyncio.ensure_future(
                        print_pdf(page, page.shot.pdf) if page.shot.pdf else take_screenshot(page)
                    )
                    page.info, page.metadata, raw, page.partial_reasons = await asyncio.gather(
                        read_features(page, image), read_metadata(page, image), image, find_partial_reasons(page)
                    )
                except ProtocolError:
                    await asyncio.sleep(_RETRY_DELAY)
                    continue
                self._check_document()
                page.metadata |= boxes if page.metadata else {}
                if page.partial_reasons:
                    page.log.info("capture_partial", reasons=page.partial_reasons)
                return self.result(raw)

    def result(self, raw: RawCapture) -> Capture:
        """The master with what the page reported; raises TargetError for an HTTP error without content."""
        page, info = self.page, self.page.info
        status = int(info.get("status", 0))
        if info.get("empty") and status >= _HTTP_ERROR:
            raise navigation_errors.from_empty_error(status)
        final_url = str(info.get("url") or page.url)
        return Capture(
            body=raw.body,
            width=raw.width,
            height=raw.height,
            taken_at=time.time(),
            final_url="" if final_url.startswith(INLINE_HTML_URL) else final_url,
            status=status,
            title=str(info.get("title", "")),
            partial=bool(page.partial_reasons),
            truncated=raw.truncated,
            timings=page.timings,
            features=info.get("features") or {},
            features_unavailable=not info.get("features"),
            meta=page.metadata,
        )

    def _check_document(self) -> None:
        """Raise for what is not a page: an error page of Chromium's, a video, a document to download."""
        document = self.page.tab.document
        if unreachable := document.get("unreachableUrl"):
            raise self._unreachable_error(unreachable)
        if failure := navigation_errors.from_content_type(str(document.get("mimeType", ""))):
            raise failure

    def _unreachable_error(self, url: str) -> TintypeError:
        """The error for the connection that the egress proxy denied, or that failed."""
        return navigation_errors.from_navigation("", self._denial_of(url))

    def _denial_of(self, url: str) -> DenialReason | None:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return self.page.traffic.find_denial(parts.hostname or "", port)
