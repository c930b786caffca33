"""How is a settled page printed? On sheets of the asked size, as the browser's own print dialog would."""

from __future__ import annotations

import asyncio
import base64

from tintype.chromium.capture.screenshot import RETRY_DELAY, RawCapture, read_page_info
from tintype.chromium.cdp.connection import Json, ProtocolError
from tintype.chromium.cdp.tab import Tab
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
"""Inches."""
_MILLIMETRES, _PIXELS = 25.4, 96
"""In an inch; pixels are those of CSS."""
_MAX_SHEETS = 500


class PdfPrinter:
    """Prints one page."""

    def __init__(self, tab: Tab, sheets: PdfLayout) -> None:
        self._tab = tab
        self._sheets = sheets

    async def take(self) -> RawCapture | None:
        """The PDF; None while the page is between two documents. Raises EngineError."""
        try:
            answer, facts, meta = await asyncio.gather(
                self._tab.session.call("Page.printToPDF", **self._parameters()),
                read_page_info(self._tab, "page_features"),
                read_page_info(self._tab, "metadata"),
            )
        except ProtocolError:
            await asyncio.sleep(RETRY_DELAY)
            return None
        document = base64.b64decode(answer["data"])
        if not document.startswith(b"%PDF-"):
            raise EngineError("the browser gave an empty document")
        width, height = (round(side * _PIXELS) for side in self._size())
        return RawCapture(document, width, height, facts, meta)

    def _parameters(self) -> Json:
        width, height = _PAPER_SIZES[self._sheets.paper]
        margin = self._sheets.margin / _MILLIMETRES
        return {
            "paperWidth": width,
            "paperHeight": height,
            "landscape": self._sheets.landscape,
            "printBackground": self._sheets.print_background,
            **dict.fromkeys(("marginTop", "marginBottom", "marginLeft", "marginRight"), margin),
            "pageRanges": f"1-{_MAX_SHEETS}",
        }

    def _size(self) -> tuple[float, float]:
        width, height = _PAPER_SIZES[self._sheets.paper]
        return (height, width) if self._sheets.landscape else (width, height)
