"""The fast path's caches: bounds, the request log, and an outage or a slow read of the cache."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest

from tests.support.fast_path import FastPathComparison, RawRequest, call_wsgi
from tests.web.conftest import URL, Site
from tintype import access_log, logs
from tintype.service.purge import Selector, SelectorKind
from tintype.web import response_cache
from tintype.web.fast_path import FastPath
from tintype.web.response_cache import LIFETIME, OUTAGE_LIFETIME, SLOW_READ

OTHER = "https://other.org/a%20b?q=1"


@pytest.fixture
def comparison() -> FastPathComparison:
    return FastPathComparison()


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
