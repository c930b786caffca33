"""Tags of the values in the SQLite cache, and tombstones of purged tags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tintype.state.purges import TOMBSTONE_SECONDS
from tintype.state.sqlite_connection import CacheConnection

TAGGED = "SELECT entry FROM tagged WHERE tag = ? LIMIT ?"
RELATED = "SELECT DISTINCT tag FROM tagged WHERE entry IN (SELECT entry FROM tagged WHERE tag = ?)"
ADD = "INSERT INTO entry (key, expires, used, size) VALUES (?, ?, ?, ?)"


class NewValue(NamedTuple):
    """A value to store for ``ttl`` seconds; ``begun_at`` is when its work began, None if it is new now."""

    key: str
    body: bytes
    ttl: float
    tags: Sequence[str]
    begun_at: float | None


def add_value(connection: CacheConnection, new: NewValue, now: float) -> None:
    """Insert a value with its tags; its key must be free."""
    entry = connection.execute(ADD, (new.key, now + new.ttl, now, len(new.body))).lastrowid
    connection.execute("INSERT INTO value VALUES (?, ?)", (entry, new.body))
    connection.executemany("INSERT OR IGNORE INTO tagged VALUES (?, ?)", [(tag, entry) for tag in new.tags])


def remember_purge(connection: CacheConnection, tags: Sequence[str], now: float) -> int:
    """Keep tombstones, so that work that has begun before ``now`` stores nothing under these tags."""
    connection.execute("DELETE FROM purged WHERE at < ?", (now - TOMBSTONE_SECONDS,))
    return connection.executemany("INSERT OR REPLACE INTO purged VALUES (?, ?)", [(tag, now) for tag in tags]).rowcount


def is_purged(connection: CacheConnection, tags: Sequence[str], begun_at: float) -> bool:
    """Whether one of the tags, or every value, was purged after ``begun_at``."""
    purged = {row[0] for row in connection.execute("SELECT tag FROM purged WHERE at > ?", (begun_at,))}
    return bool(purged) and not purged.isdisjoint(("", *tags))
