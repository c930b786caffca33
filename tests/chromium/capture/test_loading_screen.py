"""Image files that are an animation without an end."""

from __future__ import annotations

import pytest

from tintype.chromium.capture.loading_screen import moves

FRAME = b"\x21\xf9\x04\0\0\0\0\0"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"GIF89a" + FRAME * 2, True),
        (b"GIF89a" + FRAME, False),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR...acTL", True),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", False),
        (b"RIFF\0\0\0\0WEBPVP8X....ANIM", True),
        (b"RIFF\0\0\0\0WEBPVP8 ", False),
        (b'<svg><animate repeatCount="indefinite"/></svg>', True),
        (b"<svg><style>a { animation: turn 1s linear infinite }</style></svg>", True),
        (b'<svg><animate repeatCount="1"/></svg>', False),
        (b"", False),
    ],
)
def test_recognizes_animations_without_an_end(content: bytes, expected: bool) -> None:
    assert moves(content) is expected
