"""A new metrics file for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.conftest import Site
from tintype import telemetry
from tintype.telemetry import recorder
from tintype.telemetry.collectors import NodeCollector


@pytest.fixture(autouse=True)
def metered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file that the test records into."""
    monkeypatch.setattr(recorder, "_store", None)
    monkeypatch.setattr(telemetry, "_collector", NodeCollector(telemetry.NodeSources()))
    path = tmp_path / "run" / "metrics"
    telemetry.start(path, telemetry.NodeSources())
    yield path
    recorder._clear_cell_caches()


@pytest.fixture
def site() -> Site:
    return Site()
