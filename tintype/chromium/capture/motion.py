"""Takes what moves at its end, and what never ends at a moment that is the same in each capture.

The rule:

- A CSS or Web Animation, a transition, a view transition and a SMIL animation that ends within 8 s of its beginning is
  taken at its end. The page receives the events of the end, and what it starts then is finished too.
- One that is longer or endless is taken as it is 5.3 s after its beginning. ``delay`` is added to both times.
- An animated GIF, PNG, WebP or AVIF image and a video that plays are taken at their first frame, a marquee as if it did
  not move.
- A loop of animation frames is taken after a multiple of 300 frames, at a time of the page that is a multiple of 10 s.

What a page moves by timers follows its virtual time and has no such moment.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

from tintype.chromium.capture.context import PageContext
from tintype.chromium.capture.virtual_time import POLL_INTERVAL
from tintype.chromium.cdp.connection import CdpSession, Json
from tintype.chromium.cdp.frames import Frame
from tintype.chromium.cdp.tab import ISOLATED_WORLD, ScriptFailed, call_expression

_END_MS = 8000
"""Animations that end within this time of their beginning are taken at their end."""
_MOMENT_MS = 5300
"""Age at which longer animations are taken. Few common periods divide it: an endless fade is rarely invisible then."""
HOLD_SECONDS = 4.0
"""Real seconds for loops of animation frames; loops of a page that computes more end where they are."""
_FEW_FRAMES, _MANY_FRAMES = 16, 128
"""Animation frames per call of the script, at least and at most."""
_CALL_SECONDS = 0.1
"""Real seconds that a call should last."""
_SCRIPT_SECONDS = 5.0
"""Real seconds for everything else."""
_VIDEO_SECONDS = 0.5
"""Real seconds for videos to show their first frame."""
_DRAW_SECONDS = 3.0
_SVG_STEP = 0.02
"""Seconds in which Chromium moves the animations of SVG images: it does so 60 times per second."""
MAX_SVG_IMAGES = 30
"""SVG images of a process that are searched for animations, each up to the next number of bytes."""
MAX_SVG_BYTES = 500_000
_SVG_MOTION = re.compile(r"<(?:animate|set)|@keyframes")


def preload_stop(page: PageContext) -> asyncio.Future[Json]:
    """The call that stops animated images before each document is first drawn."""
    script = call_expression("stop_images")
    return page.session.post("Page.addScriptToEvaluateOnNewDocument", source=script, worldName=ISOLATED_WORLD)


def end_ms(page: PageContext) -> int:
    """Milliseconds from the beginning of an animation: those that end within are taken at their end."""
    return _END_MS + page.shot.wait.delay


async def hold(page: PageContext) -> bool:
    """Bring the page to its moment; True if animations have ended now, to which the page may react."""
    arguments = page.key, end_ms(page), _MOMENT_MS + page.shot.wait.delay
    reports = [await _hold_main(page, *arguments)]
    frames: list[Frame] = await page.frames.current() if reports[0].get("frames") else []
    reports += await _hold_frames(page, frames, *arguments)
    if any(report.get("videos") for report in reports):
        await _run_everywhere(page, frames, "rewind_videos", _VIDEO_SECONDS)
    draws = int(any(report.get("moved") for report in reports))
    if not page.is_still and await has_moving_svg({page.session, *(frame.session for frame in frames)}):
        draws = 2  # Chromium moves SVG images only while they are drawn
    for _ in range(draws):
        await _run_everywhere(page, frames, "draw_frame", _DRAW_SECONDS)
        await page.virtual_time.sync_with_wall_clock(_SVG_STEP)
    return any(report.get("finished") for report in reports)


async def _run_everywhere(page: PageContext, frames: list[Frame], script: str, seconds: float) -> None:
    """Run a script in all documents of the page, with their time running, at most some seconds."""
    work = asyncio.gather(page.tab.evaluate(script), *(frame.run(script) for frame in frames))
    with contextlib.suppress(TimeoutError, ScriptFailed):
        async with asyncio.timeout(seconds):
            await page.virtual_time.with_time_running(_awaited(work), after=POLL_INTERVAL)


async def _hold_main(page: PageContext, *arguments: Any) -> Json:
    """Hold the main frame; returns the first report of ``hold_motion.js``."""
    first: Json = {}
    with contextlib.suppress(TimeoutError, ScriptFailed):
        async with asyncio.timeout(HOLD_SECONDS + _SCRIPT_SECONDS):
            async for calls in _portions():
                script = page.tab.evaluate("hold_motion", *arguments, calls)
                report = await page.virtual_time.with_time_running(script, after=2 * POLL_INTERVAL) or {}
                first = first or report
                if not report.get("left"):
                    break
    return first


async def _hold_frames(page: PageContext, frames: list[Frame], *arguments: Any) -> list[Json]:
    """Hold the other frames; returns the reports of ``hold_motion.js``."""
    reports: list[Json] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(HOLD_SECONDS + _SCRIPT_SECONDS):
            async for calls in _portions():
                if not frames:
                    break
                work = asyncio.gather(*(frame.run("hold_motion", *arguments, calls) for frame in frames))
                answers = await page.virtual_time.with_time_running(_awaited(work), after=2 * POLL_INTERVAL)
                reports += [answer for answer in answers if answer]
                frames = [frame for frame, answer in zip(frames, answers, strict=True) if answer and answer["left"]]
    return reports


async def _portions() -> AsyncIterator[int]:
    """Numbers of animation frames for calls of about 0.1 s, until the time for loops is over."""
    loop = asyncio.get_running_loop()
    until, calls = loop.time() + HOLD_SECONDS, _FEW_FRAMES
    while (begin := loop.time()) < until:
        yield calls
        seconds = max(loop.time() - begin, 0.001)
        calls = round(min(_MANY_FRAMES, max(_FEW_FRAMES, calls * _CALL_SECONDS / seconds)))


async def _awaited(future: asyncio.Future[Any]) -> Any:
    return await future


async def has_moving_svg(sessions: Iterable[CdpSession]) -> bool:
    """Whether an SVG image of these processes of the page contains animations."""
    found = await asyncio.gather(*(_svg_contents(session) for session in sessions), return_exceptions=True)
    return any(_SVG_MOTION.search(text) for texts in found if isinstance(texts, list) for text in texts)


async def _svg_contents(session: CdpSession) -> list[str]:
    tree = (await session.call("Page.getResourceTree"))["frameTree"]
    images = [*_svg_images(tree)][:MAX_SVG_IMAGES]
    answers = await asyncio.gather(
        *(session.call("Page.getResourceContent", frameId=frame, url=url) for frame, url in images),
        return_exceptions=True,
    )
    return [_text(answer) for answer in answers if isinstance(answer, dict)]


def _svg_images(tree: Json) -> Iterator[tuple[str, str]]:
    """Frame and URL of each SVG image of moderate size, of the page and of its frames."""
    for resource in tree["resources"]:
        is_svg = resource.get("mimeType") == "image/svg+xml" and resource.get("type") == "Image"
        if is_svg and resource.get("contentSize", 0) <= MAX_SVG_BYTES:
            yield tree["frame"]["id"], resource["url"]
    for child in tree.get("childFrames", ()):
        yield from _svg_images(child)


def _text(content: Json) -> str:
    body = str(content.get("content", ""))
    if not content.get("base64Encoded"):
        return body
    with contextlib.suppress(ValueError):
        return base64.b64decode(body).decode(errors="replace")
    return ""
