"""Expands frames that scroll in place of the document: framesets, and iframes that fill the page.

An iframe gets the height of its content. The frames of a frameset share the height of the viewport, so the viewport
grows until the content of each large frame fits. Elements in frames keep their heights, also those of ``100vh``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tintype.chromium.capture.context import PageContext
from tintype.chromium.capture.emulation import device_metrics
from tintype.chromium.cdp.frames import Frame

_MAX_ROUNDS = 8
"""Times that the viewport of a frameset grows: frames with a part of the height need more than one."""
_MAX_SCROLLERS = 3
"""Elements in one frame that scroll in place of its document."""
_STEP_MS = 250
"""Milliseconds of virtual time after frames have grown."""
_MAX_WAIT = 1.0
"""Real seconds for what frames load then."""


@dataclass(slots=True)
class _FrameBox:
    """The element of a frame, with lengths in CSS pixels."""

    height: float
    viewport: float
    """Height of the viewport of the document that contains it."""
    inFrameset: bool  # noqa: N815 - a member of the script's result
    fills: bool


async def expand_frames(page: PageContext, max_height: int) -> None:
    """Expand frames to at most ``max_height`` CSS pixels; costs one script if no frame fills the page."""
    if not await page.tab.evaluate("has_filling_frame"):
        return
    frames = await _filling_frames(page)
    for frame in frames:
        await _expand_scrollers(frame, max_height)
    for _ in range(_MAX_ROUNDS):
        height = await _expand_iframes(page, frames, max_height)
        if not height:
            break
        await page.session.call(
            "Emulation.setDeviceMetricsOverride", **device_metrics(page.shot.emulation) | {"height": math.ceil(height)}
        )
        await page.virtual_time.advance(_STEP_MS, _MAX_WAIT)
        for frame in frames:
            await frame.run("keep_heights")


async def _filling_frames(page: PageContext) -> list[Frame]:
    """The frames that fill the document, or another one that does, from the outermost."""
    filling, ids = [], {page.tab.frame}
    for frame in await page.frames.current():
        place = await _frame_box(frame)
        if place and place.fills and frame.parent_id in ids:
            filling.append(frame)
            ids.add(frame.id)
    return filling


async def _frame_box(frame: Frame) -> _FrameBox | None:
    seen = await frame.call_on_element("frame_place")
    return _FrameBox(**seen) if seen else None


async def _expand_scrollers(frame: Frame, max_height: int) -> None:
    for script in ("disable_transitions", "render_skipped"):
        await frame.run(script)
    for index in range(_MAX_SCROLLERS):
        if not await frame.run("find_scroller"):
            return
        await frame.run("expand_scroller", index, max_height)


async def _expand_iframes(page: PageContext, frames: list[Frame], max_height: int) -> float:
    """Expand iframes, from the innermost; returns the height that the viewport of a frameset needs, or 0."""
    needed: dict[str, float] = {}
    for frame in reversed(frames):
        place = await _frame_box(frame)
        content: Any = await frame.run("measure_frame")
        height = min(max(content or 0, needed.get(frame.id, 0)), max_height + 1)
        if place is None or height <= place.height:
            continue
        if place.inFrameset:
            viewport = min(place.viewport + height - place.height, max_height + 1)
            needed[frame.parent_id] = max(needed.get(frame.parent_id, 0), viewport)
        else:
            await frame.call_on_element("expand_frame", height)
            await page.virtual_time.advance(_STEP_MS, _MAX_WAIT)
            await frame.run("keep_heights")
    return needed.get(page.tab.frame, 0)
