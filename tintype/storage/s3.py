"""Persisted pictures in a bucket: S3, R2, MinIO or whatever speaks the protocol. The only home of boto3."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
import structlog
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tintype.errors import BackendUnavailable
from tintype.model import Stored, is_storage_key

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

log = structlog.get_logger("tintype.storage")

IMMUTABLE = "public, max-age=31536000, immutable"
_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})


class S3Storage:
    """Three standard retries, timeouts, path-style addresses where an endpoint is given.

    ``public_url`` is the base of the lasting URLs, such as a CDN in front of the bucket. ``credentials`` are keyword
    arguments of a boto3 session; without them its usual chain applies (environment, profile, instance role).
    """

    def __init__(
        self,
        bucket: str,
        region: str = "",
        endpoint_url: str = "",
        public_url: str = "",
        prefix: str = "",
        credentials: dict[str, str] | None = None,
    ) -> None:
        self._bucket = bucket
        self._region = region
        self._endpoint = endpoint_url.rstrip("/")
        self._public = public_url.rstrip("/")
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._credentials = credentials or {}
        self._opening = threading.Lock()
        self._opened: tuple[int, S3Client] | None = None

    def put(self, stored: Stored) -> None:
        """Upload; an object is there whole or not at all."""
        with self._translated("put"):
            self._client.put_object(
                Bucket=self._bucket,
                Key=self._name(stored.key),
                Body=stored.body,
                ContentType=stored.mime,
                CacheControl=IMMUTABLE,
                Metadata=stored.meta,
            )

    def get(self, key: str) -> Stored | None:
        """The object with its description."""
        if not is_storage_key(key):
            return None
        return self._read(key, lambda name: self._client.get_object(Bucket=self._bucket, Key=name))

    def newest(self, prefix: str) -> Stored | None:
        """The latest object whose key starts with a prefix, without its body."""
        with self._translated("list"):
            listed = [item for page in self._pages(prefix) for item in page.get("Contents", ())]
        if not listed:
            return None
        latest = max(listed, key=lambda item: item["LastModified"])
        key = latest["Key"].removeprefix(self._prefix)
        return self._read(key, lambda name: self._client.head_object(Bucket=self._bucket, Key=name))

    def keys(self) -> Iterator[str]:
        """Every key."""
        with self._translated("list"):
            for page in self._pages("thumbs/"):
                names = (item["Key"].removeprefix(self._prefix) for item in page.get("Contents", ()))
                yield from (name for name in names if is_storage_key(name))

    def delete(self, key: str) -> bool:
        """Whether there was something to delete."""
        if not is_storage_key(key) or self.newest(key) is None:
            return False
        with self._translated("delete"):
            self._client.delete_object(Bucket=self._bucket, Key=self._name(key))
        return True

    def url(self, key: str) -> str:
        """The lasting public address: of the CDN, of the endpoint, or of the bucket at AWS."""
        if self._public:
            return f"{self._public}/{self._name(key)}"
        if self._endpoint:
            return f"{self._endpoint}/{self._bucket}/{self._name(key)}"
        where = f"s3.{self._region}" if self._region else "s3"
        return f"https://{self._bucket}.{where}.amazonaws.com/{self._name(key)}"

    def check(self) -> None:
        """Raise BackendUnavailable unless the bucket answers us."""
        with self._translated("check"):
            self._client.head_bucket(Bucket=self._bucket)

    @property
    def _client(self) -> S3Client:
        """Made when first needed, and anew after a fork: a client's connections must not be shared."""
        with self._opening:
            if self._opened is None or self._opened[0] != os.getpid():
                self._opened = (os.getpid(), self._open())
            return self._opened[1]

    def _open(self) -> S3Client:
        compatible: dict[str, Any] = {}
        if self._endpoint:
            # R2 and older MinIO refuse the checksum trailers that newer boto3 sends to AWS
            compatible = {
                "s3": {"addressing_style": "path"},
                "request_checksum_calculation": "when_required",
                "response_checksum_validation": "when_required",
            }
        config = Config(
            connect_timeout=5, read_timeout=30, retries={"mode": "standard", "max_attempts": 4}, **compatible
        )
        session = boto3.session.Session(**self._credentials)  # type: ignore[arg-type]
        return session.client(
            "s3", region_name=self._region or None, endpoint_url=self._endpoint or None, config=config
        )

    def _name(self, key: str) -> str:
        return self._prefix + key

    def _pages(self, prefix: str) -> Any:
        paginator = self._client.get_paginator("list_objects_v2")
        return paginator.paginate(Bucket=self._bucket, Prefix=self._name(prefix))

    def _read(self, key: str, ask: Callable[[str], Any]) -> Stored | None:
        with self._translated("get"):
            try:
                answer = ask(self._name(key))
            except ClientError as error:
                if _code(error) in _ABSENT:
                    return None
                raise
            body = answer["Body"].read() if "Body" in answer else b""
        return Stored(key=key, body=body, mime=answer["ContentType"], meta=answer.get("Metadata", {}))

    @contextmanager
    def _translated(self, operation: str) -> Iterator[None]:
        """What boto3 raises does not leave this file; the operator reads the reason, the caller does not."""
        try:
            yield
        except (ClientError, BotoCoreError, OSError) as error:
            reason = _code(error) if isinstance(error, ClientError) else str(error)
            log.error("storage_failed", operation=operation, bucket=self._bucket, reason=reason)
            raise BackendUnavailable("the picture storage does not work right now", retry_after=30) from error


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "unknown"))
