"""Whole numbers of any size as cells, for a number of the store has 38 digits at most.

A number is written in parts of 30 digits, each of its sign, so that parts add like the numbers: a
sum of a hundred million of them still fits. Most numbers have one part and its name is theirs.
"""

from collections.abc import Iterator, Mapping

LIMB_BASE = 10**30
MAX_LIMBS = 6
_FURTHER = tuple(f"^{i}" for i in range(1, MAX_LIMBS))
"""What the names of the parts after the first end with."""


def to_limbs(name: str, number: int) -> Iterator[tuple[str, int]]:
    """Return the cells of a number that are not 0."""
    sign, remaining = (-1 if number < 0 else 1), abs(number)
    for cell in limb_names(name):
        remaining, limb = divmod(remaining, LIMB_BASE)
        if limb:
            yield cell, sign * limb
    if remaining:
        raise ValueError("a number of more than 180 digits")


def from_limbs(name: str, cells: Mapping[str, int]) -> int:
    """Read a number, or a sum of numbers, out of its cells."""
    return sum(cells.get(cell, 0) * LIMB_BASE**i for i, cell in enumerate(limb_names(name)))


def limb_names(name: str) -> tuple[str, ...]:
    """Return the names of the cells that a number may have."""
    return (name, *[name + end for end in _FURTHER])
