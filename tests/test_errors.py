"""The error tree: codes, statuses, problem objects."""

from __future__ import annotations

import json

import pytest

from tintype import errors
from tintype.errors import ALL, InvalidParameter, InvalidRequest, TintypeError

STATUSES = {
    "invalid-request": 400,
    "unsupported-option": 400,
    "target-denied": 400,
    "unauthorized": 401,
    "bad-signature": 403,
    "forbidden": 403,
    "closed": 403,
    "host-not-allowed": 403,
    "not-found": 404,
    "method-not-allowed": 405,
    "request-timeout": 408,
    "capture-cancelled": 409,
    "precondition-failed": 412,
    "body-too-large": 413,
    "unsupported-media": 415,
    "not-a-page": 415,
    "range-not-satisfiable": 416,
    "selector-not-found": 422,
    "unusable-capture": 422,
    "idempotency-conflict": 422,
    "rate-limited": 429,
    "quota-exceeded": 429,
    "target-unreachable": 502,
    "target-error": 502,
    "page-crashed": 502,
    "browser-crashed": 502,
    "engine-error": 502,
    "overloaded": 503,
    "backend-unavailable": 503,
    "capture-timeout": 504,
    "storage-full": 507,
}


def subclasses(kind: type[TintypeError]) -> set[type[TintypeError]]:
    return {kind} | {below for sub in kind.__subclasses__() for below in subclasses(sub)}


class TestErrorTree:
    def test_has_the_documented_codes_and_statuses(self) -> None:
        assert {kind.code: kind.status for kind in ALL} == STATUSES

    def test_lists_every_subclass(self) -> None:
        defined = {kind for kind in subclasses(TintypeError) if kind.__module__ == errors.__name__}
        assert defined - set(ALL) == {TintypeError}

    @pytest.mark.parametrize("kind", ALL)
    def test_module_docstring_lists_every_error(self, kind: type[TintypeError]) -> None:
        docstring = " ".join((errors.__doc__ or "").split())
        assert f"- {kind.__name__} {kind.status} {kind.code} " in docstring

    def test_configuration_error_never_reaches_a_client(self) -> None:
        assert not issubclass(errors.ConfigurationError, TintypeError)

    def test_caches_only_errors_that_a_retry_would_repeat(self) -> None:
        assert {kind.code for kind in ALL if kind.cacheable} == {
            "target-denied",
            "target-unreachable",
            "target-error",
            "page-crashed",
            "selector-not-found",
            "not-a-page",
            "capture-timeout",
        }


class TestProblem:
    @pytest.mark.parametrize("kind", ALL)
    def test_has_the_members_of_rfc_9457_and_of_snapsharp(self, kind: type[TintypeError]) -> None:
        problem = kind().problem() if issubclass(kind, InvalidRequest) else kind("because").problem()
        assert {"type", "title", "status", "detail", "error", "message"} <= set(problem)
        assert problem["error"] == kind.code
        assert problem["type"].endswith(f":{kind.code}")
        assert problem["message"] == problem["detail"]
        assert problem["status"] == kind.status
        assert json.loads(json.dumps(problem)) == problem

    def test_detail_defaults_to_the_title(self) -> None:
        assert errors.Overloaded().problem()["detail"] == errors.Overloaded.title == str(errors.Overloaded())

    def test_lists_every_invalid_parameter_and_joins_them_in_the_detail(self) -> None:
        problem = InvalidRequest(
            InvalidParameter("width", "must be a number"), InvalidParameter("url", "is required")
        ).problem()
        assert problem["detail"] == "width: must be a number; url: is required"
        assert problem["errors"] == [
            {"parameter": "width", "message": "must be a number"},
            {"parameter": "url", "message": "is required"},
        ]

    @pytest.mark.parametrize(("wait", "seconds"), [(0, 1), (0.2, 1), (1.0, 1), (1.01, 2), (30, 30)])
    def test_rounds_retry_after_up_to_whole_seconds(self, wait: float, seconds: int) -> None:
        failure = errors.RateLimited(retry_after=wait)
        assert failure.retry_after_seconds == failure.problem()["retry_after"] == seconds

    @pytest.mark.parametrize("kind", [kind for kind in ALL if kind.status >= 500])
    def test_has_retry_after_for_every_server_error_that_may_pass(self, kind: type[TintypeError]) -> None:
        assert ("retry_after" in kind().problem()) is (kind is not errors.StorageFull)

    @pytest.mark.parametrize("kind", [errors.NotFound, errors.TargetDenied, errors.SelectorNotFound, errors.NotAPage])
    def test_omits_retry_after_if_no_retry_helps(self, kind: type[TintypeError]) -> None:
        failure = kind()
        failure.keep_for(60)
        assert "retry_after" not in failure.problem()

    def test_takes_retry_after_from_the_cache_that_keeps_the_error(self) -> None:
        failure = errors.CaptureTimeout(retry_after=3)
        failure.keep_for(17.2)
        assert failure.problem()["retry_after"] == 18
