"""Target URLs: parsed as the browser parses them, then our policy. No look-ups.

ada-url gives the WHATWG reading, so what is checked is what is opened.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from urllib.parse import unquote_plus

import ada_url

from tintype import egress
from tintype.errors import InvalidRequest, Mistake, TargetRefused

MAX_BYTES = 2048
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")
_PRIVATE_NAMES = (
    "localhost", "local", "internal", "home.arpa", "lan", "corp", "home", "localdomain", "intranet", "private",
    "svc", "onion", "test", "invalid", "example", "alt", "arpa",
)  # fmt: skip
"""Names that never lead to the public internet (RFC 6761, RFC 7686, RFC 8375, RFC 9476, ICANN's private list)."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What an operator allows as a target."""

    policy: egress.Policy = field(default_factory=egress.Policy)
    allow_hosts: tuple[str, ...] = ()
    deny_hosts: tuple[str, ...] = ()
    tracking: tuple[str, ...] = ()

    def canonical(self, raw: str) -> str:
        """The one spelling of a target URL; raises InvalidRequest or TargetRefused."""
        href = _parse(raw)
        self._check_host(href)
        query = self._without_tracking(href.search.removeprefix("?"))
        hash_ = href.hash if href.hash.startswith(("#!", "#/")) else ""
        return href.protocol + "//" + href.host + href.pathname + (f"?{query}" if query else "") + hash_

    def _check_host(self, url: ada_url.URL) -> None:
        host = url.hostname
        port = int(url.port or (443 if url.protocol == "https:" else 80))
        address = egress.parse_address(host)
        if matches_host(host, self.deny_hosts) or (self.allow_hosts and not matches_host(host, self.allow_hosts)):
            raise TargetRefused("this host is not photographed here")
        if address is not None and not self.policy.permits(address, port):
            raise TargetRefused
        if address is None and _is_private_name(host) and not matches_host(host, self.allow_hosts):
            raise TargetRefused

    def _without_tracking(self, query: str) -> str:
        if not query or not self.tracking:
            return query
        return "&".join(pair for pair in query.split("&") if not self._is_tracking(pair))

    def _is_tracking(self, pair: str) -> bool:
        name = unquote_plus(pair.partition("=")[0])
        return any(fnmatchcase(name, pattern) for pattern in self.tracking)


def matches_host(host: str, patterns: tuple[str, ...]) -> bool:
    """Whether a host is one of the patterns: exact, or ``*.example.com`` for everything below it."""
    return any(host == p or (p.startswith("*.") and host.endswith(p[1:])) for p in patterns)


def host_of(url: str) -> str:
    """The host of a canonical URL, for logs."""
    return ada_url.URL(url).hostname


def _parse(raw: str) -> ada_url.URL:
    text = raw.strip(" ")
    if not _SCHEME.match(text):
        raise _mistake("must start with http:// or https://")
    if len(text.encode()) > MAX_BYTES:
        raise _mistake(f"must be at most {MAX_BYTES} bytes")
    if _FORBIDDEN.search(text):
        raise _mistake("must not hold spaces, backslashes or control characters")
    try:
        url = ada_url.URL(text)
    except ValueError:
        raise _mistake("is not a valid URL") from None
    if url.username or url.password or "@" in _authority(text):
        raise _mistake("must not hold a user name or password")
    if "%" in _authority(text):
        raise _mistake("must not hold percent signs in the host")
    url.hostname = url.hostname.removesuffix(".")
    return url


def _authority(text: str) -> str:
    return re.split(r"[/?#]", text.partition("://")[2], maxsplit=1)[0]


def _is_private_name(host: str) -> bool:
    labels = host.split(".")
    return len(labels) == 1 or any(host.endswith(f".{name}") for name in _PRIVATE_NAMES)


def _mistake(message: str) -> InvalidRequest:
    return InvalidRequest(Mistake("url", message))
