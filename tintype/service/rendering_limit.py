"""Rendering limit of a worker: images that are drawn at the same time, their pixels, and requests that wait for it.

Everything that decodes, draws or encodes an image in a web process does so within this limit: thumbnails, the
classifier's look at pixels, error images and placeholders. An 8-megapixel AVIF takes 100 MB and half a second of one
core; without the limit, as many of them would run as the server has threads.

========== =========================================================================================================
slots      renderings at a time: the worker's share of the cores, given in the order of arrival
small ones images of at most ``SMALL_PIXELS``: one of 10 ms does not wait for one of seconds, so if only large ones run,
           one small one runs beside them. Small ones alone never exceed the slots.
pixels     read and written by all that run; a larger rendering runs alone
waiting    at most ``max_waiting`` requests, for ``timeout`` seconds; the others are rejected with 503
captures   that wait for their rendering are already in memory, so they come first; ``MAX_HELD_BYTES`` bounds them
jobs       wait behind all others, and count in no limit but that of the bytes
========== =========================================================================================================
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tintype import malloc
from tintype.deadline import time_left
from tintype.errors import Overloaded
from tintype.low_priority import is_low_priority, wait_limit

SMALL_PIXELS = 2_500_000
"""Pixels read and written up to which a rendering is small: a screen of 1280x800 at scale 1 and its thumbnail."""
MAX_PIXELS = 96_000_000
"""Pixels that all renderings of a process read and write at the same time."""
MAX_HELD_BYTES = 256 << 20
"""Bytes of captures that wait for their rendering."""
TIMEOUT = 20.0
"""Seconds for which a request waits for a rendering slot."""
MIN_TIMEOUT = 1.0
"""Seconds for which a request waits even if its deadline is nearer."""
RETRY_AFTER = 5.0
"""Seconds after which a rejected client should retry."""
TRIM_AFTER_PIXELS = 16_000_000
"""Pixels rendered after which free memory is returned to the operating system, as soon as nothing is rendered."""


@dataclass(eq=False, slots=True)
class _Rendering:
    """A rendering that waits or runs."""

    pixels: int
    held_bytes: int
    started: threading.Event
    low_priority: bool

    @property
    def is_small(self) -> bool:
        """Whether it may run beside large ones although all slots are taken."""
        return self.pixels <= SMALL_PIXELS


class RenderingLimit:
    """Limits the renderings of a process; None is unlimited. Thread-safe.

    ``slots`` and ``max_waiting`` are numbers of renderings, ``timeout`` is in seconds.
    """

    def __init__(
        self,
        slots: int | None = None,
        max_waiting: int | None = None,
        timeout: float = TIMEOUT,
        max_pixels: int = MAX_PIXELS,
        on_idle: Callable[[], None] = malloc.return_free_memory,
    ) -> None:
        self._slots = float("inf") if slots is None else slots
        self._max_waiting = float("inf") if max_waiting is None else max_waiting
        self._timeout = timeout
        self._max_pixels = max_pixels
        self._on_idle = on_idle
        self._lock = threading.Lock()
        self._queue: list[_Rendering] = []
        self._running: list[_Rendering] = []
        self._rendered_pixels = 0

    @contextmanager
    def acquire(self, pixels: int, held_bytes: int = 0) -> Iterator[None]:
        """Wait for a slot, and hold it while the block runs; not reentrant.

        ``pixels``: read and written. ``held_bytes``: size of a new capture, which waits before all others and without
        a time limit. Raises Overloaded if too many wait, or after the timeout.
        """
        rendering = _Rendering(pixels, held_bytes, threading.Event(), is_low_priority())
        with self._lock:
            self._enqueue(rendering)
            self._start_waiting()
        timeout = time_left(wait_limit(self._timeout), at_least=MIN_TIMEOUT)
        if not rendering.started.wait(None if held_bytes else timeout):
            self._give_up(rendering)
        try:
            yield
        finally:
            self._release(rendering)

    @property
    def waiting(self) -> int:
        """Renderings that wait."""
        return len(self._queue)

    @property
    def running(self) -> int:
        """Renderings that run."""
        return len(self._running)

    def _enqueue(self, new: _Rendering) -> None:
        captures = [each for each in self._queue if each.held_bytes]
        others = [each for each in self._queue if not each.low_priority]
        if not self._queue and self._fits(new):
            self._queue.append(new)
            return
        if new.held_bytes and sum(each.held_bytes for each in captures) + new.held_bytes > max(
            MAX_HELD_BYTES, new.held_bytes
        ):
            raise _overloaded()
        if new.low_priority:
            self._queue.append(new)
            return
        first = sum(1 for each in others if each.held_bytes)
        if not new.held_bytes and len(others) - first >= self._max_waiting:
            raise _overloaded()
        self._queue.insert(first if new.held_bytes else len(others), new)

    def _start_waiting(self) -> None:
        """Start, in the order of the queue, everything that has room; a large one is not overtaken by another."""
        is_blocked = False
        for each in list(self._queue):
            if is_blocked and not each.is_small:
                continue
            if self._fits(each, common=not is_blocked):
                self._queue.remove(each)
                self._running.append(each)
                each.started.set()
            else:
                is_blocked = True

    def _fits(self, new: _Rendering, *, common: bool = True) -> bool:
        """Whether a rendering may start. ``common``: it may take a slot that any other could take."""
        if new.is_small and not any(each.is_small for each in self._running):
            return True
        has_room = not self._running or sum(each.pixels for each in self._running) + new.pixels <= self._max_pixels
        return common and len(self._running) < self._slots and has_room

    def _give_up(self, rendering: _Rendering) -> None:
        """Leave the queue and raise Overloaded, unless the rendering was started in this moment."""
        with self._lock:
            if rendering in self._queue:
                self._queue.remove(rendering)
                raise _overloaded()

    def _release(self, rendering: _Rendering) -> None:
        with self._lock:
            self._running.remove(rendering)
            self._rendered_pixels += rendering.pixels
            self._start_waiting()
            is_idle = not self._running and self._rendered_pixels >= TRIM_AFTER_PIXELS
            self._rendered_pixels = 0 if is_idle else self._rendered_pixels
        if is_idle:
            self._on_idle()


def _overloaded() -> Overloaded:
    return Overloaded("too many thumbnails are waiting to be rendered; retry later", retry_after=RETRY_AFTER)
