"""Paper sizes of a PDF, and the room that margins leave on them."""

from __future__ import annotations

MM_PER_INCH = 25.4
PAPER_SIZES = {
    "a3": (11.7, 16.54),
    "a4": (8.27, 11.7),
    "a5": (5.83, 8.27),
    "letter": (8.5, 11),
    "legal": (8.5, 14),
    "tabloid": (11, 17),
}
"""Width and height in inches, as Chromium rounds them."""
MIN_PRINTABLE = 10
"""Millimetres between the margins of a sheet. Chromium refuses to print on a sheet without room."""


def largest_margin(paper: str) -> int:
    """The largest margin of a paper size, in whole millimetres; the shorter side decides in both orientations."""
    return int((min(PAPER_SIZES[paper]) * MM_PER_INCH - MIN_PRINTABLE) / 2)
