"""In-memory fakes of the protocols: engine, cache, locks, storage, target checker, rate limit storage and clock."""

from __future__ import annotations

import io
import struct
import threading
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from tintype.errors import BackendUnavailable, TintypeError
from tintype.model import (
    STORED_PREFIX,
    Capture,
    Deletion,
    MetadataState,
    OpenObject,
    StorageUsage,
    StoredEntry,
    StoredFile,
    StoredObject,
    Truncation,
)
from tintype.options import Shot


@dataclass
class Clock:
    """A clock that tests advance; seconds since the epoch."""

    now: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


def png(width: int, height: int, colour: tuple[int, int, int] = (250, 240, 220), *, drawn: bool = False) -> bytes:
    """A valid PNG of one colour; with ``drawn``, the lower half has the inverse colour."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = (b"\0" + bytes(colour) * width) * height
    if drawn:
        line = bytes(255 - level for level in colour) * width
        rows = rows[: height // 2 * (3 * width + 1)] + (b"\0" + line) * (height - height // 2)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows, 1)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@dataclass
class FakeEngine:
    """Captures an image whose colour changes with each capture; raises ``error`` while it is set."""

    clock: Callable[[], float]
    error: TintypeError | None = None
    status: int = 200
    partial: bool = False
    truncated: Truncation = Truncation.NONE
    features_unavailable: bool = False
    features: dict[str, Any] = field(default_factory=dict)
    check_error: str = ""
    shots: list[Shot] = field(default_factory=list)
    fresh: list[bool] = field(default_factory=list)
    """For each shot, whether a running capture must not be shared."""
    blank_captures: int = 0
    """Number of the next captures that are blank."""
    hosted: bool = False
    released: threading.Event = field(default_factory=threading.Event)
    checks: int = 0
    warning_texts: tuple[str, ...] = ()
    meta: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.released.set()

    def warnings(self) -> tuple[str, ...]:
        return self.warning_texts

    def capture(self, shot: Shot, *, fresh: bool = False) -> Capture:
        self.shots.append(shot)
        self.fresh.append(fresh)
        assert self.released.wait(10), "the test did not set released"
        if self.error:
            raise self.error
        seen, drawn = shot.emulation, self.blank_captures <= 0
        self.blank_captures -= 1
        if shot.pdf:
            body = b"%PDF-1.4\n%%EOF\n"
            return Capture(body=body, width=794, height=1123, taken_at=self.clock(), status=self.status)
        width, height = round(seen.width * seen.scale), round(seen.height * seen.scale)
        return Capture(
            body=png(width, height, (len(self.shots) % 256, 128, 64), drawn=drawn),
            width=width,
            height=height,
            taken_at=self.clock(),
            final_url=shot.url,
            status=self.status,
            partial=self.partial,
            truncated=self.truncated,
            features_unavailable=self.features_unavailable,
            features=self.features,
            timings={"hosted" if self.hosted else "navigate": 12.5},
            meta=self.meta,
        )

    def check(self) -> None:
        self.checks += 1
        if self.check_error:
            raise BackendUnavailable(self.check_error)

    def close(self) -> None:
        pass

    @property
    def capture_count(self) -> int:
        return len(self.shots)


class MemoryCache:
    """A dictionary with expiry and tags; while ``unavailable``, it returns nothing, as an unreachable cache."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._values: dict[str, tuple[bytes, float, tuple[str, ...]]] = {}
        self._purged: dict[str, float] = {}
        self.unavailable = False

    def get(self, key: str) -> bytes | None:
        value, until, _ = self._values.get(key, (None, 0.0, ()))
        return value if not self.unavailable and self._clock() < until else None

    def is_available(self) -> bool:
        return not self.unavailable

    def put(self, key: str, value: bytes, ttl: float, tags: Sequence[str] = (), begun_at: float | None = None) -> None:
        assert ttl > 0
        if begun_at is None or all(self._purged.get(tag, 0.0) <= begun_at for tag in ("", *tags)):
            self._values[key] = (value, self._clock() + ttl, tuple(tags))

    def purge(self, *tags: str) -> int:
        self._require_available()
        self._purged.update(dict.fromkeys(tags, self._clock()))
        found = [key for key, (_, _, held) in self._values.items() if not set(tags).isdisjoint(held)]
        for key in found:
            del self._values[key]
        return len(found)

    def related_tags(self, tag: str) -> set[str]:
        return {each for _, _, held in self._values.values() if tag in held for each in held}

    def now(self) -> float:
        return self._clock()

    def _require_available(self) -> None:
        if self.unavailable:
            raise BackendUnavailable("the cache does not respond")

    def clear(self) -> int:
        self._require_available()
        self._purged[""] = self._clock()
        count = len(self._values)
        self._values.clear()
        return count

    def size(self) -> int:
        return sum(len(value) for value, _, _ in self._values.values())

    def entries(self) -> int:
        return len(self.keys())

    def corrupt(self) -> None:
        """Truncate every value."""
        self._values = {key: (value[:-1], until, tag) for key, (value, until, tag) in self._values.items()}

    def keys(self) -> list[str]:
        return list(self._values)


class ThreadLocks:
    """Locks between threads."""

    def __init__(self) -> None:
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self.requested: list[str] = []

    @contextmanager
    def hold(self, name: str, wait: float) -> Iterator[bool]:
        self.requested.append(name)
        lock = self._locks[name]
        held = lock.acquire(timeout=wait) if wait > 0 else lock.acquire(blocking=False)
        try:
            yield held
        finally:
            if held:
                lock.release()


STORED_AT = 1_700_000_000.5
"""Time in seconds since the epoch at which every object of ``MemoryStorage`` was stored."""


class MemoryStorage:
    """A dictionary in insertion order; raises BackendUnavailable while ``error`` is set."""

    def __init__(self, base: str = "/stored/", clock: Callable[[], float] = lambda: 0.0) -> None:
        self._objects: dict[str, StoredObject] = {}
        self._stored_at: dict[str, float] = {}
        self._clock = clock
        self.damaged: dict[str, MetadataState] = {}
        self.undeletable: set[str] = set()
        self.described = self.measured = 0
        self._base = base
        self.error = ""

    def put(self, stored: StoredObject) -> None:
        self.check()
        self._objects[stored.key], self._stored_at[stored.key] = stored, self._clock()

    def get(self, key: str) -> StoredObject | None:
        self.check()
        return self._objects.get(key)

    def open(self, key: str) -> OpenObject | None:
        stored = self.get(key)
        if not stored:
            return None
        body = stored.body
        return OpenObject(key=key, file=io.BytesIO(body), size=len(body), mime=stored.mime, stored_at=STORED_AT)

    def latest(self, prefix: str) -> StoredObject | None:
        self.check()
        found = [stored for key, stored in self._objects.items() if key.startswith(prefix)]
        return replace(found[-1], body=b"") if found else None

    def keys(self) -> list[str]:
        """Every key."""
        return list(self._objects)

    def scan(self, after: str = "", prefix: str = STORED_PREFIX) -> Iterator[StoredFile]:
        self.check()
        for key in sorted(self._objects):
            if key > after and key.startswith(prefix):
                yield StoredFile(key=key, size=len(self._objects[key].body), stored_at=self._stored_at[key])

    def describe(self, files: Sequence[StoredFile]) -> list[StoredEntry]:
        self.described += len(files)
        found = [(file, self._objects[file.key]) for file in files if file.key in self._objects]
        return [
            StoredEntry(file=file, metadata=self.damaged[file.key])
            if file.key in self.damaged
            else StoredEntry(file=file, target=stored.target, meta=stored.meta)
            for file, stored in found
        ]

    def delete(self, keys: Sequence[str]) -> Deletion:
        self.check()
        failed = tuple(key for key in keys if key in self.undeletable)
        deleted = tuple(key for key in keys if key not in failed and key in self._objects)
        for key in deleted:
            del self._objects[key]
        return Deletion(deleted=deleted, failed=failed)

    def usage(self) -> StorageUsage:
        self.check()
        self.measured += 1
        return StorageUsage(objects=len(self._objects), size=sum(len(each.body) for each in self._objects.values()))

    @property
    def usage_interval(self) -> float:
        return 60.0

    @property
    def identity(self) -> str:
        return "memory"

    @property
    def name(self) -> str:
        return "memory"

    def url(self, key: str) -> str:
        return self._base + key

    def check(self) -> None:
        if self.error:
            raise BackendUnavailable(self.error)


class FakeLookup:
    """Permits every target unless ``error`` is set; ``checked`` lists the URLs."""

    def __init__(self) -> None:
        self.error: TintypeError | None = None
        self.checked: list[str] = []

    def check(self, url: str) -> None:
        self.checked.append(url)
        if self.error:
            raise self.error


class MemoryCounters:
    """Sliding window counters as in the ``limits`` library, with a given clock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._counts: defaultdict[tuple[str, int], int] = defaultdict(int)

    def count(self, key: str, limit: int, period: int) -> tuple[bool, int, float, int, float]:
        window = int(self._clock() // period)
        left = (window + 1) * period - self._clock()
        admitted = int(self._counts[key, window - 1] * left / period + self._counts[key, window]) < limit
        self._counts[key, window] += admitted
        return admitted, self._counts[key, window - 1], left, self._counts[key, window], left + period
