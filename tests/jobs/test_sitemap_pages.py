"""Sitemaps of jobs, from real HTTP servers: pages, filters, robots.txt, limits, and hostile sites."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.support.sitemap_server import SitemapServer
from tintype.jobs import sitemap_pages
from tintype.jobs.leased_pages import CaptureOutcome
from tintype.jobs.model import Lease, Sitemap
from tintype.jobs.sitemap_pages import SitemapExpander, is_sitemap
from tintype.sitemaps import reader

ENTITY_BOMB = '<!DOCTYPE urlset [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@dataclass
class Reading:
    """A server, and an expander that may read from it."""

    server: SitemapServer
    expander: SitemapExpander

    def __call__(self, path: str = "/sitemap.xml", **members: Any) -> CaptureOutcome:
        wanted = {"url": self.server.url(path), "include": (), "exclude": (), "max_pages": 10_000, **members}
        options = json.dumps({"sitemap": wanted, "options": {"width": 800}})
        lease = Lease(
            job="job_1", number=1, token="t", attempt=1, owner="shop", stores=True, url=wanted["url"], options=options
        )
        assert is_sitemap(lease)
        return self.expander(lease)

    def paths(self, outcome: CaptureOutcome) -> list[str]:
        return [page.url.removeprefix(self.server.origin) for page in outcome.pages]


@pytest.fixture
def server() -> Iterator[SitemapServer]:
    with SitemapServer() as server:
        yield server


@pytest.fixture
def read(server: SitemapServer) -> Reading:
    return Reading(server, SitemapExpander(targets=server.targets, room=lambda _: 100_000))


def report(outcome: CaptureOutcome) -> Sitemap:
    assert outcome.sitemap, outcome.result
    return outcome.sitemap


class TestPages:
    def test_match_the_sitemap_with_the_options_of_the_job(self, server: SitemapServer, read: Reading) -> None:
        server.files["/sitemap.xml"] = server.urlset(["/a", "/b?x=1&amp;y=2", "/a"])
        outcome = read()
        assert read.paths(outcome) == ["/a", "/b?x=1&y=2"]
        assert {(page.host, page.options) for page in outcome.pages} == {("127.0.0.1", '{"width": 800}')}
        found = report(outcome)
        assert (found.is_read, found.found, found.duplicates, found.truncated) == (True, 3, 1, False)

    def test_come_from_an_index_of_indexes_gzipped_or_not(self, server: SitemapServer, read: Reading) -> None:
        server.files |= {
            "/sitemap.xml": server.index("/one.xml", "/two.xml.gz"),
            "/one.xml": server.index("/deep.xml"),
            "/deep.xml": server.urlset(["/1"]),
            "/two.xml.gz": gzip.compress(server.urlset(["/2"])),
        }
        assert read.paths(read()) == ["/1", "/2"]

    def test_come_from_a_loop_of_indexes_once(self, server: SitemapServer, read: Reading) -> None:
        server.files |= {
            "/sitemap.xml": server.index("/other.xml", "/sitemap.xml", "/pages.xml"),
            "/other.xml": server.index("/sitemap.xml", "/other.xml"),
            "/pages.xml": server.urlset(["/1"]),
        }
        assert read.paths(read()) == ["/1"]
        assert sorted(server.requests) == ["/other.xml", "/pages.xml", "/robots.txt", "/sitemap.xml"]

    @pytest.mark.parametrize(
        ("members", "expected"),
        [
            ({"include": ("/blog/*",)}, ["/blog/1", "/blog/2.pdf"]),
            ({"exclude": ("*.pdf",)}, ["/", "/blog/1", "/en/blog/1"]),
            ({"include": ("/blog/*",), "exclude": ("*.pdf",)}, ["/blog/1"]),
            ({"include": ("http://127.0.0.1:*/en/*",)}, ["/en/blog/1"]),
            ({"include": ("/", "/en/*")}, ["/", "/en/blog/1"]),
        ],
    )
    def test_match_the_globs(
        self, members: dict[str, Any], expected: list[str], server: SitemapServer, read: Reading
    ) -> None:
        server.files["/sitemap.xml"] = server.urlset(["/", "/blog/1", "/blog/2.pdf", "/en/blog/1"])
        outcome = read(**members)
        assert read.paths(outcome) == expected
        assert report(outcome).excluded == 4 - len(expected)

    def test_end_at_max_pages(self, server: SitemapServer, read: Reading) -> None:
        server.files["/sitemap.xml"] = server.urlset([f"/{number}" for number in range(5)])
        outcome = read(max_pages=2)
        assert read.paths(outcome) == ["/0", "/1"]
        assert report(outcome).truncated
        assert not report(read(max_pages=5)).truncated

    def test_begin_with_the_first_of_50000_urls(self, server: SitemapServer, read: Reading) -> None:
        server.files["/sitemap.xml"] = server.urlset([f"/page/{number}" for number in range(50_000)])
        outcome = read(exclude=("/page/*1",))
        assert (len(outcome.pages), report(outcome).truncated) == (10_000, True)
        assert report(outcome).excluded > 1000


class TestRobots:
    def test_leaves_out_what_they_disallow(self, server: SitemapServer, read: Reading) -> None:
        server.files |= {
            "/robots.txt": b"User-agent: *\nAllow: /\n\nUser-agent: tintype\nDisallow: /private/\nAllow: /private/ok",
            "/sitemap.xml": server.urlset(["/a", "/private/b", "/private/ok"]),
        }
        outcome = read()
        assert read.paths(outcome) == ["/a", "/private/ok"]
        assert report(outcome).disallowed == 1
        assert report(outcome).left_out[0].startswith(f"{server.url('/private/b')}: robots.txt does not permit it")
        assert server.requests.count("/robots.txt") == 1

    @pytest.mark.parametrize(("status", "is_permitted"), [(404, True), (403, True), (500, False)])
    def test_obeys_rfc_9309_without_a_readable_file(
        self, status: int, is_permitted: bool, server: SitemapServer, read: Reading
    ) -> None:
        server.files |= {"/robots.txt": status, "/sitemap.xml": server.urlset(["/a"])}
        assert bool(read().pages) is is_permitted

    def test_names_the_sitemaps_of_a_start_page(self, server: SitemapServer, read: Reading) -> None:
        server.files |= {
            "/robots.txt": f"Sitemap: {server.url('/one.xml')}\nSitemap: {server.url('/gone.xml')}".encode(),
            "/one.xml": server.urlset(["/1"]),
        }
        outcome = read("/")
        assert read.paths(outcome) == ["/1"]
        assert "status 404" in report(outcome).failures[0]

    def test_start_page_without_named_sitemaps_has_the_usual_one(self, server: SitemapServer, read: Reading) -> None:
        server.files["/sitemap.xml"] = server.urlset(["/1"])
        assert read.paths(read("/")) == ["/1"]

    def test_reads_a_bounded_number_of_files(
        self, server: SitemapServer, read: Reading, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tintype.sitemaps.robots.MAX_ORIGINS", 0)
        server.files["/sitemap.xml"] = server.urlset(["/1"])
        assert read().result.error == "sitemap-invalid"
        assert server.requests == ["/sitemap.xml"]

    def test_permits_nothing_if_the_file_has_too_many_rules(
        self, server: SitemapServer, read: Reading, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tintype.sitemaps.robots.MAX_LINES", 2)
        server.files |= {"/robots.txt": b"User-agent: *\nAllow: /\n\n", "/sitemap.xml": server.urlset(["/1"])}
        assert not read().pages


class TestFailures:
    @pytest.mark.parametrize(
        ("body", "error", "detail"),
        [
            (404, "target-unreachable", "returned status 404"),
            (500, "target-unreachable", "returned status 500"),
            ("http://127.0.0.1:9/x", "target-unreachable", "not a public web address"),
            ("http://169.254.169.254/latest", "target-unreachable", "not a public web address"),
            ("file:///etc/passwd", "target-unreachable", ""),
            ("/sitemap.xml", "target-unreachable", "redirects"),
            (b"<urlset><url>", "sitemap-invalid", "not valid XML"),
            (b"<html></html>", "sitemap-invalid", "its root element is html"),
            (b"<urlset></urlset>", "sitemap-invalid", "no page is left: 0 URLs"),
            (f"<?xml version='1.0'?>{ENTITY_BOMB}<urlset>&b;</urlset>".encode(), "sitemap-invalid", "document type"),
            (b"", "sitemap-invalid", "no page is left"),
        ],
    )
    def test_end_the_job_with_the_reason(
        self, body: Any, error: str, detail: str, server: SitemapServer, read: Reading
    ) -> None:
        server.files["/sitemap.xml"] = body
        outcome = read()
        assert (outcome.result.error, outcome.retry_after, outcome.sitemap) == (error, None, None)
        assert detail in outcome.result.detail
        assert "Errno" not in outcome.result.detail

    def test_gzip_bomb_ends_at_its_limit(
        self, server: SitemapServer, read: Reading, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reader, "MAX_BYTES", 1 << 20)
        server.files["/sitemap.xml.gz"] = gzip.compress(bytes(64 << 20))
        assert "after decompression" in read("/sitemap.xml.gz").result.detail

    def test_endless_text_ends_at_the_limit_of_entries(
        self, server: SitemapServer, read: Reading, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reader, "MAX_LOCATIONS", 100)
        server.files["/sitemap.xml"] = b"\n" * 5_000_000 + server.url("/1\n").encode() * 101
        assert "more than 100 entries" in read().result.detail

    def test_slow_site_ends_at_the_time_limit(
        self, server: SitemapServer, read: Reading, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sitemap_pages, "MAX_SECONDS", 0.2)
        server.files["/sitemap.xml"] = None
        assert read().result.error == "target-unreachable"

    def test_pages_that_were_found_in_time_are_kept(self, server: SitemapServer, read: Reading) -> None:
        ticks: Sequence[float] = [0.0, *itertools.repeat(1.0, 6)]
        clock = itertools.chain(ticks, itertools.repeat(1e9))
        server.files |= {"/sitemap.xml": server.urlset([f"/{number}" for number in range(50)])}
        read.expander = replace(read.expander, clock=lambda: next(clock))
        outcome = read()
        assert 0 < len(outcome.pages) < 50
        assert report(outcome).truncated

    def test_sitemaps_of_an_index_that_fail_are_reported(self, server: SitemapServer, read: Reading) -> None:
        server.files |= {"/sitemap.xml": server.index("/gone.xml", "/bad.xml", "/ok.xml"), "/bad.xml": b"<x>"}
        server.files["/ok.xml"] = server.urlset(["/1"])
        failures = report(read()).failures
        assert [text.removeprefix(server.origin).split(":")[0] for text in failures] == ["/gone.xml", "/bad.xml"]

    def test_full_queue_is_waited_for(self, server: SitemapServer, read: Reading) -> None:
        server.files["/sitemap.xml"] = server.urlset(["/1", "/2"])
        read.expander = replace(read.expander, room=lambda _: 1)
        outcome = read()
        assert (outcome.result.error, outcome.retry_after) == ("overloaded", sitemap_pages.RETRY_AFTER)
        assert read(max_pages=1).pages


class TestPolicy:
    def test_denied_and_malformed_urls_are_left_out(self, server: SitemapServer, read: Reading) -> None:
        locations = ["http://127.0.0.1:9/", "http://10.0.0.1/", "javascript:alert(1)", "nonsense", server.url("/ok")]
        entries = "".join(f"<url><loc>{location}</loc></url>" for location in locations)
        server.files["/sitemap.xml"] = f"<urlset>{entries}</urlset>".encode()
        outcome = read()
        assert read.paths(outcome) == ["/ok"]
        assert (report(outcome).invalid, len(report(outcome).left_out)) == (4, 4)

    def test_index_leads_to_no_inner_address(self, server: SitemapServer, read: Reading) -> None:
        inner = "http://127.0.0.1:9/inner.xml"
        server.files |= {
            "/sitemap.xml": server.index("/ok.xml").replace(b"</sitemapindex>", f"<sitemap><loc>{inner}</loc></sitemap>"
                                                            "</sitemapindex>".encode()),
            "/ok.xml": server.urlset(["/1"]),
        }  # fmt: skip
        outcome = read()
        assert read.paths(outcome) == ["/1"]
        assert report(outcome).failures[0].startswith(f"{inner}: only public addresses")

    def test_hosts_that_the_operator_denies_are_not_read(self, server: SitemapServer, read: Reading) -> None:
        server.files["/sitemap.xml"] = server.urlset(["/1"])
        read.expander = replace(read.expander, targets=replace(server.targets, deny_hosts=("127.0.0.1",)))
        assert read().result.error == "target-unreachable"
        assert server.requests == []

    def test_hosts_that_the_key_does_not_cover_are_not_read(self, server: SitemapServer, read: Reading) -> None:
        server.files["/sitemap.xml"] = server.urlset(["/1"])
        read.expander = replace(read.expander, covers=lambda owner, host: (owner, host) != ("shop", "127.0.0.1"))
        assert "does not cover this host" in read().result.detail
        assert server.requests == []
