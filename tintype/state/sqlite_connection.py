"""SQLite connections of the cache: settings, schema, and short waits for other writers."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from tintype.state.disk_space import share_of_disk
from tintype.state.shared_file import Inode

SCHEMA_VERSION = 2
SCHEMA = resources.files(__package__).joinpath("sqlite.sql").read_text()
PAGE_BYTES = 8192
MAX_WAL_BYTES = 64 << 20
"""Size to which the write-ahead log is truncated after a checkpoint."""
AUTOCHECKPOINT_PAGES = 1000
"""Pages of the write-ahead log after which a write makes a checkpoint; SQLite's default. Fewer on a small disk."""
BUSY_TIMEOUT = 2.0
"""Seconds a write waits for other writers."""
RETRY_INTERVAL = 0.002
"""Seconds between two attempts to write. SQLite's own intervals grow to 0.1 s, which starves long waiters."""
CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
"""Errors after which the file is unusable."""


class SchemaMismatch(sqlite3.DatabaseError):
    """The file has the schema of another version; handled like a file that is not a database."""

    sqlite_errorcode = sqlite3.SQLITE_NOTADB


class CacheConnection(sqlite3.Connection):
    """A connection with the inode of its file, and the time until which no further check is needed."""

    inode: Inode | None = None
    valid_until: float = 0.0
    autocheckpoint: int = AUTOCHECKPOINT_PAGES

    def begin(self) -> None:
        """Start a write transaction; raises sqlite3.OperationalError after ``BUSY_TIMEOUT`` seconds."""
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
        """Write in a transaction, or skip it while another process writes; makes no checkpoint."""
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
            self.execute(f"PRAGMA wal_autocheckpoint = {self.autocheckpoint}")
            self.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT * 1000:.0f}")


def connect(path: Path, mmap_bytes: int) -> CacheConnection:
    """Open a file, mapping its first ``mmap_bytes``; raises sqlite3.Error, for instance SchemaMismatch."""
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False, factory=CacheConnection
    )
    connection.autocheckpoint = max(1, share_of_disk(path.parent, AUTOCHECKPOINT_PAGES * PAGE_BYTES) // PAGE_BYTES)
    try:
        _prepare(connection, mmap_bytes)
    except BaseException:
        connection.close()
        raise
    return connection


def error_code(error: BaseException) -> int:
    """The primary result code (sqlite.org/rescode.html); 0 for other exceptions."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _prepare(connection: CacheConnection, mmap_bytes: int) -> None:
    """Configure a connection, and create the tables in a new file; raises SchemaMismatch."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != SCHEMA_VERSION:
        _create(connection, version)
    _check_tables(connection)
    connection.execute(f"PRAGMA wal_autocheckpoint = {connection.autocheckpoint}")
    connection.execute(f"PRAGMA journal_size_limit = {MAX_WAL_BYTES}")
    connection.execute("PRAGMA synchronous = NORMAL")
    # ON, the default of Debian, writes zeros over deleted values: on a full disk there is no room for these pages
    connection.execute("PRAGMA secure_delete = FAST")
    connection.execute(f"PRAGMA mmap_size = {mmap_bytes}")


def _check_tables(connection: CacheConnection) -> None:
    """Raise SchemaMismatch if a table is missing or the total is not a number, as after damage to the first pages."""
    try:
        total = connection.execute("SELECT bytes FROM total").fetchone()
        connection.execute("SELECT 1 FROM entry JOIN value ON value.id = entry.id LIMIT 1").fetchone()
    except sqlite3.OperationalError as error:
        if error_code(error) != sqlite3.SQLITE_ERROR:
            raise
        raise SchemaMismatch(str(error)) from error
    if total is None or not isinstance(total[0], int):
        raise SchemaMismatch("the total of bytes is missing")


def _create(connection: CacheConnection, version: int) -> None:
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise SchemaMismatch(f"made for version {version} of the cache, this is version {SCHEMA_VERSION}")
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
