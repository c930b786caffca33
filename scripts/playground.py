"""Draws the pictures of the page at ``/`` anew: ``python scripts/playground.py``. It takes a minute, for the charts.

They are what a browser shows of a service that photographs the bundled page.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pyvips
from demo import ROOT, service
from pictures import pages
from playwright.sync_api import Browser, Page, sync_playwright

from tintype.provision import find_browser

PICTURES = ROOT / "docs" / "images"
QUALITY = 88
WORTH_SEEING = 45_000
"""Milliseconds of traffic in the charts."""
TAKEN: tuple[dict[str, str | bool], ...] = (
    {"device": "ipad"},
    {"dark_mode": True, "device": "iphone-15"},
    {"dark_mode": True},
    {"thumb_width": "960", "format": "webp"},
)
"""What the gallery holds, the last one last."""


def take(page: Page, origin: str, chosen: dict[str, str | bool]) -> None:
    """Ask for a picture by hand."""
    page.click("button[type=reset]")
    page.fill("#url", origin)
    for name, value in chosen.items():
        if name in {"device", "format"}:
            page.select_option(f"#{name}", str(value))
        elif isinstance(value, bool):
            page.set_checked(f"#{name}", value)
        else:
            page.fill(f"#{name}", value)
    page.click("#go")
    page.locator("#go:not(.cancels)").wait_for()
    page.mouse.move(1, 1)
    page.evaluate("scrollTo(0, 0)")


def save(page: Page, name: str, **manner: Any) -> None:
    """What is seen now, as webp."""
    drawn = pyvips.Image.new_from_buffer(page.screenshot(**manner), "")
    path = PICTURES / f"playground-{name}.webp"
    drawn.webpsave(str(path), Q=QUALITY, effort=6)
    print(f"{path.name}: {drawn.width} x {drawn.height}, {path.stat().st_size:,} bytes")


@contextmanager
def traffic(client: httpx.Client, origin: str) -> Iterator[None]:
    """Others who ask for pictures meanwhile: mostly for what is known, sometimes for something new."""
    over, dice = threading.Event(), random.Random(7)  # noqa: S311 - no secret

    def ask() -> None:
        while not over.wait(dice.uniform(0.2, 2.5)):
            new = dice.random() < 0.25  # noqa: PLR2004 - a quarter
            client.get("/thumb", params={"url": origin, "width": dice.randint(900, 1400) if new else 1280})

    others = [threading.Thread(target=ask) for _ in range(2)]
    for each in others:
        each.start()
    try:
        yield
    finally:
        over.set()
        for each in others:
            each.join()


def tell(browser: Browser, client: httpx.Client, origin: str) -> None:
    """All pictures."""
    base = str(client.base_url)
    wide = browser.new_page(viewport={"width": 1280, "height": 985})
    wide.goto(base)
    take(wide, origin, {"dark_mode": False})
    save(wide, "wide")
    for chosen in TAKEN:
        take(wide, origin, chosen)
    with traffic(client, origin):
        wide.wait_for_timeout(WORTH_SEEING)
    below = wide.locator("#snippets").bounding_box()
    assert below, "there are no snippets"  # noqa: S101 - of our own page
    height = wide.evaluate("document.documentElement.scrollHeight") - below["y"] - 90
    save(wide, "below", full_page=True, clip={"x": 0, "y": below["y"] - 30, "width": 1280, "height": height})
    dark = browser.new_page(viewport={"width": 1280, "height": 985}, color_scheme="dark")
    dark.goto(base)
    take(dark, origin, {"dark_mode": True})
    save(dark, "dark")
    phone = browser.new_page(viewport={"width": 390, "height": 1260}, device_scale_factor=1.5)
    phone.goto(base)
    take(phone, origin, {"format": "webp"})
    save(phone, "phone")


def main() -> None:
    """Start everything, draw, end it."""
    executable = find_browser.find_chromium(os.environ.get("TINTYPE_CHROMIUM", ""))
    with (
        pages() as port,
        service(f"127.0.0.1:{port}", TINTYPE_LIMIT_EXEMPT="127.0.0.0/8") as client,
        sync_playwright() as play,
        play.chromium.launch(executable_path=str(executable)) as browser,
    ):
        tell(browser, client, f"http://127.0.0.1:{port}/")


if __name__ == "__main__":
    main()
