"""Persisted pictures as plain files in a folder: ``thumbs/ab/<key>.png`` with its description beside it.

The description is written first and the picture is renamed into place last, so a picture that is there is whole.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import structlog

from tintype.errors import BackendUnavailable
from tintype.model import Stored, is_storage_key

log = structlog.get_logger("tintype.storage")

_UNFINISHED = ".unfinished"
_ABANDONED_AFTER = 3600.0
"""Seconds after which an unfinished file belongs to a process that died."""


class DiskStorage:
    """Durable: a stored picture was synchronised to the disk, its folder entry included."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with contextlib.suppress(OSError):
            self._sweep()

    def put(self, stored: Stored) -> None:
        """Store durably; an error leaves nothing half-written."""
        path = self._path(stored.key)
        description = {"mime": stored.mime, "meta": stored.meta}
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(_beside(path), json.dumps(description).encode())
            _write(path, stored.body)
            _synchronise_folder(path.parent)
        except OSError as error:
            if not path.exists():
                _remove(_beside(path))
            raise self._unavailable("write", error) from error

    def get(self, key: str) -> Stored | None:
        """The picture with its description."""
        if not is_storage_key(key):
            return None
        path = self._path(key)
        try:
            return self._described(key, path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unavailable("read", error) from error

    def newest(self, prefix: str) -> Stored | None:
        """The latest picture whose key starts with ``thumbs/<request digest>-``, without its body."""
        name = prefix.removeprefix("thumbs/")
        folder = self._folder / "thumbs" / name[:2]
        try:
            found = [entry for entry in os.scandir(folder) if entry.name.startswith(name) and is_picture(entry.name)]
            latest = max(found, key=lambda entry: entry.stat().st_mtime_ns, default=None)
            return self._described(f"thumbs/{latest.name}", b"") if latest else None
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unavailable("list", error) from error

    def keys(self) -> Iterator[str]:
        """Every key."""
        for path in (self._folder / "thumbs").glob("*/*"):
            if is_picture(path.name):
                yield f"thumbs/{path.name}"

    def delete(self, key: str) -> bool:
        """Whether there was something to delete."""
        if not is_storage_key(key):
            return False
        path = self._path(key)
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._unavailable("delete", error) from error
        _remove(_beside(path))
        return True

    def url(self, key: str) -> str:
        """Where this service serves it."""
        return f"/stored/{key}"

    def check(self) -> None:
        """Raise BackendUnavailable unless a file can be written."""
        probe = self._folder / f"check-{secrets.token_hex(8)}{_UNFINISHED}"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(probe, b"1")
        except OSError as error:
            raise self._unavailable("write", error) from error
        finally:
            _remove(probe)

    def _path(self, key: str) -> Path:
        """Only keys of ours become file names; spread over 256 folders by the request's digest."""
        if not is_storage_key(key):
            raise ValueError("not a storage key")
        name = key.removeprefix("thumbs/")
        return self._folder / "thumbs" / name[:2] / name

    def _described(self, key: str, body: bytes) -> Stored:
        description = json.loads(_beside(self._path(key)).read_bytes())
        return Stored(key=key, body=body, mime=description["mime"], meta=description["meta"])

    def _unavailable(self, what: str, error: OSError) -> BackendUnavailable:
        log.error("storage_failed", operation=what, folder=str(self._folder), reason=error.strerror)
        return BackendUnavailable("the picture storage does not work right now", retry_after=30)

    def _sweep(self) -> None:
        """Remove what processes that died left unfinished."""
        before = time.time() - _ABANDONED_AFTER
        for path in self._folder.rglob(f"*{_UNFINISHED}"):
            if path.stat().st_mtime < before:
                _remove(path)


def is_picture(name: str) -> bool:
    """Whether a file name is that of a picture and not of its description."""
    return is_storage_key(f"thumbs/{name}")


def _beside(path: Path) -> Path:
    return path.with_suffix(".json")


def _write(path: Path, body: bytes) -> None:
    """Write, synchronise, rename into place; raises OSError and then leaves nothing."""
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(8)}{_UNFINISHED}")
    try:
        with unfinished.open("xb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        _remove(unfinished)
        raise


def _synchronise_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
