"""Capture daemons on demand, and one fixture site."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from harness.site_server import SiteServer
from tintype.chromium.daemon.daemon import DaemonConfig, address_for, command_for
from tintype.engines.chromium import ChromiumEngine
from tintype.provision.find_browser import find_chromium

StartEngine = Callable[..., ChromiumEngine]


@pytest.fixture(scope="session")
def site() -> Iterator[SiteServer]:
    with SiteServer() as server:
        yield server


@pytest.fixture(scope="session")
def start_engine() -> Iterator[StartEngine]:
    """Start engines, each with a separate daemon; the settings of the daemon are the arguments."""
    if find_chromium() is None:
        pytest.skip("Chromium is not installed: tintype install-browser")
    with ExitStack() as running:

        def start(**settings: Any) -> ChromiumEngine:
            run_dir = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="tintype-run-")))
            config = DaemonConfig(**{"idle_timeout": 5.0, **settings})
            address = address_for(config, run_dir)
            engine = ChromiumEngine(
                address, command_for(config, address), run_dir, timeout=60, log_file=run_dir / "daemon.log"
            )
            running.callback(end, engine)
            return engine

        yield start


def end(engine: ChromiumEngine) -> None:
    engine.close()
    engine.stop_if_idle()
