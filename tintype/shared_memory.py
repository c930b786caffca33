"""Memory-mapped files shared by processes: versioned header, one column per process, fork hooks.

A process owns a column while it holds a POSIX lock (``fcntl``) on one byte of the file; the kernel releases the lock
when the process exits. The values in the column stay, and the next process that claims the column continues them, so
that sums over all columns never decrease and nothing has to be cleaned up.

POSIX locks belong to the process and are lost when it closes *any* descriptor of the file. Each file is therefore
opened once per process, see :func:`single_instance`.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock

from tintype.quarantine import clear_path, obstacle, quarantine

WORD_BYTES = 8
"""A word is read and written in one piece by all supported processors."""
NO_COLUMN = 0
"""The column of processes that could not claim one; it belongs to none of them."""
LOCK_TIMEOUT = 10.0
"""Seconds to wait for another process that creates the file."""

Instance = TypeVar("Instance")


class ForkAware:
    """An object with work to do around ``os.fork``. Its constructor has to call :func:`register_fork_hooks`."""

    def before_fork(self) -> None:
        """Prepare, in the parent."""

    def after_fork(self) -> None:
        """Reset what the child must not inherit: locks of threads that do not exist there, the parent's column."""

    def after_fork_in_parent(self) -> None:
        """Continue, in the parent."""


_FORK_AWARE: weakref.WeakSet[ForkAware] = weakref.WeakSet()


def register_fork_hooks(instance: ForkAware) -> None:
    """Call the hooks of an object at each fork, as long as the object exists."""
    _FORK_AWARE.add(instance)


def _before_fork() -> None:
    for instance in list(_FORK_AWARE):
        instance.before_fork()


def _after_fork() -> None:
    global _instances_lock  # noqa: PLW0603 - a thread of the parent may have held it
    _instances_lock = threading.Lock()
    for instance in list(_FORK_AWARE):
        instance.after_fork()


def _after_fork_in_parent() -> None:
    for instance in list(_FORK_AWARE):
        instance.after_fork_in_parent()


os.register_at_fork(before=_before_fork, after_in_child=_after_fork, after_in_parent=_after_fork_in_parent)

_instances: dict[tuple[object, Path], Any] = {}
_instances_lock = threading.Lock()


def single_instance(factory: Callable[[Path], Instance], path: Path) -> Instance:
    """The one instance of this process for a path, created on first use."""
    path = path.absolute()
    with _instances_lock:
        if (factory, path) not in _instances:
            _instances[factory, path] = factory(path)
        instance: Instance = _instances[factory, path]
        return instance


@dataclass(frozen=True, slots=True)
class Layout:
    """The properties that distinguish one kind of mapped file from another."""

    magic: bytes
    """The first bytes of the file, which contain the version of its format."""
    size: int
    """Bytes of the whole file."""
    columns: int
    """Columns, :data:`NO_COLUMN` included."""
    lock_offset: int
    """The byte locked while a column is claimed. Column ``n`` is owned by the lock on the byte ``n`` after it."""


class MappedFile:
    """A mapped file that several processes read and write; without a path, memory of this process.

    A file with another header or size, or one that cannot be opened, is quarantined and replaced. Raises OSError.
    """

    words: memoryview[int]
    """The file as unsigned words of 8 bytes."""

    def __init__(self, layout: Layout, path: Path | None = None) -> None:
        self.layout = layout
        self._descriptor = _open(path, layout) if path else -1
        self.bytes = mmap.mmap(self._descriptor, layout.size)
        self.words = memoryview(self.bytes).cast("Q")

    @property
    def inode(self) -> tuple[int, int]:
        """Device and inode of the file that is mapped, which another process may have replaced since."""
        status = os.fstat(self._descriptor)
        return status.st_dev, status.st_ino

    def lock(self, start: int, length: int = 1) -> None:
        """Exclude other processes from a range of bytes; raises OSError. Threads of this process are not excluded."""
        if self._descriptor >= 0:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX, length, start)

    def unlock(self, start: int, length: int = 1) -> None:
        """Release a range of bytes."""
        if self._descriptor >= 0:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, length, start)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Exclude other processes from claiming a column and from other changes to the header."""
        self.lock(self.layout.lock_offset)
        try:
            yield
        finally:
            self.unlock(self.layout.lock_offset)

    def claim_column(self) -> int:
        """Own a column until this process exits; :data:`NO_COLUMN` if all are taken. Column 1 without a file."""
        if self._descriptor < 0:
            return 1
        with self.exclusive():
            free = (column for column in range(1, self.layout.columns) if self._try_lock(column))
            return next(free, NO_COLUMN)

    def is_claimed(self, column: int) -> bool:
        """Whether another process owns a column; not for the column of this process."""
        if self._descriptor < 0:
            return False
        if not self._try_lock(column):
            return True
        self.unlock(self.layout.lock_offset + column)
        return False

    def replaced(self, path: Path, reason: object) -> MappedFile:
        """Quarantine this file, unless another process has replaced it, and map the new one. Raises OSError.

        Closes this mapping; all views of it must have been released.
        """
        with _creation_lock(path):
            if path.exists() and os.path.samestat(path.stat(), os.fstat(self._descriptor)):
                quarantine(path, reason)
        self.close()
        return MappedFile(self.layout, path)

    def close(self) -> None:
        """Close file and mapping; all views of it must have been released. Gives up all locks."""
        self.words.release()
        self.bytes.close()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _try_lock(self, column: int) -> bool:
        with suppress(BlockingIOError, PermissionError):
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, self.layout.lock_offset + column)
            return True
        return False


def _open(path: Path, layout: Layout) -> int:
    with _creation_lock(path):
        reason = _defect(path, layout)
        if reason:
            quarantine(path, reason)
        if reason is not None:
            _create(path, layout)
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)


def _creation_lock(path: Path) -> FileLock:
    """Excludes other processes that open or replace the file at a path; raises OSError."""
    clear_path(Path(f"{path}.lock"))
    return FileLock(f"{path}.lock", timeout=LOCK_TIMEOUT)


def _defect(path: Path, layout: Layout) -> str | None:
    """Why the file at a path is unusable; empty if there is none, None if it is valid."""
    if found := obstacle(path):
        return found
    try:
        with path.open("rb") as file:
            header, size = file.read(len(layout.magic)), os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        return ""
    if header != layout.magic:
        return "it is damaged or of another version"
    return None if size == layout.size else f"it has {size} bytes, not {layout.size}"


def _create(path: Path, layout: Layout) -> None:
    """Write every block: a sparse file on a full disk raises SIGBUS in the process that touches the mapping."""
    new = path.with_name(f"{path.name}.new")
    clear_path(new)
    try:
        new.touch(mode=0o600)
        new.write_bytes(layout.magic.ljust(layout.size, b"\0"))
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
