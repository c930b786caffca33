"""Canonical target URLs and the policy for their hosts. No DNS lookups.

ada-url parses a URL by the WHATWG standard, as the browser does. Text on which parsers disagree is rejected: user
names, backslashes, percent signs in the host, and IPv4 addresses that are not dotted decimal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from urllib.parse import unquote_plus

import ada_url

from tintype.errors import InvalidParameter, InvalidRequest, TargetDenied
from tintype.network import egress
from tintype.network.egress import matches_host

MAX_BYTES = 2048
"""Bytes of a target URL."""
MAX_RAW_LENGTH = 4096
"""Characters of a target URL as a client sends it, with spaces around it."""
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_ANY_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)
_NAMED_HOST = re.compile(r"(?:[\w-]{1,63}\.)+[^\W\d_][\w-]{1,62}\.?(?P<port>:[0-9]{1,5})?(?=[/?#]|$)")
"""A host name with a dot, at the beginning of a text; no IP address, because its last label begins with a digit."""
_LOCAL_HOST = re.compile(
    r"(?:localhost|[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?(?=[/?#]|$)", re.IGNORECASE
)
"""An IP address or this machine, which seldom have a certificate."""
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\]")
_AUTHORITY = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]+)(:(?P<port>[0-9]{0,5}))?")
_DEFAULT_PORTS = {"http:": 80, "https:": 443}


@dataclass(frozen=True, slots=True)
class TargetPolicy:
    """Which targets the operator allows: hosts, addresses, and query parameters to remove."""

    policy: egress.Policy = field(default_factory=egress.Policy)
    allow_hosts: tuple[str, ...] = ()
    deny_hosts: tuple[str, ...] = ()
    tracking_parameters: tuple[str, ...] = ()

    def canonicalize(self, raw: str) -> str:
        """The canonical form of a target URL, at most 2048 bytes; raises InvalidRequest or TargetDenied. Idempotent."""
        self._check_host(_parse(raw))
        return self.canonical_form(raw)

    def canonical_form(self, raw: str) -> str:
        """The canonical form of a URL, also of a denied target; raises InvalidRequest. For purges, not for captures."""
        url = _parse(raw)
        query = self._without_tracking(url.search.removeprefix("?"))
        authority = url.hostname.removesuffix(".") + (url.port and f":{url.port}")
        canonical = f"{url.protocol}//{authority}{url.pathname}{query and '?' + query}{url.hash}"
        if len(canonical) > MAX_BYTES:
            raise _invalid_url(f"must be at most {MAX_BYTES} bytes")
        return canonical

    def _check_host(self, url: ada_url.URL) -> None:
        host, port = _endpoint(url)
        allowed = canonical_hosts(self.allow_hosts)
        named = matches_host(host, allowed)
        if matches_host(host, canonical_hosts(self.deny_hosts)) or (allowed and not named):
            raise TargetDenied(
                "captures of this host are not allowed; the operator restricts hosts with TINTYPE_ALLOW_HOSTS and"
                " TINTYPE_DENY_HOSTS"
            )
        address = egress.parse_address(host)
        if address is not None and not self.policy.permits(address, port):
            raise TargetDenied
        if address is None and not self.policy.permits_name(host, port, named=named):
            raise TargetDenied

    def _without_tracking(self, query: str) -> str:
        if not query or not self.tracking_parameters:
            return query
        return "&".join(pair for pair in query.split("&") if not self._is_tracking(pair))

    def _is_tracking(self, pair: str) -> bool:
        name = unquote_plus(pair.partition("=")[0])
        return any(fnmatchcase(name, pattern) for pattern in self.tracking_parameters)


def with_scheme(text: str) -> str:
    """Complete what a person typed: ``https://`` before a host name with a dot, ``http://`` before a local host.

    Any other text is returned unchanged. The page at ``/`` has the same rule (``withScheme`` in form.js). The API
    requires the scheme, because programs know it, and ``localhost:80`` is a URL with the scheme ``localhost``.
    """
    bare = text.strip()
    if _LOCAL_HOST.match(bare):
        return f"http://{bare}"
    return f"https://{bare}" if _NAMED_HOST.match(bare) else text


def require_web_url(text: str) -> None:
    """Raise InvalidRequest unless a text is an http or https URL that :class:`TargetPolicy` can parse.

    Chromium opens ``file:``, ``view-source:`` and ``chrome:`` when it is asked to navigate, so the process that
    navigates checks the scheme too, and does not rely on the check of its client.
    """
    _parse(text)


@lru_cache(maxsize=64)
def canonical_hosts(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Operators' hosts and ``*.`` patterns in canonical form, for comparison."""
    return tuple(_canonical_pattern(text.strip()) for text in texts)


def host_of(url: str) -> str:
    """The host of a canonical URL."""
    return ada_url.URL(url).hostname


def endpoint_of(url: str) -> tuple[str, int]:
    """The host of a canonical URL, IPv6 without brackets, and the port."""
    return _endpoint(ada_url.URL(url))


def _parse(raw: str) -> ada_url.URL:
    if len(raw) > MAX_RAW_LENGTH:
        raise _invalid_url(f"must be at most {MAX_BYTES} bytes")
    text = raw.strip(" ")
    if not _SCHEME.match(text):
        raise _missing_scheme(text)
    _check_characters(text)
    host = _check_authority(re.split(r"[/?#]", text.partition("://")[2], maxsplit=1)[0])
    try:
        url = ada_url.URL(text)
    except ValueError:
        raise _invalid_url("is not a valid URL") from None
    address = egress.parse_address(url.hostname)
    if address is not None and address.version == 4 and host != url.hostname:  # noqa: PLR2004 - IPv4
        raise _invalid_url("must write an IPv4 address as four decimal numbers")
    return url


def _missing_scheme(text: str) -> InvalidRequest:
    if named := _NAMED_HOST.match(text):
        return _invalid_url(f"must start with http:// or https://, such as https://{named[0]}")
    if local := _LOCAL_HOST.match(text):
        return _invalid_url(f"must start with http:// or https://, such as http://{local[0]}")
    if _ANY_SCHEME.match(text):
        return _invalid_url("must start with http:// or https://")
    return _invalid_url("is not a web address; it must start with http:// or https://, such as https://example.com")


def _check_characters(text: str) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise _invalid_url("is not valid Unicode") from None
    if size > MAX_BYTES:
        raise _invalid_url(f"must be at most {MAX_BYTES} bytes")
    if _FORBIDDEN.search(text):
        raise _invalid_url("must not contain backslashes or control characters")


def _check_authority(authority: str) -> str:
    """Check the part between ``//`` and the path; returns the host as it was sent."""
    if "@" in authority:
        raise _invalid_url("must not contain a user name or password")
    if "%" in authority or " " in authority:
        raise _invalid_url("must not contain spaces or percent signs in the host")
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None or parts["port"] in {"0", "00", "000", "0000", "00000"}:
        raise _invalid_url("must contain a host and optionally a port from 1 to 65535")
    return parts["host"]


def _endpoint(url: ada_url.URL) -> tuple[str, int]:
    host = url.hostname.removeprefix("[").removesuffix("]").removesuffix(".")
    return host, int(url.port or _DEFAULT_PORTS[url.protocol])


def _canonical_pattern(text: str) -> str:
    prefix, host = ("*.", text[2:]) if text.startswith("*.") else ("", text)
    try:
        return prefix + _endpoint(ada_url.URL(f"http://{host}"))[0]
    except ValueError:
        return text.lower()


def _invalid_url(message: str) -> InvalidRequest:
    return InvalidRequest(InvalidParameter("url", message))
