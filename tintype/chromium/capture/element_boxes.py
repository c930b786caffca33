"""Reads the boxes and selectors of the visible elements of a page, for ``elements=true``."""

from __future__ import annotations

from tintype.chromium.capture.context import PageContext
from tintype.chromium.capture.features import read_report
from tintype.chromium.capture.page_area import find_full_page_clip, find_page_area
from tintype.chromium.cdp.connection import Json

MAX_BOXES = 500
"""Elements in the document."""
MAX_ELEMENTS = 20_000
"""Elements of the page that are examined, in the order of the markup."""
MAX_COMPARISONS = 3_000_000
"""Elements that are compared with selectors: the page's clock stands still, so the script cannot measure its time."""
MAX_STEPS = 5
"""Elements in a path that is a selector."""
MAX_LENGTH = 200
"""Characters of a selector."""
MAX_SECONDS = 3.0
"""Real seconds for the script on a busy machine; else it takes a fifth of a second."""
MIN_SIDE = 8
"""Pixels of an element in the image, in both directions."""
_BOUNDS = {
    "boxes": MAX_BOXES,
    "elements": MAX_ELEMENTS,
    "comparisons": MAX_COMPARISONS,
    "steps": MAX_STEPS,
    "length": MAX_LENGTH,
    "side": MIN_SIDE,
}


async def read_elements(page: PageContext) -> Json:
    """The members ``image`` and ``elements`` of the page's metadata; empty if the page is too busy."""
    return await read_report(page, "element_boxes", await _find_image(page), _BOUNDS, seconds=MAX_SECONDS)


async def _find_image(page: PageContext) -> Json:
    """The image in CSS pixels from the corner of the layout viewport, and its zoom."""
    area = await find_page_area(page)
    if page.shot.region.full_page:
        clip = await find_full_page_clip(page)
        left, top, width, height, zoom = clip.x - area.view_x, clip.y - area.view_y, clip.width, clip.height, clip.zoom
    else:
        visual = (await page.session.call("Page.getLayoutMetrics"))["cssVisualViewport"]
        left, top, width, height = (
            float(visual[name]) for name in ("offsetX", "offsetY", "clientWidth", "clientHeight")
        )
        zoom = area.zoom
    return {"left": left, "top": top, "right": left + width, "bottom": top + height, "zoom": zoom}
