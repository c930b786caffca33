"""RenderingLimit: slots, order, pixels, bounded waiting, return of memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext

import pytest

from tests.support.concurrency import eventually
from tintype.deadline import answer_within
from tintype.errors import Overloaded
from tintype.low_priority import low_priority
from tintype.service import rendering_limit
from tintype.service.rendering_limit import SMALL_PIXELS, RenderingLimit

LARGE, SMALL = 8_000_000, 300_000
NEVER, SHORT = 60.0, 0.01
Priority = Callable[[], AbstractContextManager[None]]


class Renderings:
    """Renderings on threads, each of which runs until it is ended; names of those that started, in order."""

    def __init__(self, limit: RenderingLimit) -> None:
        self.limit = limit
        self.started: list[str] = []
        self._ends: dict[str, threading.Event] = {}
        self._pool = ThreadPoolExecutor(32)

    @contextmanager
    def all_ended(self) -> Iterator[None]:
        try:
            yield
        finally:
            for end in self._ends.values():
                end.set()
            self._pool.shutdown()

    def start(self, name: str, pixels: int, held_bytes: int = 0, priority: Priority = nullcontext) -> Future[None]:
        """Start a thread; returns once the rendering runs or waits."""
        before = self.limit.running + self.limit.waiting
        self._ends[name] = threading.Event()
        done = self._pool.submit(self._render, name, pixels, held_bytes, priority)
        assert eventually(lambda: self.limit.running + self.limit.waiting > before or done.done())
        assert eventually(lambda: len(self.started) == self.limit.running or done.done())
        return done

    def end(self, name: str) -> None:
        """End a rendering; returns once the next ones have started."""
        before = self.limit.running + self.limit.waiting
        self._ends[name].set()
        assert eventually(lambda: self.limit.running + self.limit.waiting < before)

    def _render(self, name: str, pixels: int, held_bytes: int, priority: Priority) -> None:
        with priority(), self.limit.acquire(pixels, held_bytes):
            self.started.append(name)
            self._ends[name].wait(NEVER)

    def has_started(self, *names: str) -> bool:
        return eventually(lambda: list(names) == self.started)


@pytest.fixture
def one_slot() -> Iterator[Renderings]:
    renderings = Renderings(RenderingLimit(1, timeout=NEVER, on_idle=lambda: None))
    with renderings.all_ended():
        yield renderings


class TestJobs:
    def test_wait_behind_all_others(self, one_slot: Renderings) -> None:
        one_slot.start("running", LARGE)
        one_slot.start("job", LARGE, 1, priority=low_priority)
        one_slot.start("other", LARGE)
        one_slot.start("capture", LARGE, 1)
        for name in ("running", "capture", "other"):
            one_slot.end(name)
        assert one_slot.has_started("running", "capture", "other", "job")

    def test_take_no_place_of_requests_that_wait(self) -> None:
        renderings = Renderings(RenderingLimit(1, 1, timeout=NEVER, on_idle=lambda: None))
        with renderings.all_ended():
            renderings.start("running", LARGE)
            for name in ("one", "two"):
                renderings.start(name, LARGE, priority=low_priority)
            assert not renderings.start("request", LARGE).done()
            assert renderings.limit.waiting == 3


class TestSlots:
    def test_runs_no_more_large_renderings_than_slots(self) -> None:
        renderings = Renderings(RenderingLimit(2, timeout=NEVER, on_idle=lambda: None))
        with renderings.all_ended():
            for name in "abcd":
                renderings.start(name, LARGE)
            assert (renderings.limit.running, renderings.limit.waiting) == (2, 2)
            assert sorted(renderings.started) == ["a", "b"]

    def test_gives_slots_in_the_order_of_arrival(self, one_slot: Renderings) -> None:
        for name in "abc":
            one_slot.start(name, LARGE)
        one_slot.end("a")
        assert one_slot.has_started("a", "b")
        one_slot.end("b")
        assert one_slot.has_started("a", "b", "c")

    def test_releases_a_slot_after_an_exception(self) -> None:
        limit = RenderingLimit(1, timeout=SHORT)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError), limit.acquire(LARGE):
                raise ZeroDivisionError
        assert limit.running == 0

    def test_has_no_limit_without_a_number(self) -> None:
        limit = RenderingLimit()
        with limit.acquire(LARGE), limit.acquire(LARGE), limit.acquire(LARGE):
            assert limit.running == 3


class TestSmallRenderings:
    def test_starts_a_small_one_beside_a_large_one(self, one_slot: Renderings) -> None:
        one_slot.start("large", LARGE)
        one_slot.start("small", SMALL)
        assert one_slot.has_started("large", "small")

    def test_starts_a_small_one_before_large_ones_that_wait(self, one_slot: Renderings) -> None:
        for name in ("first", "second", "third"):
            one_slot.start(name, LARGE)
        one_slot.start("small", SMALL)
        assert one_slot.has_started("first", "small")

    def test_runs_small_ones_in_their_order(self, one_slot: Renderings) -> None:
        one_slot.start("large", LARGE)
        for name in ("one", "two", "three"):
            one_slot.start(name, SMALL)
        one_slot.end("one")
        one_slot.end("two")
        assert one_slot.has_started("large", "one", "two", "three")

    def test_gives_no_slot_of_a_waiting_large_one_to_a_small_one(self) -> None:
        renderings = Renderings(RenderingLimit(2, timeout=NEVER, on_idle=lambda: None))
        with renderings.all_ended():
            renderings.start("small", SMALL)
            for name in ("first", "second"):
                renderings.start(name, LARGE)
            renderings.start("other small", SMALL)
            renderings.end("first")
            assert renderings.has_started("small", "first", "second")

    def test_runs_no_more_small_ones_than_slots(self) -> None:
        renderings = Renderings(RenderingLimit(2, timeout=NEVER, on_idle=lambda: None))
        with renderings.all_ended():
            for name in "abc":
                renderings.start(name, SMALL)
            assert renderings.limit.running == 2

    def test_starts_a_large_one_beside_a_small_one_only_in_a_slot(self, one_slot: Renderings) -> None:
        one_slot.start("small", SMALL)
        one_slot.start("large", LARGE)
        assert one_slot.limit.running == 1
        one_slot.end("small")
        assert one_slot.has_started("small", "large")

    def test_counts_pixels_to_tell_small_from_large(self, one_slot: Renderings) -> None:
        one_slot.start("large", LARGE)
        one_slot.start("above", SMALL_PIXELS + 1)
        one_slot.start("small", SMALL_PIXELS)
        assert one_slot.has_started("large", "small")


class TestPixels:
    def test_bounds_renderings_although_slots_are_free(self) -> None:
        renderings = Renderings(RenderingLimit(8, timeout=NEVER, max_pixels=2 * LARGE, on_idle=lambda: None))
        with renderings.all_ended():
            for name in "abc":
                renderings.start(name, LARGE)
            assert (renderings.limit.running, renderings.limit.waiting) == (2, 1)

    def test_runs_a_rendering_above_the_bound_alone(self) -> None:
        limit = RenderingLimit(8, timeout=SHORT, max_pixels=LARGE, on_idle=lambda: None)
        with limit.acquire(10 * LARGE), pytest.raises(Overloaded), limit.acquire(LARGE):
            pass


class TestWaiting:
    def test_rejects_more_than_the_number_that_may_wait(self) -> None:
        renderings = Renderings(RenderingLimit(1, max_waiting=2, timeout=NEVER, on_idle=lambda: None))
        with renderings.all_ended():
            for name in "abc":
                renderings.start(name, LARGE)
            with pytest.raises(Overloaded) as rejection, renderings.limit.acquire(LARGE):
                pass
            assert rejection.value.retry_after_seconds == 5

    def test_rejects_a_rendering_after_the_timeout(self) -> None:
        limit = RenderingLimit(1, timeout=SHORT, on_idle=lambda: None)
        with limit.acquire(LARGE), pytest.raises(Overloaded), limit.acquire(LARGE):
            pass
        assert (limit.running, limit.waiting) == (0, 0)

    def test_rejects_a_rendering_at_the_deadline_of_its_request(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rendering_limit, "MIN_TIMEOUT", SHORT)
        limit = RenderingLimit(1, timeout=600, on_idle=lambda: None)
        with limit.acquire(LARGE), answer_within(SHORT), pytest.raises(Overloaded), limit.acquire(LARGE):
            pass

    def test_starts_new_captures_before_others_that_wait(self, one_slot: Renderings) -> None:
        one_slot.start("running", LARGE)
        one_slot.start("derived", LARGE)
        one_slot.start("first capture", LARGE, held_bytes=100)
        one_slot.start("second capture", LARGE, held_bytes=100)
        one_slot.end("running")
        one_slot.end("first capture")
        one_slot.end("second capture")
        assert one_slot.has_started("running", "first capture", "second capture", "derived")

    def test_bounds_waiting_captures_by_their_bytes(
        self, one_slot: Renderings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rendering_limit, "MAX_HELD_BYTES", 250)
        one_slot.start("running", LARGE)
        one_slot.start("first", LARGE, held_bytes=150)
        one_slot.start("second", LARGE, held_bytes=100)
        with pytest.raises(Overloaded), one_slot.limit.acquire(LARGE, held_bytes=1):
            pass


class TestMemory:
    def test_returns_memory_once_nothing_is_rendered(self) -> None:
        returned: list[bool] = []
        limit = RenderingLimit(2, on_idle=lambda: returned.append(True))
        with limit.acquire(SMALL):
            pass
        assert returned == []
        with limit.acquire(LARGE):
            with limit.acquire(2 * LARGE):
                pass
            assert returned == []
        assert returned == [True]
