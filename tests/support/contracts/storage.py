"""Contract of every storage, mixed into the tests of each backend."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.concurrency import in_processes, in_threads
from tintype.model import StoredObject, digest_of
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
        assert list(storage.keys()) == []

    def test_another_instance_sees_the_object(self, open_storage: OpenStorage, storage: Storage) -> None:
        storage.put(stored_object())
        assert open_storage().get(stored_object().key) == stored_object()

    def test_storing_again_changes_nothing(self, storage: Storage) -> None:
        for _ in range(3):
            storage.put(stored_object())
        assert list(storage.keys()) == [stored_object().key]
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
        assert sorted(storage.keys()) == sorted(one.key for one in stored)

    def test_deletes_an_object(self, storage: Storage) -> None:
        storage.put(stored_object("one"))
        storage.put(stored_object("two"))
        assert storage.delete(stored_object("one").key)
        assert not storage.delete(stored_object("one").key)
        assert storage.get(stored_object("one").key) is None
        assert storage.latest(prefix_of(stored_object("one"))) is None
        assert list(storage.keys()) == [stored_object("two").key]

    @pytest.mark.parametrize(
        "key", ["", "thumbs/", "thumbs/../../etc/passwd", "/etc/passwd", "thumbs/x.png", stored_object().key + ".json"]
    )
    def test_ignores_or_rejects_an_invalid_key(self, storage: Storage, key: str) -> None:
        assert storage.get(key) is None
        assert not storage.delete(key)
        with pytest.raises(ValueError, match="not a storage key"):
            storage.put(replace(stored_object(), key=key))

    def test_url_ends_with_the_key(self, storage: Storage) -> None:
        assert storage.url(stored_object().key).endswith(f"/{stored_object().key}")

    def test_check_passes_and_stores_nothing(self, storage: Storage) -> None:
        storage.check()
        assert list(storage.keys()) == []

    def test_serves_threads_concurrently(self, storage: Storage) -> None:
        in_threads(put_many, [(lambda: storage, number, 10) for number in range(6)])
        assert len(list(storage.keys())) == 61

    def test_processes_share_objects(self, open_storage: OpenStorage) -> None:
        in_processes(put_many, [(open_storage, number, 10) for number in range(3)])
        storage = open_storage()
        keys = list(storage.keys())
        assert len(keys) == 31
        for key in keys:
            found = storage.get(key)
            assert found
            assert digest_of(found.body) in key
