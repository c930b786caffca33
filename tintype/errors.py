"""Error tree of the service; the web layer sends these errors as RFC 9457 problems.

* TintypeError
  - InvalidRequest      400  invalid-request       a parameter is missing, malformed, out of range or unknown
    - UnsupportedOption 400  unsupported-option    the engine does not support an option
  - TargetDenied        400  target-denied         the target is not a public http(s) address
  - Unauthorized        401  unauthorized          API key missing or unknown
  - BadSignature        403  bad-signature         not signed with a current key
  - Forbidden           403  forbidden             the route needs an admin key
  - Closed              403  closed                the operator closed the route to the client
  - HostNotAllowed      403  host-not-allowed      the API key is bound to other hosts
  - NotFound            404  not-found             no such route, stored object or job
  - MethodNotAllowed    405  method-not-allowed    the route exists, the method does not
  - RequestTimeout      408  request-timeout       the request body did not arrive in time
  - CaptureCancelled    409  capture-cancelled     the client cancelled its capture
  - PreconditionFailed  412  precondition-failed   If-Match or If-Unmodified-Since does not hold
  - BodyTooLarge        413  body-too-large        request body over the limit
  - UnsupportedMedia    415  unsupported-media     request body is not JSON
  - NotAPage            415  not-a-page            the target is a download, a PDF, a video ...
  - RangeNotSatisfiable 416  range-not-satisfiable the object is shorter than the requested range
  - SelectorNotFound    422  selector-not-found    no visible element matches
  - UnusableCapture     422  unusable-capture      a verdict listed in fail_on: blank, challenge, login ...
  - IdempotencyConflict 422  idempotency-conflict  the Idempotency-Key was used with another body
  - RateLimited         429  rate-limited          rate limit exceeded
  - QuotaExceeded       429  quota-exceeded        the API key has used its captures of this month
  - TargetUnreachable   502  target-unreachable    DNS, TCP or TLS failed
  - TargetError         502  target-error          the target returned 4xx or 5xx, and fail_on=error
  - PageCrashed         502  page-crashed          the page crashed, or used more than a page may
  - BrowserCrashed      502  browser-crashed       the browser crashed during the capture (retryable)
  - EngineError         502  engine-error          the capture engine sent an invalid response
  - Overloaded          503  overloaded            the queue or the waiting limit is full (retryable)
  - BackendUnavailable  503  backend-unavailable   engine, cache or storage is unavailable (retryable)
  - CaptureTimeout      504  capture-timeout       nothing usable at the hard deadline
  - StorageFull         507  storage-full          the quota of stored thumbnails is used up
* ConfigurationError                               never over HTTP: the process does not start
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

_FAILURE_TTL = 60.0
"""The default of ``TINTYPE_FAILURE_TTL`` in seconds: a page that fails is seldom better earlier."""
MAX_LISTED = 16
"""Invalid parameters that one error lists: its problem document stays below 20 KB."""


@dataclass(frozen=True, slots=True)
class InvalidParameter:
    """An invalid parameter: its name in the request, and what it accepts."""

    parameter: str
    message: str


class TintypeError(Exception):
    """The service failed unexpectedly; its log has the reason under the id of the request.

    Base of every error that a client may see. ``detail`` is written for clients: it never contains secrets, internal
    addresses or tracebacks. ``retry_after`` is in seconds; its default is that of the class.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Internal error"
    cacheable: ClassVar[bool] = False
    """Whether the cache keeps this error, so that requests within its TTL fail without another capture."""
    default_detail: ClassVar[str] = ""  # empty: the title
    default_retry_after: ClassVar[float | None] = None
    """Seconds until a retry makes sense, if no better figure is known; None if a retry would fail again."""

    def __init__(self, detail: str = "", *, retry_after: float | None = None) -> None:
        self.detail = detail or self.default_detail or self.title
        super().__init__(self.detail)
        self.retry_after = self.default_retry_after if retry_after is None else retry_after

    def keep_for(self, seconds: float) -> None:
        """Set ``retry_after`` to the seconds for which the cache keeps this error, if a retry helps at all."""
        if self.default_retry_after is not None:
            self.retry_after = seconds

    def problem(self) -> dict[str, Any]:
        """The error as JSON values: RFC 9457 members, plus ``error`` and ``message``, which SnapSharp clients read."""
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
        """``Retry-After`` in whole seconds, at least 1: many clients parse no other form."""
        return max(1, math.ceil(self.retry_after or 0))


class InvalidRequest(TintypeError):
    """A parameter is missing, malformed, out of range or unknown. Lists the first 16 invalid parameters."""

    status = 400
    code = "invalid-request"
    title = "Invalid parameters"

    def __init__(self, *invalid_parameters: InvalidParameter, detail: str = "") -> None:
        listed, rest = invalid_parameters[:MAX_LISTED], len(invalid_parameters) - MAX_LISTED
        parts = [f"{each.parameter}: {each.message}" for each in listed]
        super().__init__(detail or "; ".join([*parts, f"and {rest} more"] if rest > 0 else parts))
        self.invalid_parameters = listed

    def problem(self) -> dict[str, Any]:
        """The members of any error, plus ``errors``: the listed parameters with what each accepts."""
        listed = [{"parameter": m.parameter, "message": m.message} for m in self.invalid_parameters]
        return {**super().problem(), "errors": listed}


class UnsupportedOption(InvalidRequest):
    """The request is valid, but the engine does not support one of its options; another engine may."""

    code = "unsupported-option"
    title = "Unsupported option"


class TargetDenied(TintypeError):
    """The target, or an address of its host, is not public. The operator can allow addresses of an own network."""

    status = 400
    code = "target-denied"
    title = "The target is not a public web address"
    default_detail = "only public addresses are captured; the operator permits others with TINTYPE_ALLOW_ADDRESSES"
    cacheable = True


class Unauthorized(TintypeError):
    """The API key is missing or unknown. Send it as ``Authorization: Bearer …`` or ``X-Api-Key``."""

    status = 401
    code = "unauthorized"
    title = "API key required"


class BadSignature(TintypeError):
    """The URL is not signed with a current key, or its signature has expired."""

    status = 403
    code = "bad-signature"
    title = "Invalid signature"


class Forbidden(TintypeError):
    """The route is for operators, and the API key is no admin key or the service has no admin keys."""

    status = 403
    code = "forbidden"
    title = "Admin key required"


class Closed(TintypeError):
    """The operator closed the route, or captures, to this client."""

    status = 403
    code = "closed"
    title = "Closed to this client"


class HostNotAllowed(TintypeError):
    """The API key is bound to hosts, and the target is on another one."""

    status = 403
    code = "host-not-allowed"
    title = "The API key does not cover this host"


class NotFound(TintypeError):
    """The route, the stored object or the job does not exist."""

    status = 404
    code = "not-found"
    title = "Not found"


class MethodNotAllowed(TintypeError):
    """The route does not accept the method."""

    status = 405
    code = "method-not-allowed"
    title = "Method not allowed"


class RequestTimeout(TintypeError):
    """The request body did not arrive in time. Retry the request."""

    status = 408
    code = "request-timeout"
    title = "The request took too long to arrive"
    default_retry_after = 1.0


class CaptureCancelled(TintypeError):
    """The client cancelled its capture (``DELETE /progress/ID``)."""

    status = 409
    code = "capture-cancelled"
    title = "The capture was cancelled"


class PreconditionFailed(TintypeError):
    """``If-Match`` or ``If-Unmodified-Since`` of the request does not hold."""

    status = 412
    code = "precondition-failed"
    title = "Precondition failed"


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
    """The target is a download, a PDF or a video, not a web page."""

    status = 415
    code = "not-a-page"
    title = "The target is not a web page"
    cacheable = True


class RangeNotSatisfiable(TintypeError):
    """The requested range begins after the end of the object, whose size in bytes is ``complete_length``."""

    status = 416
    code = "range-not-satisfiable"
    title = "Range not satisfiable"

    def __init__(self, detail: str = "", *, retry_after: float | None = None, complete_length: int = 0) -> None:
        super().__init__(detail, retry_after=retry_after)
        self.complete_length = complete_length


class SelectorNotFound(TintypeError):
    """No visible element matches ``selector``, or ``wait_for`` did not appear in time."""

    status = 422
    code = "selector-not-found"
    title = "No element matches the selector"
    cacheable = True


class UnusableCapture(TintypeError):
    """The capture has a verdict that ``fail_on`` lists, for example ``blank``, ``challenge`` or ``login``."""

    status = 422
    code = "unusable-capture"
    title = "The capture does not show the page"


class IdempotencyConflict(TintypeError):
    """The ``Idempotency-Key`` was used with another request body."""

    status = 422
    code = "idempotency-conflict"
    title = "The Idempotency-Key was used with another body; send a new key"


class RateLimited(TintypeError):
    """The client exceeded its rate limit. Retry after ``Retry-After`` seconds."""

    status = 429
    code = "rate-limited"
    title = "Too many requests"


class QuotaExceeded(TintypeError):
    """The API key has used its captures of this calendar month (UTC). ``Retry-After`` ends with the month."""

    status = 429
    code = "quota-exceeded"
    title = "The monthly quota is used up"


class TargetUnreachable(TintypeError):
    """The DNS lookup, the TCP connection or the TLS handshake with the target failed."""

    status = 502
    code = "target-unreachable"
    title = "The target is unreachable"
    cacheable = True
    default_retry_after = _FAILURE_TTL


class TargetError(TintypeError):
    """The target returned 4xx or 5xx and ``fail_on=error`` is set, or it returned an empty error response."""

    status = 502
    code = "target-error"
    title = "The target returned an error"
    cacheable = True
    default_retry_after = _FAILURE_TTL


class PageCrashed(TintypeError):
    """The page crashed, or it used more memory, threads or time of the browser than a page may."""

    status = 502
    code = "page-crashed"
    title = "The page crashed in the browser"
    cacheable = True
    default_retry_after = _FAILURE_TTL


class BrowserCrashed(TintypeError):
    """The browser crashed during the capture. Retry the request."""

    status = 502
    code = "browser-crashed"
    title = "The browser crashed during the capture"
    default_retry_after = 1.0


class EngineError(TintypeError):
    """The capture engine failed or sent an invalid response. Retry the request."""

    status = 502
    code = "engine-error"
    title = "The capture engine failed"
    default_retry_after = 5.0


class Overloaded(TintypeError):
    """The capture queue or the waiting limit is full. Retry after ``Retry-After`` seconds."""

    status = 503
    code = "overloaded"
    title = "The service is overloaded"
    default_retry_after = 5.0


class BackendUnavailable(TintypeError):
    """The capture engine, the cache or the storage is unavailable. Retry after ``Retry-After`` seconds."""

    status = 503
    code = "backend-unavailable"
    title = "A backend is unavailable"
    default_retry_after = 5.0


class CaptureTimeout(TintypeError):
    """The page was not ready to capture before the time limit of the service."""

    status = 504
    code = "capture-timeout"
    title = "The page did not load in time"
    cacheable = True
    default_retry_after = _FAILURE_TTL


class StorageFull(TintypeError):
    """The quota of stored thumbnails is used up. A retry does not help until the operator deletes some."""

    status = 507  # RFC 4918, 11.5: unlike 503, it invites no automatic retry
    code = "storage-full"
    title = "The storage is full"


class ConfigurationError(Exception):
    """One or more settings are invalid, one per line of the message. Written for the operator."""


ALL: tuple[type[TintypeError], ...] = tuple(
    kind for kind in [*vars().values()] if isinstance(kind, type) and issubclass(kind, TintypeError)
)[1:]
"""Every error with its own code, by status."""
