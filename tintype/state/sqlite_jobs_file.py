"""The SQLite file of jobs and deliveries: transactions, schema, replacement of a damaged file, restarts."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from importlib import resources
from pathlib import Path

import structlog

from tintype.errors import BackendUnavailable
from tintype.state.shared_file import SharedFile
from tintype.state.sqlite_connection import CORRUPT, error_code

log = structlog.get_logger("tintype.state")

BUSY_TIMEOUT = 10.0
"""Seconds that a transaction waits for another; the longest one stores the pages of a new job."""
_SCHEMA_VERSION = 1
_SCHEMA = resources.files(__package__).joinpath("sqlite_jobs.sql").read_text()
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """The id of this boot of the machine; empty where the kernel has none."""
    return _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else ""


class SqliteJobsFile:
    """The file, shared by the processes of one machine. A damaged one is set aside and logged."""

    def __init__(self, path: Path, boot_id: Callable[[], str] = boot_id) -> None:
        self._file = SharedFile(path, companions=("-wal", "-shm"))
        self._boot_id = boot_id

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is durable when the block ends, and has no effect if the block raises.

        Raises BackendUnavailable.
        """
        with self.reading() as database:
            database.execute("BEGIN IMMEDIATE")
            yield database
            database.execute("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection; raises BackendUnavailable."""
        try:
            with closing(self._connect()) as database:
                yield database
        except (sqlite3.Error, OSError) as error:
            log.warning("job_store_failed", path=str(self._file.path), reason=str(error))
            raise BackendUnavailable("the storage of jobs failed; see the log") from error

    def _connect(self) -> sqlite3.Connection:
        self._file.prepare()
        try:
            return self._open()
        except sqlite3.DatabaseError as error:
            if error_code(error) not in CORRUPT:
                raise
            with self._file.exclusive():
                self._file.quarantine(self._file.inode(), error)
            return self._open()

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._file.path, timeout=BUSY_TIMEOUT, isolation_level=None)
        try:
            database.execute("PRAGMA foreign_keys = ON")
            database.execute("PRAGMA synchronous = FULL")
            if database.execute("PRAGMA user_version").fetchone()[0] != _SCHEMA_VERSION:
                self._create(database)
            self._end_leases_of_last_boot(database)
        except BaseException:
            database.close()
            raise
        return database

    def _create(self, database: sqlite3.Connection) -> None:
        with self._file.exclusive():
            if database.execute("PRAGMA user_version").fetchone()[0] == _SCHEMA_VERSION:
                return
            database.execute("PRAGMA journal_mode = WAL")
            database.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT;")

    def _end_leases_of_last_boot(self, database: sqlite3.Connection) -> None:
        boot = self._boot_id()
        if database.execute("SELECT id FROM boot").fetchone() == (boot,):
            return
        database.execute("BEGIN IMMEDIATE")
        database.execute("UPDATE page SET due = -1 WHERE state IN (0, 1)")
        database.execute("UPDATE host SET started = 0")
        database.execute("UPDATE job SET claimed = 0 WHERE ended = 0")
        database.execute("UPDATE delivery SET leased = -1 WHERE state = 1")
        database.execute("UPDATE receiver SET attempted = 0")
        database.execute("UPDATE schedule SET lease = 0, token = NULL")
        database.execute("DELETE FROM boot")
        database.execute("INSERT INTO boot VALUES (?)", (boot,))
        database.execute("COMMIT")
