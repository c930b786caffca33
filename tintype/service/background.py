"""What happens beside the requests: a few named jobs on threads that never hold up the end of the process."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

log = structlog.get_logger("tintype.background")


class BackgroundTasks:
    """Runs each name at most once at a time and ``limit`` names together; ``line`` more wait, beyond that they drop.

    Threads are started when needed, so a worker that was forked has its own.
    """

    def __init__(self, limit: int = 4, queue_size: int = 0) -> None:
        self._limit = limit
        self._queue_size = queue_size
        self._running: set[str] = set()
        self._queue: dict[str, Callable[[], None]] = {}
        self._changed = threading.Condition()

    def submit(self, name: str, job: Callable[[], None]) -> bool:
        """Start a job, or let it wait, unless it is there already or too many are; whether it was accepted."""
        with self._changed:
            if name in self._running or name in self._queue:
                return False
            if len(self._running) >= self._limit:
                return self._enqueue(name, job)
            self._running.add(name)
        return self._start(name, job)

    def join(self, timeout: float) -> bool:
        """Wait until nothing runs, at most ``within`` seconds; whether that came true."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, timeout)

    def _enqueue(self, name: str, job: Callable[[], None]) -> bool:
        if len(self._queue) >= self._queue_size:
            return False
        self._queue[name] = job
        return True

    def _start(self, name: str, job: Callable[[], None]) -> bool:
        try:
            threading.Thread(target=self._run, args=(name, job), name="tintype-background", daemon=True).start()
        except RuntimeError as error:  # the operating system grants no more threads
            log.warning("background_thread_failed", error=str(error))
            with self._changed:
                self._running.discard(name)
                self._changed.notify_all()
            return False
        return True

    def _run(self, name: str, job: Callable[[], None]) -> None:
        upcoming: tuple[str, Callable[[], None]] | None = (name, job)
        while upcoming:
            name, job = upcoming
            try:
                job()
            except Exception:
                log.exception("background_task_failed")
            upcoming = self._next(name)

    def _next(self, name: str) -> tuple[str, Callable[[], None]] | None:
        """The one that waited longest takes the place of the one that ended."""
        with self._changed:
            self._running.discard(name)
            first = next(iter(self._queue), None)
            self._running.update({first} if first else ())
            self._changed.notify_all()
            return (first, self._queue.pop(first)) if first else None
