"""Honest callers of a drill: hits at a steady rate, pages not captured before, and persisted pictures."""

from __future__ import annotations

import http.client
import itertools
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import quote

from bench.drill.world import World

WARM_PAGES = 10
HITS_PER_SECOND, MISSES_PER_SECOND, PERSISTS_PER_SECOND = 20.0, 0.5, 0.2
ANSWER_WITHIN = 30.0
"""Seconds in which a page that was not captured before is answered."""
SLOW = 0.25
"""Seconds."""
MAX_RESENT = 2
"""Times that a request is sent again."""
_TIMEOUT = 60.0


@dataclass
class Answers:
    """Answers to one kind of request; latencies in seconds. Safe for several threads."""

    latencies: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    """What was wrong, such as ``503 without Retry-After``."""
    slow: Counter[str] = field(default_factory=Counter)
    """Number of answers that took longer than ``SLOW``, by the last disruption before the request."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, latency: float, status: str, failure: str, disruption: str) -> None:
        with self._lock:
            self.slow[disruption] += latency > SLOW
            self.latencies.append(latency)
            self.statuses[status] += 1
            if failure:
                self.failures[failure] += 1

    def percentile(self, part: float) -> float:
        """Seconds, by nearest rank; 0 without answers."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0


def random_address() -> str:
    """A loopback address of its own for one request: to the service, each is another client."""
    return f"127.1.{random.randrange(256)}.{random.randrange(1, 255)}"


def send(
    port: int, method: str, path: str, body: bytes | None = None, *, address: str = "", timeout: float = _TIMEOUT
) -> tuple[int, dict[str, str]]:
    """Send a request over a new connection; returns status and headers (names in lower case). Raises OSError."""
    connection = http.client.HTTPConnection(
        "127.0.0.1", port, timeout=timeout, source_address=(address or random_address(), 0)
    )
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}
    except http.client.RemoteDisconnected:
        raise  # a ConnectionError
    except http.client.HTTPException as error:
        raise OSError(type(error).__name__) from error
    finally:
        connection.close()


def check_hit(status: int, _: dict[str, str]) -> str:
    """A cached picture is always returned."""
    return "" if status == HTTPStatus.OK else f"status {status}"


def check_miss(status: int, headers: dict[str, str]) -> str:
    """A picture, or an error of the service that says when to retry."""
    if status == HTTPStatus.OK:
        return ""
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return f"status {status}"
    return "" if "retry-after" in headers else f"{status} without Retry-After"


class HonestCallers:
    """Sends honest requests until it is stopped; one thread per request, so that a slow answer delays no other one."""

    def __init__(self, world: World, stopping: threading.Event, disruption: Callable[[], str]) -> None:
        self._world, self._stopping, self._disruption = world, stopping, disruption
        self._numbers = itertools.count()
        self._run = f"{time.time_ns():x}"
        self.hits, self.misses, self.persists = Answers(), Answers(), Answers()
        self.resent = 0
        """Requests that were sent again because their connection was closed without a response."""

    def warm(self) -> None:
        """Capture the pages of the hits."""
        for number in range(WARM_PAGES):
            status, _ = send(self._world.node.port, "GET", self._hit_path(number))
            assert status == HTTPStatus.OK, f"{status} for a healthy page before the drill"

    def run(self) -> None:
        """Send requests of all kinds until the drill ends, then wait for their answers."""
        with ThreadPoolExecutor(256) as threads:
            kinds = (
                (HITS_PER_SECOND, lambda: self._request(self.hits, check_hit, self._hit_path(next(self._numbers)))),
                (MISSES_PER_SECOND, lambda: self._request(self.misses, check_miss, self._miss_path())),
                (PERSISTS_PER_SECOND, self._persist),
            )
            clocks = [threading.Thread(target=self._at_rate, args=(threads, *kind)) for kind in kinds]
            for clock in clocks:
                clock.start()
            for clock in clocks:
                clock.join()

    def _at_rate(self, threads: ThreadPoolExecutor, rate: float, request: Callable[[], None]) -> None:
        following = time.monotonic()
        while not self._stopping.wait(max(0.0, following - time.monotonic())):
            threads.submit(request)
            following += 1 / rate

    def _hit_path(self, number: int) -> str:
        return f"/thumb?url={quote(self._world.site.url(f'/plain.html?warm={number % WARM_PAGES}'), safe='')}"

    def _miss_path(self) -> str:
        page = f"/plain.html?run={self._run}&n={next(self._numbers)}"
        return f"/thumb?url={quote(self._world.site.url(page), safe='')}"

    def _persist(self) -> None:
        url = self._world.site.url(f"/plain.html?run={self._run}&persist={next(self._numbers)}")
        self._request(self.persists, check_miss, "/persist", json.dumps({"url": url}).encode())

    def _request(
        self, answers: Answers, check: Callable[[int, dict[str, str]], str], path: str, body: bytes | None = None
    ) -> None:
        start, disruption = time.monotonic(), self._disruption()
        try:
            status, headers = self._send("POST" if body else "GET", path, body)
        except OSError as error:
            answers.add(time.monotonic() - start, type(error).__name__, type(error).__name__, disruption)
            return
        latency = time.monotonic() - start
        late = f"after {ANSWER_WITHIN:.0f} s" if latency > ANSWER_WITHIN else ""
        answers.add(latency, str(status), check(status, headers) or late, disruption)

    def _send(self, method: str, path: str, body: bytes | None) -> tuple[int, dict[str, str]]:
        """Send a request; a GET again if its worker was killed, as clients and proxies do (RFC 9110, 9.2.2).

        A slow one may meet the next killed worker, too.
        """
        for _ in range(MAX_RESENT):
            try:
                return send(self._world.node.port, method, path, body)
            except ConnectionError:
                if method != "GET":
                    raise
                self.resent += 1
        return send(self._world.node.port, method, path, body)
