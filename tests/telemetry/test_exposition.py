"""``GET /metrics``: counts of requests, and the text format."""

from __future__ import annotations

import re

from tests.support.metrics import read_metrics, value
from tests.web.conftest import Site
from tintype import errors, telemetry
from tintype.telemetry.definitions import METRICS
from tintype.web.rate_limit import RateLimits


def requests(text: str, route: str, status: str, cache: str) -> float:
    return value(text, "tintype_requests_total", route=route, status=status, cache=cache)


class TestRequests:
    def test_counts_requests_by_route_status_and_cache_state(self, site: Site) -> None:
        site.thumb()
        site.client.get("/nowhere")
        text = read_metrics(site.client)
        assert requests(text, "/thumb", "200", "MISS") == 1
        assert requests(text, "-", "404", "none") == 1

    def test_include_hits_of_the_fast_path_and_of_flask(self, site: Site) -> None:
        for _ in range(4):
            site.thumb()
        site.thumb(headers={"Range": "bytes=0-1"})
        text = read_metrics(site.client)
        assert requests(text, "/thumb", "200", "HIT") + requests(text, "/thumb", "206", "HIT") == 4
        assert value(text, "tintype_request_duration_seconds_count", route="/thumb", cache="HIT") == 4

    def test_count_304_as_a_hit_without_bytes(self, site: Site) -> None:
        etag = site.thumb().headers["ETag"]
        before = value(read_metrics(site.client), "tintype_sent_bytes_total", route="/thumb")
        site.thumb(headers={"If-None-Match": etag})
        text = read_metrics(site.client)
        assert requests(text, "/thumb", "304", "HIT") == 1
        assert value(text, "tintype_sent_bytes_total", route="/thumb") == before > 0

    def test_count_errors_by_code(self) -> None:
        site = Site(rate_limits=RateLimits(thumb="1 per day"))
        site.thumb()
        site.thumb(url="https://other.org/")
        assert value(read_metrics(site.client), "tintype_problems_total", error="rate-limited") == 1

    def test_expose_all_error_codes_as_0_at_first(self, site: Site) -> None:
        text = read_metrics(site.client)
        assert all(f'tintype_problems_total{{error="{kind.code}"}} ' in text for kind in errors.ALL)

    def test_count_requests_in_progress(self, site: Site) -> None:
        assert value(read_metrics(site.client), "tintype_requests_in_progress") == 1
        assert value(telemetry.expose()[0].decode(), "tintype_requests_in_progress") == 0


class TestExposition:
    def test_contains_help_and_type_of_every_metric(self, site: Site) -> None:
        text = read_metrics(site.client)
        for metric in METRICS:
            if re.search(rf"^{metric.name}(_bucket)?[{{ ]", text, re.MULTILINE):
                assert f"# HELP {metric.name} " in text
                assert f"# TYPE {metric.name} {metric.kind}\n" in text

    def test_responds_in_openmetrics_if_the_client_accepts_it(self, site: Site) -> None:
        answer = site.client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        assert answer.text.endswith("# EOF\n")

    def test_forbids_caching(self, site: Site) -> None:
        assert site.client.get("/metrics").headers["Cache-Control"] == "no-store"

    def test_contains_no_target(self, site: Site) -> None:
        site.thumb()
        assert "site.org" not in read_metrics(site.client)
