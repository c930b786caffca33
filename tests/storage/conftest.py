"""The fixture of a small disk."""

from __future__ import annotations

from tests.support.disks import small_disk

__all__ = ["small_disk"]
