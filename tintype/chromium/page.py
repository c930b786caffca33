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
from typing import Any
from urllib.parse import urlsplit

from tintype.chromium import crop, disguise, outcome
from tintype.chromium.cdp import Json, Refused
from tintype.chromium.crop import Crop
from tintype.chromium.tab import ScriptFailed, Tab
from tintype.chromium.traffic import Traffic
from tintype.errors import CaptureTimeout, EngineFailed, InvalidRequest, Mistake, SelectorNotFound, TintypeError
from tintype.model import Capture
from tintype.options import Shot

SOFT = 0.75
"""The soft deadline as a part of the time for a capture."""

_CALM = 1000
"""Milliseconds for fonts, images in view and animations, after the page counts as there."""
_SELECTOR_PATIENCE = 3.0
_POLL = 0.05
_HTTP_ERROR = 400
_HOPS = 5
"""Redirects by script or meta element that are followed before the page counts as settled."""
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
        self._waited = not shot.settle.wait_for
        """Whether what was to be waited for has been there."""

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
                await self._settle()
                return await self._expose()
        except TimeoutError:
            self._tab.freeze()
        await self._still_awaited()
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
        if disguise.is_mobile(emulate):
            yield post("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=5)
        if self._shot.navigate.wait_until == "networkidle":
            yield post("Page.setLifecycleEventsEnabled", enabled=True)
        parts = urlsplit(self._shot.url)
        yield post("Storage.overrideQuotaForOrigin", origin=f"{parts.scheme}://{parts.netloc}", quotaSize=_QUOTA)

    async def _settle(self) -> None:
        settle, expose = self._shot.settle, self._shot.expose
        with self._timed("settle"):
            await self._arrive()
            if settle.wait_for:
                await self._await_element("wait_for", settle.wait_for)
                self._waited = True
            if expose.selector:
                await self._await_selector(expose.selector)
            if expose.full_page:
                await self._tab.evaluate("unroll", self._max_height)
            if settle.delay:
                await asyncio.sleep(settle.delay / 1000)
            if settle.wait_for or expose.selector or expose.full_page or settle.delay:
                await self._arrive()

    async def _arrive(self) -> None:
        """Wait until the page is there and calm; where it sends the visitor on at once, until the next one is."""
        for _ in range(_HOPS):
            await self._tab.reach(self._shot.navigate.wait_until)
            journeys = self._tab.journeys
            self._check_document()
            await self._tab.evaluate("calm", _CALM)
            if journeys == self._tab.journeys:
                return

    async def _await_selector(self, selector: str) -> None:
        """The element to photograph may be drawn by a script, and what is lazy in it loads when it comes near."""
        try:
            async with asyncio.timeout(_SELECTOR_PATIENCE):
                box = await self._await_element("selector", selector)
        except TimeoutError:
            raise _not_found("selector") from None
        if await self._tab.evaluate("approach", box["y"], box["height"]):
            await self._tab.evaluate("calm", _CALM)
            await self._tab.evaluate("top")

    async def _await_element(self, parameter: str, selector: str) -> Any:
        script = "present" if parameter == "wait_for" else "element"
        while not (found := await self._query(parameter, script, selector)):  # noqa: ASYNC110 - it happens in the page
            await asyncio.sleep(_POLL)
        return found

    async def _still_awaited(self) -> None:
        """A page that kept us waiting for an element is only a picture if the element is there now."""
        if not self._waited and not await self._query("wait_for", "present", self._shot.settle.wait_for):
            raise _not_found("wait_for")

    async def _query(self, parameter: str, script: str, selector: str) -> Any:
        try:
            return await self._tab.evaluate(script, selector)
        except ScriptFailed:
            raise InvalidRequest(Mistake(parameter, "must be a valid CSS selector")) from None

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
            box = await self._query("selector", "element", expose.selector)
            if not box:
                raise _not_found("selector")
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


def _not_found(parameter: str) -> SelectorNotFound:
    return SelectorNotFound(f"{parameter}: nothing on the page matches")
