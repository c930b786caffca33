"""Maps Chromium's net errors and the egress proxy's denials to Tintype's errors."""

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
from tintype.options import Emulation

log = structlog.get_logger("tintype.chromium")

_ERROR_BY_DENIAL: dict[str, type[TintypeError]] = {"policy": TargetDenied}
_DENIAL_DETAILS = {
    "policy": "",
    "unknown-host": "the host name does not resolve",
    "unreachable": "the host does not accept the connection",
    "blocked": "the page is served by an advertising host",
    "limit": "the page opened too many connections",
}
_NET_ERRORS = {
    "ERR_NAME_NOT_RESOLVED": "the host name does not resolve",
    "ERR_CONNECTION_REFUSED": "the host does not accept the connection",
    "ERR_CONNECTION_RESET": "the host closed the connection",
    "ERR_CONNECTION_CLOSED": "the host closed the connection",
    "ERR_CONNECTION_TIMED_OUT": "the host did not answer in time",
    "ERR_TIMED_OUT": "the host did not answer in time",
    "ERR_EMPTY_RESPONSE": "the host sent an empty response",
    "ERR_TOO_MANY_REDIRECTS": "the page redirects in a loop",
    "ERR_RESPONSE_HEADERS_TOO_BIG": "the host's response headers are too large",
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
    "ERR_SSL_": "the TLS handshake with the host failed",
    "ERR_HTTP2_": "the host violated the HTTP/2 protocol",
}
_DENIED_NET_ERRORS = {
    "ERR_UNSAFE_PORT": "browsers do not open this port",
    "ERR_UNSAFE_REDIRECT": "the page redirects to a URL that is not http or https",
    "ERR_UNKNOWN_URL_SCHEME": "the page redirects to a URL that is not http or https",
    "ERR_DISALLOWED_URL_SCHEME": "the page redirects to a URL that is not http or https",
}
_DOCUMENT_TYPES = ("application/pdf", "application/octet-stream", "video/", "audio/")


def from_navigation(error: str, denial: DenialReason | None, *, is_download: bool = False) -> TintypeError:
    """The error for the ``errorText`` of ``Page.navigate``, and for the proxy's last denial if there was one."""
    code = error.removeprefix("net::")
    if is_download:
        return NotAPage("the URL leads to a download")
    if code == "ERR_ABORTED":
        return NotAPage("the host sent no page")
    if code == "ERR_HTTP_RESPONSE_CODE_FAILURE":
        return from_empty_error()
    if code in _DENIED_NET_ERRORS:
        return TargetDenied(_DENIED_NET_ERRORS[code])
    if denial and (is_denied(error) or not code):
        return from_denial(denial)
    return TargetUnreachable(_describe(code))


def is_denied(error: str) -> bool:
    """Whether the egress proxy has caused the ``errorText`` of ``Page.navigate``."""
    return error.removeprefix("net::").startswith("ERR_SOCKS_")


def from_emulation(error: ProtocolError, emulation: Emulation) -> TintypeError | None:
    """The error for a value of the caller's that Chromium rejects, such as an unknown time zone; None for other errors.

    Chromium's message names such a value invalid. The same calls also fail if the page is lost while they are made.
    """
    option = _OPTION_OF_METHOD.get(error.method)
    is_given = option == "cookies" or bool(option and getattr(emulation, option))
    if not option or not is_given or not error.message.startswith("Invalid"):
        return None
    return InvalidRequest(InvalidParameter(option, "is rejected by the browser"))


def from_denial(denial: DenialReason) -> TintypeError:
    """The error for a page whose host the egress proxy denied."""
    return _ERROR_BY_DENIAL.get(denial.reason, TargetUnreachable)(_DENIAL_DETAILS[denial.reason])


def from_empty_error(status: int = 0) -> TintypeError:
    """The error for an HTTP error without content, for which some versions of Chromium draw a page themselves."""
    return TargetError(f"the target returned HTTP error {status or ''}".rstrip() + " without content")


def from_content_type(mime: str) -> TintypeError | None:
    """The error for a document that browsers play or download; None for a page."""
    if mime.startswith(_DOCUMENT_TYPES):
        return NotAPage(f"the URL leads to {mime.partition(';')[0][:60]}, which is not a web page")
    return None


def _describe(code: str) -> str:
    family = next((words for prefix, words in _NET_ERROR_FAMILIES.items() if code.startswith(prefix)), "")
    if words := _NET_ERRORS.get(code) or family:
        return words
    log.info("net_error_unmapped", code=code)
    return "the connection to the host failed"
