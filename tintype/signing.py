"""Who made this address? HMAC-SHA256 over a route and what its query says, in one order (RFC 2104).

What is signed is the version, the path and every parameter but ``sig``, each percent-encoded as RFC 3986 wants it
(only letters, digits and ``-._~`` stay) and sorted, so that any order and spelling of the same query has the same
signature and nothing can be added. ``examples/sign.*`` do it in other languages.
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
"""Of a signed address beside the options."""
_MOMENT = re.compile(r"[0-9]{1,12}")


class UrlSigner:
    """Signs with the first of some keys and believes all of them, so that keys can be replaced one after the other."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ValueError("a key is needed")
        self._keys = [key.encode() for key in keys]

    def sign(self, path: str, pairs: Pairs) -> str:
        """The value of ``sig`` for a path and the parameters of its query: 64 hex digits."""
        return _digest(self._keys[0], path, pairs)

    def verify(self, path: str, pairs: Pairs, now: float) -> float:
        """Until when a signed query may be answered, in seconds since the epoch; raises BadSignature."""
        given = [value for name, value in pairs if name == SIGNATURE]
        if len(given) != 1:
            raise BadSignature("sig: must be there once: the signature of the address, see docs/access.md")
        if not any(hmac.compare_digest(_digest(key, path, pairs).encode(), given[0].encode()) for key in self._keys):
            raise BadSignature("sig: does not fit the address; every parameter has to be signed as it is sent")
        return _expiry([value for name, value in pairs if name == EXPIRES], now)


def canonical_text(path: str, pairs: Iterable[tuple[str, str]]) -> str:
    """The text that is signed."""
    said = sorted(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs if name != SIGNATURE)
    return f"{VERSION}\n{path}\n{'&'.join(said)}"


def _digest(key: bytes, path: str, pairs: Pairs) -> str:
    return hmac.new(key, canonical_text(path, pairs).encode(), hashlib.sha256).hexdigest()


def _expiry(moments: Sequence[str], now: float) -> float:
    if not moments:
        return math.inf
    if len(moments) != 1 or not _MOMENT.fullmatch(moments[0]):
        raise BadSignature("expires: must be there once: a whole number of seconds since 1970")
    if int(moments[0]) <= now:
        raise BadSignature("expires: the address was signed for a time that is over")
    return float(moments[0])
