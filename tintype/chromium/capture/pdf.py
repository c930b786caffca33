"""Prints a stable page as a PDF, as the browser's own print dialog would."""

from __future__ import annotations

import base64

from tintype.chromium.capture.context import PageContext
from tintype.chromium.capture.screenshot import RawCapture
from tintype.chromium.cdp.connection import Json, ProtocolError
from tintype.errors import EngineError
from tintype.options import PdfLayout
from tintype.options.paper import MM_PER_INCH, PAPER_SIZES

_CSS_PIXELS_PER_INCH = 96
_MAX_SHEETS = 500
_PERMANENT_REFUSALS = ("print parameters", "page range", "content area")
"""Words of Chromium's refusals that depend on the parameters only, so that another attempt fails as well."""


async def print_pdf(page: PageContext, layout: PdfLayout) -> RawCapture:
    """A PDF; raises EngineError, or ProtocolError while the page is between two documents."""
    try:
        answer = await page.session.call("Page.printToPDF", **_parameters(layout))
    except ProtocolError as error:
        if any(words in error.message.lower() for words in _PERMANENT_REFUSALS):
            raise EngineError("the browser refuses to print the page with these options") from error
        raise
    document = base64.b64decode(answer["data"])
    if not document.startswith(b"%PDF-"):
        raise EngineError("the browser returned an empty document")
    width, height = (round(side * _CSS_PIXELS_PER_INCH) for side in _sheet_size(layout))
    return RawCapture(document, width, height)


def _parameters(layout: PdfLayout) -> Json:
    """Parameters of ``Page.printToPDF``."""
    width, height = PAPER_SIZES[layout.paper]
    margin = layout.margin / MM_PER_INCH
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
    width, height = PAPER_SIZES[layout.paper]
    return (height, width) if layout.landscape else (width, height)
