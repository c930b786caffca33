"""Notation of the secrets that sign webhooks: ``whsec_`` and 24 to 64 bytes in base64 (Standard Webhooks)."""

from __future__ import annotations

import base64
import binascii
import secrets

PREFIX = "whsec_"
MIN_BYTES, MAX_BYTES = 24, 64


def check_secret(text: str) -> str:
    """The secret; raises ValueError if its notation or its length is wrong."""
    try:
        size = len(base64.b64decode(text.removeprefix(PREFIX), validate=True))
    except binascii.Error:
        size = 0
    if not text.startswith(PREFIX) or not MIN_BYTES <= size <= MAX_BYTES:
        raise ValueError(f"not {PREFIX} with {MIN_BYTES} to {MAX_BYTES} bytes in base64")
    return text


def new_secret() -> str:
    """A new secret of 32 random bytes."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
