"""Gauges of the capture daemon and of caches."""

from __future__ import annotations

import pytest

from tests.support.metrics import DAEMON_METRICS, read_metrics, value
from tests.web.conftest import Site
from tintype import telemetry
from tintype.telemetry.collectors import NodeCollector, NodeSources


class TestNodeCollector:
    def test_reads_the_metrics_of_the_daemon(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(telemetry, "_collector", NodeCollector(NodeSources(daemon=lambda: DAEMON_METRICS)))
        text = read_metrics(site.client)
        assert value(text, "tintype_capture_queue_length") == 3
        assert value(text, "tintype_browser_restarts_total") == 1
        assert value(text, "tintype_egress_denied_total", reason="policy") == 6
        assert value(text, "tintype_memory_bytes", process="browser") == 2000
        assert value(text, "tintype_isolation_layer_active", layer="namespaces") == 0
        assert value(text, "tintype_daemon_up") == 1

    def test_reports_a_stopped_daemon_as_down(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(telemetry, "_collector", NodeCollector(NodeSources(daemon=lambda: None)))
        assert "tintype_daemon_up 0.0" in read_metrics(site.client)
        assert "tintype_capture_queue_length 0" not in read_metrics(site.client)

    def test_asks_the_daemon_once_per_second(self) -> None:
        calls: list[int] = []
        collector = NodeCollector(NodeSources(daemon=lambda: calls.append(1) or DAEMON_METRICS), clock=lambda: 0.0)
        for _ in range(5):
            collector.samples()
        assert len(calls) == 1

    def test_reads_the_queue_of_jobs(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        queue = {"queued": 5, "running": 2, "oldest_age": 30.5, "jobs": 1, "unclaimed": 4.5}
        monkeypatch.setattr(telemetry, "_collector", NodeCollector(NodeSources(jobs=lambda: queue)))
        text = read_metrics(site.client)
        assert value(text, "tintype_job_pages", state="queued") == 5
        assert value(text, "tintype_job_pages", state="running") == 2
        assert value(text, "tintype_job_queue_age_seconds") == 30.5
        assert value(text, "tintype_job_queue_unclaimed_seconds") == 4.5
        assert value(text, "tintype_jobs") == 1
        figures = telemetry.summarize().jobs
        assert figures == {"open": 1, "queued": 5, "running": 2, "oldest_age": 30.5}

    def test_reports_no_queue_while_the_store_of_jobs_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(telemetry, "_collector", NodeCollector(NodeSources(jobs=dict)))
        assert set(telemetry.summarize().jobs.values()) == {None}

    def test_reads_sizes_and_budgets_of_caches(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        site.thumb()
        monkeypatch.setattr(
            telemetry, "_collector", NodeCollector(NodeSources(caches={"records": (site.records, 1000)}))
        )
        text = read_metrics(site.client)
        assert value(text, "tintype_cache_bytes", cache="records") == site.records.size() > 0
        assert value(text, "tintype_cache_budget_bytes", cache="records") == 1000
