"""``GET /thumb``: headers, caching, negotiation, methods, verdicts and placeholders."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from scripts.trace_request import MAX_RETURNS, Profile
from tests.support.concurrency import eventually
from tests.web.conftest import DAY, URL, Site
from tintype import imaging
from tintype.errors import Overloaded
from tintype.model import Truncation
from tintype.service.limits import ConcurrencyLimit, WaitingLimit
from tintype.service.purge import Selector, SelectorKind
from tintype.web.rate_limit import RateLimits

CACHED = "public, max-age=86400, stale-while-revalidate=604800"
CROSS_ORIGIN = {"Origin": "https://a.org"}
CHROME_IMG = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


class TestThumbnail:
    def test_has_the_requested_size_and_format(self, site: Site) -> None:
        answer = site.thumb(thumb_width=320, format="webp")
        assert (answer.status_code, answer.content_type) == (200, "image/webp")
        assert imaging.size(answer.data)[:2] == (320, 180)

    def test_defaults_to_png_in_viewport_size(self, site: Site) -> None:
        answer = site.thumb()
        assert answer.content_type == "image/png"
        assert imaging.size(answer.data)[:2] == (1280, 720)

    @pytest.mark.parametrize(
        ("format_", "mime"),
        [("png", "image/png"), ("jpeg", "image/jpeg"), ("jpg", "image/jpeg"), ("avif", "image/avif")],
    )
    def test_content_type_matches_the_format(self, site: Site, format_: str, mime: str) -> None:
        assert site.thumb(format=format_, thumb_width=64).content_type == mime

    def test_options_reach_the_engine(self, site: Site) -> None:
        site.thumb(width=800, height=600, dark_mode="1", delay=250, selector="#chart", block_ads="false")
        shot = site.engine.shots[0]
        assert (shot.emulation.width, shot.emulation.height, shot.emulation.dark_mode) == (800, 600, True)
        assert (shot.wait.delay, shot.region.selector, shot.page_changes.block_ads) == (250, "#chart", False)

    def test_ignores_tracking_parameters(self, site: Site) -> None:
        site.thumb(f"{URL}?utm_source=mail")
        assert site.thumb(URL).headers["X-Cache"] == "HIT"

    def test_accepts_an_unescaped_url(self, site: Site) -> None:
        assert site.get_raw("url=https://münchen.de/straße".encode()).status_code == 200
        assert site.engine.shots[0].url == "https://xn--mnchen-3ya.de/stra%C3%9Fe"


class TestHeaders:
    def test_cache_control_has_the_default_lifetime(self, site: Site) -> None:
        answer = site.thumb()
        assert (answer.headers["Cache-Control"], answer.headers["Age"]) == (CACHED, "0")

    def test_age_is_the_time_since_the_capture(self, site: Site) -> None:
        site.thumb()
        site.clock.advance(3600)
        answer = site.thumb()
        assert (answer.headers["X-Cache"], answer.headers["Age"]) == ("HIT", "3600")
        assert answer.headers["Cache-Control"] == CACHED

    def test_ttl_sets_max_age(self, site: Site) -> None:
        assert site.thumb(ttl=60).headers["Cache-Control"] == "public, max-age=60"

    @pytest.mark.parametrize("insisting", [{"fresh": "true"}, {"ttl": "0"}])
    def test_fresh_and_ttl_zero_are_not_cached(self, site: Site, insisting: dict[str, Any]) -> None:
        site.thumb()
        site.clock.advance(1)
        answer = site.thumb(**insisting)
        assert (answer.headers["X-Cache"], answer.headers["Cache-Control"]) == ("MISS", "no-cache")

    def test_partial_capture_is_flagged_and_cached_briefly(self, site: Site) -> None:
        site.engine.partial = True
        answer = site.thumb()
        assert answer.headers["X-Capture"] == "partial"
        assert answer.headers["Cache-Control"] == "public, max-age=60, stale-while-revalidate=3600"

    def test_x_capture_names_the_limit_that_cut_the_image(self, site: Site) -> None:
        site.engine.partial, site.engine.truncated = True, Truncation.PIXELS
        assert site.thumb().headers["X-Capture"] == "partial, truncated;limit=pixels"

    def test_x_capture_reports_unavailable_page_features(self, site: Site) -> None:
        site.engine.features_unavailable = True
        assert site.thumb().headers["X-Capture"] == "features-unavailable"

    def test_x_target_status_is_the_status_of_the_target(self, site: Site) -> None:
        site.engine.status = 404
        answer = site.thumb()
        assert (answer.status_code, answer.headers["X-Target-Status"]) == (200, "404")

    def test_omits_an_unknown_target_status(self, site: Site) -> None:
        site.engine.status = 0
        assert "X-Target-Status" not in site.thumb().headers

    def test_x_cache_follows_the_life_of_a_thumbnail(self, site: Site) -> None:
        states = [site.thumb(), site.thumb(), site.thumb(thumb_width=320)]
        site.clock.advance(2 * DAY)
        states.append(site.thumb())
        assert [answer.headers["X-Cache"] for answer in states] == ["MISS", "HIT", "DERIVED", "STALE"]
        assert site.service.wait_idle(10)
        assert site.thumb().headers["X-Cache"] == "HIT"

    def test_server_timing_lists_the_steps(self, site: Site) -> None:
        headers = site.thumb().headers
        timing = headers["Server-Timing"]
        assert headers["Timing-Allow-Origin"] == "*"
        assert timing.startswith("cache;desc=MISS, ")
        assert {"navigate", "capture", "render", "total"} <= set(re.findall(r"([a-z]+);dur=[0-9.]+", timing))

    def test_a_hit_has_server_timing_on_request_only(self, site: Site) -> None:
        site.thumb()
        for _ in range(2):
            assert {"Server-Timing", "Timing-Allow-Origin"}.isdisjoint(site.thumb().headers.keys())
        requested = site.thumb(headers={"X-Server-Timing": "1"}).headers
        assert re.fullmatch(r"cache;desc=HIT, total;dur=[0-9.]+", requested["Server-Timing"])
        assert requested["Timing-Allow-Origin"] == "*"

    def test_pages_of_any_origin_may_show_a_thumbnail(self, site: Site) -> None:
        headers = site.thumb().headers
        assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert headers["X-Content-Type-Options"] == "nosniff"

    def test_scripts_of_any_origin_may_read_a_thumbnail(self, site: Site) -> None:
        for _ in range(3):
            headers = site.thumb(headers=CROSS_ORIGIN).headers
            assert headers["Access-Control-Allow-Origin"] == "*"
            assert {"X-Cache", "ETag", "Age"} <= set(headers["Access-Control-Expose-Headers"].split(", "))

    def test_requests_without_an_origin_get_no_cors_headers_and_caches_know(self, site: Site) -> None:
        for headers in (site.thumb().headers, site.thumb().headers, site.thumb(width=1).headers):
            assert [name for name, _ in headers if name.startswith("Access-Control-")] == []
            assert "Origin" in headers["Vary"].split(", ")
        assert site.thumb(headers=CROSS_ORIGIN).headers["Vary"] == "Origin"

    def test_errors_have_cors_headers(self, site: Site) -> None:
        assert site.thumb(width=1, headers=CROSS_ORIGIN).headers["Access-Control-Allow-Origin"] == "*"

    @pytest.mark.parametrize(
        ("url", "name"),
        [
            ("https://www.site.org/a/b.html", "www.site.org.png"),
            ("https://münchen.de/", "xn--mnchen-3ya.de.png"),
            ("https://[2606:4700::1111]/", "2606-4700-1111.png"),
        ],
    )
    def test_file_name_is_the_host(self, site: Site, url: str, name: str) -> None:
        assert site.thumb(url).headers["Content-Disposition"] == f'inline; filename="{name}"'


class TestFormatAuto:
    @pytest.mark.parametrize(
        ("accept", "mime"),
        [
            (CHROME_IMG, "image/avif"),
            ("image/webp,image/png,*/*;q=0.8", "image/webp"),
            ("image/avif;q=0.5,image/webp;q=0.9", "image/webp"),
            ("image/png", "image/png"),
            ("image/avif;q=0,image/png;q=0.1", "image/png"),
            ("*/*", "image/jpeg"),
            ("image/*", "image/jpeg"),
            ("text/html", "image/jpeg"),
            ("", "image/jpeg"),
        ],
    )
    def test_chooses_the_best_accepted_format(self, site: Site, accept: str, mime: str) -> None:
        answer = site.thumb(format="auto", thumb_width=64, headers={"Accept": accept})
        assert (answer.content_type, answer.headers["Vary"]) == (mime, "Accept, Origin")

    def test_shares_the_cache_with_explicit_formats(self, site: Site) -> None:
        site.thumb(format="webp", thumb_width=64)
        answer = site.thumb(format="auto", thumb_width=64, headers={"Accept": "image/webp"})
        assert answer.headers["X-Cache"] == "HIT"

    def test_explicit_format_does_not_vary_by_accept(self, site: Site) -> None:
        assert site.thumb().headers["Vary"] == "Origin"


class TestConditionalRequests:
    @pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', '"other",W/{}', "*"])
    def test_returns_304_if_the_etag_matches(self, site: Site, form: str) -> None:
        first = site.thumb()
        again = site.thumb(headers={"If-None-Match": form.format(first.headers["ETag"])})
        assert (again.status_code, again.data) == (304, b"")
        for name in ("ETag", "Cache-Control", "Age", "Vary", "X-Request-Id", "X-Cache"):
            assert name in again.headers
        assert again.headers["ETag"] == first.headers["ETag"]
        assert "Content-Type" not in again.headers

    def test_returns_200_if_the_etag_differs(self, site: Site) -> None:
        assert site.thumb(headers={"If-None-Match": '"other"'}).status_code == 200

    def test_etag_changes_with_the_content(self, site: Site) -> None:
        first = site.thumb().headers["ETag"]
        site.clock.advance(1)
        assert site.thumb(fresh="true").headers["ETag"] != first

    def test_ignores_range(self, site: Site) -> None:
        assert site.thumb(headers={"Range": "bytes=0-9"}).status_code == 200


class TestMethods:
    def test_head_is_get_without_a_body(self, site: Site) -> None:
        head = site.client.head("/thumb", query_string={"url": URL})
        get = site.thumb()
        assert (head.status_code, head.data) == (200, b"")
        assert head.headers["Content-Length"] == get.headers["Content-Length"]
        assert head.headers["ETag"] == get.headers["ETag"]

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE"])
    def test_lists_the_allowed_methods(self, site: Site, method: str) -> None:
        answer = site.client.open("/thumb", method=method)
        assert (answer.status_code, answer.json["error"]) == (405, "method-not-allowed")
        assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST"

    def test_answers_a_cors_preflight(self, site: Site) -> None:
        answer = site.client.options(
            "/thumb", headers={"Origin": "https://a.org", "Access-Control-Request-Method": "GET"}
        )
        assert (answer.status_code, answer.data) == (200, b"")
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert set(answer.headers["Access-Control-Allow-Methods"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}
        assert int(answer.headers["Access-Control-Max-Age"]) > 0


class TestRequestId:
    def test_each_request_has_one(self, site: Site) -> None:
        ids = [site.thumb().headers["X-Request-Id"] for _ in range(2)]
        assert len(set(ids)) == 2
        assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)

    def test_keeps_the_id_of_the_client(self, site: Site) -> None:
        assert site.thumb(headers={"X-Request-Id": "job_7.a-B"}).headers["X-Request-Id"] == "job_7.a-B"

    @pytest.mark.parametrize("bad", ["", "a b", "x" * 65, "<script>", "ü"])
    def test_replaces_an_invalid_id(self, site: Site, bad: Any) -> None:
        assert re.fullmatch("[0-9a-f]{32}", site.thumb(headers={"X-Request-Id": bad}).headers["X-Request-Id"])


class TestVerdict:
    @pytest.mark.parametrize(
        ("page", "verdict"), [({}, "ok"), ({"status": 404}, "error"), ({"blank_captures": 9}, "blank")]
    )
    def test_header_contains_the_verdict(self, site: Site, page: dict[str, int], verdict: str) -> None:
        vars(site.engine).update(page)
        assert [site.thumb().headers["X-Verdict"] for _ in range(2)] == [verdict] * 2

    def test_cors_exposes_the_header(self, site: Site) -> None:
        exposed = site.thumb(headers=CROSS_ORIGIN).headers["Access-Control-Expose-Headers"].split(", ")
        assert {"X-Verdict", "X-Capture", "X-Target-Status", "Refresh"} <= set(exposed)

    def test_error_page_is_cached_briefly(self, site: Site) -> None:
        site.engine.status = 404
        answer = site.thumb()
        assert answer.headers["Cache-Control"] == "public, max-age=3600, stale-while-revalidate=86400"
        assert answer.headers["X-Target-Status"] == "404"

    @pytest.mark.parametrize(
        ("page", "status", "error"),
        [({"status": 404}, 502, "target-error"), ({"blank_captures": 9}, 422, "unusable-capture")],
    )
    def test_fail_on_applies_to_captures_and_cached_thumbnails(
        self, site: Site, page: dict[str, int], status: int, error: str
    ) -> None:
        vars(site.engine).update(page)
        minding: dict[str, Any] = {"fail_on": "error, Blank", "thumb_width": 64}
        states = [site.thumb(**minding), site.thumb(thumb_width=64), site.thumb(**minding)]
        assert [answer.status_code for answer in states] == [status, 200, status]
        assert states[0].json["error"] == states[2].json["error"] == error
        assert states[1].headers["X-Cache"] == "HIT"

    def test_other_verdicts_pass_fail_on(self, site: Site) -> None:
        site.engine.status = 404
        assert site.thumb(fail_on="blank,challenge").status_code == 200

    @pytest.mark.parametrize("wrong", ["", "ok", "blank,,error", "blank error", "bad"])
    def test_fail_on_rejects_unknown_verdicts(self, site: Site, wrong: str) -> None:
        answer = site.thumb(fail_on=wrong)
        assert answer.status_code == 400
        assert "a comma-separated list of blank, error, challenge, login, parked, consent" in answer.json["detail"]

    def test_fail_on_gets_the_last_good_capture(self, site: Site) -> None:
        minding: dict[str, Any] = {"fail_on": "error", "ttl": 60}
        assert [site.thumb(**minding).status_code for _ in range(2)] == [200, 200]
        site.service.purge(Selector(SelectorKind.URL, URL))
        site.engine.status = 500
        site.clock.advance(5)
        assert [site.thumb(ttl=60).status_code, site.thumb(**minding).status_code] == [200, 502]
        assert site.thumb(**minding).status_code == 502

    def test_fail_on_can_return_an_error_image(self, site: Site) -> None:
        site.engine.blank_captures = 9
        answer = site.thumb(fail_on="blank", on_error="image", thumb_width=320)
        assert (answer.status_code, answer.content_type) == (422, "image/png")


class TestPlaceholder:
    def test_returns_a_placeholder_until_the_capture_is_done(self, site: Site) -> None:
        site.engine.released.clear()
        answer = site.thumb(placeholder="true", thumb_width=320, format="webp")
        assert (answer.status_code, answer.content_type) == (200, "image/webp")
        assert imaging.size(answer.data)[:2] == (320, 180)
        site.engine.released.set()
        assert site.service.wait_idle(10)
        assert site.thumb(placeholder="true", thumb_width=320, format="webp").headers["X-Cache"] == "HIT"

    def test_forbids_caching_and_sends_refresh(self, site: Site) -> None:
        headers = site.thumb(placeholder="true").headers
        assert (headers["X-Cache"], headers["Cache-Control"]) == ("PLACEHOLDER", "no-store")
        assert int(headers["Refresh"]) > 0
        assert not {"ETag", "Age", "X-Verdict"} & set(headers.keys())
        assert site.service.wait_idle(10)

    @pytest.mark.parametrize("options", [{"full_page": "true"}, {"device": "iphone-14"}, {"retina": "true"}])
    def test_has_the_size_of_the_thumbnail(self, site: Site, options: dict[str, Any]) -> None:
        first = imaging.size(site.thumb(placeholder="true", **options).data)
        assert site.service.wait_idle(10)
        assert imaging.size(site.thumb(placeholder="true", **options).data) == first

    def test_returns_a_cached_thumbnail_instead(self, site: Site) -> None:
        states = [site.thumb(), site.thumb(placeholder="true"), site.thumb(placeholder="true", thumb_width=64)]
        site.clock.advance(8.5 * DAY)
        states.append(site.thumb(placeholder="true"))
        assert [answer.headers["X-Cache"] for answer in states] == ["MISS", "HIT", "DERIVED", "STALE"]
        assert site.service.wait_idle(10)

    def test_cached_error_replaces_it(self, site: Site) -> None:
        site.engine.error = Overloaded("busy", retry_after=3)
        assert site.thumb(placeholder="true").headers["X-Cache"] == "PLACEHOLDER"
        assert site.service.wait_idle(10)
        answer = site.thumb(placeholder="true")
        assert (answer.status_code, answer.json["error"], answer.headers["Retry-After"]) == (503, "overloaded", "3")

    @pytest.mark.parametrize("insisting", [{"fresh": "true"}, {"ttl": "0"}])
    def test_rejects_placeholder_with_fresh_or_ttl_zero(self, site: Site, insisting: dict[str, Any]) -> None:
        answer = site.thumb(placeholder="true", **insisting)
        assert (answer.status_code, answer.json["errors"][0]["parameter"]) == (400, "placeholder")

    def test_counts_against_the_thumb_limit(self) -> None:
        site = Site(rate_limits=RateLimits(thumb="1 per minute", hit="9 per minute"))
        answers = [site.thumb(placeholder="true"), site.thumb("https://other.org/", placeholder="true")]
        assert [answer.status_code for answer in answers] == [200, 429]
        assert site.service.wait_idle(10)


class TestWaitingLimit:
    @pytest.fixture
    def full(self) -> Iterator[Site]:
        """A site whose waiting limit is reached by two captures that do not end."""
        site = Site(waiting_limit=WaitingLimit(2, max_targets=2))
        site.thumb()
        site.engine.released.clear()
        with ThreadPoolExecutor(2) as pool:
            waiting = [pool.submit(site.app.test_client().get, f"/thumb?url=https://{n}.org/") for n in "ab"]
            assert eventually(lambda: site.engine.capture_count == 3)
            yield site
            site.engine.released.set()
            assert [answer.result().status_code for answer in waiting] == [200, 200]

    def test_ignores_cache_hits(self, full: Site) -> None:
        assert full.thumb().headers["X-Cache"] == "HIT"
        assert full.thumb(headers={"If-Match": "*"}).headers["X-Cache"] == "HIT"

    def test_ignores_stale_thumbnails(self, full: Site) -> None:
        full.clock.advance(2 * DAY)
        assert full.thumb().headers["X-Cache"] == "STALE"

    @pytest.mark.parametrize("send", [Site.thumb, Site.persist], ids=["thumb", "persist"])
    def test_rejects_a_request_that_needs_a_capture(self, full: Site, send: Callable[..., Any]) -> None:
        answer = send(full, url="https://c.org/")
        assert (answer.status_code, answer.json["error"]) == (503, "overloaded")
        assert answer.headers["Retry-After"] == "5"
        assert full.engine.capture_count == 3


class TestConcurrencyLimit:
    @pytest.fixture
    def strict(self, site: Site) -> Site:
        """A site that runs one request at a time and waits for its permit without a practical limit."""
        site.service.concurrency_limit = ConcurrencyLimit(1, timeout=60.0)
        return site

    def test_answers_a_hit_while_another_request_waits_for_a_capture(self, strict: Site) -> None:
        strict.thumb()
        strict.engine.released.clear()
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(strict.app.test_client().get, "/thumb?url=https://slow.org/")
            assert eventually(lambda: strict.engine.capture_count == 2)
            assert strict.thumb().headers["X-Cache"] == "HIT"
            assert strict.thumb(headers={"If-Match": "*"}).headers["X-Cache"] == "HIT"
            strict.engine.released.set()
            assert waiting.result().headers["X-Cache"] == "MISS"

    def test_releases_the_permit_after_an_invalid_request(self, strict: Site) -> None:
        for _ in range(3):
            assert strict.thumb(url="ftp://example.org/").status_code == 400
        assert strict.thumb().status_code == 200


class TestMiss:
    def test_returns_to_a_module_of_the_service_at_most_twice(self, site: Site) -> None:
        profile = Profile()
        site.thumb("https://other.org/")
        sys.setprofile(profile)
        try:
            answer = site.thumb()
        finally:
            sys.setprofile(None)
        assert answer.headers["X-Cache"] == "MISS"
        assert "service/pipeline.py" in profile.files
        assert max(profile.returns().values()) <= MAX_RETURNS
