"""Attribution of cells to subjects: what one subject is in a cell, and which cells it moved.

What a subject is in a cell is what a table that holds it alone shows there. It moves a cell between
two states if its own contribution to the cell differs, or what such a table shows. A column that
compares others is moved by whoever moves one of the columns that it compares.
"""

from collections.abc import Iterable, Mapping, Sequence

from trial.deferred import dataclass
from trial.statistics.cells import Share, Sums
from trial.subject.derivation import Derivation
from trial.tables.compiled import CompiledColumn, CompiledStudy, CompiledTable
from trial.tables.grid import Row, Value
from trial.tables.rows.counts import HeadingRow
from trial.tables.rows.crossing import CrossRow
from trial.tables.rows.event_rates import EventRateRow
from trial.tables.rows.imputed import ImputedRow
from trial.tables.rows.incidence import IncidenceTermsRow
from trial.tables.rows.kinds import ColumnHead, CompiledRow, Members
from trial.tables.rows.levels import LevelsRow
from trial.tables.rows.models import AncovaRow, InStrataRow, StratifiedLevelsRow
from trial.tables.rows.ranked import StratifiedRanksRow
from trial.tables.rows.repeated import RepeatedRow
from trial.tables.rows.resolution import ResolutionTermsRow
from trial.tables.rows.subgroups import SubgroupRow, narrowed_row
from trial.tables.rows.survival import SurvivalRow
from trial.tables.rows.terms import TermsRow

_ROWS_BY_LEVEL = (LevelsRow, CrossRow, TermsRow, IncidenceTermsRow, ResolutionTermsRow)
"""Kinds that print one row per level, class or term, all with one denominator.

A subject contributes to the kind as a whole, so the statistics of each printed row tell which of
them it moves.
"""
_IN_STRATA = (InStrataRow, StratifiedLevelsRow, StratifiedRanksRow)
_FITTED_TOGETHER = (AncovaRow, RepeatedRow, ImputedRow)
"""One fit of all columns together."""
_MODELS = (*_FITTED_TOGETHER, *_IN_STRATA, SurvivalRow, EventRateRow)
"""Kinds whose statistics need many subjects: of one subject alone they show nothing."""
COUNTS = (
    "n", "N", "events", "all_events", "not_due", "missing", "undated", "censored", "observed",
    "imputed", "baseline", "resolved", "competing", "both", "first", "second", "neither",
)  # fmt: skip
"""The statistics that are counts: those of a cell are the sums over its subjects, each alone."""


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
            AttributedCell(address, study.tables[address.table])
            for address in addresses
            if address.table in study.tables
        ]

    def affected_cells(
        self, before: Derivation | None, after: Derivation | None
    ) -> frozenset[CellAddress]:
        """Return the cells that a subject moves from one state to the other; None: not enrolled."""
        old, new = SingleSubject(before), SingleSubject(after)
        return frozenset(cell.address for cell in self._cells if cell.differs(old, new))


class AttributedCell:
    """A cell, with the compiled row and the columns that its statistics are computed from."""

    def __init__(self, address: CellAddress, table: CompiledTable) -> None:
        self.address = address
        self._table = table
        self._row = compiled_row(table, address.row)
        index = next(i for i, column in enumerate(table.columns) if column.id == address.column)
        comparison = table.columns[index].comparison
        self.columns = comparison.columns if comparison else (index,)
        """The columns of subjects, by position, that it is of: its own, or those it compares."""
        self._columns: Sequence[int] = self.columns
        kind = narrowed_row(self._row)
        if isinstance(kind, _FITTED_TOGETHER):
            self._columns = range(len(table.columns))
        # Of these kinds, the rows below the first (quartiles, days) repeat no denominator.
        first_row = self._row is not None and self._row.id == address.row
        self._has_row_denominator = isinstance(kind, _ROWS_BY_LEVEL) or (
            isinstance(kind, (*_IN_STRATA, SurvivalRow)) and first_row
        )
        self.is_level = isinstance(kind, _ROWS_BY_LEVEL) and not first_row
        """Whether its row is of one level or term of several."""

    def counts(self, subject: "SingleSubject", column: int) -> Mapping[str, int]:
        """Return what a subject adds to each count of one of the cell's columns, where it shows it.

        The row of a level or a term that the subject does not have still shows its denominator.
        """
        table, row, name = self._table, self._row, self.address.row
        if row is None:
            return {"N": int(subject.in_denominator(table, column))}
        statistics = subject.statistics(table, row, name, column)
        raw = dict(statistics or ())
        if statistics is None:
            raw = {"n": 0, **self.denominators(subject, column)}
        return {name: n for name in COUNTS if isinstance(n := raw.get(name), int)}

    def denominators(self, subject: "SingleSubject", column: int) -> Mapping[str, int]:
        """Return what a subject adds to the denominators of one of the cell's columns, by name."""
        if self._row is None:
            return {"N": int(subject.in_denominator(self._table, column))}
        if not self._has_row_denominator:
            return {}
        name = self.address.row
        return subject.row_denominators(self._table, self._row, column, name)

    def differs(self, old: "SingleSubject", new: "SingleSubject") -> bool:
        """Return whether what the cell is computed from differs between two states of a subject."""
        return any(self._column_differs(old, new, column) for column in self._columns)

    def _column_differs(self, old: "SingleSubject", new: "SingleSubject", column: int) -> bool:
        table, row, name = self._table, self._row, self.address.row
        if row is None:
            return old.in_denominator(table, column) != new.in_denominator(table, column)
        if old.adds_like(new, table, row):
            return False
        if self._has_row_denominator and (
            old.row_denominators(table, row, column, name)
            != new.row_denominators(table, row, column, name)
        ):
            return True
        if not self.is_level and (
            old.contribution(table, row, column) != new.contribution(table, row, column)
        ):
            return True
        return not isinstance(narrowed_row(row), _MODELS) and (
            old.statistics(table, row, name, column) != new.statistics(table, row, name, column)
        )


def compiled_row(table: CompiledTable, name: str) -> CompiledRow | None:
    """Return the row of the definition that prints a row of the table: `<row>`, or `<row>/…`."""
    candidates = [row for row in table.rows if name == row.id or name.startswith(f"{row.id}/")]
    # A heading has the id of the rows by term of a subgroup that stand under it.
    return max(
        candidates, key=lambda row: (len(row.id), not isinstance(row, HeadingRow)), default=None
    )


class SingleSubject:
    """One subject in one state, as if it were the only one of the study."""

    def __init__(self, derivation: Derivation | None) -> None:
        self.derivation = None if derivation is None or derivation.superseded else derivation
        self._members: dict[int, Members] = {}
        self._contributions: dict[tuple[int, int], Share] = {}
        self._rows: dict[int, Mapping[str, Row]] = {}
        self._wholes: dict[int, Share] = {}

    def adds_like(self, other: "SingleSubject", table: CompiledTable, row: CompiledRow) -> bool:
        """Return whether another adds the same to all columns of a row: then all of it is alike."""
        own_members, second_members = self.members(table), other.members(table)
        return (own_members.belongs, own_members.where) == (
            second_members.belongs,
            second_members.where,
        ) and (self.whole(table, row) == other.whole(table, row))

    def whole(self, table: CompiledTable, row: CompiledRow) -> Share:
        """Return what the subject contributes to a row in all columns."""
        if id(row) not in self._wholes:
            self._wholes[id(row)] = self._contributed(table, row, self.members(table))
        return self._wholes[id(row)]

    def in_denominator(self, table: CompiledTable, column: int) -> bool:
        """Return whether the subject is in the denominator of a column."""
        population = table.columns[column].population
        if self.derivation is None or population is None:
            return False
        return bool(population.member(self.derivation))

    def row_denominators(
        self, table: CompiledTable, row: CompiledRow, column: int, name: str
    ) -> Mapping[str, int]:
        """Return what the subject adds to the denominators that a column has in a printed row.

        They go by the names of statistics; what no statistic shows, by names of their own. Of times
        to resolution by term it is all that the subject adds to the term.
        """
        contribution = self.contribution(table, row, column)
        head = self._head(table, column, table.columns[column])
        if isinstance(row, SubgroupRow):
            head = row.head(contribution, column, head)
        return _denominators(narrowed_row(row), contribution, column, head, name)

    def contribution(self, table: CompiledTable, row: CompiledRow, column: int) -> Share:
        """Return what the subject contributes to a row in one column."""
        key = id(row), column
        if key not in self._contributions:
            members = self.members(table).only(column)
            self._contributions[key] = self._contributed(table, row, members)
        return self._contributions[key]

    def statistics(
        self, table: CompiledTable, row: CompiledRow, name: str, column: int
    ) -> tuple[tuple[str, Value], ...] | None:
        """Return the statistics of a cell of a table that holds this subject alone."""
        printed_row = self.printed_row(table, row, name)
        cells = printed_row.cells if printed_row else ()
        column_id = table.columns[column].id
        return next(
            (
                tuple((statistic.name, statistic.raw) for statistic in cell.statistics)
                for cell in cells
                if cell.column == column_id
            ),
            None,
        )

    def printed_row(self, table: CompiledTable, row: CompiledRow, name: str) -> Row | None:
        """Return a row of a table that holds this subject alone, by its id; None if it has none."""
        if id(row) not in self._rows:
            heads = [self._head(table, i, column) for i, column in enumerate(table.columns)]
            sums = Sums(self.whole(table, row))
            printed_rows = table.read_row(row, sums, heads)
            self._rows[id(row)] = {printed_row.id: printed_row for printed_row in printed_rows}
        return self._rows[id(row)].get(name)

    def _head(self, table: CompiledTable, index: int, column: CompiledColumn) -> ColumnHead:
        n, is_shown = int(self.in_denominator(table, index)), self.members(table).where[index]
        return ColumnHead(
            column.id,
            column.label,
            n,
            column.population.arm if column.population else None,
            column.comparison,
            hidden=n * (is_shown is False),
            undetermined=n * (is_shown is None),
        )

    def members(self, table: CompiledTable) -> Members:
        """Return in which columns of a table the subject is."""
        if id(table) not in self._members:
            derivation, nowhere = self.derivation, [False] * len(table.columns)
            self._members[id(table)] = (
                Members(nowhere, nowhere) if derivation is None else table.members(derivation)
            )
        return self._members[id(table)]

    def _contributed(self, table: CompiledTable, row: CompiledRow, members: Members) -> Share:
        share: Share = {}
        if self.derivation is not None:
            table.contribute_row(row, self.derivation, members, share)
        return share


def _denominators(
    counted: CompiledRow | None, contribution: Share, column: int, head: ColumnHead, name: str
) -> Mapping[str, int]:
    """Return the denominators that a printed row has of one subject, as it is counted."""
    if isinstance(counted, ResolutionTermsRow):
        of_term = counted.of_term(contribution, column, name)
        return {statistic: n for (_, statistic), n in of_term.items()}
    if isinstance(counted, IncidenceTermsRow):
        return {"days": counted.days(contribution, column)}
    if isinstance(counted, TermsRow):
        size = counted.size(contribution, column, head)
        of_records = {"all_events": counted.total(contribution, column)}
        return {"N": size, **(of_records if counted.of_records else {})}
    if isinstance(counted, (*_IN_STRATA, SurvivalRow)):
        return {"shown": head.shown}
    if isinstance(counted, CrossRow):
        is_column = counted.options.percent_of == "column"
        size = head.determined if is_column else counted.counts_for(contribution, name)
        return {"N": int(size)}
    assert isinstance(counted, LevelsRow)
    return {"N": counted.size(contribution, column, head)}
