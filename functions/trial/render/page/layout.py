"""Where the lines of a table's cells go: beside each other, or below each other.

Where all rows of a table tell the same, it stands side by side under each column, as long as that
is not too wide. In any other table a column is one column, and each line names what it tells.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from trial.render.page.cells import P_VALUE, Line, in_order, lines
from trial.tables.grid import Column, Grid, Row

_WIDEST = 8  # results side by side
_UPRIGHT, _SIDEWAYS = 6, 12  # columns of numbers that a page holds

Lines = Mapping[str, tuple[Line, ...]]
"""The lines of a row's cells, by column."""


@dataclass(frozen=True)
class Head:
    """A column and the names of the results that stand under it; '' where each line names its."""

    column: Column
    labels: tuple[str, ...]

    @property
    def compares(self) -> bool:
        """Say whether it holds P values and nothing else."""
        return self.labels == (P_VALUE,)


@dataclass(frozen=True)
class Laid:
    """A row with its lines; one without any is a heading."""

    row: Row
    lines: Lines
    leads: bool
    """Whether rows that are indented further follow it."""

    def labels(self, heads: Iterable[Head]) -> tuple[str, ...]:
        """Name the results that have a line of their own; what compares is told by its head."""
        told = (self.lines.get(head.column.id, ()) for head in heads if not head.compares)
        return in_order(line.label for cell in told for line in cell) or (P_VALUE,)


@dataclass(frozen=True)
class Layout:
    """A table ready to be written."""

    heads: tuple[Head, ...]
    rows: tuple[Laid, ...]
    stacked: bool
    """Whether the results of a row stand below each other, named in a column of their own."""

    @property
    def width(self) -> int:
        """Count the columns beside the rows' labels."""
        return sum(len(head.labels) for head in self.heads) + self.stacked

    @property
    def kinds(self) -> tuple[str, ...]:
        """Say whether it needs a page held sideways, and even there smaller letters."""
        return ("wide",) * (self.width > _UPRIGHT) + ("crowded",) * (self.width > _SIDEWAYS)


def layout(grid: Grid) -> Layout:
    """Lay a table out by what its rows have in common."""
    columns = {column.id: column for column in grid.columns}
    found = [_lines(row, columns) for row in grid.rows]
    beside = tuple(Head(column, _told(column, found)) for column in grid.columns)
    stacked = not _alike(beside, found)
    below = (head if head.compares else Head(head.column, ("",)) for head in beside)
    return Layout(tuple(below) if stacked else beside, tuple(_laid(grid.rows, found)), stacked)


def _lines(row: Row, columns: Mapping[str, Column]) -> Lines:
    told = {cell.column: lines(cell, columns[cell.column]) for cell in row.cells}
    return {column: cell for column, cell in told.items() if cell}


def _told(column: Column, found: Iterable[Lines]) -> tuple[str, ...]:
    """Name all that a column tells."""
    return in_order(line.label for row in found for line in row.get(column.id, ())) or ("",)


def _alike(heads: Sequence[Head], found: Sequence[Lines]) -> bool:
    """Say whether all that a column tells is told by one row at least, and fits a page."""
    if sum(len(head.labels) for head in heads) > max(_WIDEST, len(heads)):
        return False
    fullest = (max(len(row.get(head.column.id, ())) for row in found or [{}]) for head in heads)
    return all(len(head.labels) <= max(most, 1) for head, most in zip(heads, fullest, strict=True))


def _laid(rows: Sequence[Row], found: Sequence[Lines]) -> Iterator[Laid]:
    following = (*(row.level for row in rows[1:]), 0)
    for row, told, below in zip(rows, found, following, strict=False):
        yield Laid(row, told, below > row.level)
