"""Recognizes loading screens: a spinner, a splash screen or a skeleton, with or without a caption, and nothing else.

Page features name what may be a loader and where it is; the pixels show whether anything else is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tintype import imaging
from tintype.imaging import Box
from tintype.service.classify import patterns
from tintype.service.classify.features import LoadingFeatures
from tintype.service.classify.loading_texts import LOADING, LOADING_BESIDE_SPINNER

_MAX_CAPTION = 120
"""Characters of a caption."""
_MAX_EDGES = 40
"""Pixels of edges that are not worth mentioning: less than a letter of 16 pixels."""
_CONTRAST, _PALE_CONTRAST = 8, 44
"""Levels (of 255) of an edge; between the boxes of skeletons pale lines and shadows are nothing either."""
_MIN_SKELETON = 3
"""Boxes of a skeleton."""
_MAX_PICTURE_SHARE, _MAX_MOVING_SHARE = 0.2, 0.06
"""Largest share of the view of a logo or of a picture with the name of a loader, and of a lonely picture that moves."""
_MAX_REST_SHARE = 0.15
"""Largest share of the view of what is drawn beside a caption, or on a splash screen."""
_MARGIN, _MARGIN_SHARE = 12, 0.6
"""Pixels, and part of its size, by which the box of a loader is exceeded: loaders turn, jump and have shadows."""
_MAX_PICTURES = 3


@dataclass(frozen=True, slots=True)
class _Screen:
    """A captured screen with the features of its page; boxes in pixels of the image."""

    body: bytes
    features: LoadingFeatures
    scale: float

    def leftover(self, boxes: Iterable[Box], contrast: int = _CONTRAST) -> imaging.Leftover:
        return imaging.measure_leftover(self.body, (self.scaled(box) for box in boxes), contrast)

    def scaled(self, box: Box) -> Box:
        left, top, width, height = (round(length * self.scale) for length in box)
        return left, top, width, height

    def share(self, width: float, height: float) -> float:
        """A size in CSS pixels as a part of the view."""
        return width * height / (self.features.view[0] * self.features.view[1])


def is_loading_screen(body: bytes, width: int, title: str, features: LoadingFeatures) -> bool:
    """Whether an image, ``width`` pixels wide, shows nothing but a loading screen; raises EngineError."""
    screen = _Screen(body, features, width / features.view[0])
    loaders, pictures = _loaders(screen)
    text, texts = features.text.strip(), LOADING
    if loaders or features.unplaced:
        texts = LOADING_BESIDE_SPINNER
    if features.unplaced or any(_is_apart(loader, features.captions) for loader in loaders):
        text = _without_name(text, title)
    if len(text) > _MAX_CAPTION or not texts.fullmatch(text) or _shows_large_picture(screen):
        return False
    if loaders and _shows_nothing_else(screen, loaders, pictures):
        return True
    if features.unplaced and _fits(screen, features.unplaced):
        return True
    if text or features.cover:
        rest = screen.leftover(_grown(features.captions))
        return screen.share(rest.width / screen.scale, rest.height / screen.scale) <= _MAX_REST_SHARE
    if not features.pictures:
        return imaging.is_pale(body) and screen.leftover(()).edge_pixels > _MAX_EDGES
    lonely = features.pictures[0]
    return lonely.kind == "canvas" and len(features.pictures) == 1 and imaging.is_ring(body, screen.scaled(lonely.box))


def _is_apart(loader: Box, captions: Iterable[Box]) -> bool:
    """Whether a loader has no text: a word that moves is no spinner."""
    left, top, width, height = loader
    return not any(
        x < left + width and left < x + text_width and y < top + height and top < y + text_height
        for x, y, text_width, text_height in captions
    )


def _loaders(screen: _Screen) -> tuple[list[Box], list[Box]]:
    """Boxes of loaders, and of pictures that may be logos beside them."""
    loaders, pictures = list(screen.features.loaders), []
    for picture in screen.features.pictures:
        share = screen.share(*picture.box[2:])
        if picture.moves and share <= (_MAX_PICTURE_SHARE if picture.named else _MAX_MOVING_SHARE):
            loaders.append(picture.box)
        elif share <= _MAX_PICTURE_SHARE:
            pictures.append(picture.box)
    return loaders, pictures


def _shows_large_picture(screen: _Screen) -> bool:
    return any(
        picture.fills and screen.share(*picture.box[2:]) > _MAX_PICTURE_SHARE
        for picture in screen.features.pictures
        if picture.kind not in {"canvas", "svg"}
    )


def _shows_nothing_else(screen: _Screen, loaders: list[Box], pictures: list[Box]) -> bool:
    boxes = [*_grown(loaders), *_grown(screen.features.captions)]
    is_skeleton = len(loaders) >= _MIN_SKELETON
    if is_skeleton or len(pictures) <= _MAX_PICTURES:
        boxes += _grown(pictures)
    if is_skeleton:
        boxes += _grown(screen.features.bars, share=0)
    return screen.leftover(boxes, _PALE_CONTRAST if is_skeleton else _CONTRAST).edge_pixels <= _MAX_EDGES


def _fits(screen: _Screen, sizes: Iterable[tuple[int, int]]) -> bool:
    """Whether everything that is drawn is no larger than one of the loaders whose place is unknown."""
    rest = screen.leftover(_grown(screen.features.captions))
    longest = 2 * _MARGIN + (1 + _MARGIN_SHARE) * max(max(size) for size in sizes)
    return 0 < max(rest.width, rest.height) <= longest * screen.scale


def _grown(boxes: Iterable[Box], share: float = _MARGIN_SHARE) -> list[Box]:
    grown = []
    for left, top, width, height in boxes:
        margin = _MARGIN + round(share * min(width, height))
        grown.append((left - margin, top - margin, width + 2 * margin, height + 2 * margin))
    return grown


def _without_name(text: str, title: str) -> str:
    """The text without the name of the application, as the title has it."""
    for name in patterns.TITLE_PARTS.split(title):
        words = name.strip().lower()
        if words and text.lower().startswith(words):
            return text[len(words) :].strip()
    return text
