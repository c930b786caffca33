"""Renders a thumbnail from a master: resize, crop, pad, sRGB; reads sizes and verifies images."""

from __future__ import annotations

from typing import Any

from tintype.errors import EngineError
from tintype.imaging.documents import encode_document
from tintype.imaging.encode import encode
from tintype.imaging.geometry import Box, ResizePlan, plan_resize, ratios, scale
from tintype.imaging.vips import decoding_errors, detect_mime, load
from tintype.model import Capture, Thumbnail, Truncation, digest_of
from tintype.options import DOCUMENTS, Rendition

MAX_PIXELS = 60_000_000
"""Largest master that is decoded: a hosted engine can return any image, and 60 million pixels can need 240 MB."""


def render(capture: Capture, rendition: Rendition) -> Thumbnail:
    """The thumbnail; raises EngineError if the master cannot be decoded.

    A PNG that is delivered as PNG at its size is passed through unchanged.
    """
    if rendition.format in DOCUMENTS:
        document = encode_document(capture, rendition.format)
        return _to_thumbnail(capture, document, rendition.mime, (capture.width, capture.height), capture.truncated)
    width, height, mime = size(capture.body)
    layout, body = plan_resize(width, height, rendition), capture.body
    is_unchanged = mime == rendition.mime == "image/png" and layout.canvas == (width, height)
    if not is_unchanged:
        with decoding_errors():
            image = _compose(load(body, mime, _preshrink(mime, layout)), layout, (width, height), rendition)
            body = encode(image, rendition.format, rendition.quality)
    truncated = Truncation.FORMAT if layout.is_cut else capture.truncated
    return _to_thumbnail(capture, body, rendition.mime, layout.canvas, truncated)


def rendering_pixels(width: int, height: int, rendition: Rendition) -> int:
    """Pixels that rendering a master of this size reads and writes: the measure of its memory and time."""
    if rendition.format in DOCUMENTS:
        return 0
    canvas = plan_resize(max(1, width), max(1, height), rendition).canvas
    return width * height + canvas[0] * canvas[1]


def _to_thumbnail(capture: Capture, body: bytes, mime: str, box: Box, truncated: Truncation) -> Thumbnail:
    return Thumbnail(
        body=body,
        mime=mime,
        width=box[0],
        height=box[1],
        taken_at=capture.taken_at,
        digest=digest_of(body),
        status=capture.status,
        final_url=capture.final_url,
        partial=capture.partial,
        truncated=truncated,
        features_unavailable=capture.features_unavailable,
        verdict=capture.verdict,
        begun_at=capture.begun_at,
    )


def size(body: bytes) -> tuple[int, int, str]:
    """Width, height and media type from the image's header; raises EngineError unless it is a permitted image."""
    mime = detect_mime(body)
    if not mime:
        raise EngineError("the capture engine returned something that is not an image")
    with decoding_errors():
        image = load(body, mime)
    if image.width * image.height > MAX_PIXELS:
        raise EngineError(f"the capture engine returned an image of over {MAX_PIXELS // 1_000_000} megapixels")
    return image.width, image.height, mime


def verify(body: bytes) -> tuple[int, int, str]:
    """As :func:`size`, but decodes the whole image: a truncated one raises EngineError as well."""
    seen = size(body)
    with decoding_errors():
        load(body, seen[2]).avg()
    return seen


def _preshrink(mime: str, layout: ResizePlan) -> int:
    """Factor by which a JPEG is reduced while decoding; it leaves at least a factor of two for Lanczos."""
    spare = min(ratios(layout.crop, layout.scaled)) if mime == "image/jpeg" else 1
    return next((factor for factor in (8, 4, 2) if spare >= 2 * factor), 1)


def _compose(image: Any, layout: ResizePlan, source: Box, rendition: Rendition) -> Any:
    image = to_srgb(image)
    if layout.crop != source:
        wanted = scale(layout.crop, image.width / source[0])
        width, height = min(wanted[0], image.width), min(wanted[1], image.height)
        image = image.crop((image.width - width) // 2, 0, width, height)
    if layout.scaled != (image.width, image.height):
        image = image.thumbnail_image(layout.scaled[0], height=layout.scaled[1], size="force", no_rotate=True)
    if layout.canvas != layout.scaled:
        image = _pad(image, layout.canvas, opaque=rendition.format == "jpeg")
    return image


def _pad(image: Any, canvas: Box, *, opaque: bool) -> Any:
    if not opaque and not image.hasalpha():
        image = image.addalpha()
    background = [255, 255, 255, 0][: image.bands]
    return image.gravity("centre", *canvas, extend="background", background=background)


def to_srgb(image: Any) -> Any:
    """The image converted from its profile to sRGB."""
    if image.get_typeof("icc-profile-data"):
        image = image.icc_transform("srgb", embedded=True, black_point_compensation=True)
    return image if image.interpretation == "srgb" else image.colourspace("srgb")
