"""Drill of one node: ``python -m bench.drill [--seconds N] [--period N]``.

Hostile pages, hostile callers and disruptions of every backend at the same time, with honest callers beside them.
Prints what happened to each kind of request, and exits with 1 if a goal is missed: honest hits without a failure and
with a 99th percentile below 250 ms; honest misses answered within 30 s, with a picture or with an error that has
Retry-After; memory flat; no process and no file left behind.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import threading
from collections.abc import Collection
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from bench.drill.disruptions import Disruptions
from bench.drill.honest import SLOW, Answers, HonestCallers
from bench.drill.hostile import HostileCallers
from bench.drill.world import World

HIT_P99 = SLOW
FLAT = 1.2
"""Median memory of the last quarter, relative to the second quarter."""
_SAMPLE_INTERVAL = 2.0
_MEGABYTE = 1 << 20


@dataclass
class Drill:
    """The result of a drill; ``goals`` maps each goal to whether it is met."""

    answers: dict[str, Answers]
    memory: list[int]
    disruptions: dict[str, int]
    attacks: dict[str, int]
    out_of_memory_kills: int | None
    resent: int
    leftovers: list[str] = field(default_factory=list)

    @property
    def growth(self) -> float:
        """Median memory of the last quarter, relative to the second quarter; 1 for a short drill."""
        quarter = len(self.memory) // 4
        if not quarter:
            return 1.0
        return statistics.median(self.memory[-quarter:]) / statistics.median(self.memory[quarter : 2 * quarter])

    def goals(self) -> dict[str, bool]:
        hits = self.answers["hits"]
        return {
            "hits: no failure": not hits.failures,
            f"hits: p99 < {HIT_P99 * 1000:.0f} ms": hits.percentile(0.99) < HIT_P99,
            "misses: a picture, or an error with Retry-After": not self.answers["misses"].failures,
            "persists: a picture, or an error with Retry-After": not self.answers["persists"].failures,
            f"memory: growth ≤ {FLAT}": self.growth <= FLAT,
            "nothing left behind": not self.leftovers,
        }


def run(
    seconds: float, period: float, attacks: Collection[str] | None = None, kinds: Collection[str] | None = None
) -> Drill:
    """Run a drill for seconds, with ``period`` seconds between two disruptions.

    ``attacks`` and ``kinds`` of disruptions are names in the tables; None is all of them.
    """
    stopping = threading.Event()
    with World() as world:
        disruptions = Disruptions(world, stopping, period, kinds)
        honest = HonestCallers(world, stopping, lambda: disruptions.current)
        hostile = HostileCallers(world, stopping, attacks)
        honest.warm()
        parts = [threading.Thread(target=part.run) for part in (honest, hostile, disruptions)]
        for part in parts:
            part.start()
        memory = []
        for _ in range(int(seconds / _SAMPLE_INTERVAL)):
            stopping.wait(_SAMPLE_INTERVAL)
            memory.append(world.memory())
        stopping.set()
        for part in parts:
            part.join()
        answers = {"hits": honest.hits, "misses": honest.misses, "persists": honest.persists}
        drill = Drill(answers, memory, disruptions.counts, hostile.rounds, world.out_of_memory_kills(), honest.resent)
        world.node.stop()
        drill.leftovers = world.leftovers()
    return drill


def report(drill: Drill) -> None:
    """Print the tables."""
    console = Console(width=100)
    table = Table("honest", "requests", "p50 ms", "p99 ms", "slowest ms", "statuses", "failures")
    for name, answers in drill.answers.items():
        times = [f"{answers.percentile(part) * 1000:.0f}" for part in (0.5, 0.99, 1)]
        statuses = ", ".join(f"{status}: {count}" for status, count in answers.statuses.most_common())
        failures = ", ".join(f"{failure}: {count}" for failure, count in answers.failures.most_common()) or "none"
        table.add_row(name, str(len(answers.latencies)), *times, statuses, failures)
    console.print(table)
    slow = +drill.answers["hits"].slow
    titles = (("disruptions", drill.disruptions), ("attacks, rounds", drill.attacks), ("slow hits after", slow))
    for title, counts in titles:
        console.print(f"{title}:", ", ".join(f"{name} {count}" for name, count in counts.items()))
    peak, last = max(drill.memory, default=0), drill.memory[-1] if drill.memory else 0
    kills = "no limit" if drill.out_of_memory_kills is None else f"{drill.out_of_memory_kills} processes killed"
    console.print(
        f"memory: peak {peak / _MEGABYTE:.0f} MB, last {last / _MEGABYTE:.0f} MB, growth {drill.growth:.2f}, {kills}"
    )
    console.print("sent again, because a killed worker closed the connection:", drill.resent)
    console.print("left behind:", ", ".join(drill.leftovers) or "nothing")
    for goal, is_met in drill.goals().items():
        console.print("[green]met" if is_met else "[red]missed", goal)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--period", type=float, default=15.0, help="seconds between two disruptions")
    arguments = parser.parse_args()
    drill = run(arguments.seconds, arguments.period)
    report(drill)
    sys.exit(0 if all(drill.goals().values()) else 1)


if __name__ == "__main__":
    main()
