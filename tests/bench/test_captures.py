"""Results of the benchmark of captures."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bench import captures, tables
from bench.capture_tools import Captured, Tool
from bench.pages import Sites

SITES = Sites(port=1, pid=1, names=("agency", "tabler"))


def run_of(*seconds: float, failed: int = 0) -> captures.Run:
    run = captures.Run()
    run.add(2.0, [*(Captured(each, b"image") for each in seconds), *[Captured(9.0, None)] * failed], cpu=3.0)
    return run


class TestRun:
    def test_counts_captures_that_failed_in_their_own_column_only(self) -> None:
        row = run_of(0.5, 0.7, 0.9, failed=2).row()
        assert (row["captures/s"], row["p50 s"], row["CPU s"], row["failed"]) == (1.5, 0.7, 1.0, 2)

    def test_reports_a_tool_all_of_whose_captures_failed(self) -> None:
        row = run_of(failed=3).row()
        assert (row["captures/s"], row["p50 s"], row["failed"]) == (0.0, 0.0, 3)


def test_every_client_has_more_than_one_capture_in_a_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captures, "_GRACE", 0)
    requested: list[str] = []

    def capture(urls: Sequence[str], _: int) -> tuple[float, list[Captured]]:
        requested.extend(urls)
        return 1.0, [Captured(1.0, b"")] * len(urls)

    captures.measure(SITES, {"tintype": Tool(1, capture)}, rounds=1, callers=[1, 6])
    rounds = 2 * (2 + 12)  # the first round warms up
    assert (len(requested), len(set(requested))) == (rounds, rounds)


def test_tables_fit_100_columns_with_all_tools(capsys: pytest.CaptureFixture[str]) -> None:
    tools = ("tintype", captures.UNBLOCKED, "playwright", "url-to-png")
    figures = {f"{tool}, {clients}": run_of(10.5, 12.7).row() for tool in tools for clients in (1, 12)}
    likeness = {page: dict.fromkeys(tools, (99.0, 1.0)) for page in SITES.names}
    captures.show(figures, likeness)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= tables.WIDTH
    titles = next(line for line in lines if "tool, clients" in line)
    assert all(title in titles for title in run_of(1.0, 2.0).row())


def test_a_missing_image_is_not_similar() -> None:
    by = captures.similarities({"tintype": {}}, {"tabler": b""})
    assert by == {"tabler": {"tintype": (0.0, 0.0)}}
