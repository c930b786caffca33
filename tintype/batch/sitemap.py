"""Sitemaps (sitemaps.org): URLs of a sitemap, of the sitemaps of an index, gzipped or not, within limits.

expat parses the XML. Document types are rejected, so there are neither external entities nor ones that expand.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from xml.parsers import expat

from tintype.batch.url_list import Entry, ListError
from tintype.network.outbound import FetchError

MAX_FILES = 200
"""Sitemaps that one index may lead to, itself included."""
MAX_BYTES = 50 << 20
"""Bytes of one sitemap, decompressed: the limit of the protocol."""
MAX_TOTAL_BYTES = 256 << 20
"""Bytes of all sitemaps, decompressed."""
MAX_INDEX_DEPTH = 2
"""Indexes within indexes, which the protocol forbids and some sites have."""
MAX_LOCATION = 4096
"""Characters of one URL."""
_MAX_ELEMENT_DEPTH = 16
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
"""Byte order marks of XML in UTF-16, which expat reads."""
_GZIP = b"\x1f\x8b"
_GZIP_WBITS = 31
_NAMESPACE_SEPARATOR = " "
_PARENTS = ("url", "sitemap")

Fetch = Callable[[str], bytes]
"""Downloads a URL; raises FetchError."""


class SitemapUnavailable(Exception):
    """A sitemap could not be downloaded. The text is for the operator."""


@dataclass(slots=True)
class SitemapReader:
    """Reads sitemaps, and the sitemaps that indexes name. ``failures`` are those that could not be read."""

    fetch: Fetch
    failures: list[str] = field(default_factory=list)
    _files: int = 0
    _bytes: int = 0
    _seen: set[str] = field(default_factory=set)

    def entries(self, source: str) -> Iterator[Entry]:
        """Numbered entries of a sitemap at a URL or a path; raises SitemapUnavailable or ListError."""
        for number, url in enumerate(self._urls(source, 0), 1):
            yield Entry(number, url)

    def _urls(self, source: str, depth: int) -> Iterator[str]:
        try:
            found = _parse(self._read(source))
        except (FetchError, OSError, ListError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            if depth == 0:
                kind = SitemapUnavailable if isinstance(error, FetchError) else ListError
                raise kind(f"{source}: {reason}") from error
            self.failures.append(f"{source}: {reason}")
            return
        for parent, location in found:
            if parent == "url":
                yield location
            elif location not in self._seen:
                self._seen.add(location)
                if depth >= MAX_INDEX_DEPTH:
                    self.failures.append(f"{location}: indexes are nested more than {MAX_INDEX_DEPTH} deep")
                else:
                    yield from self._urls(location, depth + 1)

    def _read(self, source: str) -> bytes:
        if self._files >= MAX_FILES:
            raise ListError(f"more than {MAX_FILES} sitemaps; pass them separately")
        self._files += 1
        self._seen.add(source)
        # only the operator names files: a downloaded index must not
        body = self.fetch(source) if self._files > 1 or _is_url(source) else _read_file(Path(source))
        text = _decompress(body)
        self._bytes += len(text)
        if self._bytes > MAX_TOTAL_BYTES:
            raise ListError(f"the sitemaps are longer than {MAX_TOTAL_BYTES >> 20} MB together")
        return text


def sitemap_of(url: str) -> str:
    """The URL of the sitemap: for the start page of a site, ``/sitemap.xml`` there."""
    parts = urlsplit(url)
    return url if not _is_url(url) or parts.path.strip("/") or parts.query else f"{url.rstrip('/')}/sitemap.xml"


def _is_url(text: str) -> bool:
    return text.lower().startswith(("http://", "https://"))


def _read_file(path: Path) -> bytes:
    with path.open("rb") as file:
        body = file.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise ListError(f"longer than {MAX_BYTES >> 20} MB")
    return body


def _decompress(body: bytes) -> bytes:
    """The content of a gzipped sitemap, at most MAX_BYTES; other bodies are returned as they are."""
    if not body.startswith(_GZIP):
        return body
    decoder = zlib.decompressobj(_GZIP_WBITS)
    try:
        text = decoder.decompress(body, MAX_BYTES + 1)
    except zlib.error as error:
        raise ListError("not valid gzip") from error
    if len(text) > MAX_BYTES:
        raise ListError(f"longer than {MAX_BYTES >> 20} MB after decompression")
    if not decoder.eof:
        raise ListError("the gzip file is truncated")
    return text


def _parse(text: bytes) -> list[tuple[str, str]]:
    """``url`` or ``sitemap``, and the location, of each entry; of plain text, each line is a URL."""
    if not (text.startswith(_UTF16_MARKS) or text.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")):
        lines = text.decode("utf-8-sig", "replace").splitlines()
        return [("url", line.strip()) for line in lines if line.strip()]
    collector = _Locations()
    parser = expat.ParserCreate(namespace_separator=_NAMESPACE_SEPARATOR)
    parser.StartDoctypeDeclHandler = _reject_doctype
    parser.StartElementHandler = collector.start
    parser.EndElementHandler = collector.end
    parser.CharacterDataHandler = collector.text
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise ListError(f"not valid XML: {error}") from error
    if collector.root not in {"urlset", "sitemapindex"}:
        raise ListError(f"not a sitemap: its root element is {collector.root[:40]}")
    return collector.found


def _reject_doctype(*_: object) -> None:
    raise ListError("has a document type, which sitemaps do not need")


@dataclass(slots=True)
class _Locations:
    """Collects the text of ``loc`` below ``url`` and ``sitemap``, but not that of images and videos."""

    root: str = ""
    found: list[tuple[str, str]] = field(default_factory=list)
    _path: list[str] = field(default_factory=list)
    _text: list[str] = field(default_factory=list)
    _length: int = 0

    def start(self, name: str, _: object) -> None:
        """Begin an element."""
        if len(self._path) >= _MAX_ELEMENT_DEPTH:
            raise ListError("elements are nested too deeply")
        self.root = self.root or _local(name)
        self._path.append(name)
        self._text, self._length = [], 0

    def text(self, part: str) -> None:
        """Collect text up to the limit of a URL; a longer one is invalid."""
        if self._length <= MAX_LOCATION and self._is_location():
            self._text.append(part)
            self._length += len(part)

    def end(self, _: str) -> None:
        """End an element, and keep its text if it is a location."""
        if self._is_location():
            self.found.append((_local(self._path[-2]), "".join(self._text).strip()[: MAX_LOCATION + 1]))
        self._path.pop()

    def _is_location(self) -> bool:
        if len(self._path) != 3:  # noqa: PLR2004 - urlset, url, loc
            return False
        _, parent, name = self._path
        return _local(name) == "loc" and _local(parent) in _PARENTS and _namespace(name) == _namespace(parent)


def _local(name: str) -> str:
    return name.rpartition(_NAMESPACE_SEPARATOR)[2]


def _namespace(name: str) -> str:
    return name.rpartition(_NAMESPACE_SEPARATOR)[0]
