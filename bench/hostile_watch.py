"""Observes a service under attack: memory of its web processes, slowest /health, honest hits. Ends it at a limit."""

from __future__ import annotations

import contextlib
import http.client
import multiprocessing
import os
import signal
import threading
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from bench import process_tree
from harness.node import Node

SAMPLE_EVERY, PROBE_EVERY = 0.05, 0.05
"""Seconds between two samples of memory, and between two probes."""
_PROBE_TIMEOUT = 60.0
"""Seconds after which a probe counts as failed."""


@dataclass
class Observation:
    """What happened during an attack. Times are in seconds, memory in bytes."""

    seconds: float = 0.0
    memory_before: int = 0
    memory_peak: int = 0
    memory_after: int = 0
    health_max: float = 0.0
    hits: int = 0
    hits_failed: int = 0
    hit_max: float = 0.0
    was_ended: bool = False
    """The service was ended, because it exceeded the memory limit."""
    notes: list[str] = field(default_factory=list)


class Watch:
    """Observes a node inside a ``with`` block. ``memory_limit`` is in bytes; ``hit`` is the path of a cached thumbnail.

    The probes run in their own process, so that the clients of the attack do not delay them.
    """

    def __init__(self, node: Node, hit: str, memory_limit: int, headers: dict[str, str] | None = None) -> None:
        self.observation = Observation()
        self._node, self._limit = node, memory_limit
        self._ended = threading.Event()
        self._connection, remote = multiprocessing.Pipe()
        arguments = (remote, node.port, hit, headers or {})
        self._prober = multiprocessing.get_context("spawn").Process(target=probe, args=arguments, daemon=True)
        self._sampler = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._prober.start()
        self._connection.recv()
        self.observation.memory_before = web_memory(self._node.process.pid)
        self._sampler.start()
        self._begin = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        seen = self.observation
        seen.seconds = time.perf_counter() - self._begin
        self._connection.send("stop")
        if self._connection.poll(2 * _PROBE_TIMEOUT + 5):
            seen.health_max, seen.hits, seen.hits_failed, seen.hit_max = self._connection.recv()
        self._ended.set()
        self._sampler.join()
        self._prober.join(5)

    def settle(self, seconds: float) -> None:
        """Wait, then record the memory that the service still holds."""
        if not self.observation.was_ended:
            time.sleep(seconds)
            self.observation.memory_after = web_memory(self._node.process.pid)

    def _sample(self) -> None:
        seen = self.observation
        while not self._ended.wait(SAMPLE_EVERY):
            used = web_memory(self._node.process.pid)
            seen.memory_peak = max(seen.memory_peak, used)
            if used > self._limit:
                seen.was_ended = True
                self._kill()
                return

    def _kill(self) -> None:
        """Kill the processes of the node, parents first, so that no worker is started again."""
        for pid in process_tree.members(self._node.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def web_memory(pid: int) -> int:
    """Memory in bytes (PSS) of the server and its workers, without the capture daemon and its browser."""
    pids, queue = [], [pid]
    while queue:
        each = queue.pop()
        if "tintype.chromium" not in _command(each):
            pids.append(each)
            queue += process_tree.children(each)
    return sum(process_tree.pss(each) for each in pids)


def probe(connection: Connection, port: int, hit: str, headers: dict[str, str]) -> None:
    """Send /health and a hit in turns until a message arrives; reply with the slowest of both and the counts."""
    slowest, counts = [0.0, 0.0], [0, 0]
    connection.send("ready")
    while not connection.poll(PROBE_EVERY):
        for number, path in enumerate(("/health", hit)):
            begin = time.perf_counter()
            succeeded = _get(port, path, headers)
            slowest[number] = max(slowest[number], time.perf_counter() - begin)
            if number:
                counts[0] += 1
                counts[1] += not succeeded
    connection.send((slowest[0], *counts, slowest[1]))


def _get(port: int, path: str, headers: dict[str, str]) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PROBE_TIMEOUT)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException):
        return False
    else:
        return response.status == http.client.OK
    finally:
        connection.close()


def _command(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", errors="replace") as file:  # noqa: PTH123 - twenty times per second
            return file.read()
    except OSError:
        return ""
