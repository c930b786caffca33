"""May this request be answered at all? Everybody's may, until an operator gives out API keys or signs addresses."""

from __future__ import annotations

import hashlib
import hmac
import math
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self
from wsgiref.types import WSGIEnvironment

from flask import Request

from tintype.errors import BadSignature, TintypeError, Unauthorized
from tintype.request_parser import ThumbnailRequest
from tintype.signing import SIGNATURE, UrlSigner
from tintype.web import request_log
from tintype.web.raw_params import query_pairs

_BEARER = re.compile(r"bearer +(\S+) *", re.IGNORECASE)
_HASH_PREFIX = "sha256-"
_SIGNABLE_METHODS = {"GET", "HEAD"}
"""What can be signed: methods that say everything in the address."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A caller the operator knows by name. Only a digest of the key is kept."""

    name: str
    digest: bytes
    rate_limit: str = ""
    """An allowance of its own; empty: that of everybody."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """From ``name:key`` or ``name:key:rate``, where the key may be given as ``sha256-`` and its hex digest."""
        name, _, rest = text.partition(":")
        key, _, rate = rest.partition(":")
        hashed = key.startswith(_HASH_PREFIX)
        return cls(name, bytes.fromhex(key.removeprefix(_HASH_PREFIX)) if hashed else _digest(key), rate)


class Credential(NamedTuple):
    """Why a request is answered."""

    key_name: str = ""
    """The name of its key; empty: it came without."""
    expires_at: float = math.inf
    """Seconds since the epoch, when its address ends to be good."""
    private: bool = False
    """Shared caches must not keep the answer, for they would give it to anybody."""


ANONYMOUS = Credential()


class Authenticator:
    """Keys and signatures; where there are neither, everybody is welcome."""

    def __init__(
        self,
        keys: Sequence[ApiKey] = (),
        signer: UrlSigner | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.keys = tuple(keys)
        self._signer = signer
        self._clock = clock

    @property
    def is_public(self) -> bool:
        """Whether everybody may ask."""
        return not self.keys and self._signer is None

    @property
    def accepts_signatures(self) -> bool:
        """Whether signed addresses are answered."""
        return self._signer is not None

    def authenticate(self, request: Request) -> Credential:
        """Why a request may be answered; raises Unauthorized or BadSignature."""
        if self.is_public:
            return ANONYMOUS
        until, name = self._signature_expiry(request), self._key_name(request.environ)
        if until is None and not name:
            raise self._rejection(request)
        if name:
            request_log.bind(caller=name)
        return Credential(name, math.inf if until is None else until, private=until is None)

    def authenticate_cached(self, environ: WSGIEnvironment, parsed: ThumbnailRequest) -> Credential | None:
        """The same for a query that was answered before; None where that has to be looked at in full."""
        if self.is_public:
            return ANONYMOUS
        try:
            name = self._key_name(environ)
        except Unauthorized:
            return None
        over = parsed.until <= self._clock()
        return None if over or (parsed.private and not name) else Credential(name, parsed.until, parsed.private)

    def _key_name(self, environ: WSGIEnvironment) -> str:
        """Whose key a client sends; empty when it sends none. Raises Unauthorized for one that is not known."""
        presented = _sent_key(environ) if self.keys else None
        if presented is None:
            return ""
        digest, name = _digest(presented), ""
        for key in self.keys:
            name = key.name if hmac.compare_digest(key.digest, digest) else name
        if not name:
            raise Unauthorized("the API key is not known here")
        return name

    def _signature_expiry(self, request: Request) -> float | None:
        """Until when a signed address is good; None when it is not signed. Raises BadSignature."""
        if self._signer is None or request.method not in _SIGNABLE_METHODS:
            return None
        pairs = query_pairs(request.query_string)
        signed = any(name == SIGNATURE for name, _ in pairs)
        return self._signer.verify(request.path, pairs, self._clock()) if signed else None

    def _rejection(self, request: Request) -> TintypeError:
        if not self.keys:
            return BadSignature("only signed addresses are answered here, by GET")
        signable = self._signer is not None and request.method in _SIGNABLE_METHODS
        otherwise = ", or sign the address" if signable else ""
        return Unauthorized(f"send an API key as Authorization: Bearer KEY or X-Api-Key: KEY{otherwise}")


def _sent_key(environ: WSGIEnvironment) -> str | None:
    """The key a client sends; other kinds of Authorization are somebody else's."""
    found = _BEARER.fullmatch(environ.get("HTTP_AUTHORIZATION", ""))
    return found[1] if found else environ.get("HTTP_X_API_KEY")


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
