"""robots.txt (RFC 9309): whether a site permits a URL to programs like this one, and the sitemaps that it names."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from protego import Protego

from tintype.network.outbound import FetchError

USER_AGENT = "Tintype"
"""The product token that groups of robots.txt name."""
MAX_BYTES = 512 << 10
"""Bytes of a robots.txt; RFC 9309 requires 500 KiB."""
MAX_LINES = 10_000
"""Lines of a robots.txt, because each URL is compared with each rule; a longer one permits nothing."""
MAX_ORIGINS = 50
"""Origins whose robots.txt is downloaded for one sitemap; URLs of further ones are not permitted."""
MAX_SITEMAPS = 20
"""Sitemaps that a robots.txt may name; further ones are left out."""
_NOT_FOUND = range(400, 500)

Fetch = Callable[[str], bytes]
"""Downloads a URL, at most :data:`MAX_BYTES`; raises FetchError."""


class RobotsRules:
    """The robots.txt of each origin that was asked for, downloaded once."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._rules: dict[str, Protego | None] = {}

    def permits(self, url: str) -> bool:
        """Whether the robots.txt of the URL's origin permits it; False if that file cannot be read (RFC 9309, 2.3)."""
        rules = self._of(_origin(url))
        return rules is not None and rules.can_fetch(url, USER_AGENT)

    def sitemaps(self, url: str) -> list[str]:
        """The sitemaps that the robots.txt of the URL's origin names."""
        rules = self._of(_origin(url))
        return [*rules.sitemaps][:MAX_SITEMAPS] if rules else []

    def _of(self, origin: str) -> Protego | None:
        if origin not in self._rules:
            if len(self._rules) >= MAX_ORIGINS:
                return None
            self._rules[origin] = self._read(f"{origin}/robots.txt")
        return self._rules[origin]

    def _read(self, url: str) -> Protego | None:
        try:
            text = self._fetch(url).decode("utf-8", "replace")
        except FetchError as error:
            return Protego.parse("") if error.status in _NOT_FOUND else None
        return Protego.parse(text) if text.count("\n") < MAX_LINES else None


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
