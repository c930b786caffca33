"""One engine for the tests of page changes, regions and emulation."""

from __future__ import annotations

import pytest

from harness.site_server import SiteServer
from tests.chromium.conftest import StartEngine
from tests.support.capture_page import CapturePage


@pytest.fixture(scope="module")
def capture(start_engine: StartEngine, site: SiteServer) -> CapturePage:
    return CapturePage(start_engine(slots=2, timeout=8.0, allow_addresses=(f"127.0.0.1:{site.port}",)), site)
