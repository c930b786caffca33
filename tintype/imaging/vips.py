"""How are bytes opened as a picture? libvips, set up once, with the loaders named here and no others."""

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
"""Held lest one thread block for a moment what another, quicker one already reads with."""


def detect_mime(body: bytes) -> str:
    """The media type by the first bytes; only what is named here ever reaches a decoder."""
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    return "image/avif" if body[4:12] in {b"ftypavif", b"ftypavis"} else ""


def load(body: bytes, mime: str, shrink: int = 1) -> Any:
    """The picture, its pixels still undecoded; the loader is named, so no other format is ever tried."""
    load = getattr(pyvips_module().Image, f"{_LOADERS[mime].lower()}load_buffer")
    more = {"shrink": shrink} if shrink > 1 else {}
    return load(body, access="sequential", fail_on="truncated", **more)


@contextmanager
def decoding_errors() -> Iterator[None]:
    """What libvips cannot decode is the engine's fault; its words are for the log."""
    try:
        yield
    except pyvips_module().Error as error:
        log.warning("image_decode_failed", reason=" ".join(str(error).split()))
        raise EngineError("the capture engine answered a picture that cannot be read") from None


def pyvips_module() -> Any:
    """The library, set up once a process, not before it is needed.

    Its worker threads do not survive a fork: a process may fork before its first picture, not after.
    """
    with _init_lock:
        vips, pid = _init()
    if pid != os.getpid():
        raise RuntimeError("this process was forked from one that had already rendered pictures")
    return vips


@functools.cache
def _init() -> tuple[Any, int]:
    import pyvips  # noqa: PLC0415 - 40 ms that commands without pictures do not pay

    # Nothing is ever rendered twice, so remembered operations would only hold memory. One thread a picture is as
    # fast as two up to 1280x720 and costs a tenth less; several pictures at once use all cores anyway.
    pyvips.cache_set_max(0)
    pyvips.concurrency_set(1)
    pyvips.operation_block_set("VipsForeignLoad", True)
    for loader in (*_LOADERS.values(), "Svg"):
        pyvips.operation_block_set(f"VipsForeignLoad{loader}", False)
    return pyvips, os.getpid()
