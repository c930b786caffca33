"""The fixture that starts engines, from the tests of Chromium."""

from tests.chromium.conftest import start_engine

__all__ = ["start_engine"]
