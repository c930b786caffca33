"""How is a master rendered? Met with the sizes of :mod:`tintype.imaging.geometry`, in sRGB, without metadata."""

from __future__ import annotations

from typing import Any

from tintype.errors import EngineError
from tintype.imaging.documents import encode_document
from tintype.imaging.encode import encode
from tintype.imaging.geometry import Box, ResizePlan, plan_resize, ratios, scale
from tintype.imaging.vips import decoding_errors, detect_mime, load
from tintype.model import Capture, Thumbnail, digest_of
from tintype.options import DOCUMENTS, Rendition

MAX_PIXELS = 60_000_000
"""Largest master that is decoded: hosted engines may answer anything, and 60 million can need 240 MB."""


def render(capture: Capture, rendition: Rendition) -> Thumbnail:
    """What is delivered; raises EngineError when the master cannot be read.

    A PNG delivered as PNG at its own size passes through untouched.
    """
    if rendition.format in DOCUMENTS:
        return _to_thumbnail(
            capture, encode_document(capture, rendition.format), rendition.mime, (capture.width, capture.height)
        )
    width, height, mime = size(capture.body)
    layout, body = plan_resize(width, height, rendition), capture.body
    untouched = mime == rendition.mime == "image/png" and layout.canvas == (width, height)
    if not untouched:
        with decoding_errors():
            image = _compose(load(body, mime, _preshrink(mime, layout)), layout, (width, height), rendition)
            body = encode(image, rendition.format, rendition.quality)
    return _to_thumbnail(capture, body, rendition.mime, layout.canvas)


def _to_thumbnail(capture: Capture, body: bytes, mime: str, box: Box) -> Thumbnail:
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
        truncated=capture.truncated,
        features_unavailable=capture.features_unavailable,
        verdict=capture.verdict,
    )


def size(body: bytes) -> tuple[int, int, str]:
    """Width, height and media type, read from the head alone; raises EngineError unless it is a permitted picture."""
    mime = detect_mime(body)
    if not mime:
        raise EngineError("the capture engine answered something that is not a picture")
    with decoding_errors():
        image = load(body, mime)
    if image.width * image.height > MAX_PIXELS:
        raise EngineError(f"the capture engine answered a picture of over {MAX_PIXELS // 1_000_000} megapixels")
    return image.width, image.height, mime


def verify(body: bytes) -> tuple[int, int, str]:
    """As :func:`size`, but the whole picture is decoded: one torn at its end raises EngineError as well."""
    seen = size(body)
    with decoding_errors():
        load(body, seen[2]).avg()
    return seen


def _preshrink(mime: str, layout: ResizePlan) -> int:
    """A JPEG is shrunk while decoding, as long as that leaves Lanczos a factor of two to smooth."""
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
    """The picture in sRGB, whatever profile it came with."""
    if image.get_typeof("icc-profile-data"):
        image = image.icc_transform("srgb", embedded=True, black_point_compensation=True)
    return image if image.interpretation == "srgb" else image.colourspace("srgb")
