"""Captures every case of the gallery through a complete node, beside its golden image."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pyvips

from harness.node import Node
from harness.site_server import SiteServer
from tests.gallery.cases import GOLDEN, Case
from tests.gallery.comparison import ALLOWED, ALLOWED_WITH_OTHER_FONTS, Comparison, compare

_CONCURRENT = 3
_FONTS = GOLDEN / "fonts.json"
_COMPARED_FONTS = ("Arial", "Times New Roman", "Courier New", "Noto Sans Thai", "Noto Sans CJK JP", "Noto Color Emoji")


@dataclass(frozen=True, slots=True)
class Screenshot:
    """One case with the image that the node returned now."""

    case: Case
    body: bytes
    status: int
    verdict: str
    seconds: float

    @property
    def golden(self) -> bytes | None:
        """The golden image, if there is one."""
        return self.case.golden.read_bytes() if self.case.golden.exists() else None

    def compare(self) -> Comparison:
        """Compare with the golden image; with other versions of fonts the limit is wider."""
        allowed = ALLOWED if same_fonts() else ALLOWED_WITH_OTHER_FONTS
        return compare(self.golden, self.body, allowed)

    def accept(self) -> int:
        """Replace the golden image; returns its size in bytes."""
        self.case.golden.parent.mkdir(exist_ok=True)
        body = compact(self.body)
        self.case.golden.write_bytes(body)
        return len(body)


def capture_all(cases: Sequence[Case]) -> list[Screenshot]:
    """Capture each case; raises httpx.HTTPStatusError if a response is not an image."""
    with tempfile.TemporaryDirectory() as scratch, SiteServer() as site:
        env = {"TINTYPE_ALLOW_ADDRESSES": f"127.0.0.1:{site.port}", "TINTYPE_WORKERS": "1"}
        env["TINTYPE_CHROMIUM"] = os.environ.get("TINTYPE_CHROMIUM", "")
        with Node(data=Path(scratch) / "data", env=env) as node, ThreadPoolExecutor(_CONCURRENT) as executor:
            return list(executor.map(lambda case: _capture(node, site, case), cases))


def _capture(node: Node, site: SiteServer, case: Case) -> Screenshot:
    answer = node.thumb(site.url(case.path), format="png", **case.options)
    if not answer.headers["Content-Type"].startswith("image/"):
        raise httpx.HTTPStatusError(f"{case.name}: {answer.text}", request=answer.request, response=answer)
    verdict = answer.headers.get("X-Verdict", "")
    return Screenshot(case, answer.content, answer.status_code, verdict, answer.elapsed.total_seconds())


@functools.cache
def same_fonts() -> bool:
    """Whether the installed fonts have the versions with which the golden images were captured."""
    return _FONTS.exists() and bool(json.loads(_FONTS.read_text()) == _font_versions())


def remove_unused(cases: Sequence[Case]) -> None:
    """Delete golden images without a case, and record the versions of the fonts of the others."""
    for path in {*GOLDEN.glob("*.png")} - {case.golden for case in cases}:
        path.unlink()
    _FONTS.write_text(json.dumps(_font_versions(), indent=2) + "\n")


def _font_versions() -> dict[str, str]:
    """By requested font, the installed one that replaces it, with its version."""
    command = ("fc-match", "--format=%{family} %{fontversion}")
    return {
        name: subprocess.run([*command, name], capture_output=True, text=True, check=True).stdout
        for name in _COMPARED_FONTS
    }


def compact(body: bytes) -> bytes:
    """The image with a palette of 256 colours, or in full colour if that is smaller, as for gradients."""
    image = pyvips.Image.new_from_buffer(body, "")
    palette, full = (
        bytes(image.pngsave_buffer(keep="none", **how))
        for how in ({"palette": True, "Q": 90, "effort": 10, "dither": 0.0}, {"compression": 9, "filter": "all"})
    )
    return min(palette, full, key=len)
