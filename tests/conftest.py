"""What holds for every test: no browser, no browser tests; and whoever configures the log puts it back."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest
import structlog

from tintype.chromium import locate


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("browser") and not locate.find_chromium(os.environ.get("TINTYPE_CHROMIUM", "")):
        pytest.skip("THERE IS NO CHROMIUM: run tintype install-browser")


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.configure(**before)
