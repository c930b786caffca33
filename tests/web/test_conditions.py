"""Conditional requests and byte ranges, on thumbnails and stored objects (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from werkzeug.test import TestResponse

from tests.support.fakes import STORED_AT
from tests.web.conftest import Site

OLD, NEW = (formatdate(STORED_AT + seconds, usegmt=True) for seconds in (-10, 10))


@pytest.fixture
def path(site: Site) -> str:
    """The path of a stored object."""
    return str(site.persist().json["url"]).removeprefix("http://localhost")


@pytest.fixture
def body(site: Site, path: str) -> bytes:
    return bytes(site.client.get(path).data)


def get(site: Site, path: str, **headers: str) -> TestResponse:
    return site.client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


class TestConditions:
    def test_order_of_evaluation(self, site: Site, path: str) -> None:
        etag = get(site, path).headers["ETag"]
        expected: list[tuple[dict[str, str], int]] = [
            ({"If_Match": "*"}, 200),
            ({"If_Match": etag}, 200),
            ({"If_Match": f'"other", {etag}'}, 200),
            ({"If_Match": f"W/{etag}"}, 412),  # the comparison is strong
            ({"If_Match": '"other"'}, 412),
            ({"If_Match": etag, "If_Unmodified_Since": OLD}, 200),  # If-Match has priority
            ({"If_Unmodified_Since": OLD}, 412),
            ({"If_Unmodified_Since": NEW}, 200),
            ({"If_Unmodified_Since": "yesterday"}, 200),
            ({"If_None_Match": "*"}, 304),
            ({"If_None_Match": f"W/{etag}"}, 304),  # the comparison is weak
            ({"If_None_Match": '"other"', "If_Modified_Since": NEW}, 200),  # If-None-Match has priority
            ({"If_Modified_Since": NEW}, 304),
            ({"If_Modified_Since": OLD}, 200),
            ({"If_Match": '"other"', "If_None_Match": etag}, 412),
            ({"If_Match": "*", "If_None_Match": etag}, 304),
            ({"If_None_Match": etag, "Range": "bytes=0-1"}, 304),
        ]
        assert [(sent, get(site, path, **sent).status_code) for sent, _ in expected] == expected

    def test_thumbnail_exists_for_if_match_with_an_asterisk(self, site: Site) -> None:
        assert site.thumb(headers={"If-Match": "*"}).status_code == 200

    @pytest.mark.parametrize("options", [{}, {"on_error": "image"}, {"format": "pdf"}])
    def test_failed_precondition_is_a_problem_that_no_cache_keeps(self, site: Site, options: dict[str, str]) -> None:
        answer = site.thumb(headers={"If-Match": '"other"'}, **options)
        assert (answer.status_code, answer.json["error"]) == (412, "precondition-failed")
        assert answer.headers["Cache-Control"] == "no-store"
        assert "ETag" not in answer.headers

    def test_304_has_the_fields_of_a_200_and_no_content(self, site: Site, path: str) -> None:
        full = get(site, path)
        answer = get(site, path, If_None_Match=full.headers["ETag"])
        assert (answer.status_code, answer.data) == (304, b"")
        for name in ("ETag", "Cache-Control"):
            assert answer.headers[name] == full.headers[name]
        assert "Content-Type" not in answer.headers


class TestRanges:
    def test_sends_the_requested_part(self, site: Site, path: str, body: bytes) -> None:
        size = len(body)
        for sent, start, end in (
            ("bytes=0-0", 0, 1),
            ("bytes=5-9", 5, 10),
            (f"bytes=5-{size + 1000}", 5, size),
            ("bytes=10-", 10, size),
            ("bytes=-7", size - 7, size),
            (f"bytes=-{size + 1000}", 0, size),
            ("BYTES = 1-2", 1, 3),
        ):
            answer = get(site, path, Range=sent)
            assert (answer.status_code, answer.data) == (206, body[start:end]), sent
            assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{size}"
            assert answer.headers["Content-Length"] == str(end - start)

    @pytest.mark.parametrize(
        "sent", ["bytes=5-2", "bytes=-", "bytes=a-b", "pages=1-2", "bytes=0-1,3-4", "bytes=0-" + "9" * 30, "x" * 9999]
    )
    def test_ignores_malformed_and_multiple_ranges(self, site: Site, path: str, body: bytes, sent: str) -> None:
        answer = get(site, path, Range=sent)
        assert (answer.status_code, answer.data) == (200, body)

    @pytest.mark.parametrize("sent", ["bytes={size}-", "bytes=99999999-", "bytes=-0"])
    def test_rejects_ranges_outside_of_the_object(self, site: Site, path: str, body: bytes, sent: str) -> None:
        answer = get(site, path, Range=sent.format(size=len(body)))
        assert (answer.status_code, answer.json["error"]) == (416, "range-not-satisfiable")
        assert answer.headers["Content-Range"] == f"bytes */{len(body)}"

    def test_sends_all_if_the_version_differs(self, site: Site, path: str) -> None:
        first = get(site, path)
        etag, date = first.headers["ETag"], first.headers["Last-Modified"]
        sent = {etag: 206, date: 206, '"other"': 200, f"W/{etag}": 200, NEW: 200, "yesterday": 200}
        assert {key: get(site, path, Range="bytes=0-1", If_Range=key).status_code for key in sent} == sent

    def test_head_ignores_ranges(self, site: Site, path: str, body: bytes) -> None:
        answer = site.client.head(path, headers={"Range": "bytes=0-1"})
        assert (answer.status_code, answer.data) == (200, b"")
        assert answer.headers["Content-Length"] == str(len(body))

    def test_pdf_has_ranges_and_images_have_none(self, site: Site) -> None:
        document = site.thumb(format="pdf")
        part = site.thumb(format="pdf", headers={"Range": "bytes=1-3"})
        assert (part.status_code, part.data) == (206, document.data[1:4])
        assert {"Last-Modified", "Accept-Ranges"} <= set(document.headers.keys())
        assert site.thumb(headers={"Range": "bytes=1-3"}).status_code == 200
