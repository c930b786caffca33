"""How does ``tintype top`` look? One status as a page of a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tintype.telemetry.status import EGRESS_DENIED, NodeRates

_BARS = "▁▂▃▄▅▆▇█"
_BAR_WIDTH = 24
_STYLES = {"HIT": "green", "STALE": "cyan", "DERIVED": "cyan", "COALESCED": "blue", "MISS": "yellow", "none": "red"}
_LABELS = {"none": "no picture", EGRESS_DENIED: "inner addresses asked by pages"}
_SHOW_DECIMAL_BELOW = 10
"""Below it a decimal is shown."""


def render(status: NodeRates, address: str, history: Sequence[NodeRates] = (), silent: float = 0.0) -> RenderableType:
    """Everything; ``history`` are earlier ones, and ``silent`` the seconds since the node answered."""
    head = Text.assemble((f"Tintype {status.version}", "bold"), f"  {address}  up {format_duration(status.uptime)}")
    head.append(f"  {status.workers} worker{'' if status.workers == 1 else 's'}", "dim")
    if silent:
        head.append(f"  no answer for {silent:.0f} s", "bold red")
    return Group(head, "", _thumbnails(status), "", _details(status, [*history, status]))


def _thumbnails(status: NodeRates) -> Table:
    rates = status.requests_per_second
    table = Table("pictures", "a second", "in all", "", box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in table.columns[1:3]:
        column.justify = "right"
    highest = max(rates.values(), default=0.0)
    for state, rate in rates.items():
        total = status.pictures[state]
        bar = Text("█" * round(rate / highest * _BAR_WIDTH) if highest else "", _STYLES.get(state, ""))
        table.add_row(
            _LABELS.get(state, state), format_number(rate), f"{total:,.0f}", bar, style="" if total else "dim"
        )
    return table


def _details(status: NodeRates, history: Sequence[NodeRates]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    for name, text in _lines(status, history):
        grid.add_row(name, text)
    return grid


def _lines(status: NodeRates, history: Sequence[NodeRates]) -> Iterator[tuple[str, str]]:
    asked, taken = [sum(s.requests_per_second.values()) for s in history], [s.captures_per_minute for s in history]
    mean = "" if status.capture_seconds is None else f", {status.capture_seconds:.1f} s each"
    failed = f", {format_number(status.failures_per_minute)} failed" if status.failures_per_minute else ""
    line = status.line
    yield "hit ratio", f"{format_percent(status.hit_ratio)} now, {format_percent(status.hit_ratio_in_all)} in all"
    yield (
        "requests",
        f"{sparkline(asked)}  {format_number(asked[-1])} a second, {format_bytes(status.bytes_per_second)}/s",
    )
    yield "captures", f"{sparkline(taken)}  {format_number(taken[-1])} a minute{mean}{failed}"
    yield "line", f"{ratio_text(line, 'waiting', 'limit')} in line, {ratio_text(line, 'busy', 'slots')} slots busy"
    yield "seats", f"{ratio_text(line, 'seats', 'seats_limit')} held by requests that wait"
    yield "browser", _browser(status.browser)
    yield (
        "memory",
        ", ".join(f"{name} {format_bytes(held)}" for name, held in status.memory_bytes.items()) or "not told",
    )
    yield "refused", _refused(status)


def _refused(status: NodeRates) -> str:
    rates = [(_LABELS.get(reason, reason), rate) for reason, rate in status.refusals_per_minute.items() if rate]
    now = ", ".join(f"{format_number(rate)} {reason}" for reason, rate in rates)
    return f"{now or 'nothing'} a minute, {sum(status.refusals.values()):,.0f} in all"


def _browser(browser: Mapping[str, float | None]) -> str:
    if browser.get("up") is None:
        return "another's"
    if not browser["up"]:
        return "not running; it is started when it is needed"
    return f"{browser.get('restarts') or 0:.0f} lost, {browser.get('renewals') or 0:.0f} renewed"


def ratio_text(levels: Mapping[str, float | None], part: str, whole: str) -> str:
    """``2 of 12``; a dash for what is not told."""
    return " of ".join("–" if levels.get(name) is None else f"{levels[name]:.0f}" for name in (part, whole))


def format_number(value: float) -> str:
    """As precise as it is worth."""
    return f"{value:.1f}" if 0 < value < _SHOW_DECIMAL_BELOW else f"{value:,.0f}"


def format_percent(part: float | None) -> str:
    """A dash for nothing of nothing."""
    return "–" if part is None else f"{part:.1%}"


def format_bytes(count: float) -> str:
    """Bytes in the largest unit that leaves a whole number."""
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
    """The last of them as bars, the highest of them full."""
    shown = [0.0] * (_BAR_WIDTH - len(values)) + [*values[-_BAR_WIDTH:]]
    highest = max(shown)
    return "".join(_BARS[round(value / highest * (len(_BARS) - 1))] if highest else _BARS[0] for value in shown)
