"""Everything that can go wrong, as one tree; the web turns it into RFC 9457 problems.

* TintypeError
  - InvalidRequest      400  invalid-request       parameters missing, malformed, out of range or unknown
    - UnsupportedOption 400  invalid-request       an option this engine does not know
  - TargetDenied        400  target-denied        not a public http(s) address
  - Unauthorized        401  unauthorized          no key, or a wrong one
  - BadSignature        403  bad-signature         not signed by a current key
  - NotFound            404  not-found             no such route, no such stored picture
  - MethodNotAllowed    405  method-not-allowed    the route exists, the method does not
  - BodyTooLarge        413  body-too-large        request body over the limit
  - UnsupportedMedia    415  unsupported-media     request body is not JSON
  - NotAPage            415  not-a-page            the target is a download, a PDF, a video ...
  - SelectorNotFound    422  selector-not-found    nothing on the page matches
  - UnusableCapture     422  unusable-capture           blank, a challenge, a login ... and the caller minds
  - RateLimited         429  rate-limited          allowance spent
  - TargetUnreachable   502  target-unreachable    DNS, TCP or TLS failed
  - TargetError         502  target-error          the page answered 4xx or 5xx and the caller minds
  - BrowserCrashed      502  browser-crashed          the browser died under the capture (retryable)
  - EngineError         502  engine-error         the capture engine answered nonsense
  - Overloaded          503  overloaded            the line is full (retryable)
  - BackendUnavailable  503  backend-unavailable   engine or storage does not answer (retryable)
  - CaptureTimeout      504  capture-timeout       nothing usable at the hard deadline
* ConfigurationError           never over HTTP: the process does not start
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class InvalidParameter:
    """One wrong parameter: its name on the wire, and what it accepts."""

    parameter: str
    message: str


class TintypeError(Exception):
    """Base of every failure a caller may be told about.

    ``detail`` is written for the caller: it never holds secrets, internal addresses or traces.
    ``retry_after`` is in seconds.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Something failed inside the service"
    cacheable: ClassVar[bool] = False
    """Whether the same failure is answered for a while without another attempt."""

    def __init__(self, detail: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.retry_after = retry_after

    def problem(self) -> dict[str, Any]:
        """The failure as plain JSON values: RFC 9457 members plus ``error`` and ``message``.

        ``error`` and ``message`` are the flat members that SnapSharp clients read.
        """
        members: dict[str, Any] = {
            "type": f"urn:tintype:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "error": self.code,
            "message": self.detail,
        }
        if self.retry_after is not None:
            members["retry_after"] = self.retry_after_seconds
        return members

    @property
    def retry_after_seconds(self) -> int:
        """``Retry-After`` in whole seconds, at least 1: many clients parse nothing else."""
        return max(1, math.ceil(self.retry_after or 0))


class InvalidRequest(TintypeError):
    """A parameter is missing, malformed, out of range or unknown. Carries every mistake at once."""

    status = 400
    code = "invalid-request"
    title = "The request has mistakes"

    def __init__(self, *invalid_parameters: InvalidParameter, detail: str = "") -> None:
        super().__init__(detail or "; ".join(f"{m.parameter}: {m.message}" for m in invalid_parameters))
        self.invalid_parameters = invalid_parameters

    def problem(self) -> dict[str, Any]:
        """The RFC 9457 members, plus ``errors``: every mistake with its parameter."""
        listed = [{"parameter": m.parameter, "message": m.message} for m in self.invalid_parameters]
        return {**super().problem(), "errors": listed}


class UnsupportedOption(InvalidRequest):
    """The request is good, but this engine has no word for one of its options; another engine may have."""


class TargetDenied(TintypeError):
    """The egress policy does not allow this page: by text, by look-up or at connect time."""

    status = 400
    code = "target-denied"
    title = "The URL is not a public web address"
    cacheable = True


class Unauthorized(TintypeError):
    """No API key, or a wrong one."""

    status = 401
    code = "unauthorized"
    title = "An API key is needed"


class BadSignature(TintypeError):
    """The URL was not signed by a current key."""

    status = 403
    code = "bad-signature"
    title = "The signature is not valid"


class NotFound(TintypeError):
    """No such route, no such stored picture."""

    status = 404
    code = "not-found"
    title = "There is nothing here"


class MethodNotAllowed(TintypeError):
    """The route exists, the method does not."""

    status = 405
    code = "method-not-allowed"
    title = "This route does not take that method"


class BodyTooLarge(TintypeError):
    """The request body is over the limit."""

    status = 413
    code = "body-too-large"
    title = "The request body is too large"


class UnsupportedMedia(TintypeError):
    """The request body is not JSON."""

    status = 415
    code = "unsupported-media"
    title = "The request body must be JSON"


class NotAPage(TintypeError):
    """The target is a download, a PDF, a video: nothing a browser draws as a page."""

    status = 415
    code = "not-a-page"
    title = "The URL does not lead to a web page"
    cacheable = True


class SelectorNotFound(TintypeError):
    """Nothing visible on the page matches ``selector``, or ``wait_for`` never appeared."""

    status = 422
    code = "selector-not-found"
    title = "The page has no such element"
    cacheable = True


class UnusableCapture(TintypeError):
    """The picture would show something else than the page, named in ``fail_on``: nothing, a challenge, a login."""

    status = 422
    code = "unusable-capture"
    title = "There is no picture of the page itself"


class RateLimited(TintypeError):
    """The caller's allowance is spent."""

    status = 429
    code = "rate-limited"
    title = "Too many requests"


class TargetUnreachable(TintypeError):
    """DNS, TCP or TLS failed on the way to the page."""

    status = 502
    code = "target-unreachable"
    title = "The page could not be reached"
    cacheable = True


class TargetError(TintypeError):
    """The page answered 4xx or 5xx and the caller minds (``fail_on=error``), or with nothing to draw."""

    status = 502
    code = "target-error"
    title = "The page answered with an error"
    cacheable = True


class BrowserCrashed(TintypeError):
    """The browser died under the capture."""

    status = 502
    code = "browser-crashed"
    title = "The browser was lost during the capture"


class EngineError(TintypeError):
    """The capture engine answered something that is not a picture."""

    status = 502
    code = "engine-error"
    title = "The capture engine failed"


class Overloaded(TintypeError):
    """The line for a capture slot is full."""

    status = 503
    code = "overloaded"
    title = "The service is busy"


class BackendUnavailable(TintypeError):
    """Engine or storage does not answer."""

    status = 503
    code = "backend-unavailable"
    title = "A part of the service does not answer"


class CaptureTimeout(TintypeError):
    """Nothing usable at the hard deadline."""

    status = 504
    code = "capture-timeout"
    title = "The page did not settle in time"
    cacheable = True


class ConfigurationError(Exception):
    """The settings cannot work; every mistake at once, in words for the operator."""


ALL: tuple[type[TintypeError], ...] = (
    InvalidRequest, TargetDenied, Unauthorized, BadSignature, NotFound, MethodNotAllowed, BodyTooLarge,
    UnsupportedMedia, NotAPage, SelectorNotFound, UnusableCapture, RateLimited, TargetUnreachable, TargetError,
    BrowserCrashed, EngineError, Overloaded, BackendUnavailable, CaptureTimeout,
)  # fmt: skip
_MAX_RETRY_AFTER = 1e9
_BY_CODE: dict[str, type[TintypeError]] = {error.code: error for error in ALL}


def from_problem(problem: Mapping[str, Any]) -> TintypeError:
    """The error a problem object was made from, so that it crosses a socket or a cache as itself.

    Never raises: members that make no sense are left out.
    """
    kind = _BY_CODE.get(str(problem.get("error")), TintypeError)
    detail = str(problem.get("detail") or "")
    if kind is InvalidRequest:
        return InvalidRequest(*_invalid_parameters(problem.get("errors")), detail=detail)
    wait = problem.get("retry_after")
    sensible = isinstance(wait, int | float) and 0 <= wait <= _MAX_RETRY_AFTER
    return kind(detail, retry_after=wait if sensible else None)


def _invalid_parameters(listed: Any) -> list[InvalidParameter]:
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    return [InvalidParameter(str(entry.get("parameter", "")), str(entry.get("message", ""))) for entry in entries]
