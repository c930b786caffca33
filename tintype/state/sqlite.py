"""A cache in one SQLite file, shared by the processes of one machine.

Reads never wait for writers (write-ahead log). A file that is torn, foreign or of another version is begun anew.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import accumulate
from pathlib import Path

from tintype.shared_memory import ForkAware, register_fork_hooks
from tintype.state.circuit_breaker import CircuitBreaker
from tintype.state.shared_file import SharedFile
from tintype.state.sqlite_connection import CORRUPT, PAGE_BYTES, CacheConnection, connect, error_code

READ = "SELECT body, used, entry.id FROM entry CROSS JOIN value ON value.id = entry.id WHERE key = ? AND expires > ?"
ADD = "INSERT INTO entry (key, tag, expires, used, size) VALUES (?, ?, ?, ?, ?)"

REVALIDATE_AFTER = 1.0
"""Seconds until a connection looks again whether its file is still the one at the path."""
DELETE_BATCH = 64
"""Entries removed in one transaction: few, so that nobody waits long."""
MAX_EVICTION_ROUNDS = 64
"""Transactions of removal one write may add; what is still too much then is left to the next write."""
FLUSH_EVERY, FLUSH_AT = 10.0, 256
"""Uses are noted together: when the first has waited this many seconds, or when this many wait."""
MAX_IDLE = 4
"""Idle connections that stay open."""
TRANSIENT = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL}
"""Errors that leave the connection good; it might be the last one to be had."""


class SqliteCache(ForkAware):
    """Expiring values under a byte budget; the least recently used go first.

    A use is noted at most once in ``touch_after`` seconds per value. Safe with several threads and
    processes, over forks and after kill -9.
    """

    def __init__(
        self, path: Path, budget: int, touch_after: float = 60.0, clock: Callable[[], float] = time.time
    ) -> None:
        self._file = SharedFile(path, companions=("-wal", "-shm"))
        self._budget = budget
        self._touch_after = touch_after
        self._clock = clock
        self._breaker = CircuitBreaker("sqlite", str(path))
        self._idle: list[CacheConnection] = []
        self._touched: dict[int, float] = {}
        self._flush_at = 0.0
        register_fork_hooks(self)

    def get(self, key: str) -> bytes | None:
        """The value, or None when absent, expired or unreadable."""
        now = self._clock()
        try:
            session = self._acquire(now)
            try:
                row = session.execute(READ, (key, now)).fetchone()
            except sqlite3.Error as error:
                self._recover(session, error)
                raise
        except (sqlite3.Error, OSError) as error:
            self._breaker.report(error)
            return None
        self._release(session)
        if row is None:
            return None
        value: bytes = row[0]
        if row[1] <= now - self._touch_after:
            self._touch(row[2], now)
        return value

    def put(self, key: str, value: bytes, ttl: float, tag: str = "") -> None:
        """Remember a value for ``ttl`` seconds; one over the budget is not kept."""
        now = self._clock()
        with self._ignoring_errors():
            with self._transaction() as session:
                session.execute("DELETE FROM entry WHERE key = ?", (key,))
                if len(value) <= self._budget and ttl > 0:
                    entry = session.execute(ADD, (key, tag, now + ttl, now, len(value)))
                    session.execute("INSERT INTO value VALUES (?, ?)", (entry.lastrowid, value))
                self._write_touched(session, now)
                over = self._evict(session, now)
            rounds = MAX_EVICTION_ROUNDS
            while over and rounds:
                with self._transaction() as session:
                    over, rounds = self._evict(session, now), rounds - 1

    def purge(self, tag: str) -> int:
        """Forget every value put under a tag; how many there were."""
        with self._ignoring_errors(), self._transaction() as session:
            return session.execute("DELETE FROM entry WHERE tag = ? AND tag <> ''", (tag,)).rowcount
        return 0

    def clear(self) -> int:
        """Forget everything; how many values there were. Gives the space back to the file system."""
        removed, batch = 0, -1
        with self._ignoring_errors():
            while batch:
                with self._transaction() as session:
                    batch = _remove(
                        session, session.execute("SELECT id FROM entry LIMIT ?", (DELETE_BATCH,)).fetchall()
                    )
                removed += batch
            with self._connection() as session:
                session.executescript("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)")
        return removed

    def size(self) -> int:
        """Bytes of all values held now, expired ones included until they are swept."""
        with self._ignoring_errors(), self._connection() as session:
            return _total_bytes(session)
        return 0

    def entries(self) -> int:
        """How many values are held now, expired ones included until they are swept."""
        with self._ignoring_errors(), self._connection() as session:
            return int(session.execute("SELECT count(*) FROM entry").fetchone()[0])
        return 0

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

    def _evict(self, session: CacheConnection, now: float) -> bool:
        """Remove a batch of expired and, if over the budget, of least recently used values; whether more must go."""
        _remove(
            session, session.execute("SELECT id FROM entry WHERE expires <= ? LIMIT ?", (now, DELETE_BATCH)).fetchall()
        )
        excess = _total_bytes(session) - self._budget
        if excess > 0:
            _remove(session, _least_recently_used(session, excess))
        return excess > 0 and _total_bytes(session) > self._budget

    def _touch(self, entry: int, now: float) -> None:
        if not self._touched:
            self._flush_at = now + min(FLUSH_EVERY, self._touch_after)
        self._touched[entry] = now
        if len(self._touched) % FLUSH_AT == 0 or now >= self._flush_at:
            self._flush_at = now + FLUSH_EVERY
            with self._ignoring_errors(), self._connection() as session:
                session.try_write(partial(self._write_touched, session, now))

    def _write_touched(self, session: CacheConnection, now: float) -> None:
        uses, self._touched = self._touched, {}
        recent = now - self._touch_after
        rows = [(used, entry, recent) for entry, used in list(uses.items())]
        session.executemany("UPDATE entry SET used = ? WHERE id = ? AND used <= ?", rows)

    @contextmanager
    def _ignoring_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            self._breaker.report(error)

    @contextmanager
    def _transaction(self) -> Iterator[CacheConnection]:
        with self._connection() as session:
            session.begin()
            yield session
            session.execute("COMMIT")
            _vacuum(session, spare=self._budget // 8)

    @contextmanager
    def _connection(self) -> Iterator[CacheConnection]:
        session = self._acquire(self._clock())
        try:
            yield session
        except BaseException as error:
            self._recover(session, error)
            raise
        self._release(session)

    def _acquire(self, now: float) -> CacheConnection:
        """An idle connection to the file that is at the path now, else a new one."""
        try:
            session = self._idle.pop()
        except IndexError:
            return self._open()
        if now < session.valid_until:
            return session
        if session.inode != self._file.inode():
            session.close()
            return self._acquire(now)
        session.valid_until = now + REVALIDATE_AFTER
        return session

    def _release(self, session: CacheConnection) -> None:
        """For the next one who asks; what a crowd opened is closed again, for each holds some megabytes."""
        if len(self._idle) < MAX_IDLE:
            self._idle.append(session)
        else:
            session.close()

    def _recover(self, session: CacheConnection, error: BaseException) -> None:
        """Undo what an error left half done; give up the connection, and the file if that is broken."""
        if error_code(error) in TRANSIENT:
            with suppress(sqlite3.Error):
                session.rollback()
            self._release(session)
            return
        session.close()
        if error_code(error) in CORRUPT:
            with self._file.exclusive():
                self._file.quarantine(session.inode, error)

    def _open(self) -> CacheConnection:
        self._file.prepare()
        # Opening and replacing exclude each other, or a new file could meet the log of the old one.
        with self._file.exclusive():
            try:
                return self._connect()
            except sqlite3.DatabaseError as error:
                if error_code(error) not in CORRUPT:
                    raise
                self._file.quarantine(self._file.inode(), error)
                return self._connect()

    def _connect(self) -> CacheConnection:
        session = connect(self._file.path, mmap_bytes=2 * self._budget)
        session.inode = self._file.inode()
        session.valid_until = self._clock() + REVALIDATE_AFTER
        return session


def _total_bytes(session: CacheConnection) -> int:
    return int(session.execute("SELECT bytes FROM total").fetchone()[0])


def _least_recently_used(session: CacheConnection, excess: int) -> list[tuple[int]]:
    """The least recently used entries that together free so many bytes, at most a batch."""
    rows = session.execute("SELECT id, size FROM entry ORDER BY used LIMIT ?", (DELETE_BATCH,)).fetchall()
    freed = [0, *accumulate(size for _, size in rows)]
    return [(entry,) for (entry, _), before in zip(rows, freed, strict=False) if before < excess]


def _remove(session: CacheConnection, entries: list[tuple[int]]) -> int:
    session.executemany("DELETE FROM entry WHERE id = ?", entries)
    return len(entries)


def _vacuum(session: CacheConnection, spare: int) -> None:
    """Return a bounded number of free pages to the file system once more than ``spare`` bytes are free."""
    free = session.execute("PRAGMA freelist_count").fetchone()[0]
    if free * PAGE_BYTES > spare:
        # A script is stepped to its end; execute() would give back a single page.
        session.executescript(f"PRAGMA incremental_vacuum({8 * DELETE_BATCH})")
