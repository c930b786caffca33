"""Do both ends of a connection know the same secret? Mutual challenge and response with HMAC-SHA256 (RFC 2104).

The client sends :data:`GREETING` and a nonce; the server its own nonce and a proof; the client its proof; the server
one byte. The secret itself never travels, and neither side learns anything from an impostor. What follows is neither
encrypted nor signed: whoever can change packets on the way is kept out by the network, not by this.
"""

from __future__ import annotations

import hmac
import os
from ipaddress import ip_address
from urllib.parse import urlsplit

MAGIC = b"tintype1"
"""Read as the length of a frame it is longer than any, so that an end that knows nothing of this hangs up."""
NONCE_SIZE = PROOF_SIZE = 32
"""Bytes."""
OK = b"\x01"


class AuthenticationFailed(ConnectionError):
    """The other end does not prove that it knows the secret."""


def make_nonce() -> bytes:
    """Bytes that nobody has seen."""
    return os.urandom(NONCE_SIZE)


def compute_proof(secret: str, role: str, peer_nonce: bytes, own_nonce: bytes) -> bytes:
    """What only somebody with the secret can say in this conversation; ``who`` is ``client`` or ``server``."""
    return hmac.digest(secret.encode(), b"\n".join((MAGIC, role.encode(), peer_nonce + own_nonce)), "sha256")


def verify_proof(proof: bytes, expected: bytes) -> bool:
    """Compare without telling by the time taken how much is right."""
    return hmac.compare_digest(proof, expected)


def is_remote_address(address: str) -> bool:
    """Whether an address of a capture daemon can be reached from other machines: then both ends need the secret."""
    parts = urlsplit(address)
    if parts.scheme != "tcp" or parts.hostname == "localhost":
        return False
    try:
        return not ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return True
