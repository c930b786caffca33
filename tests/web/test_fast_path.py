"""The fast path sends the same responses, rate limits and log lines as Flask."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from limits.errors import StorageError

from tests.support.fast_path import FastPathComparison, RawRequest, cache_state
from tests.web.conftest import DAY, URL
from tintype.service.purge import Selector, SelectorKind
from tintype.web import query_cache, response_cache
from tintype.web.rate_limit import RateLimits

OTHER = "https://other.org/a%20b?q=1"


@pytest.fixture
def comparison() -> FastPathComparison:
    return FastPathComparison()


HITS = {
    "GET": RawRequest(),
    "HEAD": RawRequest(method="HEAD"),
    "another etag": RawRequest(headers={"If-None-Match": '"0"'}),
    "an empty etag": RawRequest(headers={"If-None-Match": '""'}),
    "escaped": RawRequest(query=f"url={quote(OTHER, safe='')}&thumb_width=64&format=webp"),
    "raw utf-8": RawRequest(query="url=https://münchen.de/".encode().decode("latin-1")),
    "ttl": RawRequest(query=f"url={URL}&ttl=60"),
    "auto": RawRequest(query=f"url={URL}&format=auto&thumb_width=64", headers={"Accept": "image/webp,*/*"}),
    "auto, no Accept": RawRequest(query=f"url={URL}&format=auto&thumb_width=64"),
    "odd id": RawRequest(headers={"X-Request-Id": "job_7.a-B"}),
    "gzip": RawRequest(headers={"Accept-Encoding": "gzip", "Cookie": "a=b", "Origin": "https://a.org"}),
    "reload": RawRequest(headers={"Cache-Control": "no-cache", "Pragma": "no-cache"}),
}
DELEGATED = {
    "several etags": RawRequest(headers={"If-None-Match": '"0", "1"'}),
    "any etag": RawRequest(headers={"If-None-Match": "*"}),
    "a bare word as etag": RawRequest(headers={"If-None-Match": "word"}),
    "no etag": RawRequest(headers={"If-None-Match": ""}),
    "If-Match": RawRequest(headers={"If-Match": '"0"'}),
    "If-Modified-Since": RawRequest(headers={"If-Modified-Since": "Mon, 23 Nov 2026 00:00:00 GMT"}),
    "If-Unmodified-Since": RawRequest(headers={"If-Unmodified-Since": "Mon, 23 Nov 2026 00:00:00 GMT"}),
    "Range": RawRequest(headers={"Range": "bytes=0-9"}),
    "If-Range": RawRequest(headers={"Range": "bytes=0-9", "If-Range": '"0"'}),
    "no query": RawRequest(query=""),
    "an unknown option": RawRequest(query=f"url={URL}&widht=1"),
    "a wrong value": RawRequest(query=f"url={URL}&width=one"),
    "a value twice": RawRequest(query=f"url={URL}&width=400&width=500"),
    "a refused address": RawRequest(query="url=http://127.0.0.1/"),
    "an error as a picture": RawRequest(query=f"url={URL}&width=1&on_error=image&thumb_width=64"),
    "an error as a page": RawRequest(query=f"url={URL}&width=1", headers={"Accept": "text/html"}),
    "fresh": RawRequest(query=f"url={URL}&fresh=true"),
    "ttl 0": RawRequest(query=f"url={URL}&ttl=0"),
    "an endless query": RawRequest(query=f"url={URL}?{'a' * query_cache.MAX_KEY_LENGTH}"),
    "POST": RawRequest(method="POST"),
    "OPTIONS": RawRequest(method="OPTIONS"),
}


class TestEqualResponses:
    @pytest.mark.parametrize("name", HITS)
    def test_fast_path_answers_hits(self, comparison: FastPathComparison, name: str) -> None:
        states = [cache_state(comparison.send(HITS[name])) for _ in range(4)]
        assert (states, comparison.delegated) == (["MISS", "HIT", "HIT", "HIT"], 2)

    @pytest.mark.parametrize("name", DELEGATED)
    def test_flask_answers_other_requests(self, comparison: FastPathComparison, name: str) -> None:
        comparison.send(RawRequest())
        for _ in range(3):
            comparison.send(DELEGATED[name])
            comparison.apply(lambda site: site.clock.advance(response_cache.LIFETIME))
        assert comparison.delegated == 4

    @pytest.mark.parametrize("form", ["{}", "W/{}"])
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_returns_304_if_the_etag_matches(self, comparison: FastPathComparison, form: str, method: str) -> None:
        request = RawRequest(method=method, headers={"If-None-Match": form.format(comparison.etag(RawRequest()))})
        assert [comparison.send(request)[0] for _ in range(3)] == ["304 NOT MODIFIED"] * 3
        assert comparison.delegated == 2

    @pytest.mark.parametrize("form", ['"other", {}', '{},W/"other"', "{},"])
    def test_flask_returns_304_for_a_list_of_etags(self, comparison: FastPathComparison, form: str) -> None:
        request = RawRequest(headers={"If-None-Match": form.format(comparison.etag(RawRequest()))})
        assert [comparison.send(request)[0] for _ in range(2)] == ["304 NOT MODIFIED"] * 2

    @pytest.mark.parametrize(("status", "partial"), [(404, False), (503, False), (0, False), (200, True)])
    def test_sends_verdict_status_and_flags(self, comparison: FastPathComparison, status: int, partial: bool) -> None:
        comparison.apply(lambda site: vars(site.engine).update(status=status, partial=partial))
        assert [cache_state(comparison.send(RawRequest())) for _ in range(3)] == ["MISS", "HIT", "HIT"]
        comparison.advance(59)
        assert cache_state(comparison.send(RawRequest())) == "HIT"
        assert comparison.delegated == 2
        comparison.advance(3)
        comparison.send(RawRequest())

    def test_returns_an_error_for_a_verdict_in_fail_on(self, comparison: FastPathComparison) -> None:
        picky = RawRequest(query=f"url={URL}&fail_on=error")
        assert [cache_state(comparison.send(picky)) for _ in range(2)] == ["MISS", "HIT"]
        comparison.apply(lambda site: vars(site.engine).update(status=404))
        comparison.send(RawRequest(query=f"url={URL}&fresh=true"))
        comparison.advance(response_cache.LIFETIME)
        assert cache_state(comparison.send(RawRequest())) in {"HIT", "MISS"}
        comparison.send(picky)

    def test_returns_the_thumbnail_after_the_placeholder(self, comparison: FastPathComparison) -> None:
        request = RawRequest(query=f"url={URL}&placeholder=true")
        states = [cache_state(comparison.send(request))]
        comparison.apply(lambda site: None)
        assert [*states, *(cache_state(comparison.send(request)) for _ in range(2))] == ["PLACEHOLDER", "HIT", "HIT"]
        assert comparison.delegated == 2

    def test_age_increases_each_second(self, comparison: FastPathComparison) -> None:
        comparison.send(RawRequest())
        ages = []
        for _ in range(5):
            ages.append(dict(comparison.send(RawRequest())[1])["Age"])
            comparison.advance(0.5)
        assert ages == ["0", "0", "1", "1", "2"]

    def test_flask_answers_a_stale_thumbnail(self, comparison: FastPathComparison) -> None:
        comparison.send(RawRequest())
        comparison.advance(DAY - 1)
        states = [cache_state(comparison.send(RawRequest()))]
        comparison.advance(1)
        states.append(cache_state(comparison.send(RawRequest())))
        comparison.apply(lambda site: None)
        comparison.advance(response_cache.LIFETIME)
        states.append(cache_state(comparison.send(RawRequest())))
        assert states == ["HIT", "STALE", "HIT"]

    def test_considers_accept_for_a_negotiated_format_only(self, comparison: FastPathComparison) -> None:
        accepts = ["image/webp", "image/avif,image/webp", "image/png", "", "*/*"]
        for query in (f"url={URL}&format=auto&thumb_width=64", f"url={URL}&thumb_width=64"):
            for accept in accepts * 3:
                comparison.send(RawRequest(query=query, headers={"Accept": accept}))
        # the first visit and the hit that is learned from; of two that mean jpeg, and for the png, only the hit
        assert comparison.delegated == 2 * len(accepts)


class TestRateLimit:
    @pytest.mark.parametrize(
        "rate_limits",
        [
            RateLimits(thumb="5 per minute"),
            RateLimits(thumb="3 per minute", hit="4 per minute"),
            RateLimits(hit="4 per minute"),
            RateLimits(thumb="3 per minute", exempt=("192.0.2.0/24",)),
        ],
    )
    def test_counts_equally_up_to_the_last_request(self, rate_limits: RateLimits) -> None:
        comparison = FastPathComparison(rate_limits=rate_limits, trusted_proxies=("10.0.0.0/8",))
        requests = [
            RawRequest(),
            RawRequest(query=f"url={URL}&width=1"),
            RawRequest(query=f"url={OTHER}"),
            RawRequest(peer="203.0.113.9"),
        ]
        requests += [RawRequest(peer="10.0.0.1", headers={"X-Forwarded-For": "6.6.6.6, 198.51.100.7"})]
        for _ in range(4):
            for request in requests * 2:
                comparison.send(request)
            comparison.advance(17)

    def test_allows_hits_while_the_storage_is_down(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> None:
            raise StorageError(ConnectionError())

        comparison = FastPathComparison(rate_limits=RateLimits(thumb="1 per minute"))
        comparison.apply(lambda site: monkeypatch.setattr(site.counters, "count", refuse))
        assert [cache_state(comparison.send(RawRequest())) for _ in range(3)] == ["MISS", "HIT", "HIT"]


REQUESTS = [*HITS.values(), *DELEGATED.values(), RawRequest(peer="198.51.100.2"), RawRequest(query=f"url={OTHER}")]
STEPS = st.one_of(
    st.sampled_from(REQUESTS),
    st.sampled_from([0.4, 30.0, 61.0, DAY / 2, DAY * 8.0]),
    st.sampled_from(["purge", "404", "503", "200", "conditional request"]),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, min_size=5, max_size=25))
def test_responses_are_equal_in_any_sequence_of_events(steps: list[Any]) -> None:
    comparison = FastPathComparison(rate_limits=RateLimits(thumb="12 per minute", hit="20 per minute"))
    for step in steps:
        comparison.advance(response_cache.LIFETIME)
        if isinstance(step, RawRequest):
            comparison.send(step)
        elif isinstance(step, float):
            comparison.advance(step)
        elif step == "purge":
            comparison.apply(lambda site: site.service.purge(Selector(SelectorKind.URL, URL)))
        elif step == "conditional request":
            held = dict(comparison.send(RawRequest())[1]).get("ETag", '"none"')
            comparison.apply(lambda site: None)
            comparison.send(RawRequest(headers={"If-None-Match": held}))
        else:
            comparison.apply(lambda site, step=step: vars(site.engine).update(status=int(step)))
