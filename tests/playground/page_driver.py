"""Driver of the playground in a browser tab: fills the form, reads the result, records console errors."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import ConsoleMessage, Locator, Page, Request, expect

TIMEOUT_MS = 180_000.0
"""Milliseconds; a capture on a loaded machine is slow, and may be attempted again."""
expect.set_options(timeout=TIMEOUT_MS)
AXE = (Path(__file__).parent / "axe.min.js").read_text(encoding="utf-8")
"""The unmodified axe-core 4.12.1 of Deque Systems (MPL-2.0), which is part of no release."""
RUN_AXE = "axe.run({ resultTypes: ['violations'] })"
"""All rules; of those that pass, axe-core reports one node each instead of a selector for every element."""
MIN_PASSES = 10
"""Rules that pass on the smallest page; fewer would mean that axe-core did not run."""


class PageDriver:
    """One browser tab with the playground. ``requested_urls`` are all requests of the page."""

    def __init__(self, page: Page, base: str) -> None:
        page.set_default_timeout(TIMEOUT_MS)
        self.page, self.base = page, base
        self.errors: list[str] = []
        self.requested_urls: list[str] = []
        page.on("console", self._record_message)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self._record_request)

    def capture(self, url: str = "") -> None:
        """Submit the form and wait for the result, a thumbnail or an error."""
        if url:
            self.page.fill("#url", url)
        self.page.press("#url", "Enter")
        self.wait_idle()

    def wait_idle(self) -> None:
        """Wait until no request is running."""
        self.page.locator("#result[aria-busy=false]").wait_for()
        self.page.locator("#go:not(.cancels)").wait_for()

    def set_options(self, **options: str | bool) -> None:
        """Fill in options by name, expanding their groups."""
        for name, value in options.items():
            control = self.find(name)
            if not control.is_visible():
                self.expand_all()
            if isinstance(value, bool):
                control.set_checked(value)
            elif control.evaluate("each => each.tagName") == "SELECT":
                control.select_option(value)
            else:
                control.fill(value)

    def expand_all(self) -> None:
        """Expand all groups of options."""
        self.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")

    def find(self, name: str) -> Locator:
        return self.page.locator(f"#{name}")

    def text(self, name: str) -> str:
        return self.find(name).inner_text()

    def code(self, name: str) -> str:
        """Text of an element that may be hidden, such as a snippet in a tab that is not selected."""
        return self.find(name).text_content() or ""

    @property
    def image_size(self) -> tuple[int, int]:
        """Width and height of the preview in pixels."""
        size = self.page.locator("#shown img").evaluate("each => [each.naturalWidth, each.naturalHeight]")
        return size[0], size[1]

    def thumbnail_requests(self) -> int:
        return sum("/thumb" in url for url in self.requested_urls)

    def assert_no_errors(self) -> None:
        assert self.errors == []

    def _record_message(self, message: ConsoleMessage) -> None:
        is_http_error = "Failed to load resource" in message.text  # the console also reports expected 4xx responses
        if message.type in {"error", "warning"} and not is_http_error:
            self.errors.append(message.text)

    def _record_request(self, request: Request) -> None:
        assert request.url.startswith((self.base, "blob:")), request.url
        self.requested_urls.append(request.url)


def violations(tab: PageDriver) -> list[str]:
    """What axe-core reports about the page: rule, and the elements that violate it."""
    if not tab.page.evaluate("'axe' in window"):
        tab.page.evaluate(AXE)
    result = tab.page.evaluate(RUN_AXE)
    assert len(result["passes"]) >= MIN_PASSES
    return [f"{each['id']}: {[node['target'] for node in each['nodes']]}" for each in result["violations"]]
