"""All pictures of the gallery, taken by a whole service as callers get them, beside the golden ones."""

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

_AT_ONCE = 3
_FONTS = GOLDEN / "fonts.json"
_DECISIVE = ("Arial", "Times New Roman", "Courier New", "Noto Sans Thai", "Noto Sans CJK JP", "Noto Color Emoji")


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One case with the picture of today."""

    case: Case
    body: bytes
    status: int
    verdict: str
    seconds: float

    @property
    def golden(self) -> bytes | None:
        """The picture that is right, if there is one."""
        return self.case.golden.read_bytes() if self.case.golden.exists() else None

    def judge(self) -> Comparison:
        """How alike they are; where other fonts are installed, less is asked."""
        allowed = ALLOWED if same_fonts() else ALLOWED_WITH_OTHER_FONTS
        return compare(self.golden, self.body, allowed)

    def accept(self) -> int:
        """Make the picture of today the golden one; its size in bytes."""
        self.case.golden.parent.mkdir(exist_ok=True)
        body = compact(self.body)
        self.case.golden.write_bytes(body)
        return len(body)


def take(cases: Sequence[Case]) -> list[Exhibit]:
    """A picture of each case; raises httpx.HTTPStatusError where there is none."""
    with tempfile.TemporaryDirectory() as scratch, SiteServer() as site:
        env = {"TINTYPE_ALLOW_ADDRESSES": f"127.0.0.1:{site.port}", "TINTYPE_WORKERS": "1"}
        env["TINTYPE_CHROMIUM"] = os.environ.get("TINTYPE_CHROMIUM", "")
        with Node(data=Path(scratch) / "data", env=env) as node, ThreadPoolExecutor(_AT_ONCE) as crowd:
            return list(crowd.map(lambda each: _take(node, site, each), cases))


def _take(node: Node, site: SiteServer, case: Case) -> Exhibit:
    answer = node.thumb(site.url(case.path), format="png", **case.options)
    if not answer.headers["Content-Type"].startswith("image/"):
        raise httpx.HTTPStatusError(f"{case.name}: {answer.text}", request=answer.request, response=answer)
    verdict = answer.headers.get("X-Verdict", "")
    return Exhibit(case, answer.content, answer.status_code, verdict, answer.elapsed.total_seconds())


@functools.cache
def same_fonts() -> bool:
    """Whether the golden pictures were taken with fonts of the versions that are installed here."""
    return _FONTS.exists() and bool(json.loads(_FONTS.read_text()) == _versions())


def tidy(cases: Sequence[Case]) -> None:
    """Remove golden pictures without a case, and remember with which fonts the others were taken."""
    for path in {*GOLDEN.glob("*.png")} - {case.golden for case in cases}:
        path.unlink()
    _FONTS.write_text(json.dumps(_versions(), indent=2) + "\n")


def _versions() -> dict[str, str]:
    """What each font asked for becomes here, with its version."""
    ask = ("fc-match", "--format=%{family} %{fontversion}")
    return {name: subprocess.run([*ask, name], capture_output=True, text=True, check=True).stdout for name in _DECISIVE}


def compact(body: bytes) -> bytes:
    """The same picture in as few bytes as a palette of 256 colours takes; even gradients stay in full colour."""
    image = pyvips.Image.new_from_buffer(body, "")
    palette, full = (
        bytes(image.pngsave_buffer(keep="none", **how))
        for how in ({"palette": True, "Q": 90, "effort": 10, "dither": 0.0}, {"compression": 9, "filter": "all"})
    )
    return min(palette, full, key=len)
