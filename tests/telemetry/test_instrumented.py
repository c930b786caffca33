"""Alerts and dashboard speak of figures that exist: by the catalogue, and by what a real service tells."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.commands.test_serve import Served, eventually
from tests.support.metrics import samples
from tests.support.paths import ROOT
from tests.telemetry.test_workers import get
from tintype.telemetry.definitions import BY_NAME, METRICS, PHASES, Metric

DEPLOY = ROOT / "deploy"
ALERTS = DEPLOY / "prometheus" / "alerts.yml"
DASHBOARD = DEPLOY / "grafana" / "tintype.json"

_SERIES = re.compile(r"(?<![:\w])(tintype_[a-z_]+)(?:\{([^}]*)\})?")
_ADDED = {"instance", "job", "le"}


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def queries(found: Any) -> Iterator[str]:
    """Every expression in the dashboard."""
    if isinstance(found, dict):
        if isinstance(found.get("expr"), str):
            yield found["expr"]
        for value in found.values():
            yield from queries(value)
    elif isinstance(found, list):
        for value in found:
            yield from queries(value)


def told_by(metric: Metric) -> set[str]:
    ends = ("_bucket", "_sum", "_count") if metric.kind == "histogram" else ("",)
    return {metric.name + end for end in ends}


METRIC_OF = {name: metric for metric in METRICS for name in told_by(metric)}
EXPRESSIONS = [*(rule["expr"] for rule in rules()), *queries(json.loads(DASHBOARD.read_text()))]
NAMED = [rule for rule in rules() if "alert" in rule]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_series_asked_for_exists_with_its_labels(expression: str) -> None:
    for name, selector in _SERIES.findall(expression):
        assert name in METRIC_OF, name
        assert set(re.findall(r"(\w+)\s*[!=]~?", selector)) <= {*METRIC_OF[name].labels, *_ADDED}


def test_every_rule_that_is_built_on_is_recorded() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    assert {name for text in EXPRESSIONS for name in re.findall(r"tintype(?::\w+)+", text)} <= recorded


@pytest.mark.parametrize("alert", NAMED, ids=lambda alert: str(alert["alert"]))
def test_an_alert_says_why_it_matters_and_what_to_do(alert: dict[str, Any]) -> None:
    assert {"summary", "reason", "action"} <= set(alert["annotations"])
    assert alert["labels"]["severity"] in {"page", "warning", "info"}


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_prometheus_takes_the_rules() -> None:
    checked = subprocess.run(["promtool", "check", "rules", str(ALERTS)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_every_panel_says_what_it_shows() -> None:
    panels = [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] in {"timeseries", "stat"}]
    assert [panel["title"] for panel in panels if not panel["description"]] == []
    assert len({panel["id"] for panel in panels}) == len(panels)


@pytest.mark.browser
@pytest.mark.usefixtures("own_settings")
def test_a_real_service_tells_every_figure(tmp_path: Path, example: str) -> None:
    host = example.removeprefix("http://").rstrip("/")
    env = {"TINTYPE_ENGINE": "chromium", "TINTYPE_DATA_DIR": str(tmp_path / "data"), "TINTYPE_ALLOW_ADDRESSES": host}
    with Served(PORT="0", TINTYPE_WORKERS="2", **env) as served:
        url = served.listening()["url"]
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
