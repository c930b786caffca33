"""Offenders: pages and hosts that cost too much lately, in bounded memory with an expiry.

A page is its URL without query and fragment. One bad capture marks a page until a good one; a host is marked while most
of its captures are bad, so that one page does not mark the others of a large host.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from urllib.parse import urlsplit

MAX_ENTRIES = 2048
EXPIRY = 600.0
"""Seconds for which a record is kept after the last bad capture."""
_MIN_BAD_OF_HOST, _BAD_PER_GOOD = 5, 4


class Cost(IntEnum):
    """The cost of a capture."""

    NORMAL = 0
    SLOW = 1
    """It gave up its slot."""
    EXCESSIVE = 2
    """It crashed, used more than a page may, or computed at the lowest priority."""


@dataclass(slots=True)
class _Record:
    expires: float = 0.0
    worst: Cost = Cost.NORMAL
    bad: int = 0
    good: int = 0


class Offenders:
    """Records the costs of captures."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._records: OrderedDict[bytes, _Record] = OrderedDict()

    def __len__(self) -> int:
        return len(self._records)

    def record(self, url: str, cost: Cost) -> None:
        """Record a capture."""
        for key in _keys(url):
            record = self._current(key)
            if cost is Cost.NORMAL:
                if record:
                    record.good += 1
                continue
            record = record or _Record()
            record.bad += 1
            record.worst, record.expires = max(record.worst, cost), self._clock() + EXPIRY
            self._records[key] = record
            self._records.move_to_end(key)
        if cost is Cost.NORMAL:
            self._records.pop(_keys(url)[1], None)
        while len(self._records) > MAX_ENTRIES:
            self._records.popitem(last=False)

    def expected_cost(self, url: str) -> Cost:
        """Return the likely cost of the next capture, from the last ones of its page and of its host."""
        host_key, page_key = _keys(url)
        page, host = self._current(page_key), self._current(host_key)
        cost = page.worst if page else Cost.NORMAL
        if host and host.bad >= _MIN_BAD_OF_HOST and host.bad >= _BAD_PER_GOOD * host.good:
            cost = max(cost, host.worst)
        return cost

    def _current(self, key: bytes) -> _Record | None:
        record = self._records.get(key)
        if record and record.expires < self._clock():
            del self._records[key]
            return None
        return record


def _keys(url: str) -> tuple[bytes, bytes]:
    """The keys of the host and of the page, of equal length."""
    parts = urlsplit(url)
    return _digest(parts.netloc), _digest(f"{parts.netloc}{parts.path or '/'}")


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).digest()
