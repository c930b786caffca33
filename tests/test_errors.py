from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tintype import errors
from tintype.errors import ALL, InvalidParameter, InvalidRequest, TintypeError, UnsupportedOption, from_problem

STATUSES = {
    "invalid-request": 400,
    "target-denied": 400,
    "unauthorized": 401,
    "bad-signature": 403,
    "not-found": 404,
    "method-not-allowed": 405,
    "body-too-large": 413,
    "unsupported-media": 415,
    "not-a-page": 415,
    "selector-not-found": 422,
    "unusable-capture": 422,
    "rate-limited": 429,
    "target-unreachable": 502,
    "target-error": 502,
    "browser-crashed": 502,
    "engine-error": 502,
    "overloaded": 503,
    "backend-unavailable": 503,
    "capture-timeout": 504,
}


def subclasses(kind: type[TintypeError]) -> set[type[TintypeError]]:
    return {kind} | {below for sub in kind.__subclasses__() for below in subclasses(sub)}


class TestTheTree:
    def test_has_the_codes_and_statuses_of_the_contract(self) -> None:
        assert {kind.code: kind.status for kind in ALL} == STATUSES

    def test_lists_every_leaf(self) -> None:
        ours = {kind for kind in subclasses(TintypeError) if kind.__module__ == errors.__name__}
        assert ours - set(ALL) == {TintypeError, UnsupportedOption}

    @pytest.mark.parametrize("kind", [*ALL, UnsupportedOption])
    def test_is_drawn_at_the_head_of_its_module(self, kind: type[TintypeError]) -> None:
        drawn = " ".join((errors.__doc__ or "").split())
        assert f"- {kind.__name__} {kind.status} {kind.code} " in drawn

    def test_configuration_is_never_told_to_a_caller(self) -> None:
        assert not issubclass(errors.ConfigurationError, TintypeError)

    def test_only_what_another_try_would_not_cure_is_remembered(self) -> None:
        remembered = {kind.code for kind in ALL if kind.cacheable}
        assert remembered == {
            "target-denied",
            "target-unreachable",
            "target-error",
            "selector-not-found",
            "not-a-page",
            "capture-timeout",
        }


class TestProblems:
    @pytest.mark.parametrize("kind", ALL)
    def test_have_the_members_of_the_standard_and_those_clients_read(self, kind: type[TintypeError]) -> None:
        problem = kind().problem() if kind is InvalidRequest else kind("because").problem()
        assert {"type", "title", "status", "detail", "error", "message"} <= set(problem)
        assert problem["error"] == kind.code
        assert problem["type"].endswith(f":{kind.code}")
        assert problem["message"] == problem["detail"]
        assert problem["status"] == kind.status
        assert json.loads(json.dumps(problem)) == problem

    def test_without_a_detail_the_title_speaks(self) -> None:
        assert errors.Overloaded().problem()["detail"] == errors.Overloaded.title == str(errors.Overloaded())

    def test_mistakes_are_listed_and_told_in_one_line(self) -> None:
        problem = InvalidRequest(
            InvalidParameter("width", "must be a number"), InvalidParameter("url", "is needed")
        ).problem()
        assert problem["detail"] == "width: must be a number; url: is needed"
        assert problem["errors"] == [
            {"parameter": "width", "message": "must be a number"},
            {"parameter": "url", "message": "is needed"},
        ]

    @pytest.mark.parametrize(("wait", "seconds"), [(0, 1), (0.2, 1), (1.0, 1), (1.01, 2), (30, 30)])
    def test_waits_are_whole_seconds_and_never_nothing(self, wait: float, seconds: int) -> None:
        failure = errors.RateLimited(retry_after=wait)
        assert failure.retry_after_seconds == failure.problem()["retry_after"] == seconds

    def test_no_wait_is_promised_where_none_is_known(self) -> None:
        assert "retry_after" not in errors.Overloaded().problem()


class TestReadingAProblem:
    @pytest.mark.parametrize("kind", [*(kind for kind in ALL if kind is not InvalidRequest), TintypeError])
    def test_gives_the_error_it_was_made_from(self, kind: type[TintypeError]) -> None:
        for failure in (kind(), kind("because"), kind("because", retry_after=12)):
            again = from_problem(json.loads(json.dumps(failure.problem())))
            assert type(again) is kind
            assert again.problem() == failure.problem()

    def test_gives_mistakes_back(self) -> None:
        failure = InvalidRequest(InvalidParameter("width", "must be a number"), detail="look again")
        again = from_problem(failure.problem())
        assert isinstance(again, InvalidRequest)
        assert again.invalid_parameters == failure.invalid_parameters
        assert again.problem() == failure.problem()

    def test_an_engines_missing_word_is_a_mistake_to_the_caller(self) -> None:
        failure = UnsupportedOption(InvalidParameter("selector", "is not offered"))
        again = from_problem(failure.problem())
        assert type(again) is InvalidRequest
        assert again.problem() == failure.problem()

    @given(
        problem=st.fixed_dictionaries(
            {},
            optional={
                "error": st.sampled_from([kind.code for kind in ALL]) | st.integers(),
                "detail": st.text() | st.none() | st.lists(st.integers()),
                "retry_after": st.none() | st.text() | st.floats() | st.integers() | st.booleans(),
                "errors": st.none()
                | st.text()
                | st.lists(st.none() | st.text() | st.dictionaries(st.text(), st.integers())),
            },
        )
    )
    @example({"error": "overloaded", "retry_after": 10**400})
    @example({"error": "overloaded", "retry_after": float("nan")})
    @example({"error": "invalid-request", "errors": [{"parameter": "x"}, 3]})
    def test_never_raises(self, problem: dict[str, Any]) -> None:
        assert isinstance(from_problem(problem), TintypeError)
        assert json.dumps(from_problem(problem).problem())

    def test_of_an_unknown_kind_is_our_own_fault(self) -> None:
        assert from_problem({"error": "teapot", "detail": "short and stout"}).status == 500
