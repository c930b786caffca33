"""Load generator for HTTP servers: wrk, or a slower one in Python if wrk is missing."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 16
CLOSED = 1
"""In place of a status: the server closed the connection before its response was complete."""
SCRIPT = """
local requests = {}
init = function()
    for line in io.lines(os.getenv('REQUESTS')) do
        local path, etag, client = line:match('^(%S+)\t(.*)\t(.*)$')
        local headers = {Host = wrk.headers.Host, ['If-None-Match'] = etag ~= '' and etag or nil}
        headers['X-Forwarded-For'] = client ~= '' and client or nil
        requests[#requests + 1] = wrk.format('GET', path, headers)
    end
end
local at = 0
request = function()
    at = at % #requests + 1
    return requests[at]
end
done = function(summary, latency)
    local wrong = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout
    io.write(string.format('{"requests":%d,"seconds":%f,"wrong":%d,"p50":%f,"p99":%f}',
        summary.requests, summary.duration / 1e6, wrong, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


@dataclass(frozen=True, slots=True)
class Request:
    """One request: a path, the entity tag of the client's copy, and the client's address as a proxy reports it."""

    path: str
    etag: str = ""
    client: str = ""

    @property
    def line(self) -> str:
        """For the load generator."""
        return f"{self.path}\t{self.etag}\t{self.client}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """Number of responses, ``wrong`` ones among them, seconds, and latency percentiles in milliseconds."""

    requests: int
    seconds: float
    wrong: int
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def generator() -> str:
    """Name of the load generator in use."""
    return "wrk" if shutil.which("wrk") else "python (slow; apt install wrk for useful figures)"


def generate(port: int, requests: Sequence[Request], seconds: int, core: int) -> LoadResult:
    """Send requests over keep-alive connections, from one core."""
    with tempfile.TemporaryDirectory() as scratch:
        script, request_list = Path(scratch) / "load.lua", Path(scratch) / "requests"
        script.write_text(SCRIPT)
        request_list.write_text("".join(request.line for request in requests))
        command = [sys.executable, "-m", "bench.load", str(port), str(seconds)]
        if wrk := shutil.which("wrk"):
            url = f"http://127.0.0.1:{port}"
            command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script), url]
        environ = {**os.environ, "REQUESTS": str(request_list)}
        done = subprocess.run(["taskset", "-c", str(core), *command], env=environ, check=True, capture_output=True)
    return LoadResult(**json.loads(done.stdout[done.stdout.rindex(b"{") :]))


class Client:
    """Sends a request after each response; connects again if the server closes the connection."""

    def __init__(self, port: int, ready: selectors.BaseSelector) -> None:
        self._port = port
        self._ready = ready
        self._is_closed = False
        self._connect()

    def send(self, request: bytes) -> None:
        if self._is_closed:
            self._ready.unregister(self._connection)
            self._connection.close()
            self._connect()
        self.started, self._received = time.perf_counter(), b""
        self._connection.sendall(request)

    def read_status(self) -> int:
        """The status of a complete response, CLOSED if the connection ended before; else 0."""
        data = self._connection.recv(1 << 18)
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        status, length = int(head[9:12] or 0), 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line[15:])
            if line.startswith(b"connection:"):
                self._is_closed = b"close" in line
        if end and (status == 304 or len(body) >= length):  # noqa: PLR2004
            return status
        if not data:
            self._is_closed = True
            return CLOSED
        return 0

    def _connect(self) -> None:
        self._connection = socket.create_connection(("127.0.0.1", self._port))
        self._ready.register(self._connection, selectors.EVENT_READ, self)
        self._is_closed = False


def _generate(port: int, seconds: float, requests: Sequence[bytes]) -> LoadResult:
    ready = selectors.DefaultSelector()
    latencies: list[float] = []
    wrong, at, begin = 0, 0, time.perf_counter()
    for _ in range(CONNECTIONS):
        Client(port, ready).send(requests[(at := at + 1) % len(requests)])
    while time.perf_counter() - begin < seconds:
        for key, _ in ready.select(1):
            if status := key.data.read_status():
                latencies.append((time.perf_counter() - key.data.started) * 1000)
                wrong += status not in {200, 304}
                key.data.send(requests[(at := at + 1) % len(requests)])
    for key in list(ready.get_map().values()):
        key.fileobj.close()
    cuts = statistics.quantiles(latencies, n=100) if len(latencies) > 1 else [0.0] * 99
    return LoadResult(
        requests=len(latencies), seconds=time.perf_counter() - begin, wrong=wrong, p50=cuts[49], p99=cuts[98]
    )


def main() -> None:
    """Entry point of the Python load generator."""
    requests = []
    for line in Path(os.environ["REQUESTS"]).read_text().splitlines():
        path, etag, client = line.split("\t")
        condition = f"If-None-Match: {etag}\r\n" if etag else ""
        forwarded = f"X-Forwarded-For: {client}\r\n" if client else ""
        requests.append(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{condition}{forwarded}\r\n".encode())
    result = _generate(int(sys.argv[1]), float(sys.argv[2]), requests)
    print(json.dumps({name: getattr(result, name) for name in LoadResult.__slots__}))


if __name__ == "__main__":
    main()
