"""Animated images that are red at first, then have four other colours for 0.17 s each, without end."""

from __future__ import annotations

import struct
import zlib

import pyvips

_COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255))
_WIDTH, _HEIGHT, _MS = 640, 240, 170


def animated_gif() -> bytes:
    """A GIF."""
    frames = [pyvips.Image.black(_WIDTH, _HEIGHT, bands=3).linear(1, [*colour]).cast("uchar") for colour in _COLOURS]
    image = pyvips.Image.arrayjoin(frames, across=1).copy(interpretation="srgb")
    image.set_type(pyvips.GValue.gint_type, "page-height", _HEIGHT)
    image.set_type(pyvips.GValue.array_int_type, "delay", [_MS] * len(frames))
    image.set_type(pyvips.GValue.gint_type, "loop", 0)
    return bytes(image.gifsave_buffer())


def animated_png() -> bytes:
    """An animated PNG (PNG specification, third edition, 11.3.6)."""
    header = struct.pack(">IIBBBBB", _WIDTH, _HEIGHT, 8, 2, 0, 0, 0)
    chunks = [_chunk(b"IHDR", header), _chunk(b"acTL", struct.pack(">II", len(_COLOURS), 0))]
    sequence = 0
    for number, colour in enumerate(_COLOURS):
        control = struct.pack(">IIIIIHHBB", sequence, _WIDTH, _HEIGHT, 0, 0, _MS, 1000, 0, 0)
        pixels = zlib.compress((b"\0" + bytes(colour) * _WIDTH) * _HEIGHT)
        chunks.append(_chunk(b"fcTL", control))
        sequence += 1
        if number == 0:
            chunks.append(_chunk(b"IDAT", pixels))
        else:
            chunks.append(_chunk(b"fdAT", struct.pack(">I", sequence) + pixels))
            sequence += 1
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
