"""Mapped files shared by processes: validation, columns, locks, instances and hooks around a fork."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.concurrency import in_fork
from tintype.shared_memory import (
    NO_COLUMN,
    ForkAware,
    Layout,
    MappedFile,
    register_fork_hooks,
    single_instance,
)

LAYOUT = Layout(b"test, version 1\n", 8192, columns=3, lock_offset=1024)
CLAIM = """
import sys
from pathlib import Path
from tintype.shared_memory import Layout, MappedFile
mapped = MappedFile(Layout(b"test, version 1\\n", 8192, columns=3, lock_offset=1024), Path(sys.argv[1]))
print(mapped.claim_column(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mapped"


class Claimed:
    """A process that owns a column until the block ends."""

    def __init__(self, path: Path) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen([sys.executable, "-c", CLAIM, path], stdin=pipe, stdout=pipe, text=True)

    def __enter__(self) -> int:
        assert self._process.stdout
        return int(self._process.stdout.readline())

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate(timeout=60)


class TestFile:
    def test_creates_a_private_file_with_header_and_size(self, path: Path) -> None:
        MappedFile(LAYOUT, path).close()
        assert path.read_bytes() == LAYOUT.magic.ljust(LAYOUT.size, b"\0")
        assert path.stat().st_mode & 0o077 == 0

    @pytest.mark.parametrize("content", [b"", b"test, version 0\n".ljust(8192, b"\0"), b"test, version 1\n"])
    def test_replaces_a_file_with_another_header_or_size(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        MappedFile(LAYOUT, path).close()
        assert Path(f"{path}.broken").read_bytes() == content
        assert path.read_bytes() == LAYOUT.magic.ljust(LAYOUT.size, b"\0")

    def test_keeps_words_after_closing(self, path: Path) -> None:
        mapped = MappedFile(LAYOUT, path)
        mapped.words[100] = 7
        mapped.close()
        assert MappedFile(LAYOUT, path).words[100] == 7

    def test_raises_oserror_for_an_invalid_folder(self, path: Path) -> None:
        path.write_bytes(b"")
        with pytest.raises(OSError, match="mapped"):
            MappedFile(LAYOUT, path / "below")

    def test_failed_creation_leaves_no_file(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
        with pytest.raises(OSError, match="full"):
            MappedFile(LAYOUT, path)
        assert [file.name for file in path.parent.iterdir()] == ["mapped.lock"]

    def test_memory_without_a_path_has_one_column(self) -> None:
        mapped = MappedFile(LAYOUT)
        with mapped.exclusive():
            mapped.words[100] = 7
        assert (mapped.claim_column(), mapped.is_claimed(1), mapped.words[100]) == (1, False, 7)


class TestColumns:
    def test_each_column_is_owned_by_one_process(self, path: Path) -> None:
        mapped = MappedFile(LAYOUT, path)
        with Claimed(path) as first, Claimed(path) as second, Claimed(path) as third:
            assert (first, second, third) == (1, 2, NO_COLUMN)
            assert (mapped.is_claimed(1), mapped.is_claimed(2)) == (True, True)

    def test_reclaims_a_column_after_its_owner_exited(self, path: Path) -> None:
        mapped = MappedFile(LAYOUT, path)
        with Claimed(path) as first:
            assert first == 1
        assert not mapped.is_claimed(1)
        assert mapped.claim_column() == 1

    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
    def test_forked_process_does_not_inherit_a_column(self, path: Path) -> None:
        mapped = MappedFile(LAYOUT, path)
        assert mapped.claim_column() == 1
        assert in_fork(lambda: mapped.is_claimed(1) and mapped.claim_column() == 2)


class TestSingleInstance:
    def test_returns_the_same_instance_for_one_path(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(path.parent)
        first = single_instance(MappedAt, path)
        assert single_instance(MappedAt, Path("mapped")) is first
        assert single_instance(MappedAt, path.with_name("other")) is not first


class MappedAt(MappedFile):
    """A mapped file of the layout of these tests."""

    def __init__(self, path: Path) -> None:
        super().__init__(LAYOUT, path)


class Recorded(ForkAware):
    def __init__(self) -> None:
        self.calls: list[str] = []
        register_fork_hooks(self)

    def before_fork(self) -> None:
        self.calls.append("before")

    def after_fork(self) -> None:
        self.calls.append("after")


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
class TestForkHooks:
    def test_run_before_the_fork_and_in_the_child(self) -> None:
        recorded = Recorded()
        assert in_fork(lambda: recorded.calls == ["before", "after"])
        assert recorded.calls == ["before"]
