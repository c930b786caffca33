"""The secret of an installation: generated once, readable by its owner only, replaced if it is damaged."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
import structlog

from tests.support.concurrency import in_processes, in_threads
from tintype.errors import BackendUnavailable
from tintype.state.secret_file import read_or_create


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secret"


def test_generates_a_secret_once_with_mode_0600(path: Path, tmp_path: Path) -> None:
    first = read_or_create(path)
    assert len(first) == 32
    assert read_or_create(path) == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["secret"]
    assert read_or_create(tmp_path / "other") != first


def test_concurrent_creators_agree(path: Path, tmp_path: Path) -> None:
    assert len(set(in_threads(read_or_create, [(path,)] * 8))) == 1
    assert len(set(in_processes(functools.partial(read_or_create, tmp_path / "other"), [()] * 3))) == 1


@pytest.mark.parametrize("content", [b"", b"short", b"0" * 63, b"Z" * 64, b"0" * 66, b"\xff" * 64, b"0" * 64 + b"\n\n"])
def test_sets_a_damaged_file_aside(path: Path, tmp_path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with structlog.testing.capture_logs() as logs:
        secret = read_or_create(path)
    assert read_or_create(path) == secret
    assert [log["event"] for log in logs] == ["secret_file_set_aside"]
    assert secret.hex() not in str(logs)
    assert [file.read_bytes() for file in tmp_path.glob("secret.damaged-*")] == [content]


def test_reports_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BackendUnavailable) as raised:
        read_or_create(tmp_path / "file" / "secret")
    assert str(tmp_path) not in raised.value.detail
