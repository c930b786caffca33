"""Contract of every storage, mixed into the tests of each backend."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.concurrency import in_processes, in_threads
from tintype.model import Deletion, MetadataState, StorageUsage, StoredObject, digest_of
from tintype.protocols import Storage

OpenStorage = Callable[[], Storage]


def stored_object(request: str = "one", content: bytes = b"\x89PNG\0picture", extension: str = "png") -> StoredObject:
    """An object with a valid key; ``request`` identifies the captured page and options."""
    key = f"thumbs/{hashlib.sha256(request.encode()).hexdigest()}-{digest_of(content)}.{extension}"
    mime = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp", "avif": "image/avif"}[extension]
    return StoredObject(
        key=key, body=content, mime=mime, meta={"width": "320", "bytes": str(len(content)), "title": "Ä % ☃"}
    )


def prefix_of(stored: StoredObject) -> str:
    return stored.key.partition("-")[0] + "-"


def keys_of(storage: Storage) -> list[str]:
    return [file.key for file in storage.scan()]


def put_many(open_storage: OpenStorage, worker: int, count: int) -> None:
    storage = open_storage()
    for number in range(count):
        storage.put(stored_object(f"page-{number}", f"{worker}-{number}".encode() * 500))
        storage.put(stored_object("the same for all", b"same" * 5000))


class StorageContract:
    @pytest.fixture
    def open_storage(self) -> OpenStorage:
        """Opens the same storage at each call; picklable, so a partial of a class."""
        raise NotImplementedError

    @pytest.fixture
    def storage(self, open_storage: OpenStorage) -> Storage:
        return open_storage()

    @pytest.mark.parametrize("extension", ["png", "jpg", "webp", "avif"])
    def test_returns_the_stored_object(self, storage: Storage, extension: str) -> None:
        stored = stored_object(extension=extension)
        storage.put(stored)
        assert storage.get(stored.key) == stored

    def test_returns_a_large_object_completely(self, storage: Storage) -> None:
        stored = stored_object(content=bytes(range(256)) * 40_000)
        storage.put(stored)
        assert storage.get(stored.key) == stored

    def test_new_storage_is_empty(self, storage: Storage) -> None:
        assert storage.get(stored_object().key) is None
        assert storage.latest(prefix_of(stored_object())) is None
        assert keys_of(storage) == []

    def test_another_instance_sees_the_object(self, open_storage: OpenStorage, storage: Storage) -> None:
        storage.put(stored_object())
        assert open_storage().get(stored_object().key) == stored_object()

    def test_storing_again_changes_nothing(self, storage: Storage) -> None:
        for _ in range(3):
            storage.put(stored_object())
        assert keys_of(storage) == [stored_object().key]
        assert storage.get(stored_object().key) == stored_object()

    def test_latest_is_the_object_stored_last(self, storage: Storage) -> None:
        versions = [stored_object(content=content) for content in (b"first", b"second", b"third")]
        for stored in versions:
            storage.put(stored)
            assert storage.latest(prefix_of(stored)) == replace(stored, body=b"")
        storage.put(versions[0])
        assert storage.latest(prefix_of(versions[0])) == replace(versions[0], body=b"")

    def test_latest_ignores_objects_with_another_prefix(self, storage: Storage) -> None:
        storage.put(stored_object("one", b"one"))
        storage.put(stored_object("two", b"two"))
        latest = storage.latest(prefix_of(stored_object("one")))
        assert latest
        assert latest.key == stored_object("one", b"one").key

    def test_lists_every_key(self, storage: Storage) -> None:
        stored = [stored_object(f"page-{number}") for number in range(20)]
        for one in stored:
            storage.put(one)
        assert keys_of(storage) == sorted(one.key for one in stored)

    def test_scans_in_the_order_of_keys(self, storage: Storage) -> None:
        keys = sorted(stored_object(f"page-{number}").key for number in range(9))
        for number in range(9):
            storage.put(stored_object(f"page-{number}"))
        assert keys_of(storage) == keys
        for after in (keys[0], keys[5], keys[8], keys[5][:40], "thumbs/", "thumbs/ffff"):
            assert [file.key for file in storage.scan(after)] == [key for key in keys if key > after]

    def test_scans_the_keys_with_a_prefix(self, storage: Storage) -> None:
        keys = sorted(stored_object(f"page-{number}").key for number in range(8))
        for number in range(8):
            storage.put(stored_object(f"page-{number}"))
        for prefix in (keys[3][:length] for length in (7, 8, 9, 12, 71, 72, 80, 140)):
            expected = [key for key in keys if key.startswith(prefix)]
            assert [file.key for file in storage.scan(prefix=prefix)] == expected
            assert [file.key for file in storage.scan(expected[0], prefix)] == expected[1:]

    def test_scan_reports_size_and_time(self, storage: Storage) -> None:
        before = time.time()
        storage.put(stored_object(content=bytes(1234)))
        (file,) = storage.scan()
        assert (file.size, file.mime) == (1234, "image/png")
        assert before - 2 <= file.stored_at <= time.time() + 2, "S3 reports whole seconds"

    def test_describes_objects_with_their_targets(self, storage: Storage) -> None:
        targets = {}
        for number in range(12):
            target = f"https://site-{number}.org/?q={'%E2%98%83' * 200}#ä"
            stored = replace(stored_object(f"page-{number}"), target=target)
            storage.put(stored)
            targets[stored.key] = target
        for files in (list(storage.scan()), list(storage.scan())[:3], []):
            entries = storage.describe(files)
            assert [entry.file for entry in entries] == files
            assert {entry.file.key: entry.target for entry in entries} == {
                file.key: targets[file.key] for file in files
            }
            assert all(entry.meta == stored_object().meta for entry in entries)
            assert {entry.metadata for entry in entries} <= {MetadataState.OK}

    def test_describes_an_object_without_a_target(self, storage: Storage) -> None:
        storage.put(stored_object())
        (entry,) = storage.describe(list(storage.scan()))
        assert (entry.target, entry.meta, entry.metadata) == ("", stored_object().meta, "ok")

    def test_leaves_out_what_was_deleted_after_the_scan(self, storage: Storage) -> None:
        kept, gone = (replace(stored_object(name), target="https://site.org/") for name in ("kept", "gone"))
        storage.put(kept)
        storage.put(gone)
        files = list(storage.scan())
        storage.delete([gone.key])
        assert [entry.file.key for entry in storage.describe(files)] == [kept.key]

    def test_storing_again_keeps_one_target(self, storage: Storage) -> None:
        for _ in range(3):
            storage.put(replace(stored_object(), target="https://site.org/"))
        assert [entry.target for entry in storage.describe(list(storage.scan()))] == ["https://site.org/"]

    def test_measures_what_is_stored(self, storage: Storage) -> None:
        assert storage.usage() == StorageUsage()
        for number in range(3):
            storage.put(replace(stored_object(f"page-{number}", bytes(100 + number)), target="https://site.org/"))
        assert storage.usage() == StorageUsage(objects=3, size=303)
        storage.put(stored_object("page-2", bytes(102)))
        assert storage.usage() == StorageUsage(objects=3, size=303)
        storage.delete([stored_object("page-1", bytes(101)).key])
        assert storage.usage() == StorageUsage(objects=2, size=202)

    def test_deletes_an_object(self, storage: Storage) -> None:
        storage.put(stored_object("one"))
        storage.put(stored_object("two"))
        key = stored_object("one").key
        assert storage.delete([key]) == Deletion(deleted=(key,))
        assert storage.get(key) is None
        assert storage.latest(prefix_of(stored_object("one"))) is None
        assert keys_of(storage) == [stored_object("two").key]

    def test_deletes_many_objects_and_ignores_invalid_keys(self, storage: Storage) -> None:
        stored = [replace(stored_object(f"page-{number}"), target="https://site.org/") for number in range(12)]
        for one in stored:
            storage.put(one)
        keys = [one.key for one in stored]
        deleted = storage.delete([*keys[:10], "", "thumbs/", "../../etc/passwd", "sidecars/"])
        assert (sorted(deleted.deleted), deleted.failed) == (sorted(keys[:10]), ())
        assert keys_of(storage) == sorted(keys[10:])
        assert storage.delete([]) == Deletion()

    def test_stores_again_after_a_deletion(self, storage: Storage) -> None:
        stored = replace(stored_object(), target="https://site.org/")
        for _ in range(2):
            storage.put(stored)
            assert storage.get(stored.key) == stored
            storage.delete([stored.key])
            assert storage.get(stored.key) is None

    def test_names_itself_without_secrets(self, storage: Storage) -> None:
        assert storage.name
        assert "secret" not in storage.name
        assert storage.usage_interval > 0

    @pytest.mark.parametrize(
        "key", ["", "thumbs/", "thumbs/../../etc/passwd", "/etc/passwd", "thumbs/x.png", stored_object().key + ".json"]
    )
    def test_ignores_or_rejects_an_invalid_key(self, storage: Storage, key: str) -> None:
        assert storage.get(key) is None
        assert storage.delete([key]) == Deletion()
        with pytest.raises(ValueError, match="not a storage key"):
            storage.put(replace(stored_object(), key=key))

    def test_url_ends_with_the_key(self, storage: Storage) -> None:
        assert storage.url(stored_object().key).endswith(f"/{stored_object().key}")

    def test_check_passes_and_stores_nothing(self, storage: Storage) -> None:
        storage.check()
        assert keys_of(storage) == []

    def test_serves_threads_concurrently(self, storage: Storage) -> None:
        in_threads(put_many, [(lambda: storage, number, 10) for number in range(6)])
        assert len(keys_of(storage)) == 61

    def test_processes_share_objects(self, open_storage: OpenStorage) -> None:
        in_processes(put_many, [(open_storage, number, 10) for number in range(3)])
        storage = open_storage()
        keys = keys_of(storage)
        assert len(keys) == 31
        for key in keys:
            found = storage.get(key)
            assert found
            assert digest_of(found.body) in key
