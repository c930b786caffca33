"""Creates the images of docs/options.md: ``python scripts/option_images.py [NAME…]``.

Each image is a thumbnail of the bundled page with the options in ``SHOTS``.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from demo import ROOT, service, site

IMAGES = ROOT / "docs" / "images" / "options"
WIDE: dict[str, Any] = {"thumb_width": 320}
SQUARE: dict[str, Any] = {"thumb_width": 200, "thumb_height": 200}
TALL: dict[str, Any] = {"thumb_height": 300}
CLEANING = ("block_ads", "block_cookie_banners", "block_chats")

PAGE, BUSY, BROKEN = "index.html", "busy.html", "missing.html"
SHOTS: dict[str, tuple[str, dict[str, Any]]] = {
    "width-1280": (PAGE, WIDE),
    "width-640": (PAGE, {"width": 640, "height": 360, **WIDE}),
    "fit-cover": (PAGE, {**SQUARE, "fit": "cover"}),
    "fit-contain": (PAGE, {**SQUARE, "fit": "contain"}),
    "fit-inside": (PAGE, {**SQUARE, "fit": "inside"}),
    "fit-fill": (PAGE, {**SQUARE, "fit": "fill"}),
    "scale-1": (PAGE, {"clip": "60,250,220,124"}),
    "scale-3": (PAGE, {"clip": "60,250,220,124", "scale": 3}),
    "dark-mode": (PAGE, {"dark_mode": 1, **WIDE}),
    "device-iphone-15": (PAGE, {"device": "iphone-15", **TALL}),
    "device-ipad": (PAGE, {"device": "ipad", **TALL}),
    "device-macbook-air": (PAGE, {"device": "macbook-air", **TALL}),
    "full-page": (PAGE, {"full_page": 1, **WIDE}),
    "selector": (PAGE, {"selector": ".walk", **WIDE}),
    "clip": (PAGE, {"clip": "640,0,640,360", **WIDE}),
    "scroll-to": (PAGE, {"scroll_to": "#walks", **WIDE}),
    "css": (PAGE, {"css": "h1 { color: #7a3bd0 !important; font-style: italic }", **WIDE}),
    "hide-selectors": (PAGE, {"hide_selectors": ".bar, .actions, .lead", **WIDE}),
    "js": (PAGE, {"js": "document.querySelector('h1').textContent = 'Hello from js'", **WIDE}),
    "cleaning-off": (BUSY, {**dict.fromkeys(CLEANING, 0), **WIDE}),
    "cleaning-on": (BUSY, WIDE),
    "placeholder": (PAGE, {"placeholder": 1, "delay": 900, **WIDE}),
    "on-error-image": (BROKEN, {"on_error": "image", "fail_on": "error", **WIDE}),
    "quality-10": (PAGE, {"quality": 10, "clip": "60,80,480,270", **WIDE}),
    "quality-80": (PAGE, {"quality": 80, "clip": "60,80,480,270", **WIDE}),
}
CLUTTER = """
<style>
  .slot { background: #ffe14d; color: #222; display: grid; font: 700 34px/1.2 sans-serif; height: 300px; padding: 20px;
    place-items: center; position: absolute; right: 60px; text-align: center; top: 110px; width: 340px; z-index: 1; }
  #onetrust-consent-sdk { background: #fff; bottom: 0; box-shadow: 0 0 0 100vmax #0005; color: #222; left: 0;
    font: 24px/1.5 sans-serif; padding: 30px 60px; position: fixed; right: 0; z-index: 9; }
  #onetrust-consent-sdk button { background: #2a66d8; border: 0; color: #fff; font: inherit; margin: 16px 12px 0 0;
    padding: 10px 28px; }
  #intercom-container { background: #2a66d8 radial-gradient(circle, #fff 0 25%, #0000 26%); border-radius: 50%;
    bottom: 270px; height: 100px; position: fixed; right: 40px; width: 100px; z-index: 10; }
</style>
<script>
  document.body.insertAdjacentHTML("beforeend", `
    <ins class="adsbygoogle"><div class="slot">ADVERTISEMENT<br>70 % off everything, today only!</div></ins>
    <div id="onetrust-consent-sdk" role="dialog"><div id="onetrust-banner-sdk">
      <b>We value your privacy</b><p>We and our 812 partners use cookies to improve your experience.</p>
      <button id="onetrust-accept-btn-handler">Accept all</button>
      <button id="onetrust-reject-all-handler" onclick="this.parentNode.parentNode.remove()">Reject all</button>
    </div></div>
    <div id="intercom-container"></div>`);
</script>
"""


@contextmanager
def pages() -> Iterator[int]:
    """Serve the bundled page, and a copy with advertising, a consent dialog and a chat bubble; yields the port."""
    with tempfile.TemporaryDirectory(prefix="tintype-images-") as folder:
        copy = Path(folder) / "site"
        shutil.copytree(ROOT / "examples" / "site", copy)
        (copy / BUSY).write_text((copy / PAGE).read_text().replace("</body>", f"{CLUTTER}</body>"))
        with site(copy) as port:
            yield port


def create(client: httpx.Client, name: str, origin: str) -> None:
    """Capture one image into its file."""
    page, options = SHOTS[name]
    response = client.get("/thumb", params={"url": origin + page, "format": "webp", **options})
    if response.headers["Content-Type"] != "image/webp" and page != BROKEN:
        raise SystemExit(f"{name}: {response.status_code} {response.text[:200]}")
    (IMAGES / f"{name}.webp").write_bytes(response.content)
    print(f"{name}: {len(response.content):,} bytes, {response.headers.get('X-Cache', '')}")


def main() -> None:
    """Create all images, or the named ones."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with pages() as port, service(f"127.0.0.1:{port}") as client:
        for name in sys.argv[1:] or SHOTS:
            create(client, name, f"http://127.0.0.1:{port}/")


if __name__ == "__main__":
    main()
