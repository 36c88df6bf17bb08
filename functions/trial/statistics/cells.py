"""Cells: named integers that add. What is stored is a sum of cells; a cell of 0 is absent."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Never

from trial.deferred import dataclass

Cells = dict[str, int]
Share = dict[str, Cells]
"""Cells by the row of sums they belong to: one subject's part of every table."""


class Sums(dict[str, Cells]):
    """A study's sums; the rows that one thing is spread over are found without a search."""

    @cached_property
    def _spread(self) -> dict[str, list[Cells]]:
        by_stem: dict[str, list[Cells]] = {}
        for row, cells in dict.items(self):
            by_stem.setdefault(row.rpartition("#")[0], []).append(cells)
        return by_stem

    @classmethod
    def of(cls, share: Share) -> "Sums":
        """Return sums as such; those that are already stay what they are."""
        return share if isinstance(share, cls) else cls(share)

    def spread(self, start: str) -> list[Cells]:
        """List the rows whose name is `start`, a `#` and one part more."""
        return self._spread.get(start, [])

    def has_read(self, row: str) -> bool:  # noqa: ARG002 (all rows are)
        """Return whether what a row holds is known; where it is not, nothing stands for it."""
        return True


@dataclass(frozen=True)
class Selection:
    """Which rows of sums: some by name, and all whose names begin with one of the `starts`."""

    rows: frozenset[str] = frozenset()
    starts: frozenset[str] = frozenset()

    def __or__(self, other: "Selection") -> "Selection":
        """Return the rows of both."""
        return Selection(self.rows | other.rows, self.starts | other.starts)

    def __sub__(self, other: "Selection") -> "Selection":
        """Return what the other does not name, neither by name nor by how names begin."""
        starts = tuple(other.starts)
        rows = (row for row in self.rows - other.rows if not row.startswith(starts))
        return Selection(frozenset(rows), self.starts - other.starts)

    def includes(self, row: str) -> bool:
        """Return whether a row is one of them."""
        return row in self.rows or row.startswith(tuple(self.starts))

    def __bool__(self) -> bool:
        """Return whether it names anything."""
        return bool(self.rows or self.starts)


class SelectedSums(Sums):
    """The selected rows of a study's sums. Whoever asks for another gets none, and it is `lacking`.

    Rows are asked for by name alone: what goes through all of them would miss those not selected.
    """

    def __init__(self, share: Share, selection: Selection) -> None:
        super().__init__(share)
        self._selection = selection
        self._rows: set[str] = set()
        self._starts: set[str] = set()

    @property
    def lacking(self) -> Selection:
        """The rows that were asked for and are not selected."""
        return Selection(frozenset(self._rows), frozenset(self._starts)) - self._selection

    def get(self, row: str, default: Cells | None = None) -> Cells:  # type: ignore[override]
        """Return a row's cells, and note that it was asked for."""
        self._rows.add(row)
        return super().get(row, default or {})

    def spread(self, start: str) -> list[Cells]:
        """List the rows whose name is `start`, a `#` and one part more, and note it."""
        self._starts.add(f"{start}#")
        return super().spread(start)

    def has_read(self, row: str) -> bool:
        """Return whether a row is selected."""
        return self._selection.includes(row)

    def _refuse(self, *_: object) -> Never:
        raise TypeError("selected sums are read by the names of rows")

    __getitem__ = __contains__ = __iter__ = items = keys = values = _refuse


_MANY = 64
"""Cells from which it pays to look whether they are others than those they are added to."""


def add(total: Cells, contribution: Mapping[str, int]) -> None:
    """Add `contribution` into `total`, dropping what becomes 0."""
    is_many = len(contribution) > _MANY
    if is_many and total.keys().isdisjoint(contribution) and 0 not in contribution.values():
        total.update(contribution)
        return
    for name, value in contribution.items():
        if new := total.get(name, 0) + value:
            total[name] = new
        else:
            total.pop(name, None)


def add_share(sums: Share, share: Share) -> None:
    """Add a share into sums, row by row."""
    for row, cells in share.items():
        add(sums.setdefault(row, {}), cells)


def difference(new: Share, old: Share) -> Share:
    """Return what must be added to the sums so that `new` is counted in place of `old`."""
    changes: Share = {}
    for row in new.keys() | old.keys():
        new_cells, old_cells = new.get(row), old.get(row)
        # Most rows are the very same; dictionaries are compared cell by cell even then.
        if new_cells is old_cells or new_cells == old_cells:
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
        add_share(sums, share)
    return {row: cells for row, cells in sums.items() if cells}
