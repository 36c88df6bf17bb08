"""Cells: named integers that add. What is stored is a sum of cells; a cell of 0 is absent."""

from collections.abc import Iterable, Mapping
from functools import cached_property

Cells = dict[str, int]
Share = dict[str, Cells]
"""Cells by the row of sums they belong to: one subject's part of every table."""


class Sums(dict[str, Cells]):
    """A study's sums; the rows that one thing is spread over are found without a search."""

    @cached_property
    def _spread(self) -> dict[str, list[Cells]]:
        by_stem: dict[str, list[Cells]] = {}
        for row, cells in self.items():
            by_stem.setdefault(row.rpartition("#")[0], []).append(cells)
        return by_stem

    def spread(self, start: str) -> list[Cells]:
        """List the rows whose name is `start`, a `#` and one part more."""
        return self._spread.get(start, [])


def add(total: Cells, contribution: Mapping[str, int]) -> None:
    """Add `more` into `total`, dropping what becomes 0."""
    for name, value in contribution.items():
        if new := total.get(name, 0) + value:
            total[name] = new
        else:
            total.pop(name, None)


def difference(new: Share, old: Share) -> Share:
    """Return what must be added to the sums so that `new` is counted in place of `old`."""
    changes: Share = {}
    for row in new.keys() | old.keys():
        new_cells, old_cells = new.get(row), old.get(row)
        if new_cells == old_cells:
            continue
        change = dict(new_cells or {})
        add(change, {name: -value for name, value in (old_cells or {}).items()})
        if change:
            changes[row] = change
    return changes


def total(shares: Iterable[Share]) -> Share:
    """Sum shares: what the rows of sums must hold when exactly these are counted."""
    sums: Share = {}
    for share in shares:
        for row, cells in share.items():
            add(sums.setdefault(row, {}), cells)
    return {row: cells for row, cells in sums.items() if cells}
