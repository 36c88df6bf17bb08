"""Where the lines of a table's cells go: beside each other, or below each other.

Where every row of a table has the same results, they stand side by side under each column, as long
as that is not too wide. In any other table a column is one column, and each line names its result.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from trial.deferred import dataclass
from trial.render.page.cells import P_VALUE, Line, in_reading_order, lines
from trial.tables.grid import Column, Grid, Row

_WIDEST = 8  # results side by side
_UPRIGHT, _SIDEWAYS = 6, 12  # columns of numbers that a page holds

RowLines = Mapping[str, tuple[Line, ...]]
"""The lines of a row's cells, by column."""


@dataclass(frozen=True)
class ColumnHead:
    """A column and the results that stand under it; '' where each line names its own."""

    column: Column
    labels: tuple[str, ...]

    @property
    def is_p_value(self) -> bool:
        """Return whether the column holds P values and nothing else."""
        return self.labels == (P_VALUE,)


@dataclass(frozen=True)
class LaidOutRow:
    """A row with its lines; one without any is a heading."""

    row: Row
    lines: RowLines
    leads: bool
    """Whether rows that are indented further follow it."""

    def labels(self, heads: Iterable[ColumnHead]) -> tuple[str, ...]:
        """Return the labels of the results that take a line each.

        P values do not: their column's head names them.

        A row that has nothing but P values still has one line, for them to stand in.
        """
        cells = (self.lines.get(head.column.id, ()) for head in heads if not head.is_p_value)
        return in_reading_order(line.label for cell in cells for line in cell) or (P_VALUE,)


@dataclass(frozen=True)
class TableLayout:
    """A table ready to be written."""

    heads: tuple[ColumnHead, ...]
    rows: tuple[LaidOutRow, ...]
    stacked: bool
    """Whether the results of a row stand below each other, named in a column of their own."""

    @property
    def width(self) -> int:
        """Return the number of columns beside the rows' labels."""
        return sum(len(head.labels) for head in self.heads) + self.stacked

    @property
    def css_classes(self) -> tuple[str, ...]:
        """Return the classes of a table that needs a page held sideways, and smaller letters."""
        return ("wide",) * (self.width > _UPRIGHT) + ("crowded",) * (self.width > _SIDEWAYS)


def layout(grid: Grid) -> TableLayout:
    """Lay a table out by what its rows have in common."""
    columns = {column.id: column for column in grid.columns}
    rows = [_row_lines(row, columns) for row in grid.rows]
    heads = tuple(ColumnHead(column, _labels(column, rows)) for column in grid.columns)
    stacked = not _fits_side_by_side(heads, rows)
    if stacked:
        heads = tuple(head if head.is_p_value else ColumnHead(head.column, ("",)) for head in heads)
    return TableLayout(heads, tuple(_laid_out(grid.rows, rows)), stacked)


def _row_lines(row: Row, columns: Mapping[str, Column]) -> RowLines:
    cells = {cell.column: lines(cell, columns[cell.column]) for cell in row.cells}
    return {column: cell for column, cell in cells.items() if cell}


def _labels(column: Column, rows: Iterable[RowLines]) -> tuple[str, ...]:
    """Return the label of every result that a column has in any row."""
    return in_reading_order(line.label for row in rows for line in row.get(column.id, ())) or ("",)


def _fits_side_by_side(heads: Sequence[ColumnHead], rows: Sequence[RowLines]) -> bool:
    """Return whether in each column one row at least has all its results, and a page holds them.

    A column whose rows have different results would be mostly empty.
    """
    if sum(len(head.labels) for head in heads) > max(_WIDEST, len(heads)):
        return False
    fullest = (max(len(row.get(head.column.id, ())) for row in rows or [{}]) for head in heads)
    return all(
        len(head.labels) <= max(longest, 1) for head, longest in zip(heads, fullest, strict=True)
    )


def _laid_out(rows: Sequence[Row], row_lines: Sequence[RowLines]) -> Iterator[LaidOutRow]:
    next_levels = (*(row.level for row in rows[1:]), 0)
    for row, cells, next_level in zip(rows, row_lines, next_levels, strict=False):
        yield LaidOutRow(row, cells, next_level > row.level)
