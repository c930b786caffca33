"""Responses of the third-party hosts: scripts, frames, images, a font, lists, and counters of beacons."""

from __future__ import annotations

import functools
import json
import random
from pathlib import Path

import pyvips

from bench.third_party.hosts import HOSTS
from bench.third_party.library import library

FONT_PACKAGE, FONT = "@fontsource/source-sans-3@5.0.12", "files/source-sans-3-latin-400-normal.woff2"
"""Package of the font of the chat, which one of the pages uses too."""
SCRIPTS = {
    "consent": 320,
    "tag_manager": 240,
    "analytics": 50,
    "recorder": 60,
    "advertising": 330,
    "creative": 40,
    "chat": 400,
    "conversation": 120,
}
"""Kilobytes of each script, uncompressed."""
_IMAGES = {"rectangle": (300, 250), "anchor": (728, 90), "bubble": (120, 120)} | {
    f"face{n}": (64, 64) for n in range(3)
}
_VENDORS, _OFFERS = 800, 40
_URLS = """const { port } = new URL(document.currentScript.src);
const at = (party, path) => `http://${HOSTS[party]}:${port}/${path}`;
"""
_CREATIVE = (
    "<!doctype html><style>body{{margin:0;background:url({slot}.jpg)}}b{{position:absolute;left:20px;bottom:12px;"
    "padding:8px 16px;background:#06c;color:#fff;font:bold 16px sans-serif}}</style><b>Buy now</b>"
    '<script src="creative.js"></script>'
)
_CONVERSATION = (
    "<!doctype html><style>@font-face{font-family:chat;src:url(chat.woff2)}body{margin:0;font:15px/1.4 chat,sans-serif}"
    "h1{margin:0;padding:24px;background:#06c;color:#fff;font-size:20px}p{display:flex;gap:12px;padding:0 24px}"
    "</style><h1>Hi! We are here to help</h1><main></main>"
    '<script src="conversation.js"></script>'
)
_DIALOG = (
    "#CybotCookiebotDialogBodyUnderlay{position:fixed;inset:0;background:#0008;z-index:2147483645}"
    "#CybotCookiebotDialog{position:fixed;left:0;right:0;bottom:0;padding:24px;background:#fff;color:#333;"
    "font:16px/1.5 sans-serif;z-index:2147483646}#CybotCookiebotDialog button{margin-right:12px;padding:8px 24px}"
)


def respond(path: str, query: str, packages: Path) -> tuple[str, bytes]:
    """Media type and body of a path, the same at every host; an empty image for beacons and pixels."""
    name, _, suffix = path.lstrip("/").rpartition(".")
    if suffix == "js" and name in SCRIPTS:
        return "text/javascript", script(name)
    if suffix == "jpg" and name in _IMAGES:
        return "image/jpeg", image(name)
    pages = {"/creative.html": _CREATIVE.format(slot=_slot(query)), "/conversation.html": _CONVERSATION}
    if path in pages:
        return "text/html", pages[path].encode()
    if path == "/chat.woff2":
        return "font/woff2", (packages / FONT_PACKAGE / FONT).read_bytes()
    if path == "/consent.css":
        return "text/css", _styles()
    if suffix == "json":
        return "application/json", _vendors() if name == "vendors" else _offers(path + query)
    return "image/gif", _PIXEL


_PIXEL = b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\4\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"


@functools.cache
def script(name: str) -> bytes:
    """A script of its size: the behaviour from its file, the rest generated."""
    behaviour = (Path(__file__).parent / f"{name}.js").read_text(encoding="utf-8")
    before = f'(() => {{\n"use strict";\nconst HOSTS = {json.dumps(HOSTS)};\n{_URLS}'
    rest = library(name, (SCRIPTS[name] << 10) - len(before) - len(behaviour))
    return f"{before}{rest}{behaviour}}})();\n".encode()


@functools.cache
def image(name: str) -> bytes:
    """An image of the size of a photograph: clouds in colour, with grain."""
    width, height = _IMAGES[name]
    seed = sum(name.encode())
    grain = pyvips.Image.gaussnoise(width, height, sigma=40, seed=seed)
    bands = [
        pyvips.Image.perlin(width, height, cell_size=40, seed=seed + band) * 100 + 140 + grain for band in range(3)
    ]
    return bytes(bands[0].bandjoin(bands[1:]).cast("uchar").copy(interpretation="srgb").jpegsave_buffer(Q=85))


@functools.cache
def _vendors() -> bytes:
    """The list of vendors of a consent framework, about 300 KB."""
    rng = random.Random("vendors")
    vendors = [
        {
            "id": number,
            "name": f"Vendor {number} {rng.randbytes(4).hex()} Ltd",
            "purposes": rng.sample(range(8), 4),
            "legitimate": rng.sample(range(8), 2),
            "features": rng.sample(range(4), 2),
            "policy": f"https://vendor{number}.example/privacy/{rng.randbytes(12).hex()}",
            "claims": [f"https://vendor{number}.example/{rng.randbytes(8).hex()}" for _ in range(2)],
            "retention": {str(purpose): rng.randint(30, 400) for purpose in range(8)},
        }
        for number in range(1, _VENDORS + 1)
    ]
    return json.dumps({"version": 3, "vendors": vendors}).encode()


@functools.lru_cache(maxsize=64)
def _offers(seed: str) -> bytes:
    """Offers of a bidder, or settings of the chat: about 16 KB."""
    rng = random.Random(seed)
    offers = [{"price": rng.random() * 5, "markup": rng.randbytes(180).hex()} for _ in range(_OFFERS)]
    return json.dumps({"offers": offers}).encode()


@functools.cache
def _styles() -> bytes:
    """Styles of the dialog, and 600 rules for parts of it that are not shown."""
    rng = random.Random("styles")
    rules = [
        f"#CybotCookiebotDialog .part-{number} > .{rng.randbytes(4).hex()}"
        f"{{margin:{rng.randint(0, 40)}px;color:#{rng.randbytes(3).hex()}}}"
        for number in range(600)
    ]
    return "\n".join([_DIALOG, *rules]).encode()


def _slot(query: str) -> str:
    return "anchor" if "slot=anchor" in query else "rectangle"
