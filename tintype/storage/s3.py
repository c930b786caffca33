"""Storage in a bucket of S3 or a compatible service (R2, MinIO). The only module that imports boto3."""

from __future__ import annotations

import base64
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import boto3
import structlog
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tintype.errors import BackendUnavailable
from tintype.model import StoredObject, is_storage_key

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import ObjectTypeDef

log = structlog.get_logger("tintype.storage")

CACHE_CONTROL = "public, max-age=31536000, immutable"
_STORED_AT = "stored-at"
_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})
_UNQUOTED = " !#$&'()*+,/:;=?@[]"
"""Characters that metadata keeps unquoted. Metadata is sent in headers, so the rest is percent-encoded."""


class S3Storage:
    """Objects in a bucket; thread-safe. Makes up to three retries; with ``endpoint_url``, URLs are in path style.

    ``public_url`` is the base of the permanent URLs, such as a CDN in front of the bucket. ``credentials`` are keyword
    arguments of a boto3 session; without them, boto3 searches the environment, profiles and the instance role.
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
        self._lock = threading.Lock()
        self._client_with_pid: tuple[int, S3Client] | None = None
        self._cannot_list = False

    def put(self, stored: StoredObject) -> None:
        """Upload, atomically; raises BackendUnavailable, and ValueError for an invalid key."""
        if not is_storage_key(stored.key):
            raise ValueError(f"not a storage key: {stored.key!r}")
        meta = {**stored.meta, _STORED_AT: f"{time.time():.6f}"}
        with self._translating_errors("put"):
            self._client.put_object(
                Bucket=self._bucket,
                Key=self._object_key(stored.key),
                Body=stored.body,
                ContentType=stored.mime,
                ContentMD5=_content_md5(stored.body),
                CacheControl=CACHE_CONTROL,
                Metadata={name: quote(value, safe=_UNQUOTED) for name, value in meta.items()},
            )

    def get(self, key: str) -> StoredObject | None:
        """The object with its body; raises BackendUnavailable."""
        if not is_storage_key(key):
            return None
        found = self._read(key, lambda name: self._client.get_object(Bucket=self._bucket, Key=name))
        return _without_stored_at(found) if found else None

    def latest(self, prefix: str) -> StoredObject | None:
        """The object stored last whose key starts with ``prefix``, without its body; raises BackendUnavailable.

        None if the credentials do not permit listing; then each capture is stored again.
        """
        listed = self._list(prefix)
        last_modified = max((item["LastModified"] for item in listed), default=None)
        # LastModified has a resolution of one second, so several objects may have the same
        found = [
            self._head(item["Key"].removeprefix(self._prefix))
            for item in listed
            if item["LastModified"] == last_modified
        ]
        latest = max(filter(None, found), key=lambda stored: stored.meta.get(_STORED_AT, ""), default=None)
        return _without_stored_at(latest) if latest else None

    def keys(self) -> Iterator[str]:
        """Every key, in no order; raises BackendUnavailable. For listing stored objects, which has no command yet."""
        with self._translating_errors("list"):
            for page in self._pages("thumbs/"):
                names = (item["Key"].removeprefix(self._prefix) for item in page.get("Contents", ()))
                yield from (name for name in names if is_storage_key(name))

    def delete(self, key: str) -> bool:
        """Delete an object; returns whether it existed. Raises BackendUnavailable."""
        if not is_storage_key(key) or self._head(key) is None:
            return False
        with self._translating_errors("delete"):
            self._client.delete_object(Bucket=self._bucket, Key=self._object_key(key))
        return True

    def url(self, key: str) -> str:
        """The permanent public URL: of ``public_url``, of the endpoint, or of the bucket at AWS."""
        name = quote(self._object_key(key))
        if self._public:
            return f"{self._public}/{name}"
        if self._endpoint:
            return f"{self._endpoint}/{self._bucket}/{name}"
        host = f"s3.{self._region}.amazonaws.com" if self._region else "s3.amazonaws.com"
        if self._region.startswith("cn-"):
            host += ".cn"
        # the wildcard certificate of AWS does not match bucket names that contain a dot
        return (
            f"https://{host}/{self._bucket}/{name}" if "." in self._bucket else f"https://{self._bucket}.{host}/{name}"
        )

    def check(self) -> None:
        """Raise BackendUnavailable unless the bucket exists and the credentials are valid."""
        with self._translating_errors("check"):
            try:
                self._client.head_bucket(Bucket=self._bucket)
            except ClientError as error:
                if _error_code(error) != "403":
                    raise
                # HEAD returns 403 for wrong credentials and for a missing permission alike; listing distinguishes them
                self._list("", limit=1)

    def close(self) -> None:
        """Close connections; the next call opens new ones."""
        with self._lock:
            opened, self._client_with_pid = self._client_with_pid, None
        if opened and opened[0] == os.getpid():
            opened[1].close()

    @property
    def _client(self) -> S3Client:
        """The client of this process, created on first use; processes must not share connections."""
        with self._lock:
            if self._client_with_pid is None or self._client_with_pid[0] != os.getpid():
                self._client_with_pid = (os.getpid(), self._create_client())
            return self._client_with_pid[1]

    def _create_client(self) -> S3Client:
        compatible: dict[str, Any] = {}
        if self._endpoint:
            # R2 and older MinIO reject the checksum trailers that boto3 sends since 1.36
            compatible = {
                "s3": {"addressing_style": "path"},
                "request_checksum_calculation": "when_required",
                "response_checksum_validation": "when_required",
            }
        retries: Any = {"mode": "standard", "total_max_attempts": 4}
        config = Config(connect_timeout=5, read_timeout=30, max_pool_connections=32, retries=retries, **compatible)
        session = boto3.session.Session(**self._credentials)  # type: ignore[arg-type]
        return session.client(
            "s3", region_name=self._region or None, endpoint_url=self._endpoint or None, config=config
        )

    def _object_key(self, key: str) -> str:
        return self._prefix + key

    def _pages(self, prefix: str, limit: int | None = None) -> Any:
        paginator = self._client.get_paginator("list_objects_v2")
        bounds: Any = {"MaxItems": limit, "PageSize": limit}
        return paginator.paginate(Bucket=self._bucket, Prefix=self._object_key(prefix), PaginationConfig=bounds)

    def _list(self, prefix: str, limit: int | None = None) -> list[ObjectTypeDef]:
        """Objects whose key starts with a prefix; none without the permission to list, which is logged once."""
        with self._translating_errors("list"):
            try:
                return [item for page in self._pages(prefix, limit) for item in page.get("Contents", ())]
            except ClientError as error:
                if _error_code(error) != "AccessDenied":
                    raise
        if not self._cannot_list:
            log.warning(
                "storage_list_denied", bucket=self._bucket, effect="captures that are already stored are stored again"
            )
        self._cannot_list = True
        return []

    def _head(self, key: str) -> StoredObject | None:
        return self._read(key, lambda name: self._client.head_object(Bucket=self._bucket, Key=name))

    def _read(self, key: str, request: Callable[[str], Any]) -> StoredObject | None:
        with self._translating_errors("get"):
            try:
                response = request(self._object_key(key))
            except ClientError as error:
                if _error_code(error) in _ABSENT:
                    return None
                raise
            body = response["Body"].read() if "Body" in response else b""
        meta = {name: unquote(value) for name, value in response.get("Metadata", {}).items()}
        return StoredObject(key=key, body=body, mime=response["ContentType"], meta=meta)

    @contextmanager
    def _translating_errors(self, operation: str) -> Iterator[None]:
        """Log the reason and raise BackendUnavailable, whose text contains neither bucket nor endpoint."""
        try:
            yield
        except (ClientError, BotoCoreError, OSError) as error:
            code = _error_code(error) if isinstance(error, ClientError) else type(error).__name__
            log.error("storage_failed", operation=operation, bucket=self._bucket, code=code, reason=str(error))
            raise BackendUnavailable("the storage is unavailable now; retry later", retry_after=30) from error


def _error_code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def _content_md5(body: bytes) -> str:
    """Content-MD5 (RFC 1864), the integrity check that all compatible services support."""
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def _without_stored_at(stored: StoredObject) -> StoredObject:
    return replace(stored, meta={name: value for name, value in stored.meta.items() if name != _STORED_AT})
