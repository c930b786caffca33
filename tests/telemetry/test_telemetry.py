"""What ``/metrics`` tells, and whom."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from limits.errors import StorageError

from tests.support.fakes import FakeEngine, MemoryStorage
from tests.support.metrics import value
from tests.web.conftest import Site
from tintype import errors, telemetry
from tintype.model import StoredObject
from tintype.options import Options
from tintype.telemetry.collectors import NodeCollector, NodeSources
from tintype.telemetry.definitions import METRICS
from tintype.telemetry.figures import EGRESS_DENIED, NodeFigures
from tintype.telemetry.instrumented import InstrumentedCache, InstrumentedEngine, InstrumentedStorage
from tintype.telemetry.samples import Samples
from tintype.web import create_app
from tintype.web.metrics import MetricsAccess
from tintype.web.rate_limit import RateLimits

SHOT = Options(url="https://site.org/").capture_request().shot
DAEMON = {
    "queue_length": 3,
    "queue_limit": 8,
    "busy": 2,
    "slots": 2,
    "clients": 4,
    "captures": 9,
    "restarts": 1,
    "recycles": 2,
    "undisposed_contexts": 1,
    "browser": "HeadlessChrome/1",
    "bytes": 5000,
    "connections": 7,
    "later": "unknown",
    "denied": {"policy": 6, "limit": 1},
    "memory": {"daemon": 1000, "browser": 2000},
    "layers": {"sandbox": True, "namespaces": False},
}


def metrics(site: Site, **headers: str) -> str:
    answer = site.client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    return answer.text


def requests(text: str, route: str, status: str, cache: str) -> float:
    return value(text, "tintype_requests_total", route=route, status=status, cache=cache)


class TestRequests:
    def test_are_told_by_route_status_and_cache_state(self, site: Site) -> None:
        site.thumb()
        site.client.get("/nowhere")
        text = metrics(site)
        assert requests(text, "/thumb", "200", "MISS") == 1
        assert requests(text, "-", "404", "none") == 1

    def test_hits_of_both_paths_count(self, site: Site) -> None:
        for _ in range(4):
            site.thumb()
        site.thumb(headers={"Range": "bytes=0-1"})
        text = metrics(site)
        assert requests(text, "/thumb", "200", "HIT") + requests(text, "/thumb", "206", "HIT") == 4
        assert value(text, "tintype_request_duration_seconds_count", route="/thumb", cache="HIT") == 4

    def test_an_unchanged_picture_is_a_hit_without_bytes(self, site: Site) -> None:
        etag = site.thumb().headers["ETag"]
        before = value(metrics(site), "tintype_sent_bytes_total", route="/thumb")
        site.thumb(headers={"If-None-Match": etag})
        text = metrics(site)
        assert requests(text, "/thumb", "304", "HIT") == 1
        assert value(text, "tintype_sent_bytes_total", route="/thumb") == before > 0

    def test_refusals_are_told_by_their_code(self) -> None:
        site = Site(rate_limits=RateLimits(thumb="1 per day"))
        site.thumb()
        site.thumb(url="https://other.org/")
        assert value(metrics(site), "tintype_problems_total", error="rate-limited") == 1

    def test_what_has_not_happened_yet_is_told_as_nothing(self, site: Site) -> None:
        text = metrics(site)
        assert all(f'tintype_problems_total{{error="{kind.code}"}} ' in text for kind in errors.ALL)

    def test_those_under_way_are_told(self, site: Site) -> None:
        assert value(metrics(site), "tintype_requests_in_progress") == 1
        assert value(telemetry.expose()[0].decode(), "tintype_requests_in_progress") == 0


class TestWhatIsWatched:
    def test_captures_are_told_by_engine_and_result(self, site: Site) -> None:
        engine = FakeEngine(site.clock)
        watched = InstrumentedEngine(engine, "chromium")
        watched.capture(SHOT)
        engine.error = errors.CaptureTimeout()
        with pytest.raises(errors.CaptureTimeout):
            watched.capture(SHOT)
        text = metrics(site)
        assert value(text, "tintype_captures_total", engine="chromium", result="ok") == 1
        assert value(text, "tintype_captures_total", engine="chromium", result="capture-timeout") == 1
        assert value(text, "tintype_capture_duration_seconds_count", engine="chromium") == 2

    def test_phases_are_those_the_engine_tells_and_our_own(self, site: Site) -> None:
        site.thumb()
        text = metrics(site)
        told = {
            p: value(text, "tintype_capture_phase_seconds_count", phase=p) for p in ("lookup", "navigate", "encode")
        }
        assert told == {"lookup": 1, "navigate": 1, "encode": 1}
        assert value(text, "tintype_capture_phase_seconds_sum", phase="navigate") == 0.0125
        assert value(text, "tintype_capture_phase_seconds_bucket", phase="navigate", le="0.01") == 0
        assert value(text, "tintype_capture_phase_seconds_bucket", phase="navigate", le="0.025") == 1

    def test_a_storage_that_is_down_is_counted(self, site: Site) -> None:
        storage = MemoryStorage()
        watched = InstrumentedStorage(storage)
        stored = StoredObject(key="k", body=b"x", mime="image/png")
        watched.put(stored)
        storage.error = "down"
        with pytest.raises(errors.BackendUnavailable):
            watched.put(stored)
        text = metrics(site)
        assert value(text, "tintype_storage_operation_seconds_count", operation="put") == 2
        assert value(text, "tintype_backend_failures_total", backend="storage") == 1

    def test_counters_that_are_down_are_counted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def down(*_: object) -> None:
            raise StorageError(OSError("down"))

        site = Site(rate_limits=RateLimits(thumb="1 per day"))
        monkeypatch.setattr(site.counters, "count", down)
        site.thumb()
        assert value(metrics(site), "tintype_backend_failures_total", backend="limits") == 1

    def test_caches_are_measured(self, site: Site) -> None:
        watched = InstrumentedCache(site.records, "records")
        watched.put("key", b"value", 60)
        assert watched.get("key") == b"value"
        text = metrics(site)
        for operation in ("put", "get"):
            name = "tintype_cache_operation_seconds_count"
            assert value(text, name, cache="records", operation=operation) == 1


class TestTheNode:
    def test_the_daemon_is_told_of(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(telemetry, "_collector", NodeCollector(NodeSources(daemon=lambda: DAEMON)))
        text = metrics(site)
        assert value(text, "tintype_capture_queue_length") == 3
        assert value(text, "tintype_browser_restarts_total") == 1
        assert value(text, "tintype_egress_denied_total", reason="policy") == 6
        assert value(text, "tintype_memory_bytes", process="browser") == 2000
        assert value(text, "tintype_isolation_layer_active", layer="namespaces") == 0
        assert value(text, "tintype_daemon_up") == 1

    def test_one_that_does_not_run_is_down_and_not_started(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(telemetry, "_collector", NodeCollector(NodeSources(daemon=lambda: None)))
        assert "tintype_daemon_up 0.0" in metrics(site)
        assert "tintype_capture_queue_length 0" not in metrics(site)

    def test_it_is_asked_once_for_a_crowd(self) -> None:
        asked: list[int] = []
        look = NodeCollector(NodeSources(daemon=lambda: asked.append(1) or DAEMON), clock=lambda: 0.0)
        for _ in range(5):
            look.samples()
        assert len(asked) == 1

    def test_caches_are_told_beside_their_budgets(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        site.thumb()
        monkeypatch.setattr(
            telemetry, "_collector", NodeCollector(NodeSources(caches={"records": (site.records, 1000)}))
        )
        text = metrics(site)
        assert value(text, "tintype_cache_bytes", cache="records") == site.records.size() > 0
        assert value(text, "tintype_cache_budget_bytes", cache="records") == 1000


class TestTheText:
    def test_every_metric_says_what_it_is(self, site: Site) -> None:
        text = metrics(site)
        for metric in METRICS:
            if f"\n{metric.name}" in text:
                assert f"# HELP {metric.name} " in text
                assert f"# TYPE {metric.name} {metric.kind}\n" in text

    def test_is_openmetrics_for_who_asks_for_it(self, site: Site) -> None:
        answer = site.client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        assert answer.text.endswith("# EOF\n")

    def test_is_never_kept(self, site: Site) -> None:
        assert site.client.get("/metrics").headers["Cache-Control"] == "no-store"

    def test_names_no_page_that_was_photographed(self, site: Site) -> None:
        site.thumb()
        assert "site.org" not in metrics(site)


class TestFigures:
    def test_equal_the_metrics(self, site: Site) -> None:
        for _ in range(3):
            site.thumb()
        site.client.get("/thumb")
        figures = telemetry.summarize()
        assert {state: count for state, count in figures.thumbnails.items() if count} == {
            "MISS": 1,
            "HIT": 2,
            "none": 1,
        }
        assert figures.hit_ratio == pytest.approx(2 / 3)
        assert (figures.queue["waiting"], figures.queue["slots"]) == (None, None)

    def test_equal_those_of_the_exposition(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(telemetry, "_collector", NodeCollector(NodeSources(daemon=lambda: DAEMON, waiting_limit=9)))
        InstrumentedEngine(FakeEngine(site.clock), "chromium").capture(SHOT)
        site.thumb()
        monkeypatch.setattr("tintype.telemetry.procfs.anonymous_bytes", lambda _: 123)
        exposed = NodeFigures.of(Samples.parse(telemetry.expose()[0].decode()), now=2e9)
        monkeypatch.setattr("time.time", lambda: 2e9)
        assert telemetry.summarize() == exposed

    def test_take_the_queue_from_the_daemon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(telemetry, "_collector", NodeCollector(NodeSources(daemon=lambda: DAEMON)))
        figures = telemetry.summarize()
        assert figures.queue == {"waiting": 3, "limit": 8, "busy": 2, "slots": 2}
        assert figures.browser == {"up": 1, "restarts": 1, "recycles": 2}
        assert figures.rejections[EGRESS_DENIED] == sum(figures.rejections.values()) == 6

    def test_have_no_ratio_without_thumbnails(self) -> None:
        assert telemetry.summarize().hit_ratio is None


def served(peer: str = "127.0.0.1", headers: dict[str, str] | None = None, **audience: Any) -> int:
    """The status that a peer gets."""
    site = Site()
    parts = replace(site.application, metrics_access=MetricsAccess(**audience))
    client = create_app(parts).test_client()
    return client.get("/metrics", headers=headers, environ_overrides={"REMOTE_ADDR": peer}).status_code


class TestWhoMayRead:
    @pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "10.4.2.1", "172.18.0.7", "192.168.1.2", "fd00::2", ""])
    def test_private_peers_may(self, peer: str) -> None:
        assert served(peer) == 200

    @pytest.mark.parametrize("peer", ["8.8.8.8", "2606:4700::1111", "nonsense"])
    def test_for_others_there_is_no_such_address(self, peer: str) -> None:
        assert served(peer) == 404

    @pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP", "CF-Connecting-IP"])
    def test_not_through_a_proxy(self, name: str) -> None:
        assert served(headers={name: "127.0.0.1"}) == 404

    def test_everybody_where_it_is_open(self) -> None:
        assert served("8.8.8.8", {"Via": "1.1 edge"}, mode="open") == 200

    def test_nobody_where_it_is_off(self) -> None:
        assert served(mode="off") == served(mode="off", token="t", headers={"Authorization": "Bearer t"}) == 404

    def test_a_token_opens_it_from_anywhere_and_its_lack_closes_it(self) -> None:
        assert served("8.8.8.8", {"Authorization": "Bearer right", "X-Forwarded-For": "8.8.4.4"}, token="right") == 200
        assert served(token="right") == served("127.0.0.1", {"Authorization": "Bearer wrong"}, token="right") == 401
