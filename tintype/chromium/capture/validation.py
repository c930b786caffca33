"""Validation of documents: in a kept browser context, none comes from the HTTP cache without asking its server.

Chromium validates a cached document if its request says ``Cache-Control: max-age=0``, as on a reload (RFC 9111,
5.2.1.1). Style sheets, scripts, images and fonts obey their own lifetimes, as in a visitor's browser.
"""

from __future__ import annotations

from tintype.chromium.capture.context import PageContext
from tintype.chromium.cdp.connection import CdpSession, Json

DOCUMENTS = {"urlPattern": "*", "resourceType": "Document"}
"""Pattern of the requests to pause: documents of the page and of its frames."""
_VALIDATE = ("Cache-Control", "max-age=0")


def continue_request(page: PageContext, session: CdpSession, event: Json) -> None:
    """Continue a paused request; in a kept context, that of a document is validated."""
    changed = {}
    if page.is_reused and event["resourceType"] == "Document":
        name, value = _VALIDATE
        headers = {each: text for each, text in event["request"]["headers"].items() if each.lower() != name.lower()}
        changed["headers"] = [{"name": each, "value": text} for each, text in {**headers, name: value}.items()]
    session.post("Fetch.continueRequest", requestId=event["requestId"], **changed)


def validate_frame(page: PageContext, session: CdpSession) -> None:
    """Pause and continue the documents of a frame in a process of its own."""
    session.on("Fetch.requestPaused", lambda event: continue_request(page, session, event))
    session.post("Fetch.enable", patterns=[DOCUMENTS])
