"""How is one picture taken? The steps of a capture: emulate, navigate, settle, retouch, expose.

Two deadlines: at the soft one the page is frozen and taken as it is, at the hard one there is no picture. The blank
page before the first navigation and Chromium's own error pages are never a picture.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from tintype.chromium import crop, disguise, outcome
from tintype.chromium.cdp import Json, Refused
from tintype.chromium.crop import Crop
from tintype.chromium.settle import Settling, not_found
from tintype.chromium.tab import ScriptFailed, Tab, source
from tintype.chromium.traffic import Traffic
from tintype.errors import CaptureTimeout, EngineFailed, TintypeError
from tintype.model import Capture
from tintype.options import Shot

SOFT = 0.75
"""The soft deadline as a part of the time for a capture."""

_HTTP_ERROR = 400
_QUOTA = 10_000_000
"""Bytes a page may store: storage of a context lives in the browser process's memory."""


class Page:
    """One capture of one shot in a fresh tab."""

    def __init__(self, tab: Tab, shot: Shot, traffic: Traffic, user_agent: str, max_height: int) -> None:
        self.timings: dict[str, float] = {}
        self._tab = tab
        self._session = tab.session
        self._shot = shot
        self._traffic = traffic
        self._user_agent = user_agent
        self._max_height = max_height
        self._settling = Settling(tab, shot, max_height)

    async def capture(self, within: float) -> Capture:
        """The picture, in so many seconds; raises TintypeError, or Ended when the page or the browser crashed."""
        now = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(now + within):
                await self._navigate()
                late = asyncio.get_running_loop().time() + within * (1 - SOFT) / 2
                return await self._take(max(now + within * SOFT, late))
        except TimeoutError:
            raise CaptureTimeout from None

    async def _take(self, soft: float) -> Capture:
        try:
            async with asyncio.timeout_at(soft):
                with self._timed("settle"):
                    await self._settling.settle()
                return await self._expose()
        except TimeoutError:
            self._tab.freeze()
        await self._settling.insist()
        return await self._expose()

    async def _navigate(self) -> None:
        shot, session = self._shot, self._session
        with self._timed("navigate"):
            await asyncio.gather(session.call("Page.enable"), *self._emulate())
            answer = await session.call("Page.navigate", url=shot.url)
            if answer.get("errorText"):
                refused = self._traffic.refused
                raise outcome.of_navigation(
                    answer["errorText"],
                    refused[-1] if refused else None,
                    is_download=bool(answer.get("isDownload")),
                )
            await self._tab.reach("committed")
            self._check_document()

    def _emulate(self) -> Iterator[asyncio.Future[Json]]:
        """Sent in one go: Chromium takes the calls of a session in order."""
        emulate, post = self._shot.emulate, self._session.post
        yield post("Emulation.setDeviceMetricsOverride", **disguise.metrics(emulate))
        yield post("Emulation.setUserAgentOverride", **disguise.identity(emulate, self._user_agent))
        scheme = {"name": "prefers-color-scheme", "value": "dark" if emulate.dark_mode else "light"}
        yield post("Emulation.setEmulatedMedia", features=[scheme])
        yield post("Page.addScriptToEvaluateOnNewDocument", source=source("frames"))
        if disguise.is_mobile(emulate):
            yield post("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=5)
        if self._shot.navigate.wait_until == "networkidle":
            yield post("Page.setLifecycleEventsEnabled", enabled=True)
        parts = urlsplit(self._shot.url)
        yield post("Storage.overrideQuotaForOrigin", origin=f"{parts.scheme}://{parts.netloc}", quotaSize=_QUOTA)

    async def _expose(self) -> Capture:
        """The picture of what is there, asked again while the page is between two documents."""
        with self._timed("expose"):
            while True:
                self._check_document()
                try:
                    area = await self._area()
                    facts, picture = await asyncio.gather(self._facts(), self._photograph(area))
                except Refused as refusal:
                    if "Unable to capture" in refusal.message:
                        raise EngineFailed("the page is too large to photograph") from None
                    await asyncio.sleep(0.1)
                    continue
                self._check_document()
                break
        return self._finish(facts, picture, area)

    async def _area(self) -> Crop | None:
        """The part of the page to photograph; None is the viewport."""
        emulate, expose = self._shot.emulate, self._shot.expose
        if expose.selector:
            box = await self._settling.query("selector", "element", expose.selector)
            if not box:
                raise not_found("selector")
            return crop.fitting(Crop(**box), emulate.scale, self._max_height)
        if expose.full_page:
            size = (await self._session.call("Page.getLayoutMetrics"))["cssContentSize"]
            box = Crop(0, 0, emulate.width, max(size["height"], emulate.height))
            return crop.fitting(box, emulate.scale, self._max_height)
        return None

    async def _photograph(self, area: Crop | None) -> bytes:
        more = area.parameters() if area else {}
        answer = await self._session.call("Page.captureScreenshot", format="png", optimizeForSpeed=True, **more)
        return await asyncio.to_thread(base64.b64decode, answer["data"])

    async def _facts(self) -> Json:
        """What the page says about itself; a page too busy to say has at least an address."""
        with contextlib.suppress(TimeoutError, ScriptFailed):
            async with asyncio.timeout(1):
                return dict(await self._tab.evaluate("facts") or {})
        return {}

    def _finish(self, facts: Json, picture: bytes, area: Crop | None) -> Capture:
        status = int(facts.get("status", 0))
        if facts.get("empty") and status >= _HTTP_ERROR:
            raise outcome.of_empty_error(status)
        try:
            width, height = crop.png_size(picture)
        except ValueError:
            raise EngineFailed("the browser gave an empty picture") from None
        return Capture(
            body=picture,
            width=width,
            height=height,
            taken_at=time.time(),
            final_url=facts.get("url") or str(self._tab.document.get("url", "")),
            status=status,
            title=str(facts.get("title", "")),
            partial=self._tab.frozen,
            truncated=bool(area and area.truncated),
            timings=self.timings,
        )

    def _check_document(self) -> None:
        """Raise what stands in the place of a page: an error page of Chromium's, a video, a document to download."""
        document = self._tab.document
        failed = document.get("unreachableUrl")
        if failed:
            raise self._of_unreachable(failed)
        failure = outcome.of_content(str(document.get("mimeType", "")))
        if failure:
            raise failure

    def _of_unreachable(self, url: str) -> TintypeError:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return outcome.of_navigation("", self._traffic.refusal(parts.hostname or "", port))

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.timings[step] = self.timings.get(step, 0) + round((time.perf_counter() - start) * 1000, 1)
