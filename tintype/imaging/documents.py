"""Documents in place of images: a PDF as Chromium printed it, and page metadata as JSON."""

from __future__ import annotations

import json
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tintype.errors import EngineError, InvalidParameter, UnsupportedOption
from tintype.model import Capture, Verdict


class PageIcon(BaseModel):
    """An icon that a page links to."""

    url: str
    rel: str = ""
    sizes: str = ""
    type: str = ""


class ElementBox(BaseModel):
    """A visible element, in CSS pixels from the corner of the image: the viewport, or the full page."""

    selector: Annotated[str, Field(description="CSS selector that matches this element only.")]
    x: int
    y: int
    width: int
    height: int


class ImageSize(BaseModel):
    """Size of the image that was captured, in CSS pixels."""

    width: int
    height: int


class PageMetadata(BaseModel):
    """Metadata of a page, as its markup declares them. Undeclared members are left out."""

    model_config = ConfigDict(extra="allow")

    final_url: Annotated[str, Field(description="URL of the page after redirects.")]
    status: Annotated[int | None, Field(description="HTTP status that the target returned.")]
    verdict: Annotated[str, Field(json_schema_extra={"enum": [verdict.value for verdict in Verdict]})]
    taken_at: Annotated[int, Field(description="Time of the capture, in seconds since the epoch.")]
    title: str = ""
    description: str = ""
    canonical: str = ""
    language: str = ""
    theme_color: str = ""
    author: str = ""
    icons: list[PageIcon] = []
    open_graph: dict[str, str] = {}
    twitter: dict[str, str] = {}
    image: Annotated[ImageSize | None, Field(description="With `elements=true`: what the boxes are placed in.")] = None
    elements: Annotated[list[ElementBox], Field(description="With `elements=true`, from the largest.")] = []


def encode_document(capture: Capture, form: str) -> bytes:
    """The document for ``format=pdf`` or ``json``; raises EngineError or UnsupportedOption if the engine made none."""
    return _pdf(capture) if form == "pdf" else _metadata_json(capture)


def _pdf(capture: Capture) -> bytes:
    if capture.is_image:
        raise EngineError("the capture engine sent something other than a PDF")
    return capture.body


def _metadata_json(capture: Capture) -> bytes:
    if not capture.meta and capture.features_unavailable:
        raise EngineError("the page was too busy to report its metadata; try again")
    if not capture.meta:
        raise UnsupportedOption(
            InvalidParameter("format", "json is not supported by the engine that captured this page")
        )
    fields = {
        "final_url": capture.final_url,
        "status": capture.status,
        "verdict": capture.verdict,
        "taken_at": int(capture.taken_at),
    }
    # not validated: a page chooses these values, and they are never interpreted
    metadata = PageMetadata.model_construct(**{**fields, **capture.meta})
    members = metadata.model_dump(exclude_unset=True, warnings=False)
    return json.dumps(members, ensure_ascii=False, indent=1).encode("utf-8", "replace") + b"\n"
