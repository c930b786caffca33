"""``GET /meta`` and PDF thumbnails."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.problems import invalid_parameters
from tests.web.conftest import URL, Site

META: dict[str, Any] = {"title": "Site", "description": "A site.", "icons": [], "open_graph": {"title": "Sité"}}


class TestMeta:
    def test_returns_the_metadata_of_the_page(self, site: Site) -> None:
        site.engine.meta = META
        answer = site.client.get("/meta", query_string={"url": URL}, headers={"Origin": "https://a.org"})
        assert (answer.status_code, answer.content_type) == (200, "application/json")
        assert answer.json.items() >= {**META, "final_url": URL, "status": 200, "verdict": "ok"}.items()
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["X-Cache"] == "MISS"
        assert answer.headers["ETag"]

    def test_equals_thumb_with_format_json(self, site: Site) -> None:
        site.engine.meta = META
        assert site.thumb(format="json").data == site.client.get("/meta", query_string={"url": URL}).data

    def test_shares_the_capture_with_thumbnails(self, site: Site) -> None:
        site.engine.meta = META
        states = [
            site.thumb(thumb_width=320).headers["X-Cache"],
            site.client.get("/meta", query_string={"url": URL}).headers["X-Cache"],
            site.client.get("/meta", query_string={"url": URL}).headers["X-Cache"],
            site.thumb(format="webp").headers["X-Cache"],
        ]
        assert states == ["MISS", "DERIVED", "HIT", "DERIVED"]
        assert site.engine.capture_count == 1

    def test_reports_an_unsupported_option_if_the_engine_reads_no_metadata(self, site: Site) -> None:
        answer = site.thumb(format="json")
        assert (answer.status_code, answer.json["error"]) == (400, "unsupported-option")
        assert [each["parameter"] for each in answer.json["errors"]] == ["format"]

    def test_rejects_other_formats(self, site: Site) -> None:
        answer = site.client.get("/meta", query_string={"url": URL, "format": "png"})
        assert list(invalid_parameters(answer)) == ["format"]

    def test_rejects_placeholder(self, site: Site) -> None:
        answer = site.client.get("/meta", query_string={"url": URL, "placeholder": "true"})
        assert list(invalid_parameters(answer)) == ["placeholder"]

    def test_persist_stores_metadata(self, site: Site) -> None:
        site.engine.meta = META
        kept = site.persist(format="json").json
        assert (kept["content_type"], kept["key"][-5:]) == ("application/json", ".json")


class TestPdf:
    def test_returns_the_pdf_of_the_engine(self, site: Site) -> None:
        answer = site.thumb(format="pdf", paper="letter", landscape=1)
        assert (answer.status_code, answer.content_type) == (200, "application/pdf")
        assert answer.data.startswith(b"%PDF-")
        assert "site.org.pdf" in answer.headers["Content-Disposition"]
        sheets = site.engine.shots[-1].pdf
        assert sheets
        assert (sheets.paper, sheets.landscape) == ("letter", True)
        assert site.thumb(format="pdf", paper="letter", landscape=1).headers["X-Cache"] == "HIT"

    def test_needs_another_capture_than_an_image(self, site: Site) -> None:
        assert [site.thumb(format=name).headers["X-Cache"] for name in ("pdf", "png")] == ["MISS", "MISS"]

    def test_persist_stores_a_pdf(self, site: Site) -> None:
        kept = site.persist(format="pdf").json
        assert (kept["content_type"], kept["key"][-4:]) == ("application/pdf", ".pdf")
        served = site.client.get(kept["url"].removeprefix("http://localhost"))
        assert (served.content_type, served.data[:5]) == ("application/pdf", b"%PDF-")

    @pytest.mark.parametrize(
        ("options", "wrong"),
        [
            ({"format": "pdf", "thumb_width": 320, "fit": "fill"}, {"thumb_width", "fit"}),
            ({"format": "pdf", "selector": "p", "scroll_to": 5}, {"selector", "scroll_to"}),
            ({"format": "pdf", "clip": "0,0,9,9", "omit_background": 1}, {"clip", "omit_background"}),
            ({"format": "json", "thumb_width": 320}, {"thumb_width"}),
            ({"elements": 1}, {"elements"}),
            ({"format": "pdf", "elements": 1}, {"elements"}),
            ({"paper": "a4", "landscape": 1, "margin": 5}, {"paper", "landscape", "margin"}),
        ],
    )
    def test_rejects_options_of_images(self, site: Site, options: dict[str, Any], wrong: set[str]) -> None:
        found = invalid_parameters(site.thumb(**options))
        assert found.keys() == wrong
        assert all("appl" in message for message in found.values())


@pytest.mark.parametrize("format_", ["pdf", "json"])
def test_errors_of_documents_are_problems_even_with_on_error_image(site: Site, format_: str) -> None:
    answer = site.thumb(format=format_, on_error="image", width=1)
    assert (answer.status_code, answer.content_type) == (400, "application/problem+json")
