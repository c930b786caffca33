"""Signal between the processes of a node that values were purged: they drop the responses they keep in memory."""

from __future__ import annotations

import time
from pathlib import Path

import structlog

from tintype.shared_memory import WORD_BYTES, Layout, MappedFile

log = structlog.get_logger("tintype.purge")

_HEADER = 4096
LAYOUT = Layout(b"tintype purges, version 1\n", _HEADER + 4096, columns=1, lock_offset=0)
_WORD = _HEADER // WORD_BYTES


class PurgeSignal:
    """A number that each purge changes; without a path, only this process and its forks see it."""

    def __init__(self, path: Path | None = None) -> None:
        try:
            mapped = MappedFile(LAYOUT, path)
        except OSError as error:  # responses then live for their few seconds
            log.warning("purge_signal_unavailable", path=str(path), reason=str(error))
            mapped = MappedFile(LAYOUT)
        self._mapped, self._words = mapped, mapped.words

    def __call__(self) -> int:
        """The number now."""
        return self._words[_WORD]

    def send(self) -> None:
        """Change the number: a response that was built before is not used again."""
        self._words[_WORD] = max(time.time_ns(), self._words[_WORD] + 1)
