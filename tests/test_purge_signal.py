"""The signal of a purge between the processes of a node."""

from __future__ import annotations

from pathlib import Path

import structlog

from tests.support.concurrency import in_fork
from tintype.purge_signal import PurgeSignal


class TestPurgeSignal:
    def test_changes_with_each_purge_for_all_processes(self, tmp_path: Path) -> None:
        one, other = (PurgeSignal(tmp_path / "purges") for _ in range(2))
        seen = {one()}
        for sender in (one, other, one):
            sender.send()
            assert one() == other()
            seen.add(one())
        assert len(seen) == 4

    def test_reaches_the_parent_of_a_fork(self) -> None:
        signal = PurgeSignal()
        before = signal()

        def child() -> bool:
            signal.send()
            return True

        assert in_fork(child)
        assert signal() != before

    def test_works_within_one_process_without_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with structlog.testing.capture_logs() as logs:
            signal = PurgeSignal(tmp_path / "file" / "purges")
        before = signal()
        signal.send()
        assert signal() != before
        assert [log["event"] for log in logs] == ["purge_signal_unavailable"]

    def test_replaces_a_damaged_file(self, tmp_path: Path) -> None:
        (tmp_path / "purges").write_bytes(b"damaged")
        signal = PurgeSignal(tmp_path / "purges")
        before = signal()
        signal.send()
        assert signal() != before
