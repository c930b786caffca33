"""Pages that move: what ends is captured at its end, what never ends at the same moment in each capture."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.chromium.conftest import StartEngine
from tests.support.captures import shot
from tests.support.images import pixel
from tests.support.moving_pages import ENDLESS, FINITE, FIRST_FRAMES, IN_FRAMES, MovingPages
from tintype.chromium.capture import motion
from tintype.engines.chromium import ChromiumEngine
from tintype.model import Capture

pytestmark = pytest.mark.browser

GREEN, RED, WHITE = (0, 153, 0), (255, 0, 0), (255, 255, 255)
CAPTURES = 5
"""Captures of an endless page that have to be equal."""


@pytest.fixture(scope="module")
def site() -> Iterator[MovingPages]:
    with MovingPages() as server:
        yield server


@pytest.fixture(scope="module")
def engine(start_engine: StartEngine, site: MovingPages) -> ChromiumEngine:
    return start_engine(slots=4, queue=200, timeout=30.0, allow_addresses=site.allowed)


def colour(capture: Capture, x: int = 300, y: int = 120) -> tuple[int, ...]:
    return pixel(capture.body, x, y)[:3]


def capture_all(engine: ChromiumEngine, urls: list[str], **options: Any) -> list[Capture]:
    """Captures of all pages, four at a time."""
    with ThreadPoolExecutor(4) as threads:
        return [*threads.map(lambda url: engine.capture(shot(url, **options)), urls)]


@pytest.fixture(scope="module")
def at_end(engine: ChromiumEngine, site: MovingPages) -> dict[str, Capture]:
    """Captures of the finite pages."""
    return dict(zip(FINITE, capture_all(engine, [site.url(name) for name in FINITE]), strict=True))


@pytest.fixture(scope="module")
def repeated(engine: ChromiumEngine, site: MovingPages) -> dict[str, list[Capture]]:
    """Several captures of each endless page."""
    return {
        name: [engine.capture(shot(site.url(name, "endless", number=number))) for number in range(CAPTURES)]
        for name in ENDLESS
    }


class TestFiniteMotion:
    @pytest.mark.parametrize("name", FINITE)
    def test_captures_its_end(self, name: str, at_end: dict[str, Capture]) -> None:
        assert colour(at_end[name]) == GREEN
        assert not at_end[name].partial

    @pytest.mark.parametrize(
        "credentials", [{}, {"basic_auth": "a:b"}], ids=["in the process of the page", "in a process of its own"]
    )
    def test_captures_its_end_in_a_frame(
        self, credentials: dict[str, str], engine: ChromiumEngine, site: MovingPages
    ) -> None:
        captures = capture_all(engine, [site.framed_url(name) for name in IN_FRAMES], **credentials)
        assert [colour(capture) for capture in captures] == [GREEN] * len(IN_FRAMES)

    def test_captures_the_middle_of_more_than_8_seconds(self, engine: ChromiumEngine, site: MovingPages) -> None:
        capture = engine.capture(shot(site.url("CSS animation of 20 s", "endless")))
        left = round(motion._MOMENT_MS / 20_000 * 500)
        assert [colour(capture, x, 50) for x in (left - 3, left + 3, left + 97, left + 103)] == [
            WHITE,
            GREEN,
            GREEN,
            WHITE,
        ]


class TestEndlessMotion:
    @pytest.mark.parametrize("name", ENDLESS)
    def test_captures_the_same_moment_each_time(self, name: str, repeated: dict[str, list[Capture]]) -> None:
        assert len({hashlib.sha256(capture.body).hexdigest() for capture in repeated[name]}) == 1

    @pytest.mark.parametrize("name", sorted({*ENDLESS} - {*FIRST_FRAMES}))
    def test_shows_what_moves(self, name: str, repeated: dict[str, list[Capture]]) -> None:
        assert GREEN in {colour(repeated[name][0], x, 50) for x in range(0, 640, 40)}

    @pytest.mark.parametrize("name", FIRST_FRAMES)
    def test_shows_the_first_frame_of_an_image(self, name: str, repeated: dict[str, list[Capture]]) -> None:
        assert colour(repeated[name][0]) == RED

    def test_captures_the_same_moment_in_a_frame(self, engine: ChromiumEngine, site: MovingPages) -> None:
        url = site.framed_url("CSS animation", "endless")
        captures = capture_all(engine, [f"{url}?{number}" for number in range(CAPTURES)])
        assert len({hashlib.sha256(capture.body).hexdigest() for capture in captures}) == 1


class TestSvgContents:
    @pytest.mark.parametrize(
        ("text", "moves"),
        [
            ("<svg><animate attributeName='x'/></svg>", True),
            ("<svg><animateTransform/></svg>", True),
            ("<svg><set attributeName='x'/></svg>", True),
            ("<svg><style>@keyframes a{}</style></svg>", True),
            ("<svg><path d='M0 0'/></svg>", False),
        ],
    )
    def test_recognizes_animations(self, text: str, moves: bool) -> None:
        encoded = base64.b64encode(text.encode()).decode()
        for answer in ({"content": text, "base64Encoded": False}, {"content": encoded, "base64Encoded": True}):
            assert bool(motion._SVG_MOTION.search(motion._text(answer))) is moves

    def test_takes_images_of_moderate_size_of_all_frames(self) -> None:
        def frame(name: str, size: int, *children: Any) -> Any:
            image = {"url": f"{name}.svg", "type": "Image", "mimeType": "image/svg+xml", "contentSize": size}
            script = {"url": "x.js", "type": "Script", "mimeType": "text/javascript", "contentSize": 1}
            return {"frame": {"id": name}, "resources": [image, script], "childFrames": children}

        tree = frame("a", 10, frame("b", motion.MAX_SVG_BYTES + 1), frame("c", 20))
        assert [*motion._svg_images(tree)] == [("a", "a.svg"), ("c", "c.svg")]
