"""Baseline for captures: a typical Playwright script with a new context per capture, screenshot at load.

``bench.captures`` runs it with a Python that has Playwright: one JSON object per line in (urls, callers), one out
(seconds of each capture). It does not import Tintype.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, async_playwright


async def capture(browser: Browser, url: str) -> bytes:
    """Capture one page."""
    context = await browser.new_context(viewport={"width": 1280, "height": 720})
    try:
        page = await context.new_page()
        await page.goto(url, wait_until="load")
        return await page.screenshot()
    finally:
        await context.close()


async def run(browser: Browser, urls: list[str], callers: int, folder: Path) -> dict[str, Any]:
    """Capture all URLs with a number of concurrent clients."""
    remaining, seconds = list(enumerate(urls)), [0.0] * len(urls)

    async def capture_remaining() -> None:
        while remaining:
            number, url = remaining.pop(0)
            begin = time.perf_counter()
            body = await capture(browser, url)
            seconds[number] = time.perf_counter() - begin
            (folder / f"{number}.png").write_bytes(body)

    begin = time.perf_counter()
    await asyncio.gather(*(capture_remaining() for _ in range(callers)))
    return {"seconds": seconds, "all": time.perf_counter() - begin}


async def main(binary: str, folder: Path) -> None:
    """Process requests until standard input ends."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=binary)
        while line := await asyncio.to_thread(sys.stdin.readline):
            request = json.loads(line)
            print(json.dumps(await run(browser, request["urls"], request["callers"], folder)), flush=True)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
