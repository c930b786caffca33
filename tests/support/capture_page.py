"""Captures of one fixture page with options, and the colours and values that it shows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.site_server import SiteServer
from tests.support.images import pixel
from tintype.engines.chromium import ChromiumEngine
from tintype.errors import InvalidRequest, TintypeError
from tintype.model import Capture
from tintype.options import Options

BLUE, RED, GREEN, WHITE, BLACK = (0, 102, 204), (204, 0, 0), (0, 153, 0), (255, 255, 255), (0, 0, 0)
YELLOW = (255, 255, 0)
HEADER, GATE, BODY = (300, 50), (100, 250), (500, 400)
"""Where these are in the viewport of changeable.html."""


class CapturePage:
    """Captures a page of the fixture site at 640 x 480."""

    def __init__(self, engine: ChromiumEngine, site: SiteServer) -> None:
        self._engine = engine
        self._site = site

    def __call__(self, path: str = "/changeable.html", **options: Any) -> Capture:
        request = Options(url=self._site.url(path), **{"width": 640, "height": 480, **options}).capture_request()
        return self._engine.capture(request.shot)


def colours(capture: Capture, *positions: tuple[int, int]) -> list[tuple[int, ...]]:
    return [pixel(capture.body, *position)[:3] for position in positions]


def reported(capture: Capture) -> dict[str, Any]:
    """The values that visitor.html puts into its title."""
    return dict(json.loads(capture.title))


def invalid_parameter(capture: CapturePage, **options: Any) -> str:
    """The parameter that the engine rejects."""
    with pytest.raises(TintypeError) as caught:
        capture(**options)
    assert isinstance(caught.value, InvalidRequest)
    return caught.value.invalid_parameters[0].parameter
