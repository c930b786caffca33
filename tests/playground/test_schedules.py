"""Schedules on the page of jobs: creation, the strip of runs, differences, pause, deletion; and jobs of a sitemap."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from harness.node import Node
from harness.site_server import SiteServer
from tests.playground.conftest import Look, OpenPage, open_pages
from tests.playground.jobs_driver import JOBS, LOADED, JobsDriver
from tests.playground.page_driver import violations

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

PAGE = "<!doctype html><title>Prices</title><body style='background: {}'><h1>Prices of today</h1><p>Two for three."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("site")


@pytest.fixture(scope="module")
def changing_site(folder: Path) -> Iterator[SiteServer]:
    """A site whose page is a file that tests write."""
    with SiteServer(folder) as server:
        yield server


@pytest.fixture(scope="module")
def node(changing_site: SiteServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    env = {"TINTYPE_ALLOW_ADDRESSES": f"127.0.0.1:{changing_site.port}", "TINTYPE_WORKERS": "1"}
    with Node(data=tmp_path_factory.mktemp("node") / "data", env={**env, "TINTYPE_TIMEOUT": "60s"}) as started:
        yield started


@pytest.fixture
def schedules(open_page: OpenPage, node: Node) -> JobsDriver:
    return JobsDriver(open_page, node, "?view=schedules")


def create(schedules: JobsDriver, *urls: str, name: str = "") -> None:
    """Create a schedule by the form, and wait for the end of its first run."""
    schedules.find("urls").fill("\n".join(urls))
    schedules.find("job-name").fill(name)
    schedules.page.get_by_role("button", name="Create schedule").click()
    expect(schedules.find("schedule-content")).to_be_visible()
    expect_runs(schedules, 1)


def expect_runs(schedules: JobsDriver, count: int) -> None:
    """Wait until so many runs are shown, and all have ended."""
    expect(schedules.page.locator("#strip li")).to_have_count(count)
    expect(schedules.page.locator("#strip .state.running")).to_have_count(0)


def run_again(schedules: JobsDriver, count: int) -> None:
    """Start a run by its button, and wait for its end; ``count`` runs are then shown."""
    schedules.page.get_by_role("button", name="Run now").click()
    expect_runs(schedules, count)


@pytest.fixture(scope="module")
def changed(browser: Browser, node: Node, folder: Path, changing_site: SiteServer) -> Iterator[str]:
    """Query of a schedule with two runs, of which the second differs from the first."""
    (folder / "prices.html").write_text(PAGE.format("#fff"))
    with open_pages(browser) as open_page:
        schedules = JobsDriver(open_page, node, "?view=schedules")
        create(schedules, changing_site.url("/prices.html"), name="prices")
        (folder / "prices.html").write_text(PAGE.format("#fb8"))
        run_again(schedules, 2)
        yield str(schedules.page.evaluate("location.search"))


class TestCreation:
    def test_creates_a_schedule_with_its_first_run(
        self, schedules: JobsDriver, folder: Path, changing_site: SiteServer
    ) -> None:
        (folder / "plain.html").write_text(PAGE.format("#fff"))
        schedules.find("when").select_option("6h")
        schedules.tab.set_options(threshold="2", ignore_selectors=".clock, #ad")
        create(schedules, changing_site.url("/plain.html"))
        expect(schedules.find("schedule-times")).to_contain_text("Every 6 hours")
        expect(schedules.page.locator("#strip .state")).to_have_text("First picture")
        assert schedules.page.locator("#strip img[src]").evaluate(LOADED) == 400

    def test_shows_a_wrong_cron_expression_at_its_field(self, schedules: JobsDriver, changing_site: SiteServer) -> None:
        schedules.find("when").select_option("cron")
        schedules.find("urls").fill(changing_site.url("/plain.html"))
        schedules.find("cron").fill("every day")
        schedules.page.get_by_role("button", name="Create schedule").click()
        expect(schedules.find("cron-error")).to_contain_text("five fields")
        assert schedules.page.evaluate("document.activeElement.id") == "cron"

    def test_form_of_jobs_can_create_a_schedule_too(self, open_page: OpenPage, node: Node) -> None:
        jobs = JobsDriver(open_page, node)
        expect(jobs.find("go")).to_have_text("Start job")
        jobs.find("when").select_option("1d")
        expect(jobs.find("go")).to_have_text("Create schedule")
        expect(jobs.find("store")).to_be_hidden()


class TestHistory:
    def test_strip_shows_the_change_of_each_run(self, open_page: OpenPage, node: Node, changed: str) -> None:
        schedules = JobsDriver(open_page, node, changed)
        expect(schedules.page.locator("#strip .state")).to_have_text([re.compile(" % changed$"), "First picture"])
        titles = schedules.page.locator("#run-pictures figcaption")
        expect(titles).to_have_text(["Before", "After", "Difference"])
        expect(schedules.page.locator("#run-pictures img[src]")).to_have_count(3)
        for picture in schedules.page.locator("#run-pictures img").all():
            assert picture.evaluate(LOADED) == 1280

    @pytest.mark.parametrize("way", ["pointer", "keyboard"])
    def test_run_shows_its_difference_while_it_is_chosen(
        self, open_page: OpenPage, node: Node, changed: str, way: str
    ) -> None:
        schedules = JobsDriver(open_page, node, changed)
        run = schedules.page.locator("#strip .run").first
        expect(run).to_be_visible()
        run.hover() if way == "pointer" else run.focus()
        expect(run.locator(".marked[src]")).to_be_visible()
        assert "difference" in str(schedules.tab.requested_urls)

    def test_click_opens_a_run_by_its_url(self, open_page: OpenPage, node: Node, changed: str) -> None:
        schedules = JobsDriver(open_page, node, changed)
        schedules.page.locator("#strip .run").last.click()
        expect(schedules.page).to_have_url(re.compile("run="))
        expect(schedules.find("run-note")).to_have_text("There is no earlier picture to compare with.")
        expect(schedules.page.locator("#run-pictures figcaption")).to_have_text(["Picture"])
        schedules.page.reload()
        expect(schedules.find("run-note")).to_have_text("There is no earlier picture to compare with.")

    def test_chooses_one_of_several_pages(self, schedules: JobsDriver, folder: Path, changing_site: SiteServer) -> None:
        (folder / "one.html").write_text(PAGE.format("#fff"))
        create(schedules, changing_site.url("/one.html"), changing_site.url("/gone.html"))
        schedules.find("schedule-page").select_option("2")
        expect(schedules.page).to_have_url(re.compile("page=2"))
        expect(schedules.find("run-state")).to_have_text("Failed")
        expect(schedules.find("run-note")).to_have_text(re.compile("^[a-z-]+: ."))

    def test_reports_an_unknown_schedule(self, open_page: OpenPage, node: Node) -> None:
        schedules = JobsDriver(open_page, node, "?schedule=sch_0")
        expect(schedules.find("schedule-trouble")).to_contain_text("There is no such schedule")


class TestActions:
    def test_pause_and_continue(self, open_page: OpenPage, node: Node, changed: str) -> None:
        schedules = JobsDriver(open_page, node, changed)
        schedules.page.get_by_role("button", name="Pause").click()
        expect(schedules.find("schedule-state")).to_have_text("Paused")
        schedules.page.get_by_role("button", name="Continue").click()
        expect(schedules.find("schedule-state")).to_have_text("Active")

    def test_delete_asks_first(self, schedules: JobsDriver, folder: Path, changing_site: SiteServer) -> None:
        (folder / "short.html").write_text(PAGE.format("#fff"))
        create(schedules, changing_site.url("/short.html"), name="short-lived")
        schedules.find("schedule-delete").click()
        schedules.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(schedules.find("schedules-section")).to_be_visible()
        expect(schedules.page.locator("#schedule-list", has_text="short-lived")).to_have_count(0)


class TestList:
    def test_lists_schedules_with_their_last_change(self, open_page: OpenPage, node: Node, changed: str) -> None:
        schedules = JobsDriver(open_page, node)
        schedules.page.get_by_role("link", name="Schedules").click()
        row = schedules.page.locator("#schedule-list .job", has_text="prices")
        expect(row.locator(".state")).to_contain_text("% changed")
        assert row.locator(".cover img[src]").evaluate(LOADED) == 400
        row.get_by_role("link").click()
        expect(schedules.find("schedule-title")).to_have_text("prices")


class TestSitemap:
    def test_captures_the_pages_of_a_sitemap(
        self, open_page: OpenPage, node: Node, folder: Path, changing_site: SiteServer
    ) -> None:
        for name in ("a", "b", "other"):
            (folder / f"{name}.html").write_text(PAGE.format("#fff"))
        locations = "".join(
            f"<url><loc>{changing_site.url(f'/{name}.html')}</loc></url>" for name in ("a", "b", "other")
        )
        namespace = "http://www.sitemaps.org/schemas/sitemap/0.9"
        (folder / "sitemap.xml").write_text(f'<urlset xmlns="{namespace}">{locations}</urlset>')
        jobs = JobsDriver(open_page, node)
        jobs.page.get_by_role("radio", name="Sitemap").check(force=True)
        jobs.find("sitemap").fill(changing_site.url("/sitemap.xml"))
        jobs.find("exclude").fill("/other*")
        jobs.find("go").click()
        jobs.opened_job()
        jobs.expect_status("Completed")
        expect(jobs.cards("captured")).to_have_count(2)
        expect(jobs.find("job-facts")).to_contain_text("3 addresses, 1 excluded")

    def test_needs_the_address_of_a_sitemap(self, open_page: OpenPage, node: Node) -> None:
        jobs = JobsDriver(open_page, node)
        jobs.page.get_by_role("radio", name="Sitemap").check(force=True)
        jobs.find("go").click()
        expect(jobs.find("urls-error")).to_contain_text("Enter the address of a sitemap")
        assert jobs.page.evaluate("document.activeElement.id") == "sitemap"


class TestAccessibility:
    def test_list_and_form(self, open_page: OpenPage, node: Node, changed: str, look: Look) -> None:
        schedules = JobsDriver(open_page, node, "?view=schedules", **look)
        schedules.find("when").select_option("cron")
        expect(schedules.page.locator("#schedule-list .job").first).to_be_visible()
        assert violations(schedules.tab) == []
        schedules.page.get_by_role("radio", name="Sitemap").check(force=True)
        assert violations(schedules.tab) == []

    def test_history(self, open_page: OpenPage, node: Node, changed: str, look: Look) -> None:
        schedules = JobsDriver(open_page, node, changed, **look)
        expect(schedules.page.locator("#run-pictures img[src]").first).to_be_visible()
        assert violations(schedules.tab) == []

    @pytest.mark.parametrize("width", [320, 390, 768])
    def test_nothing_overflows_the_viewport(self, open_page: OpenPage, node: Node, changed: str, width: int) -> None:
        size = {"viewport": {"width": width, "height": 800}}
        schedules = JobsDriver(open_page, node, changed, **size)
        expect(schedules.page.locator("#run-pictures img[src]").first).to_be_visible()
        assert schedules.page.evaluate("document.documentElement.scrollWidth") <= width
        schedules.page.goto(f"{schedules.tab.base}{JOBS}?view=schedules")
        schedules.find("when").select_option("cron")
        assert schedules.page.evaluate("document.documentElement.scrollWidth") <= width
