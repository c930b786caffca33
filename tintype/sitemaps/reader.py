"""Sitemaps (sitemaps.org): URLs of a sitemap, of the sitemaps of an index, gzipped or not, within limits.

expat parses the XML. Document types are rejected, so there are neither external entities nor ones that expand.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from xml.parsers import expat

from tintype.network.outbound import FetchError

MAX_FILES = 200
"""Sitemaps that one index may lead to, itself included."""
MAX_BYTES = 50 << 20
"""Bytes of one sitemap, decompressed: the limit of the protocol."""
MAX_TOTAL_BYTES = 256 << 20
"""Bytes of all sitemaps, decompressed."""
MAX_INDEX_DEPTH = 2
"""Indexes within indexes, which the protocol forbids and some sites have."""
MAX_LOCATIONS = 100_000
"""Entries of one sitemap; the protocol permits 50,000."""
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


class SitemapError(Exception):
    """A sitemap cannot be used. The text is for the person who named it."""


class SitemapUnavailable(SitemapError):
    """A sitemap could not be downloaded."""


@dataclass(slots=True)
class SitemapReader:
    """Reads sitemaps, and the sitemaps that indexes name. ``failures`` are those that could not be read."""

    fetch: Fetch
    failures: list[str] = field(default_factory=list)
    _files: int = 0
    _bytes: int = 0
    _seen: set[str] = field(default_factory=set)

    def urls(self, source: str, body: bytes | None = None) -> Iterator[str]:
        """URLs of a sitemap, and of those that it names, as they are written; raises SitemapError for the first.

        ``body`` is the content of the first one, if it need not be downloaded.
        """
        yield from self._urls(source, 0, body)

    def _urls(self, source: str, depth: int, body: bytes | None = None) -> Iterator[str]:
        try:
            found = _parse(self._read(source, body))
        except (FetchError, SitemapError) as error:
            if depth == 0:
                kind = SitemapUnavailable if isinstance(error, FetchError) else SitemapError
                raise kind(f"{source}: {error}") from error
            self.failures.append(f"{source}: {error}")
            return
        for parent, location in found:
            if parent == "url":
                yield location
            elif location not in self._seen:
                self._seen.add(location)
                if depth >= MAX_INDEX_DEPTH:
                    self.failures.append(f"{location}: indexes are nested more than {MAX_INDEX_DEPTH} deep")
                elif self._files >= MAX_FILES:
                    self.failures.append(f"{location}: more than {MAX_FILES} sitemaps; pass them separately")
                    return
                else:
                    yield from self._urls(location, depth + 1)

    def _read(self, source: str, body: bytes | None) -> bytes:
        self._files += 1
        self._seen.add(source)
        text = _decompress(self.fetch(source) if body is None else body)
        self._bytes += len(text)
        if self._bytes > MAX_TOTAL_BYTES:
            raise SitemapError(f"the sitemaps are longer than {MAX_TOTAL_BYTES >> 20} MB together")
        return text


def sitemap_of(url: str) -> str:
    """The URL of the sitemap: for the start page of a site, ``/sitemap.xml`` there."""
    parts = urlsplit(url)
    return url if not _is_url(url) or parts.path.strip("/") or parts.query else f"{url.rstrip('/')}/sitemap.xml"


def _is_url(text: str) -> bool:
    return text.lower().startswith(("http://", "https://"))


def _decompress(body: bytes) -> bytes:
    """The content of a gzipped sitemap, at most MAX_BYTES; other bodies are returned as they are."""
    if not body.startswith(_GZIP):
        return body
    decoder = zlib.decompressobj(_GZIP_WBITS)
    try:
        text = decoder.decompress(body, MAX_BYTES + 1)
    except zlib.error as error:
        raise SitemapError("not valid gzip") from error
    if len(text) > MAX_BYTES:
        raise SitemapError(f"longer than {MAX_BYTES >> 20} MB after decompression")
    if not decoder.eof:
        raise SitemapError("the gzip file is truncated")
    return text


def _parse(text: bytes) -> list[tuple[str, str]]:
    """``url`` or ``sitemap``, and the location, of each entry; of plain text, each line is a URL."""
    if not (text.startswith(_UTF16_MARKS) or text.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")):
        return [*_lines(text)]
    collector = _Locations()
    parser = expat.ParserCreate(namespace_separator=_NAMESPACE_SEPARATOR)
    parser.StartDoctypeDeclHandler = _reject_doctype
    parser.StartElementHandler = collector.start
    parser.EndElementHandler = collector.end
    parser.CharacterDataHandler = collector.text
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise SitemapError(f"not valid XML: {error}") from error
    if collector.root not in {"urlset", "sitemapindex"}:
        raise SitemapError(f"not a sitemap: its root element is {collector.root[:40]}")
    return collector.found


def _lines(text: bytes) -> Iterator[tuple[str, str]]:
    """The lines of a plain text that are not empty; read one by one, because a text may consist of empty lines."""
    count = 0
    for line in io.BytesIO(text.removeprefix(b"\xef\xbb\xbf")):
        if location := line.strip()[: 4 * MAX_LOCATION].decode("utf-8", "replace")[: MAX_LOCATION + 1]:
            count += 1
            _check_count(count)
            yield "url", location


def _check_count(count: int) -> None:
    if count > MAX_LOCATIONS:
        raise SitemapError(f"has more than {MAX_LOCATIONS:,} entries; split it")


def _reject_doctype(*_: object) -> None:
    raise SitemapError("has a document type, which sitemaps do not need")


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
            raise SitemapError("elements are nested too deeply")
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
            _check_count(len(self.found) + 1)
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
