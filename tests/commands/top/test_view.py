"""The terminal screen of ``tintype top``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rich.console import Console

from tests.support.expositions import exposition, rates
from tintype.commands.top import view
from tintype.commands.top.rates import NodeRates


def rendered(shown: NodeRates, **more: Any) -> str:
    console = Console(width=80, height=24, force_terminal=False)
    with console.capture() as captured:
        console.print(view.render(shown, "http://127.0.0.1:8000", **more))
    return captured.get()


class TestScreen:
    def test_fits_80_by_24_characters(self) -> None:
        later = exposition(hits=180, captures=14, failures=2, seconds=30, limited=8)
        lines = rendered(rates(exposition(), later)).splitlines()
        assert len(lines) <= 24
        assert max(map(len, lines)) <= 80
        for words in (
            "Tintype 1.2.3  http://127.0.0.1:8000  up 2 h 1 min",
            "100.0% now, 94.7% in total",
            "12 per minute, 1.3 s each, 6.0 failed",
            "4 of 12 waiting, – of – slots busy",
            "2 open, 480 pages queued, 3 running, for 4 min 10 s",
            "1 restarts, 0 recycles",
            "web 120 MB, browser 1.4 GB",
            "30 rate-limited per minute, 8 in total",
        ):
            assert words in "\n".join(lines)

    def test_shows_that_the_node_does_not_respond(self) -> None:
        text = rendered(rates(exposition(), exposition()), seconds_since_reply=7.2)
        assert "no reply for 7 s" in text

    def test_shows_the_end_of_a_long_history(self) -> None:
        last = rates(exposition(), exposition())
        history = [replace(last, captures_per_minute=float(number)) for number in range(100)]
        assert "█" in rendered(last, history=history)

    def test_names_the_engine_of_a_node_without_a_daemon(self) -> None:
        shown = rates(exposition(), exposition())
        shown = replace(shown, totals=replace(shown.totals, browser={"up": None}, memory_bytes={}))
        assert "hosted engine" in rendered(shown)
