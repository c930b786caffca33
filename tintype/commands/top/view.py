"""Renders the rates of a node as one terminal screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tintype.commands.top.rates import NodeRates
from tintype.telemetry.figures import EGRESS_DENIED, NO_THUMBNAIL

_BARS = "▁▂▃▄▅▆▇█"
_BAR_WIDTH = 24
_STYLES = {
    "HIT": "green",
    "STALE": "cyan",
    "DERIVED": "cyan",
    "COALESCED": "blue",
    "MISS": "yellow",
    NO_THUMBNAIL: "red",
}
_LABELS = {NO_THUMBNAIL: "no thumbnail", EGRESS_DENIED: "connections to non-public addresses"}
_SHOW_DECIMAL_BELOW = 10


def render(
    rates: NodeRates, url: str, history: Sequence[NodeRates] = (), seconds_since_reply: float = 0.0
) -> RenderableType:
    """The whole screen; ``history`` are earlier rates for the charts, oldest first."""
    totals = rates.totals
    head = Text.assemble((f"Tintype {totals.version}", "bold"), f"  {url}  up {format_duration(totals.uptime)}")
    head.append(f"  {totals.workers} worker{'' if totals.workers == 1 else 's'}", "dim")
    if seconds_since_reply:
        head.append(f"  no reply for {seconds_since_reply:.0f} s", "bold red")
    return Group(head, "", _thumbnails(rates), "", _details(rates, [*history, rates]))


def _thumbnails(rates: NodeRates) -> Table:
    table = Table("thumbnails", "per second", "total", "", box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in table.columns[1:3]:
        column.justify = "right"
    highest = max(rates.thumbnails_per_second.values(), default=0.0)
    for state, rate in rates.thumbnails_per_second.items():
        total = rates.totals.thumbnails[state]
        bar = Text("█" * round(rate / highest * _BAR_WIDTH) if highest else "", _STYLES.get(state, ""))
        style = "" if total else "dim"
        table.add_row(_LABELS.get(state, state), format_number(rate), f"{total:,.0f}", bar, style=style)
    return table


def _details(rates: NodeRates, history: Sequence[NodeRates]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    for name, text in _lines(rates, history):
        grid.add_row(name, text)
    return grid


def _lines(rates: NodeRates, history: Sequence[NodeRates]) -> Iterator[tuple[str, str]]:
    totals, queue = rates.totals, rates.totals.queue
    requests = [sum(each.thumbnails_per_second.values()) for each in history]
    captures = [each.captures_per_minute for each in history]
    mean = "" if rates.mean_capture_seconds is None else f", {rates.mean_capture_seconds:.1f} s each"
    failed = f", {format_number(rates.failures_per_minute)} failed" if rates.failures_per_minute else ""
    memory = ", ".join(f"{name} {format_bytes(held)}" for name, held in totals.memory_bytes.items())
    yield "hit ratio", f"{format_percent(rates.hit_ratio)} now, {format_percent(totals.hit_ratio)} in total"
    yield (
        "requests",
        f"{sparkline(requests)}  {format_number(requests[-1])} per second, {format_bytes(rates.bytes_per_second)}/s",
    )
    yield "captures", f"{sparkline(captures)}  {format_number(captures[-1])} per minute{mean}{failed}"
    yield "queue", f"{ratio_text(queue, 'waiting', 'limit')} waiting, {ratio_text(queue, 'busy', 'slots')} slots busy"
    yield "waiting", f"{ratio_text(totals.waiting_requests, 'count', 'limit')} requests wait for a capture"
    if totals.jobs.get("open") is not None:
        yield "jobs", _jobs(totals.jobs)
    yield "browser", _browser(totals.browser)
    yield "memory", memory or "unknown"
    yield "rejected", _rejected(rates)


def _rejected(rates: NodeRates) -> str:
    current = [(_LABELS.get(reason, reason), rate) for reason, rate in rates.rejections_per_minute.items() if rate]
    now = ", ".join(f"{format_number(rate)} {reason}" for reason, rate in current)
    return f"{now or 'none'} per minute, {sum(rates.totals.rejections.values()):,.0f} in total"


def _jobs(jobs: Mapping[str, float | None]) -> str:
    pages = f"{jobs.get('queued') or 0:,.0f} pages queued, {jobs.get('running') or 0:,.0f} running"
    age = f", for {format_duration(jobs.get('oldest_age') or 0)}" if jobs.get("queued") else ""
    return f"{jobs['open']:,.0f} open, {pages}{age}"


def _browser(browser: Mapping[str, float | None]) -> str:
    if browser.get("up") is None:
        return "hosted engine"
    if not browser["up"]:
        return "not running; starts on the first capture"
    return f"{browser.get('restarts') or 0:.0f} restarts, {browser.get('recycles') or 0:.0f} recycles"


def ratio_text(gauges: Mapping[str, float | None], part: str, whole: str) -> str:
    """``2 of 12``, with a dash for a missing value."""
    return " of ".join("–" if gauges.get(name) is None else f"{gauges[name]:.0f}" for name in (part, whole))


def format_number(value: float) -> str:
    """One decimal below 10, else a whole number with separators."""
    return f"{value:.1f}" if 0 < value < _SHOW_DECIMAL_BELOW else f"{value:,.0f}"


def format_percent(ratio: float | None) -> str:
    """A percentage with one decimal, or a dash."""
    return "–" if ratio is None else f"{ratio:.1%}"


def format_bytes(count: float) -> str:
    """Bytes in B, kB, MB or GB (SI)."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:  # noqa: PLR2004 - SI
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def format_duration(seconds: float) -> str:
    """A duration in its two largest units."""
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if days:
        return f"{days:.0f} d {hours % 24:.0f} h"
    if hours:
        return f"{hours:.0f} h {minutes % 60:.0f} min"
    return f"{minutes:.0f} min {seconds % 60:.0f} s" if minutes else f"{seconds:.0f} s"


def sparkline(values: Sequence[float]) -> str:
    """The last 24 values as bars, relative to the highest of them."""
    shown = [0.0] * (_BAR_WIDTH - len(values)) + [*values[-_BAR_WIDTH:]]
    highest = max(shown)
    return "".join(_BARS[round(value / highest * (len(_BARS) - 1))] if highest else _BARS[0] for value in shown)
