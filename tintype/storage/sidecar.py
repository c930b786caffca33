"""The sidecar of a stored object: its metadata as JSON, in a file or an object beside it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Self

from tintype.model import STORED_PREFIX, MetadataState, StoredEntry, StoredFile, StoredObject

_MIME = re.compile(r"[a-z]+/[a-z0-9.+-]+")
SIDECAR_PREFIX = "sidecars/"
"""The beginning of the name of every sidecar in a bucket. Clients that read images need no access to it."""
MAX_SIDECAR = 64 << 10
"""Bytes of a sidecar that are read; a larger one is damaged. A target has at most 2048, the rest a few hundred."""


@dataclass(frozen=True, slots=True)
class Sidecar:
    """Media type, short texts about the image, and the captured URL; empty if that is unknown."""

    mime: str
    meta: dict[str, str] = field(default_factory=dict)
    target: str = ""

    @classmethod
    def of(cls, stored: StoredObject) -> Self:
        """The sidecar of an object."""
        return cls(stored.mime, stored.meta, stored.target)

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """From JSON; raises ValueError if it is damaged."""
        if len(content) > MAX_SIDECAR:
            raise ValueError("too large")
        try:
            data: dict[str, Any] = json.loads(content)
            meta = {str(name): str(value) for name, value in data["meta"].items()}
            sidecar = cls(str(data["mime"]), meta, str(data.get("target", "")))
        except (LookupError, AttributeError, TypeError, RecursionError) as error:
            raise ValueError("not a sidecar") from error
        if not _MIME.fullmatch(sidecar.mime):
            raise ValueError("not a media type")
        return sidecar

    def to_json(self) -> bytes:
        """The content of the file."""
        target = {"target": self.target} if self.target else {}
        return json.dumps({"mime": self.mime, **target, "meta": self.meta}, indent=1, ensure_ascii=False).encode()

    def describe(self, file: StoredFile) -> StoredEntry:
        """The entry of an object with this sidecar."""
        return StoredEntry(file=file, target=self.target, meta=self.meta)


def without_metadata(file: StoredFile, state: MetadataState) -> StoredEntry:
    """The entry of an object whose sidecar is missing or damaged."""
    return StoredEntry(file=file, metadata=state)


def sidecar_folder(key: str) -> str:
    """The beginning of the names of the sidecars of an object in a bucket."""
    return f"{SIDECAR_PREFIX}{key.removeprefix(STORED_PREFIX)}/"
