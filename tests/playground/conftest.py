"""Fixtures for the playground in a real browser: services, a target site, and browser tabs.

Services, site and browser are started once for all modules of this folder, in each process of pytest.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from harness.node import Node
from harness.site_server import SiteServer
from tests.playground.page_driver import PageDriver
from tintype.provision import find_browser

OpenPage = Callable[..., PageDriver]
Look = dict[str, Any]
"""Settings of a browser context."""
Start = Callable[..., Node]
"""Starts a service with settings by name."""


@pytest.fixture(scope="package")
def site() -> Iterator[SiteServer]:
    with SiteServer() as server:
        yield server


@pytest.fixture(scope="package")
def start(site: SiteServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start new services with given settings; all stop after the last module."""
    with ExitStack() as running:

        def begin(**settings: str) -> Node:
            reach = {
                "TINTYPE_ALLOW_ADDRESSES": f"127.0.0.1:{site.port}",
                "TINTYPE_WORKERS": "1",
                "TINTYPE_TIMEOUT": "60s",
            }
            return running.enter_context(Node(data=tmp_path_factory.mktemp("node") / "data", env=reach | settings))

        yield begin


@pytest.fixture(scope="package")
def share(start: Start) -> Start:
    """Return the service with given settings, which all modules use; the first call starts it."""
    return functools.cache(start)


@pytest.fixture(scope="package")
def node(share: Start) -> Node:
    return share()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The installed Chromium. Playwright disables its sandbox, which is safe because it loads only the playground."""
    executable = find_browser.find_chromium(os.environ.get("TINTYPE_CHROMIUM", ""))
    with sync_playwright() as play, play.chromium.launch(executable_path=str(executable)) as launched:
        yield launched


@pytest.fixture(scope="module", params=[((1440, 900), "light"), ((390, 844), "dark")], ids=str)
def look(request: pytest.FixtureRequest) -> Look:
    """Both layouts and both colour schemes; colours do not depend on the layout."""
    (width, height), scheme = request.param
    return {"viewport": {"width": width, "height": height}, "color_scheme": scheme}


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Open the playground in a new browser context; console errors fail the test."""
    with open_pages(browser) as opened:
        yield opened


@contextmanager
def open_pages(browser: Browser) -> Iterator[OpenPage]:
    """The same for a fixture with a wider scope than one test."""
    with ExitStack() as contexts:

        def go(node: Node, path: str = "/", **settings: Any) -> PageDriver:
            options = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce", **settings}
            context = contexts.enter_context(browser.new_context(**options))
            driver = PageDriver(context.new_page(), f"http://127.0.0.1:{node.port}")
            contexts.callback(driver.assert_no_errors)
            driver.page.goto(driver.base + path)
            return driver

        yield go
