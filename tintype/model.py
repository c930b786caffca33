"""Frozen values that the packages exchange: captures, thumbnails, freshness, cache states, verdicts."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from enum import StrEnum
from io import BytesIO
from typing import IO, Any, Self

STORED_PREFIX = "thumbs/"
"""The beginning of every storage key."""
_EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/avif": "avif",
    "application/pdf": "pdf",
    "application/json": "json",
}


CLOCK_TOLERANCE = 10.0
"""Seconds that the clocks of nodes may differ before a capture counts as taken in the future, and is not used."""


class CacheAge(StrEnum):
    """Age of a cached image by the freshness of a request."""

    FRESH = "fresh"
    STALE = "stale"
    EXPIRED = "expired"


class CacheState(StrEnum):
    """Origin of a thumbnail: the values of ``X-Cache``."""

    HIT = "HIT"
    STALE = "STALE"
    DERIVED = "DERIVED"
    MISS = "MISS"
    COALESCED = "COALESCED"
    PLACEHOLDER = "PLACEHOLDER"
    """A placeholder image: the capture runs in the background."""


class Truncation(StrEnum):
    """The limit at which an image was cut: the parameter ``limit`` of ``X-Capture: truncated``."""

    NONE = ""
    """The image is whole."""
    HEIGHT = "height"
    """``TINTYPE_MAX_PAGE_HEIGHT``."""
    PIXELS = "pixels"
    """The pixels of one capture."""
    WIDTH = "width"
    """The longest side that Chromium draws."""
    SCROLLER = "scroller"
    """The box in which an element scrolls."""
    SCREENS = "screens"
    """The screens or the time of a walk through a list that keeps only its visible rows."""
    FORMAT = "format"
    """The longest side of WebP, AVIF or JPEG."""
    ENGINE = "engine"
    """A limit of a hosted engine."""


class Verdict(StrEnum):
    """The class of a captured page: the values of ``X-Verdict``."""

    OK = "ok"
    """The page."""
    BLANK = "blank"
    """One colour, or almost nothing drawn."""
    ERROR = "error"
    """An error page: HTTP status 4xx or 5xx, or the text of one."""
    CHALLENGE = "challenge"
    """A bot challenge (CAPTCHA), or a page that blocks automated browsers."""
    LOGIN = "login"
    """A login form instead of the page."""
    PARKED = "parked"
    """The placeholder page of a registrar or domain trader."""
    CONSENT = "consent"
    """A consent dialog that covers the capture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """Maximum age of a thumbnail. Never part of a cache key. All durations are in seconds."""

    max_age: float
    stale_for: float = 0
    forced: bool = False
    """Capture again, whatever is cached."""
    explicit: bool = False
    """The client set ``max_age``; stored objects, which do not expire otherwise, must not be older either."""
    kept_for: float = 0
    """Seconds for which other requests may use the capture, whatever this one accepts."""

    def age_of(self, taken_at: float, now: float) -> CacheAge:
        """FRESH up to ``max_age``, STALE for ``stale_for`` after it, then EXPIRED.

        A time in the future, from a clock that was ahead, is FRESH within CLOCK_TOLERANCE and EXPIRED beyond.
        """
        age = now - taken_at
        if age < -CLOCK_TOLERANCE:
            return CacheAge.EXPIRED
        if age < self.max_age:
            return CacheAge.FRESH
        return CacheAge.STALE if age < self.max_age + self.stale_for else CacheAge.EXPIRED

    @property
    def retention(self) -> float:
        """Seconds for which a new capture is useful in the cache."""
        return max(self.max_age + self.stale_for, self.kept_for)


HOSTED = "hosted"
"""Name of the timing of a hosted API, in ``Capture.timings``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """Result of an engine: the lossless master and the data of the page that the engine read."""

    body: bytes = field(repr=False)
    """The image, normally PNG, in any format that libvips reads; or a PDF if one was requested."""
    width: int
    height: int
    taken_at: float
    """Seconds since the epoch."""
    final_url: str = ""
    status: int = 0
    """HTTP status of the main document; 0 if the engine does not report it."""
    title: str = ""
    partial: bool = False
    """Captured at the soft deadline, before the page was stable."""
    truncated: Truncation = Truncation.NONE
    """The limit at which the image was cut; empty if it is whole."""
    features_unavailable: bool = False
    """The page was too busy to report its features, so the verdict comes from status and pixels alone."""
    timings: dict[str, float] = field(default_factory=dict)
    """Milliseconds of each step, for Server-Timing and logs."""
    features: dict[str, Any] = field(default_factory=dict, repr=False)
    """Page features for the classifier, bounded in size; empty if the engine reports none."""
    verdict: Verdict = Verdict.OK
    meta: dict[str, Any] = field(default_factory=dict, repr=False)
    """Metadata of the page (title, description, icons …), bounded in size; empty if the engine reports none."""
    begun_at: float = 0.0
    """Seconds since the epoch by the clock of the cache, when the capture began; set by the pipeline."""
    begun_after: float = 0.0
    """Seconds from the call of the engine until this capture began; negative if it was running before the call."""

    @property
    def is_hosted(self) -> bool:
        """Whether a hosted API made this capture, which may charge for each one."""
        return HOSTED in self.timings

    @property
    def is_image(self) -> bool:
        """Whether the body is an image; a PDF is delivered unchanged."""
        return not self.body.startswith(b"%PDF-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnail:
    """The rendered image (or document) as it is cached, stored and served."""

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
    truncated: Truncation = Truncation.NONE
    features_unavailable: bool = False
    verdict: Verdict = Verdict.OK
    begun_at: float = 0.0
    """When its capture began, by the clock of the cache; see :class:`Capture`."""

    @property
    def etag(self) -> str:
        """A strong validator (RFC 9110, 8.8.3): it changes if and only if the bytes change."""
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
    """A thumbnail with its origin, the freshness that applies to it, and timings in milliseconds."""

    thumbnail: Thumbnail
    cache: CacheState
    freshness: Freshness
    timings: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """A stored thumbnail. ``meta`` is short text about it (width, height, verdict …)."""

    key: str
    body: bytes = field(repr=False)
    mime: str
    meta: dict[str, str] = field(default_factory=dict)
    target: str = field(default="", compare=False, repr=False)
    """The captured URL. The storage keeps it where clients cannot read it; ``get`` and ``latest`` do not return it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A listed object that was not read: key, size in bytes, time in seconds since the epoch."""

    key: str
    size: int
    stored_at: float

    @property
    def mime(self) -> str:
        """The media type, by the extension of the key."""
        return _MIMES[self.key.rpartition(".")[2]]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenObject:
    """A stored object as an open file, which its user closes; ``stored_at`` is in seconds since the epoch."""

    key: str
    file: IO[bytes] = field(repr=False)
    size: int
    mime: str
    stored_at: float = 0.0

    @classmethod
    def in_memory(cls, stored: StoredObject) -> Self:
        """An object that was read completely."""
        return cls(key=stored.key, file=BytesIO(stored.body), size=len(stored.body), mime=stored.mime)


class MetadataState(StrEnum):
    """Whether the metadata of a stored object can be read."""

    OK = "ok"
    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """A stored object with its metadata, for operators."""

    file: StoredFile
    target: str = ""
    """The captured URL; empty if it is unknown."""
    meta: dict[str, str] = field(default_factory=dict)
    metadata: MetadataState = MetadataState.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageUsage:
    """The content of a storage: number of objects, and bytes of their bodies."""

    objects: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """Result of deleting objects: the keys that are gone, and those that the storage did not delete."""

    deleted: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    old_versions_kept: bool = False
    """The bucket keeps versions: the objects are hidden, and their bytes stay until a lifecycle rule removes them."""


_MIMES = {extension: mime for mime, extension in _EXTENSIONS.items()}
_STORAGE_KEY = re.compile(r"thumbs/[0-9a-f]{64}-[0-9a-f]{64}\.(png|jpg|webp|avif|pdf|json)")


def storage_key(address: str, thumbnail: Thumbnail) -> str:
    """``thumbs/<address>-<content digest>.<ext>``: immutable, because it contains the content digest.

    ``address`` is 64 hex digits that identify the request, from ``service.stored_address``.
    """
    return f"thumbs/{address}-{thumbnail.digest}.{thumbnail.extension}"


def has_content(key: str, body: bytes) -> bool:
    """Whether a storage key contains the digest of a body."""
    return has_digest(key, digest_of(body))


def has_digest(key: str, digest: str) -> bool:
    """Whether a storage key contains a digest."""
    return key.partition("-")[2].startswith(f"{digest}.")


def is_storage_key(text: str) -> bool:
    """Whether a text has the form of a storage key; only such a text is used as a file name."""
    return _STORAGE_KEY.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersistResult:
    """Result of storing a thumbnail permanently."""

    url: str
    key: str
    cached: bool
    content_type: str
    width: int
    height: int
    bytes: int
    verdict: Verdict = Verdict.OK
