"""Cache in one SQLite file, shared by the processes of one machine.

Reads do not wait for writers (write-ahead log). A file that is corrupt, foreign or of another version is replaced.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import accumulate
from pathlib import Path

import structlog

from tintype.circuit_breaker import CircuitBreaker
from tintype.errors import BackendUnavailable
from tintype.logs import LogThrottle
from tintype.shared_memory import ForkAware, register_fork_hooks
from tintype.state.disk_space import create_reserve, has_room, release_reserve
from tintype.state.purges import PURGE_FAILED
from tintype.state.shared_file import SharedFile
from tintype.state.sqlite_connection import CORRUPT, PAGE_BYTES, CacheConnection, connect, error_code
from tintype.state.sqlite_tags import RELATED, TAGGED, NewValue, add_value, is_purged, remember_purge

log = structlog.get_logger("tintype.state")

READ = "SELECT body, used, entry.id FROM entry CROSS JOIN value ON value.id = entry.id WHERE key = ? AND expires > ?"

REVALIDATE_AFTER = 1.0
"""Seconds until a connection checks again whether its file is still the one at the path."""
DELETE_BATCH = 64
"""Entries deleted by one transaction, which blocks other writers."""
MAX_EVICTION_ROUNDS = 64
"""Further transactions of eviction after one write; the next write continues."""
FLUSH_EVERY, FLUSH_AT = 10.0, 256
"""Maximum seconds between two writes of collected uses, and the number of uses that causes an earlier write."""
MAX_FULL_ROUNDS = 16
"""Batches of old entries deleted to make room for one value on a full disk."""
ROOM_MARGIN = 32 * PAGE_BYTES
"""Bytes freed on a full disk besides the size of a value: for indices, and for parts of pages."""
MAX_IDLE = 4
"""Idle connections that stay open; each holds some megabytes."""
TRANSIENT = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL}
"""Errors after which the connection is still usable. On a full disk a new one could not be opened."""


class SqliteCache(ForkAware):
    """Expiring values within a budget of bytes; evicts the least recently used.

    A use is written at most once in ``touch_after`` seconds per value. Safe to share between threads, processes and
    forks, and consistent after ``kill -9``.
    """

    def __init__(
        self, path: Path, budget: int, touch_after: float = 60.0, clock: Callable[[], float] = time.time
    ) -> None:
        self._file = SharedFile(path, companions=("-wal", "-shm"))
        self._reserve = Path(f"{path}.reserve")
        self._budget = budget
        self._touch_after = touch_after
        self._clock = clock
        self._breaker = CircuitBreaker("sqlite", str(path))
        self._disk_log = LogThrottle()
        self._idle: list[CacheConnection] = []
        self._touched: dict[int, float] = {}
        self._flush_at = 0.0
        register_fork_hooks(self)

    def get(self, key: str) -> bytes | None:
        """The value; None if it is missing, expired or unreadable."""
        now = self._clock()
        try:
            connection = self._acquire(now)
            try:
                row = connection.execute(READ, (key, now)).fetchone()
            except sqlite3.Error as error:
                self._recover(connection, error)
                raise
        except (sqlite3.Error, OSError) as error:
            self._breaker.report(error)
            return None
        self._release(connection)
        if row is None or not isinstance(row[0], bytes) or not isinstance(row[1], float):  # a damaged row
            return None
        value: bytes = row[0]
        if row[1] <= now - self._touch_after:
            self._touch(row[2], now)
        return value

    def put(self, key: str, value: bytes, ttl: float, tags: Sequence[str] = (), begun_at: float | None = None) -> None:
        """Store a value for ``ttl`` seconds, unless it was begun before a purge of one of its tags.

        A value larger than the budget is deleted instead. On a full disk, expired and then old
        entries are deleted in place of growing.
        """
        new = NewValue(key, value, ttl, tags, begun_at)
        with self._ignoring_errors():
            if not has_room(self._file.path.parent):
                self._put_on_full_disk(new)
                return
            create_reserve(self._reserve)
            try:
                self._put(new)
            except sqlite3.Error as error:
                if error_code(error) != sqlite3.SQLITE_FULL:
                    raise
                self._put_on_full_disk(new)

    def _put_on_full_disk(self, new: NewValue) -> None:
        if self._disk_log.allows():
            remedy = "free disk space, or lower TINTYPE_CACHE_SIZE and TINTYPE_MASTER_SIZE"
            log.warning("cache_disk_full", path=str(self._file.path), effect="old entries are deleted", remedy=remedy)
        try:
            self._make_room(len(new.body))
            self._put(new)
        except sqlite3.Error as error:
            if error_code(error) != sqlite3.SQLITE_FULL:
                raise
            release_reserve(self._reserve)
            self._make_room(len(new.body))
            self._put(new)
        self._checkpoint()

    def _put(self, new: NewValue) -> None:
        now = self._clock()
        with self._transaction() as connection:
            if new.begun_at is not None and is_purged(connection, new.tags, new.begun_at):
                return
            connection.execute("DELETE FROM entry WHERE key = ?", (new.key,))
            if len(new.body) <= self._budget and new.ttl > 0:
                add_value(connection, new, now)
            self._write_touched(connection, now)
            over = self._evict(connection, now)
        rounds = MAX_EVICTION_ROUNDS
        while over and rounds:
            with self._transaction() as connection:
                over, rounds = self._evict(connection, now), rounds - 1

    def _write(self, work: Callable[[CacheConnection], int]) -> int:
        """Run a transaction that frees space, on a full disk with the space of the reserve; returns its result."""
        try:
            with self._transaction() as connection:
                return work(connection)
        except sqlite3.Error as error:
            if error_code(error) != sqlite3.SQLITE_FULL:
                raise
        release_reserve(self._reserve)
        self._checkpoint()
        with self._transaction() as connection:
            return work(connection)

    def _make_room(self, size: int) -> None:
        """Free pages in the file for a value: delete expired entries, then the least recently used ones."""
        now, needed, rounds = self._clock(), size + ROOM_MARGIN, MAX_FULL_ROUNDS
        with self._connection() as connection:
            needed -= connection.execute("PRAGMA freelist_count").fetchone()[0] * PAGE_BYTES
        while needed > 0 and rounds:
            with self._transaction(vacuum=False) as connection:
                before = _total_bytes(connection)
                _remove_expired(connection, now)
                expired = before - _total_bytes(connection)
                _remove(connection, _least_recently_used(connection, needed - expired))
                freed = before - _total_bytes(connection)
            needed, rounds = needed - freed, rounds - 1 if freed else 0
        self._checkpoint()

    def _checkpoint(self) -> None:
        """Move the write-ahead log into the file and begin it anew, so that it does not grow."""
        with self._connection() as connection:
            connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()

    def purge(self, *tags: str) -> int:
        """Delete every value with one of the tags; returns how many there were. Raises BackendUnavailable."""
        tags = tuple(filter(None, tags))
        with self._raising_errors():
            self._write(partial(remember_purge, tags=tags, now=self._clock()))
            return sum(self._delete_all(TAGGED, tag) for tag in tags)

    def related_tags(self, tag: str) -> set[str]:
        """The tags of all values with a tag. Raises BackendUnavailable."""
        with self._raising_errors(), self._connection() as connection:
            return {row[0] for row in connection.execute(RELATED, (tag,))}

    def now(self) -> float:
        """Seconds since the epoch, by the clock of this machine."""
        return self._clock()

    def clear(self) -> int:
        """Delete all values and return the space to the file system; returns how many values there were.

        Raises BackendUnavailable.
        """
        with self._raising_errors():
            self._write(partial(remember_purge, tags=("",), now=self._clock()))
            removed = self._delete_all("SELECT id FROM entry LIMIT ?")
            with self._connection() as connection:
                _return_space(connection)
            return removed

    def _delete_all(self, query: str, *parameters: str) -> int:
        """Delete the entries that a query finds, one batch per transaction; returns their number."""

        def delete_batch(connection: CacheConnection) -> int:
            return _remove(connection, connection.execute(query, (*parameters, DELETE_BATCH)).fetchall())

        removed, batch = 0, DELETE_BATCH
        while batch == DELETE_BATCH:
            batch = self._write(delete_batch)
            removed += batch
            if not has_room(self._file.path.parent):
                self._checkpoint()
        return removed

    def size(self) -> int:
        """Bytes of all values, including expired ones that have not been deleted yet."""
        with self._ignoring_errors(), self._connection() as connection:
            return _total_bytes(connection)
        return 0

    def entries(self) -> int:
        """Number of values, including expired ones that have not been deleted yet."""
        with self._ignoring_errors(), self._connection() as connection:
            return int(connection.execute("SELECT count(*) FROM entry").fetchone()[0])
        return 0

    def is_available(self) -> bool:
        """Always: a file that fails is replaced."""
        return True

    def close(self) -> None:
        """Close idle connections; the next call opens new ones."""
        while self._idle:
            with suppress(IndexError):
                self._idle.pop().close()

    def before_fork(self) -> None:
        """Close idle connections: SQLite keeps file locks per process, in memory that a fork copies.

        No connection may be open across a fork (sqlite.org/howtocorrupt.html, section 2.6).
        """
        self.close()

    def _evict(self, connection: CacheConnection, now: float) -> bool:
        """Delete a batch of expired values and, over the budget, a batch of the least recently used.

        Returns whether the cache is still over the budget.
        """
        _remove_expired(connection, now)
        excess = _total_bytes(connection) - self._budget
        if excess > 0:
            _remove(connection, _least_recently_used(connection, excess))
        return excess > 0 and _total_bytes(connection) > self._budget

    def _touch(self, entry: int, now: float) -> None:
        if not self._touched:
            self._flush_at = now + min(FLUSH_EVERY, self._touch_after)
        self._touched[entry] = now
        if len(self._touched) % FLUSH_AT == 0 or now >= self._flush_at:
            self._flush_at = now + FLUSH_EVERY
            with self._ignoring_errors(), self._connection() as connection:
                connection.try_write(partial(self._write_touched, connection, now))

    def _write_touched(self, connection: CacheConnection, now: float) -> None:
        uses, self._touched = self._touched, {}
        recent = now - self._touch_after
        rows = [(used, entry, recent) for entry, used in list(uses.items())]
        connection.executemany("UPDATE entry SET used = ? WHERE id = ? AND used <= ?", rows)

    @contextmanager
    def _raising_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            self._breaker.report(error)
            raise BackendUnavailable(PURGE_FAILED, retry_after=1) from error

    @contextmanager
    def _ignoring_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            self._breaker.report(error)

    @contextmanager
    def _transaction(self, *, vacuum: bool = True) -> Iterator[CacheConnection]:
        with self._connection() as connection:
            connection.begin()
            yield connection
            connection.execute("COMMIT")
            if vacuum:
                _vacuum(connection, spare=self._budget // 8)

    @contextmanager
    def _connection(self) -> Iterator[CacheConnection]:
        connection = self._acquire(self._clock())
        try:
            yield connection
        except BaseException as error:
            self._recover(connection, error)
            raise
        self._release(connection)

    def _acquire(self, now: float) -> CacheConnection:
        """An idle connection to the file that is at the path now, or a new connection."""
        try:
            connection = self._idle.pop()
        except IndexError:
            return self._open()
        if now < connection.valid_until:
            return connection
        if connection.inode != self._file.inode():
            connection.close()
            return self._acquire(now)
        connection.valid_until = now + REVALIDATE_AFTER
        return connection

    def _release(self, connection: CacheConnection) -> None:
        """Keep a connection for the next call, or close it if enough are idle."""
        if len(self._idle) < MAX_IDLE:
            self._idle.append(connection)
        else:
            connection.close()

    def _recover(self, connection: CacheConnection, error: BaseException) -> None:
        """After an error, roll back or close the connection, and quarantine a corrupt file."""
        if error_code(error) in TRANSIENT:
            with suppress(sqlite3.Error):
                connection.rollback()
            self._release(connection)
            return
        connection.close()
        if error_code(error) in CORRUPT:
            with self._file.exclusive():
                self._file.quarantine(connection.inode, error)

    def _open(self) -> CacheConnection:
        self._file.prepare()
        # Opening excludes replacing, because a new file must not be opened with the write-ahead log of the old one.
        with self._file.exclusive():
            self._file.quarantine_unusable()
            try:
                return self._connect()
            except sqlite3.DatabaseError as error:
                if error_code(error) not in CORRUPT:
                    raise
                self._file.quarantine(self._file.inode(), error)
                return self._connect()

    def _connect(self) -> CacheConnection:
        connection = connect(self._file.path, mmap_bytes=2 * self._budget)
        connection.inode = self._file.inode()
        connection.valid_until = self._clock() + REVALIDATE_AFTER
        return connection


def _total_bytes(connection: CacheConnection) -> int:
    return int(connection.execute("SELECT bytes FROM total").fetchone()[0])


def _least_recently_used(connection: CacheConnection, excess: int) -> list[tuple[int]]:
    """The least recently used entries whose sizes add up to ``excess`` bytes, at most a batch."""
    rows = connection.execute("SELECT id, size FROM entry ORDER BY used LIMIT ?", (DELETE_BATCH,)).fetchall()
    freed = [0, *accumulate(size for _, size in rows)]
    return [(entry,) for (entry, _), before in zip(rows, freed, strict=False) if before < excess]


def _remove(connection: CacheConnection, entries: list[tuple[int]]) -> int:
    connection.executemany("DELETE FROM entry WHERE id = ?", entries)
    return len(entries)


def _remove_expired(connection: CacheConnection, now: float) -> None:
    expired = connection.execute("SELECT id FROM entry WHERE expires <= ? LIMIT ?", (now, DELETE_BATCH)).fetchall()
    _remove(connection, expired)


def _return_space(connection: CacheConnection) -> None:
    """Return all free pages to the file system, in steps that need little space themselves."""
    free, before = connection.execute("PRAGMA freelist_count").fetchone()[0], -1
    while free and free != before:
        connection.executescript(f"PRAGMA incremental_vacuum({8 * DELETE_BATCH}); PRAGMA wal_checkpoint(RESTART)")
        before, free = free, connection.execute("PRAGMA freelist_count").fetchone()[0]
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _vacuum(connection: CacheConnection, spare: int) -> None:
    """Return a batch of free pages to the file system if more than ``spare`` bytes are free."""
    free = connection.execute("PRAGMA freelist_count").fetchone()[0]
    if free * PAGE_BYTES > spare:
        # execute() would step once and return a single page; a script runs to its end
        connection.executescript(f"PRAGMA incremental_vacuum({8 * DELETE_BATCH})")
