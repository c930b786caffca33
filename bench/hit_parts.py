"""Where the CPU time of a cache hit goes: server, header fields, kernel, and the parts of the fast path.

``python -m bench.hit_parts [--rounds N] [--seconds N]``. Servers run on core 0 in turn, the load generator on core 1,
as in :mod:`bench.hits`: nginx with a static file, granian with a WSGI application that only returns the same bytes
(without header fields, and with those of a hit), and the service. The differences between the rows are the parts. The
second table is the same hit in a loop in one process without a server. Requires ``nginx`` and ``wrk``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIEnvironment

from rich.table import Table

from bench import hits, load, process_tree
from bench.hits import ServerUnderTest
from bench.load import Request
from bench.tables import number, print_tables
from harness.node import free_port
from tintype import access_log, logs
from tintype.application import from_environment
from tintype.web import create_app, request_log
from tintype.web.fast_path import FastPath
from tintype.web.response_cache import ResponseCache

SIZE = 10
"""KB of a thumbnail."""
LOOPS = 50
"""Passes over all thumbnails in one process; the fastest counts."""


@dataclass
class Row:
    """A server and the CPU time per request of each round, in µs: in user mode and in the kernel."""

    server: ServerUnderTest
    user: list[float] = field(default_factory=list)
    system: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)

    def run(self, seconds: int) -> None:
        before = process_tree.cpu_modes(self.server.members[0])
        result = load.generate(self.server.port, self.server.requests(SIZE), seconds, hits.LOAD)
        user, system = (
            (after - earlier) / max(1, result.requests) * 1e6
            for after, earlier in zip(process_tree.cpu_modes(self.server.members[0]), before, strict=True)
        )
        self.user.append(user)
        self.system.append(system)
        self.rate.append(result.rate)


@contextmanager
def bare(fields: int) -> Iterator[ServerUnderTest]:
    """The server alone: an application that returns the same bytes, with the first header fields of a hit."""
    port = free_port()
    command = [sys.executable, "-m", "bench.bare_server", str(port), str(SIZE), str(fields)]
    with hits.terminated_at_end(subprocess.Popen(command)) as process:
        yield ServerUnderTest(port, lambda size: [Request(hits.query(size, 0))], [process.pid])


def measure_servers(rounds: int, seconds: int) -> dict[str, Row]:
    """Measure all servers in turn; the first round warms up."""
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = {
            "nginx, static file": Row(stack.enter_context(hits.nginx(scratch, [SIZE]))),
            "granian, no header fields": Row(stack.enter_context(bare(0))),
            "granian, those of a hit": Row(stack.enter_context(bare(100))),
            "Tintype": Row(stack.enter_context(hits.tintype(scratch / "data", [SIZE]))["hits"]),
        }
        for _ in range(rounds + 1):
            for row in servers.values():
                row.run(seconds)
    for row in servers.values():
        del row.user[0], row.system[0], row.rate[0]
    return servers


def show_servers(servers: dict[str, Row]) -> None:
    table = Table("", "per second", "× nginx", "CPU µs", "user", "system", title=f"{SIZE} KB, one core")
    nginx = next(iter(servers.values()))
    for name, row in servers.items():
        rate, user, system = (statistics.median(each) for each in (row.rate, row.user, row.system))
        ratio = rate / statistics.median(nginx.rate)
        table.add_row(name, *(number(value) for value in (rate, ratio, user + system, user, system)))
    print_tables(table)


def environ_of(query: str) -> WSGIEnvironment:
    return {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/thumb",
        "QUERY_STRING": query.partition("?")[2],
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SCRIPT_NAME": "",
        "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def fastest(
    call: Callable[[WSGIEnvironment], object],
    environs: Sequence[WSGIEnvironment],
    prepare: Callable[[], object] = access_log.flush,
) -> float:
    """µs of CPU of one call in this thread: the fastest of LOOPS passes, before each of which ``prepare`` runs."""
    passes = []
    for _ in range(LOOPS):
        prepare()
        begin = time.thread_time()
        for environ in environs:
            call(environ)
        passes.append((time.thread_time() - begin) / len(environs) * 1e6)
    return min(passes)


def measure_parts() -> dict[str, float]:
    """µs of the parts of a hit in this process, which logs to /dev/null."""
    with tempfile.TemporaryDirectory() as data, Path(os.devnull).open("w") as null:
        environ = {**hits.environ_of(Path(data)), "TINTYPE_LOG_FORMAT": "json"}
        hits.fill(environ, [SIZE])
        os.environ.update(environ)
        application = from_environment(threads=16, workers=1)
        handler = logs.json_handler()
        assert handler, "another log handler is installed"
        handler.setStream(null)
        app = create_app(application)
        environs = [environ_of(hits.query(SIZE, number)) for number in range(hits.PAGES)]

        for each in environs:
            b"".join(app(each, ignore_response))  # the next time the fast path answers
        parts = measure_calls(app.wsgi_app, environs)
        application.close()
    return parts


def ignore_response(*_: object) -> Any:
    """A start_response that does nothing."""


def measure_calls(fast_path: Any, environs: Sequence[WSGIEnvironment]) -> dict[str, float]:
    """µs of the calls that a hit consists of."""
    assert isinstance(fast_path, FastPath)
    limiter, queries = fast_path._rate_limiter, fast_path._query_cache  # noqa: SLF001 - its parts are measured

    def forget() -> None:
        """Drop the responses in memory, as happens to each of them after some seconds."""
        fast_path._responses = ResponseCache()  # noqa: SLF001 - see above

    window = limiter.check_hit(environs[0])
    assert window, "this service limits no rates"
    whole = fastest(fast_path.answer, environs)
    return {
        "a hit": whole,
        "more, if it is read again from the cache": fastest(fast_path.answer, environs, forget) - whole,
        "query string to parsed query": fastest(queries.get, environs),
        "rate limit": fastest(limiter.check_hit, environs),
        "header fields of the rate limit": fastest(lambda _: window.headers(), environs),
        "request id": fastest(lambda _: request_log.accept_request_id(""), environs),
        "log line and metrics": fastest(
            lambda _: request_log.log_hit("GET", 200, 0.1, SIZE << 10, "0" * 32, ("site.org", "")), environs
        ),
        "text of the log line, in another thread": text_of_line(),
    }


def text_of_line() -> float:
    """µs of CPU of one line when it is written."""
    lines, passes = 1000, []
    for _ in range(LOOPS):
        access_log.flush()
        for _ in range(lines):
            request_log.log_hit("GET", 200, 0.1, SIZE << 10, "0" * 32, ("site.org", ""))
        begin = time.thread_time()
        access_log.flush()
        passes.append((time.thread_time() - begin) / lines * 1e6)
    return statistics.median(passes)


def show_parts(parts: dict[str, float]) -> None:
    table = Table("in one process", "µs")
    for name, value in parts.items():
        table.add_row(name, number(value))
    print_tables(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {hits.SERVERS})
    show_servers(measure_servers(arguments.rounds, arguments.seconds))
    show_parts(measure_parts())


if __name__ == "__main__":
    main()
