"""Metric names: alerts, dashboard and docs use only those that exist, and a running service exposes all of them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from tests.support.concurrency import eventually
from tests.support.log_events import log_events
from tests.support.metrics import samples
from tests.support.paths import ROOT
from tests.support.serve_process import ServeProcess, get
from tintype.settings import Settings
from tintype.telemetry.definitions import BY_NAME, METRICS, PHASES, Metric

DEPLOY = ROOT / "deploy"
ALERTS = DEPLOY / "prometheus" / "alerts.yml"
DASHBOARD = DEPLOY / "grafana" / "tintype.json"
ADAPTER = DEPLOY / "kubernetes" / "adapter.yaml"
SETTING_NAMES = {str(field.validation_alias) for field in Settings.model_fields.values()}
PAGES = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")})

_SERIES = re.compile(r"(?<![:\w])(tintype_[a-z_]+)(?:\{([^}]*)\})?")
_SCRAPE_LABELS = {"instance", "job", "le"}
_SNAKE_CASE = re.compile(r"(?<![\w=-])[a-z]+(?:_[a-z]+)+(?![\w=-])")
_EVENT_VERBS = re.compile(
    r"_(crashed|denied|disabled|fallback|failed|finished|invalid|listening|lost|ready|recovered|recycled|refreshed"
    r"|refused|rejected|removed|replaced|retried|served|skipped|started|stopped|unavailable|unhealthy|unreachable)$"
)


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def queries(node: Any) -> Iterator[str]:
    """Every expression in the dashboard."""
    if isinstance(node, dict):
        if isinstance(node.get("expr"), str):
            yield node["expr"]
        for value in node.values():
            yield from queries(value)
    elif isinstance(node, list):
        for value in node:
            yield from queries(value)


def series_of(metric: Metric) -> set[str]:
    suffixes = ("_bucket", "_sum", "_count") if metric.kind == "histogram" else ("",)
    return {metric.name + suffix for suffix in suffixes}


METRIC_OF = {name: metric for metric in METRICS for name in series_of(metric)}
EXPRESSIONS = [*(rule["expr"] for rule in rules()), *queries(json.loads(DASHBOARD.read_text()))]
ALERT_RULES = [rule for rule in rules() if "alert" in rule]


def unknown_names(text: str) -> set[str]:
    """Names in snake case that are neither a metric, a series, a log event nor part of a command or path."""
    return set(_SNAKE_CASE.findall(text)) - log_events() - set(METRIC_OF) - set(BY_NAME)


class TestExpressions:
    @pytest.mark.parametrize("expression", EXPRESSIONS)
    def test_name_only_metrics_and_labels_that_exist(self, expression: str) -> None:
        for name, selector in _SERIES.findall(expression):
            assert name in METRIC_OF, name
            assert set(re.findall(r"(\w+)\s*[!=]~?", selector)) <= {*METRIC_OF[name].labels, *_SCRAPE_LABELS}

    def test_use_only_recorded_rules(self) -> None:
        recorded = {rule["record"] for rule in rules() if "record" in rule}
        assert {name for text in EXPRESSIONS for name in re.findall(r"tintype(?::\w+)+", text)} <= recorded


@pytest.mark.parametrize("alert", ALERT_RULES, ids=lambda alert: str(alert["alert"]))
class TestAlert:
    def test_gives_reason_and_action(self, alert: dict[str, Any]) -> None:
        assert {"summary", "reason", "action"} <= set(alert["annotations"])
        assert alert["labels"]["severity"] in {"page", "warning", "info"}

    def test_names_only_metrics_and_log_events_that_exist(self, alert: dict[str, Any]) -> None:
        for text in alert["annotations"].values():
            assert unknown_names(text) == set()

    def test_names_only_settings_that_exist(self, alert: dict[str, Any]) -> None:
        for text in alert["annotations"].values():
            assert set(re.findall(r"TINTYPE_[A-Z_]+|REDIS_URL", text)) <= SETTING_NAMES


class TestAlertsFile:
    @pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
    def test_passes_promtool(self) -> None:
        command = ["promtool", "check", "rules", str(ALERTS)]
        checked = subprocess.run(command, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr


class TestDashboard:
    PANELS: ClassVar[list[dict[str, Any]]] = json.loads(DASHBOARD.read_text())["panels"]

    def test_describes_every_panel(self) -> None:
        charts = [panel for panel in self.PANELS if panel["type"] in {"timeseries", "stat"}]
        assert [panel["title"] for panel in charts if not panel["description"]] == []
        assert len({panel["id"] for panel in charts}) == len(charts)

    def test_names_only_metrics_and_log_events_that_exist(self) -> None:
        texts = [f"{panel['title']} {panel.get('description', '')}" for panel in self.PANELS]
        assert unknown_names(" ".join(texts)) == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
class TestPage:
    def test_names_only_metrics_that_exist(self, page: Path) -> None:
        names = re.findall(r"`(tintype_[a-z_]+?)(_?…)?[`{]", page.read_text())
        computed = {rule["name"]["as"] for rule in yaml.safe_load(ADAPTER.read_text())["rules"]["external"]}
        assert {name for name, cut in names if not cut} <= {*METRIC_OF, *BY_NAME, *computed}
        for prefix in {name for name, cut in names if cut}:
            assert any(name.startswith(prefix) for name in BY_NAME), prefix

    def test_names_only_log_events_that_exist(self, page: Path) -> None:
        names = re.findall(r"`([a-z]+(?:_[a-z]+)+)`", page.read_text())
        assert {name for name in names if _EVENT_VERBS.search(name)} <= log_events()


class TestLogEvents:
    def test_finds_the_events_of_the_source(self) -> None:
        assert {"request_finished", "connection_denied", "state_failed"} <= log_events()


@pytest.mark.browser
@pytest.mark.usefixtures("own_settings")
def test_running_service_exposes_every_metric(tmp_path: Path, example: str) -> None:
    host = example.removeprefix("http://").rstrip("/")
    env = {"TINTYPE_ENGINE": "chromium", "TINTYPE_DATA_DIR": str(tmp_path / "data"), "TINTYPE_ALLOW_ADDRESSES": host}
    with ServeProcess(PORT="0", TINTYPE_WORKERS="2", **env) as served:
        url = served.wait_listening()["url"]
        for _ in range(3):
            get(url, f"/thumb?url={example}")
        assert eventually(lambda: "tintype_capture_queue_length" in get(url, "/metrics"))
        text = get(url, "/metrics")
        served.process.terminate()
        served.process.communicate(timeout=60)
    found = samples(text)
    assert set(BY_NAME) - {METRIC_OF[name].name for name, _ in found if name in METRIC_OF} == set()
    phases = {dict(labels)["phase"] for name, labels in found if name == "tintype_capture_phase_seconds_count"}
    assert phases == set(PHASES)
    assert found["tintype_browser_captures_total", frozenset()] == 1
    assert {dict(labels).get("process") for name, labels in found if name == "tintype_memory_bytes"} == {
        "web",
        "daemon",
        "browser",
    }
