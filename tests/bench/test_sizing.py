"""Sizing: rules of calculated rows, money, and the form of the output."""

from __future__ import annotations

import os

import pytest

from bench import sizing, tables
from bench.sizing import Capacity

ONE = Capacity(cores=1, captures=1.5, hits=20_000, memory=512 << 20)
TWO = Capacity(cores=2, captures=2.7, hits=40_000, memory=640 << 20)


class TestCalculatedRows:
    def test_grow_with_each_doubling_as_the_measured_rows_did(self) -> None:
        four, eight = (sizing.calculate([ONE, TWO], cores) for cores in (4, 8))
        assert four.captures == pytest.approx(2.7 * 1.8)
        assert eight.captures == pytest.approx(2.7 * 1.8 * 1.8)
        assert (four.hits, eight.hits) == (80_000, 160_000)
        assert not four.is_measured

    def test_grow_at_most_twofold(self) -> None:
        lucky = Capacity(cores=2, captures=4.0, hits=40_000, memory=640 << 20)
        assert sizing.calculate([ONE, lucky], 4).captures == 8.0

    def test_add_memory_for_each_core(self) -> None:
        assert sizing.calculate([ONE, TWO], 4).memory == (512 + 3 * 128) << 20

    def test_grow_with_the_cores_after_one_measured_row(self) -> None:
        four = sizing.calculate([ONE], 4)
        assert (four.captures, four.hits, four.memory) == (6.0, 80_000, 2048 << 20)


def test_money_is_the_price_of_the_month_divided_by_what_it_holds() -> None:
    assert sizing.dollars_per_million(5, 1.0) == pytest.approx(5 / 2.628)


@pytest.mark.parametrize(("megabytes", "verdict"), [(600, "it fits"), (900, "it does not fit")])
def test_reports_whether_the_small_machine_has_the_memory(megabytes: int, verdict: str) -> None:
    small = Capacity(cores=1, captures=1.5, hits=20_000, memory=megabytes << 20)
    assert verdict in sizing.money_rows(small)[-2]


class TestShareLeft:
    def test_leaves_everything_where_clients_have_cores_of_their_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "cpu_count", lambda: 2)
        assert sizing.share_left(1, 0.5) == 1.0

    def test_subtracts_clients_on_the_cores_of_the_service(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "cpu_count", lambda: 2)
        assert sizing.share_left(2, 0.5) == 0.75


def test_processes_of_a_block_are_confined_to_its_cores() -> None:
    before = os.sched_getaffinity(0)
    with sizing.confined({min(before)}):
        assert os.sched_getaffinity(0) == {min(before)}
    assert os.sched_getaffinity(0) == before


@pytest.mark.parametrize(("value", "text"), [(19_363, "19,000"), (5_760, "5,800"), (99.6, "100"), (0.4, "0")])
def test_figures_have_two_digits(value: float, text: str) -> None:
    assert sizing.rounded(value) == text


def test_the_rows_fit_100_columns(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [*sizing.sizing_rows([ONE, TWO, sizing.calculate([ONE, TWO], 8)]), *sizing.money_rows(ONE)]
    tables.print_tables("\n".join(rows))
    assert capsys.readouterr().out.splitlines() == rows
    assert max(map(len, rows)) <= tables.WIDTH
