"""Benchmark of scaling and encoding: milliseconds, bytes and similarity for several masters.

``python -m bench.imaging [--images DIR] [--repeat N]``. DIR contains PNG masters, preferably from Chromium's fast PNG
encoder; without it three are drawn: text, a user interface and a photo-like image. ``*`` marks the settings of the
service.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyvips
from rich.table import Table

from bench.tables import print_tables
from tintype import imaging
from tintype.model import Capture
from tintype.options import Rendition

WORDS = ("the", "way", "of", "a", "page", "from", "its", "address", "to", "picture", "that", "is", "kept", "forever")

WEBP, AVIF, PNG = 2, 1, (3, "none")
"""Encoder efforts used by the service."""


def prose(width: int = 1280, height: int = 720) -> Any:
    """Dark text on white, edge to edge."""
    rng = random.Random(1)
    text = "\n".join(" ".join(rng.choices(WORDS, k=90)) for _ in range(12))
    ink = pyvips.Image.text(text, font="sans 16", width=width - 160, dpi=72, spacing=6)
    return page(width, height).insert(ink.ifthenelse([34, 34, 34], page(ink.width, ink.height), blend=True), 80, 30)


def interface(width: int = 1280, height: int = 720) -> Any:
    """Tiles of flat colour with short text."""
    rng, image = random.Random(2), page(width, height, (241, 245, 249))
    for left in range(20, width - 200, 240):
        for top in range(20, height - 100, 140):
            tile = page(220, 120).insert(page(220, 4, [rng.randrange(256) for _ in range(3)]), 0, 0)
            ink = pyvips.Image.text(" ".join(rng.choices(WORDS, k=9)), font="sans 14", width=190, dpi=72)
            text = ink.ifthenelse([80, 80, 90], page(ink.width, ink.height), blend=True)
            image = image.insert(tile.insert(text, 15, 20), left, top)
    return image


def photo(width: int = 1280, height: int = 720) -> Any:
    """Soft gradients with camera noise."""
    bands = [pyvips.Image.perlin(width, height, cell_size=90, seed=n) * 120 + 128 for n in range(3)]
    grain = pyvips.Image.gaussnoise(width, height, sigma=6, seed=4)
    return (bands[0].bandjoin(bands[1:]) + grain).cast("uchar").copy(interpretation="srgb")


def page(width: int, height: int, colour: Any = (255, 255, 255)) -> Any:
    """One colour."""
    return pyvips.Image.black(width, height, bands=3).linear(1, colour).cast("uchar").copy(interpretation="srgb")


def masters(folder: Path | None) -> dict[str, bytes]:
    """PNG bodies by name."""
    if folder:
        return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.png"))}
    drawn = {"prose": prose, "interface": interface, "photo": photo}
    return {name: draw().pngsave_buffer(compression=1, filter="sub") for name, draw in drawn.items()}


def encoders() -> Iterator[tuple[str, Callable[[Any], bytes]]]:
    """Encoders to compare; those of the service are marked."""
    for optimised in (False, True):
        name = "* jpeg 80 optimised" if optimised else "  jpeg 80"
        yield name, lambda i, o=optimised: i.jpegsave_buffer(Q=80, optimize_coding=o, keep="none")
    for effort in (0, 1, 2, 4):
        name = f"{'*' if effort == WEBP else ' '} webp 80 effort {effort}"
        yield name, lambda i, e=effort: i.webpsave_buffer(Q=80, effort=e, keep="none")
    for effort in (0, 1, 2, 4):
        name = f"{'*' if effort == AVIF else ' '} avif 60 effort {effort}"
        yield name, lambda i, e=effort: i.heifsave_buffer(Q=60, effort=e, compression="av1", keep="none")
    for level in (1, 3, 6):
        for filtering in ("none", "sub", "all"):
            name = f"{'*' if (level, filtering) == PNG else ' '} png {level} {filtering}"
            yield name, lambda i, c=level, f=filtering: i.pngsave_buffer(compression=c, filter=f, keep="none")


def measure(make: Callable[[], bytes], repeat: int) -> tuple[float, bytes]:
    """Median milliseconds, and the result."""
    made, milliseconds = make(), []
    for _ in range(repeat):
        begin = time.perf_counter()
        make()
        milliseconds.append((time.perf_counter() - begin) * 1000)
    return statistics.median(milliseconds), made


def psnr(original: Any, body: bytes) -> float:
    """PSNR in decibels; 99 for equal images."""
    decoded = pyvips.Image.new_from_buffer(body, "")
    error = ((original.cast("float") - decoded.cast("float")) ** 2).avg()
    return 10 * math.log10(255**2 / error) if error else 99.0


def compare(bodies: dict[str, bytes], width: int, repeat: int) -> Table:
    """Every encoder on every master at one width."""
    table = Table("ms / KiB / dB", *bodies, title=f"{width} px wide, decoding and scaling included")
    for name, encode in encoders():
        cells = []
        for body in bodies.values():
            scaled = scale_to(body, width).copy_memory()
            milliseconds, made = measure(lambda b=body, e=encode: e(scale_to(b, width)), repeat)
            cells.append(f"{milliseconds:.1f} / {len(made) / 1024:.1f} / {psnr(scaled, made):.1f}")
        table.add_row(name, *cells)
    return table


def scale_to(body: bytes, width: int) -> Any:
    """Scale an undecoded master to a width."""
    image = pyvips.Image.pngload_buffer(body, access="sequential")
    return image if width == image.width else image.thumbnail_image(width)


def renditions(bodies: dict[str, bytes], repeat: int) -> Table:
    """The complete rendering from master to thumbnail."""
    table = Table("ms / KiB", *bodies, title="imaging.render with the arguments of the service")
    sizes: tuple[dict[str, Any], ...] = ({}, {"thumb_width": 320}, {"thumb_width": 640, "thumb_height": 360})
    for size in sizes:
        for form in ("png", "jpeg", "webp", "avif"):
            cells = []
            for body in bodies.values():
                capture = Capture(body=body, width=0, height=0, taken_at=0)
                rendition = Rendition(format=form, **size)
                milliseconds, made = measure(lambda c=capture, r=rendition: imaging.render(c, r).body, repeat)
                cells.append(f"{milliseconds:.1f} / {len(made) / 1024:.1f}")
            table.add_row(f"{form} {'x'.join(map(str, size.values())) or 'unscaled'}", *cells)
    return table


def main() -> None:
    """Print three tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--repeat", type=int, default=7)
    arguments = parser.parse_args()
    bodies = masters(arguments.images)
    imaging.size(next(iter(bodies.values())))  # initialises libvips as in the service
    for table in (compare(bodies, 320, arguments.repeat), compare(bodies, 1280, arguments.repeat)):
        print_tables(table)
    print_tables(renditions(bodies, arguments.repeat))


if __name__ == "__main__":
    main()
