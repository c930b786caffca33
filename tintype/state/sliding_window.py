"""Sliding window counts in the rows of a :class:`tintype.state.counter_table.CounterTable`.

Time is divided into windows of ``period`` seconds, numbered from the epoch. A cell contains the number of its window
beside the count, so that an old cell is recognised and simply overwritten by the next window but one.
"""

from __future__ import annotations

from tintype.state.counter_table import CELL_OFFSET, COLUMNS, EXPIRY_OFFSET, LIMIT_OFFSET, CounterTable

_COUNT_BITS = 32
_MAX_COUNT = (1 << _COUNT_BITS) - 1
_REJECTED = 1
"""The lowest bit of the word with the limit: the last request of the client was rejected."""


def total(table: CounterTable, row: int, window: int) -> int:
    """The count of all processes in the current or the previous window."""
    first, count = row + CELL_OFFSET + (window & 1) * COLUMNS, 0
    for cell in table.words[first : first + table.used]:
        if cell >> _COUNT_BITS == window:
            count += cell & _MAX_COUNT
    return count


def increment(table: CounterTable, row: int, window: int) -> tuple[int, int]:
    """Add one to the column of this process; returns the totals of the previous and of the current window.

    One pass in place of :func:`add` and two calls of :func:`total`, because every cache hit calls it.
    """
    words, used, odd = table.words, table.used, (window & 1) * COLUMNS
    now, before = row + CELL_OFFSET + odd, row + CELL_OFFSET + COLUMNS - odd
    at = now + table.column
    cell = words[at]
    words[at] = cell + 1 if cell >> _COUNT_BITS == window else (window << _COUNT_BITS) + 1
    current = previous = 0
    for cell in words[now : now + used]:
        if cell >> _COUNT_BITS == window:
            current += cell & _MAX_COUNT
    window -= 1
    for cell in words[before : before + used]:
        if cell >> _COUNT_BITS == window:
            previous += cell & _MAX_COUNT
    return previous, current


def add(table: CounterTable, row: int, window: int, amount: int) -> None:
    """Add to the column of this process; ``amount`` may be negative. Without a column, only under the bucket's lock."""
    at = row + CELL_OFFSET + (window & 1) * COLUMNS + table.column
    cell = table.words[at]
    table.words[at] = (cell if cell >> _COUNT_BITS == window else window << _COUNT_BITS) + amount


def set_expiry(table: CounterTable, row: int, expires: float) -> None:
    """Keep a row until a time, in seconds since the epoch; all processes write the same value."""
    if table.expiries[row + EXPIRY_OFFSET] != expires:
        table.expiries[row + EXPIRY_OFFSET] = expires


def set_limit(table: CounterTable, row: int, limit: int, *, rejected: bool) -> None:
    """Record what :func:`weight` needs: the limit of a row, and whether its last request was rejected."""
    table.words[row + LIMIT_OFFSET] = (min(limit, _MAX_COUNT) << 1) | (_REJECTED if rejected else 0)


def weight(table: CounterTable, row: int) -> float:
    """The used share of a row's limit, from 0 to 1 and more; 1 is added while the client is rejected.

    A full bucket evicts the least weight: to forget a client that sent one request costs less than to admit a rejected
    one again.
    """
    cells = table.words[row + CELL_OFFSET : row + CELL_OFFSET + 2 * COLUMNS]
    newest = max(cells) >> _COUNT_BITS
    count = sum(cell & _MAX_COUNT for cell in cells if newest - (cell >> _COUNT_BITS) <= 1)
    limit = table.words[row + LIMIT_OFFSET]
    return count / max(1, limit >> 1) + (limit & _REJECTED)
