"""Addresses of stored thumbnails: stable for public captures, secret for captures with a client's credentials."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from functools import cached_property

from tintype.options import CaptureRequest


def random_secret() -> bytes:
    """A secret for one process, for services that store nothing or only for tests."""
    return secrets.token_bytes(32)


def scoped_address(scope: str, address: str) -> str:
    """The address of a thumbnail that belongs to a scope, such as a schedule: no other request finds or replaces it."""
    return hashlib.sha256(f"scope\n{scope}\n{address}".encode()).hexdigest()


class StoredAddresses:
    """The first part of a storage key, 64 hex digits.

    For a public capture it is the key of the request, so that an equal request finds the stored thumbnail. The key of a
    request with credentials is an unsalted hash of them, against which a guessed password could be tested offline, so
    its first part is an HMAC of that key (RFC 2104) under a secret of the installation. ``secret`` is called at most
    once, when the first private thumbnail is stored.
    """

    def __init__(self, secret: Callable[[], bytes] = random_secret) -> None:
        self._read_secret = secret

    def of(self, request: CaptureRequest) -> str:
        """The first part for a request; raises BackendUnavailable if the secret cannot be read."""
        if not request.shot.has_credentials:
            return request.key
        return hmac.new(self._secret, f"stored\n{request.key}".encode(), hashlib.sha256).hexdigest()

    @cached_property
    def _secret(self) -> bytes:
        return self._read_secret()
