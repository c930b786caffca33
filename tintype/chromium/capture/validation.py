"""Validation of the page: in a kept browser context, it does not come from the HTTP cache without asking its server.

Chromium validates a cached document if its request says ``Cache-Control: max-age=0``, as on a reload (RFC 9111,
5.2.1.1). Everything that the page loads, its frames, and documents to which its scripts lead obey their own lifetimes,
as in a visitor's browser: to pause requests for documents only costs 22 ms of CPU while a page loads, because Chromium
then routes all its requests through the browser process. So none is paused any more from the
page's response on.
"""

from __future__ import annotations

from tintype.chromium.capture.context import PageContext
from tintype.chromium.cdp.connection import CdpSession, Json

_REDIRECTS = range(300, 400)
DOCUMENTS = [
    {"urlPattern": "*", "resourceType": "Document", "requestStage": stage} for stage in ("Request", "Response")
]
"""Patterns of the requests to pause until the page has its response, with redirects before it."""
_VALIDATE = ("Cache-Control", "max-age=0")


def continue_request(page: PageContext, session: CdpSession, event: Json) -> None:
    """Continue a paused request; in a kept context, that of a document is validated."""
    changed = {}
    if page.is_reused and event["resourceType"] == "Document" and "responseStatusCode" not in event:
        name, value = _VALIDATE
        headers = {each: text for each, text in event["request"]["headers"].items() if each.lower() != name.lower()}
        changed["headers"] = [{"name": each, "value": text} for each, text in {**headers, name: value}.items()]
    session.post("Fetch.continueRequest", requestId=event["requestId"], **changed)


def is_page_response(event: Json) -> bool:
    """Whether a request is paused at its response, and that is no redirect."""
    if "responseErrorReason" in event:
        return True
    return "responseStatusCode" in event and event["responseStatusCode"] not in _REDIRECTS
