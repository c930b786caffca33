"""Life and end of the worker processes of ``tintype serve``: signals, the grace period, the death of the parent."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import util
from typing import Any

import structlog

log = structlog.get_logger("tintype.serve")

ORPHAN_GRACE_SECONDS = 5.0
"""Seconds that a worker without a parent gets to finish requests in progress."""
PARENT_CHECK_SECONDS = 0.5
"""Seconds between two checks whether the parent runs. The sentinel of ``multiprocessing`` is no alternative: workers
that were forked later hold its other end open."""
_HANDLER_CHECK_SECONDS = 0.02
_STOP_ATTEMPTS, _STOP_RETRY_SECONDS = 5, 0.3


@dataclass(slots=True)
class WorkerProcess:
    """The process of one worker. Its main thread calls ``supervise`` before granian installs its signal handlers.

    The parent alone decides when a worker ends, so SIGINT, which a terminal sends to the whole group, is ignored.
    Granian's handler runs once: it blocks the process, with the GIL held, when it is called repeatedly.
    """

    stop_daemon: Callable[[], bool]
    """Stops the capture daemon unless it has other clients; returns whether it stops. Called without a parent only."""
    close: Callable[[], None] = lambda: None
    """Closes the connections of the application, once it is loaded."""
    _graceful_stop: Any = None
    _is_stopping: bool = False
    _is_orphan: bool = False
    _ending: threading.Lock = field(default_factory=threading.Lock)

    def supervise(self) -> None:
        """Install the signal handlers of a worker, and end it when its parent has died."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the handler of the parent, which was inherited, does nothing
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGALRM, self._replace_handlers)
        signal.setitimer(signal.ITIMER_REAL, _HANDLER_CHECK_SECONDS, _HANDLER_CHECK_SECONDS)
        util.Finalize(None, self.release, exitpriority=100)
        threading.Thread(target=self._end_with_parent, name="tintype-parent", daemon=True).start()

    def release(self) -> None:
        """Close the application; without a parent, stop the capture daemon too, as the parent would have done."""
        if not self._ending.acquire(blocking=False):
            return
        self.close()
        if self._is_orphan:
            # other workers end at the same moment, and each of them is a client of the daemon
            for _ in range(_STOP_ATTEMPTS):
                if self.stop_daemon():
                    break
                time.sleep(random.uniform(0, _STOP_RETRY_SECONDS))  # noqa: S311 - spreads attempts

    def _replace_handlers(self, *_: object) -> None:
        """Take SIGTERM over from granian, which installs its handlers after the application is loaded."""
        installed = signal.getsignal(signal.SIGTERM)
        if not callable(installed):
            return
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._graceful_stop = installed
        signal.signal(signal.SIGTERM, self._on_sigterm)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def _on_sigterm(self, *arguments: object) -> None:
        if not self._is_stopping:
            self._is_stopping = True
            self._graceful_stop(*arguments)

    def _end_with_parent(self) -> None:
        parent = multiprocessing.parent_process()
        while parent and os.getppid() == parent.pid:
            time.sleep(PARENT_CHECK_SECONDS)
        self._is_orphan = True
        log.error("parent_died", effect=f"this worker ends within {ORPHAN_GRACE_SECONDS:.0f} s")
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(ORPHAN_GRACE_SECONDS)
        self.release()
        os.kill(os.getpid(), signal.SIGKILL)


def kill_workers_on_second_interrupt(server: Any) -> None:
    """Make a second SIGINT kill the workers of a granian server. The main thread calls it after granian's start."""
    stop: Any = signal.getsignal(signal.SIGINT)
    interrupts = 0

    def on_sigint(*arguments: object) -> None:
        nonlocal interrupts
        interrupts += 1
        if interrupts > 1:
            for worker in tuple(server.wrks):
                worker.kill()
        stop(*arguments)

    signal.signal(signal.SIGINT, on_sigint)
