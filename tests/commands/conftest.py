"""Fixtures of the tests of commands."""

from __future__ import annotations

import time

import pytest

from tests.support.fakes import FakeEngine
from tintype import backends


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """A fake engine in place of Chromium."""
    fake = FakeEngine(clock=time.time)
    monkeypatch.setattr(backends, "open_engine", lambda *_, **__: fake)
    return fake
