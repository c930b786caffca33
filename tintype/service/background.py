"""Background executor: named tasks on daemon threads, each name at most once, with a bounded queue."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

log = structlog.get_logger("tintype.background")


class BackgroundTasks:
    """Runs at most ``limit`` tasks concurrently and queues ``queue_size`` more; further tasks are dropped.

    A name that runs or waits is not accepted again. Threads start on demand, so a forked worker has its own.
    """

    def __init__(self, limit: int = 4, queue_size: int = 0) -> None:
        self._limit = limit
        self._queue_size = queue_size
        self._running: set[str] = set()
        self._queue: dict[str, Callable[[], None]] = {}
        self._changed = threading.Condition()

    def submit(self, name: str, task: Callable[[], None]) -> bool:
        """Start or queue a task; False if its name already runs or waits, or if the queue is full."""
        with self._changed:
            if name in self._running or name in self._queue:
                return False
            if len(self._running) >= self._limit:
                return self._enqueue(name, task)
            self._running.add(name)
        return self._start(name, task)

    @contextmanager
    def reserve(self, name: str, task: Callable[[], None]) -> Iterator[bool]:
        """Start a task when the block ends, unless it raises.

        Yields False, and starts nothing, if the name already runs or waits, or if no thread is free.
        """
        with self._changed:
            is_free = name not in self._running and name not in self._queue and len(self._running) < self._limit
            self._running.update({name} if is_free else ())
        if not is_free:
            yield False
            return
        try:
            yield True
        except BaseException:
            if upcoming := self._next(name):
                self._start(*upcoming)
            raise
        self._start(name, task)

    def join(self, timeout: float) -> bool:
        """Wait until no task runs, at most ``timeout`` seconds; returns whether none does."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, timeout)

    def _enqueue(self, name: str, task: Callable[[], None]) -> bool:
        if len(self._queue) >= self._queue_size:
            return False
        self._queue[name] = task
        return True

    def _start(self, name: str, task: Callable[[], None]) -> bool:
        try:
            threading.Thread(target=self._run, args=(name, task), name="tintype-background", daemon=True).start()
        except RuntimeError as error:  # the operating system refuses another thread
            log.warning("background_thread_failed", error=str(error))
            with self._changed:
                self._running.discard(name)
                self._changed.notify_all()
            return False
        return True

    def _run(self, name: str, task: Callable[[], None]) -> None:
        upcoming: tuple[str, Callable[[], None]] | None = (name, task)
        while upcoming:
            name, task = upcoming
            try:
                task()
            except Exception:
                log.exception("background_task_failed")
            upcoming = self._next(name)

    def _next(self, name: str) -> tuple[str, Callable[[], None]] | None:
        """The oldest queued task, which takes the slot of the one that ended."""
        with self._changed:
            self._running.discard(name)
            first = next(iter(self._queue), None)
            self._running.update({first} if first else ())
            self._changed.notify_all()
            return (first, self._queue.pop(first)) if first else None
