"""Who counts in a cell, and with what: the subjects behind a number.

A subject stands in a cell as a table that holds it alone shows it (`attribution`); with what, is
what its records in the analysis data hold (`analysis`).
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from trial.deferred import dataclass
from trial.subject.derivation import Derivation
from trial.tables.analysis import variables
from trial.tables.analysis.kinds import AnalysisRecord, RowAnalysis, analysis_of
from trial.tables.attribution import (
    COUNTS,
    AttributedCell,
    CellAddress,
    SingleSubject,
    compiled_row,
)
from trial.tables.compiled import CompiledTable
from trial.tables.rows.counts import HeadingRow
from trial.tables.rows.kinds import CompiledRow
from trial.tables.rows.subgroups import SubgroupRow, narrowed_row

_COUNTED = ("n", "events")
"""What a cell counts, if it counts: the first that it shows is its numerator."""
NOT_COUNTED = "not_counted"
"""Asks, like the name of a statistic, for those in the denominator whom the cell does not count."""


@dataclass(frozen=True)
class Standing:
    """How a subject stands in a cell.

    `column` is the column of subjects that it stands in: the cell's own, or one that it compares.
    `counts` is what it adds to each count that the cell shows, `at_risk` the days that it adds to
    the time at risk of a term. `records` are those of the analysis data that the cell is of, as far
    as they are the subject's.
    """

    column: str
    counts: Mapping[str, int]
    at_risk: int = 0
    records: tuple[AnalysisRecord, ...] = ()

    @property
    def analysed(self) -> bool:
        """Whether a record of it is analysed."""
        return any(record.get(variables.ANALYSED) for record in self.records)

    @property
    def in_numerator(self) -> bool:
        """Whether it is among those that the cell counts; if it counts none, that it analyses.

        Of the denominator of a column, which is a number too, all of it.
        """
        name = next((name for name in _COUNTED if name in self.counts), "N")
        return self.analysed if name not in self.counts else self.counts[name] > 0

    @property
    def in_denominator(self) -> bool:
        """Whether it is among those whom the cell is of."""
        if "N" in self.counts:
            return self.counts["N"] > 0
        return self.at_risk > 0 or self.analysed or self.in_numerator

    @property
    def place(self) -> str:
        """Where it stands, in a word: `numerator`, `denominator`, `not due`, `missing`, `outside`.

        `denominator`: in that alone.
        """
        if self.in_numerator:
            return "numerator"
        if self.in_denominator:
            return "denominator"
        waiting = (name for name in ("not_due", "missing") if self.counts.get(name))
        return next(waiting, "outside").replace("_", " ")

    def is_in(self, statistic: str) -> bool:
        """Return whether it is in a statistic of the cell; '' is what the cell counts."""
        if statistic == "N":
            return self.in_denominator
        if statistic == NOT_COUNTED:
            return self.in_denominator and not self.in_numerator
        if statistic in COUNTS:
            return bool(self.counts.get(statistic))
        return self.in_numerator if statistic in ("", "percent") else self.in_denominator


class TracedCell:
    """A cell of a table whose subjects are asked for."""

    def __init__(self, address: CellAddress, table: CompiledTable) -> None:
        """Look up what computes it; its column is one of the table."""
        self.address = address
        self._table = table
        self._cell = AttributedCell(address, table)
        self._row = compiled_row(table, address.row) if address.row else None

    @property
    def exists(self) -> bool:
        """Whether the table has such a row, or can have: levels and terms come as they occur."""
        if not self.address.row:
            return self._cell.columns == (self._position,) and self._populated
        if self._row is None or isinstance(self._row, HeadingRow):
            return False
        return any(self._analyses.values())

    @cached_property
    def _position(self) -> int:
        ids = [column.id for column in self._table.columns]
        return ids.index(self.address.column)

    @property
    def _populated(self) -> bool:
        return self._table.columns[self._position].population is not None

    @property
    def compiled_row(self) -> CompiledRow | None:
        """The row that prints it; None for the denominator of a column."""
        return self._row

    @property
    def compares(self) -> bool:
        """Whether its column compares others."""
        return self._table.columns[self._position].comparison is not None

    @cached_property
    def _analyses(self) -> Mapping[int, RowAnalysis | None]:
        if self._row is None:
            return {}
        return {column: analysis_of(self._row, column) for column in self._cell.columns}

    def standings(self, subject: SingleSubject) -> Iterator[Standing]:
        """Yield how a subject stands in each of the cell's columns that it belongs to."""
        derivation = subject.derivation
        if derivation is None:
            return
        for column in self._cell.columns:
            if self._table.columns[column].belongs(derivation):
                yield Standing(
                    self._table.columns[column].id,
                    self._cell.counts(subject, column),
                    self._cell.denominators(subject, column).get("days", 0),
                    tuple(self._records(derivation, subject, column)),
                )

    def differs(self, old: SingleSubject, new: SingleSubject) -> bool:
        """Return whether a subject stands in the cell otherwise in one state than in another."""
        return self._cell.differs(old, new)

    def _records(
        self, derivation: Derivation, subject: SingleSubject, column: int
    ) -> Iterator[AnalysisRecord]:
        """Yield the subject's records of the row that are at the cell's levels or terms."""
        analysis, row = self._analyses.get(column), self._row
        if analysis is None or row is None:
            return
        printed_row = subject.printed_row(self._table, row, self.address.row)
        if printed_row is None and self._cell.is_level:
            return
        tests = _group_tests(row, printed_row.groups if printed_row else (), analysis)
        for record in analysis.find(derivation, self._table.members(derivation)):
            if all(record.get(name) == value for name, value in tests):
                yield record


def _group_tests(
    row: CompiledRow, groups: Sequence[tuple[str, str]], analysis: RowAnalysis
) -> Sequence[tuple[str, str]]:
    """Return the variables that say at which level or term a record is, and a printed row's own.

    Groups that the row as a whole is of, a subgroup or a visit, are those of all its records.
    """
    of_row = isinstance(row, SubgroupRow) + len(getattr(narrowed_row(row), "groups", ()))
    factors, below = analysis.records.factors, groups[of_row:]
    names = [factor for factor, _ in below]
    variable_of = [
        factors.get(",".join(names[: depth + 1])) or factors.get(factor, "")
        for depth, factor in enumerate(names)
    ]
    return [
        (variable, value)
        for variable, (_, value) in zip(variable_of, below, strict=True)
        if variable
    ]
