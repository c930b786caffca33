"""Messages to job workers in a broker: each lets a worker claim one page.

The store of jobs decides what is captured, by whom and when; a message only says that there may be a page. So a lost,
repeated or superfluous message changes nothing: every process with a broker counts the queued pages again and again,
and sends the messages that are missing.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from tintype.errors import BackendUnavailable
from tintype.jobs.leased_pages import LeasedPages
from tintype.jobs.model import ClaimLimits, JobStore

MAX_WAITING = 1_000
"""Messages that wait in the broker at most; more pages get theirs while these are captured."""
SWEEP_INTERVAL = 2.0
"""Seconds between two comparisons of queued pages and waiting messages."""
MAX_HOLD = 20.0
"""Seconds for which a worker holds a message while every queued page is at a limit or pauses."""
MIN_PAUSE, MAX_PAUSE = 0.1, 2.0
"""Seconds between two claims for one message: doubled each time, up to the maximum."""
_LOST_ONLY = ClaimLimits(total=0, per_owner=0, per_host=0)


class Consumer(Protocol):
    """Receives messages in threads of this process."""

    def pause(self) -> None:
        """Begin no further call."""
        ...

    def stop(self, timeout: float) -> None:
        """Wait at most ``timeout`` seconds for the running calls, and return the other messages."""
        ...

    def is_alive(self) -> bool:
        """Whether every thread runs."""
        ...


class Broker(Protocol):
    """Redis or RabbitMQ between nodes and job workers."""

    def top_up(self, pages: int) -> int:
        """Send messages until one waits for each of so many pages; returns their number. Raises BackendUnavailable."""
        ...

    def consume(self, work: Callable[[], None], threads: int) -> Consumer:
        """Call ``work`` for each message, in so many threads; a message is acknowledged after the call."""
        ...

    def close(self) -> None:
        """Close the connections. Idempotent."""
        ...


class MessageSender:
    """A thread that sends the missing messages, at once after :meth:`wake` and then again and again.

    ``broker`` is open already, if it is given. The thread closes the broker when it ends.
    """

    def __init__(self, store: JobStore, open_broker: Callable[[], Broker], broker: Broker | None = None) -> None:
        self._store, self._open_broker, self._broker = store, open_broker, broker
        self._due, self._stopped = threading.Event(), threading.Event()
        self.last_round = time.monotonic()
        """Monotonic time of the last comparison, also of one that failed."""

    def start(self) -> None:
        """Start the thread. The broker is opened in it, with the first queued page."""
        threading.Thread(target=self._send, name="tintype-jobs-broker", daemon=True).start()

    def wake(self) -> None:
        """Send now: a job was submitted."""
        self._due.set()

    def stop(self, timeout: float) -> bool:  # noqa: ARG002 - like JobRunner
        """Send no more. Idempotent."""
        self._stopped.set()
        self._due.set()
        return True

    def send_missing(self) -> int:
        """Return the pages of lost workers to the queue, and send the messages that are missing; returns their number.

        Raises BackendUnavailable.
        """
        self._store.claim(_LOST_ONLY, 0)
        queued = self._store.state().queued
        if not queued and self._broker is None:
            return 0
        self._broker = self._broker or self._open_broker()
        return self._broker.top_up(min(queued, MAX_WAITING))

    def _send(self) -> None:
        while not self._stopped.is_set():
            with suppress(BackendUnavailable):  # it is logged
                self.send_missing()
            self.last_round = time.monotonic()
            self._due.wait(SWEEP_INTERVAL * random.uniform(0.8, 1.2))  # noqa: S311 - processes take turns
            self._due.clear()
        if self._broker:
            self._broker.close()


class MessageHandler:
    """Captures the page whose turn is next, for each message that a job worker receives."""

    def __init__(self, store: JobStore, pages: LeasedPages) -> None:
        self._store, self._pages = store, pages

    def capture_next(self) -> None:
        """Capture one page. Waits up to ``MAX_HOLD`` seconds while queued pages are at their limits; never raises."""
        until, pause = time.monotonic() + MAX_HOLD, MIN_PAUSE
        while not self._pages.stopping:
            try:
                lease = self._pages.claim()
                if lease:
                    return self._pages.capture(lease)
                if not self._store.state().queued:
                    return None
            except BackendUnavailable:
                pause = MAX_PAUSE
            if time.monotonic() >= until:
                return None  # a later message is sent for the pages that still wait
            self._wait(pause)
            pause = min(2 * pause, MAX_PAUSE)
        return None

    def _wait(self, seconds: float) -> None:
        with self._pages.changed:
            if not self._pages.stopping:
                self._pages.changed.wait(seconds * random.uniform(0.5, 1))  # noqa: S311 - workers take turns
