"""A secret of this installation in a file: generated on first use, the same for all processes of the machine."""

from __future__ import annotations

import os
import re
import secrets
import time
from contextlib import suppress
from pathlib import Path

import structlog

from tintype.errors import BackendUnavailable

log = structlog.get_logger("tintype.state")

SECRET_BYTES = 32
"""Length of a generated secret: the block that HMAC-SHA256 needs (RFC 2104, 3)."""
_CONTENT = re.compile(rb"[0-9a-f]{%d}\n?" % (2 * SECRET_BYTES))


def read_or_create(path: Path) -> bytes:
    """The secret in the file, which has mode 0600. Creates a missing one; sets a damaged one aside and logs that.

    Of processes that create it concurrently, one wins and all return its secret. Raises BackendUnavailable.
    """
    try:
        return _read(path) or _create(path)
    except OSError as error:
        log.error("secret_file_failed", file=str(path), reason=str(error))
        raise BackendUnavailable("a secret of the service cannot be read now; retry later", retry_after=30) from error


def _read(path: Path) -> bytes | None:
    """The secret; None if the file is missing or damaged."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    if _CONTENT.fullmatch(content):
        return bytes.fromhex(content.decode())
    aside = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
    with suppress(FileNotFoundError):  # another process has set it aside
        path.rename(aside)
        log.error("secret_file_set_aside", file=str(path), moved_to=str(aside), effect="a new secret is generated")
    return None


def _create(path: Path) -> bytes:
    """Write a new secret durably, unless another process has written one meanwhile."""
    draft = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(f"{secrets.token_hex(SECRET_BYTES)}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)  # atomic, and never replaces the secret of another process
    finally:
        draft.unlink()
    created = _read(path)
    if created is None:
        raise OSError(f"{path.name} was damaged while it was created")
    return created
