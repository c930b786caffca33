"""Reading problem documents back into errors."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tintype import errors
from tintype.errors import ALL, InvalidParameter, InvalidRequest, TintypeError
from tintype.problems import from_problem


class TestFromProblem:
    @pytest.mark.parametrize("kind", [*(kind for kind in ALL if not issubclass(kind, InvalidRequest)), TintypeError])
    def test_returns_an_equal_error(self, kind: type[TintypeError]) -> None:
        for failure in (kind(), kind("because"), kind("because", retry_after=12)):
            again = from_problem(json.loads(json.dumps(failure.problem())))
            assert type(again) is kind
            assert again.problem() == failure.problem()

    @pytest.mark.parametrize("kind", [InvalidRequest, errors.UnsupportedOption])
    def test_returns_the_invalid_parameters(self, kind: type[InvalidRequest]) -> None:
        failure = kind(InvalidParameter("width", "must be a number"), detail="width: see the docs")
        again = from_problem(failure.problem())
        assert type(again) is kind
        assert again.invalid_parameters == failure.invalid_parameters
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

    def test_maps_an_unknown_code_to_status_500(self) -> None:
        assert from_problem({"error": "teapot", "detail": "short and stout"}).status == 500
