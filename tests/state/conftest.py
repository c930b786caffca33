"""The fixture of a small disk, and assertion rewriting for the shared contracts."""

from __future__ import annotations

import pytest

from tests.support.disks import small_disk

__all__ = ["small_disk"]

pytest.register_assert_rewrite("tests.support.contracts.cache", "tests.support.contracts.locks")
