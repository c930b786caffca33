"""A small disk; failing assertions of the shared contracts are explained like those of the tests."""

from __future__ import annotations

import pytest

from tests.support.disks import small_disk

__all__ = ["small_disk"]

pytest.register_assert_rewrite("tests.support.contracts.cache", "tests.support.contracts.locks")
