"""Somebody at the page: what they do, what they see, and what their browser complains of."""

from __future__ import annotations

from playwright.sync_api import ConsoleMessage, Locator, Page, Request, expect

PATIENCE = 60_000.0
"""Milliseconds for a picture on a crowded machine."""
expect.set_options(timeout=PATIENCE)


class Visitor:
    """One tab."""

    def __init__(self, page: Page, base: str) -> None:
        page.set_default_timeout(PATIENCE)
        self.page, self.base = page, base
        self.complaints: list[str] = []
        self.asked: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._note)

    def take(self, url: str = "") -> None:
        """Ask for a picture as one does, and wait for whatever comes."""
        if url:
            self.page.fill("#url", url)
        self.page.press("#url", "Enter")
        self.settle()

    def settle(self) -> None:
        """Until nothing is under way."""
        self.page.locator("#result[aria-busy=false]").wait_for()
        self.page.locator("#go:not(.cancels)").wait_for()

    def choose(self, **options: str | bool) -> None:
        """Set options as a hand would, opening what is folded."""
        for name, value in options.items():
            control = self.find(name)
            if not control.is_visible():
                self.unfold()
            if isinstance(value, bool):
                control.set_checked(value)
            elif control.evaluate("each => each.tagName") == "SELECT":
                control.select_option(value)
            else:
                control.fill(value)

    def unfold(self) -> None:
        """Open everything that is folded."""
        self.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")

    def find(self, name: str) -> Locator:
        return self.page.locator(f"#{name}")

    def text(self, name: str) -> str:
        return self.find(name).inner_text()

    @property
    def picture(self) -> tuple[int, int]:
        """Width and height of what is seen on the plate."""
        size = self.page.locator("#shown img").evaluate("each => [each.naturalWidth, each.naturalHeight]")
        return size[0], size[1]

    def pictures_asked(self) -> int:
        return sum("/thumb" in address for address in self.asked)

    def had_no_complaint(self) -> None:
        assert self.complaints == []

    def _hear(self, message: ConsoleMessage) -> None:
        refused = "Failed to load resource" in message.text  # errors of the service are errors to the console too
        if message.type in {"error", "warning"} and not refused:
            self.complaints.append(message.text)

    def _note(self, request: Request) -> None:
        assert request.url.startswith((self.base, "blob:")), request.url
        self.asked.append(request.url)
