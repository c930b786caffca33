"""Prints the tables of benchmarks as plain text of at most 100 columns."""

from __future__ import annotations

from typing import Any

from rich.console import Console

WIDTH = 100
"""Columns: tables of this width can be pasted into a commit or an issue."""


def print_tables(*tables: Any) -> None:
    """Print tables and lines to standard output."""
    Console(width=WIDTH, highlight=False).print(*tables, sep="\n")


def number(value: float) -> str:
    """A figure with three digits that matter: 1,234, 12.3, 1.23, 0.123."""
    size = abs(value)
    if size >= 100:  # noqa: PLR2004
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}"  # noqa: PLR2004
