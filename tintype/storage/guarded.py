"""A storage with a time limit, a limit of concurrent operations and a circuit breaker.

A bucket that accepts connections and never replies would hold the threads of the web workers, which cache hits need.
Operations therefore run in threads of their own, and a request waits for its operation for a limited time. A system
call on a network file system cannot be cancelled, so an operation holds its place until it has ended.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

import structlog

from tintype.circuit_breaker import CircuitBreaker
from tintype.deadline import time_left
from tintype.errors import BackendUnavailable, Overloaded
from tintype.model import STORED_PREFIX, Deletion, OpenObject, StorageUsage, StoredEntry, StoredFile, StoredObject
from tintype.protocols import Storage
from tintype.shared_memory import ForkAware, register_fork_hooks

log = structlog.get_logger("tintype.storage")

Result = TypeVar("Result")

OPERATION_TIMEOUT = 15.0
"""Seconds of one operation in all, with connecting and retries."""
MIN_OPERATION_TIMEOUT = 3.0
"""Seconds that an operation has even if the deadline of its request is nearer."""
MAX_CONCURRENT = 16
"""Operations of one process that run at the same time, those whose request has given up included."""
MAX_WAIT = 2.0
"""Seconds to wait for one of these places; then the request is rejected with 503."""
OPEN_SECONDS = 5.0
"""Seconds the circuit stays open after a failure that took long; then one operation probes."""
SLOW_FAILURE = 1.0
"""Seconds. A failure that took longer opens the circuit. A quick one holds no thread, and may concern one object."""


class GuardedStorage(ForkAware):
    """Raises BackendUnavailable after ``OPERATION_TIMEOUT``, and immediately while the circuit is open.

    Reads and writes have separate circuits, so that a disk that cannot be written is still read. Scans and bulk
    operations of operators have no time limit here: the storage bounds each of their requests.
    """

    def __init__(self, storage: Storage, clock: Callable[[], float] = time.monotonic) -> None:
        self._storage = storage
        self._clock = clock
        self._breakers = {
            kind: CircuitBreaker(f"storage {kind}s", storage.name, OPEN_SECONDS, clock) for kind in ("read", "write")
        }
        self.after_fork()
        register_fork_hooks(self)

    def put(self, stored: StoredObject) -> None:
        """Durably store."""
        self._run("write", partial(self._storage.put, stored))

    def get(self, key: str) -> StoredObject | None:
        """The object, body included."""
        return self._run("read", partial(self._storage.get, key))

    def open(self, key: str) -> OpenObject | None:
        """The object as an open file."""
        return self._run("read", partial(self._storage.open, key))

    def latest(self, prefix: str) -> StoredObject | None:
        """The latest object whose key starts with ``prefix``, with an empty body."""
        return self._run("read", partial(self._storage.latest, prefix))

    def check(self) -> None:
        """Raise BackendUnavailable unless objects can be stored now."""
        self._run("write", self._storage.check)

    def scan(self, after: str = "", prefix: str = STORED_PREFIX) -> Iterator[StoredFile]:
        """Objects in the order of their keys."""
        return self._storage.scan(after, prefix)

    def describe(self, files: Sequence[StoredFile]) -> list[StoredEntry]:
        """Scanned objects with their metadata."""
        return self._storage.describe(files)

    def delete(self, keys: Sequence[str]) -> Deletion:
        """Delete objects with their metadata."""
        return self._storage.delete(keys)

    def usage(self) -> StorageUsage:
        """Measure what is stored."""
        return self._storage.usage()

    @property
    def usage_interval(self) -> float:
        """Seconds for which a measurement is reused."""
        return self._storage.usage_interval

    @property
    def name(self) -> str:
        """The storage, for messages to the operator."""
        return self._storage.name

    @property
    def identity(self) -> str:
        """A text that identifies the storage."""
        return self._storage.identity

    def url(self, key: str) -> str:
        """The permanent public URL."""
        return self._storage.url(key)

    def after_fork(self) -> None:
        """Free all places in a child: the threads of the parent do not exist there."""
        self._places = threading.BoundedSemaphore(MAX_CONCURRENT)

    def _run(self, kind: str, operation: Callable[[], Result]) -> Result:
        breaker, begin = self._breakers[kind], self._clock()
        if not breaker.allows():
            raise BackendUnavailable("the storage does not respond; retry later", retry_after=OPEN_SECONDS)
        places = self._places
        if not places.acquire(timeout=MAX_WAIT):
            raise Overloaded("too many requests use the storage; retry later", retry_after=OPEN_SECONDS)
        future: Future[Result] = Future()
        work = partial(contextvars.copy_context().run, _complete, future, operation, places)
        threading.Thread(target=work, name="tintype-storage", daemon=True).start()
        timeout = time_left(OPERATION_TIMEOUT, at_least=MIN_OPERATION_TIMEOUT)
        try:
            result = future.result(timeout)
        except TimeoutError:
            breaker.record_failure(f"no reply within {timeout:.0f} s")
            raise BackendUnavailable("the storage does not respond; retry later", retry_after=OPEN_SECONDS) from None
        except BackendUnavailable as error:
            if self._clock() - begin > SLOW_FAILURE:
                breaker.record_failure(error.detail)
            raise
        breaker.record_success()
        return result


def _complete(future: Future[Result], operation: Callable[[], Result], places: threading.Semaphore) -> None:
    try:
        result = operation()
    except BaseException as error:  # noqa: BLE001 - raised again in the thread of the request
        places.release()
        future.set_exception(error)
    else:
        places.release()
        future.set_result(result)
