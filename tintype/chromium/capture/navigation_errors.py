"""Why did a page not come? Chromium's net errors and the filter's refusals, in words for the caller."""

from __future__ import annotations

import structlog

from tintype.chromium.cdp.connection import ProtocolError
from tintype.chromium.proxy.traffic import DenialReason
from tintype.errors import (
    InvalidParameter,
    InvalidRequest,
    NotAPage,
    TargetDenied,
    TargetError,
    TargetUnreachable,
    TintypeError,
)

log = structlog.get_logger("tintype.chromium")

_ERROR_BY_DENIAL: dict[str, type[TintypeError]] = {"policy": TargetDenied}
_DENIAL_DETAILS = {
    "policy": "",
    "unknown-host": "the host name is not known",
    "unreachable": "the host does not accept the connection",
    "blocked": "the page is served by an advertising host",
    "limit": "the page opened too many connections",
}
_NET_ERRORS = {
    "ERR_NAME_NOT_RESOLVED": "the host name is not known",
    "ERR_CONNECTION_REFUSED": "the host does not accept the connection",
    "ERR_CONNECTION_RESET": "the host broke the connection off",
    "ERR_CONNECTION_CLOSED": "the host broke the connection off",
    "ERR_CONNECTION_TIMED_OUT": "the host did not answer in time",
    "ERR_TIMED_OUT": "the host did not answer in time",
    "ERR_EMPTY_RESPONSE": "the host answered with nothing",
    "ERR_TOO_MANY_REDIRECTS": "the page redirects in a circle",
    "ERR_RESPONSE_HEADERS_TOO_BIG": "the host's answer has headers that are too large",
    "ERR_CERT_AUTHORITY_INVALID": "the host's certificate is not signed by a trusted authority",
    "ERR_CERT_DATE_INVALID": "the host's certificate has expired or is not valid yet",
    "ERR_CERT_COMMON_NAME_INVALID": "the host's certificate is for another name",
}
_OPTION_OF_METHOD = {
    "Emulation.setLocaleOverride": "locale",
    "Emulation.setTimezoneOverride": "timezone",
    "Emulation.setUserAgentOverride": "user_agent",
    "Network.setCookies": "cookies",
}
_NET_ERROR_FAMILIES = {
    "ERR_CERT_": "the host's certificate is not valid",
    "ERR_SSL_": "the host does not speak TLS as it should",
    "ERR_HTTP2_": "the host broke the rules of HTTP/2",
}
_DENIED_NET_ERRORS = {
    "ERR_UNSAFE_PORT": "browsers do not open this port",
    "ERR_UNSAFE_REDIRECT": "the page redirects to an address that is not http or https",
    "ERR_UNKNOWN_URL_SCHEME": "the page redirects to an address that is not http or https",
    "ERR_DISALLOWED_URL_SCHEME": "the page redirects to an address that is not http or https",
}
_DOCUMENT_TYPES = ("application/pdf", "application/octet-stream", "video/", "audio/")


def from_navigation(error: str, denial: DenialReason | None, *, is_download: bool = False) -> TintypeError:
    """The failure for the ``errorText`` of a navigation and what the filter refused, if it did."""
    code = error.removeprefix("net::")
    if is_download:
        return NotAPage("the URL leads to a download")
    if code == "ERR_ABORTED":
        return NotAPage("the host answered without a page")
    if code == "ERR_HTTP_RESPONSE_CODE_FAILURE":
        return from_empty_error()
    if code in _DENIED_NET_ERRORS:
        return TargetDenied(_DENIED_NET_ERRORS[code])
    if denial and (code.startswith("ERR_SOCKS_") or not code):
        return from_denial(denial)
    return TargetUnreachable(_describe(code))


def from_emulation(refused: ProtocolError) -> TintypeError | None:
    """The failure for what looks right and the browser does not take: a language, a time zone."""
    option = _OPTION_OF_METHOD.get(refused.method)
    return InvalidRequest(InvalidParameter(option, "is not taken by the browser")) if option else None


def from_denial(denial: DenialReason) -> TintypeError:
    """The failure for a page whose host the filter refused."""
    return _ERROR_BY_DENIAL.get(denial.reason, TargetUnreachable)(_DENIAL_DETAILS[denial.reason])


def from_empty_error(status: int = 0) -> TintypeError:
    """The failure for an HTTP error with nothing to draw, which some Chromiums show as a page of their own."""
    return TargetError(f"the page answered with HTTP error {status or ''}".rstrip() + " and no content")


def from_content_type(mime: str) -> TintypeError | None:
    """The failure for a document that browsers play or download instead of drawing it as a page."""
    if mime.startswith(_DOCUMENT_TYPES):
        return NotAPage(f"the URL leads to {mime.partition(';')[0][:60]}, which is not a web page")
    return None


def _describe(code: str) -> str:
    family = next((words for prefix, words in _NET_ERROR_FAMILIES.items() if code.startswith(prefix)), "")
    if words := _NET_ERRORS.get(code) or family:
        return words
    log.info("net_error_unmapped", code=code)
    return "the connection to the host failed"
