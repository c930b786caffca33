"""The page at ``/`` in a real browser: a service, a site to photograph, and somebody who visits the page."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from harness.node import Node
from harness.site_server import SiteServer
from tests.playground.visitor import Visitor
from tintype.provision import find_browser

Visit = Callable[..., Visitor]


@pytest.fixture(scope="module")
def site() -> Iterator[SiteServer]:
    with SiteServer() as server:
        yield server


@pytest.fixture(scope="module")
def start(site: SiteServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Node]]:
    """Start services with settings of their own; all are ended with the module."""
    with ExitStack() as running:

        def begin(**settings: str) -> Node:
            reach = {"TINTYPE_ALLOW_ADDRESSES": f"127.0.0.1:{site.port}", "TINTYPE_WORKERS": "1"}
            return running.enter_context(Node(data=tmp_path_factory.mktemp("node") / "data", env=reach | settings))

        yield begin


@pytest.fixture(scope="module")
def node(start: Callable[..., Node]) -> Node:
    return start()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The Chromium that takes the pictures as well; Playwright gives it no sandbox, and it sees our own page alone."""
    executable = find_browser.find_chromium(os.environ.get("TINTYPE_CHROMIUM", ""))
    with sync_playwright() as play, play.chromium.launch(executable_path=str(executable)) as found:
        yield found


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Open a service's page as somebody; what the browser complains of in the meantime fails the test."""
    with visiting(browser) as go:
        yield go


@contextmanager
def visiting(browser: Browser) -> Iterator[Visit]:
    """The same for longer than a test."""
    with ExitStack() as leaving:

        def go(node: Node, path: str = "/", **manner: Any) -> Visitor:
            wishes = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce", **manner}
            context = leaving.enter_context(browser.new_context(**wishes))
            visitor = Visitor(context.new_page(), f"http://127.0.0.1:{node.port}")
            leaving.callback(visitor.had_no_complaint)
            visitor.page.goto(visitor.base + path)
            return visitor

        yield go
