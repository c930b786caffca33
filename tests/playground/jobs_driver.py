"""Driver of the page of jobs in a browser tab."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, expect

from tests.playground.page_driver import PageDriver

JOBS = "/playground/jobs"
LOADED = "each => each.decode().then(() => each.naturalWidth)"


class JobsDriver:
    """One browser tab with the page of jobs; ``open_page`` is the fixture of that name."""

    def __init__(self, open_page: Callable[..., PageDriver], node: Any, query: str = "", **settings: Any) -> None:
        self.tab = open_page(node, JOBS + query, **settings)
        self.page = self.tab.page

    def find(self, name: str) -> Locator:
        return self.page.locator(f"#{name}")

    def submit(self, *urls: str, name: str = "") -> str:
        """Submit a job by the form; returns its id."""
        self.find("urls").fill("\n".join(urls))
        self.find("job-name").fill(name)
        self.find("go").click()
        return self.opened_job()

    def opened_job(self) -> str:
        """Id of the job that is shown, once it is shown."""
        expect(self.find("job-content")).to_be_visible()
        return str(self.page.evaluate("new URL(location.href).searchParams.get('job')"))

    def cards(self, status: str = "") -> Locator:
        return self.page.locator(f"#pages .page{'.' + status if status else ''}")

    def expect_status(self, text: str) -> None:
        expect(self.find("job-status")).to_have_text(text)

    def show(self, status: str) -> None:
        """Show the pages in a state."""
        self.page.locator(f"#filters [data-status='{status}']").click()
