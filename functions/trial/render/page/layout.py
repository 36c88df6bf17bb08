"""Where the lines of a table's cells go: beside each other, or below each other.

What most rows of a table tell stands side by side under each column, as long as that is not too
wide. A row that tells more has a line of its own for each result.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from trial.render.page.cells import P_VALUE, Line, lines
from trial.tables.grid import Column, Grid, Row

_WIDEST = 10  # results side by side
_PART = 10  # one row in so many is a good part
_UPRIGHT, _SIDEWAYS = 6, 12  # columns of numbers that a page holds

Lines = Mapping[str, tuple[Line, ...]]
"""The lines of a row's cells, by column."""


@dataclass(frozen=True)
class Head:
    """A column and the names of the results that stand side by side under it; '' where none is."""

    column: Column
    labels: tuple[str, ...]

    @property
    def compares(self) -> bool:
        """Say whether it holds P values and nothing else."""
        return self.labels == (P_VALUE,)


@dataclass(frozen=True)
class Laid:
    """A row with its lines; one that `fits` has a place for each of them under the heads."""

    row: Row
    lines: Lines
    fits: bool
    leads: bool
    """Whether rows that are indented further follow it."""

    def labels(self, heads: Iterable[Head]) -> tuple[str, ...]:
        """Name the results that have a line of their own, in the order of the fullest cell."""
        told = (self.lines.get(head.column.id, ()) for head in heads if not head.compares)
        fullest = sorted(told, key=len, reverse=True)
        return tuple(dict.fromkeys(line.label for cell in fullest for line in cell))


@dataclass(frozen=True)
class Layout:
    """A table ready to be written."""

    heads: tuple[Head, ...]
    rows: tuple[Laid, ...]

    @property
    def width(self) -> int:
        """Count the columns of numbers."""
        return sum(len(head.labels) for head in self.heads)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Say whether it needs a page held sideways, and even there smaller letters."""
        return ("wide",) * (self.width > _UPRIGHT) + ("crowded",) * (self.width > _SIDEWAYS)


def layout(grid: Grid) -> Layout:
    """Lay a table out by what its rows have in common."""
    columns = {column.id: column for column in grid.columns}
    found = [_lines(row, columns) for row in grid.rows]
    return _laid(grid, found, _heads(grid.columns, found))


def _heads(columns: Sequence[Column], found: Sequence[Lines]) -> tuple[Head, ...]:
    """Choose the results that stand side by side: as many as most rows tell and a page holds."""
    for usual in _usual(found):
        heads = tuple(Head(column, _under(column, found, usual)) for column in columns)
        if sum(len(head.labels) for head in heads) <= max(_WIDEST, len(heads)):
            return heads
    return tuple(Head(column, _under(column, found, frozenset())) for column in columns)


def _lines(row: Row, columns: Mapping[str, Column]) -> Lines:
    told = {cell.column: lines(cell, columns[cell.column]) for cell in row.cells}
    return {column: cell for column, cell in told.items() if cell}


def _usual(found: Iterable[Lines]) -> Iterator[frozenset[str]]:
    """Give what most rows tell; before it what includes it, where a good part of them tell more."""
    told = Counter(frozenset(_names(row)) for row in found if row)
    if not told:
        return
    usual = max(told, key=lambda names: told[names])
    more = [names for names in told if names > usual and told[names] * _PART >= told.total()]
    yield from sorted(more, key=lambda names: -told[names])
    yield usual


def _names(row: Lines) -> Iterator[str]:
    for cell in row.values():
        if {line.label for line in cell} != {P_VALUE}:
            yield from (line.label for line in cell)


def _under(column: Column, found: Iterable[Lines], usual: frozenset[str]) -> tuple[str, ...]:
    """Name what stands side by side under a column: what it tells in the usual rows."""
    mine = [row[column.id] for row in found if column.id in row]
    if mine and all([line.label for line in cell] == [P_VALUE] for cell in mine):
        return (P_VALUE,)
    usually = (line.label for cell in mine for line in cell if line.label in usual)
    return tuple(dict.fromkeys(usually)) or ("",)


def _laid(grid: Grid, found: list[Lines], heads: tuple[Head, ...]) -> Layout:
    places = {head.column.id: set(head.labels) for head in heads}
    following = (*(row.level for row in grid.rows[1:]), 0)
    rows = (
        Laid(row, told, _fits(told, places), below > row.level)
        for row, told, below in zip(grid.rows, found, following, strict=False)
    )
    return Layout(heads, tuple(rows))


def _fits(row: Lines, places: Mapping[str, set[str]]) -> bool:
    return all(
        {line.label for line in cell} <= places[column] and _differ(cell)
        for column, cell in row.items()
    )


def _differ(cell: tuple[Line, ...]) -> bool:
    return len({line.label for line in cell}) == len(cell)
