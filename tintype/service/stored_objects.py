"""Stored thumbnails for operators: list, find by URL, host or age, and delete; each call does bounded work."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import structlog

from tintype import telemetry, urls
from tintype.model import STORED_PREFIX, Deletion, StoredEntry, StoredFile, is_storage_key
from tintype.network.egress import matches_host
from tintype.protocols import Storage
from tintype.service.stored_quota import StoredQuota

log = structlog.get_logger("tintype.stored")

DEFAULT_LIMIT, MAX_LIMIT = 100, 1000
"""Objects that one call returns or deletes: by default, and at most."""
MAX_SCAN = 1000
"""Objects that one call examines; a search for a URL or host may return a cursor and no object."""
SCAN_TIME = 10.0
"""Seconds after which a call returns the objects that it has, with a cursor."""
_CHUNK = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFilter:
    """Conditions for objects to list or delete; all must hold."""

    prefix: str = STORED_PREFIX
    """The beginning of the key."""
    url: str = ""
    """The captured URL in canonical form."""
    host: str = ""
    """The host of the captured URL, in canonical form; ``*.example.com``: all hosts below it."""
    before: float = math.inf
    """Stored earlier than this, in seconds since the epoch."""

    @property
    def needs_target(self) -> bool:
        """Whether the captured URL decides."""
        return bool(self.url or self.host)

    def matches(self, entry: StoredEntry) -> bool:
        """Whether the captured URL of an object matches; one whose URL is unknown matches no URL and no host."""
        if not self.needs_target:
            return True
        if not entry.target or (self.url and entry.target != self.url):
            return False
        return not self.host or matches_host(_host_of(entry.target), (self.host,))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPage:
    """Some of the objects that match, in the order of their keys."""

    entries: tuple[StoredEntry, ...] = ()
    next: str = ""
    """The cursor of the next page; empty at the end."""
    unknown_targets: int = 0
    """Examined objects whose captured URL is unknown, so that no URL and no host matches them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRemoval(StoredPage):
    """The objects that were deleted, or would be in a dry run."""

    failed: tuple[str, ...] = ()
    """Keys of objects that the storage did not delete."""
    old_versions_kept: bool = False

    @property
    def size(self) -> int:
        """Bytes of the objects."""
        return sum(entry.file.size for entry in self.entries)


class StoredObjects:
    """Lists and deletes. ``purge`` deletes the cached values of a URL, so that the next request captures it again."""

    def __init__(self, storage: Storage, quota: StoredQuota, purge: Callable[[str], object]) -> None:
        self.quota = quota
        self._storage = storage
        self._purge = purge

    @property
    def storage_name(self) -> str:
        """The storage, for messages to the operator: its folder or bucket."""
        return self._storage.name

    def url(self, key: str) -> str:
        """The permanent URL of an object."""
        return self._storage.url(key)

    def find(self, key: str) -> StoredEntry | None:
        """One object; None if it does not exist. Raises BackendUnavailable."""
        if not is_storage_key(key):
            return None
        file = next(iter(self._storage.scan(prefix=key)), None)
        return next(iter(self._storage.describe([file])), None) if file else None

    def page(self, query: StoredFilter, after: str = "", limit: int = DEFAULT_LIMIT) -> StoredPage:
        """Up to ``limit`` objects that match, whose key is greater than the cursor; raises BackendUnavailable."""
        found, end, unknown = self._search(query, after, limit)
        return StoredPage(entries=tuple(found), next=end, unknown_targets=unknown)

    def delete(self, key: str) -> StoredRemoval | None:
        """Delete one object, and the cached values of its URL; None if it does not exist. Raises BackendUnavailable."""
        entry = self.find(key)
        return self._remove([entry], "", 0) if entry else None

    def delete_matching(
        self, query: StoredFilter, after: str = "", limit: int = MAX_LIMIT, *, dry_run: bool = False
    ) -> StoredRemoval:
        """Delete up to ``limit`` objects that match, and the cached values of their URLs; raises BackendUnavailable."""
        found, end, unknown = self._search(query, after, limit)
        if dry_run:
            return StoredRemoval(entries=tuple(found), next=end, unknown_targets=unknown)
        return self._remove(found, end, unknown)

    def remove(self, prefixes: Iterable[str], *, reason: str) -> int:
        """Delete the objects whose keys begin with one of the prefixes, at most 1,000 of each, but no cached values.

        Returns their number; raises BackendUnavailable.
        """
        found = [file for each in prefixes for file in islice(self._storage.scan(prefix=each), MAX_LIMIT)]
        return len(remove_files(self._storage, self.quota, found, reason=reason).deleted)

    def _remove(self, entries: Sequence[StoredEntry], end: str, unknown: int) -> StoredRemoval:
        for target in {entry.target for entry in entries if entry.target}:
            self._purge(target)  # first: if the cache does not respond, nothing is deleted
        result = remove_files(self._storage, self.quota, [entry.file for entry in entries], reason="operator")
        gone = set(result.deleted)
        deleted = tuple(entry for entry in entries if entry.file.key in gone)
        return StoredRemoval(
            entries=deleted,
            next=end,
            unknown_targets=unknown,
            failed=result.failed,
            old_versions_kept=result.old_versions_kept,
        )

    def _search(self, query: StoredFilter, after: str, limit: int) -> tuple[list[StoredEntry], str, int]:
        """The objects that match, the cursor of the rest, and the number of objects with an unknown target."""
        files, until = self._storage.scan(after, query.prefix), time.monotonic() + SCAN_TIME
        found: list[StoredEntry] = []
        examined = unknown = 0
        size = _CHUNK if query.needs_target else min(_CHUNK, limit)
        while chunk := list(islice(files, size)):
            entries = self._storage.describe([file for file in chunk if file.stored_at < query.before])
            for entry in entries:
                unknown += not entry.target
                if query.matches(entry):
                    found.append(entry)
                    if len(found) >= limit:
                        is_end = entry.file.key == chunk[-1].key and next(files, None) is None
                        return found, "" if is_end else entry.file.key, unknown
            examined += len(chunk)
            if examined >= MAX_SCAN or time.monotonic() > until:
                return found, chunk[-1].key, unknown
        return found, "", unknown


def remove_files(storage: Storage, quota: StoredQuota, files: Sequence[StoredFile], *, reason: str) -> Deletion:
    """Delete objects and count them; ``reason``: operator, retention or schedule. Raises BackendUnavailable."""
    if not files:
        return Deletion()
    result = storage.delete([file.key for file in files])
    gone = set(result.deleted)
    size = sum(file.size for file in files if file.key in gone)
    quota.release(len(gone), size)
    telemetry.count("tintype_stored_deleted_total", reason, by=len(gone))
    log.info("stored_objects_deleted", objects=len(gone), bytes=size, failed=len(result.failed), reason=reason)
    return result


def _host_of(target: str) -> str:
    try:
        return urls.endpoint_of(target)[0]
    except (ValueError, KeyError):  # a damaged sidecar
        return ""
