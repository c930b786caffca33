"""Claim of a run folder by one machine: sockets, locks and mapped files in it work within one kernel only.

The file ``machine`` holds the boot id of the kernel and a time that each worker renews. A machine that finds another
boot id watches the file: if it changes, the other machine runs. Clocks need not agree.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from tintype.errors import ConfigurationError

log = structlog.get_logger("tintype.state")

BEAT_SECONDS = 3.0
"""Seconds between two changes of the file."""
WATCH_SECONDS = 4 * BEAT_SECONDS
"""Seconds without a change after which the other machine counts as stopped."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def machine_identity() -> str:
    """The boot id of the kernel, which containers of one machine share; elsewhere the host name."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return socket.gethostname()


class MachineClaim:
    """The claim of this machine on a run folder, renewed until :meth:`close`."""

    def __init__(self, folder: Path, identity: str = "", sleep: Callable[[float], object] = time.sleep) -> None:
        self._path = folder / "machine"
        self._identity = identity or machine_identity()
        self._sleep = sleep
        self._closed = threading.Event()

    def acquire(self) -> None:
        """Claim the folder; raises ConfigurationError if another machine uses it.

        After a crash of another machine this takes up to ``WATCH_SECONDS``. A folder that cannot be written is reported
        by what needs it, not here.
        """
        found = self._read()
        if found and found.partition(" ")[0] != self._identity and self._changes(found):
            raise ConfigurationError(
                f"TINTYPE_DATA_DIR: another machine uses {self._path.parent}; give each machine its own folder, and"
                " share stored objects by TINTYPE_STORAGE_DIR or S3_BUCKET and the rest by REDIS_URL"
            )
        self._beat()

    def keep(self) -> None:
        """Renew the claim in a thread."""
        threading.Thread(target=self._run, name="tintype-claim", daemon=True).start()

    def close(self) -> None:
        """Give up the claim, so that another machine can start immediately. Other workers renew it. Idempotent."""
        self._closed.set()
        if self._read().partition(" ")[0] == self._identity:
            with suppress(OSError):
                self._path.unlink()

    def _run(self) -> None:
        while not self._closed.wait(BEAT_SECONDS):
            self._beat()

    def _beat(self) -> None:
        draft = self._path.with_name(f"machine.{os.getpid()}")
        try:
            draft.write_text(f"{self._identity} {time.time_ns()}\n", encoding="utf-8")
            draft.replace(self._path)
        except OSError as error:
            log.info("machine_claim_failed", path=str(self._path), reason=str(error))
            with suppress(OSError):
                draft.unlink()

    def _read(self) -> str:
        try:
            return self._path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def _changes(self, found: str) -> bool:
        for _ in range(round(WATCH_SECONDS / BEAT_SECONDS) * 2):
            self._sleep(BEAT_SECONDS / 2)
            now = self._read()
            if now != found:
                return bool(now) and now.partition(" ")[0] != self._identity
        return False
