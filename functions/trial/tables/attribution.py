"""Which cells of the tables one subject moves, by changing from one state into another.

A subject moves a cell where what it alone contributes to it, or what a table of it alone shows
there, is not the same in both states. Columns that compare others are moved by whoever moves one
of those.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from trial.statistics.cells import Share, Sums
from trial.subject.derivation import Derivation
from trial.tables.compiled import CompiledColumn, CompiledStudy, CompiledTable
from trial.tables.grid import Value
from trial.tables.rows.events import TermsRow
from trial.tables.rows.kinds import ColumnHead, CompiledRow, Members
from trial.tables.rows.levels import LevelsRow, ShiftRow
from trial.tables.rows.models import AncovaRow, StratifiedRow
from trial.tables.rows.survival import SurvivalRow

_SEVERAL = (LevelsRow, ShiftRow, TermsRow)
"""Kinds whose rows each show a part of what is contributed: what they show tells them apart."""
_OCCURRING = (LevelsRow, ShiftRow, TermsRow)
"""Kinds whose rows come as they occur, all with one denominator."""
_MODELS = (AncovaRow, StratifiedRow, SurvivalRow)
"""Kinds that make of many subjects what none of them shows alone."""


@dataclass(frozen=True)
class CellAddress:
    """A cell of a table, or a column's denominator: that has no row."""

    table: str
    row: str
    column: str


class CellAttribution:
    """Tells which of some places a subject moves."""

    def __init__(self, plan: CompiledStudy, places: Iterable[CellAddress]) -> None:
        """Find each place in the plan of the study's tables; what no row there makes moves not."""
        self._cells = [
            _Cell(place, plan.tables[place.table]) for place in places if place.table in plan.tables
        ]

    def affected_cells(
        self, before: Derivation | None, after: Derivation | None
    ) -> frozenset[CellAddress]:
        """Name the places that a subject moves from one state to the other; None: not there."""
        old, new = _SingleSubject(before), _SingleSubject(after)
        return frozenset(cell.place for cell in self._cells if cell.differs(old, new))


class _Cell:
    """A place, and what of the plan decides it."""

    def __init__(self, place: CellAddress, table: CompiledTable) -> None:
        self.place = place
        self._table = table
        self._row = _row_of(table, place.row)
        index = next(i for i, column in enumerate(table.columns) if column.id == place.column)
        compared = table.columns[index].comparison
        self._columns: Sequence[int] = compared.columns if compared else (index,)
        if isinstance(self._row, AncovaRow):  # one fit of all columns together
            self._columns = range(len(table.columns))

    def differs(self, old: "_SingleSubject", new: "_SingleSubject") -> bool:
        """Say whether what decides the place is not the same in both states."""
        table, row, name = self._table, self._row, self.place.row
        contribution = isinstance(row, _SEVERAL) and row.id != name
        for i in self._columns:
            if row is None:
                if old.in_denominator(table, i) != new.in_denominator(table, i):
                    return True
                continue
            if isinstance(row, _OCCURRING) and old.in_row_denominator(
                table, row, i
            ) != new.in_row_denominator(table, row, i):
                return True
            if not contribution and old.contribution(table, row, i) != new.contribution(
                table, row, i
            ):
                return True
            pending = isinstance(row, StratifiedRow | SurvivalRow) and row.id == name
            if pending and old.in_row_denominator(table, row, i) != new.in_row_denominator(
                table, row, i
            ):
                return True
            alone = not isinstance(row, _MODELS)
            if alone and old.shown(table, row, name, i) != new.shown(table, row, name, i):
                return True
        return False


def _row_of(table: CompiledTable, name: str) -> CompiledRow | None:
    """Find which row of the definition makes a row of the table: `<row>`, or `<row>/…`."""
    candidates = [row for row in table.rows if name == row.id or name.startswith(f"{row.id}/")]
    return max(candidates, key=lambda row: len(row.id), default=None)


type _Shown = dict[tuple[str, str], tuple[tuple[str, Value], ...]]


class _SingleSubject:
    """One subject in one state, as if it were the only one of the study."""

    def __init__(self, derivation: Derivation | None) -> None:
        self._derivation = None if derivation is None or derivation.superseded else derivation
        self._members: dict[int, Members] = {}
        self._parts: dict[tuple[int, int], Share] = {}
        self._read: dict[int, _Shown] = {}

    def in_denominator(self, table: CompiledTable, column: int) -> bool:
        """Say whether the subject is in the denominator of a column."""
        population = table.columns[column].population
        if self._derivation is None or population is None:
            return False
        return bool(population.member(self._derivation))

    def in_row_denominator(self, table: CompiledTable, row: CompiledRow, column: int) -> bool:
        """Say whether the subject is in the denominator that a column has in a row's rows."""
        if isinstance(row, TermsRow):
            return bool(self._head(table, column, table.columns[column]).determined)
        if isinstance(row, StratifiedRow | SurvivalRow):
            return bool(self._head(table, column, table.columns[column]).shown)
        if isinstance(row, ShiftRow):
            return row.known(self.contribution(table, row, column))
        assert isinstance(row, LevelsRow)
        head = self._head(table, column, table.columns[column])
        return bool(row.size(self.contribution(table, row, column), column, head))

    def contribution(self, table: CompiledTable, row: CompiledRow, column: int) -> Share:
        """Give what the subject contributes to a row in one column."""
        key = id(row), column
        if key not in self._parts:
            self._parts[key] = self._contributed(row, self._members_of(table).only(column))
        return self._parts[key]

    def shown(
        self, table: CompiledTable, row: CompiledRow, name: str, column: int
    ) -> tuple[tuple[str, Value], ...] | None:
        """Give what stands in a cell where the subject is alone."""
        if id(row) not in self._read:
            self._read[id(row)] = self._shown(table, row)
        return self._read[id(row)].get((name, table.columns[column].id))

    def _shown(self, table: CompiledTable, row: CompiledRow) -> _Shown:
        heads = [self._head(table, i, column) for i, column in enumerate(table.columns)]
        sums = Sums(self._contributed(row, self._members_of(table)))
        return {
            (printed_row.id, cell.column): tuple(
                (statistic.name, statistic.raw) for statistic in cell.statistics
            )
            for printed_row in row.read(sums, heads)
            for cell in printed_row.cells
        }

    def _head(self, table: CompiledTable, column: int, plan: CompiledColumn) -> ColumnHead:
        n, where = int(self.in_denominator(table, column)), self._members_of(table).where[column]
        hidden, undetermined = n * (where is False), n * (where is None)
        return ColumnHead(
            plan.id,
            plan.label,
            n,
            comparison=plan.comparison,
            hidden=hidden,
            undetermined=undetermined,
        )

    def _members_of(self, table: CompiledTable) -> Members:
        if id(table) not in self._members:
            derivation, nowhere = self._derivation, [False] * len(table.columns)
            self._members[id(table)] = (
                Members(nowhere, nowhere) if derivation is None else table.members(derivation)
            )
        return self._members[id(table)]

    def _contributed(self, row: CompiledRow, members: Members) -> Share:
        share: Share = {}
        if self._derivation is not None:
            row.contribute(self._derivation, members, share)
        return share
