"""Takes the screenshots of the playground for the docs: ``python scripts/playground.py``, about one minute.

The service captures the bundled page; its charts need one minute of traffic.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pyvips
from demo import ROOT, service, site
from option_images import pages
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tintype.provision import find_browser

IMAGES = ROOT / "docs" / "images"
QUALITY = 88
WIDE = ViewportSize(width=1440, height=1000)
"""CSS pixels."""
TRAFFIC_MS = 45_000
"""Milliseconds of traffic in the charts."""
CHANGES = (("", ""), ("who walk slowly.", "who walk at dawn."), ("Browse the maps", "All the maps"))
"""Texts of the bundled page that change before the second run and those after it."""
RUNNING_PICTURES = 9
"""Previews that are shown when the screenshot of a running job is taken."""
GALLERY: tuple[dict[str, str | bool], ...] = (
    {"device": "ipad"},
    {"dark_mode": True, "device": "iphone-15"},
    {"dark_mode": True},
    {"thumb_width": "960", "format": "webp"},
)
"""Options of the captures in the gallery, in order."""


def capture(page: Page, origin: str, options: dict[str, str | bool]) -> None:
    """Fill in the form, submit it and wait for the thumbnail."""
    page.click("button[type=reset]")
    page.fill("#url", origin)
    for name, value in options.items():
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


def save(page: Page, name: str, **options: Any) -> None:
    """Save a screenshot of the page as WebP."""
    screenshot = pyvips.Image.new_from_buffer(page.screenshot(**options), "")
    path = IMAGES / f"playground-{name}.webp"
    screenshot.webpsave(str(path), Q=QUALITY, effort=6)
    print(f"{path.name}: {screenshot.width} x {screenshot.height}, {path.stat().st_size:,} bytes")


@contextmanager
def traffic(client: httpx.Client, origin: str) -> Iterator[None]:
    """Send requests from two other clients: three quarters cache hits, one quarter new captures."""
    stop, dice = threading.Event(), random.Random(7)  # noqa: S311 - not a secret

    def send_requests() -> None:
        while not stop.wait(dice.uniform(0.2, 2.5)):
            new = dice.random() < 0.25  # noqa: PLR2004 - a quarter
            client.get("/thumb", params={"url": origin, "width": dice.randint(900, 1400) if new else 1280})

    clients = [threading.Thread(target=send_requests) for _ in range(2)]
    for each in clients:
        each.start()
    try:
        yield
    finally:
        stop.set()
        for each in clients:
            each.join()


def take_all(browser: Browser, client: httpx.Client, origin: str) -> None:
    """Take all screenshots."""
    base = str(client.base_url)
    wide = browser.new_page(viewport=WIDE)
    wide.goto(base)
    capture(wide, origin, {"dark_mode": False})
    save(wide, "wide")
    for options in GALLERY:
        capture(wide, origin, options)
    with traffic(client, origin):
        wide.wait_for_timeout(TRAFFIC_MS)
    below = wide.locator("#snippets").bounding_box()
    assert below, "the page has no snippets"  # noqa: S101 - our page
    height = wide.evaluate("document.documentElement.scrollHeight") - below["y"] - 90
    save(wide, "below", full_page=True, clip={"x": 0, "y": below["y"] - 30, "width": WIDE["width"], "height": height})
    dark = browser.new_page(viewport=WIDE, color_scheme="dark")
    dark.goto(base)
    capture(dark, origin, {"dark_mode": True})
    save(dark, "dark")
    phone = browser.new_page(viewport={"width": 390, "height": 1260}, device_scale_factor=1.5)
    phone.goto(base)
    capture(phone, origin, {"format": "webp"})
    save(phone, "phone")


def submit_job(page: Page, base: str, urls: list[str], name: str) -> None:
    """Submit a job by its form."""
    page.goto(f"{base}/playground/jobs")
    page.fill("#urls", "\n".join(urls))
    page.fill("#job-name", name)
    page.click("#go")


def wait_for_pictures(page: Page, count: int) -> None:
    """Wait until so many previews are shown."""
    page.wait_for_function(
        "count => [...document.querySelectorAll('#pages img[src]')].filter(each => each.complete).length >= count",
        arg=count,
    )


def take_jobs(browser: Browser, base: str, origin: str) -> None:
    """Take the screenshots of the page of jobs: a running job, an ended one, the list."""
    names = ("article", "dashboard", "light", "canvas", "table", "form", "rtl", "webfont", "tower", "late-pictures")
    urls = [f"{origin}{name}.html" for name in names]
    others = [f"{origin}{name}.html?archive" for name in ("dashboard", "table", "article", "light", "canvas")]
    wide = browser.new_page(viewport=WIDE)
    submit_job(
        wide, base, [*urls[:9], *[f"{origin}dashboard.html?week={week}" for week in range(1, 40)]], "Harbour Post"
    )
    wait_for_pictures(wide, RUNNING_PICTURES)
    save(wide, "jobs-wide")
    wide.click("#job-cancel")
    wide.locator("#job-delete:not([hidden])").wait_for()
    submit_job(wide, base, [*others, origin.replace("http:", "https:")], "Weekly archive")
    wide.locator("#job-delete:not([hidden])").wait_for()
    dark = browser.new_page(viewport=WIDE, color_scheme="dark")
    dark.goto(wide.url)
    wait_for_pictures(dark, len(others))
    save(dark, "jobs-dark")
    submit_job(wide, base, urls[3:], "Charts and tables")
    wide.locator("#job-delete:not([hidden])").wait_for()
    phone = browser.new_page(viewport={"width": 390, "height": 1010}, device_scale_factor=1.5)
    phone.goto(f"{base}/playground/jobs")
    phone.locator(".cover img[src]").nth(2).wait_for()
    save(phone, "jobs-phone")


def take_schedule(browser: Browser, base: str, folder: Path, origin: str) -> None:
    """Take the screenshot of a schedule whose page changes between its runs."""
    page = browser.new_page(viewport=WIDE)
    page.goto(f"{base}/playground/jobs?view=schedules")
    page.fill("#urls", origin)
    page.fill("#job-name", "Cairn, start page")
    page.select_option("#when", "6h")
    page.click("#go")
    index = folder / "index.html"
    for number, (before, after) in enumerate(CHANGES, 1):
        page.locator(f"#strip li:nth-child({number})").wait_for()
        page.locator("#strip .state.running").wait_for(state="detached")
        index.write_text(index.read_text().replace(before, after))
        page.click("#schedule-run")
    page.locator(f"#strip li:nth-child({len(CHANGES) + 1})").wait_for()
    page.locator("#strip .state.running").wait_for(state="detached")
    page.locator("#run-pictures img[src]").nth(2).wait_for()
    page.mouse.move(1, 1)
    save(page, "schedule")


def main() -> None:
    """Start the target site, the service and a browser, and take the screenshots."""
    executable = find_browser.find_chromium(os.environ.get("TINTYPE_CHROMIUM", ""))
    with (
        pages() as port,
        service(f"127.0.0.1:{port}", TINTYPE_LIMIT_EXEMPT="127.0.0.0/8") as client,
        sync_playwright() as play,
        play.chromium.launch(executable_path=str(executable)) as browser,
    ):
        take_all(browser, client, f"http://127.0.0.1:{port}/")
    with (
        site(ROOT / "tests/gallery/pages") as port,
        service(f"127.0.0.1:{port}", TINTYPE_LIMIT_EXEMPT="127.0.0.0/8") as client,
        sync_playwright() as play,
        play.chromium.launch(executable_path=str(executable)) as browser,
    ):
        take_jobs(browser, str(client.base_url).rstrip("/"), f"http://127.0.0.1:{port}/")
    with tempfile.TemporaryDirectory(prefix="tintype-pages-") as folder:
        shutil.copytree(ROOT / "examples/site", folder, dirs_exist_ok=True)
        with (
            site(Path(folder)) as port,
            service(f"127.0.0.1:{port}", TINTYPE_TIMEOUT="60s") as client,
            sync_playwright() as play,
            play.chromium.launch(executable_path=str(executable)) as browser,
        ):
            take_schedule(browser, str(client.base_url).rstrip("/"), Path(folder), f"http://127.0.0.1:{port}/")


if __name__ == "__main__":
    main()
