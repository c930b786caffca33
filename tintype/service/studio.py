"""How a picture comes about once it is its turn: from the master if that will do, else from the engine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tintype import imaging
from tintype.errors import TintypeError
from tintype.model import Age, Answer, CacheState, Capture, Freshness, Thumbnail
from tintype.options import CaptureRequest, Shot
from tintype.protocols import Engine, Lookup
from tintype.service.memory import Memory
from tintype.service.verdict import deserved


@dataclass(frozen=True, slots=True)
class Task:
    """A request that needs a picture. ``arrived`` is seconds since the epoch, ``timings`` are milliseconds."""

    request: CaptureRequest
    freshness: Freshness
    arrived: float
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def shot(self) -> Shot:
        """What to photograph."""
        return self.request.shot

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Note how long a step took."""
        begin = time.perf_counter()
        yield
        self.timings[name] = (time.perf_counter() - begin) * 1000


class Studio:
    """Takes, renders and remembers; whoever calls holds the lock of the shot."""

    def __init__(self, engine: Engine, lookup: Lookup, memory: Memory, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._lookup = lookup
        self._memory = memory
        self._clock = clock

    def admit(self, task: Task) -> None:
        """Raise at once what is already known to fail; look the target up."""
        self.refuse_known_failure(task)
        with task.timed("lookup"), self._remembering_failure(task.shot):
            self._lookup.check(task.shot.url)

    def refuse_known_failure(self, task: Task) -> None:
        """Raise the remembered failure; for a caller who insists, only one younger than the call."""
        since = task.arrived if task.freshness.forced else float("-inf")
        if failure := self._memory.failure(task.shot, since):
            raise failure

    def finished(self, task: Task) -> Answer | None:
        """The very picture, when somebody else made it meanwhile."""
        thumbnail = self._memory.thumbnail(task.request)
        if thumbnail is None or not self._suits(task, thumbnail):
            return None
        return self._answer(task, thumbnail, CacheState.COALESCED)

    def photograph(self, task: Task) -> tuple[Capture, CacheState]:
        """The master from which to render: remembered, else taken now."""
        master = self._memory.capture(task.shot)
        if master and self._suits(task, master):
            return master, CacheState.DERIVED
        with task.timed("capture"), self._remembering_failure(task.shot):
            capture = self._engine.capture(task.shot)
        if task.freshness.forced:
            self._memory.forget_failure(task.shot)
        task.timings.update(capture.timings)
        return capture, CacheState.MISS

    def develop(self, task: Task, capture: Capture, state: CacheState) -> Answer:
        """Render and remember; a master is kept only after it could be rendered."""
        with task.timed("render"):
            thumbnail = imaging.render(capture, task.request.rendition)
        if state is CacheState.MISS:
            self._memory.keep_capture(task.shot, capture, deserved(task.freshness, capture).max_age)
        answer = self._answer(task, thumbnail, state)
        self._memory.keep_thumbnail(task.request, thumbnail, answer.freshness.keep)
        return answer

    def _suits(self, task: Task, picture: Thumbnail | Capture) -> bool:
        """Taken since the call, or fresh enough for a caller who does not insist."""
        if picture.taken_at >= task.arrived:
            return True
        age = deserved(task.freshness, picture).judge(picture.taken_at, self._clock())
        return age is Age.FRESH and not task.freshness.forced

    def _answer(self, task: Task, thumbnail: Thumbnail, state: CacheState) -> Answer:
        bounds = deserved(task.freshness, thumbnail)
        return Answer(thumbnail=thumbnail, cache=state, freshness=bounds, timings=task.timings)

    @contextmanager
    def _remembering_failure(self, shot: Shot) -> Iterator[None]:
        try:
            yield
        except TintypeError as error:
            if error.remembered:
                self._memory.keep_failure(shot, error, self._clock())
            raise
