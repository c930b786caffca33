"""Storage in a bucket of S3 or a compatible service (R2, MinIO)."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import structlog
from botocore.exceptions import BotoCoreError, ClientError

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
    is_storage_key,
)
from tintype.storage.s3_client import create_client
from tintype.storage.s3_urls import base_url
from tintype.storage.sidecar import MAX_SIDECAR, SIDECAR_PREFIX, Sidecar, sidecar_folder, without_metadata

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import ObjectTypeDef

log = structlog.get_logger("tintype.storage")

CACHE_CONTROL = "public, max-age=31536000, immutable"
_STORED_AT = "stored-at"
PAGE = 1000
"""Objects listed by one request: the maximum of S3."""
BATCH = 1000
"""Objects in one bulk deletion: the maximum of S3."""
READERS = 8
"""Sidecars read concurrently by one call."""
USAGE_INTERVAL = 3600.0
"""Seconds for which a measurement of the usage is reused: it costs one request per 1000 objects."""
_DENIED = frozenset({"AccessDenied", "403"})
_NO_BULK_DELETE = frozenset({"NotImplemented", "MethodNotAllowed", "MissingContentMD5", "InvalidDigest"})
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
        self._put_sidecar(stored)
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

    def open(self, key: str) -> OpenObject | None:
        """The object as a file in memory; raises BackendUnavailable. S3 serves its objects itself."""
        return OpenObject.in_memory(found) if (found := self.get(key)) else None

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

    def scan(self, after: str = "", prefix: str = STORED_PREFIX) -> Iterator[StoredFile]:
        """Objects in the order of their keys, from the first one greater than ``after``; raises BackendUnavailable.

        One request per 1000 objects. Needs the permission to list.
        """
        with self._translating_errors("list"):
            for page in self._pages(prefix, after):
                for item in page.get("Contents", ()):
                    key = item["Key"].removeprefix(self._prefix)
                    if is_storage_key(key):
                        yield StoredFile(key=key, size=item["Size"], stored_at=item["LastModified"].timestamp())

    def describe(self, files: Sequence[StoredFile]) -> list[StoredEntry]:
        """Objects with their metadata, without deleted ones; raises BackendUnavailable. One request for each object."""
        if not files:
            return []
        sidecars = self._sidecars_of([file.key for file in files])
        with ThreadPoolExecutor(min(READERS, len(files)), thread_name_prefix="tintype-s3") as readers:
            entries = list(readers.map(lambda file: self._describe(file, sidecars[file.key]), files))
        return [entry for entry in entries if entry]

    def delete(self, keys: Sequence[str]) -> Deletion:
        """Delete objects with their sidecars, up to 1000 in one request; failures are logged.

        Keys that do not exist count as deleted, because S3 does not report them; invalid keys are ignored. Raises
        BackendUnavailable if a whole request fails.
        """
        valid = sorted({key for key in keys if is_storage_key(key)})
        results = [self._delete_batch(valid[start : start + BATCH]) for start in range(0, len(valid), BATCH)]
        return Deletion(
            deleted=tuple(key for one in results for key in one.deleted),
            failed=tuple(key for one in results for key in one.failed),
            old_versions_kept=any(one.old_versions_kept for one in results),
        )

    def usage(self) -> StorageUsage:
        """Number and bytes of all objects, without sidecars; raises BackendUnavailable. One request per 1000."""
        objects = size = 0
        for file in self.scan():
            objects += 1
            size += file.size
        return StorageUsage(objects=objects, size=size)

    @property
    def usage_interval(self) -> float:
        """Seconds for which a measurement is reused."""
        return USAGE_INTERVAL

    @property
    def identity(self) -> str:
        """The endpoint, the bucket and the prefix."""
        return f"{self._endpoint or self._region}/{self._bucket}/{self._prefix}"

    @property
    def name(self) -> str:
        """The bucket, for messages to the operator."""
        return f"bucket {self._bucket}" + (f", prefix {self._prefix}" if self._prefix else "")

    def url(self, key: str) -> str:
        """The permanent public URL: of ``public_url``, of the endpoint, or of the bucket at AWS."""
        base = self._public or base_url(self._bucket, self._region, self._endpoint)
        return f"{base}/{quote(self._object_key(key))}"

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
                self._client_with_pid = (os.getpid(), create_client(self._region, self._endpoint, self._credentials))
            return self._client_with_pid[1]

    def _object_key(self, key: str) -> str:
        return self._prefix + key

    def _pages(self, prefix: str, after: str = "", limit: int | None = None) -> Any:
        paginator = self._client.get_paginator("list_objects_v2")
        bounds: Any = {"MaxItems": limit, "PageSize": limit or PAGE}
        start: Any = {"StartAfter": self._object_key(after)} if after else {}
        return paginator.paginate(
            Bucket=self._bucket, Prefix=self._object_key(prefix), PaginationConfig=bounds, **start
        )

    def _list(self, prefix: str, limit: int | None = None) -> list[ObjectTypeDef]:
        """Objects whose key starts with a prefix; none without the permission to list, which is logged once."""
        with self._translating_errors("list"):
            try:
                return [item for page in self._pages(prefix, limit=limit) for item in page.get("Contents", ())]
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

    def _read(self, key: str, request: Callable[[str], Any], limit: int | None = None) -> StoredObject | None:
        with self._translating_errors("get"):
            try:
                response = request(self._object_key(key))
            except ClientError as error:
                if _error_code(error) in _ABSENT:
                    return None
                raise
            body = response["Body"].read(limit) if "Body" in response else b""
        meta = {name: unquote(value) for name, value in response.get("Metadata", {}).items()}
        return StoredObject(key=key, body=body, mime=response["ContentType"], meta=meta)

    def _put_sidecar(self, stored: StoredObject) -> None:
        """Store the target apart from the image, under a name that a reader of the image cannot guess.

        Metadata of the image itself is sent to every client that reads it. An image that is stored again keeps the
        sidecar that it has.
        """
        if not stored.target or self._list(sidecar_folder(stored.key), limit=1):
            return
        with self._translating_errors("put"):
            try:
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=self._object_key(f"{sidecar_folder(stored.key)}{secrets.token_hex(16)}.json"),
                    Body=(content := Sidecar.of(stored).to_json()),
                    ContentType="application/json",
                    ContentMD5=_content_md5(content),
                    CacheControl="private, no-store",
                )
            except ClientError as error:
                if _error_code(error) not in _DENIED:
                    raise
                log.warning("storage_sidecar_denied", bucket=self._bucket, effect="the target of objects is unknown")

    def _sidecars_of(self, keys: Sequence[str]) -> dict[str, list[str]]:
        """Names of the sidecars of some objects: a listing for each, or one from the first key to the last of many."""
        found: dict[str, list[str]] = {key: [] for key in keys}
        if len(keys) <= READERS:
            return {
                key: [item["Key"].removeprefix(self._prefix) for item in self._list(sidecar_folder(key))]
                for key in keys
            }
        first, last = sidecar_folder(min(found)), sidecar_folder(max(found))
        with self._translating_errors("list"):
            for page in self._pages(SIDECAR_PREFIX, after=first):
                names = [item["Key"].removeprefix(self._prefix) for item in page.get("Contents", ())]
                for name in names:
                    found.get(STORED_PREFIX + name.removeprefix(SIDECAR_PREFIX).partition("/")[0], []).append(name)
                if names and names[-1] > f"{last}~":
                    break
        return found

    def _describe(self, file: StoredFile, sidecars: Sequence[str]) -> StoredEntry | None:
        """An object with the metadata of its sidecar, or with that of the image if it was stored without a sidecar."""
        for name in sidecars:
            found = self._read(
                name, lambda name: self._client.get_object(Bucket=self._bucket, Key=name), MAX_SIDECAR + 1
            )
            try:
                if found:
                    return Sidecar.parse(found.body).describe(file)
            except ValueError:
                log.warning("stored_metadata_invalid", key=file.key, metadata=MetadataState.DAMAGED)
                return without_metadata(file, MetadataState.DAMAGED)
        image = self._head(file.key)
        if image is None:
            return None
        return (
            Sidecar.of(_without_stored_at(image)).describe(file)
            if image.meta
            else without_metadata(file, MetadataState.MISSING)
        )

    def _delete_batch(self, keys: Sequence[str]) -> Deletion:
        """Delete images before their sidecars, so that a visible image has one."""
        sidecars = self._sidecars_of(keys)
        names = [name for found in sidecars.values() for name in found]
        errors, kept = self._delete_objects(keys)
        for start in range(0, len(names), BATCH):
            self._delete_objects(names[start : start + BATCH])
        failed = tuple(key for key in keys if key in errors)
        return Deletion(deleted=tuple(key for key in keys if key not in errors), failed=failed, old_versions_kept=kept)

    def _delete_objects(self, names: Sequence[str]) -> tuple[set[str], bool]:
        """Delete up to 1000 objects: those that failed, and whether the bucket keeps old versions."""
        objects: Any = [{"Key": self._object_key(name)} for name in names]
        with self._translating_errors("delete"):
            try:
                response = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": objects})
            except ClientError as error:
                if _error_code(error) not in _NO_BULK_DELETE:
                    raise
                return self._delete_one_by_one(names)
        errors = response.get("Errors", ())
        for each in errors[:10]:
            log.error(
                "storage_failed", operation="delete", bucket=self._bucket, code=each.get("Code"), key=each.get("Key")
            )
        kept = any(each.get("DeleteMarker") for each in response.get("Deleted", ()))
        return {str(each.get("Key")).removeprefix(self._prefix) for each in errors}, kept

    def _delete_one_by_one(self, names: Sequence[str]) -> tuple[set[str], bool]:
        """For services without bulk deletion, such as the S3 interface of Google Cloud Storage."""
        with self._translating_errors("delete"):
            deleted = [self._client.delete_object(Bucket=self._bucket, Key=self._object_key(name)) for name in names]
        return set(), any(each.get("DeleteMarker") for each in deleted)

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
