"""Stitches the tiles of a page that is longer than Chromium can draw in one screenshot."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from tintype.imaging.vips import decoding_errors, detect_mime, load


def stitch_vertically(tiles: Sequence[bytes]) -> bytes:
    """PNGs of one width, from the top down, as one PNG; raises EngineError if one cannot be decoded."""
    with decoding_errors():
        parts = [load(tile, detect_mime(tile)) for tile in tiles]
        if any(part.hasalpha() for part in parts):  # Chromium omits the alpha channel of a tile without transparency
            parts = [part if part.hasalpha() else part.addalpha() for part in parts]
        whole = functools.reduce(lambda above, below: above.join(below, "vertical"), parts)
        # Fast compression: the master is decoded again, and clients never receive it.
        return bytes(whole.pngsave_buffer(compression=1, filter="none", keep="none"))
