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
from tintype.signing import SIGNATURE, UrlSigner
from tintype.web import request_log
from tintype.web.params import ThumbnailRequest
from tintype.web.raw_params import query_pairs

_BEARER = re.compile(r"bearer +(\S+) *", re.IGNORECASE)
_HASHED = "sha256-"
_READING = {"GET", "HEAD"}
"""What can be signed: methods that say everything in the address."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A caller the operator knows by name. Only a digest of the key is kept."""

    name: str
    digest: bytes
    rate: str = ""
    """An allowance of its own; empty: that of everybody."""

    @classmethod
    def read(cls, text: str) -> Self:
        """From ``name:key`` or ``name:key:rate``, where the key may be given as ``sha256-`` and its hex digest."""
        name, _, rest = text.partition(":")
        key, _, rate = rest.partition(":")
        hashed = key.startswith(_HASHED)
        return cls(name, bytes.fromhex(key.removeprefix(_HASHED)) if hashed else _digest(key), rate)


class Credential(NamedTuple):
    """Why a request is answered."""

    name: str = ""
    """The name of its key; empty: it came without."""
    until: float = math.inf
    """Seconds since the epoch, when its address ends to be good."""
    private: bool = False
    """Shared caches must not keep the answer, for they would give it to anybody."""


ANYBODY = Credential()


class Authenticator:
    """Keys and signatures; where there are neither, everybody is welcome."""

    def __init__(
        self,
        keys: Sequence[ApiKey] = (),
        signatures: UrlSigner | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.keys = tuple(keys)
        self._signatures = signatures
        self._clock = clock

    @property
    def open(self) -> bool:
        """Whether everybody may ask."""
        return not self.keys and self._signatures is None

    @property
    def signs(self) -> bool:
        """Whether signed addresses are answered."""
        return self._signatures is not None

    def enter(self, request: Request) -> Credential:
        """Why a request may be answered; raises Unauthorized or BadSignature."""
        if self.open:
            return ANYBODY
        until, name = self._signed_until(request), self._holder(request.environ)
        if until is None and not name:
            raise self._refusal(request)
        if name:
            request_log.note(caller=name)
        return Credential(name, math.inf if until is None else until, private=until is None)

    def enter_hit(self, environ: WSGIEnvironment, wanted: ThumbnailRequest) -> Credential | None:
        """The same for a query that was answered before; None where that has to be looked at in full."""
        if self.open:
            return ANYBODY
        try:
            name = self._holder(environ)
        except Unauthorized:
            return None
        over = wanted.until <= self._clock()
        return None if over or (wanted.private and not name) else Credential(name, wanted.until, wanted.private)

    def _holder(self, environ: WSGIEnvironment) -> str:
        """Whose key a client sends; empty when it sends none. Raises Unauthorized for one that is not known."""
        presented = _presented(environ) if self.keys else None
        if presented is None:
            return ""
        digest, name = _digest(presented), ""
        for key in self.keys:
            name = key.name if hmac.compare_digest(key.digest, digest) else name
        if not name:
            raise Unauthorized("the API key is not known here")
        return name

    def _signed_until(self, request: Request) -> float | None:
        """Until when a signed address is good; None when it is not signed. Raises BadSignature."""
        if self._signatures is None or request.method not in _READING:
            return None
        pairs = query_pairs(request.query_string)
        signed = any(name == SIGNATURE for name, _ in pairs)
        return self._signatures.verify(request.path, pairs, self._clock()) if signed else None

    def _refusal(self, request: Request) -> TintypeError:
        if not self.keys:
            return BadSignature("only signed addresses are answered here, by GET")
        signable = self._signatures is not None and request.method in _READING
        otherwise = ", or sign the address" if signable else ""
        return Unauthorized(f"send an API key as Authorization: Bearer KEY or X-Api-Key: KEY{otherwise}")


def _presented(environ: WSGIEnvironment) -> str | None:
    """The key a client sends; other kinds of Authorization are somebody else's."""
    found = _BEARER.fullmatch(environ.get("HTTP_AUTHORIZATION", ""))
    return found[1] if found else environ.get("HTTP_X_API_KEY")


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
