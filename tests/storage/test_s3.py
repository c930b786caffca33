"""The bucket: the contract over moto, what goes over the wire, and buckets that refuse, break or are not there."""

from __future__ import annotations

import base64
import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

import httpx
import pytest
from structlog.testing import capture_logs as logged

from harness.servers import S3Server
from tests.support.concurrency import in_fork
from tests.support.contracts.storage import OpenStorage, StorageContract, picture, prefix_of
from tintype.errors import BackendUnavailable
from tintype.model import StoredObject
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
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries follow each other at once."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)


class TestContract(StorageContract):
    @pytest.fixture
    def open_storage(self, server: S3Server, bucket: str) -> OpenStorage:
        return functools.partial(S3Storage, bucket, endpoint_url=server.url, credentials=CREDENTIALS)


class TestObject:
    def test_may_be_kept_by_everybody_for_ever(self, storage: S3Storage) -> None:
        storage.put(picture(extension="webp"))
        answer = httpx.get(storage.url(picture(extension="webp").key), trust_env=False)
        assert answer.content == picture().body
        assert answer.headers["Content-Type"] == "image/webp"
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"

    def test_a_prefix_is_put_before_every_key_and_nobody_sees_it(self, server: S3Server, bucket: str) -> None:
        spaced, other = (
            S3Storage(bucket, endpoint_url=server.url, prefix=prefix, credentials=CREDENTIALS)
            for prefix in ("/my shots/", "other")
        )
        spaced.put(picture("one"))
        other.put(picture("two"))
        assert list(spaced.keys()) == [picture("one").key]
        assert spaced.get(picture("two").key) is None
        assert httpx.get(spaced.url(picture("one").key), trust_env=False).content == picture().body
        assert "/my%20shots/thumbs/" in spaced.url(picture("one").key)
        newest = spaced.latest(prefix_of(picture("one")))
        assert newest
        assert newest.key == picture("one").key

    def test_other_things_in_the_bucket_are_left_alone(self, server: S3Server, bucket: str, storage: S3Storage) -> None:
        httpx.put(f"{server.url}/{bucket}/thumbs/readme.txt", content=b"hello", trust_env=False)
        storage.put(picture())
        assert list(storage.keys()) == [picture().key]
        assert not storage.delete("thumbs/readme.txt")

    def test_an_object_somebody_else_uploaded_is_read(self, server: S3Server, bucket: str, storage: S3Storage) -> None:
        httpx.put(storage.url(picture().key), content=b"png", headers={"Content-Type": "image/png"}, trust_env=False)
        assert storage.get(picture().key) == StoredObject(key=picture().key, body=b"png", mime="image/png")

    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
    def test_a_fork_opens_connections_of_its_own(self, storage: S3Storage) -> None:
        storage.put(picture("parent"))

        def child() -> bool:
            storage.put(picture("child"))
            return storage.get(picture("parent").key) == picture("parent")

        assert in_fork(child)
        assert storage.get(picture("child").key) == picture("child")


class TestAddress:
    @pytest.mark.parametrize(
        ("settings", "address"),
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
    def test_is_that_of_the_cdn_else_the_endpoint_else_aws(self, settings: dict[str, str], address: str) -> None:
        key = picture().key
        assert S3Storage(**settings).url(key) == address.replace("KEY", key)

    def test_is_never_one_of_this_service(self) -> None:
        assert not S3Storage("shots").url("").startswith("/")


@pytest.mark.usefixtures("without_pauses")
class TestTrouble:
    def test_a_server_that_is_gone_fails_honestly_and_works_again_when_back(self) -> None:
        with S3Server() as server:
            server.create_bucket("shots")
            storage = S3Storage("shots", endpoint_url=server.url, credentials=CREDENTIALS)
            storage.put(picture())
            server.stop()
            with logged() as logs:
                for attempt in everything(storage):
                    with pytest.raises(BackendUnavailable) as refusal:
                        attempt()
                    assert str(server.port) not in refusal.value.detail
            assert {(log["event"], log["code"]) for log in logs} == {("storage_failed", "EndpointConnectionError")}
            assert all(server.url in log["reason"] for log in logs)
            server.start()
            server.create_bucket("shots")
            storage.put(picture())
            assert storage.get(picture().key) == picture()
            storage.close()

    def test_a_bucket_that_does_not_exist_is_named_to_the_operator_only(self, server: S3Server) -> None:
        storage = S3Storage("nowhere", endpoint_url=server.url, credentials=CREDENTIALS)
        with logged() as logs:
            for attempt in (storage.check, functools.partial(storage.put, picture()), lambda: list(storage.keys())):
                with pytest.raises(BackendUnavailable) as refusal:
                    attempt()
                assert "nowhere" not in refusal.value.detail
        assert [(log["bucket"], log["code"]) for log in logs] == [
            ("nowhere", "404"),
            ("nowhere", "NoSuchBucket"),
            ("nowhere", "NoSuchBucket"),
        ]
        assert "made-up-secret" not in str(logs)
        storage.close()

    def test_missing_credentials_are_an_honest_failure(
        self, server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
        storage = S3Storage(bucket, endpoint_url=server.url)
        with logged() as logs, pytest.raises(BackendUnavailable):
            storage.put(picture())
        assert logs[0]["code"] == "NoCredentialsError"
        storage.close()


def everything(storage: S3Storage) -> list[object]:
    key, prefix = picture().key, prefix_of(picture())
    return [
        storage.check,
        functools.partial(storage.put, picture()),
        functools.partial(storage.get, key),
        functools.partial(storage.latest, prefix),
        functools.partial(storage.delete, key),
        lambda: list(storage.keys()),
    ]


@dataclass
class Bucket:
    """A bucket over HTTP that answers as it was told, and remembers what it was asked."""

    refuse: tuple[str, ...] = ()
    """Starts of requests that are forbidden."""
    failures: int = 0
    """How many requests are first answered with 503."""
    code: str = "AccessDenied"
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

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

    def answer(self, asked: str) -> tuple[int, bytes]:
        if self.failures:
            self.failures -= 1
            return 503, b"<Error><Code>SlowDown</Code></Error>"
        if asked.startswith(self.refuse):
            return 403, f"<Error><Code>{self.code}</Code></Error>".encode()
        return 200, b""

    def handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        bucket = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self) -> None:
                asked = f"{self.command} {self.path}"
                if self.headers.get("Expect"):
                    self.send_response_only(100)
                    self.end_headers()
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                bucket.asked.append((asked, {k.lower(): v for k, v in self.headers.items()}, body))
                status, text = bucket.answer(asked)
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.send_header("Connection", "close")
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(text)

            do_GET = do_HEAD = do_PUT  # noqa: N815 - named by the library

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def storage_in(bucket: Bucket) -> S3Storage:
    return S3Storage("shots", endpoint_url=bucket.url, credentials=CREDENTIALS)


@pytest.mark.usefixtures("without_pauses")
class TestWire:
    def test_an_upload_is_checked_on_arrival_in_a_way_every_bucket_knows(self) -> None:
        with Bucket() as bucket:
            storage_in(bucket).put(picture())
        (asked, headers, body), *more = bucket.asked
        assert asked.startswith("PUT /shots/thumbs/")
        assert more == []
        assert body == picture().body
        assert headers["content-md5"] == base64.b64encode(hashlib.md5(body).digest()).decode()
        assert not [name for name in headers if "trailer" in name or "checksum" in name]
        assert headers["cache-control"] == s3.CACHE_CONTROL

    def test_three_retries_ride_out_a_busy_bucket(self) -> None:
        with Bucket(failures=3) as bucket:
            storage_in(bucket).put(picture())
        assert len(bucket.asked) == 4

    def test_more_is_an_honest_failure(self) -> None:
        with Bucket(failures=9) as bucket, logged() as logs, pytest.raises(BackendUnavailable):
            storage_in(bucket).put(picture())
        assert len(bucket.asked) == 4
        assert logs[0]["code"] == "SlowDown"

    def test_credentials_that_may_only_upload_are_enough(self) -> None:
        with Bucket(refuse=("GET", "HEAD")) as bucket, logged() as logs:
            storage = storage_in(bucket)
            storage.check()
            assert storage.latest(prefix_of(picture())) is None
            storage.put(picture())
            assert storage.latest(prefix_of(picture())) is None
        assert [log["event"] for log in logs] == ["storage_list_denied"]

    def test_wrong_credentials_are_not(self) -> None:
        with Bucket(refuse=("GET", "HEAD", "PUT"), code="InvalidAccessKeyId") as bucket, logged() as logs:
            for attempt in everything(storage_in(bucket)):
                with pytest.raises(BackendUnavailable):
                    attempt()
        assert {log["code"] for log in logs} == {"InvalidAccessKeyId", "403"}
