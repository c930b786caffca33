"""What happens beside the requests: a few named jobs on threads that never hold up the end of the process."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

log = structlog.get_logger("tintype.background")


class Background:
    """Runs each name at most once at a time and few names together; a job too many is dropped.

    Threads are started when needed, so a worker that was forked has its own.
    """

    def __init__(self, limit: int = 4) -> None:
        self._limit = limit
        self._running: set[str] = set()
        self._changed = threading.Condition()

    def submit(self, name: str, job: Callable[[], None]) -> bool:
        """Start a job unless it is running already or too many are; whether it was started."""
        with self._changed:
            if name in self._running or len(self._running) >= self._limit:
                return False
            self._running.add(name)
        try:
            threading.Thread(target=self._run, args=(name, job), name="tintype-background", daemon=True).start()
        except RuntimeError as error:  # the operating system grants no more threads
            log.warning("no_thread_for_background_job", error=str(error))
            self._finish(name)
            return False
        return True

    def settle(self, within: float) -> bool:
        """Wait until nothing runs, at most ``within`` seconds; whether that came true."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, within)

    def _run(self, name: str, job: Callable[[], None]) -> None:
        try:
            job()
        except Exception:
            log.exception("background_job_failed")
        finally:
            self._finish(name)

    def _finish(self, name: str) -> None:
        with self._changed:
            self._running.discard(name)
            self._changed.notify_all()
