"""The fast path sends the same responses, rate limits and log lines as Flask."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from limits.errors import StorageError

from tests.support.fast_path import FastPathComparison, RawRequest, cache_state, call_wsgi
from tests.web.conftest import DAY, URL, Site
from tintype import access_log, logs
from tintype.service.purge import Selector, SelectorKind
from tintype.web import query_cache, response_cache
from tintype.web.fast_path import FastPath
from tintype.web.rate_limit import RateLimits
from tintype.web.response_cache import LIFETIME, OUTAGE_LIFETIME, SLOW_READ

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


class TestCaches:
    def test_applies_a_purge_immediately(self, site: Site) -> None:
        assert [site.thumb().headers["X-Cache"] for _ in range(3)] == ["MISS", "HIT", "HIT"]
        site.service.purge(Selector(SelectorKind.URL, URL))
        assert site.thumb().headers["X-Cache"] == "MISS"

    def test_applies_a_purge_by_another_node_within_the_lifetime(self, site: Site) -> None:
        assert [site.thumb().headers["X-Cache"] for _ in range(3)] == ["MISS", "HIT", "HIT"]
        site.records.clear()
        site.masters.clear()
        site.clock.advance(response_cache.LIFETIME)
        assert site.thumb().headers["X-Cache"] == "MISS"

    def test_keeps_no_response_that_was_read_before_a_purge(self) -> None:
        cache, one = response_cache.ResponseCache(), _page(10)
        cache.add("page", one, purges=1)
        assert cache.get("page", one.valid_from, purges=1)
        assert cache.get("page", one.valid_from, purges=2) is None
        cache.add("other", one, purges=2)
        cache.add("page", one, purges=1)
        assert [cache.get(key, one.valid_from, purges=2) for key in ("page", "other")] == [None, None]

    def test_reads_the_shared_cache_once_within_the_lifetime(self, site: Site) -> None:
        for _ in range(3):
            site.thumb()
        site.records.unavailable = True
        assert site.thumb().headers["X-Cache"] == "HIT"

    def test_reads_the_shared_cache_after_a_clock_step_back(self, site: Site) -> None:
        for _ in range(3):
            site.thumb()
        site.records.clear()
        site.masters.clear()
        site.clock.advance(-3600)
        assert site.thumb().headers["X-Cache"] == "MISS"

    def test_responses_stay_within_the_budget(self) -> None:
        cache, one = response_cache.ResponseCache(budget=3 * 10_000), _page(5000)
        for number in range(20):
            cache.add(number % 7, one, purges=0)
        kept = [number for number in range(7) if cache.get(number, one.valid_from, purges=0)]
        assert kept == [3, 4, 5]

    def test_drops_a_response_larger_than_the_budget(self) -> None:
        cache, one = response_cache.ResponseCache(budget=1000), _page(5000)
        cache.add("large", one, purges=0)
        assert cache.get("large", one.valid_from, purges=0) is None

    def test_queries_sent_once_evict_nothing(self, site: Site) -> None:
        front = site.app.wsgi_app
        assert isinstance(front, FastPath)
        front._query_cache._max_entries = 2
        often = RawRequest(query=f"url={URL}&thumb_width=100")
        for request in (
            often,
            often,
            *(RawRequest(query=f"url={URL}&thumb_width={width}") for width in range(200, 210)),
        ):
            call_wsgi(site.app, request.environ())
        assert front._query_cache.get(often.environ())

    def test_evicts_the_oldest_query(self, site: Site) -> None:
        front = site.app.wsgi_app
        assert isinstance(front, FastPath)
        front._query_cache._max_entries = 2
        requests = [RawRequest(query=f"url={URL}&thumb_width={width}") for width in (100, 200, 300)]
        for request in requests * 2:
            call_wsgi(site.app, request.environ())
        found = [front._query_cache.get(request.environ()) for request in requests]
        assert [bool(question) for question in found] == [False, True, True]


def _page(size: int) -> response_cache.CachedResponse:
    times = {"taken_at": 0.0, "valid_from": 0.0, "valid_until": 9.0, "fresh_until": 9.0}
    return response_cache.CachedResponse(
        body=bytes(size), headers_200=[], headers_304=[], etag='"0"', timing="", host="site.org", **times
    )


class TestRequestLog:
    def test_hits_of_both_have_equal_lines(
        self, comparison: FastPathComparison, capsys: pytest.CaptureFixture[str]
    ) -> None:
        comparison.send(RawRequest())
        logs.configure(log_format="json")
        capsys.readouterr()
        etag = comparison.etag(RawRequest())
        access_log.flush()
        for request in (RawRequest(method="HEAD"), RawRequest(headers={"If-None-Match": etag})):
            comparison.send(request)
            access_log.flush()
        lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
        assert len(lines) == 6
        for fast, slow in zip(lines[::2], lines[1::2], strict=True):
            assert fast.keys() == slow.keys()
            differing = {name for name in fast if fast[name] != slow[name]}
            assert differing <= {"ms", "timestamp"}
            assert (fast["event"], fast["id"], fast["cache"], fast["target"]) == (
                "request_finished",
                "same",
                "HIT",
                "site.org",
            )
        assert [line["bytes"] > 0 for line in lines[::2]] == [True, False, False]

    def test_logs_nothing_below_the_level(self, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
        site.thumb()
        logs.configure("warning", "json")
        site.thumb()
        assert capsys.readouterr().err == ""

    def test_passes_lines_to_other_handlers(self, site: Site, caplog: pytest.LogCaptureFixture) -> None:
        site.thumb()
        logs.configure(log_format="json")
        logging.getLogger().addHandler(caplog.handler)
        site.thumb()
        assert (
            sum("'cache': 'HIT'" in record.getMessage() or "HIT" in str(record.msg) for record in caplog.records) == 1
        )


class TestOutageOfTheCache:
    @pytest.fixture
    def outage(self, site: Site) -> Site:
        """A site that has answered a hit from memory, and whose cache is unavailable for longer than that is valid."""
        for _ in range(3):
            site.thumb()
        site.records.unavailable = site.masters.unavailable = True
        site.clock.advance(LIFETIME + 1)
        return site

    def test_returns_the_response_in_memory_for_minutes(self, outage: Site) -> None:
        outage.clock.advance(OUTAGE_LIFETIME - LIFETIME - 2)
        assert outage.thumb().headers["X-Cache"] == "HIT"
        assert outage.engine.capture_count == 1

    def test_ends_after_those_minutes(self, outage: Site) -> None:
        outage.clock.advance(OUTAGE_LIFETIME)
        assert outage.thumb().headers["X-Cache"] == "MISS"

    def test_returns_no_response_that_is_not_fresh(self, site: Site) -> None:
        for _ in range(3):
            site.thumb(ttl=30)
        site.records.unavailable = site.masters.unavailable = True
        site.clock.advance(31)
        assert site.thumb(ttl=30).headers["X-Cache"] == "MISS"

    def test_applies_only_while_the_cache_is_unavailable(self, outage: Site) -> None:
        outage.records.unavailable = outage.masters.unavailable = False
        outage.records.clear()
        outage.masters.clear()
        assert outage.thumb().headers["X-Cache"] == "MISS"


class TestSlowRead:
    """One request waits for the shared cache; others for the same response use the last one meanwhile."""

    def test_delays_one_request(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        with self.slow_read(site, monkeypatch) as delayed:
            site.clock.advance(SLOW_READ)
            assert site.thumb().headers["X-Cache"] == "HIT"
            assert not delayed.done()

    def test_leaves_no_trace_when_it_has_ended(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        with self.slow_read(site, monkeypatch):
            pass
        site.clock.advance(LIFETIME + 1)
        site.records.clear()
        site.masters.clear()
        assert site.thumb().headers["X-Cache"] == "MISS"

    def test_begins_after_the_time_of_an_ordinary_read(self) -> None:
        cache, response = response_cache.ResponseCache(), _page(5)
        cache.add("key", response, 0)
        with cache.reading("key", 5):
            assert cache.get_during_slow_read("key", 5 + SLOW_READ / 2, 0) is None
            assert cache.get_during_slow_read("key", 5 + SLOW_READ, 0) is response
            assert cache.get_during_slow_read("other", 5 + SLOW_READ, 0) is None
        assert cache.get_during_slow_read("key", 5 + SLOW_READ, 0) is None

    @staticmethod
    @contextmanager
    def slow_read(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Future[Any]]:
        """A request whose read of the shared cache lasts as long as the block."""
        for _ in range(3):
            site.thumb()
        site.clock.advance(LIFETIME + 1)
        begun, may_end, get = Event(), Event(), site.records.get

        def get_slowly(key: str) -> bytes | None:
            begun.set()
            assert may_end.wait(10)
            return get(key)

        with ThreadPoolExecutor(1) as other, monkeypatch.context() as patched:
            patched.setattr(site.records, "get", get_slowly)
            delayed = other.submit(site.thumb)
            assert begun.wait(10)
            try:
                yield delayed
            finally:
                may_end.set()
            assert delayed.result().headers["X-Cache"] == "HIT"
