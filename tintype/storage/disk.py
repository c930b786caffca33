"""Storage in a folder: one image file per object, with its metadata in a ``.json`` file (sidecar) beside it."""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from tintype.errors import BackendUnavailable
from tintype.model import StoredObject, has_content, is_storage_key
from tintype.quarantine import quarantine

log = structlog.get_logger("tintype.storage")

INCOMPLETE_MAX_AGE = 3600.0
"""Age in seconds after which an incomplete file of an exited process is removed."""
_ROOT = "thumbs/"
_MIME = re.compile(r"[a-z]+/[a-z0-9.+-]+")


class DiskStorage:
    """Objects in files at ``<folder>/thumbs/<first two hex digits>/<rest of the key>``.

    Files are written to a temporary folder and moved into place, metadata first, so that a visible image is complete.
    A damaged object counts as missing, and a warning with the name of its file is logged: the image differs from the
    digest in its key, or its metadata is missing or unreadable. Storing it again replaces it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / ".incoming"
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
            with self._temp_file(_metadata_json(stored)) as metadata, self._temp_file(stored.body) as body:
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

    def latest(self, prefix: str) -> StoredObject | None:
        """The object stored last whose key starts with ``prefix``, without its body; raises BackendUnavailable."""
        with self._translating_errors("read"):
            found = [(entry.stat().st_mtime_ns, _key_of(entry)) for entry in self._entries(prefix)]
        candidates = (self.get(key) for _, key in sorted(found, reverse=True))
        latest = next(filter(None, candidates), None)
        return replace(latest, body=b"") if latest else None

    def keys(self) -> Iterator[str]:
        """Every key, in no order; raises BackendUnavailable. For listing stored objects, which has no command yet."""
        with self._translating_errors("read"):
            yield from map(_key_of, self._entries(""))

    def delete(self, key: str) -> bool:
        """Delete an object, damaged ones included; returns whether it existed. Raises BackendUnavailable."""
        if not is_storage_key(key):
            return False
        image = self._path(key)
        with self._translating_errors("deleted"):
            try:
                image.unlink()
            except FileNotFoundError:
                return False
            _sidecar_path(image).unlink(missing_ok=True)
            _fsync_folder(image.parent)
        return True

    def url(self, key: str) -> str:
        """The path under which this service serves the object."""
        return f"/stored/{key}"

    def check(self) -> None:
        """Write and remove a file; raises BackendUnavailable."""
        with self._translating_errors("stored"):
            _mkdir_durable(self._incoming)
            with self._temp_file(bytes(4096)):
                pass

    def _read_metadata(self, key: str) -> StoredObject | None:
        """The object without its body; None if it is missing or its metadata is unusable."""
        if not is_storage_key(key):
            return None
        image = self._path(key)
        with self._translating_errors("read"):
            if not image.exists():
                return None
            metadata = _parse_sidecar(_sidecar_path(image))
            is_file = image.is_file()
        if metadata is None or not is_file:
            reason = "its metadata is missing or unreadable" if is_file else "it is not a file"
            _report_damage(key, _sidecar_path(image) if is_file else image, reason)
            return None
        mime, meta = metadata
        return StoredObject(key=key, body=b"", mime=mime, meta=meta)

    def _path(self, key: str) -> Path:
        name = key.removeprefix(_ROOT)
        return self._folder / _ROOT / name[:2] / name

    def _entries(self, prefix: str) -> Iterator[os.DirEntry[str]]:
        """Images whose key starts with a prefix; scans one subfolder if the prefix contains its two digits."""
        start = prefix.removeprefix(_ROOT)
        folders = [self._folder / _ROOT / start[:2]] if len(start) > 1 else _list_folder(self._folder / _ROOT)
        for folder in folders:
            with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.startswith(start) and is_storage_key(_key_of(entry)):
                        yield entry

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


def _key_of(entry: os.DirEntry[str]) -> str:
    return _ROOT + entry.name


def _sidecar_path(image: Path) -> Path:
    return image.with_name(f"{image.name}.json")


def _metadata_json(stored: StoredObject) -> bytes:
    return json.dumps({"mime": stored.mime, "meta": stored.meta}, indent=1, ensure_ascii=False).encode()


def _parse_sidecar(path: Path) -> tuple[str, dict[str, str]] | None:
    """Media type and further metadata; None if the file is missing or damaged."""
    try:
        data: dict[str, Any] = json.loads(path.read_bytes())
        meta = {str(name): str(value) for name, value in data["meta"].items()}
        return (str(data["mime"]), meta) if _MIME.fullmatch(str(data["mime"])) else None
    except (FileNotFoundError, IsADirectoryError, ValueError, LookupError, AttributeError, TypeError):
        return None


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
