"""PDF and metadata of a capture as documents."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tintype.errors import EngineError, UnsupportedOption
from tintype.imaging.documents import encode_document
from tintype.model import Capture

CAPTURE = Capture(body=b"\x89PNG", width=1, height=1, taken_at=1.0)


def test_rejects_json_from_an_engine_without_metadata() -> None:
    with pytest.raises(UnsupportedOption):
        encode_document(CAPTURE, "json")


def test_reports_a_page_that_was_too_busy_for_its_metadata() -> None:
    with pytest.raises(EngineError, match="too busy"):
        encode_document(replace(CAPTURE, features_unavailable=True), "json")


def test_rejects_an_image_in_place_of_a_pdf() -> None:
    with pytest.raises(EngineError):
        encode_document(CAPTURE, "pdf")
