"""Loads images with libvips, which is initialised once and restricted to four loaders."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from tintype.errors import EngineError

log = structlog.get_logger("tintype.imaging")

_LOADERS = {"image/png": "Png", "image/jpeg": "Jpeg", "image/webp": "Webp", "image/avif": "Heif"}
_init_lock = threading.Lock()
"""Serialises the initialisation, which blocks all loaders for a moment."""


def detect_mime(body: bytes) -> str:
    """The media type by the first bytes, empty for all others; only these formats reach a decoder."""
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    return "image/avif" if body[4:12] in {b"ftypavif", b"ftypavis"} else ""


def load(body: bytes, mime: str, shrink: int = 1) -> Any:
    """The image, its pixels not yet decoded. The loader is named, so that libvips tries no other format."""
    load = getattr(pyvips_module().Image, f"{_LOADERS[mime].lower()}load_buffer")
    more = {"shrink": shrink} if shrink > 1 else {}
    return load(body, access="sequential", fail_on="truncated", **more)


@contextmanager
def decoding_errors() -> Iterator[None]:
    """Turn libvips' errors into EngineError; their text goes to the log only."""
    try:
        yield
    except pyvips_module().Error as error:
        log.warning("image_decode_failed", reason=" ".join(str(error).split()))
        raise EngineError("the capture engine returned an image that cannot be decoded") from None


def pyvips_module() -> Any:
    """The pyvips module, initialised once per process at its first use.

    Its worker threads do not survive a fork: a process can fork before its first image only, else RuntimeError.
    """
    with _init_lock:
        vips, pid = _init()
    if pid != os.getpid():
        raise RuntimeError("this process was forked after its parent had used libvips; fork before the first image")
    return vips


@functools.cache
def _init() -> tuple[Any, int]:
    import pyvips  # noqa: PLC0415 - 40 ms that commands without images save

    # No operation is repeated, so libvips' cache would only hold memory. One thread per image is as fast as two up to
    # 1280x720 and costs 10 % less CPU; concurrent images use all cores anyway.
    pyvips.cache_set_max(0)
    pyvips.concurrency_set(1)
    pyvips.operation_block_set("VipsForeignLoad", True)
    for loader in (*_LOADERS.values(), "Svg"):
        pyvips.operation_block_set(f"VipsForeignLoad{loader}", False)
    return pyvips, os.getpid()
