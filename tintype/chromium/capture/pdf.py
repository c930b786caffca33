"""Prints a stable page as a PDF, as the browser's own print dialog would."""

from __future__ import annotations

import base64

from tintype.chromium.capture.context import PageContext
from tintype.chromium.capture.screenshot import RawCapture
from tintype.chromium.cdp.connection import Json
from tintype.errors import EngineError
from tintype.options import PdfLayout

_PAPER_SIZES = {
    "a3": (11.7, 16.54),
    "a4": (8.27, 11.7),
    "a5": (5.83, 8.27),
    "letter": (8.5, 11),
    "legal": (8.5, 14),
    "tabloid": (11, 17),
}
"""Width and height in inches."""
_MM_PER_INCH, _CSS_PIXELS_PER_INCH = 25.4, 96
_MAX_SHEETS = 500


async def print_pdf(page: PageContext, layout: PdfLayout) -> RawCapture:
    """A PDF; raises EngineError, or ProtocolError while the page is between two documents."""
    answer = await page.session.call("Page.printToPDF", **_parameters(layout))
    document = base64.b64decode(answer["data"])
    if not document.startswith(b"%PDF-"):
        raise EngineError("the browser returned an empty document")
    width, height = (round(side * _CSS_PIXELS_PER_INCH) for side in _sheet_size(layout))
    return RawCapture(document, width, height)


def _parameters(layout: PdfLayout) -> Json:
    """Parameters of ``Page.printToPDF``."""
    width, height = _PAPER_SIZES[layout.paper]
    margin = layout.margin / _MM_PER_INCH
    return {
        "paperWidth": width,
        "paperHeight": height,
        "landscape": layout.landscape,
        "printBackground": layout.print_background,
        **dict.fromkeys(("marginTop", "marginBottom", "marginLeft", "marginRight"), margin),
        "pageRanges": f"1-{_MAX_SHEETS}",
    }


def _sheet_size(layout: PdfLayout) -> tuple[float, float]:
    """Width and height of a sheet in inches, turned if it is landscape."""
    width, height = _PAPER_SIZES[layout.paper]
    return (height, width) if layout.landscape else (width, height)
