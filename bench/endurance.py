"""Endurance test: thousands of captures through the service, and the growth of its whole process tree.

``python -m bench.endurance [--captures N] [--every N]``. Small pages that open windows, leave workers, abort or show
dialogs, and sometimes a real page (``bench.pages``). After every N captures the service idles and is measured: memory,
processes, descriptors and files of web workers, daemon and Chromium, and Chromium's open targets. The median of five
samples around capture 500 is compared with the median of the last five.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import pages, process_tree
from bench.tables import print_tables
from harness.node import Node
from harness.site_server import SiteServer
from tintype.engines.chromium import ChromiumEngine

QUICK = (
    "/plain.html",
    "/leave-traces.html",
    "/popups.html",
    "/alerts.html",
    "/frames.html",
    "/chart.html",
    "/late.html",
    "/noise.html",
    "/elements.html",
    "/broken",
    "/download",
    "/nothing",
)
"""Pages of the test site; the last three yield no image or one that is not cached."""
REAL_EVERY = 25
COMPARED_AT, SAMPLES = 500, 5
ALLOWED = 1.10
"""Limits A10 and A11: resources after all captures, relative to those after 500."""
_MEGABYTE = 1 << 20
_IDLE_WITHIN = 60.0
_BUDGET = 4 * _MEGABYTE
"""Cache budget in bytes: full at capture 500, so that its mapped file does not count as growth."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Resources of an idle service; memory in bytes."""

    captures: int
    memory: int
    """Proportional set size (PSS)."""
    own: int
    """Anonymous part of it."""
    web: int
    """PSS of all processes except daemon and Chromium."""
    web_own: int
    """Anonymous part of it."""
    daemon: int
    processes: int
    descriptors: int
    contexts: int
    pages: int
    data_files: int
    """Files in the data folder, without lock files, whose number is fixed."""
    temporary: int
    """Files and folders in the temporary folder."""


@dataclass
class Service:
    """A node with its own folders, and a client of its daemon."""

    node: Node
    temporary: Path

    def sample(self, captures: int) -> Sample:
        """Wait until the service is idle, then measure."""
        daemon = self._idle_daemon()
        status, members = daemon.status(), process_tree.members(self.node.process.pid)
        daemon.close()
        daemon_members = set(process_tree.members(status.pid))
        files = [path for path in self.node.data.rglob("*") if path.is_file() and path.suffix != ".lock"]
        web = [pid for pid in members if pid not in daemon_members]
        return Sample(
            captures=captures,
            memory=sum(map(process_tree.pss, members)),
            own=sum(process_tree.pss(pid, "Pss_Anon") for pid in members),
            web=sum(map(process_tree.pss, web)),
            web_own=sum(process_tree.pss(pid, "Pss_Anon") for pid in web),
            daemon=process_tree.pss(status.pid),
            processes=len(members),
            descriptors=sum(map(process_tree.descriptors, members)),
            contexts=status.contexts or 0,
            pages=status.pages or 0,
            data_files=len(files),
            temporary=sum(1 for _ in self.temporary.rglob("*")),
        )

    def _idle_daemon(self) -> ChromiumEngine:
        run = self.node.data / "run"
        daemon = ChromiumEngine(f"unix://{next(run.glob('*.sock'))}", None, run, timeout=10)
        until = time.monotonic() + _IDLE_WITHIN
        while _is_busy(daemon) and time.monotonic() < until:
            time.sleep(0.2)
        time.sleep(1)  # renderer processes of closed pages end later
        return daemon


def _is_busy(daemon: ChromiumEngine) -> bool:
    status = daemon.status()
    return bool(status.busy or status.queue_length or status.contexts != 0)


def distinct_urls(site: SiteServer, real: pages.Sites) -> Iterator[str]:
    """An endless sequence of distinct URLs."""
    quick, slow = itertools.cycle(QUICK), itertools.cycle(real.names)
    for number in itertools.count():
        if number % REAL_EVERY == REAL_EVERY - 1:
            yield real.url(next(slow), number)
        else:
            yield f"{site.url(next(quick))}?n={number}"


def run(service: Service, urls: Iterator[str], captures: int, every: int, callers: int) -> Iterator[Sample]:
    """Capture continuously; take a sample after every N captures."""
    statuses: Counter[int] = Counter()
    with ThreadPoolExecutor(callers) as pool:
        for done in range(every, captures + 1, every):
            begin = time.perf_counter()
            batch = list(itertools.islice(urls, every))
            statuses.update(response.status_code for response in pool.map(service.node.thumb, batch))
            speed = every / (time.perf_counter() - begin)
            sample = service.sample(done)
            Console(stderr=True).print(f"{speed:.1f}/s", dict(statuses), sample)
            yield sample


def measure(captures: int, every: int, callers: int, recycle_after: int) -> tuple[list[Sample], list[str]]:
    """All samples, and the files left when the service has ended."""
    with tempfile.TemporaryDirectory() as scratch, SiteServer() as site, pages.serve() as real:
        Path(scratch).chmod(0o711)  # the browser's user needs access
        temporary = Path(scratch) / "tmp"
        temporary.mkdir()
        temporary.chmod(0o1777)
        env = {
            "TMPDIR": str(temporary),
            "TINTYPE_ALLOW_ADDRESSES": f"127.0.0.1:{site.port},{real.allowed}",
            "TINTYPE_WORKERS": "2",
            "TINTYPE_CACHE_SIZE": str(_BUDGET),
            "TINTYPE_MASTER_SIZE": str(_BUDGET),
            "TINTYPE_RECYCLE_AFTER": str(recycle_after),
        }
        with Node(data=Path(scratch) / "data", env=env) as node:
            node.thumb(site.url("/plain.html")).raise_for_status()
            samples = list(run(Service(node, temporary), distinct_urls(site, real), captures, every, callers))
        return samples, sorted(str(path.relative_to(temporary)) for path in temporary.rglob("*"))


def compared(samples: Sequence[Sample]) -> dict[str, tuple[float, float]]:
    """Medians of the samples around capture 500 (or of the first) and of the last ones, by name."""
    middle = min(range(len(samples)), key=lambda number: abs(samples[number].captures - COMPARED_AT))
    begin = max(0, min(middle - SAMPLES // 2, len(samples) - SAMPLES))
    sides = (
        [asdict(sample) for sample in samples[begin : begin + SAMPLES]],
        [asdict(sample) for sample in samples[-SAMPLES:]],
    )
    names = [name for name in sides[0][0] if name != "captures"]
    return {name: tuple(statistics.median(row[name] for row in side) for side in sides) for name in names}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captures", type=int, default=5000)
    parser.add_argument("--every", type=int, default=100)
    parser.add_argument("--callers", type=int, default=(os.cpu_count() or 1) + 2)
    parser.add_argument("--recycle-after", type=int, default=100, help="TINTYPE_RECYCLE_AFTER of the service")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    samples, left = measure(arguments.captures, arguments.every, arguments.callers, arguments.recycle_after)
    if arguments.json:
        print(
            json.dumps({"samples": [asdict(sample) for sample in samples], "left": left, "compared": compared(samples)})
        )
        return
    table = Table("resource", f"after {COMPARED_AT}", f"after {samples[-1].captures}", f"times (A11: ≤ {ALLOWED:.2f})")
    for name, (early, late) in compared(samples).items():
        unit = _MEGABYTE if name in {"memory", "own", "web", "web_own", "daemon"} else 1
        ratio = f"{late / early:.2f}" if early else "–"
        table.add_row(name if unit == 1 else f"{name} MB", f"{early / unit:.0f}", f"{late / unit:.0f}", ratio)
    print_tables(table, f"files left after the service ended: {', '.join(left) or 'nothing'}")


if __name__ == "__main__":
    main()
