"""Tables of benchmarks."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from rich.table import Table

from bench import tables
from harness import ROOT


def test_a_table_fits_100_columns(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("what", *(f"a long title {number}" for number in range(12)))
    table.add_row("a row with many words " * 8, *("1,234.5 ms",) * 12)
    tables.print_tables(table, "a line")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= tables.WIDTH
    assert lines[-1] == "a line"


@pytest.mark.parametrize(
    ("value", "text"), [(1234.5, "1,234"), (99.96, "100.0"), (12.34, "12.3"), (1.234, "1.23"), (0, "0.00")]
)
def test_a_figure_has_three_digits(value: float, text: str) -> None:
    assert tables.number(value) == text


def test_every_benchmark_prints_its_tables_here() -> None:
    assert [path.name for path in (ROOT / "bench").glob("*.py") if _prints_a_console(path)] == ["tables.py"]


def _prints_a_console(path: Path) -> bool:
    """Whether a module creates a console for standard output."""
    calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    consoles = (call for call in calls if ast.unparse(call.func) == "Console")
    return any(not any(each.arg == "stderr" for each in call.keywords) for call in consoles)
