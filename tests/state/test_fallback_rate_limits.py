"""Rate limits while Redis is out: each machine counts in its own file, and in Redis again afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import structlog
from limits.errors import StorageError

from tintype.state.fallback_rate_limits import FallbackRateLimitStorage
from tintype.state.rate_limit_storage import SharedMemoryRateLimitStorage


class Shared:
    """A shared storage that admits everything, or fails."""

    def __init__(self) -> None:
        self.fails = False

    def count(self, key: str, limit: int, period: int) -> tuple[bool, int, float, int, float]:
        if self.fails:
            raise StorageError(ConnectionError("redis://:secret@10.0.0.1"))
        return True, 0, 0.0, 1, float(period)


@pytest.fixture
def shared() -> Shared:
    return Shared()


@pytest.fixture
def storage(shared: Any, tmp_path: Path) -> FallbackRateLimitStorage:
    return FallbackRateLimitStorage(shared, SharedMemoryRateLimitStorage(tmp_path / "limits"))


class TestFallback:
    def test_counts_on_this_machine_while_redis_fails(self, storage: FallbackRateLimitStorage, shared: Shared) -> None:
        assert storage.count("client", 2, 3600)[0]
        shared.fails = True
        assert [storage.count("client", 2, 3600)[0] for _ in range(3)] == [True, True, False]
        shared.fails = False
        assert storage.count("client", 2, 3600)[0]

    def test_logs_once_without_the_address_of_redis(self, storage: FallbackRateLimitStorage, shared: Shared) -> None:
        shared.fails = True
        with structlog.testing.capture_logs() as logs:
            for _ in range(5):
                storage.count("client", 9, 3600)
        assert [entry["event"] for entry in logs] == ["rate_limits_counted_locally"]
        assert "secret" not in str(logs)

    def test_raises_if_the_file_fails_too(self, shared: Any, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        shared.fails = True
        storage = FallbackRateLimitStorage(shared, SharedMemoryRateLimitStorage(tmp_path / "file" / "limits"))
        with pytest.raises(StorageError):
            storage.count("client", 2, 3600)
