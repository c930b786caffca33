"""Requests to third parties by tool."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from bench import tables
from bench.capture_tools import Captured, Tool
from bench.pages import Sites
from bench.third_party import request_counts
from bench.third_party.hosts import HOSTS
from bench.third_party.request_counts import RequestCounts

SITES = Sites(port=1, pid=1, names=("agency",), third_party=True)
CHAT = HOSTS["chat"]


@pytest.fixture
def server_counts(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What the server has counted so far."""
    counts = Counter[str]()
    monkeypatch.setattr(RequestCounts, "_read", lambda _: counts.copy())
    return counts


def tool(server_counts: Counter[str], loads: int) -> Tool:
    def capture(urls: Sequence[str], _: int) -> tuple[float, list[Captured]]:
        server_counts[CHAT] += loads * len(urls)
        return 1.0, [Captured(1.0, b"")] * len(urls)

    return Tool(1, capture)


def test_counts_requests_per_capture_of_each_tool(server_counts: Counter[str]) -> None:
    counts = RequestCounts(SITES)
    tools = [counts.counted(name, tool(server_counts, loads)) for name, loads in (("one", 3), ("none", 0))]
    for _ in range(2):
        for each in tools:
            each.capture(["http://a", "http://b"], 1)
    assert counts.per_capture()["chat"] == {"one": 3.0, "none": 0.0}


def test_the_table_fits_100_columns(capsys: pytest.CaptureFixture[str]) -> None:
    tools = ("tintype", "unblocked", "playwright", "url-to-png")
    tables.print_tables(request_counts.table({party: dict.fromkeys(tools, 12.3) for party in HOSTS}))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= tables.WIDTH
    assert any(CHAT in line for line in lines)
