"""The web application for tests of its API document."""

from tests.web.conftest import site

__all__ = ["site"]
