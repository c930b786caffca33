"""How is delivered what is no picture? A PDF as it was printed, and what a page says of itself as JSON."""

from __future__ import annotations

import json
from typing import Any

from tintype.errors import EngineError, InvalidParameter, UnsupportedOption
from tintype.model import Capture


def encode_document(capture: Capture, form: str) -> bytes:
    """The bytes of it; raises EngineError or UnsupportedOption when the engine did not bring what is needed."""
    return _pdf(capture) if form == "pdf" else _metadata_json(capture)


def _pdf(capture: Capture) -> bytes:
    if capture.is_image:
        raise EngineError("the capture engine answered something that is not a PDF")
    return capture.body


def _metadata_json(capture: Capture) -> bytes:
    if not capture.meta:
        raise UnsupportedOption(InvalidParameter("format", "json is not offered by the engine that took this page"))
    members: dict[str, Any] = {
        "final_url": capture.final_url,
        "status": capture.status,
        "verdict": capture.verdict,
        "taken_at": int(capture.taken_at),
        **capture.meta,
    }
    return json.dumps(members, ensure_ascii=False, indent=1).encode("utf-8", "replace") + b"\n"
