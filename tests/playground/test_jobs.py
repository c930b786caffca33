"""The page of jobs: submission, list, progress of one job, its pages, retry, cancellation, archive."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from harness.node import Node
from harness.site_server import SiteServer
from tests.playground.conftest import OpenPage, Start
from tests.playground.jobs_driver import JOBS, LOADED, JobsDriver

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

KEY = "a-key-of-the-shop-1"


@pytest.fixture
def jobs(open_page: OpenPage, node: Node) -> JobsDriver:
    return JobsDriver(open_page, node)


@pytest.fixture(scope="module")
def keyed(share: Start) -> Node:
    return share(TINTYPE_API_KEYS=f"shop:{KEY}")


class TestSubmission:
    def test_opens_the_job_and_shows_its_pages(self, jobs: JobsDriver, site: SiteServer) -> None:
        jobs.submit(site.url("/plain.html?one"), site.url("/long.html"), name="two pages")
        jobs.expect_status("Completed")
        expect(jobs.find("job-title")).to_have_text("two pages")
        expect(jobs.cards("captured")).to_have_count(2)
        for picture in jobs.page.locator("#pages img[src]").all():
            assert picture.evaluate(LOADED) == 400

    def test_counts_addresses_and_leaves_out_repeated_ones(self, jobs: JobsDriver) -> None:
        jobs.find("urls").fill("example.com\nhttps://example.com\n# a comment\nexample.org/a example.org/b,\n")
        expect(jobs.find("urls-count")).to_have_text("3 addresses, 1 repeated left out")
        expect(jobs.find("job-name")).to_have_attribute("placeholder", "Name: example.com and 1 other host")

    def test_sends_the_options_of_the_panel(self, jobs: JobsDriver, site: SiteServer) -> None:
        jobs.tab.set_options(thumb_width="320", format="webp")
        expect(jobs.find("options-count")).to_have_text("2 set")
        jobs.submit(site.url("/plain.html?small"))
        expect(jobs.cards("captured")).to_contain_text("320 × 180")

    def test_names_the_line_of_a_mistake(self, jobs: JobsDriver, site: SiteServer) -> None:
        jobs.find("urls").fill(f"{site.url('/plain.html?valid')}\n\nftp://example.com/\n")
        jobs.find("go").click()
        expect(jobs.find("urls-error")).to_contain_text("Line 3: ftp://example.com/")
        jobs.page.get_by_role("button", name="Start without them").click()
        jobs.opened_job()
        expect(jobs.cards()).to_have_count(1)

    def test_shows_a_wrong_option_at_its_field(self, jobs: JobsDriver, site: SiteServer) -> None:
        jobs.tab.set_options(delay="99999")
        jobs.find("urls").fill(site.url("/plain.html"))
        jobs.find("go").click()
        expect(jobs.find("delay-error")).to_be_visible()
        assert jobs.page.evaluate("document.activeElement.id") == "delay"

    def test_needs_an_address(self, jobs: JobsDriver) -> None:
        jobs.find("go").click()
        expect(jobs.find("urls-error")).to_contain_text("Enter the addresses of pages")
        assert jobs.page.evaluate("document.activeElement.id") == "urls"

    def test_reset_keeps_the_addresses(self, jobs: JobsDriver) -> None:
        jobs.find("urls").fill("example.com")
        jobs.tab.set_options(thumb_width="320")
        jobs.page.get_by_role("button", name="Reset all").click()
        expect(jobs.find("thumb_width")).to_have_value("")
        expect(jobs.find("urls")).to_have_value("example.com")

    def test_works_by_keyboard(self, jobs: JobsDriver, site: SiteServer) -> None:
        jobs.find("urls").focus()
        jobs.page.keyboard.type(site.url("/plain.html?typed"))
        for _ in range(4):  # the name, the times, the switch, the button
            jobs.page.keyboard.press("Tab")
        assert jobs.page.evaluate("document.activeElement.id") == "go"
        jobs.page.keyboard.press("Enter")
        jobs.opened_job()
        assert jobs.page.evaluate("document.activeElement.id") == "job-title"
        jobs.expect_status("Completed")


class TestProgress:
    def test_pages_arrive_while_the_job_runs(self, jobs: JobsDriver, site: SiteServer) -> None:
        site.release_held.clear()
        try:
            jobs.submit(site.url("/plain.html?first"), site.url("/plain.html?held=arrives"))
            expect(jobs.cards("captured")).to_have_count(1)
            expect(jobs.cards("running")).to_contain_text("Capturing")
            jobs.expect_status("Running")
            expect(jobs.find("job-meter")).to_have_attribute("aria-valuenow", "50")
            expect(jobs.page).to_have_title(re.compile("^50 %"))
        finally:
            site.release_held.set()
        expect(jobs.cards("captured")).to_have_count(2)
        jobs.expect_status("Completed")

    def test_reconnects_after_the_connection_was_lost(self, jobs: JobsDriver, site: SiteServer) -> None:
        jobs.page.route("**/events", lambda route: route.abort())
        job = jobs.tab.page.request.post(f"{jobs.tab.base}/jobs", data={"pages": [site.url("/plain.html?lost")]}).json()
        jobs.page.goto(f"{jobs.tab.base}{JOBS}?job={job['id']}")
        expect(jobs.find("job-connection")).to_contain_text("The connection to the service was lost.")
        jobs.page.unroute("**/events")
        jobs.expect_status("Completed")
        expect(jobs.find("job-connection")).to_be_empty()

    def test_asks_again_if_there_is_no_room_for_a_stream(self, jobs: JobsDriver, site: SiteServer) -> None:
        jobs.page.route("**/events", lambda route: route.fulfill(status=429, headers={"Retry-After": "5"}))
        jobs.submit(site.url("/plain.html?polled"))
        jobs.expect_status("Completed")
        expect(jobs.cards("captured")).to_have_count(1)

    def test_reports_an_unknown_job(self, open_page: OpenPage, node: Node) -> None:
        jobs = JobsDriver(open_page, node, "?job=job_0")
        expect(jobs.find("job-trouble")).to_contain_text("There is no such job")
        expect(jobs.find("job-content")).to_be_hidden()


class TestActions:
    def test_retry_captures_failed_pages_again(self, open_page: OpenPage, start: Start, site: SiteServer) -> None:
        jobs, path = JobsDriver(open_page, start(TINTYPE_FAILURE_TTL="0s")), "/download?retried"
        jobs.submit(site.url(path), site.url("/plain.html?beside"))
        jobs.expect_status("Partly captured")
        jobs.show("failed")
        expect(jobs.cards()).to_have_count(1)
        expect(jobs.cards("failed")).to_contain_text("not-a-page")
        visits = site.visits(path)
        jobs.page.get_by_role("button", name="Retry 1 failed page").click()
        site.wait_for_visit(path, visits + 1)
        jobs.expect_status("Partly captured")

    def test_cancel_keeps_what_was_captured(self, jobs: JobsDriver, site: SiteServer) -> None:
        site.release_held.clear()
        try:
            jobs.submit(site.url("/plain.html?kept"), *[site.url(f"/plain.html?held={each}") for each in range(4)])
            expect(jobs.cards("captured")).to_have_count(1)
            jobs.page.get_by_role("button", name="Cancel").click()
            expect(jobs.cards("cancelled").first).to_be_visible()
        finally:
            site.release_held.set()
        jobs.expect_status("Cancelled")
        expect(jobs.find("job-cancel")).to_be_hidden()
        expect(jobs.cards("captured").first).to_contain_text("kept")
        jobs.page.get_by_role("button", name=re.compile("^Capture . cancelled page")).click()
        jobs.expect_status("Completed")

    def test_delete_asks_first(self, jobs: JobsDriver, site: SiteServer) -> None:
        job = jobs.submit(site.url("/plain.html?deleted"))
        jobs.expect_status("Completed")
        jobs.page.get_by_role("button", name="Delete").click()
        jobs.page.get_by_role("button", name="Keep it").click()
        jobs.page.get_by_role("button", name="Delete").click()
        jobs.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(jobs.find("list-view")).to_be_visible()
        expect(jobs.page.locator(f"[data-job={job}]")).to_have_count(0)

    def test_archive_is_downloaded(self, jobs: JobsDriver, site: SiteServer) -> None:
        jobs.submit(site.url("/plain.html?archived"))
        jobs.expect_status("Completed")
        with jobs.page.expect_download() as download:
            jobs.find("job-archive").click()
        assert _names(download.value.path()) == {"00001-127-0-0-1-plain-html.png", "index.json", "index.html"}


class TestPages:
    def test_large_job_is_shown_in_parts(self, jobs: JobsDriver, node: Node, site: SiteServer) -> None:
        pages = [site.url(f"/plain.html?page={number}") for number in range(1, 10_001)]
        job = node.client.post("/jobs", json={"pages": pages, "name": "ten thousand"}).json()["id"]
        node.client.delete(f"/jobs/{job}")
        jobs.page.goto(f"{jobs.tab.base}{JOBS}?job={job}")
        expect(jobs.cards()).to_have_count(60)
        expect(jobs.find("pager-range")).to_have_text("1 to 60 of 10,000")
        jobs.page.get_by_role("link", name="Next").click()
        expect(jobs.cards().first).to_contain_text("page=61")
        expect(jobs.cards()).to_have_count(60)
        jobs.page.reload()
        expect(jobs.cards().first).to_contain_text("page=61")
        jobs.page.get_by_role("link", name="Previous").click()
        expect(jobs.cards().first).to_contain_text("page=1")
        jobs.show("cancelled")
        expect(jobs.page).to_have_url(re.compile("status=cancelled"))
        expect(jobs.cards("cancelled")).to_have_count(60)

    def test_cached_pages_have_no_picture(self, jobs: JobsDriver, site: SiteServer) -> None:
        jobs.find("store").uncheck()
        jobs.submit(site.url("/plain.html?cached"))
        expect(jobs.cards("captured")).to_contain_text("In the cache only")
        expect(jobs.find("job-archive")).to_be_hidden()

    def test_documents_have_no_preview(self, jobs: JobsDriver, site: SiteServer) -> None:
        jobs.tab.set_options(format="pdf")
        jobs.submit(site.url("/plain.html?printed"))
        expect(jobs.cards("captured").locator(".page-picture")).to_contain_text("PDF")

    def test_preview_waits_while_the_service_is_busy(self, jobs: JobsDriver, site: SiteServer) -> None:
        def reject(route: Route) -> None:
            route.fulfill(status=503, headers={"Retry-After": "1"})

        jobs.page.route("**/preview", reject, times=1)
        jobs.submit(site.url("/plain.html?busy"))
        picture = jobs.page.locator("#pages img[src]")
        expect(picture).to_be_visible()
        assert picture.evaluate(LOADED) == 400


class TestList:
    def test_lists_jobs_newest_first_and_opens_one(self, jobs: JobsDriver, site: SiteServer) -> None:
        first = jobs.submit(site.url("/plain.html?older"), name="the older")
        jobs.expect_status("Completed")
        jobs.page.get_by_role("link", name="All jobs").click()
        jobs.submit(site.url("/plain.html?newer"), name="the newer")
        jobs.expect_status("Completed")
        jobs.page.get_by_role("link", name="All jobs").click()
        expect(jobs.page.locator(".job-name").nth(0)).to_have_text("the newer")
        expect(jobs.page.locator(".job-name").nth(1)).to_have_text("the older")
        assert jobs.page.locator(f"[data-job={first}] .cover img[src]").evaluate(LOADED) == 400
        jobs.page.get_by_role("link", name=re.compile("the older")).click()
        assert jobs.opened_job() == first
        jobs.page.go_back()
        expect(jobs.find("list-view")).to_be_visible()

    def test_follows_a_running_job(self, jobs: JobsDriver, site: SiteServer) -> None:
        site.release_held.clear()
        try:
            job = jobs.submit(site.url("/plain.html?held=list"))
            jobs.page.get_by_role("link", name="All jobs").click()
            row = jobs.page.locator(f"[data-job={job}] .state")
            expect(row).to_have_text("Running")
        finally:
            site.release_held.set()
        expect(row).to_have_text("Completed")

    def test_list_is_paged(self, open_page: OpenPage, start: Start, site: SiteServer) -> None:
        node = start()
        site.release_held.clear()  # DELETE cancels a job that has not ended, and forgets one that has
        for number in range(21):
            page = site.url(f"/plain.html?held={number}")
            job = node.client.post("/jobs", json={"pages": [page], "name": f"job {number}"}).json()
            node.client.delete(f"/jobs/{job['id']}")
        site.release_held.set()
        jobs = JobsDriver(open_page, node)
        expect(jobs.page.locator(".job")).to_have_count(20)
        jobs.page.get_by_role("link", name="Older jobs").click()
        expect(jobs.page.locator(".job-name")).to_have_text(["job 0"])
        jobs.page.get_by_role("link", name="Newest jobs").click()
        expect(jobs.page.locator(".job")).to_have_count(20)

    def test_page_is_linked_from_the_playground(self, open_page: OpenPage, node: Node) -> None:
        tab = open_page(node)
        tab.page.get_by_role("link", name="Jobs").click()
        expect(tab.find("urls")).to_be_visible()

    def test_reports_a_service_that_does_not_respond(self, jobs: JobsDriver) -> None:
        jobs.page.route("**/jobs?limit=20", lambda route: route.abort())
        jobs.page.reload()
        expect(jobs.find("list-trouble")).to_contain_text("The service does not respond")
        jobs.page.unroute("**/jobs?limit=20")
        jobs.page.get_by_role("button", name="Try again").click()
        expect(jobs.find("list-trouble")).to_be_empty()


class TestApiKeys:
    def test_list_needs_a_key(self, open_page: OpenPage, keyed: Node) -> None:
        jobs = JobsDriver(open_page, keyed)
        expect(jobs.find("list-trouble")).to_contain_text("An API key is needed")
        jobs.find("key").fill(KEY)
        jobs.find("key").press("Tab")
        expect(jobs.find("list-none")).to_be_visible()
        assert all(KEY not in url for url in jobs.tab.requested_urls)

    def test_key_is_sent_with_every_request(self, open_page: OpenPage, keyed: Node, site: SiteServer) -> None:
        jobs = JobsDriver(open_page, keyed)
        jobs.find("key").fill(KEY)
        jobs.submit(site.url("/plain.html?keyed"))
        jobs.expect_status("Completed")
        assert jobs.page.locator("#pages img[src]").evaluate(LOADED) == 400
        with jobs.page.expect_download() as download:
            jobs.find("job-archive").click()
        assert "index.json" in _names(download.value.path())
        assert KEY not in jobs.page.evaluate("JSON.stringify(localStorage) + location.href")


def _names(archive: Path) -> set[str]:
    with zipfile.ZipFile(io.BytesIO(archive.read_bytes())) as opened:
        return set(opened.namelist())
