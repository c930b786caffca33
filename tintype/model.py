"""The frozen nouns that travel between the parts of the service."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

_EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/avif": "avif",
    "application/pdf": "pdf",
    "application/json": "json",
}
_MIMES = {extension: mime for mime, extension in _EXTENSIONS.items()}


class CacheAge(StrEnum):
    """How a remembered picture stands against the freshness asked for."""

    FRESH = "fresh"
    STALE = "stale"
    EXPIRED = "expired"


class CacheState(StrEnum):
    """Where an answer came from: the values of ``X-Cache``."""

    HIT = "HIT"
    STALE = "STALE"
    DERIVED = "DERIVED"
    MISS = "MISS"
    COALESCED = "COALESCED"
    PLACEHOLDER = "PLACEHOLDER"
    """Not the picture yet: it is being taken."""


class Verdict(StrEnum):
    """What a picture shows: the values of ``X-Verdict``."""

    OK = "ok"
    """The page."""
    BLANK = "blank"
    """Nothing: one colour, or next to nothing drawn on it."""
    ERROR = "error"
    """An error page: HTTP 4xx or 5xx, or one that says so."""
    CHALLENGE = "challenge"
    """A wall that asks visitors to prove that they are human, or turns them away as robots."""
    LOGIN = "login"
    """A form that asks who one is, in the place of the page."""
    PARKED = "parked"
    """What a registrar or a trader in domains shows where there is no site."""
    CONSENT = "consent"
    """A consent dialog that fills the picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How old an answer may be. Never part of a key. All durations in seconds."""

    max_age: float
    stale_for: float = 0
    forced: bool = False
    """Capture anew whatever is remembered."""

    def age_of(self, taken_at: float, now: float) -> CacheAge:
        """FRESH up to ``max_age``, STALE for ``stale_for`` after it, then GONE."""
        age = now - taken_at
        if age < self.max_age:
            return CacheAge.FRESH
        return CacheAge.STALE if age < self.max_age + self.stale_for else CacheAge.EXPIRED

    @property
    def retention(self) -> float:
        """How long a picture taken now is worth remembering."""
        return self.max_age + self.stale_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """What an engine hands back: the lossless master picture and what was seen on the way."""

    body: bytes = field(repr=False)
    """The picture, normally PNG; anything libvips reads. Or a PDF, where that was asked for."""
    width: int
    height: int
    taken_at: float
    """Seconds since the epoch."""
    final_url: str = ""
    status: int = 0
    """HTTP status of the main document; 0 when the engine does not say."""
    title: str = ""
    partial: bool = False
    """Taken at the soft deadline, before the page was done."""
    truncated: bool = False
    """A full page cut at the height limit."""
    features_unavailable: bool = False
    """The page was too busy to report its features, so the verdict comes from status and pixels alone."""
    timings: dict[str, float] = field(default_factory=dict)
    """Milliseconds per step, for Server-Timing and logs."""
    features: dict[str, Any] = field(default_factory=dict, repr=False)
    """The page's bounded account of itself, from which the verdict is made; empty when the engine gives none."""
    verdict: Verdict = Verdict.OK
    meta: dict[str, Any] = field(default_factory=dict, repr=False)
    """What the page says of itself, bounded; empty when the engine does not ask."""

    @property
    def is_image(self) -> bool:
        """Whether there is anything to look at; a PDF is delivered as it is."""
        return not self.body.startswith(b"%PDF-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnail:
    """The finished picture: what is stored is what is served."""

    body: bytes = field(repr=False)
    mime: str
    width: int
    height: int
    taken_at: float
    digest: str
    """SHA-256 of the body, 64 hex digits."""
    status: int = 0
    final_url: str = ""
    partial: bool = False
    truncated: bool = False
    features_unavailable: bool = False
    verdict: Verdict = Verdict.OK

    @property
    def etag(self) -> str:
        """A strong validator (RFC 9110, 8.8.3): it changes exactly when the bytes do."""
        return f'"{self.digest[:32]}"'

    @property
    def extension(self) -> str:
        """File name extension of the format, without the dot."""
        return _EXTENSIONS[self.mime]


def digest_of(body: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(body).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ThumbnailResult:
    """What the service answers: a picture, where it came from and how fresh it had to be."""

    thumbnail: Thumbnail
    cache: CacheState
    freshness: Freshness
    timings: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """A persisted picture. ``meta`` is small text about it (width, height, request digest ...)."""

    key: str
    body: bytes = field(repr=False)
    mime: str
    meta: dict[str, str] = field(default_factory=dict)


_STORAGE_KEY = re.compile(r"thumbs/[0-9a-f]{64}-[0-9a-f]{64}\.(png|jpg|webp|avif|pdf|json)")


def storage_key(request_digest: str, thumbnail: Thumbnail) -> str:
    """``thumbs/<request digest>-<content digest>.<ext>``: it names its content, so it is immutable."""
    return f"thumbs/{request_digest}-{thumbnail.digest}.{thumbnail.extension}"


def is_storage_key(text: str) -> bool:
    """Whether a text could be a key of ours; nothing else ever reaches a file name."""
    return _STORAGE_KEY.fullmatch(text) is not None


def mime_of(key: str) -> str:
    """The media type that a storage key's extension means."""
    return _MIMES[key.rpartition(".")[2]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersistResult:
    """The answer to a persist request."""

    url: str
    key: str
    cached: bool
    content_type: str
    width: int
    height: int
    bytes: int
    verdict: Verdict = Verdict.OK
