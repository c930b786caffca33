"""Usage of API keys in one SQLite file, shared by the processes of one machine."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from tintype.errors import BackendUnavailable
from tintype.state.shared_file import SharedFile
from tintype.state.sqlite_connection import BUSY_TIMEOUT, CORRUPT, error_code

KEPT_MONTHS = 24
"""Months whose usage is kept."""
_TABLE = """
CREATE TABLE IF NOT EXISTS usage (
    month TEXT NOT NULL,
    key TEXT NOT NULL,
    requests INTEGER NOT NULL DEFAULT 0,
    captures INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (month, key)
) WITHOUT ROWID
"""
_ADD = """
INSERT INTO usage VALUES (?, ?, ?, max(0, ?), ?) ON CONFLICT (month, key) DO UPDATE SET
    requests = requests + excluded.requests, captures = max(0, captures + ?), bytes = bytes + excluded.bytes
"""
_TAKE = """
INSERT INTO usage (month, key, captures) SELECT ?, ?, 1 WHERE ? > 0
    ON CONFLICT (month, key) DO UPDATE SET captures = captures + 1 WHERE captures < ?
"""
_UNLIMITED = (1 << 63) - 1


class SqliteUsage:
    """Usage by month and key. A damaged file is replaced, and the usage of the month begins at 0."""

    def __init__(self, path: Path) -> None:
        self._file = SharedFile(path)

    def add(self, month: str, used: Mapping[str, tuple[int, int, int]]) -> None:
        """Add requests, captures and bytes of keys, and delete old months; raises BackendUnavailable."""
        rows = [(month, key, requests, captures, sent, captures) for key, (requests, captures, sent) in used.items()]
        with self._transaction() as connection:
            connection.executemany(_ADD, rows)
            months = connection.execute("SELECT DISTINCT month FROM usage ORDER BY month DESC").fetchall()
            connection.executemany("DELETE FROM usage WHERE month = ?", months[KEPT_MONTHS:])

    def take_capture(self, month: str, key: str, quota: int | None) -> bool:
        """Count one capture unless the quota is used up; returns whether it was counted. Raises BackendUnavailable."""
        limit = _UNLIMITED if quota is None else quota
        with self._transaction() as connection:
            return connection.execute(_TAKE, (month, key, limit, limit)).rowcount == 1

    def read(self, month: str) -> Mapping[str, tuple[int, int, int]]:
        """Requests, captures and bytes of all keys in a month; raises BackendUnavailable."""
        with self._transaction() as connection:
            rows = connection.execute("SELECT key, requests, captures, bytes FROM usage WHERE month = ?", (month,))
            return {key: (requests, captures, sent) for key, requests, captures, sent in rows}

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(self._connect()) as connection:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            raise BackendUnavailable("the storage of usage failed; see the log") from error

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
        connection = sqlite3.connect(self._file.path, timeout=BUSY_TIMEOUT, isolation_level=None)
        try:
            connection.execute(_TABLE)
        except BaseException:
            connection.close()
            raise
        return connection
