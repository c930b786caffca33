"""Profile of a capture: wall time, CPU by process and CDP messages of each step.

``python -m bench.steps [--rounds N] [--only agency,tabler] [--json]``. Pages are captured one at a time in this
process, which takes the place of the capture daemon; medians over the rounds. CPU comes from the scheduler
(``/proc/PID/task/TID/schedstat``); the steps are the methods of ``PageCapture``, and what opens and ends a page.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from rich.table import Table

from bench import pages, process_tree
from bench.pages import Sites
from bench.tables import number, print_tables
from tintype.chromium.capture.page_capture import PageCapture
from tintype.chromium.cdp.connection import Connection
from tintype.chromium.daemon.config import DaemonConfig
from tintype.chromium.daemon.runtime import CaptureRuntime
from tintype.options import Navigation, Shot

KINDS = {"photographs": "agency", "text": "clean-blog", "charts": "sb-admin-2"}
"""Kinds of pages, and an example of each."""
STEPS = ("prepare", "navigate", "wait", "clean", "hold_motion", "screenshot")
OPEN, OTHERS, END = "open", "other steps", "end"
_END_SECONDS = 0.5
"""Seconds after a capture in which its browser context and its processes end."""
_PROCESSES = ("renderer", "gpu", "network", "browser", "daemon")
_MESSAGES = ("calls", "messages", "KB")
_FIGURES = ("wall", *_PROCESSES, *_MESSAGES)

Step = dict[str, float]
"""Milliseconds of wall time and of CPU by process; CDP calls and events; KB received."""


class Profile:
    """Steps of the current capture. It counts from its creation to :meth:`end`."""

    def __init__(self, pid: int) -> None:
        self.steps: dict[str, Step] = defaultdict(lambda: defaultdict(float))
        self._pid = pid
        self._messages: Step = dict.fromkeys(_MESSAGES, 0.0)
        self._last = self._read()

    def enter(self, step: str) -> None:
        """Everything since the last call belongs to a step; what the reading itself takes belongs to none."""
        now = self._read()
        for name, value in now.items():
            self.steps[step][name] += value - self._last[name]
        self._last = now | self._own_time()

    def count(self, name: str, value: float = 1) -> None:
        """Count CDP messages."""
        self._messages[name] += value

    def _read(self) -> Step:
        values = dict.fromkeys(_PROCESSES, 0.0) | self._own_time() | self._messages
        for pid in process_tree.members(self._pid):
            self._ended[pid] = (_kind(pid), max(_cpu(pid), self._ended.get(pid, ("", 0.0))[1]))
        for kind, milliseconds in self._ended.values():
            values[kind] += milliseconds
        return values

    def _own_time(self) -> dict[str, float]:
        return {"wall": time.perf_counter() * 1000, "daemon": time.process_time() * 1000}

    @functools.cached_property
    def _ended(self) -> dict[int, tuple[str, float]]:
        """Kind and CPU of all processes seen so far: those that have ended keep their last value."""
        return {}


def _kind(pid: int) -> str:
    command = process_tree.command(pid)
    types = {"renderer": "renderer", "gpu-process": "gpu", "utility": "network", "zygote": "browser"}
    return next((name for type_, name in types.items() if f"--type={type_}" in command), "browser")


def _cpu(pid: int) -> float:
    """Milliseconds of CPU of all threads."""
    total = 0
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            total += int(path.read_text().split()[0])
        except (OSError, IndexError):
            continue
    return total / 1e6


class Probe:
    """Makes the steps of captures and the messages of connections count in the current profile."""

    def __init__(self) -> None:
        self.profile: Profile | None = None

    def install(self) -> None:
        for name in STEPS:
            setattr(PageCapture, name, self._counted(name, getattr(PageCapture, name)))
        send, feed = Connection.send, Connection.feed

        def counting_send(connection: Connection, *arguments: Any) -> None:
            if self.profile:
                self.profile.count("calls")
            send(connection, *arguments)

        def counting_feed(connection: Connection, data: bytes) -> None:
            if self.profile:
                self.profile.count("messages", data.count(b"\0"))
                self.profile.count("KB", len(data) / 1024)
            feed(connection, data)

        Connection.send = counting_send  # type: ignore[method-assign,assignment]
        Connection.feed = counting_feed  # type: ignore[method-assign,assignment]

    def _counted(self, name: str, step: Callable[[PageCapture], Awaitable[Any]]) -> Any:
        before = OPEN if name == STEPS[0] else OTHERS

        @functools.wraps(step)
        async def counted(capture: PageCapture) -> Any:
            if self.profile:
                self.profile.enter(before)
            try:
                return await step(capture)
            finally:
                if self.profile:
                    self.profile.enter(name)

        return counted


async def measure(sites: Sites, rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    """Medians by page, step and figure."""
    probe, profiles = Probe(), defaultdict[str, list[Profile]](list)
    probe.install()
    runtime = await CaptureRuntime.open(DaemonConfig(slots=1, allow_addresses=(sites.allowed,)))
    try:
        browser = runtime.pool.browsers.all[0]
        for round_ in range(-1, rounds):  # the first round warms up
            for name in sites.names:
                probe.profile = profile = Profile(browser.pid)
                shot = Shot(navigation=Navigation(url=sites.url(name, round_ + 1)))
                await browser.capture(shot, None, 60, 20_000)
                profile.enter(OTHERS)
                await asyncio.sleep(_END_SECONDS)
                profile.enter(END)
                if round_ >= 0:
                    profiles[name].append(profile)
    finally:
        await runtime.close()
    return {name: medians([profile.steps for profile in each]) for name, each in profiles.items()}


def medians(captures: list[dict[str, Step]]) -> dict[str, dict[str, float]]:
    """Medians of captures by step and figure, with a row of totals."""
    rows = {step: [each[step] for each in captures] for step in (OPEN, *STEPS, OTHERS, END)}
    rows["all"] = [{name: sum(step[name] for step in each.values()) for name in _FIGURES} for each in captures]
    return {
        step: {name: statistics.median(each[name] for each in values) for name in _FIGURES}
        for step, values in rows.items()
    }


def show(results: dict[str, dict[str, dict[str, float]]]) -> None:
    """Print one table per page."""
    for page, steps in results.items():
        table = Table("step", *_FIGURES, title=f"{page}: milliseconds of wall time and of CPU")
        for step, row in steps.items():
            is_end = step == END
            wall = "–" if is_end else number(row["wall"] - (steps[END]["wall"] if step == "all" else 0))
            table.add_row(
                step,
                wall,
                *(number(row[each]) for each in _PROCESSES),
                *(f"{row[each]:.0f}" for each in _MESSAGES),
            )
        print_tables(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default=",".join(KINDS.values()), help="page names, separated by commas")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with pages.serve(arguments.only.split(",")) as sites:
        results = asyncio.run(measure(sites, arguments.rounds))
    if arguments.json:
        print(json.dumps(results, indent=2))
    else:
        show(results)


if __name__ == "__main__":
    main()
