"""Pages on which nothing is due: their time is not advanced. The time of all others becomes virtual."""

from __future__ import annotations

import pytest

from tests.support.concurrency import async_test
from tintype.chromium.browser import Browser
from tintype.chromium.capture import readiness
from tintype.chromium.capture.context import PageContext
from tintype.chromium.capture.page_capture import PageCapture
from tintype.chromium.daemon.config import DaemonConfig
from tintype.chromium.daemon.runtime import CaptureRuntime
from tintype.options import INLINE_HTML_URL, Navigation, Shot
from tintype.provision.find_browser import find_chromium

pytestmark = pytest.mark.browser

HTML = "<!doctype html>"
DRAWING = (
    "<svg xmlns='http://www.w3.org/2000/svg' width='90' height='90'><rect width='9' height='9'>"
    "<animate attributeName='x' to='9' dur='1s' /></rect></svg>"
)
ANIMATED = HTML + "<style>@keyframes a {{from {{opacity: 0}}}} p {{animation: a {}}}</style><p>Text"
ON_LOAD = HTML + "<p id=text>Text</p><script>addEventListener('load', () => {{ {} }})</script>"
STILL = {
    "text": f"{HTML}<p>Text</p>",
    "timer far away": ON_LOAD.format("setTimeout(print, 60_000)"),
    "timer that is over": ON_LOAD.format("setTimeout(() => { done = true }, 0)"),
    "timer with text that is over": ON_LOAD.format(
        "setTimeout('done = true', 0); const end = performance.now() + 300; while (performance.now() < end)"
    ),
    "timer that was cleared": ON_LOAD.format("clearTimeout(setTimeout(print, 500))"),
    "interval far away": ON_LOAD.format("setInterval(print, 60_000)"),
    "interval that was cleared": ON_LOAD.format("clearInterval(setInterval(print, 500))"),
    "frame that was cancelled": ON_LOAD.format("cancelAnimationFrame(requestAnimationFrame(print))"),
    "idle callback that was cancelled": ON_LOAD.format("cancelIdleCallback(requestIdleCallback(print))"),
    "one change after the page was drawn": ON_LOAD.format(
        "new IntersectionObserver(([entry]) => { text.textContent = entry.isIntersecting }).observe(text)"
    ),
    "animation that has ended": ANIMATED.format("2s"),
    "video that does not play": f"{HTML}<video></video>",
}
MOVING = {
    "timer": ON_LOAD.format("setTimeout(() => { text.textContent = 'done' }, 2500)"),
    "timer in a timer": ON_LOAD.format("setTimeout(() => setTimeout(() => { text.textContent = 'done' }, 2000), 10)"),
    "timer with text": ON_LOAD.format("setTimeout('text.textContent = 1', 2500)"),
    "interval": ON_LOAD.format("setInterval(() => { text.textContent += 1 }, 1000)"),
    "interval with text": ON_LOAD.format("setInterval('text.textContent += 1', 1000)"),
    "loop of frames": ON_LOAD.format("const draw = () => requestAnimationFrame(draw); draw()"),
    "task with a delay": ON_LOAD.format("scheduler.postTask(() => { text.textContent = 1 }, { delay: 1500 })"),
    "signal with a time limit": ON_LOAD.format(
        "AbortSignal.timeout(1500).addEventListener('abort', () => { text.textContent = 1 })"
    ),
    "animation of an image": f'{HTML}<img src="data:image/svg+xml,{DRAWING}">',
    "animation of a background": f"{HTML}<body style='background: url(\"data:image/svg+xml,{DRAWING}\")'>",
    "endless animation": ANIMATED.format("9s infinite"),
    "animation of a drawing": HTML + DRAWING,
    "marquee": f"{HTML}<marquee>Text</marquee>",
    "frame": f"{HTML}<iframe srcdoc='<p>Text'></iframe>",
    "refresh": f"{HTML}<meta http-equiv=Refresh content='60; url=/other'><p>Text",
    "worker": ON_LOAD.format("new Worker(URL.createObjectURL(new Blob(['onmessage = print'])))"),
    "document opened again": ON_LOAD.format(
        "setTimeout(() => { document.open(); document.write('<p>Text'); document.close() }, 0)"
    ),
}


async def has_virtual_time(pages: dict[str, str]) -> dict[str, bool]:
    """Whether the time of each page was virtual when it was stable."""
    if find_chromium() is None:
        pytest.skip("Chromium is not installed: tintype install-browser")
    runtime = await CaptureRuntime.open(DaemonConfig(slots=1))
    try:
        return {name: await _load(runtime.pool.browsers.all[0], html) for name, html in pages.items()}
    finally:
        await runtime.close()


async def _load(browser: Browser, html: str) -> bool:
    shot = Shot(navigation=Navigation(url=INLINE_HTML_URL, html=html))
    async with browser._open_page(None) as (_, tab, traffic):
        page = PageContext(tab, shot, traffic, browser.user_agent, max_height=20_000)
        capture = PageCapture(page)
        await capture.prepare()
        await capture.navigate()
        await readiness.wait_loaded(page)
        return page.virtual_time.started


@async_test
async def test_the_time_of_a_still_page_is_not_advanced() -> None:
    assert await has_virtual_time(STILL) == dict.fromkeys(STILL, False)


@async_test
async def test_the_time_of_any_other_page_is_advanced() -> None:
    assert await has_virtual_time(MOVING) == dict.fromkeys(MOVING, True)
