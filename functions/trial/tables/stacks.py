"""Stacked bars: the categories of a row, on one another in a bar a column, visit or class."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from trial.deferred import dataclass
from trial.definition.figures import FigureDefinition
from trial.definition.outputs import TableRow
from trial.statistics.cells import Sums
from trial.tables.bidi import isolated
from trial.tables.compiled import CompiledTable
from trial.tables.grid import Cell, Mark, Row, Series

type _Bar = tuple[str, str]
"""The row that the categories of a bar are under, and the column."""


@dataclass(frozen=True)
class Stacks:
    """Stacked bars: their figure, their compiled table and the sums."""

    figure: FigureDefinition
    table: CompiledTable
    sums: Sums

    @cached_property
    def _row(self) -> TableRow:
        (row,) = self.figure.rows_of(self.table.definition)
        return row

    @cached_property
    def _labels(self) -> Mapping[str, str]:
        """The columns shown, in the order of the table, and what they are called."""
        names = self.figure.columns_of(self.table.definition, self._row)
        return {column.id: column.label for column in self.table.columns if column.id in names}

    @cached_property
    def _rows(self) -> Mapping[str, Row]:
        row_ids = {row.id for row in self.table.rows if row.id.partition("/")[0] == self._row.id}
        grid = self.table.read(self.sums, row_ids)
        return {row.id: row for row in grid.rows if row.id.partition("/")[0] == self._row.id}

    @cached_property
    def _categories(self) -> Mapping[str, Mapping[str, Row]]:
        """The rows of categories, by the id of what they are under and by their last name."""
        depth = 1 + (self._row.visits is not None) + (self._row.kind in ("shift", "cross"))
        above: dict[str, dict[str, Row]] = {}
        for name, row in self._rows.items():
            if name.count("/") == depth and any(cell.get("percent") for cell in row.cells):
                parent, _, last = name.rpartition("/")
                above.setdefault(parent, {})[last] = row
        return above

    @property
    def _bars(self) -> Sequence[_Bar]:
        return [(parent, column) for parent in self._categories for column in self._labels]

    @property
    def sizes(self) -> tuple[tuple[str, int], ...]:
        """What each bar is called, and of how many it is."""
        return tuple(
            (self._label(bar), self._size(cell) if (cell := self._any(bar)) else 0)
            for bar in self._bars
        )

    def series(self) -> tuple[Series, ...]:
        """Return one series a category, with a mark in each bar, from the top."""
        names = _merged([list(rows) for rows in self._categories.values()])
        return tuple(Series(name, self._named(name), tuple(self._marks(name))) for name in names)

    def _marks(self, name: str) -> Iterator[Mark]:
        for rank, bar in enumerate(self._bars, 1):
            parent, column = bar
            row = self._categories[parent].get(name)
            cell = _cell(row, column) if row is not None else None
            percent, n = (cell.get(part) if cell else None for part in ("percent", "n"))
            if percent is None or percent.raw is None:
                size = self._size(self._any(bar))
                yield Mark("0" if size else None, str(rank), label=self._label(bar), n=0)
                continue
            counted = int(n.raw or 0) if n is not None else 0
            yield Mark(
                str(percent.raw),
                str(rank),
                label=self._label(bar),
                n=counted,
                cell=(f"{parent}/{name}", column),
            )

    def _named(self, name: str) -> str:
        """Return what a category is called: alike under all that it occurs in."""
        return next(rows[name].label for rows in self._categories.values() if name in rows)

    def _label(self, bar: _Bar) -> str:
        parent, column = bar
        parts = parent.split("/")
        paths = ("/".join(parts[:depth]) for depth in range(2, len(parts) + 1))
        above = [self._rows[path].label for path in paths if path in self._rows]
        return ", ".join(map(isolated, filter(None, (*above, self._labels[column]))))

    def _any(self, bar: _Bar) -> Cell | None:
        """Return a cell of a bar: all have one denominator."""
        parent, column = bar
        cells = (_cell(row, column) for row in self._categories[parent].values())
        return next((cell for cell in cells if cell is not None and cell.get("percent")), None)

    @staticmethod
    def _size(cell: Cell | None) -> int:
        size = cell.get("N") if cell is not None else None
        return int(size.raw or 0) if size is not None else 0


def _cell(row: Row, column: str) -> Cell | None:
    return next((cell for cell in row.cells if cell.column == column), None)


def _merged(orders: Sequence[Sequence[str]]) -> list[str]:
    """Return all names of some orders, each after those that come before it in its own."""
    merged: list[str] = []
    for order in orders:
        place = 0
        for name in order:
            if name in merged:
                place = merged.index(name) + 1
            else:
                merged.insert(place, name)
                place += 1
    return merged
