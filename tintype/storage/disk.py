"""Storage in a folder: plain picture files, each with a small ``.json`` beside it that says what it is."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from tintype.errors import BackendUnavailable
from tintype.model import StoredObject, is_storage_key, mime_of

log = structlog.get_logger("tintype.storage")

INCOMPLETE_MAX_AGE = 3600.0
"""Age in seconds at which a file that was never finished is swept."""
_ROOT = "thumbs/"


class DiskStorage:
    """Files at ``<folder>/thumbs/<first two hex digits>/<rest of the key>``.

    A file is written elsewhere and moved into place, its description first: a picture that can be seen is whole.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / ".incoming"
        self._remove_incomplete()

    def put(self, stored: StoredObject) -> None:
        """Durably store; raises BackendUnavailable, ValueError for a key that is none."""
        if not is_storage_key(stored.key):
            raise ValueError(f"not a storage key: {stored.key!r}")
        picture = self._path(stored.key)
        sidecar = _sidecar_path(picture)
        with self._translating_errors("stored"):
            _mkdir_durable(picture.parent)
            _mkdir_durable(self._incoming)
            with self._temp_file(_metadata_json(stored)) as description, self._temp_file(stored.body) as body:
                description.replace(sidecar)
                try:
                    body.replace(picture)
                except OSError:
                    if not picture.exists():
                        sidecar.unlink(missing_ok=True)
                    raise
            _fsync_folder(picture.parent)

    def get(self, key: str) -> StoredObject | None:
        """The object, body included; raises BackendUnavailable."""
        found = self._read_metadata(key)
        if not found:
            return None
        with self._translating_errors("read"), suppress(FileNotFoundError):
            return replace(found, body=self._path(key).read_bytes())
        return None

    def latest(self, prefix: str) -> StoredObject | None:
        """The object put last whose key starts with ``prefix``, with an empty body; raises BackendUnavailable."""
        with self._translating_errors("read"):
            found = [(entry.stat().st_mtime_ns, _key_of(entry)) for entry in self._entries(prefix)]
        return self._read_metadata(max(found)[1]) if found else None

    def keys(self) -> Iterator[str]:
        """Every key, in no order; raises BackendUnavailable."""
        with self._translating_errors("read"):
            yield from map(_key_of, self._entries(""))

    def delete(self, key: str) -> bool:
        """Whether there was something to delete; raises BackendUnavailable."""
        if not is_storage_key(key):
            return False
        picture = self._path(key)
        with self._translating_errors("deleted"):
            try:
                picture.unlink()
            except FileNotFoundError:
                return False
            _sidecar_path(picture).unlink(missing_ok=True)
            _fsync_folder(picture.parent)
        return True

    def url(self, key: str) -> str:
        """Where this service itself serves it."""
        return f"/stored/{key}"

    def check(self) -> None:
        """Write a file and remove it; raises BackendUnavailable."""
        with self._translating_errors("stored"):
            _mkdir_durable(self._incoming)
            with self._temp_file(bytes(4096)):
                pass

    def _read_metadata(self, key: str) -> StoredObject | None:
        if not is_storage_key(key):
            return None
        picture = self._path(key)
        with self._translating_errors("read"):
            if not picture.exists():
                return None
            mime, meta = _read_sidecar(_sidecar_path(picture))
        return StoredObject(key=key, body=b"", mime=mime or mime_of(key), meta=meta)

    def _path(self, key: str) -> Path:
        name = key.removeprefix(_ROOT)
        return self._folder / _ROOT / name[:2] / name

    def _entries(self, prefix: str) -> Iterator[os.DirEntry[str]]:
        """Pictures whose key starts with a prefix; one folder is looked at if it is long enough."""
        start = prefix.removeprefix(_ROOT)
        folders = [self._folder / _ROOT / start[:2]] if len(start) > 1 else _list_folder(self._folder / _ROOT)
        for folder in folders:
            with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
                yield from (
                    entry for entry in entries if entry.name.startswith(start) and is_storage_key(_key_of(entry))
                )

    @contextmanager
    def _temp_file(self, content: bytes) -> Iterator[Path]:
        """A temporary file with durable content; gone after the block unless it was moved."""
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
        try:
            yield
        except OSError as error:
            log.error("storage_failed", folder=str(self._folder), reason=str(error))
            raise BackendUnavailable(f"pictures cannot be {action} right now", retry_after=30) from error

    def _remove_incomplete(self) -> None:
        """Remove what processes that died left half written."""
        for path in _list_folder(self._incoming):
            with suppress(OSError):
                if path.stat().st_mtime < time.time() - INCOMPLETE_MAX_AGE:
                    path.unlink()


def _key_of(entry: os.DirEntry[str]) -> str:
    return _ROOT + entry.name


def _sidecar_path(picture: Path) -> Path:
    return picture.with_name(f"{picture.name}.json")


def _metadata_json(stored: StoredObject) -> bytes:
    return json.dumps({"mime": stored.mime, "meta": stored.meta}, indent=1, ensure_ascii=False).encode()


def _read_sidecar(path: Path) -> tuple[str, dict[str, str]]:
    """Media type and further words; empty when somebody removed or spoilt the file."""
    try:
        said: dict[str, Any] = json.loads(path.read_bytes())
        return str(said["mime"]), {str(name): str(value) for name, value in said["meta"].items()}
    except (FileNotFoundError, ValueError, LookupError, AttributeError, TypeError):
        return "", {}


def _list_folder(folder: Path) -> list[Path]:
    with suppress(FileNotFoundError, NotADirectoryError):
        return list(folder.iterdir())
    return []


def _mkdir_durable(folder: Path) -> None:
    """Create a folder so that it outlives a power cut."""
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
