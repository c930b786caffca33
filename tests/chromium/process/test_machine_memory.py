"""Memory of the machine or container, and the part that the browser may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tintype.chromium.process import machine_memory
from tintype.chromium.process.machine_memory import browser_tree_limit, memory_limit

GB = 1 << 30
PHYSICAL = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


class TestMemoryLimit:
    @pytest.mark.parametrize(
        ("content", "expected"),
        [("104857600\n", 104_857_600), ("max\n", PHYSICAL), ("9223372036854771712\n", PHYSICAL)],
    )
    def test_limit_of_the_container_is_used(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, expected: int
    ) -> None:
        (tmp_path / "memory.max").write_text(content)
        monkeypatch.setattr(machine_memory, "_CGROUPS", (tmp_path / "missing", tmp_path / "memory.max"))
        assert memory_limit() == expected


class TestBrowserTreeLimit:
    def test_documented_container_leaves_room_for_the_service(self) -> None:
        assert browser_tree_limit(8 * GB, available=3 * GB) == 3 * GB - machine_memory.RESERVED

    def test_large_machine_gets_what_its_slots_need(self) -> None:
        assert browser_tree_limit(8 * GB, available=64 * GB) == 8 * GB

    def test_small_machine_has_room_for_one_heavy_page(self) -> None:
        assert browser_tree_limit(8 * GB, available=GB) == GB
