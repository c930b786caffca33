"""Storage in a folder: one image file per object, with its metadata in a ``.json`` file (sidecar) beside it."""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from io import BufferedReader
from pathlib import Path

import structlog

from tintype.errors import BackendUnavailable
from tintype.model import (
    STORED_PREFIX,
    Deletion,
    MetadataState,
    OpenObject,
    StorageUsage,
    StoredEntry,
    StoredFile,
    StoredObject,
    has_content,
    has_digest,
    is_storage_key,
)
from tintype.quarantine import quarantine
from tintype.storage.sidecar import MAX_SIDECAR, Sidecar, without_metadata

log = structlog.get_logger("tintype.storage")

INCOMPLETE_MAX_AGE = 3600.0
"""Age in seconds after which an incomplete file of an exited process is removed."""
USAGE_INTERVAL = 60.0
"""Seconds for which a measurement of the usage is reused; another one costs a few milliseconds."""
COARSE_TIME_NS = 2_000_000_000
"""Nanoseconds: file systems record changes with a resolution of up to 1 s (NFS) or 2 s (FAT)."""
MAX_INTACT = 4096
"""Files whose check is remembered."""


class DiskStorage:
    """Objects in files at ``<folder>/thumbs/<first two hex digits>/<rest of the key>``.

    Files are written to a temporary folder and moved into place, metadata first, so that a visible image is complete.
    A damaged object counts as missing, and a warning with the name of its file is logged: the image differs from the
    digest in its key, or its metadata is missing or unreadable. Storing it again replaces it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._intact: dict[tuple[str, int, int, int], None] = {}
        """Key, inode, size and modification time of files whose content was checked."""
        self._incoming = folder / ".incoming"
        self._usage_of: dict[str, tuple[int, StorageUsage]] = {}
        self._remove_incomplete()

    def put(self, stored: StoredObject) -> None:
        """Durably store; raises BackendUnavailable, and ValueError for an invalid key."""
        if not is_storage_key(stored.key):
            raise ValueError(f"not a storage key: {stored.key!r}")
        image = self._path(stored.key)
        sidecar = _sidecar_path(image)
        with self._translating_errors("stored"):
            _mkdir_durable(image.parent)
            _mkdir_durable(self._incoming)
            for path in (image, sidecar):
                if path.is_dir():
                    quarantine(path, "a folder is in its place")
            with self._temp_file(Sidecar.of(stored).to_json()) as metadata, self._temp_file(stored.body) as body:
                metadata.replace(sidecar)
                try:
                    body.replace(image)
                except OSError:
                    if not image.exists():
                        sidecar.unlink(missing_ok=True)
                    raise
            _fsync_folder(image.parent)

    def get(self, key: str) -> StoredObject | None:
        """The object with its body; raises BackendUnavailable."""
        stored = self._read_metadata(key)
        if not stored:
            return None
        with self._translating_errors("read"), suppress(FileNotFoundError):
            body = self._path(key).read_bytes()
            if has_content(key, body):
                return replace(stored, body=body)
            _report_damage(key, self._path(key), "its content does not match its key")
        return None

    def open(self, key: str) -> OpenObject | None:
        """The object as an open file; raises BackendUnavailable. Its content is checked once for each version of it."""
        stored = self._read_metadata(key)
        if not stored:
            return None
        with self._translating_errors("read"), suppress(FileNotFoundError):
            file = self._path(key).open("rb")
            status = os.fstat(file.fileno())
            version = key, status.st_ino, status.st_size, status.st_mtime_ns
            if self._is_intact(version, file):
                return OpenObject(
                    key=key, file=file, size=status.st_size, mime=stored.mime, stored_at=status.st_mtime_ns / 1e9
                )
            file.close()
            _report_damage(key, self._path(key), "its content does not match its key")
        return None

    def latest(self, prefix: str) -> StoredObject | None:
        """The object stored last whose key starts with ``prefix``, without its body; raises BackendUnavailable."""
        start = prefix.removeprefix(STORED_PREFIX)
        with self._translating_errors("read"):
            found = sorted(
                self._files(self._folder / STORED_PREFIX / start[:2], start), key=lambda file: file.stored_at
            )
        candidates = (self.get(file.key) for file in reversed(found))
        latest = next(filter(None, candidates), None)
        return replace(latest, body=b"") if latest else None

    def scan(self, after: str = "", prefix: str = STORED_PREFIX) -> Iterator[StoredFile]:
        """Objects in the order of their keys, from the first one greater than ``after``; raises BackendUnavailable.

        Reads one subfolder after another; a subfolder holds about one of 256 objects.
        """
        start, last = prefix.removeprefix(STORED_PREFIX), after.removeprefix(STORED_PREFIX)
        with self._translating_errors("listed"):
            for folder in sorted(_list_folder(self._folder / STORED_PREFIX)):
                if folder.name.startswith(start[:2]) and folder.name >= last[:2]:
                    found = sorted(self._files(folder, start), key=lambda file: file.key)
                    yield from (file for file in found if file.key > after)

    def describe(self, files: Sequence[StoredFile]) -> list[StoredEntry]:
        """Objects with their metadata, without deleted ones; raises BackendUnavailable."""
        entries = []
        with self._translating_errors("read"):
            for file in files:
                sidecar = self._read_sidecar(file.key)
                if isinstance(sidecar, Sidecar):
                    entries.append(sidecar.describe(file))
                elif self._path(file.key).exists():
                    entries.append(without_metadata(file, sidecar))
        return entries

    def delete(self, keys: Sequence[str]) -> Deletion:
        """Delete objects with their sidecars, damaged ones included; failures are logged.

        Keys that do not exist or are invalid are ignored.
        """
        deleted, failed = [], []
        for key in filter(is_storage_key, keys):
            try:
                deleted += [key] if self._delete(self._path(key)) else []
            except OSError as error:
                log.error("storage_failed", folder=str(self._folder), key=key, reason=str(error))
                failed.append(key)
        for folder in {self._path(key).parent for key in deleted}:
            with suppress(OSError):  # the files are gone; after a power failure they may be back
                _fsync_folder(folder)
        return Deletion(deleted=tuple(deleted), failed=tuple(failed))

    def usage(self) -> StorageUsage:
        """Number of objects and bytes of their images; raises BackendUnavailable.

        Reads only subfolders that have changed since the last call: about 0.5 s per 100,000 objects at the first one.
        """
        with self._translating_errors("measured"):
            folders = _list_folder(self._folder / STORED_PREFIX)
            counted = [self._folder_usage(folder) for folder in folders]
        return StorageUsage(objects=sum(one.objects for one in counted), size=sum(one.size for one in counted))

    @property
    def usage_interval(self) -> float:
        """Seconds for which a measurement is reused."""
        return USAGE_INTERVAL

    @property
    def identity(self) -> str:
        """The machine and the path of the folder."""
        return f"{platform.node()}:{self._folder.resolve()}"

    @property
    def name(self) -> str:
        """The folder, for messages to the operator."""
        return f"folder {self._folder}"

    def url(self, key: str) -> str:
        """The path under which this service serves the object."""
        return f"/stored/{key}"

    def check(self) -> None:
        """Write and remove a file; raises BackendUnavailable."""
        with self._translating_errors("stored"):
            _mkdir_durable(self._incoming)
            with self._temp_file(bytes(4096)):
                pass

    def _is_intact(self, version: tuple[str, int, int, int], file: BufferedReader) -> bool:
        """Whether the content of a file matches the digest in its key; the last versions that do are remembered."""
        if version in self._intact:
            return True
        if not has_digest(version[0], hashlib.file_digest(file, "sha256").hexdigest()):
            return False
        while len(self._intact) >= MAX_INTACT:
            self._intact.pop(next(iter(self._intact)), None)
        self._intact[version] = None
        return True

    def _read_metadata(self, key: str) -> StoredObject | None:
        """The object without its body; None if it is missing or its metadata is unusable."""
        if not is_storage_key(key):
            return None
        image = self._path(key)
        with self._translating_errors("read"):
            if not image.exists():
                return None
            sidecar = self._read_sidecar(key)
            is_file = image.is_file()
        if isinstance(sidecar, Sidecar) and is_file:
            return StoredObject(key=key, body=b"", mime=sidecar.mime, meta=sidecar.meta)
        reason = "its metadata is missing or unreadable" if is_file else "it is not a file"
        _report_damage(key, _sidecar_path(image) if is_file else image, reason)
        return None

    def _read_sidecar(self, key: str) -> Sidecar | MetadataState:
        """The sidecar, or why there is none."""
        try:
            with _sidecar_path(self._path(key)).open("rb") as file:
                return Sidecar.parse(file.read(MAX_SIDECAR + 1))
        except FileNotFoundError:
            return MetadataState.MISSING
        except (IsADirectoryError, ValueError):
            return MetadataState.DAMAGED

    def _delete(self, image: Path) -> bool:
        try:
            image.unlink()
        except FileNotFoundError:
            return False
        _sidecar_path(image).unlink(missing_ok=True)
        return True

    def _folder_usage(self, folder: Path) -> StorageUsage:
        """Usage of a subfolder. Its modification time tells whether objects were added or deleted since the last one.

        A subfolder that changed in the last seconds is read again next time: its time has a coarse resolution.
        """
        changed_at = folder.stat().st_mtime_ns if folder.is_dir() else 0
        known_at, usage = self._usage_of.get(folder.name, (-1, StorageUsage()))
        if known_at != changed_at:
            sizes = [file.size for file in self._files(folder, "")]
            usage = StorageUsage(objects=len(sizes), size=sum(sizes))
            if changed_at < time.time_ns() - COARSE_TIME_NS:
                self._usage_of[folder.name] = changed_at, usage
        return usage

    def _path(self, key: str) -> Path:
        name = key.removeprefix(STORED_PREFIX)
        return self._folder / STORED_PREFIX / name[:2] / name

    def _files(self, folder: Path, start: str) -> Iterator[StoredFile]:
        """Objects of a subfolder whose name starts with ``start``, in no order."""
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
            for entry in entries:
                key = STORED_PREFIX + entry.name
                if entry.name.startswith(start) and is_storage_key(key):
                    with suppress(FileNotFoundError):  # deleted meanwhile
                        found = entry.stat(follow_symlinks=False)
                        if stat.S_ISREG(found.st_mode):
                            yield StoredFile(key=key, size=found.st_size, stored_at=found.st_mtime)

    @contextmanager
    def _temp_file(self, content: bytes) -> Iterator[Path]:
        """A temporary file with durable content, removed after the block unless it was moved."""
        path = self._incoming / secrets.token_hex(16)
        try:
            with path.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            yield path
        finally:
            path.unlink(missing_ok=True)

    @contextmanager
    def _translating_errors(self, action: str) -> Iterator[None]:
        """Log an OSError with its reason and raise BackendUnavailable, whose text contains no path."""
        try:
            yield
        except OSError as error:
            log.error("storage_failed", folder=str(self._folder), reason=str(error))
            raise BackendUnavailable(f"the image cannot be {action} now; retry later", retry_after=30) from error

    def _remove_incomplete(self) -> None:
        """Remove temporary files of exited processes."""
        for path in _list_folder(self._incoming):
            with suppress(OSError):
                if path.stat().st_mtime < time.time() - INCOMPLETE_MAX_AGE:
                    path.unlink()


def _sidecar_path(image: Path) -> Path:
    return image.with_name(f"{image.name}.json")


def _report_damage(key: str, file: Path, reason: str) -> None:
    remedy = "restore the file from a backup, or store the page again with POST /persist"
    log.warning("stored_object_damaged", key=key, file=str(file), reason=reason, remedy=remedy)


def _list_folder(folder: Path) -> list[Path]:
    with suppress(FileNotFoundError, NotADirectoryError):
        return list(folder.iterdir())
    return []


def _mkdir_durable(folder: Path) -> None:
    """Create a folder and its parents, and sync them so that they survive a power failure."""
    if not folder.is_dir():
        _mkdir_durable(folder.parent)
        folder.mkdir(exist_ok=True)
        _fsync_folder(folder.parent)


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
