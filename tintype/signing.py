"""Signed URLs: HMAC-SHA256 (RFC 2104) over the path and the sorted query parameters.

The signed text is the version, the path and every parameter except ``sig``, percent-encoded by RFC 3986 (only letters,
digits and ``-._~`` stay) and sorted. So the order and the spelling of a query do not change its signature, and no
parameter can be added. ``examples/sign.*`` do the same in other languages.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from tintype.errors import BadSignature

Pairs = Sequence[tuple[str, str]]
VERSION = "tintype1"
SIGNATURE, EXPIRES = "sig", "expires"
PARAMETERS = (SIGNATURE, EXPIRES)
"""Query parameters of a signed URL that are not options."""
_UNIX_TIME = re.compile(r"[0-9]{1,12}")


class UrlSigner:
    """Signs with the first key and accepts any of them, so that operators can rotate keys."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ValueError("at least one signing key is required")
        self._keys = [key.encode() for key in keys]

    def sign(self, path: str, pairs: Pairs) -> str:
        """The value of ``sig`` for a path and its query parameters: 64 hex digits."""
        return _digest(self._keys[0], canonical_text(path, pairs))

    def verify(self, path: str, pairs: Pairs, now: float) -> float:
        """Return the expiry: seconds since the epoch, infinity without ``expires``. Raises BadSignature."""
        given = [value for name, value in pairs if name == SIGNATURE]
        if len(given) != 1:
            raise BadSignature("sig: exactly one signature is required; see docs/access.md")
        text, sent = canonical_text(path, pairs), given[0].encode()
        if not any(hmac.compare_digest(_digest(key, text).encode(), sent) for key in self._keys):
            raise BadSignature("sig: does not match the URL; sign the query string exactly as sent")
        return _expiry([value for name, value in pairs if name == EXPIRES], now)


def canonical_text(path: str, pairs: Iterable[tuple[str, str]]) -> str:
    """The text to sign."""
    parameters = sorted(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs if name != SIGNATURE)
    return f"{VERSION}\n{path}\n{'&'.join(parameters)}"


def _digest(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _expiry(values: Sequence[str], now: float) -> float:
    if not values:
        return math.inf
    if len(values) != 1 or not _UNIX_TIME.fullmatch(values[0]):
        raise BadSignature("expires: must be given once, as a whole number of seconds since 1970")
    if int(values[0]) <= now:
        raise BadSignature("expires: the signed URL has expired; create a new one")
    return float(values[0])
