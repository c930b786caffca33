"""How many are counted in a sliding window? Sums over the columns of a row (``tintype.state.counter_table``).

Time is cut into windows of ``period`` seconds, numbered from the epoch. A cell holds the number of its window beside
the count, so that nobody has to clear what is over: the next window but one writes over it.
"""

from __future__ import annotations

from tintype.state.counter_table import CELL_OFFSET, COLUMNS, CounterTable

_COUNT_BITS = 32
_MAX_COUNT = (1 << _COUNT_BITS) - 1


def total(table: CounterTable, row: int, window: int) -> int:
    """What all processes counted in a window, if it is this one or the one before."""
    first, counted = row + CELL_OFFSET + (window & 1) * COLUMNS, 0
    for cell in table.words[first : first + table.used]:
        if cell >> _COUNT_BITS == window:
            counted += cell & _MAX_COUNT
    return counted


def increment(table: CounterTable, row: int, window: int) -> tuple[int, int]:
    """Count one in the column of this process; then the totals of the window before and of this one.

    What ``add`` and two ``total`` would do, in one turn: every hit comes by here.
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
    """Count in the column of this process; less than nothing takes back. Without a column, under the lock only."""
    at = row + CELL_OFFSET + (window & 1) * COLUMNS + table.column
    cell = table.words[at]
    table.words[at] = (cell if cell >> _COUNT_BITS == window else window << _COUNT_BITS) + amount


def set_expiry(table: CounterTable, row: int, end: float) -> None:
    """Keep a row until a moment, in seconds since the epoch; every process says the same."""
    if table.ends[row + 2] != end:
        table.ends[row + 2] = end


def get_fixed(table: CounterTable, row: int) -> int:
    """The count of a fixed window, under the lock: such a window begins with its first hit, and has no number."""
    return table.words[row + CELL_OFFSET]


def set_fixed(table: CounterTable, row: int, count: int) -> None:
    """Set the count of a fixed window, under the lock."""
    table.words[row + CELL_OFFSET] = min(count, _MAX_COUNT)
