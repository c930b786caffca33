"""Reading of query strings and request bodies: their limits, and the waiting limit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO

import pytest
from werkzeug.test import TestResponse

from tests.support.long_texts import seconds_of, slow_texts
from tests.support.problems import invalid_parameters
from tests.web.conftest import URL, Site
from tintype.request_parser import MAX_PARAMETERS
from tintype.service.limits import WaitingLimit
from tintype.web import request_body
from tintype.web.client_limit import ClientLimit
from tintype.web.rate_limit import RateLimits
from tintype.web.raw_params import MAX_DEPTH, MAX_ENTRIES, MAX_QUERY, query_pairs
from tintype.web.request_body import MAX_BODY, BodyReader


@pytest.fixture
def full() -> Iterator[Site]:
    """A site whose waiting limit is reached."""
    site = Site(waiting_limit=WaitingLimit(1))
    site.thumb()
    with site.waiting_limit.acquire():
        yield site


def post(site: Site, path: str, body: str) -> TestResponse:
    return site.client.post(path, data=body, content_type="application/json")


OF_1000_BYTES = {"CONTENT_TYPE": "application/json", "CONTENT_LENGTH": "1000"}


class UnreadBody(BytesIO):
    """A request body that records whether it was read."""

    was_read = False

    def read(self, size: int | None = -1, /) -> bytes:
        self.was_read = True
        return super().read(size)


class TestBodyLimits:
    @pytest.mark.parametrize("depth", [7, 8, 9, 30, 480, 600, 700, 960, 2_000, 100_000, 500_000])
    @pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
    def test_depth_never_causes_a_server_error(self, site: Site, depth: int, opening: str, closing: str) -> None:
        count = min(depth, MAX_BODY // len(opening + closing) - 20) // (1 + opening.startswith("[{"))
        for closed in (closing * count, ""):
            body = f'{{"url": "{URL}", "headers": {opening * count}1{closed}}}'
            for path in ("/thumb", "/persist"):
                answer = post(site, path, body)
                assert (answer.status_code, answer.json["error"]) == (400, "invalid-request")
                assert ("nested" in answer.text) == (depth >= MAX_DEPTH or not closed)

    def test_brackets_inside_strings_are_not_nested(self, site: Site) -> None:
        assert site.persist(html="[" * 1000 + '\\"{{' * 9, url=None).status_code == 200

    def test_rejects_more_members_than_permitted_in_one_error(self, site: Site) -> None:
        body = json.dumps({f"u{number}": number for number in range(50_000)})
        assert seconds_of(post, site, "/thumb", body) < 0.3
        answer = post(site, "/thumb", body)
        assert (answer.status_code, len(answer.data) < 1000) == (400, True)
        assert invalid_parameters(answer) == {"body": "must have at most 64 parameters"}

    def test_counts_null_and_repeated_members(self, site: Site) -> None:
        for member in ('"width": null', '"width": 640'):
            body = "{" + ", ".join([f'"url": "{URL}"', *[member] * MAX_PARAMETERS]) + "}"
            assert list(invalid_parameters(post(site, "/thumb", body))) == ["body"]

    def test_rejects_long_lists_and_objects(self, site: Site) -> None:
        for value in (["a"] * (MAX_ENTRIES + 1), {str(number): "a" for number in range(MAX_ENTRIES + 1)}):
            assert "1000 entries" in invalid_parameters(site.persist(hide_selectors=value))["body"]
        assert site.persist(hide_selectors=["a"] * 600).status_code == 200

    def test_reads_long_bodies_in_linear_time(self, site: Site) -> None:
        def send(text: str) -> None:
            post(site, "/thumb", text)
            post(site, "/thumb", f'{{"url": "{URL}", "html": "{text}')

        assert slow_texts(send) == []


class TestQueryLimits:
    def test_rejects_more_parameters_than_permitted(self, site: Site) -> None:
        filled = "&".join([f"url={URL}", *["a=1"] * MAX_PARAMETERS])
        for query in (filled, "&" * 60_000, f"url={URL}&" + "a&" * 30_000):
            assert invalid_parameters(site.get_raw(query)) == {"query": "must have at most 64 parameters"}

    def test_rejects_long_queries(self, site: Site) -> None:
        query = f"url={URL}&css="
        assert site.get_raw(query + "a" * 50_000).status_code == 200
        assert "65536 bytes" in invalid_parameters(site.get_raw(query + "a" * MAX_QUERY))["query"]

    def test_reads_long_queries_in_linear_time(self) -> None:
        assert slow_texts(lambda text: query_pairs(text.encode())) == []


class TestSlowBodies:
    @pytest.mark.parametrize("path", ["/thumb", "/persist"])
    def test_rejects_a_request_over_the_limit_before_reading_its_body(self, path: str) -> None:
        for per_client, expected in ((1, (503, "overloaded")), (0, (429, "rate-limited"))):
            site, body = Site(body_reader=BodyReader(limit=ClientLimit("uploads", 0, per_client))), UnreadBody()
            answer = site.client.post(path, input_stream=body, environ_overrides=OF_1000_BYTES)
            assert (answer.status_code, answer.json["error"]) == expected
            assert answer.headers["Retry-After"] == "5"
            assert not body.was_read

    def test_waiting_captures_take_no_place_from_bodies(self, full: Site) -> None:
        assert full.client.post("/thumb", json={"url": URL}).status_code == 200

    def test_releases_the_limit_after_valid_and_invalid_bodies(self) -> None:
        site = Site(body_reader=BodyReader(limit=ClientLimit("uploads", 1, 1)))
        assert [site.persist(url=url).status_code for url in ("ftp://x", URL, URL)] == [400, 200, 200]

    def test_reports_a_body_that_arrives_too_slowly(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(request_body, "BODY_TIMEOUT", 0.0)
        answer = site.persist()
        assert (answer.status_code, answer.json["error"]) == (408, "request-timeout")

    def test_reports_a_body_that_is_cut_off(self, site: Site) -> None:
        answer = site.client.post("/thumb", input_stream=BytesIO(b"{"), environ_overrides=OF_1000_BYTES)
        assert "Content-Length" in invalid_parameters(answer)["body"]

    def test_checks_the_rate_limit_before_reading_the_body(self) -> None:
        site, body = Site(rate_limits=RateLimits(persist="1 per minute")), UnreadBody()
        site.persist()
        answer = site.client.post("/persist", input_stream=body, content_type="application/json")
        assert (answer.status_code, body.was_read) == (429, False)
