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
from rich.table import Table

from bench.tables import print_tables
from harness.site_server import SiteServer
from harness.two_nodes import Load, TwoNodes, hits
from harness.waiting import eventually

CACHED_PAGES = 20
MISSES_IN_PROGRESS = 4
"""Captures in progress when the node is killed."""
RESPONSES = 100
"""Responses to wait for before and after a failure."""


@dataclass
class Results:
    """Results of all rounds."""

    visits: list[int] = field(default_factory=list)
    cold: Counter[str] = field(default_factory=Counter)
    hits: int = 0
    failed: int = 0
    slowest: list[float] = field(default_factory=list)
    hits_in_progress: list[float] = field(default_factory=list)
    miss_outcomes: Counter[str] = field(default_factory=Counter)
    statuses_afterwards: list[int] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    recovery: list[float] = field(default_factory=list)
    nginx_states: Counter[str] = field(default_factory=Counter)
    ended_hits: int = 0
    ended_failed: int = 0
    ended_miss_outcomes: Counter[str] = field(default_factory=Counter)


def cold(pair: TwoNodes, site: SiteServer, pages: list[str], results: Results) -> None:
    """Request each page four times concurrently."""
    queries = [(site.url(page), more) for page in pages for more in ("", "&format=png") * 2]
    results.cold.update(outcome(response) for response in pair.thumbs(queries))
    results.visits += [site.visits(page) for page in pages]


def through_nginx(pair: TwoNodes, urls: list[str], results: Results) -> None:
    """Cached pages, requested as browsers do: nginx may serve them."""
    results.nginx_states.update(outcome(pair.thumb(url)) for _ in range(5) for url in urls)


def kill_one(pair: TwoNodes, site: SiteServer, urls: list[str], pages: list[str], results: Results) -> None:
    """Kill one node under load and restart it."""
    site.release_held.clear()
    with hits(pair, urls) as load, ThreadPoolExecutor(1) as background:
        load.wait_for(RESPONSES)
        misses = background.submit(pair.thumbs, [(site.url(page), "") for page in pages])
        for page in pages:
            site.wait_for_visit(page)
        lost = pair.busy_node()
        killed_at = time.monotonic()
        lost.kill()
        ended_at = time.monotonic()
        site.release_held.set()
        load.wait_for(RESPONSES)
        responses = misses.result()
        results.waited.append(time.monotonic() - ended_at)
        started = time.monotonic()
        lost.start()
        if not eventually(lambda: pair.thumb_responses(lost) > 0, within=60):
            raise RuntimeError("the restarted node received no requests")
        results.recovery.append(time.monotonic() - started)
        load.wait_for(RESPONSES)
    record_load(load, killed_at, results)
    for page, response in zip(pages, responses, strict=True):
        visits = site.visits(page)
        results.miss_outcomes[
            "retried: thumbnail" if outcome(response) == "MISS" and visits > 1 else miss_outcome(response)
        ] += 1
        results.statuses_afterwards.append(pair.thumb(site.url(page)).status_code)


def stop_one(pair: TwoNodes, site: SiteServer, urls: list[str], pages: list[str], results: Results) -> None:
    """Stop one node by SIGTERM under load and restart it."""
    pair.start_all(urls[0])
    site.release_held.clear()
    with hits(pair, urls) as load, ThreadPoolExecutor(2) as background:
        misses = background.submit(pair.thumbs, [(site.url(page), "") for page in pages])
        for page in pages:
            site.wait_for_visit(page)
        ending = background.submit(pair.busy_node().stop)
        load.wait_for(RESPONSES)
        site.release_held.set()
        ending.result()
        load.wait_for(RESPONSES)
        responses = misses.result()
        pair.start_all(urls[0])
    results.ended_hits += len(load.responses)
    results.ended_failed += len(load.failed)
    results.ended_miss_outcomes.update(miss_outcome(response) for response in responses)


def record_load(load: Load, killed_at: float, results: Results) -> None:
    """Errors and latencies of the clients that requested hits."""
    results.hits += len(load.responses)
    results.failed += len(load.failed)
    after = [response for response in load.responses if response[3] + response[2] >= killed_at]
    results.slowest.append(max(seconds for _, _, seconds, _ in after))
    # requests in progress on the killed node were retried on the other one
    results.hits_in_progress.append(
        max([begun + seconds - killed_at for _, _, seconds, begun in after if begun <= killed_at], default=0.0)
    )


def outcome(response: httpx.Response) -> str:
    return response.headers.get("x-cache", "") if response.is_success else str(response.status_code)


def miss_outcome(response: httpx.Response) -> str:
    if response.is_success:
        return "thumbnail"
    retry_after = response.headers.get("retry-after", "none")
    return f"error: {response.status_code} {response.json()['error']}, Retry-After {retry_after}"


def measure(rounds: int, count: int) -> Results:
    results = Results()
    with tempfile.TemporaryDirectory() as scratch, SiteServer() as site, TwoNodes(Path(scratch), site) as pair:
        urls = [site.url(f"/plain.html?known={number}") for number in range(CACHED_PAGES)]
        for url in urls:
            pair.thumb(url).raise_for_status()
        for round_ in range(rounds):
            cold(pair, site, [f"/plain.html?cold={round_}-{number}" for number in range(count)], results)
            through_nginx(pair, urls, results)
            held = [f"/plain.html?held=1&round={round_}-{number}" for number in range(2 * MISSES_IN_PROGRESS)]
            kill_one(pair, site, urls, held[:MISSES_IN_PROGRESS], results)
            stop_one(pair, site, urls, held[MISSES_IN_PROGRESS:], results)
    return results


def figures(results: Results) -> dict[str, object]:
    return {
        "cold pages": len(results.visits),
        "requests for them": results.cold.total(),
        "visits per cold page": sum(results.visits) / len(results.visits),
        "most visits of a cold page": max(results.visits),
        "hit ratio through nginx": results.nginx_states["HIT"] / results.nginx_states.total(),
        "responses through nginx": dict(results.nginx_states),
        "hits requested while one node was killed": results.hits,
        "failed hits": results.failed,
        "seconds from the kill until the hits in progress finished": max(results.hits_in_progress),
        "slowest hit after the kill, seconds": max(results.slowest),
        "outcomes of misses in progress": dict(results.miss_outcomes),
        "seconds until the last of their responses": max(results.waited),
        "status of these pages afterwards": dict(Counter(map(str, results.statuses_afterwards))),
        "seconds from restart to the first request": max(results.recovery),
        "hits requested while one node was stopped": results.ended_hits,
        "failed hits while stopping": results.ended_failed,
        "outcomes of misses in progress while stopping": dict(results.ended_miss_outcomes),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pages", type=int, default=6, help="cold pages per round")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = figures(measure(arguments.rounds, arguments.pages))
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    table = Table("two nodes, one killed", f"{arguments.rounds} rounds")
    for name, value in rows.items():
        shown = (
            "\n".join(f"{count} {what}" for what, count in value.items()) if isinstance(value, dict) else f"{value:.4g}"
        )
        table.add_row(name, shown)
    print_tables(table)


if __name__ == "__main__":
    main()
