"""Fixtures and hooks of all tests: skipped browser tests, restored log configuration, example page, command line."""

from __future__ import annotations

import functools
import gc
import http.server
import logging
import os
import signal
import threading
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from tests.support.paths import ROOT
from tests.support.terminal import Terminal
from tintype import logs
from tintype.provision import find_browser

pytest.register_assert_rewrite("tests.support.contracts")  # before any test module imports a contract
settings.register_profile("crowded", deadline=None)  # a slow example on a busy machine is not a failure
settings.load_profile("crowded")


def pytest_configure() -> None:
    """Enable SIGINT, which shells ignore in background jobs: processes started by tests would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect tests without garbage collections: they took half of the time, over a million objects that all stay."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("browser") and not find_browser.find_chromium(os.environ.get("TINTYPE_CHROMIUM", "")):
        pytest.skip("THERE IS NO CHROMIUM: run tintype install-browser")


@pytest.fixture(autouse=True)
def _log_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Restore the log configuration, and cache no logger, so that the next test can capture its events."""
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    configure = structlog.configure
    monkeypatch.setattr(structlog, "configure", lambda **new: configure(**new | {"cache_logger_on_first_use": False}))
    monkeypatch.setattr(logs, "_json_handler", None)
    yield
    root.handlers = handlers
    root.setLevel(level)  # setLevel clears the cached levels of loggers, an assignment does not
    configure(**before)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def example() -> Iterator[str]:
    """The bundled example page on a free loopback port."""
    handler = functools.partial(_Quiet, directory=str(ROOT / "examples/site"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove all settings from the environment; work in an empty folder, with the data folder below it."""
    for name in [name for name in os.environ if name.startswith(("TINTYPE_", "S3_", "REDIS_", "SNAPSHARP_"))]:
        if name != "TINTYPE_CHROMIUM":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINTYPE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TINTYPE_ALLOW_ADDRESSES", "127.0.0.1:9")


@pytest.fixture
def tintype(own_settings: None, capfdbinary: pytest.CaptureFixture[bytes]) -> Terminal:
    return Terminal(capfdbinary)
