"""Efforts of encoders."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from tintype.imaging.encode import AVIF_FAST_ABOVE_PIXELS, encode


@dataclass
class FakeImage:
    """Keeps the arguments of its encoder."""

    width: int
    height: int
    arguments: dict[str, Any] = field(default_factory=dict)

    def heifsave_buffer(self, **arguments: Any) -> bytes:
        self.arguments = arguments
        return b""


@pytest.mark.parametrize(
    ("height", "effort"), [(AVIF_FAST_ABOVE_PIXELS // 1000, 1), (AVIF_FAST_ABOVE_PIXELS // 1000 + 1, 0)]
)
def test_large_avif_images_are_encoded_with_less_effort(height: int, effort: int) -> None:
    image = FakeImage(1000, height)
    encode(image, "avif", 80)
    assert (image.arguments["effort"], image.arguments["Q"]) == (effort, 60)
