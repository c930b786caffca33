"""How is one picture taken? The steps of a capture: emulate, navigate, settle, retouch, expose.

Two deadlines: at the soft one the page is frozen and taken as it is, at the hard one there is no picture. The blank
page before the first navigation and Chromium's own error pages are never a picture.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from tintype.chromium.capture import navigation_errors
from tintype.chromium.capture.emulation import emulate
from tintype.chromium.capture.interception import RequestInterceptor
from tintype.chromium.capture.pdf import PdfPrinter
from tintype.chromium.capture.readiness import PageReadiness
from tintype.chromium.capture.screenshot import RawCapture, Screenshotter
from tintype.chromium.cdp.connection import Json, ProtocolError
from tintype.chromium.cdp.tab import Tab
from tintype.chromium.cleaning.cleaner import PageCleaner
from tintype.chromium.proxy.traffic import Traffic
from tintype.errors import CaptureTimeout, TintypeError
from tintype.filters.engine import FilterEngine
from tintype.model import Capture
from tintype.options import INLINE_HTML_URL, Shot

SOFT_DEADLINE = 0.75
"""The soft deadline as a part of the time for a capture."""

_HTTP_ERROR = 400


class PageCapture:
    """One capture of one shot in a fresh tab."""

    def __init__(
        self,
        tab: Tab,
        shot: Shot,
        traffic: Traffic,
        user_agent: str,
        max_height: int,
        filters: FilterEngine | None = None,
    ) -> None:
        self.timings: dict[str, float] = {}
        self._tab = tab
        self._session = tab.session
        self._shot = shot
        self._traffic = traffic
        self._user_agent = user_agent
        self._cleaner = PageCleaner(tab, shot, traffic, filters)
        self._interceptor = RequestInterceptor(tab.session, shot, self._cleaner.network_filter)
        self._readiness = PageReadiness(tab, shot, self._cleaner, max_height)
        self._camera = PdfPrinter(tab, shot.pdf) if shot.pdf else Screenshotter(tab, shot, self._readiness, max_height)

    async def capture(self, within: float) -> Capture:
        """The picture, in so many seconds; raises TintypeError, or Ended when the page or the browser crashed."""
        now = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(now + within):
                await self._navigate()
                late = asyncio.get_running_loop().time() + within * (1 - SOFT_DEADLINE) / 2
                return await self._capture_before_deadline(max(now + within * SOFT_DEADLINE, late))
        except TimeoutError:
            raise CaptureTimeout from None

    async def _capture_before_deadline(self, soft: float) -> Capture:
        try:
            async with asyncio.timeout_at(soft):
                with self._timed("stabilize"):
                    await self._readiness.wait()
                return await self._screenshot()
        except TimeoutError:
            self._tab.freeze()
        await self._readiness.check_wait_for()
        return await self._screenshot()

    async def _navigate(self) -> None:
        shot, session = self._shot, self._session
        with self._timed("navigate"):
            await self._prepare()
            answer = await session.call("Page.navigate", url=shot.url)
            if answer.get("errorText"):
                refused = self._traffic.denials
                raise navigation_errors.from_navigation(
                    answer["errorText"],
                    refused[-1] if refused else None,
                    is_download=bool(answer.get("isDownload")),
                )
            await self._tab.wait_for("committed")
            self._check_document()

    async def _prepare(self) -> None:
        try:
            calls = [*emulate(self._session, self._shot, self._user_agent)]
            calls += [*self._interceptor.enable(), *self._cleaner.preload()]
            await asyncio.gather(self._session.call("Page.enable"), *calls)
        except ProtocolError as unknown:
            raise navigation_errors.from_emulation(unknown) or unknown from None

    async def _screenshot(self) -> Capture:
        with self._timed("screenshot"):
            while True:
                self._check_document()
                exposed = await self._camera.take()
                self._check_document()
                if exposed:
                    return self._finish(exposed)

    def _finish(self, exposed: RawCapture) -> Capture:
        facts = exposed.page_info
        status = int(facts.get("status", 0))
        if facts.get("empty") and status >= _HTTP_ERROR:
            raise navigation_errors.from_empty_error(status)
        return Capture(
            body=exposed.body,
            width=exposed.width,
            height=exposed.height,
            taken_at=time.time(),
            final_url=self._final_url(facts),
            status=status,
            title=str(facts.get("title", "")),
            partial=self._tab.frozen,
            truncated=exposed.truncated,
            timings=self.timings,
            features=facts.get("features") or {},
            meta=exposed.meta,
        )

    def _final_url(self, facts: Json) -> str:
        """Where the page is at last; one that came as HTML is nowhere."""
        address = str(facts.get("url") or self._tab.document.get("url", ""))
        return "" if address.startswith(INLINE_HTML_URL) else address

    def _check_document(self) -> None:
        """Raise what stands in the place of a page: an error page of Chromium's, a video, a document to download."""
        document = self._tab.document
        failed = document.get("unreachableUrl")
        if failed:
            raise self._unreachable_error(failed)
        failure = navigation_errors.from_content_type(str(document.get("mimeType", "")))
        if failure:
            raise failure

    def _unreachable_error(self, url: str) -> TintypeError:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return navigation_errors.from_navigation("", self._traffic.find_denial(parts.hostname or "", port))

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.timings[step] = self.timings.get(step, 0) + round((time.perf_counter() - start) * 1000, 1)
