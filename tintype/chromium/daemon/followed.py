"""Captures that their clients follow: the step of each by its progress id, and cancellation."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from tintype.errors import CaptureCancelled
from tintype.model import Capture

MAX_CANCELLED = 256
"""Progress ids that are remembered as cancelled: a client may cancel before its capture has arrived here."""


@dataclass(slots=True)
class FollowedCapture:
    """One client that waits for a capture."""

    key: str
    """Key of its shot."""
    task: asyncio.Task[Capture]
    is_cancelled: bool = False


class FollowedCaptures:
    """Holds an entry for as long as its client waits, so there are no more entries than connections."""

    def __init__(self) -> None:
        self._entries: dict[str, FollowedCapture] = {}
        self._cancelled: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        """Number of followed captures."""
        return len(self._entries)

    async def run(self, progress_id: str, key: str, capture: Coroutine[Any, Any, Capture]) -> Capture:
        """Wait for a capture of the shot with this key; raises CaptureCancelled, and what the capture raises."""
        if not progress_id:
            return await capture
        if progress_id in self._cancelled:
            capture.close()
            raise CaptureCancelled
        entry = self._entries[progress_id] = FollowedCapture(key, asyncio.ensure_future(capture))
        try:
            return await entry.task
        except asyncio.CancelledError:
            if entry.is_cancelled:
                raise CaptureCancelled from None
            raise
        finally:
            entry.task.cancel()
            if self._entries.get(progress_id) is entry:
                del self._entries[progress_id]

    def key_of(self, progress_id: str) -> str:
        """Key of the shot that a client waits for; empty if the id is unknown."""
        entry = self._entries.get(progress_id)
        return entry.key if entry else ""

    def cancel(self, progress_id: str) -> bool:
        """Cancel the capture of one client; returns whether it was in progress.

        An identical capture that other clients wait for goes on.
        """
        entry = self._entries.get(progress_id)
        if entry is None:
            self._cancelled[progress_id] = None
            while len(self._cancelled) > MAX_CANCELLED:
                self._cancelled.popitem(last=False)
            return False
        entry.is_cancelled = True
        entry.task.cancel()
        return True
