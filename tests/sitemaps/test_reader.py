"""Sitemaps: locations, indexes, gzip, and limits on what a site can make us read."""

from __future__ import annotations

import gzip
from itertools import pairwise
from pathlib import Path

import pytest

from tintype.network.outbound import FetchError
from tintype.sitemaps import reader as sitemap
from tintype.sitemaps.reader import SitemapError, SitemapReader, SitemapUnavailable, sitemap_of

NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
ROOT = "https://site.org/sitemap.xml"


def urlset(*locations: str, head: str = "") -> bytes:
    entries = "".join(f"<url><loc>{location}</loc></url>" for location in locations)
    return f'<?xml version="1.0"?>{head}<urlset {NAMESPACE}>{entries}</urlset>'.encode()


def index(*locations: str) -> bytes:
    entries = "".join(f"<sitemap><loc>{location}</loc></sitemap>" for location in locations)
    return f"<sitemapindex {NAMESPACE}>{entries}</sitemapindex>".encode()


class Site:
    """A site whose files are given; requests are recorded."""

    def __init__(self, **files: bytes) -> None:
        self.files = {f"https://site.org/{name}.xml": body for name, body in files.items()}
        self.fetched: list[str] = []
        self.reader = SitemapReader(self.fetch)

    def fetch(self, url: str) -> bytes:
        self.fetched.append(url)
        if url not in self.files:
            raise FetchError("site.org returned status 404")
        return self.files[url]

    def urls(self, source: str = ROOT) -> list[str]:
        return [*self.reader.urls(source)]


class TestLocations:
    def test_include_pages_only(self) -> None:
        body = f"""<urlset {NAMESPACE} xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
            <url><loc> https://site.org/a?x=1&amp;y=2 </loc><image:image><image:loc>https://site.org/i.png</image:loc>
            </image:image></url><url><lastmod>2026</lastmod><loc><![CDATA[https://site.org/b]]></loc></url></urlset>"""
        assert Site(sitemap=body.encode()).urls() == ["https://site.org/a?x=1&y=2", "https://site.org/b"]

    def test_lack_the_namespace_on_some_sites(self) -> None:
        assert Site(sitemap=b"<urlset><url><loc>https://site.org/</loc></url></urlset>").urls() == ["https://site.org/"]

    def test_include_the_lines_of_a_plain_text(self) -> None:
        assert Site(sitemap=b"\xef\xbb\xbfhttps://site.org/a\r\n\r\nhttps://site.org/b\n").urls() == [
            "https://site.org/a",
            "https://site.org/b",
        ]

    def test_accept_utf_16(self) -> None:
        text = f"<urlset {NAMESPACE}><url><loc>https://site.org/a</loc></url></urlset>"
        assert Site(sitemap=text.encode("utf-16")).urls() == ["https://site.org/a"]

    def test_end_at_the_limit_of_a_url(self) -> None:
        (url,) = Site(sitemap=urlset("https://site.org/" + "a" * 9_000)).urls()
        assert len(url) <= sitemap.MAX_LOCATION + 1


class TestSource:
    def test_accepts_gzip(self) -> None:
        assert Site(sitemap=gzip.compress(urlset("https://site.org/a"))).urls() == ["https://site.org/a"]

    def test_accepts_bytes(self) -> None:
        site = Site()
        assert [*site.reader.urls("map.xml.gz", gzip.compress(urlset("https://site.org/a")))] == ["https://site.org/a"]
        assert site.fetched == []

    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("https://site.org", "https://site.org/sitemap.xml"),
            ("https://site.org/", "https://site.org/sitemap.xml"),
            ("https://site.org/maps/a.xml", "https://site.org/maps/a.xml"),
            ("https://site.org/?sitemap=1", "https://site.org/?sitemap=1"),
            ("map.xml", "map.xml"),
        ],
    )
    def test_finds_the_sitemap_of_a_start_page(self, url: str, expected: str) -> None:
        assert sitemap_of(url) == expected


class TestIndex:
    def test_leads_to_other_sitemaps_once(self) -> None:
        child = "https://site.org/a.xml"
        site = Site(sitemap=index(child, child, ROOT), a=urlset("https://site.org/1"))
        assert site.urls() == ["https://site.org/1"]
        assert site.fetched == [ROOT, child]
        assert site.reader.failures == []

    def test_reports_a_sitemap_that_cannot_be_read(self) -> None:
        site = Site(
            sitemap=index("https://site.org/gone.xml", "https://site.org/a.xml"), a=urlset("https://site.org/1")
        )
        assert site.urls() == ["https://site.org/1"]
        assert site.reader.failures == ["https://site.org/gone.xml: site.org returned status 404"]

    @pytest.mark.parametrize("location", ["file:///etc/passwd", "/etc/passwd", "map.xml"])
    def test_names_no_files(self, location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "map.xml").write_bytes(urlset("https://site.org/secret"))
        site = Site(sitemap=index(location))
        assert site.urls() == []
        assert site.fetched == [ROOT, location], "the egress policy rejects it"

    def test_stops_at_the_depth_limit(self) -> None:
        names = [f"i{number}" for number in range(6)]
        files = {name: index(f"https://site.org/{after}.xml") for name, after in pairwise(names)}
        site = Site(sitemap=index("https://site.org/i0.xml"), **files)
        assert site.urls() == []
        assert len(site.fetched) == sitemap.MAX_INDEX_DEPTH + 1
        assert "nested more than" in site.reader.failures[0]

    def test_leads_to_a_limited_number_of_files(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sitemap, "MAX_FILES", 3)
        locations = [f"https://site.org/{number}.xml" for number in range(5)]
        site = Site(
            sitemap=index(*locations), **{str(number): urlset(f"https://site.org/p{number}") for number in range(5)}
        )
        assert site.urls() == ["https://site.org/p0", "https://site.org/p1"]
        assert len(site.fetched) == 3
        assert "more than 3 sitemaps" in site.reader.failures[0]


class TestErrors:
    @pytest.mark.parametrize(
        ("body", "message"),
        [
            (b"<html><body></body></html>", "not a sitemap: its root element is html"),
            (b"<urlset><url>", "not valid XML"),
            (b"\x1f\x8b\x08broken", "not valid gzip"),
            (gzip.compress(b"<urlset/>", mtime=0)[:-4], "the gzip file is truncated"),
            (b"<urlset>" + b"<a>" * 100, "nested too deeply"),
        ],
        ids=["other root", "broken XML", "broken gzip", "truncated gzip", "deep"],
    )
    def test_describe_what_is_wrong(self, body: bytes, message: str) -> None:
        with pytest.raises(SitemapError, match=message):
            Site(sitemap=body).urls()

    @pytest.mark.parametrize(
        "head",
        [
            '<!DOCTYPE urlset [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>',
            '<!DOCTYPE urlset [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
            '<!DOCTYPE urlset SYSTEM "http://127.0.0.1/x.dtd">',
        ],
    )
    def test_reject_document_types_and_so_entities(self, head: str) -> None:
        with pytest.raises(SitemapError, match="has a document type"):
            Site(sitemap=urlset("https://site.org/&b;", head=head)).urls()

    def test_reject_a_sitemap_that_cannot_be_downloaded(self) -> None:
        with pytest.raises(SitemapUnavailable, match="status 404"):
            Site().urls()

    def test_limit_what_a_small_file_decompresses_to(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sitemap, "MAX_BYTES", 10_000)
        with pytest.raises(SitemapError, match="after decompression"):
            Site(sitemap=gzip.compress(b" " * 20_000)).urls()

    @pytest.mark.parametrize("body", [urlset(*["https://site.org/a"] * 9), b"https://site.org/a\n" * 9])
    def test_limit_the_entries_of_a_sitemap(self, body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sitemap, "MAX_LOCATIONS", 8)
        with pytest.raises(SitemapError, match="has more than 8 entries"):
            Site(sitemap=body).urls()

    def test_limit_all_sitemaps_together(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sitemap, "MAX_TOTAL_BYTES", 100)
        with pytest.raises(SitemapError, match="together"):
            Site(sitemap=urlset(*["https://site.org/a"] * 9)).urls()
