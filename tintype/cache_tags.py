"""Tags of cached values: the groups that a purge can name.

Every value has the tag of its URL, of its host, of each prefix of its path, and those that the client sent; with a
fragment in the URL also that of the document, which is the URL without it. URLs are digests, because their queries and
fragments may contain credentials.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tintype import urls
from tintype.model import digest_of
from tintype.options import Shot

MAX_PREFIX_SEGMENTS = 16
"""Segments of a path that a purge by prefix can name; deeper ones have no tag, which bounds the tags of a value."""

_URL = re.compile(r"(?P<origin>https?://[^/?#]+)(?P<path>[^?#]*)")
_DIGEST_DIGITS = 32


def tags_of(shot: Shot, names: Sequence[str] = ()) -> tuple[str, ...]:
    """All tags of the values of a shot; ``names`` are the client's."""
    host, prefixes = host_tag(urls.host_of(shot.url)), map(prefix_tag, prefixes_of(shot.url))
    document = (document_tag(shot.url),) if "#" in shot.url else ()
    return (page_tag(shot), *document, host, *prefixes, *map(name_tag, names))


def page_tag(shot: Shot) -> str:
    """The tag of a page: of its URL, or of its HTML if the client sent that."""
    return _tag("html", shot.navigation.html) if shot.navigation.html else url_tag(shot.url)


def is_page_tag(tag: str) -> bool:
    """Whether a tag is that of one page."""
    return tag.startswith(("url:", "html:"))


def url_tag(url: str) -> str:
    """The tag of a canonical URL."""
    return _tag("url", url)


def document_tag(url: str) -> str:
    """The tag of a canonical URL whatever its fragment is."""
    return _tag("document", url.partition("#")[0])


def host_tag(host: str) -> str:
    """The tag of a canonical host."""
    return _tag("host", host)


def prefix_tag(prefix: str) -> str:
    """The tag of a prefix as :func:`prefixes_of` returns it."""
    return _tag("prefix", prefix)


def etag_tag(etag: str) -> str:
    """The tag of a thumbnail by its ETag, with or without quotes and ``W/``."""
    return _tag("etag", etag.removeprefix("W/").strip('"'))


def name_tag(name: str) -> str:
    """The tag that a client has named."""
    return f"tag:{name}"


def prefixes_of(url: str) -> tuple[str, ...]:
    """The origin of a canonical URL, and its path up to each ``/``, all without a final ``/``.

    ``https://site.org/a/b?page=2`` has the prefixes ``https://site.org``, ``https://site.org/a`` and
    ``https://site.org/a/b``.
    """
    match = _URL.match(url)
    if not match:
        return ()
    segments = match["path"].rstrip("/").split("/")[: MAX_PREFIX_SEGMENTS + 1]
    return tuple(
        dict.fromkeys(match["origin"] + "/".join(segments[:end]).rstrip("/") for end in range(1, len(segments) + 1))
    )


def _tag(kind: str, text: str) -> str:
    return f"{kind}:{digest_of(text.encode())[:_DIGEST_DIGITS]}"
