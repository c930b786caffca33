"""Page features for the classifier, as the page script reports them; untrusted input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import structlog

from tintype.logs import LogThrottle

log = structlog.get_logger("tintype.service")
_invalid_log = LogThrottle()


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
        )
