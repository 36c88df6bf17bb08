"""Where a cell stands: the rule of the definition that gave its row, and its column."""

from collections.abc import Mapping
from typing import Any

from trial.deferred import dataclass
from trial.definition.outputs import Table, TableColumn, TableRow
from trial.tables.grid import Cell, Grid, Row
from trial.tables.rows.subgroups import SUBGROUP


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
    sets: tuple[str, ...]
    """The set of its column; of one that compares, those of all that it compares."""
    compared: str
    """The column that the records are found by: its own, or the first that it compares."""
    sets_of_arms: tuple[str, ...]
    """The sets of all columns of arms, which a model is of together."""

    @classmethod
    def of(cls, grid: Grid, table: Table | None, row: Row, cell: Cell) -> "AnalysisRef":
        """Find what a definition says of a cell's row and column."""
        pieces = row.id.split("/")
        factors = [factor for factor, _ in row.groups]
        if SUBGROUP in factors and len(pieces) > len(factors) + 1:
            inner = pieces[1 + len(factors) :]  # a visit and what is below, behind the subgroup
            part = "/".join((pieces[0], *inner))
        else:
            part = "/".join(pieces[: len(pieces) - len(row.groups)])
        rows = {row.id: row for row in table.rows} if table else {}
        columns = {column.id: column for column in table.columns} if table else {}
        column = columns.get(cell.column)
        return cls(
            grid.id, grid.title, part, row, cell, rows.get(part.split("/", 1)[0]), column,
            _sets_of(column, columns),
            column.compare[0] if column and column.compare else cell.column,
            _sets_of_arms(columns),
        )  # fmt: skip

    @property
    def rule(self) -> str:
        """The definition's row."""
        return self.part.split("/", 1)[0]

    @property
    def place(self) -> tuple[str, str, str]:
        """Where the plan of the analysis data has what it is of."""
        return self.table, self.rule, self.compared

    @property
    def visit(self) -> str | None:
        """The visit that the row is of, where its id tells; None where its groups do."""
        is_by_visit = self.definition_row is not None and self.definition_row.visits is not None
        _, *inner = self.part.split("/")
        return inner[0] if is_by_visit and inner else None

    @property
    def id(self) -> str:
        """What tells the cell's analysis from the others of the report, but for its method."""
        factors = ",".join(factor for factor, _ in self.row.groups)
        parts = [self.table, self.part]
        parts += [f"by={factors}"] if factors else []
        parts += [f"set={'+'.join(self.sets)}"] if self.sets else []
        if self.column and (arms := self.column.arms_counted):
            parts.append("arms" if len(arms) == 1 else f"arms={'+'.join(arms)}")
        if self.column and self.column.compare:
            parts.append("compared")
        if self.column and self.column.where is not None:
            parts.append(f"shown={self.column.id}")
        return "/".join(parts + self._column_parts())

    def _column_parts(self) -> list[str]:
        """Return what tells the columns of a row apart, where it counts something else in each."""
        for name in ("count", "summary", "not_due"):
            if self.definition_row and isinstance(getattr(self.definition_row, name), dict):
                ref = self.reference(name)
                return [f"of={ref}" if isinstance(ref, str) else f"column={self.cell.column}"]
        is_narrowed = self.column is not None and self.column.narrows
        return [f"column={self.cell.column}"] if is_narrowed else []

    def reference(self, name: str) -> Any:  # noqa: ANN401 (a condition or measure, or the name of one)
        """Return the condition or measure that the row has for this column."""
        references = getattr(self.definition_row, name, None)
        return references.get(self.cell.column) if isinstance(references, dict) else references


def _sets_of(column: TableColumn | None, columns: Mapping[str, TableColumn]) -> tuple[str, ...]:
    """Return the set of a column; of one that compares, the sets of what it compares."""
    if column is None:
        return ()
    names = [columns[name] for name in column.compare or () if name in columns] or [column]
    return tuple(dict.fromkeys(column.set for column in names if column.set))


def _sets_of_arms(columns: Mapping[str, TableColumn]) -> tuple[str, ...]:
    of_arms = (column for column in columns.values() if column.arms_counted)
    return tuple(dict.fromkeys(column.set for column in of_arms if column.set))
