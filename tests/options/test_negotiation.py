"""The image format for an Accept header."""

from __future__ import annotations

from typing import get_args

import pytest
from flask import Request
from werkzeug.test import EnvironBuilder

from tintype.options import FormatName, negotiation
from tintype.options.negotiation import negotiate, quality
from tintype.web.raw_params import accepted_types

CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
SAFARI = "image/webp,image/avif,video/*;q=0.8,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"
OLD_SAFARI = "image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5"


def accepted(header: str | None) -> dict[str, float]:
    headers = [("Accept", header)] if header is not None else []
    return accepted_types(Request(EnvironBuilder(headers=headers).get_environ()))


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        # no preference
        (None, "jpeg"), ("", "jpeg"), ("*/*", "jpeg"), ("image/*", "jpeg"), ("text/html", "jpeg"), ("garbage", "jpeg"),
        # browsers
        (CHROME, "avif"), (SAFARI, "avif"), (OLD_SAFARI, "png"), ("image/webp,*/*", "webp"),
        # quality
        ("image/webp;q=0.5, image/png;q=0.9", "png"), ("image/avif;q=0.1, image/webp", "webp"),
        ("image/webp;q=0.5, */*", "jpeg"), ("*/*, image/png;q=0.1", "jpeg"), ("image/*;q=0.2, image/png", "png"),
        ("image/jpeg;q=0.4, image/*;q=0.5", "png"), ("image/webp;q=2, image/png", "png"),
        # not acceptable
        ("image/jpeg;q=0", "png"), ("image/jpeg;q=0.000, */*", "png"), ("*/*, image/jpeg;q=0, image/png;q=0", "webp"),
        ("image/avif;q=0, image/webp", "webp"), ("image/*;q=0, image/png", "png"), ("*/*;q=0", "jpeg"),
        ("image/webp, image/avif;q=0, */*;q=0.1", "webp"),
        # the most specific range decides, in any order
        ("image/*, image/webp;q=0.1", "jpeg"), ("image/png;q=0.3, image/*;q=0.2, */*", "png"),
        # parameters, case and spaces
        ("image/webp;level=1", "webp"), ("image/webp;level=1;q=0.2, image/png;q=0.3", "png"),
        ("image/webp;level=1;q=0, image/webp", "webp"), ("IMAGE/WebP ; Q=0.9 , image/png ;q=0.8", "webp"),
        ('image/webp;v=","', "webp"), ("image/webp;q=0.8;q=0.1, image/png;q=0.5", "png"),
    ],
)  # fmt: skip
def test_chooses_the_format(header: str | None, chosen: str) -> None:
    assert negotiate(accepted(header)) == chosen


@pytest.mark.parametrize(
    ("header", "value"),
    [("text/html", 1), ("text/*;q=0.3", 0.3), ("*/*;q=0.2, text/html;q=0", 0), ("image/png", 0), (None, 1)],
)
def test_quality_is_that_of_the_most_specific_range(header: str | None, value: float) -> None:
    assert quality(accepted(header), "text/html") == value


def test_ranks_every_image_format() -> None:
    formats = set(get_args(FormatName))
    assert set(negotiation.PREFERRED) == set(negotiation.UNIVERSAL) == formats
