"""How do parts of a picture become one? Tiles of a page longer than a browser can draw at once."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from tintype.imaging.vips import decoding_errors, detect_mime, load


def stitch_vertically(tiles: Sequence[bytes]) -> bytes:
    """PNG pictures of one width, from the top down, as one PNG; raises EngineError when one cannot be read."""
    with decoding_errors():
        parts = [load(tile, detect_mime(tile)) for tile in tiles]
        whole = functools.reduce(lambda above, below: above.join(below, "vertical"), parts)
        # It is read again at once and never sent as it is.
        return bytes(whole.pngsave_buffer(compression=1, filter="none", keep="none"))
