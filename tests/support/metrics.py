"""Series of an exposition, and the metrics of a capture daemon for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from flask.testing import FlaskClient

DAEMON_METRICS = {
    "queue_length": 3,
    "queue_limit": 8,
    "busy": 2,
    "slots": 2,
    "slow": 1,
    "low_priority": 2,
    "browsers": 3,
    "clients": 4,
    "captures": 9,
    "restarts": 1,
    "recycles": 2,
    "kept_contexts": 5,
    "kept_tabs": 3,
    "kept_context_captures": 4,
    "undisposed_contexts": 1,
    "browser": "HeadlessChrome/1",
    "bytes": 5000,
    "connections": 7,
    "later": "unknown",
    "denied": {"policy": 6, "limit": 1},
    "memory": {"daemon": 1000, "browser": 2000},
    "layers": {"sandbox": True, "namespaces": False},
}


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every series with its value."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(text: str, name: str, **labels: str) -> float:
    """The value of a series; 0 if it is missing."""
    return samples(text).get((name, frozenset(labels.items())), 0.0)


def read_metrics(client: FlaskClient) -> str:
    """The response of ``GET /metrics``."""
    response = client.get("/metrics")
    assert response.status_code == 200
    return response.text
