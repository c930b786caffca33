"""API keys as operators write them: name, key, and the limits of the key.

``shop:KEY:600 per minute:persist=closed:quota=10000:hosts=shop.example *.shop.example``: after the key come, in any
order, a rate for thumbnails and options ``name=value``, separated by colons. ``webhook_secret=whsec_… whsec_…`` are
the secrets of its webhooks.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from tintype import rates
from tintype.rates import OFF
from tintype.webhook_secrets import check_secret

MAX_QUOTA = 10**12
"""Captures per calendar month."""
_HASH_PREFIX = "sha256-"
_HOST = re.compile(r"(\*\.)?[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_LIMITS = ("thumb", "hit", "meta", "persist")
OPTIONS = (*_LIMITS, "quota", "hosts", "webhook_secret")
"""Options of an API key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLimits:
    """Rate limits of one API key, in the notation of :mod:`tintype.rates`; ``off``: the common limit applies.

    With ``hit=off`` and a ``thumb`` of its own, cache hits count against ``thumb``.
    """

    thumb: str = OFF
    hit: str = OFF
    meta: str = OFF
    persist: str = OFF


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key with its name and limits; only its SHA-256 digest is kept."""

    name: str
    digest: bytes
    limits: KeyLimits = field(default_factory=KeyLimits)
    quota: int | None = None
    """Captures per calendar month (UTC); None: unlimited."""
    hosts: tuple[str, ...] = ()
    """Hosts of the targets that the key may capture, ``*.example.com`` for all below it; empty: every host."""
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    """Secrets that sign the webhooks of the key; empty: those of the service."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """From ``name:key`` and options; the key may be ``sha256-`` followed by its hex digest. Raises ValueError."""
        name, _, rest = text.partition(":")
        key, _, rest = rest.partition(":")
        hashed = key.startswith(_HASH_PREFIX)
        digest = bytes.fromhex(key.removeprefix(_HASH_PREFIX)) if hashed else digest_of_key(key.encode())
        return cls(name, digest, *_parse_options(rest))


def digest_of_key(key: bytes) -> bytes:
    """The SHA-256 digest of a key as a client sends it."""
    return hashlib.sha256(key).digest()


def _parse_options(text: str) -> tuple[KeyLimits, int | None, tuple[str, ...], tuple[str, ...]]:
    given = _split_options(text)
    limits = KeyLimits(**{name: rates.normalize(given[name]) for name in _LIMITS if name in given})
    hosts = tuple(given["hosts"].lower().split()) if "hosts" in given else ()
    if "hosts" in given and not (hosts and all(_HOST.fullmatch(host) for host in hosts)):
        raise ValueError("hosts: not host names separated by spaces")
    secrets = tuple(map(check_secret, given.get("webhook_secret", "").split()))
    return limits, _parse_quota(given.get("quota", rates.UNLIMITED)), hosts, secrets


def _split_options(text: str) -> Mapping[str, str]:
    given: dict[str, str] = {}
    for part in text.split(":") if text.strip() else ():
        name, equals, value = part.partition("=")
        name, value = (name.strip().lower(), value.strip()) if equals else ("thumb", part)
        if name not in OPTIONS or name in given:
            raise ValueError(f"unknown option, or an option given twice; options are {', '.join(OPTIONS)}")
        given[name] = value
    return given


def _parse_quota(text: str) -> int | None:
    if text.lower() == rates.UNLIMITED:
        return None
    if text.lower() == rates.CLOSED:
        return 0
    if not (text.isascii() and text.isdigit() and int(text) <= MAX_QUOTA):
        raise ValueError("quota: not a number of captures per month")
    return int(text)
