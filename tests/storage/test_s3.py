"""Storage in S3: the contract over moto, requests on the wire, and buckets that deny, fail or do not exist."""

from __future__ import annotations

import base64
import functools
import hashlib
import http.server
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Self

import httpx
import pytest
from structlog.testing import capture_logs as logged

from harness.servers import S3Server
from tests.support.concurrency import in_fork
from tests.support.contracts.storage import OpenStorage, StorageContract, keys_of, prefix_of, stored_object
from tintype.errors import BackendUnavailable
from tintype.model import Deletion, MetadataState, StoredObject
from tintype.storage import s3
from tintype.storage.s3 import S3Storage

CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "made-up-secret"}


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with S3Server() as server:
        yield server


@pytest.fixture
def bucket(server: S3Server, request: pytest.FixtureRequest) -> str:
    name = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:32]
    server.create_bucket(name)
    return name


@pytest.fixture
def storage(server: S3Server, bucket: str) -> Iterator[S3Storage]:
    storage = S3Storage(bucket, endpoint_url=server.url, credentials=CREDENTIALS)
    yield storage
    storage.close()


@pytest.fixture
def no_retry_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without a delay."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)


class TestContract(StorageContract):
    @pytest.fixture
    def open_storage(self, server: S3Server, bucket: str) -> OpenStorage:
        return functools.partial(S3Storage, bucket, endpoint_url=server.url, credentials=CREDENTIALS)


class TestObject:
    def test_stores_objects_as_public_and_immutable(self, storage: S3Storage) -> None:
        storage.put(stored_object(extension="webp"))
        answer = httpx.get(storage.url(stored_object(extension="webp").key), trust_env=False)
        assert answer.content == stored_object().body
        assert answer.headers["Content-Type"] == "image/webp"
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"

    def test_prefix_is_part_of_the_url_but_not_of_the_key(self, server: S3Server, bucket: str) -> None:
        spaced, other = (
            S3Storage(bucket, endpoint_url=server.url, prefix=prefix, credentials=CREDENTIALS)
            for prefix in ("/my shots/", "other")
        )
        spaced.put(stored_object("one"))
        other.put(stored_object("two"))
        assert keys_of(spaced) == [stored_object("one").key]
        assert spaced.get(stored_object("two").key) is None
        assert httpx.get(spaced.url(stored_object("one").key), trust_env=False).content == stored_object().body
        assert "/my%20shots/thumbs/" in spaced.url(stored_object("one").key)
        latest = spaced.latest(prefix_of(stored_object("one")))
        assert latest
        assert latest.key == stored_object("one").key

    def test_ignores_foreign_objects_in_the_bucket(self, server: S3Server, bucket: str, storage: S3Storage) -> None:
        httpx.put(f"{server.url}/{bucket}/thumbs/readme.txt", content=b"hello", trust_env=False)
        storage.put(stored_object())
        assert keys_of(storage) == [stored_object().key]
        assert storage.delete(["thumbs/readme.txt"]) == Deletion()

    def test_reads_an_object_uploaded_by_another_client(
        self, server: S3Server, bucket: str, storage: S3Storage
    ) -> None:
        httpx.put(
            storage.url(stored_object().key), content=b"png", headers={"Content-Type": "image/png"}, trust_env=False
        )
        assert storage.get(stored_object().key) == StoredObject(key=stored_object().key, body=b"png", mime="image/png")

    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
    def test_fork_opens_new_connections(self, storage: S3Storage) -> None:
        storage.put(stored_object("parent"))

        def child() -> bool:
            storage.put(stored_object("child"))
            return storage.get(stored_object("parent").key) == stored_object("parent")

        assert in_fork(child)
        assert storage.get(stored_object("child").key) == stored_object("child")


class TestSidecar:
    PRIVATE = replace(stored_object(), target="https://intranet.example.com/?token=4711")

    def test_clients_that_read_the_image_do_not_get_it(self, storage: S3Storage) -> None:
        storage.put(self.PRIVATE)
        answer = httpx.get(storage.url(self.PRIVATE.key), trust_env=False)
        assert answer.status_code == 200
        assert not [each for each in ("intranet", "4711", "sidecar") if each in str(answer.headers)]

    def test_has_a_name_that_a_reader_of_the_image_cannot_guess(self, server: S3Server, bucket: str) -> None:
        names = set()
        for folder in ("a", "b"):
            storage = S3Storage(bucket, endpoint_url=server.url, prefix=folder, credentials=CREDENTIALS)
            storage.put(self.PRIVATE)
            (name,) = storage._sidecars_of([self.PRIVATE.key])[self.PRIVATE.key]
            names.add(name)
        assert len(names) == 2
        for name in names:
            assert re.fullmatch(rf"sidecars/{re.escape(self.PRIVATE.key[7:])}/[0-9a-f]{{32}}\.json", name)

    def test_deletion_of_the_image_removes_it(self, server: S3Server, bucket: str, storage: S3Storage) -> None:
        storage.put(self.PRIVATE)
        storage.delete([self.PRIVATE.key])
        assert keys_in(server, bucket) == []

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b"x" * 70_000])
    def test_reports_a_damaged_one(self, storage: S3Storage, content: bytes) -> None:
        storage.put(self.PRIVATE)
        (name,) = storage._sidecars_of([self.PRIVATE.key])[self.PRIVATE.key]
        storage._client.put_object(Bucket=storage._bucket, Key=name, Body=content)
        with logged() as logs:
            (entry,) = storage.describe(list(storage.scan()))
        assert (entry.target, entry.metadata) == ("", MetadataState.DAMAGED)
        assert [log["event"] for log in logs] == ["stored_metadata_invalid"]

    def test_missing_permission_to_write_it_does_not_prevent_storing(self) -> None:
        with ScriptedBucket(deny=("PUT /shots/sidecars/",)) as bucket, logged() as logs:
            storage_in(bucket).put(self.PRIVATE)
        assert [line.partition("?")[0][:12] for line, _, _ in bucket.requests] == [
            "GET /shots",
            "PUT /shots/s",
            "PUT /shots/t",
        ]
        assert [log["event"] for log in logs] == ["storage_sidecar_denied"]


class TestPages:
    @pytest.fixture(autouse=True)
    def small_pages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As if S3 listed 3 objects and deleted 4 in one request."""
        monkeypatch.setattr(s3, "PAGE", 3)
        monkeypatch.setattr(s3, "BATCH", 4)
        monkeypatch.setattr(s3, "READERS", 2)

    def test_scans_describes_and_deletes_over_several_pages(
        self, server: S3Server, bucket: str, storage: S3Storage
    ) -> None:
        stored = [replace(stored_object(f"page-{n}"), target=f"https://site.org/{n}") for n in range(10)]
        for one in stored:
            storage.put(one)
        files = list(storage.scan())
        assert [file.key for file in files] == sorted(one.key for one in stored)
        targets = {entry.file.key: entry.target for entry in storage.describe(files)}
        assert targets == {one.key: one.target for one in stored}
        assert storage.usage().objects == 10
        assert len(storage.delete([file.key for file in files[:9]]).deleted) == 9
        assert sorted(keys_in(server, bucket)) == sorted(
            [files[9].key, *storage._sidecars_of([files[9].key])[files[9].key]]
        )


class TestDeletion:
    def test_reports_a_bucket_that_keeps_old_versions(self, server: S3Server, bucket: str, storage: S3Storage) -> None:
        storage._client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        storage.put(stored_object())
        deleted = storage.delete([stored_object().key])
        assert deleted == Deletion(deleted=(stored_object().key,), old_versions_kept=True)
        assert keys_of(storage) == []
        assert storage.get(stored_object().key) is None

    def test_deletes_one_by_one_if_the_service_has_no_bulk_deletion(self) -> None:
        with ScriptedBucket(deny=("POST",), code="NotImplemented") as bucket:
            assert storage_in(bucket).delete([stored_object().key]).deleted == (stored_object().key,)
        assert [line.split()[0] for line, _, _ in bucket.requests] == ["GET", "POST", "DELETE"]

    def test_reports_objects_that_the_service_did_not_delete(self) -> None:
        failed, deleted = (stored_object(name).key for name in ("one", "two"))
        text = f"<DeleteResult><Error><Key>{failed}</Key><Code>InternalError</Code></Error></DeleteResult>"
        with ScriptedBucket(bodies={"POST": text.encode()}) as bucket, logged() as logs:
            result = storage_in(bucket).delete([failed, deleted])
        assert result == Deletion(deleted=(deleted,), failed=(failed,))
        assert [(log["event"], log["code"]) for log in logs] == [("storage_failed", "InternalError")]

    def test_denied_deletion_raises_backend_unavailable(self) -> None:
        with ScriptedBucket(deny=("POST",)) as bucket, logged(), pytest.raises(BackendUnavailable):
            storage_in(bucket).delete([stored_object().key])

    def test_denied_list_raises_backend_unavailable(self) -> None:
        with ScriptedBucket(deny=("GET",)) as bucket, logged() as logs, pytest.raises(BackendUnavailable):
            list(storage_in(bucket).scan())
        assert logs[0]["code"] == "AccessDenied"


def keys_in(server: S3Server, bucket: str) -> list[str]:
    """Every key in a bucket, sidecars included."""
    listed = httpx.get(f"{server.url}/{bucket}", params={"list-type": "2"}, trust_env=False).text
    return re.findall(r"<Key>(.*?)</Key>", listed)


class TestUrl:
    @pytest.mark.parametrize(
        ("settings", "url"),
        [
            ({"bucket": "shots"}, "https://shots.s3.amazonaws.com/KEY"),
            ({"bucket": "shots", "region": "eu-north-1"}, "https://shots.s3.eu-north-1.amazonaws.com/KEY"),
            ({"bucket": "shots", "region": "cn-north-1"}, "https://shots.s3.cn-north-1.amazonaws.com.cn/KEY"),
            ({"bucket": "my.shots", "region": "eu-north-1"}, "https://s3.eu-north-1.amazonaws.com/my.shots/KEY"),
            ({"bucket": "shots", "prefix": "a/b"}, "https://shots.s3.amazonaws.com/a/b/KEY"),
            ({"bucket": "shots", "endpoint_url": "http://minio:9000/"}, "http://minio:9000/shots/KEY"),
            (
                {"bucket": "shots", "endpoint_url": "http://minio:9000", "public_url": "https://cdn.example.com/"},
                "https://cdn.example.com/KEY",
            ),
        ],
    )
    def test_uses_the_host_of_the_cdn_the_endpoint_or_aws(self, settings: dict[str, Any], url: str) -> None:
        key = stored_object().key
        assert S3Storage(**settings).url(key) == url.replace("KEY", key)

    def test_url_is_never_a_path_of_this_service(self) -> None:
        assert not S3Storage("shots").url("").startswith("/")


@pytest.mark.usefixtures("no_retry_delay")
class TestErrors:
    def test_stopped_server_raises_backend_unavailable_until_it_is_back(self) -> None:
        with S3Server() as server:
            server.create_bucket("shots")
            storage = S3Storage("shots", endpoint_url=server.url, credentials=CREDENTIALS)
            storage.put(stored_object())
            server.stop()
            with logged() as logs:
                for attempt in all_operations(storage):
                    with pytest.raises(BackendUnavailable) as raised:
                        attempt()
                    assert str(server.port) not in raised.value.detail
            assert {(log["event"], log["code"]) for log in logs} == {("storage_failed", "EndpointConnectionError")}
            assert all(server.url in log["reason"] for log in logs)
            server.start()
            server.create_bucket("shots")
            storage.put(stored_object())
            assert storage.get(stored_object().key) == stored_object()
            storage.close()

    def test_missing_bucket_is_named_in_the_log_only(self, server: S3Server) -> None:
        storage = S3Storage("nowhere", endpoint_url=server.url, credentials=CREDENTIALS)
        with logged() as logs:
            for attempt in (
                storage.check,
                functools.partial(storage.put, stored_object()),
                lambda: keys_of(storage),
            ):
                with pytest.raises(BackendUnavailable) as raised:
                    attempt()
                assert "nowhere" not in raised.value.detail
        assert [(log["bucket"], log["code"]) for log in logs] == [
            ("nowhere", "404"),
            ("nowhere", "NoSuchBucket"),
            ("nowhere", "NoSuchBucket"),
        ]
        assert "made-up-secret" not in str(logs)
        storage.close()

    def test_missing_credentials_raise_backend_unavailable(
        self, server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
        storage = S3Storage(bucket, endpoint_url=server.url)
        with logged() as logs, pytest.raises(BackendUnavailable):
            storage.put(stored_object())
        assert logs[0]["code"] == "NoCredentialsError"
        storage.close()


def all_operations(storage: S3Storage) -> list[Callable[[], object]]:
    key, prefix = stored_object().key, prefix_of(stored_object())
    return [
        storage.check,
        functools.partial(storage.put, stored_object()),
        functools.partial(storage.get, key),
        functools.partial(storage.latest, prefix),
        functools.partial(storage.delete, [key]),
        lambda: keys_of(storage),
    ]


@dataclass
class ScriptedBucket:
    """A server that denies or fails chosen requests and records all of them."""

    deny: tuple[str, ...] = ()
    """Prefixes of requests, such as ``GET``, that get 403."""
    failures: int = 0
    """How many requests get 503 first."""
    code: str = "AccessDenied"
    bodies: dict[str, bytes] = field(default_factory=dict)
    """Bodies of successful responses by method."""
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Self:
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def response(self, request_line: str) -> tuple[int, bytes]:
        if self.failures:
            self.failures -= 1
            return 503, b"<Error><Code>SlowDown</Code></Error>"
        if request_line.startswith(self.deny):
            return 403, f"<Error><Code>{self.code}</Code></Error>".encode()
        return 200, self.bodies.get(request_line.partition(" ")[0], b"")

    def handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        bucket = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self) -> None:
                request_line = f"{self.command} {self.path}"
                if self.headers.get("Expect"):
                    self.send_response_only(100)
                    self.end_headers()
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                bucket.requests.append((request_line, {k.lower(): v for k, v in self.headers.items()}, body))
                status, text = bucket.response(request_line)
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.send_header("Connection", "close")
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(text)

            do_GET = do_HEAD = do_POST = do_DELETE = do_PUT  # noqa: N815 - named by the library

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def storage_in(bucket: ScriptedBucket) -> S3Storage:
    return S3Storage("shots", endpoint_url=bucket.url, credentials=CREDENTIALS)


@pytest.mark.usefixtures("no_retry_delay")
class TestRequests:
    def test_upload_contains_md5_and_no_checksum_trailer(self) -> None:
        with ScriptedBucket() as bucket:
            storage_in(bucket).put(stored_object())
        (request_line, headers, body), *more = bucket.requests
        assert request_line.startswith("PUT /shots/thumbs/")
        assert more == []
        assert body == stored_object().body
        assert headers["content-md5"] == base64.b64encode(hashlib.md5(body).digest()).decode()
        assert not [name for name in headers if "trailer" in name or "checksum" in name]
        assert headers["cache-control"] == s3.CACHE_CONTROL

    def test_retries_three_times(self) -> None:
        with ScriptedBucket(failures=3) as bucket:
            storage_in(bucket).put(stored_object())
        assert len(bucket.requests) == 4

    def test_fails_after_three_retries(self) -> None:
        with ScriptedBucket(failures=9) as bucket, logged() as logs, pytest.raises(BackendUnavailable):
            storage_in(bucket).put(stored_object())
        assert len(bucket.requests) == 4
        assert logs[0]["code"] == "SlowDown"

    def test_write_only_credentials_suffice(self) -> None:
        with ScriptedBucket(deny=("GET", "HEAD")) as bucket, logged() as logs:
            storage = storage_in(bucket)
            storage.check()
            assert storage.latest(prefix_of(stored_object())) is None
            storage.put(stored_object())
            assert storage.latest(prefix_of(stored_object())) is None
        assert [log["event"] for log in logs] == ["storage_list_denied"]

    def test_wrong_credentials_raise_backend_unavailable(self) -> None:
        with ScriptedBucket(deny=("GET", "HEAD", "PUT"), code="InvalidAccessKeyId") as bucket, logged() as logs:
            for attempt in all_operations(storage_in(bucket)):
                with pytest.raises(BackendUnavailable):
                    attempt()
        assert {log["code"] for log in logs} == {"InvalidAccessKeyId"}
