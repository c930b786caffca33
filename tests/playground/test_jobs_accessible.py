"""Accessibility of the page of jobs in its states: axe-core, sizes of controls, narrow screens."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from harness.node import Node
from harness.site_server import SiteServer
from tests.playground.conftest import Look, OpenPage, Start
from tests.playground.jobs_driver import JobsDriver
from tests.playground.page_driver import violations

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

AUDIT = (Path(__file__).parent / "audit.js").read_text()
MIN_TARGET = 44
"""Minimum height of a control in CSS pixels (WCAG 2.5.5)."""


@pytest.fixture
def jobs(open_page: OpenPage, node: Node, look: Look) -> JobsDriver:
    return JobsDriver(open_page, node, **look)


def test_empty_list_with_all_options(open_page: OpenPage, start: Start, look: Look) -> None:
    jobs = JobsDriver(open_page, start(), **look)
    expect(jobs.find("list-none")).to_be_visible()
    jobs.tab.expand_all()
    assert violations(jobs.tab) == []


def test_mistakes(jobs: JobsDriver) -> None:
    jobs.find("urls").fill("https://example.com\nftp://example.com")
    jobs.find("go").click()
    expect(jobs.find("urls-error")).to_be_visible()
    assert violations(jobs.tab) == []


def test_running_job_and_list(jobs: JobsDriver, site: SiteServer, look: Look) -> None:
    site.release_held.clear()
    try:
        jobs.submit(*[site.url(f"/plain.html?held={look['color_scheme']}-{number}") for number in range(4)])
        expect(jobs.cards("running").first).to_be_visible()
        assert violations(jobs.tab) == []
        jobs.page.get_by_role("link", name="All jobs").click()
        expect(jobs.page.locator(".job").first).to_be_visible()
        assert violations(jobs.tab) == []
    finally:
        site.release_held.set()


def test_ended_job(jobs: JobsDriver, site: SiteServer) -> None:
    jobs.submit(site.url("/form.html"), site.url("/download?axe"))
    jobs.expect_status("Partly captured")
    expect(jobs.page.locator("#pages img[src]")).to_be_visible()
    assert violations(jobs.tab) == []
    audit = jobs.page.evaluate(AUDIT)
    assert [each for each in audit["controls"] if each["height"] < MIN_TARGET and not each["inText"]] == []
    assert [text for text in audit["texts"] if text["contrast"] < text["needed"]] == []
    jobs.page.get_by_role("button", name="Delete").click()
    assert violations(jobs.tab) == []


def test_missing_job(open_page: OpenPage, node: Node, look: Look) -> None:
    jobs = JobsDriver(open_page, node, "?job=job_0", **look)
    expect(jobs.find("job-trouble")).not_to_be_empty()
    assert violations(jobs.tab) == []


@pytest.mark.parametrize("width", [320, 390, 768])
def test_nothing_overflows_the_viewport(open_page: OpenPage, node: Node, site: SiteServer, width: int) -> None:
    jobs = JobsDriver(open_page, node, viewport={"width": width, "height": 800})
    jobs.tab.expand_all()
    assert jobs.page.evaluate("document.documentElement.scrollWidth") <= width
    long = "a-rather-long-address-that-has-no-place-to-be-broken-on-a-small-telephone"
    jobs.submit(site.url(f"/plain.html?{long}"), site.url(f"/download?{long}"), name=long)
    jobs.expect_status("Partly captured")
    assert jobs.page.evaluate("document.documentElement.scrollWidth") <= width
    jobs.page.get_by_role("link", name="All jobs").click()
    expect(jobs.page.locator(".job").first).to_be_visible()
    assert jobs.page.evaluate("document.documentElement.scrollWidth") <= width
