"""Benchmark of two nodes behind nginx while one is killed: captures, lost hits, retried misses and recovery time.

``python -m bench.nodes [--rounds N] [--pages N] [--json]``. Nodes, shipped nginx, Redis and an S3 server run
on loopback. A round requests cold pages from both nodes concurrently, each twice and in two spellings. Then,
under a load of hits that bypass nginx's cache, it kills one node with all its processes during captures, waits for all
responses and restarts it. Finally it does the same with SIGTERM, as a deployment does.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from harness.site_server import SiteServer
from harness.two_nodes import Load, Pair, hits
from harness.waiting import eventually

KNOWN = 20
LOST = 4
"""Captures in progress when the node is killed."""
ENOUGH = 100
"""Seconds of hits before and after."""


@dataclass
class Found:
    """Results of all rounds."""

    visits: list[int] = field(default_factory=list)
    cold: Counter[str] = field(default_factory=Counter)
    hits: int = 0
    failed: int = 0
    slowest: list[float] = field(default_factory=list)
    over: list[float] = field(default_factory=list)
    fates: Counter[str] = field(default_factory=Counter)
    again: list[int] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    back: list[float] = field(default_factory=list)
    edge: Counter[str] = field(default_factory=Counter)
    ended_hits: int = 0
    ended_failed: int = 0
    ended_fates: Counter[str] = field(default_factory=Counter)


def cold(pair: Pair, site: SiteServer, pages: list[str], found: Found) -> None:
    """Request each page four times concurrently."""
    asked = [(site.url(page), more) for page in pages for more in ("", "&format=png") * 2]
    found.cold.update(told(answer) for answer in pair.thumbs(asked))
    found.visits += [site.visits(page) for page in pages]


def through_the_edge(pair: Pair, urls: list[str], found: Found) -> None:
    """Cached pages, requested as browsers do: nginx may serve them."""
    found.edge.update(told(pair.thumb(url)) for _ in range(5) for url in urls)


def killed(pair: Pair, site: SiteServer, urls: list[str], pages: list[str], found: Found) -> None:
    """Kill one node under load and restart it."""
    site.gate.clear()
    with hits(pair, urls) as load, ThreadPoolExecutor(1) as background:
        load.grows(by=ENOUGH)
        misses = background.submit(pair.thumbs, [(site.url(page), "") for page in pages])
        for page in pages:
            site.wait_for_visit(page)
        lost = pair.busy()
        died = time.monotonic()
        lost.kill()
        gone = time.monotonic()
        site.gate.set()
        load.grows(by=ENOUGH)
        answers = misses.result()
        found.waited.append(time.monotonic() - gone)
        started = time.monotonic()
        lost.start()
        if not eventually(lambda: pair.took_part(lost) > 0, within=60):
            raise RuntimeError("the node did not take part again")
        found.back.append(time.monotonic() - started)
        load.grows(by=ENOUGH)
    note_load(load, died, found)
    for page, answer in zip(pages, answers, strict=True):
        tried = site.visits(page)
        found.fates["tried again: picture" if told(answer) == "MISS" and tried > 1 else fate(answer)] += 1
        found.again.append(pair.thumb(site.url(page)).status_code)


def ended(pair: Pair, site: SiteServer, urls: list[str], pages: list[str], found: Found) -> None:
    """Stop one node by SIGTERM under load and restart it."""
    pair.gather(urls[0])
    site.gate.clear()
    with hits(pair, urls) as load, ThreadPoolExecutor(2) as background:
        misses = background.submit(pair.thumbs, [(site.url(page), "") for page in pages])
        for page in pages:
            site.wait_for_visit(page)
        ending = background.submit(pair.busy().stop)
        load.grows(by=ENOUGH)
        site.gate.set()
        ending.result()
        load.grows(by=ENOUGH)
        answers = misses.result()
        pair.gather(urls[0])
    found.ended_hits += len(load.seen)
    found.ended_failed += len(load.failed)
    found.ended_fates.update(fate(answer) for answer in answers)


def note_load(load: Load, died: float, found: Found) -> None:
    """Errors and latencies of the clients that requested hits."""
    found.hits += len(load.seen)
    found.failed += len(load.failed)
    after = [seen for seen in load.seen if seen[3] + seen[2] >= died]
    found.slowest.append(max(seconds for _, _, seconds, _ in after))
    # requests in progress on the killed node were retried on the other one
    found.over.append(max([begun + seconds - died for _, _, seconds, begun in after if begun <= died], default=0.0))


def told(answer: httpx.Response) -> str:
    return answer.headers.get("x-cache", "") if answer.is_success else str(answer.status_code)


def fate(answer: httpx.Response) -> str:
    if answer.is_success:
        return "undisturbed: picture"
    return (
        f"told: {answer.status_code} {answer.json()['error']}, Retry-After {answer.headers.get('retry-after', 'none')}"
    )


def measure(rounds: int, count: int) -> Found:
    found = Found()
    with tempfile.TemporaryDirectory() as scratch, SiteServer() as site, Pair(Path(scratch), site) as pair:
        urls = [site.url(f"/plain.html?known={number}") for number in range(KNOWN)]
        for url in urls:
            pair.thumb(url).raise_for_status()
        for round_ in range(rounds):
            cold(pair, site, [f"/plain.html?cold={round_}-{number}" for number in range(count)], found)
            through_the_edge(pair, urls, found)
            held = [f"/plain.html?held=1&round={round_}-{number}" for number in range(2 * LOST)]
            killed(pair, site, urls, held[:LOST], found)
            ended(pair, site, urls, held[LOST:], found)
    return found


def figures(found: Found) -> dict[str, object]:
    return {
        "cold pages": len(found.visits),
        "requests for them": found.cold.total(),
        "visits per cold page": sum(found.visits) / len(found.visits),
        "most visits of a cold page": max(found.visits),
        "hit ratio through nginx": found.edge["HIT"] / found.edge.total(),
        "answers through nginx": dict(found.edge),
        "hits asked of the nodes while one was killed": found.hits,
        "failed hits": found.failed,
        "seconds from the kill until the hits under way were answered": max(found.over),
        "slowest hit after the kill, seconds": max(found.slowest),
        "fates of misses under way": dict(found.fates),
        "seconds until the last of them was answered": max(found.waited),
        "of these pages afterwards": dict(Counter(map(str, found.again))),
        "seconds from start to taking part again": max(found.back),
        "hits asked of the nodes while one was told to end": found.ended_hits,
        "failed hits then": found.ended_failed,
        "fates of misses under way then": dict(found.ended_fates),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pages", type=int, default=6, help="cold pages a round")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows = figures(measure(asked.rounds, asked.pages))
    if asked.json:
        print(json.dumps(rows, indent=2))
        return
    table = Table("two nodes, one killed", f"{asked.rounds} rounds")
    for name, value in rows.items():
        shown = (
            "\n".join(f"{count} {what}" for what, count in value.items()) if isinstance(value, dict) else f"{value:.4g}"
        )
        table.add_row(name, shown)
    Console().print(table)


if __name__ == "__main__":
    main()
