"""Where a cell stands: the rule of the definition that gave its row, and its column."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trial.definition.conditions import AdverseEventFilter
from trial.definition.outputs import Table, TableColumn, TableRow
from trial.tables.grid import Cell, Grid, Row


@dataclass(frozen=True)
class AnalysisRef:
    """Where a cell stands: its table, the rule that gave its row, its column as defined."""

    table: str
    title: str
    part: str
    row: Row
    cell: Cell
    definition_row: TableRow | None
    column: TableColumn | None
    set: str | None
    narrowed: AdverseEventFilter | None = None
    """What narrows the adverse events that a column counts, or all that it compares."""

    @classmethod
    def of(cls, grid: Grid, table: Table | None, row: Row, cell: Cell) -> "AnalysisRef":
        """Find what a definition says of a cell's row and column."""
        pieces = row.id.split("/")
        part = "/".join(pieces[: len(pieces) - len(row.groups)])
        rows = {row.id: row for row in table.rows} if table else {}
        columns = {column.id: column for column in table.columns} if table else {}
        column = columns.get(cell.column)
        return cls(
            grid.id, grid.title, part, row, cell, rows.get(part.split("/", 1)[0]), column,
            _set_of(column, columns), _narrowed(column, columns),
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
        return "/".join(parts + self._column_parts())

    def _column_parts(self) -> list[str]:
        """Return what tells the columns of a row apart, where it counts something else in each."""
        for name in ("count", "summary", "not_due"):
            if self.definition_row and isinstance(getattr(self.definition_row, name), dict):
                ref = self.reference(name)
                return [f"of={ref}" if isinstance(ref, str) else f"column={self.cell.column}"]
        return [f"column={self.cell.column}"] if self.narrowed else []

    def reference(self, name: str) -> Any:  # noqa: ANN401 (a condition or measure, or the name of one)
        """Return the condition or measure that the row has for this column."""
        references = getattr(self.definition_row, name, None)
        return references.get(self.cell.column) if isinstance(references, dict) else references


def _narrowed(
    column: TableColumn | None, columns: Mapping[str, TableColumn]
) -> AdverseEventFilter | None:
    """Return the filter of the adverse events of a column, or of all columns that it compares."""
    if column is None or column.compare is None:
        return column.events if column else None
    first, *others = (columns[name].events for name in column.compare if name in columns)
    return first if all(other == first for other in others) else None


def _set_of(column: TableColumn | None, columns: Mapping[str, TableColumn]) -> str | None:
    """Return the set of a column; of one that compares, the set that all it compares are of."""
    if column is None or column.compare is None:
        return column.set if column else None
    sets = {columns[compared].set for compared in column.compare if compared in columns}
    return next(iter(sets)) if len(sets) == 1 else None
