"""Engines and the fixture site, as for the tests of Chromium."""

from tests.chromium.conftest import site, start_engine

__all__ = ["site", "start_engine"]
