"""Ranges of values, and how many values lie in each: so the one that holds a rank is found.

Ranges are as wide as a step of the grid near 0, and from 32 steps on a sixteenth to a thirty-second
of what lies in them. So their number depends on the values that a study has, not on how many.
Four neighbours are counted together, as a group: counts stand in a row of sums that many events add
to, whose size is billed each time, while a reader merely reads some small rows more.
A cell holds the counts of four groups, seven digits each: an integer that adds, as any other.
"""

from collections.abc import Mapping

_SIGNIFICANT_BITS = 5
_EXACT = 1 << _SIGNIFICANT_BITS
_IN_A_DOUBLING = _EXACT // 2
_RANGES_A_GROUP = 4
_COUNTS_A_CELL = 4
_DIGITS = 7
"""A DynamoDB number has 38 digits, but the emulator adds with 28: so a cell has no more."""
TALLY = "#tally#"
"""Stands in the names of the rows of sums that hold the values of ranges, a row each."""
COUNTS_CELL = "r"
"""What the name of a cell of counts begins with, before its number."""


def range_of(step: int) -> int:
    """Return the number of the range that a step of the grid lies in; they are in order."""
    if step < 0:
        return -1 - range_of(-1 - step)
    shift = max(step.bit_length() - _SIGNIFICANT_BITS, 0)
    return shift * _IN_A_DOUBLING + (step >> shift)


def group_of(number: int) -> int:
    """Return the number of the group that a range is counted in; they are in order, too."""
    return number // _RANGES_A_GROUP


def ranges_in(group: int) -> range:
    """Return the numbers of a group's ranges, in order."""
    return range(group * _RANGES_A_GROUP, (group + 1) * _RANGES_A_GROUP)


def count_of(number: int) -> tuple[str, int]:
    """Return the cell that counts a range's values, and what one value adds to it."""
    cell, position = divmod(group_of(number), _COUNTS_A_CELL)
    unit: int = 10 ** (_DIGITS * position)
    return f"{COUNTS_CELL}{cell}", unit


def counts_in(cells: Mapping[str, int], prefix: str) -> dict[int, int]:
    """Return how many values each group of ranges has that has any, in order.

    `prefix` is what the names of the cells begin with, before that of counts.
    """
    start, counts = prefix + COUNTS_CELL, dict[int, int]()
    for name, packed in cells.items():
        if name.startswith(start):
            first = int(name[len(start) :]) * _COUNTS_A_CELL
            for position in range(_COUNTS_A_CELL):
                packed, n = divmod(packed, 10**_DIGITS)  # noqa: PLW2901 (what is left of it)
                if n:
                    counts[first + position] = n
    return dict(sorted(counts.items()))
