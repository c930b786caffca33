"""Cost of invalid requests: linear in the size of the request, and errors of limited size."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.long_texts import seconds_of, slow_texts
from tintype.errors import MAX_LISTED, InvalidRequest
from tintype.model import Freshness
from tintype.options import Options, accepts_json
from tintype.request_parser import MAX_PARAMETERS, MAX_SUGGESTIONS, RequestParser, parse_leniently
from tintype.urls import TargetPolicy

URL = "https://site.org/"
PARSER = RequestParser(TargetPolicy(tracking_parameters=("utm_*",)), Freshness(max_age=60, stale_for=60), max_ttl=60)
MAX_PROBLEM = 20_000
"""Bytes of a problem document."""
WIDEST = "\U0001f600"
"""The character with the longest UTF-8 form."""


def pairs(**values: Any) -> list[tuple[str, Any]]:
    return [*{"url": URL, **values}.items()]


def invalid(sent: list[tuple[str, Any]]) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as failure:
        PARSER.parse(sent)
    return failure.value


class TestLongValue:
    @pytest.mark.parametrize("name", Options.model_fields)
    def test_costs_linear_time(self, name: str) -> None:
        def parse(text: str) -> None:
            parse_leniently(pairs(**{name: text}), from_body=True)
            PARSER.parse(pairs(**{name: text}))

        assert slow_texts(parse) == []

    @pytest.mark.parametrize("name", [name for name in Options.model_fields if accepts_json(name)])
    def test_costs_linear_time_as_json(self, name: str) -> None:
        entry: dict[str, Any] = {"name": "a", "value": "b"}
        values: list[Any] = [
            ["a"] * 50_000, [["a", "b"]] * 50_000, [entry] * 50_000, {str(n): "b" for n in range(50_000)},
            ["a" * 500_000] * 2, {"a" * 500_000: "b" * 500_000}, [1] * 50_000, [{**entry, "c": [1] * 9}] * 9_000,
        ]  # fmt: skip
        assert [n for n, value in enumerate(values) if seconds_of(PARSER.parse, pairs(**{name: value})) > 0.1] == []

    @pytest.mark.parametrize("name", ["user_agent", "selector", "css", "scroll_to", "hide_selectors"])
    def test_long_text_is_rejected_by_its_length(self, name: str) -> None:
        assert [each.parameter for each in invalid(pairs(**{name: "a" * 50_001})).invalid_parameters] == [name]

    def test_long_value_is_quoted_by_its_beginning(self) -> None:
        for value in ("x" * 10**6, ["x"] * 10**5, {"x" * 10**6: 1}):
            assert len(invalid(pairs(fail_on=value)).detail) < 300


class TestTooManyParameters:
    def test_rejects_excess_parameters_in_one_error(self) -> None:
        sent = [(f"unknown_{number}", 1) for number in range(50_000)]
        assert seconds_of(PARSER.parse, sent) < 0.1
        assert invalid(sent).detail == f"body: must have at most {MAX_PARAMETERS} parameters"

    def test_lists_the_first_invalid_parameters(self) -> None:
        error = invalid([(f"unknown_{number}", 1) for number in range(MAX_PARAMETERS)])
        assert len(error.invalid_parameters) == MAX_LISTED
        assert error.detail.endswith(f"; and {MAX_PARAMETERS + 1 - MAX_LISTED} more"), "url is missing, too"

    def test_only_the_first_unknown_names_get_a_suggestion(self) -> None:
        error = invalid([("url", URL), *((f"widht{number}", 1) for number in range(9))])
        suggested = [each for each in error.invalid_parameters if "did you mean width?" in each.message]
        assert len(suggested) == MAX_SUGGESTIONS

    @pytest.mark.parametrize("letter", ["x", WIDEST, "\x01", '"', "'", "\\", "<", "\u2028"])
    def test_problem_stays_below_20_kb(self, letter: str) -> None:
        text = letter * 500
        unknown = [(f"{number}{text}", text) for number in range(MAX_PARAMETERS)]
        known = [(name, text) for name in Options.model_fields]
        for sent in (unknown, known, [*known[-20:], *unknown[:40]]):
            problem = invalid(sent).problem()
            assert len(json.dumps(problem, ensure_ascii=False).encode()) < MAX_PROBLEM


class TestLongNames:
    @pytest.mark.parametrize("letter", ["x", WIDEST])
    def test_long_name_costs_linear_time_and_is_shortened(self, letter: str) -> None:
        sent = [*pairs(), (letter * 500_000, 1)]
        assert seconds_of(PARSER.parse, sent) < 0.1
        assert len(invalid(sent).detail) < 200
