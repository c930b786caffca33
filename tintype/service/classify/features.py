"""Page features for the classifier, as the page script reports them; untrusted input."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import structlog

from tintype.imaging import Box
from tintype.logs import LogThrottle

log = structlog.get_logger("tintype.service")
_invalid_log = LogThrottle()

_MAX_LENGTH = 100_000
"""CSS pixels; boxes may lie far outside of the view."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginForm:
    """A form with a password field in view. ``height`` and ``vertical_position`` (of the field) are in viewports."""

    height: float
    vertical_position: float
    letters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """Fixed elements above the page. ``share`` is the part of the viewport they cover, 0 to 1."""

    share: float = 0.0
    text: str = ""
    consent: bool = False
    """A known consent manager created it."""
    password: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image, a canvas, a drawing or a background in view."""

    kind: str
    box: Box
    fills: bool
    """It is as large as its box; a background may be smaller."""
    named: bool
    """Its name is that of a loader."""
    moves: bool
    """Its file is an animation without an end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadingFeatures:
    """The report of ``chromium/scripts/loading_screen.js``, in CSS pixels: of a page with hardly any text."""

    view: tuple[int, int]
    text: str
    captions: tuple[Box, ...]
    loaders: tuple[Box, ...]
    unplaced: tuple[tuple[int, int], ...]
    pictures: tuple[Picture, ...]
    bars: tuple[Box, ...]
    cover: bool

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """Features from plain values; raises ValueError, TypeError, KeyError or OverflowError."""
        view_width, view_height = (int(length) for length in data["view"])
        if view_width <= 0 or view_height <= 0:
            raise ValueError("the view is empty")
        return cls(
            view=(view_width, view_height),
            text=str(data["text"]),
            captions=_boxes(data["captions"]),
            loaders=_boxes(data["loaders"]),
            unplaced=tuple((int(width), int(height)) for width, height in data["unplaced"]),
            pictures=tuple(
                Picture(
                    kind=str(each["kind"]),
                    box=_box(each["box"]),
                    fills=bool(each["fills"]),
                    named=bool(each["named"]),
                    moves=bool(each["moves"]),
                )
                for each in data["pictures"]
            ),
            bars=_boxes(data["bars"]),
            cover=bool(data["cover"]),
        )


def _boxes(data: Iterable[Any]) -> tuple[Box, ...]:
    return tuple(_box(each) for each in data)


def _box(data: Iterable[Any]) -> Box:
    left, top, width, height = (max(-_MAX_LENGTH, min(int(length), _MAX_LENGTH)) for length in data)
    return left, top, max(width, 0), max(height, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFeatures:
    """The report of ``chromium/scripts/page_features.js``. Counts are of visible elements and are bounded."""

    letters: int = 0
    """Letters of the whole page."""
    letters_in_view: int = 0
    """Letters in view."""
    sample: str = ""
    headings: tuple[str, ...] = ()
    media: int = 0
    """Images, canvases, videos and frames in view."""
    links: int = 0
    frames: tuple[str, ...] = ()
    """Host and path of each frame."""
    marks: frozenset[str] = frozenset()
    overlay: Overlay = Overlay()
    login: LoginForm | None = None
    loading: LoadingFeatures | None = None
    """None if the page shows more than a loading screen does."""

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self | None:
        """Page features from plain values; None if the engine reports none or they have another shape (logged)."""
        try:
            return cls._read(data) if data else None
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
            if _invalid_log.allows():
                log.warning("page_features_invalid", error=type(error).__name__, reason=str(error)[:200])
            return None

    @classmethod
    def _read(cls, data: Mapping[str, Any]) -> Self:
        overlay, login = data["overlay"], data["login"]
        return cls(
            letters=int(data["letters"]),
            letters_in_view=int(data["letters_in_view"]),
            sample=str(data["sample"]),
            headings=tuple(str(heading) for heading in data["headings"]),
            media=int(data["media"]),
            links=int(data["links"]),
            frames=tuple(str(frame) for frame in data["frames"]),
            marks=frozenset(str(mark) for mark in data["marks"]),
            overlay=Overlay(
                share=float(overlay["share"]),
                text=str(overlay["text"]),
                consent=bool(overlay["consent"]),
                password=bool(overlay["password"]),
            ),
            login=login
            and LoginForm(
                height=float(login["height"]),
                vertical_position=float(login["vertical_position"]),
                letters=int(login["letters"]),
            ),
            loading=LoadingFeatures.read(data["loading"]) if data.get("loading") else None,
        )
