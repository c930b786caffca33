"""Maintenance of stored thumbnails: measures them and deletes those over the retention, a bounded batch at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

import structlog

from tintype.errors import TintypeError
from tintype.model import digest_of
from tintype.protocols import Cache, Locks, Storage
from tintype.rpc import codec
from tintype.service.stored_objects import remove_files
from tintype.service.stored_quota import StoredQuota

log = structlog.get_logger("tintype.stored")

INTERVAL = 60.0
"""Seconds between two rounds."""
PASS_INTERVAL = 3600.0
"""Seconds from the end of one pass over the storage to the begin of the next: an object may be so much older."""
SCAN_PER_ROUND, DELETE_PER_ROUND = 10_000, 1000
"""Objects that one round examines and deletes at most."""
_RECORD_TTL = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class _Position:
    """Where a pass over the storage continues: after a key, at a time in seconds since the epoch."""

    after: str = ""
    next_at: float = 0.0


class StoredMaintenance:
    """Rounds of one process at a time; all workers try, a lock and a shared position decide which one works.

    ``retention`` is in seconds; 0: nothing is deleted.
    """

    def __init__(
        self,
        storage: Storage,
        records: Cache,
        locks: Locks,
        quota: StoredQuota,
        retention: float,
        clock: Callable[[], float],
    ) -> None:
        self._storage = storage
        self._records = records
        self._locks = locks
        self._quota = quota
        self._retention = retention
        self._clock = clock
        self._key = f"stored-maintenance:{digest_of(storage.identity.encode())[:16]}"
        self._stopped = threading.Event()

    def start(self) -> None:
        """Run a round now and every minute, in a thread of this process, until :meth:`stop`."""
        threading.Thread(target=self._run, name="tintype-stored", daemon=True).start()

    def stop(self) -> None:
        """End the thread after its current round. Idempotent."""
        self._stopped.set()

    def run_round(self) -> int:
        """Measure the storage if that is due, and delete a batch of expired objects; returns their number.

        Raises BackendUnavailable.
        """
        with self._locks.hold(self._key, wait=0) as held:
            if not held:
                return 0
            self._quota.refresh()
            position = self._read_position()
            if not self._retention or self._clock() < position.next_at:
                return 0
            return self._delete_expired(position)

    def _delete_expired(self, position: _Position) -> int:
        """Examine a batch after the position; the next round continues there, or begins a new pass an hour later."""
        limit = self._clock() - self._retention
        batch = list(islice(self._storage.scan(position.after), SCAN_PER_ROUND))
        expired = [file for file in batch if file.stored_at < limit][:DELETE_PER_ROUND]
        remove_files(self._storage, self._quota, expired, reason="retention")
        if len(expired) == DELETE_PER_ROUND:
            self._write_position(_Position(expired[-1].key))
        elif len(batch) == SCAN_PER_ROUND:
            self._write_position(_Position(batch[-1].key))
        else:
            self._write_position(_Position(next_at=self._clock() + PASS_INTERVAL))
        return len(expired)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self.run_round()
            except TintypeError as error:
                log.warning("stored_maintenance_failed", reason=error.detail, effect="it is repeated in a minute")
            except Exception:
                log.exception("stored_maintenance_failed")
            self._stopped.wait(INTERVAL)

    def _read_position(self) -> _Position:
        """The shared position; the beginning if it is absent, damaged or of a clock that was ahead."""
        try:
            header, _ = codec.unpack(self._records.get(self._key) or b"")
            position = _Position(str(header["after"]), float(header["next_at"]))
        except (ValueError, TypeError, KeyError):
            return _Position()
        return position if position.next_at <= self._clock() + PASS_INTERVAL else _Position()

    def _write_position(self, position: _Position) -> None:
        header = {"after": position.after, "next_at": position.next_at}
        self._records.put(self._key, codec.pack(header), _RECORD_TTL)
