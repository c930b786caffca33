"""Figures of a node, from its own metrics and from its exposition."""

from __future__ import annotations

import pytest

from tests.support.fakes import FakeEngine
from tests.support.metrics import DAEMON_METRICS
from tests.web.conftest import Site
from tintype import telemetry
from tintype.options import Options
from tintype.telemetry.collectors import NodeCollector, NodeSources
from tintype.telemetry.figures import EGRESS_DENIED, NodeFigures
from tintype.telemetry.instrumented import InstrumentedEngine
from tintype.telemetry.samples import Samples

SHOT = Options(url="https://site.org/").capture_request().shot


class TestFigures:
    def test_equal_the_metrics(self, site: Site) -> None:
        for _ in range(3):
            site.thumb()
        site.client.get("/thumb")
        figures = telemetry.summarize()
        counts = {state: count for state, count in figures.thumbnails.items() if count}
        assert counts == {"MISS": 1, "HIT": 2, "none": 1}
        assert figures.hit_ratio == pytest.approx(2 / 3)
        assert (figures.queue["waiting"], figures.queue["slots"]) == (None, None)

    def test_equal_those_of_the_exposition(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            telemetry, "_collector", NodeCollector(NodeSources(daemon=lambda: DAEMON_METRICS, waiting_limit=9))
        )
        InstrumentedEngine(FakeEngine(site.clock), "chromium").capture(SHOT)
        site.thumb()
        monkeypatch.setattr("tintype.telemetry.procfs.anonymous_bytes", lambda _: 123)
        exposed = NodeFigures.of(Samples.parse(telemetry.expose()[0].decode()), now=2e9)
        monkeypatch.setattr("time.time", lambda: 2e9)
        assert telemetry.summarize() == exposed

    def test_take_the_queue_from_the_daemon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(telemetry, "_collector", NodeCollector(NodeSources(daemon=lambda: DAEMON_METRICS)))
        figures = telemetry.summarize()
        assert figures.queue == {"waiting": 3, "limit": 8, "busy": 2, "slots": 2}
        assert figures.browser == {"up": 1, "restarts": 1, "recycles": 2}
        assert figures.rejections[EGRESS_DENIED] == sum(figures.rejections.values()) == 6

    def test_leave_out_what_is_sent_to_their_readers(self, site: Site) -> None:
        before = telemetry.summarize().bytes_sent
        for path in ("/metrics", "/status.json"):
            assert site.client.get(path).data
        assert telemetry.summarize().bytes_sent == before
        body = site.thumb().data
        assert telemetry.summarize().bytes_sent == before + len(body)

    def test_have_no_ratio_without_thumbnails(self) -> None:
        assert telemetry.summarize().hit_ratio is None
