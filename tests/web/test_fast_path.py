"""The fast path answers what Flask answers, only sooner: twins of one service, one asked in front of it, one behind."""

from __future__ import annotations

import json
import logging
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from limits.errors import StorageError

from tests.support.fast_path import Ask, FastPathComparison, run, state
from tests.web.conftest import DAY, URL, Site
from tintype import access_log, logs
from tintype.web import query_cache, response_cache
from tintype.web.fast_path import FastPath
from tintype.web.rate_limit import RateLimits

OTHER = "https://other.org/a%20b?q=1"


@pytest.fixture
def twins() -> FastPathComparison:
    return FastPathComparison()


HITS = {
    "GET": Ask(),
    "HEAD": Ask(method="HEAD"),
    "another etag": Ask(headers={"If-None-Match": '"0"'}),
    "an empty etag": Ask(headers={"If-None-Match": '""'}),
    "escaped": Ask(query=f"url={quote(OTHER, safe='')}&thumb_width=64&format=webp"),
    "raw utf-8": Ask(query="url=https://münchen.de/".encode().decode("latin-1")),
    "ttl": Ask(query=f"url={URL}&ttl=60"),
    "auto": Ask(query=f"url={URL}&format=auto&thumb_width=64", headers={"Accept": "image/webp,*/*"}),
    "auto, no Accept": Ask(query=f"url={URL}&format=auto&thumb_width=64"),
    "odd id": Ask(headers={"X-Request-Id": "job_7.a-B"}),
    "gzip": Ask(headers={"Accept-Encoding": "gzip", "Cookie": "a=b", "Origin": "https://a.org"}),
    "reload": Ask(headers={"Cache-Control": "no-cache", "Pragma": "no-cache"}),
}
PASSED = {
    "several etags": Ask(headers={"If-None-Match": '"0", "1"'}),
    "any etag": Ask(headers={"If-None-Match": "*"}),
    "a bare word as etag": Ask(headers={"If-None-Match": "word"}),
    "no etag": Ask(headers={"If-None-Match": ""}),
    "If-Match": Ask(headers={"If-Match": '"0"'}),
    "If-Modified-Since": Ask(headers={"If-Modified-Since": "Mon, 23 Nov 2026 00:00:00 GMT"}),
    "If-Unmodified-Since": Ask(headers={"If-Unmodified-Since": "Mon, 23 Nov 2026 00:00:00 GMT"}),
    "Range": Ask(headers={"Range": "bytes=0-9"}),
    "If-Range": Ask(headers={"Range": "bytes=0-9", "If-Range": '"0"'}),
    "no query": Ask(query=""),
    "an unknown option": Ask(query=f"url={URL}&widht=1"),
    "a wrong value": Ask(query=f"url={URL}&width=one"),
    "a value twice": Ask(query=f"url={URL}&width=400&width=500"),
    "a refused address": Ask(query="url=http://127.0.0.1/"),
    "an error as a picture": Ask(query=f"url={URL}&width=1&on_error=image&thumb_width=64"),
    "an error as a page": Ask(query=f"url={URL}&width=1", headers={"Accept": "text/html"}),
    "fresh": Ask(query=f"url={URL}&fresh=true"),
    "ttl 0": Ask(query=f"url={URL}&ttl=0"),
    "an endless query": Ask(query=f"url={URL}?{'a' * query_cache.MAX_KEY_LENGTH}"),
    "POST": Ask(method="POST"),
    "OPTIONS": Ask(method="OPTIONS"),
}


class TestEqualResponses:
    @pytest.mark.parametrize("name", HITS)
    def test_fast_path_answers_hits(self, twins: FastPathComparison, name: str) -> None:
        states = [state(twins.ask(HITS[name])) for _ in range(4)]
        assert (states, twins.passed) == (["MISS", "HIT", "HIT", "HIT"], 2)

    @pytest.mark.parametrize("name", PASSED)
    def test_flask_answers_other_requests(self, twins: FastPathComparison, name: str) -> None:
        twins.ask(Ask())
        for _ in range(3):
            twins.ask(PASSED[name])
            twins.both(lambda site: site.clock.advance(response_cache.LIFETIME))
        assert twins.passed == 4

    @pytest.mark.parametrize("form", ["{}", "W/{}"])
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_returns_304_if_the_etag_matches(self, twins: FastPathComparison, form: str, method: str) -> None:
        ask = Ask(method=method, headers={"If-None-Match": form.format(twins.etag(Ask()))})
        assert [twins.ask(ask)[0] for _ in range(3)] == ["304 NOT MODIFIED"] * 3
        assert twins.passed == 2

    @pytest.mark.parametrize("form", ['"other", {}', '{},W/"other"', "{},"])
    def test_flask_returns_304_for_a_list_of_etags(self, twins: FastPathComparison, form: str) -> None:
        ask = Ask(headers={"If-None-Match": form.format(twins.etag(Ask()))})
        assert [twins.ask(ask)[0] for _ in range(2)] == ["304 NOT MODIFIED"] * 2

    @pytest.mark.parametrize(("status", "partial"), [(404, False), (503, False), (0, False), (200, True)])
    def test_sends_verdict_status_and_flags(self, twins: FastPathComparison, status: int, partial: bool) -> None:
        twins.both(lambda site: vars(site.engine).update(status=status, partial=partial))
        assert [state(twins.ask(Ask())) for _ in range(3)] == ["MISS", "HIT", "HIT"]
        twins.turn(59)
        assert state(twins.ask(Ask())) == "HIT"
        assert twins.passed == 2
        twins.turn(3)
        twins.ask(Ask())

    def test_returns_an_error_for_a_verdict_in_fail_on(self, twins: FastPathComparison) -> None:
        picky = Ask(query=f"url={URL}&fail_on=error")
        assert [state(twins.ask(picky)) for _ in range(2)] == ["MISS", "HIT"]
        twins.both(lambda site: vars(site.engine).update(status=404))
        twins.ask(Ask(query=f"url={URL}&fresh=true"))
        twins.turn(response_cache.LIFETIME)
        assert state(twins.ask(Ask())) in {"HIT", "MISS"}
        twins.ask(picky)

    def test_returns_the_thumbnail_after_the_placeholder(self, twins: FastPathComparison) -> None:
        ask = Ask(query=f"url={URL}&placeholder=true")
        states = [state(twins.ask(ask))]
        twins.both(lambda site: None)
        assert [*states, *(state(twins.ask(ask)) for _ in range(2))] == ["PLACEHOLDER", "HIT", "HIT"]
        assert twins.passed == 2

    def test_age_increases_each_second(self, twins: FastPathComparison) -> None:
        twins.ask(Ask())
        ages = []
        for _ in range(5):
            ages.append(dict(twins.ask(Ask())[1])["Age"])
            twins.turn(0.5)
        assert ages == ["0", "0", "1", "1", "2"]

    def test_flask_answers_a_stale_thumbnail(self, twins: FastPathComparison) -> None:
        twins.ask(Ask())
        twins.turn(DAY - 1)
        states = [state(twins.ask(Ask()))]
        twins.turn(1)
        states.append(state(twins.ask(Ask())))
        twins.both(lambda site: None)
        twins.turn(response_cache.LIFETIME)
        states.append(state(twins.ask(Ask())))
        assert states == ["HIT", "STALE", "HIT"]

    def test_considers_accept_for_a_negotiated_format_only(self, twins: FastPathComparison) -> None:
        accepts = ["image/webp", "image/avif,image/webp", "image/png", "", "*/*"]
        for query in (f"url={URL}&format=auto&thumb_width=64", f"url={URL}&thumb_width=64"):
            for accept in accepts * 3:
                twins.ask(Ask(query=query, headers={"Accept": accept}))
        # the first visit and the hit that is learned from; of two that mean jpeg, and for the png, only the hit
        assert twins.passed == 2 * len(accepts)


class TestRateLimit:
    @pytest.mark.parametrize(
        "allowances",
        [
            RateLimits(thumb="5 per minute"),
            RateLimits(thumb="3 per minute", hit="4 per minute"),
            RateLimits(hit="4 per minute"),
            RateLimits(thumb="3 per minute", exempt=("192.0.2.0/24",)),
        ],
    )
    def test_counts_equally_up_to_the_last_request(self, allowances: RateLimits) -> None:
        twins = FastPathComparison(allowances=allowances, trusted=("10.0.0.0/8",))
        asks = [Ask(), Ask(query=f"url={URL}&width=1"), Ask(query=f"url={OTHER}"), Ask(peer="203.0.113.9")]
        asks += [Ask(peer="10.0.0.1", headers={"X-Forwarded-For": "6.6.6.6, 198.51.100.7"})]
        for _ in range(4):
            for ask in asks * 2:
                twins.ask(ask)
            twins.turn(17)

    def test_allows_hits_while_the_storage_is_down(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> None:
            raise StorageError(ConnectionError())

        twins = FastPathComparison(allowances=RateLimits(thumb="1 per minute"))
        twins.both(lambda site: monkeypatch.setattr(site.counters, "count", refuse))
        assert [state(twins.ask(Ask())) for _ in range(3)] == ["MISS", "HIT", "HIT"]


ASKS = [*HITS.values(), *PASSED.values(), Ask(peer="198.51.100.2"), Ask(query=f"url={OTHER}")]
STEPS = st.one_of(
    st.sampled_from(ASKS),
    st.sampled_from([0.4, 30.0, 61.0, DAY / 2, DAY * 8.0]),
    st.sampled_from(["purge", "404", "503", "200", "ask for what it has"]),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, min_size=5, max_size=25))
def test_responses_are_equal_in_any_sequence_of_events(steps: list[Any]) -> None:
    twins = FastPathComparison(allowances=RateLimits(thumb="12 per minute", hit="20 per minute"))
    for step in steps:
        twins.turn(response_cache.LIFETIME)
        if isinstance(step, Ask):
            twins.ask(step)
        elif isinstance(step, float):
            twins.turn(step)
        elif step == "purge":
            twins.both(lambda site: site.service.purge(URL))
        elif step == "ask for what it has":
            held = dict(twins.ask(Ask())[1]).get("ETag", '"none"')
            twins.both(lambda site: None)
            twins.ask(Ask(headers={"If-None-Match": held}))
        else:
            twins.both(lambda site, step=step: vars(site.engine).update(status=int(step)))


class TestCaches:
    def test_applies_a_purge_within_the_lifetime(self, site: Site) -> None:
        assert [site.thumb().headers["X-Cache"] for _ in range(3)] == ["MISS", "HIT", "HIT"]
        site.service.purge(URL)
        site.clock.advance(response_cache.LIFETIME)
        assert site.thumb().headers["X-Cache"] == "MISS"

    def test_reads_the_shared_cache_once_within_the_lifetime(self, site: Site) -> None:
        for _ in range(3):
            site.thumb()
        site.records.unavailable = True
        assert site.thumb().headers["X-Cache"] == "HIT"

    def test_reads_the_shared_cache_after_a_clock_step_back(self, site: Site) -> None:
        for _ in range(3):
            site.thumb()
        site.service.purge(URL)
        site.clock.advance(-3600)
        assert site.thumb().headers["X-Cache"] == "MISS"

    def test_responses_stay_within_the_budget(self) -> None:
        pages, one = response_cache.ResponseCache(budget=3 * 10_000), _page(5000)
        for number in range(20):
            pages.add(number % 7, one)
        kept = [number for number in range(7) if pages.get(number, one.valid_from)]
        assert kept == [3, 4, 5]

    def test_drops_a_response_larger_than_the_budget(self) -> None:
        pages, one = response_cache.ResponseCache(budget=1000), _page(5000)
        pages.add("large", one)
        assert pages.get("large", one.valid_from) is None

    def test_queries_sent_once_evict_nothing(self, site: Site) -> None:
        front = site.app.wsgi_app
        assert isinstance(front, FastPath)
        front._query_cache._max_entries = 2
        often = Ask(query=f"url={URL}&thumb_width=100")
        for ask in (often, often, *(Ask(query=f"url={URL}&thumb_width={width}") for width in range(200, 210))):
            run(site.app, ask.environ())
        assert front._query_cache.get(often.environ())

    def test_evicts_the_oldest_query(self, site: Site) -> None:
        front = site.app.wsgi_app
        assert isinstance(front, FastPath)
        front._query_cache._max_entries = 2
        asks = [Ask(query=f"url={URL}&thumb_width={width}") for width in (100, 200, 300)]
        for ask in asks * 2:
            run(site.app, ask.environ())
        found = [front._query_cache.get(ask.environ()) for ask in asks]
        assert [bool(question) for question in found] == [False, True, True]


def _page(size: int) -> response_cache.CachedResponse:
    times = {"taken_at": 0.0, "valid_from": 0.0, "valid_until": 9.0}
    return response_cache.CachedResponse(
        body=bytes(size), headers_200=[], headers_304=[], etag='"0"', timing="", host="site.org", **times
    )


class TestRequestLog:
    def test_hits_of_both_have_equal_lines(self, twins: FastPathComparison, capsys: pytest.CaptureFixture[str]) -> None:
        twins.ask(Ask())
        logs.configure(log_format="json")
        capsys.readouterr()
        etag = twins.etag(Ask())
        access_log.flush()
        for ask in (Ask(method="HEAD"), Ask(headers={"If-None-Match": etag})):
            twins.ask(ask)
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
