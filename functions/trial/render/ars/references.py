"""Where a cell stands: the rule of the definition that gave its row, and its column."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trial.definition.outputs import Table, TableColumn, TableRow
from trial.tables.grid import Cell, Grid, Row


@dataclass(frozen=True)
class Place:
    """Where a cell stands: its table, the rule that gave its row, its column as defined."""

    table: str
    title: str
    part: str
    row: Row
    cell: Cell
    defined: TableRow | None
    column: TableColumn | None
    set: str | None

    @classmethod
    def of(cls, grid: Grid, table: Table | None, row: Row, cell: Cell) -> "Place":
        """Find what a definition says of a cell's row and column."""
        pieces = row.id.split("/")
        part = "/".join(pieces[: len(pieces) - len(row.groups)])
        rows = {each.id: each for each in table.rows} if table else {}
        columns = {each.id: each for each in table.columns} if table else {}
        column = columns.get(cell.column)
        return cls(
            grid.id, grid.title, part, row, cell, rows.get(part.split("/", 1)[0]), column,
            _set_of(column, columns),
        )  # fmt: skip

    @property
    def rule(self) -> str:
        """The definition's row."""
        return self.part.split("/", 1)[0]

    @property
    def id(self) -> str:
        """What tells the cell's analysis from the others of the report, but for its method."""
        factors = ",".join(factor for factor, _ in self.row.groups)
        parts = [self.table, self.part]
        parts += [f"by={factors}"] if factors else []
        parts += [f"set={self.set}"] if self.set else []
        if self.column and self.column.arm:
            parts.append("arms")
        if self.column and self.column.compare:
            parts.append("compared")
        return "/".join(parts + self._of())

    def _of(self) -> list[str]:
        """Tell what columns show apart, where a row asks for something else in each."""
        for name in ("count", "summary", "not_due"):
            if self.defined and isinstance(getattr(self.defined, name), dict):
                asked = self.asked(name)
                named = isinstance(asked, str)
                return [f"of={asked}" if named else f"column={self.cell.column}"]
        return []

    def asked(self, name: str) -> Any:  # noqa: ANN401 (a condition or measure, or the name of one)
        """Give the reference that a row gives for this column."""
        given = getattr(self.defined, name, None)
        return given.get(self.cell.column) if isinstance(given, dict) else given


def _set_of(column: TableColumn | None, columns: Mapping[str, TableColumn]) -> str | None:
    """Name the set of a column; of one that compares, the set that all it compares are of."""
    if column is None or column.compare is None:
        return column.set if column else None
    sets = {columns[each].set for each in column.compare if each in columns}
    return next(iter(sets)) if len(sets) == 1 else None
