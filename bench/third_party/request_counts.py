"""Counts which third parties each tool loads, as the server of the pages sees it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx
from rich.table import Table

from bench.capture_tools import Captured, Tool
from bench.pages import COUNTS, Sites
from bench.third_party.hosts import HOSTS


@dataclass
class RequestCounts:
    """Requests to each host, by tool; tools must not capture at the same time."""

    sites: Sites
    requests: dict[str, Counter[str]] = field(default_factory=dict)
    captures: Counter[str] = field(default_factory=Counter)

    def counted(self, name: str, tool: Tool) -> Tool:
        """The same tool, whose requests count under its name."""
        self.requests[name] = Counter()

        def capture(urls: Sequence[str], callers: int) -> tuple[float, list[Captured]]:
            before = self._read()
            seconds, captured = tool.capture(urls, callers)
            self.requests[name].update(self._read() - before)
            self.captures[name] += len(urls)
            return seconds, captured

        return Tool(tool.pid, capture)

    def per_capture(self) -> dict[str, dict[str, float]]:
        """Requests per capture by third party and tool."""
        return {
            party: {name: counts[host] / max(1, self.captures[name]) for name, counts in self.requests.items()}
            for party, host in HOSTS.items()
        }

    def _read(self) -> Counter[str]:
        counts = httpx.get(f"http://{self.sites.host}:{self.sites.port}{COUNTS}", trust_env=False).json()
        return Counter(counts)


def table(per_capture: dict[str, dict[str, float]]) -> Table:
    """What each tool requests of each third party; 0 is refused."""
    result = Table("requests per capture", "host", *next(iter(per_capture.values())))
    for party, by_tool in per_capture.items():
        result.add_row(party, HOSTS[party], *(f"{value:.1f}" if value else "0" for value in by_tool.values()))
    return result
