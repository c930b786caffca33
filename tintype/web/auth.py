"""Authentication of requests by API keys and signed URLs, and of operators by admin keys.

Without API keys and signatures every request for thumbnails is accepted; without admin keys no request of an operator.
"""

from __future__ import annotations

import hmac
import math
import re
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple
from wsgiref.types import WSGIEnvironment

from flask import Request, g

from tintype.api_keys import ApiKey, digest_of_key
from tintype.errors import BadSignature, Forbidden, HostNotAllowed, TintypeError, Unauthorized
from tintype.network.egress import matches_host
from tintype.signing import SIGNATURE, UrlSigner
from tintype.web import request_log
from tintype.web.query_cache import ParsedQuery
from tintype.web.raw_params import query_pairs
from tintype.web.usage import UsageRecorder

_BEARER = re.compile(r"bearer +(\S+) *", re.IGNORECASE)
_SIGNABLE_METHODS = {"GET", "HEAD"}
"""A signature covers the URL only, so it cannot authenticate a request with a body."""


class Credential(NamedTuple):
    """Result of authentication: the name of the API key, and limits on the caching of the response."""

    key_name: str = ""
    """Name of the API key; empty if the request has none."""
    expires_at: float = math.inf
    """Expiry of the signed URL, in seconds since the epoch; infinity without one."""
    private: bool = False
    """True if only an API key authorizes the request: shared caches must not keep the response."""


ANONYMOUS = Credential()


class Authenticator:
    """Checks API keys and signatures; accepts every request if neither is configured."""

    def __init__(
        self,
        keys: Sequence[ApiKey] = (),
        signer: UrlSigner | None = None,
        clock: Callable[[], float] = time.time,
        *,
        admin_keys: Sequence[ApiKey] = (),
        usage: UsageRecorder | None = None,
    ) -> None:
        self.keys = tuple(keys)
        self.admin_keys = tuple(admin_keys)
        self.usage = usage or UsageRecorder(None, self.keys, clock)
        self._hosts = {key.name: key.hosts for key in self.keys if key.hosts}
        self._signer = signer
        self._clock = clock

    @property
    def is_public(self) -> bool:
        """Whether requests need neither a key nor a signature."""
        return not self.keys and self._signer is None

    @property
    def accepts_signatures(self) -> bool:
        """Whether signed URLs are accepted."""
        return self._signer is not None

    def authenticate(self, request: Request) -> Credential:
        """Authenticate a request; raises Unauthorized or BadSignature.

        A valid signature is enough: an unknown key beside it may be that of a proxy, and is ignored.
        """
        if self.is_public:
            return ANONYMOUS
        until, sent = self._signature_expiry(request), _sent_keys(request.environ)
        name = _first_name(sent, self.keys)
        if until is None and not name:
            raise self._rejection(request, has_key=bool(sent))
        if name:
            request_log.bind(key_name=name)
            g.key_name = name
        return Credential(name, math.inf if until is None else until, private=until is None)

    def check_host(self, credential: Credential, host: str) -> None:
        """Raise HostNotAllowed for a target that the API key does not cover.

        A signed URL is valid for its target, whatever key is sent with it. Inline HTML has no host, so a key that is
        bound to hosts does not cover it.
        """
        hosts = self._hosts.get(credential.key_name)
        if hosts and credential.private and not matches_host(host, hosts):
            raise HostNotAllowed(f"this API key covers only {', '.join(hosts)}; request one of these hosts")

    def check_owner(self, owner: str, host: str) -> None:
        """Raise HostNotAllowed for a target that the API key with a name does not cover, or covers no more."""
        if owner and owner not in {key.name for key in self.keys}:
            raise HostNotAllowed(f"the API key {owner} does not exist any more; use another key")
        self.check_host(Credential(owner, private=True), host)

    def usage_reader(self, request: Request) -> tuple[str, bool]:
        """The name of the API key or admin key that the client sent, and whether it is an admin key.

        Raises Unauthorized without a known key.
        """
        sent = _sent_keys(request.environ)
        if admin := _first_name(sent, self.admin_keys):
            request_log.bind(key_name=admin)
            return admin, True
        name = _first_name(sent, self.keys)
        if not name:
            raise Unauthorized("send an API key or an admin key as Authorization: Bearer KEY or X-Api-Key: KEY")
        request_log.bind(key_name=name)
        return name, False

    def require_admin(self, request: Request) -> str:
        """The name of the admin key that the operator sent.

        Raises Forbidden if the service has no admin keys or the request carries only an API key, and Unauthorized
        without a known key. A signed URL never admits an operator. Every check compares the same keys, so its duration
        does not depend on the key that was sent.
        """
        if not self.admin_keys:
            raise Forbidden("this route is disabled; set TINTYPE_ADMIN_KEYS to enable it")
        sent = _sent_keys(request.environ)
        if not sent:
            raise Unauthorized("send an admin key as Authorization: Bearer KEY or X-Api-Key: KEY")
        name, client = _first_name(sent, self.admin_keys), _first_name(sent, self.keys)
        if name:
            request_log.bind(key_name=name)
            return name
        if client:
            request_log.bind(key_name=client)
            raise Forbidden("this API key is no admin key; send a key of TINTYPE_ADMIN_KEYS")
        raise Unauthorized("unknown admin key")

    def owner_of(self, request: Request) -> str | None:
        """The name of the API key, by which a client sees only what it has submitted; None without keys.

        Raises Unauthorized or BadSignature.
        """
        credential = self.authenticate(request)
        return credential.key_name if self.keys else None

    def authenticate_cached(self, environ: WSGIEnvironment, query: ParsedQuery) -> Credential | None:
        """Authenticate a request whose query string was parsed and verified before; None if it needs the full check."""
        if not self.keys and self._signer is None:  # is_public, without the call
            return ANONYMOUS
        name = _first_name(_sent_keys(environ), self.keys) if self.keys else ""
        expired = query.expires_at <= self._clock()
        if expired or (query.private and not name):
            return None
        hosts = self._hosts.get(name)
        if hosts and query.private and not matches_host(query.request.host, hosts):
            return None
        return Credential(name, query.expires_at, query.private)

    def _signature_expiry(self, request: Request) -> float | None:
        """Expiry of the signed URL, in seconds since the epoch; None if it is not signed. Raises BadSignature."""
        if self._signer is None or request.method not in _SIGNABLE_METHODS:
            return None
        pairs = query_pairs(request.query_string)
        signed = any(name == SIGNATURE for name, _ in pairs)
        return self._signer.verify(request.path, pairs, self._clock()) if signed else None

    def _rejection(self, request: Request, *, has_key: bool) -> TintypeError:
        if not self.keys:
            return BadSignature("only signed GET URLs are accepted; sign the URL with tintype sign")
        if has_key:
            return Unauthorized("unknown API key")
        signable = self._signer is not None and request.method in _SIGNABLE_METHODS
        alternative = ", or sign the URL" if signable else ""
        return Unauthorized(f"send an API key as Authorization: Bearer KEY or X-Api-Key: KEY{alternative}")


def _sent_keys(environ: WSGIEnvironment) -> list[str]:
    """The API keys in the request headers; either may belong to a proxy, as other schemes of Authorization do."""
    match = _BEARER.fullmatch(environ.get("HTTP_AUTHORIZATION", ""))
    sent = match[1] if match else None, environ.get("HTTP_X_API_KEY")
    return [each for each in sent if each is not None]


def _first_name(sent: Sequence[str], keys: Sequence[ApiKey]) -> str:
    """The name of the first key that is known; empty if none is."""
    for each in sent:
        if name := _name_of(each, keys):
            return name
    return ""


def _name_of(sent: str, keys: Sequence[ApiKey]) -> str:
    """The name of a key; empty if it is unknown. Compares all keys, in constant time."""
    digest, name = digest_of_key(sent.encode("latin-1", "replace")), ""  # WSGI decodes fields as Latin-1 (PEP 3333)
    for key in keys:
        name = key.name if hmac.compare_digest(key.digest, digest) else name
    return name
