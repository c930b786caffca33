"""A browser, and a site of challenge, login and parking pages, and of similar normal pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.site_server import SiteServer
from tests.chromium.conftest import StartEngine, start_engine
from tintype.engines.chromium import ChromiumEngine

__all__ = ["start_engine"]


@pytest.fixture(scope="session")
def site() -> Iterator[SiteServer]:
    with SiteServer(Path(__file__).parent / "site") as server:
        yield server


@pytest.fixture(scope="session")
def engine(start_engine: StartEngine, site: SiteServer) -> ChromiumEngine:
    return start_engine(slots=2, timeout=15.0, allow_addresses=(f"127.0.0.1:{site.port}",))
