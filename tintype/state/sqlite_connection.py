"""How is a cache file opened? One connection, set up alike everywhere, to a file made here or by this version."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from tintype.state.shared_file import Inode

SCHEMA_VERSION = 1
SCHEMA = resources.files(__package__).joinpath("sqlite.sql").read_text()
PAGE_BYTES = 8192
MAX_WAL_BYTES = 64 << 20
"""Bytes the write-ahead log may keep after it was carried over."""
AUTOCHECKPOINT_PAGES = 1000
"""Pages of the log after which a write carries them over into the file; SQLite's default."""
BUSY_TIMEOUT = 2.0
"""Seconds a write waits for another process's write."""
RETRY_INTERVAL = 0.002
"""Seconds between two tries to write; SQLite's own grow to 0.1, so that who waits long waits ever longer."""
CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
"""Errors after which the file is of no use."""


class SchemaMismatch(sqlite3.DatabaseError):
    """The file was made by another version of this module: as good as no database."""

    sqlite_errorcode = sqlite3.SQLITE_NOTADB


class CacheConnection(sqlite3.Connection):
    """A connection that knows which file it opened."""

    inode: Inode | None = None
    valid_until: float = 0.0

    def begin(self) -> None:
        """Begin to write, as soon as nobody else does; raises sqlite3.OperationalError after ``BUSY`` seconds."""
        until = time.monotonic() + BUSY_TIMEOUT
        self.execute("PRAGMA busy_timeout = 0")
        try:
            while not self._try_begin(may_retry=time.monotonic() < until):
                time.sleep(RETRY_INTERVAL)
        finally:
            self.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT * 1000:.0f}")

    def _try_begin(self, *, may_retry: bool) -> bool:
        try:
            self.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error_code(error) != sqlite3.SQLITE_BUSY or not may_retry:
                raise
            return False
        return True

    def try_write(self, write: Callable[[], None]) -> None:
        """Write unless somebody else does: without waiting, and without carrying the log over for everybody."""
        self.execute("PRAGMA busy_timeout = 0")
        self.execute("PRAGMA wal_autocheckpoint = 0")
        try:
            self.execute("BEGIN IMMEDIATE")
            write()
            self.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if error_code(error) != sqlite3.SQLITE_BUSY:
                raise
        finally:
            self.execute(f"PRAGMA wal_autocheckpoint = {AUTOCHECKPOINT_PAGES}")
            self.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT * 1000:.0f}")


def connect(path: Path, mmap_bytes: int) -> CacheConnection:
    """A connection that maps so many bytes of the file; raises sqlite3.Error, Outdated among them."""
    session = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False, factory=CacheConnection
    )
    try:
        _prepare(session, mmap_bytes)
    except BaseException:
        session.close()
        raise
    return session


def error_code(error: BaseException) -> int:
    """SQLite's primary result code (sqlite.org/rescode.html); 0 for what is not SQLite's."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _prepare(session: CacheConnection, mmap_bytes: int) -> None:
    """Set a connection up and create the tables in a new file; raises Outdated."""
    version = session.execute("PRAGMA user_version").fetchone()[0]
    if version != SCHEMA_VERSION:
        _create(session, version)
    session.execute(f"PRAGMA journal_size_limit = {MAX_WAL_BYTES}")
    session.execute("PRAGMA synchronous = NORMAL")
    session.execute(f"PRAGMA mmap_size = {mmap_bytes}")


def _create(session: CacheConnection, version: int) -> None:
    if session.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise SchemaMismatch(f"made for version {version} of the cache, this is version {SCHEMA_VERSION}")
    session.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    session.execute("PRAGMA auto_vacuum = INCREMENTAL")
    session.execute("PRAGMA journal_mode = WAL")
    session.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
