"""Fixtures of the font tests, which capture with a real browser."""

from tests.chromium.conftest import site, start_engine

__all__ = ["site", "start_engine"]
