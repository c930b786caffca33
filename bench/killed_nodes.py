"""A job on two nodes and two job workers, while a node and a worker are killed under load: nothing lost.

``python -m bench.killed_nodes [--pages 200]``. Two nodes behind nginx share one Redis and one S3 server with two job
workers, and clients request cached thumbnails all the time. After a third of the job all processes of one node are
killed, after two thirds those of one worker; neither is started again. Then the archive must have a thumbnail of every
page, no page may have been loaded more than twice, and no client may have received an error.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from bench.killed_jobs import GeneratedSite, KilledJob, read_end, submit, wait_for_pages
from harness.node import JobWorkerNode
from harness.two_nodes import TwoNodes, hits

LOADED = 5
"""Cached thumbnails that clients request."""


def run(pages: int, folder: Path) -> tuple[KilledJob, int, int]:
    """Run a job with all data in a folder. Returns what was left of it, and requests of clients: all, failed."""
    result, begin = KilledJob(pages, kills=2), time.monotonic()
    settings = {"TINTYPE_SLOTS": "2", "TINTYPE_JOB_HOST_CAPTURES": "64"}
    with GeneratedSite(pages) as site, TwoNodes(folder, site, **settings) as pair, ExitStack() as running:
        urls = [f"{site.origin}/{number}?load" for number in range(LOADED)]
        for url in urls:
            pair.thumb(url).raise_for_status()
        killed_worker, _ = [
            running.enter_context(JobWorkerNode(data=folder / name, env=pair.env)) for name in ("first", "second")
        ]
        with hits(pair, urls) as load:
            path = submit(pair.south, site)
            for share, process in ((1, pair.north), (2, killed_worker)):
                wait_for_pages(pair.south, path, pages * share // 3)
                killed_at = time.monotonic()
                process.kill()
                wait_for_pages(pair.south, path, pages * share // 3 + 1)
                result.longest_recovery = max(result.longest_recovery, time.monotonic() - killed_at)
            read_end(result, pair.south, path, site)
    result.seconds = time.monotonic() - begin
    return result, len(load.responses), len([each for each in load.responses if each[0] != 200])  # noqa: PLR2004


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result, requests, failed = run(arguments.pages, Path(folder))
    failures = [*result.failures, *([f"{failed} requests of clients failed"] if failed else [])]
    print(json.dumps({**asdict(result), "requests": requests, "failures": failures}, indent=2))
    raise SystemExit(bool(failures))


if __name__ == "__main__":
    main()
