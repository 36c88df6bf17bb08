"""Attribution of changed cells: which cells of the tables one subject moved between two states.

A subject moves a cell if its own contribution to the cell differs between the two states, or if
the cell differs between two tables that hold that subject alone. A column that compares others is
moved by whoever moves one of the columns that it compares.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from trial.statistics.cells import Share, Sums
from trial.subject.derivation import Derivation
from trial.tables.compiled import CompiledColumn, CompiledStudy, CompiledTable
from trial.tables.grid import Value
from trial.tables.rows.crossing import CrossRow
from trial.tables.rows.incidence import IncidenceTermsRow
from trial.tables.rows.kinds import ColumnHead, CompiledRow, Members
from trial.tables.rows.levels import LevelsRow
from trial.tables.rows.models import AncovaRow, StratifiedLevelsRow, StratifiedRow
from trial.tables.rows.ranked import StratifiedRanksRow
from trial.tables.rows.resolution import ResolutionTermsRow
from trial.tables.rows.subgroups import SubgroupRow, narrowed_row
from trial.tables.rows.survival import SurvivalRow
from trial.tables.rows.terms import TermsRow

_ROWS_BY_LEVEL = (LevelsRow, CrossRow, TermsRow, IncidenceTermsRow, ResolutionTermsRow)
"""Kinds that print one row per level, class or term, all with one denominator.

A subject contributes to the kind as a whole, so the statistics of each printed row tell which of
them it moves.
"""
_IN_STRATA = (StratifiedRow, StratifiedLevelsRow, StratifiedRanksRow)
_MODELS = (AncovaRow, *_IN_STRATA, SurvivalRow)
"""Kinds whose statistics need many subjects: of one subject alone they show nothing."""


@dataclass(frozen=True)
class CellAddress:
    """The address of a cell of a table; `row` is '' for the denominator of a column."""

    table: str
    row: str
    column: str


class CellAttribution:
    """Attributes changes of cells to subjects: which of the given cells a subject moves."""

    def __init__(self, study: CompiledStudy, addresses: Iterable[CellAddress]) -> None:
        """Look up what computes each cell; addresses of tables that the study lacks are skipped."""
        self._cells = [
            _Cell(address, study.tables[address.table])
            for address in addresses
            if address.table in study.tables
        ]

    def affected_cells(
        self, before: Derivation | None, after: Derivation | None
    ) -> frozenset[CellAddress]:
        """Return the cells that a subject moves from one state to the other; None: not enrolled."""
        old, new = _SingleSubject(before), _SingleSubject(after)
        return frozenset(cell.address for cell in self._cells if cell.differs(old, new))


class _Cell:
    """A cell, with the compiled row and the columns that its statistics are computed from."""

    def __init__(self, address: CellAddress, table: CompiledTable) -> None:
        self.address = address
        self._table = table
        self._row = _compiled_row(table, address.row)
        index = next(i for i, column in enumerate(table.columns) if column.id == address.column)
        comparison = table.columns[index].comparison
        self._columns: Sequence[int] = comparison.columns if comparison else (index,)
        kind = narrowed_row(self._row)
        if isinstance(kind, AncovaRow):  # one fit of all columns together
            self._columns = range(len(table.columns))
        # Of these kinds, the rows below the first (quartiles, days) repeat no denominator.
        first_row = self._row is not None and self._row.id == address.row
        self._has_row_denominator = isinstance(kind, _ROWS_BY_LEVEL) or (
            isinstance(kind, (*_IN_STRATA, SurvivalRow)) and first_row
        )
        self._one_of_several = isinstance(kind, _ROWS_BY_LEVEL) and not first_row

    def differs(self, old: "_SingleSubject", new: "_SingleSubject") -> bool:
        """Return whether what the cell is computed from differs between two states of a subject."""
        return any(self._column_differs(old, new, column) for column in self._columns)

    def _column_differs(self, old: "_SingleSubject", new: "_SingleSubject", column: int) -> bool:
        table, row, name = self._table, self._row, self.address.row
        if row is None:
            return old.in_denominator(table, column) != new.in_denominator(table, column)
        if self._has_row_denominator and (
            old.in_row_denominator(table, row, column, name)
            != new.in_row_denominator(table, row, column, name)
        ):
            return True
        if not self._one_of_several and (
            old.contribution(table, row, column) != new.contribution(table, row, column)
        ):
            return True
        return not isinstance(narrowed_row(row), _MODELS) and (
            old.statistics(table, row, name, column) != new.statistics(table, row, name, column)
        )


def _compiled_row(table: CompiledTable, name: str) -> CompiledRow | None:
    """Return the row of the definition that prints a row of the table: `<row>`, or `<row>/…`."""
    candidates = [row for row in table.rows if name == row.id or name.startswith(f"{row.id}/")]
    return max(candidates, key=lambda row: len(row.id), default=None)


type _Statistics = dict[tuple[str, str], tuple[tuple[str, Value], ...]]
"""The raw statistics of each cell, by the ids of its row and its column."""


class _SingleSubject:
    """One subject in one state, as if it were the only one of the study."""

    def __init__(self, derivation: Derivation | None) -> None:
        self._derivation = None if derivation is None or derivation.superseded else derivation
        self._members: dict[int, Members] = {}
        self._contributions: dict[tuple[int, int], Share] = {}
        self._statistics: dict[int, _Statistics] = {}

    def in_denominator(self, table: CompiledTable, column: int) -> bool:
        """Return whether the subject is in the denominator of a column."""
        population = table.columns[column].population
        if self._derivation is None or population is None:
            return False
        return bool(population.member(self._derivation))

    def in_row_denominator(
        self, table: CompiledTable, row: CompiledRow, column: int, name: str
    ) -> object:
        """Return what the subject adds to the denominator that a column has in a printed row.

        Of times to resolution by term it is all that the subject adds to the term.
        """
        contribution = self.contribution(table, row, column)
        head = self._head(table, column, table.columns[column])
        if isinstance(row, SubgroupRow):
            head = row.head(contribution, column, head)
        counted = narrowed_row(row)
        if isinstance(counted, ResolutionTermsRow):
            return counted.of_term(contribution, column, name)
        return _size(counted, contribution, column, head, name)

    def contribution(self, table: CompiledTable, row: CompiledRow, column: int) -> Share:
        """Return what the subject contributes to a row in one column."""
        key = id(row), column
        if key not in self._contributions:
            members = self._members_of(table).only(column)
            self._contributions[key] = self._contributed(table, row, members)
        return self._contributions[key]

    def statistics(
        self, table: CompiledTable, row: CompiledRow, name: str, column: int
    ) -> tuple[tuple[str, Value], ...] | None:
        """Return the statistics of a cell of a table that holds this subject alone."""
        if id(row) not in self._statistics:
            self._statistics[id(row)] = self._read(table, row)
        return self._statistics[id(row)].get((name, table.columns[column].id))

    def _read(self, table: CompiledTable, row: CompiledRow) -> _Statistics:
        heads = [self._head(table, i, column) for i, column in enumerate(table.columns)]
        sums = Sums(self._contributed(table, row, self._members_of(table)))
        return {
            (printed_row.id, cell.column): tuple(
                (statistic.name, statistic.raw) for statistic in cell.statistics
            )
            for printed_row in table.read_row(row, sums, heads)
            for cell in printed_row.cells
        }

    def _head(self, table: CompiledTable, index: int, column: CompiledColumn) -> ColumnHead:
        n, shown = int(self.in_denominator(table, index)), self._members_of(table).where[index]
        return ColumnHead(
            column.id,
            column.label,
            n,
            comparison=column.comparison,
            hidden=n * (shown is False),
            undetermined=n * (shown is None),
        )

    def _members_of(self, table: CompiledTable) -> Members:
        if id(table) not in self._members:
            derivation, nowhere = self._derivation, [False] * len(table.columns)
            self._members[id(table)] = (
                Members(nowhere, nowhere) if derivation is None else table.members(derivation)
            )
        return self._members[id(table)]

    def _contributed(self, table: CompiledTable, row: CompiledRow, members: Members) -> Share:
        share: Share = {}
        if self._derivation is not None:
            table.contribute_row(row, self._derivation, members, share)
        return share


def _size(
    counted: CompiledRow | None, contribution: Share, column: int, head: ColumnHead, name: str
) -> int:
    """Return the denominator that a printed row has of one subject, as it is counted."""
    if isinstance(counted, IncidenceTermsRow):
        return counted.days(contribution, column)
    if isinstance(counted, TermsRow):
        return counted.size(contribution, column, head) + counted.total(contribution, column)
    if isinstance(counted, (*_IN_STRATA, SurvivalRow)):
        return bool(head.shown)
    if isinstance(counted, CrossRow):
        if counted.options.percent_of == "column":
            return bool(head.determined)
        return counted.counts_for(contribution, name)
    assert isinstance(counted, LevelsRow)
    return bool(counted.size(contribution, column, head))
