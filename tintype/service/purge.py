"""Selectors of purges: the cached values of a URL, a host, a path prefix, a tag, an ETag, or all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from tintype import cache_tags, urls
from tintype.errors import InvalidParameter, InvalidRequest
from tintype.options.types import TAG, TAG_FORM
from tintype.service.thumbnail_cache import PurgeCount, ThumbnailCache

_NOT_IN_HOST = set("/?#@\\% ")
_ETAG = re.compile(r'(W/)?"?[0-9a-f]{32}"?')


class SelectorKind(StrEnum):
    """Kinds of selectors: the members of ``POST /purge`` and the flags of ``tintype purge``."""

    URL = "url"
    HOST = "host"
    PREFIX = "prefix"
    TAG = "tag"
    ETAG = "etag"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Selector:
    """The values of one purge; ``value`` is canonical and empty for ALL."""

    kind: SelectorKind
    value: str = ""

    @classmethod
    def parse(cls, kind: SelectorKind, text: str, policy: urls.TargetPolicy) -> Selector:
        """From the text of an operator; raises InvalidRequest. ``policy`` canonicalises and denies nothing."""
        return cls(kind, _CANONICAL[kind](text, policy))

    def __str__(self) -> str:
        """For an operator: ``host example.com``, or ``all pages``."""
        return "all pages" if self.kind is SelectorKind.ALL else f"{self.kind} {self.value}"

    def purge(self, cache: ThumbnailCache) -> PurgeCount:
        """Delete the values; raises BackendUnavailable."""
        match self.kind:
            case SelectorKind.ALL:
                return cache.clear()
            case SelectorKind.ETAG:
                return cache.purge(*cache.pages_with(cache_tags.etag_tag(self.value)))
            case SelectorKind.URL:
                return cache.purge(*_tags_of_url(self.value))
            case SelectorKind.HOST:
                return cache.purge(cache_tags.host_tag(self.value))
            case SelectorKind.PREFIX:
                return cache.purge(cache_tags.prefix_tag(self.value))
            case SelectorKind.TAG:
                return cache.purge(cache_tags.name_tag(self.value))


def _tags_of_url(url: str) -> tuple[str, ...]:
    """With a fragment, the tag of this URL; without, also of the URLs that differ in their fragment only."""
    return (cache_tags.url_tag(url),) if "#" in url else (cache_tags.url_tag(url), cache_tags.document_tag(url))


def _url(text: str, policy: urls.TargetPolicy) -> str:
    return policy.canonical_form(text)


def _host(text: str, policy: urls.TargetPolicy) -> str:
    """A host without scheme and port; IPv6 with or without brackets."""
    name = f"[{text}]" if ":" in text and not text.startswith("[") else text
    if not name or set(name) & _NOT_IN_HOST:
        raise _invalid("host", "must be one host, such as example.com, without scheme, port and path")
    try:
        return urls.host_of(policy.canonical_form(f"https://{name}/"))
    except InvalidRequest:
        raise _invalid("host", "must be one host, such as example.com") from None


def _prefix(text: str, policy: urls.TargetPolicy) -> str:
    """A URL up to a segment of its path."""
    if "?" in text or "#" in text:
        raise _invalid("prefix", "must end in the path: it must not contain ? or #")
    try:
        prefix = policy.canonical_form(text).rstrip("/")
    except InvalidRequest as error:
        raise _invalid("prefix", error.invalid_parameters[0].message) from None
    if prefix not in cache_tags.prefixes_of(prefix):
        raise _invalid("prefix", f"must have at most {cache_tags.MAX_PREFIX_SEGMENTS} path segments")
    return prefix


def _name(text: str, _: urls.TargetPolicy) -> str:
    if not TAG.fullmatch(text):
        raise _invalid("tag", f"must be {TAG_FORM}")
    return text


def _etag(text: str, _: urls.TargetPolicy) -> str:
    if not _ETAG.fullmatch(text):
        raise _invalid("etag", "must be the ETag of a thumbnail: 32 hex digits, with or without quotes")
    return text.removeprefix("W/").strip('"')


def _all(_: str, __: urls.TargetPolicy) -> str:
    return ""


_CANONICAL = {
    SelectorKind.URL: _url,
    SelectorKind.HOST: _host,
    SelectorKind.PREFIX: _prefix,
    SelectorKind.TAG: _name,
    SelectorKind.ETAG: _etag,
    SelectorKind.ALL: _all,
}


def _invalid(name: str, message: str) -> InvalidRequest:
    return InvalidRequest(InvalidParameter(name, message))
