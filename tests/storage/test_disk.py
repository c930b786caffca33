"""Storage on disk: the contract, full disks, killed processes, and damaged or foreign files."""

from __future__ import annotations

import functools
import itertools
import os
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from tests.support.concurrency import eventually, killed_processes
from tests.support.contracts.storage import OpenStorage, StorageContract, keys_of, prefix_of, stored_object
from tintype.errors import BackendUnavailable
from tintype.model import Deletion, MetadataState, StorageUsage, digest_of
from tintype.storage import disk
from tintype.storage.disk import DiskStorage


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "stored"


@pytest.fixture
def storage(folder: Path) -> DiskStorage:
    return DiskStorage(folder)


def files_of(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


class TestContract(StorageContract):
    @pytest.fixture
    def open_storage(self, folder: Path) -> OpenStorage:
        return functools.partial(DiskStorage, folder)


def test_stores_plain_images_in_folders_of_two_digits(storage: DiskStorage, folder: Path) -> None:
    storage.put(stored_object())
    name = stored_object().key.removeprefix("thumbs/")
    file = folder / "thumbs" / name[:2] / name
    assert file.read_bytes() == stored_object().body
    assert files_of(folder) == sorted(f"thumbs/{name[:2]}/{name}{suffix}" for suffix in ("", ".json"))


def test_url_is_a_path_of_this_service(storage: DiskStorage) -> None:
    assert storage.url(stored_object().key) == f"/stored/{stored_object().key}"


@pytest.mark.parametrize(
    "content", [None, b"", b"{", b"[]", b'{"mime": 1, "meta": "none"}', b"[" * 5000, b'"' * 70_000]
)
class TestDamagedMetadata:
    def damage(self, folder: Path, content: bytes | None) -> None:
        newest = max(folder.rglob("*.json"), key=lambda path: path.with_suffix("").stat().st_mtime_ns)
        if content is None:
            newest.unlink()
        else:
            newest.write_bytes(content)

    def test_makes_the_object_missing_and_logs_a_warning(
        self, storage: DiskStorage, folder: Path, content: bytes | None
    ) -> None:
        storage.put(stored_object())
        self.damage(folder, content)
        with structlog.testing.capture_logs() as logs:
            assert storage.get(stored_object().key) is None
            assert storage.latest(prefix_of(stored_object())) is None
        assert [(log["event"], log["key"]) for log in logs] == [("stored_object_damaged", stored_object().key)] * 2

    def test_appears_in_the_list(self, storage: DiskStorage, folder: Path, content: bytes | None) -> None:
        storage.put(replace(stored_object(), target="https://site.org/"))
        self.damage(folder, content)
        state = MetadataState.MISSING if content is None else MetadataState.DAMAGED
        for _ in range(2):
            (entry,) = storage.describe(list(storage.scan()))
            assert (entry.file.key, entry.target, entry.metadata) == (stored_object().key, "", state)

    def test_leaves_older_objects_of_the_prefix(
        self, storage: DiskStorage, folder: Path, content: bytes | None
    ) -> None:
        for stored in (stored_object(content=b"older"), stored_object(content=b"newer")):
            storage.put(stored)
        self.damage(folder, content)
        assert storage.latest(prefix_of(stored_object())) == replace(stored_object(content=b"older"), body=b"")

    def test_storing_again_repairs_damaged_metadata(
        self, storage: DiskStorage, folder: Path, content: bytes | None
    ) -> None:
        storage.put(stored_object())
        self.damage(folder, content)
        storage.put(stored_object())
        assert storage.get(stored_object().key) == stored_object()

    def test_does_not_prevent_deletion(self, storage: DiskStorage, folder: Path, content: bytes | None) -> None:
        storage.put(stored_object())
        self.damage(folder, content)
        assert storage.delete([stored_object().key]).deleted
        assert files_of(folder) == []


class TestUsage:
    def test_reads_only_subfolders_that_changed(self, storage: DiskStorage, monkeypatch: pytest.MonkeyPatch) -> None:
        for number in range(20):
            storage.put(stored_object(f"page-{number}", bytes(100)))
        monkeypatch.setattr(disk, "COARSE_TIME_NS", -time.time_ns())  # every time counts as long ago
        storage.usage()
        read: list[Path] = []
        original = DiskStorage._files
        monkeypatch.setattr(
            DiskStorage, "_files", lambda self, folder, start: read.append(folder) or original(self, folder, start)
        )
        assert storage.usage() == StorageUsage(objects=20, size=2000)
        assert read == []
        DiskStorage(storage._folder).put(stored_object("from another process", bytes(50)))
        assert storage.usage() == StorageUsage(objects=21, size=2050)
        assert len(read) == 1

    def test_reads_a_subfolder_again_that_changed_just_now(self, storage: DiskStorage, folder: Path) -> None:
        storage.put(stored_object())
        storage.usage()
        home = next(folder.rglob("*.png")).parent
        changed_at = home.stat().st_mtime_ns
        next(folder.rglob("*.png")).unlink()
        os.utime(home, ns=(changed_at, changed_at))  # as if the clock of the file system had not advanced
        assert storage.usage() == StorageUsage()


def test_ignores_foreign_files_in_the_folder(storage: DiskStorage, folder: Path) -> None:
    storage.put(stored_object())
    home = next(folder.rglob("*.png")).parent
    for name in ("README", ".DS_Store", f"{stored_object().key[7:]}.bak"):
        (home / name).write_bytes(b"")
    (folder / "thumbs" / "zz").mkdir()
    assert keys_of(storage) == [stored_object().key]


class TestErrors:
    def test_full_disk_leaves_no_partial_files_and_hides_the_path(self, small_disk: Path) -> None:
        storage = DiskStorage(small_disk)
        kept = stored_object("kept", os.urandom(1 << 20))
        storage.put(kept)
        before = files_of(small_disk)
        with structlog.testing.capture_logs() as logs, pytest.raises(BackendUnavailable) as raised:
            storage.put(stored_object("too large", bytes(4 << 20)))
        assert files_of(small_disk) == before
        assert str(small_disk) not in str(raised.value)
        assert (logs[0]["event"], logs[0]["folder"]) == ("storage_failed", str(small_disk))
        assert "No space" in logs[0]["reason"]
        assert storage.get(kept.key) == kept
        storage.put(stored_object("smaller", bytes(1 << 20)))

    def test_full_directory_leaves_no_partial_files(
        self, storage: DiskStorage, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        storage.check()
        original = Path.replace

        def fail_for_images(self: Path, target: Path) -> Path:
            if not target.name.endswith(".json"):
                raise OSError(28, "No space left on device")
            return original(self, target)

        monkeypatch.setattr(Path, "replace", fail_for_images)
        with pytest.raises(BackendUnavailable):
            storage.put(stored_object())
        assert files_of(folder) == []
        monkeypatch.undo()
        storage.put(stored_object())
        assert storage.get(stored_object().key)

    def test_failed_second_put_keeps_the_first_object(
        self, storage: DiskStorage, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        storage.put(stored_object())

        def fail(*_: object) -> None:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(BackendUnavailable):
            storage.put(stored_object())
        assert storage.get(stored_object().key) == stored_object()
        assert len(files_of(folder)) == 2

    def test_raises_backend_unavailable_for_an_invalid_folder(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        storage = DiskStorage(tmp_path / "file" / "stored")
        for attempt in (
            storage.check,
            lambda: storage.put(stored_object()),
        ):
            with pytest.raises(BackendUnavailable):
                attempt()
        assert storage.delete([stored_object().key]) == Deletion(failed=(stored_object().key,))

    def test_check_fails_on_a_full_disk(self, small_disk: Path) -> None:
        storage = DiskStorage(small_disk)
        storage.check()
        filler = small_disk / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        with pytest.raises(BackendUnavailable):
            storage.check()
        filler.unlink()
        storage.check()


def put_forever(folder: Path, name: str) -> None:
    storage = DiskStorage(folder)
    for number in itertools.count():
        storage.put(stored_object(f"page-{number % 50}", f"{name}-{number}".encode() * 20_000))


def test_killed_writers_leave_only_complete_objects(storage: DiskStorage, folder: Path) -> None:
    for round_ in range(3):
        before = len(keys_of(storage))
        calls = [(folder, f"{round_}-{number}") for number in range(2)]
        with killed_processes(put_forever, calls):
            assert eventually(lambda before=before: len(keys_of(storage)) > before + 20)
    for key in keys_of(storage):
        found = storage.get(key)
        assert found
        assert digest_of(found.body) in key
        assert found.meta
        assert storage.latest(prefix_of(found))


def test_start_removes_old_incomplete_files(storage: DiskStorage, folder: Path) -> None:
    storage.check()
    old, young = folder / ".incoming" / "old", folder / ".incoming" / "young"
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (0, time.time() - disk.INCOMPLETE_MAX_AGE - 1))
    DiskStorage(folder)
    assert not old.exists()
    assert young.exists()
