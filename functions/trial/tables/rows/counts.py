"""Rows that count subjects: by a condition, by what is not yet due, by pairs of conditions."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from trial.deferred import dataclass
from trial.rules.determination import PendingTest
from trial.rules.matching import Test
from trial.statistics.cells import Share, Sums
from trial.statistics.inference import CONFIDENCE_95, Confidence
from trial.statistics.margins import Margin
from trial.statistics.pairs import MCNEMAR_EXACT, PAIRED_TANGO, mcnemar_exact, paired_tango
from trial.subject.derivation import Derivation
from trial.tables import notes
from trial.tables.grid import INTERVAL, NOT_REPORTED, Cell, Row
from trial.tables.rows.comparing import compare_counts
from trial.tables.rows.counting import ConditionCount, Denominator, not_counted_statistics
from trial.tables.rows.intervals import RowInterval, percent_limits
from trial.tables.rows.kinds import (
    ColumnHead,
    Members,
    count_statistics,
    integer_statistic,
    number_statistic,
    p_value,
    put_cell,
)


@dataclass(frozen=True)
class HeadingRow:
    """A row with a label and no numbers."""

    id: str
    label: str
    level: int

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Contribute nothing."""

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:  # noqa: ARG002
        """Return the heading."""
        return [Row(self.id, self.label, self.level)]

    def touched(self) -> set[str]:
        """Return no row of sums."""
        return set()


@dataclass(frozen=True)
class PlacedRow:
    """What every row that counts has: its id and label, and where its cells are."""

    id: str
    label: str
    level: int
    sums: str
    index: int

    def touched(self) -> set[str]:
        """Return the one row of sums that holds its cells."""
        return {self.sums}


@dataclass(frozen=True)
class CountRow(PlacedRow):
    """Subjects who meet a condition, by column, of those for whom it is determined."""

    condition_counts: Sequence[ConditionCount]
    interval: RowInterval | None
    named: str
    """The row's label in the definition; rows of visits have the labels of the visits."""
    margin: Margin | None = None

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Count the subject once in each column where the condition is true."""
        belongs = members.belongs
        for condition_count in self.condition_counts:
            column = condition_count.column
            if belongs[column] and condition_count.contribute(derivation, members, share):
                put_cell(share, self.sums, f"{self.index}.{column}.n", 1)

    def touched(self) -> set[str]:
        """Return the row of its counts, and the rows that count the determined."""
        return {self.sums}.union(
            *(condition_count.touched for condition_count in self.condition_counts)
        )

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Return n, N, percentage and, if wanted, its confidence interval."""
        interval = self.interval
        method, label = (interval.proportion_words, interval.label) if interval else ("", INTERVAL)
        counts = {
            i: (self.subjects(sums, i), self.denominator(sums, i, heads[i])) for i in self.columns
        }
        cells = [
            Cell(
                heads[i].id,
                (
                    *count_statistics(n, heads[i], denominator=denominator.size),
                    *(interval.percent_statistics(n, denominator.size) if interval else ()),
                    *denominator.not_counted,
                ),
                method,
                label,
            )
            for i, (n, denominator) in counts.items()
        ]
        of_two = {i: [n, denominator.size - n] for i, (n, denominator) in counts.items()}
        compared = compare_counts(heads, of_two, margin=self.margin)
        footnotes = tuple(self._notes(sums, heads))
        return [Row(self.id, self.label, self.level, (*cells, *compared), notes=footnotes)]

    def _notes(self, sums: Sums, heads: Sequence[ColumnHead]) -> Iterator[str]:
        """Yield what the denominator is, and how many subjects hang on what was not reported."""
        for condition_count in self.condition_counts:
            yield from notes.denominator(
                self.named, condition_count.base, whole_column=condition_count.whole_column
            )
        lacking = [
            (condition_count, n)
            for condition_count in self.condition_counts
            if (n := condition_count.lacking_count(sums))
        ]
        fields = dict.fromkeys(
            name for condition_count, _ in lacking for name in condition_count.optional_fields
        )
        subjects_by_column = (
            (heads[condition_count.column].label, n) for condition_count, n in lacking
        )
        yield from notes.optional_fields_notes(self.label, fields, subjects_by_column)
        yield from notes.margin(self.label, self.margin)

    @property
    def columns(self) -> list[int]:
        """The columns that it counts in, by position."""
        return [condition_count.column for condition_count in self.condition_counts]

    def subjects(self, sums: Share, column: int) -> int:
        """Read how many subjects a column counts."""
        return sums.get(self.sums, {}).get(f"{self.index}.{column}.n", 0)

    def denominator(self, sums: Sums, column: int, head: ColumnHead) -> Denominator:
        """Read the denominator of a column."""
        return next(
            condition_count
            for condition_count in self.condition_counts
            if condition_count.column == column
        ).denominator(sums, head)


@dataclass(frozen=True)
class NotDueRow:
    """Subjects for whom a condition is undetermined because what it needs is not yet due."""

    id: str
    label: str
    level: int
    condition_counts: Sequence[ConditionCount]

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Count the determined and the missing: the rest are not yet due."""
        for condition_count in self.condition_counts:
            condition_count.contribute(derivation, members, share)

    def touched(self) -> set[str]:
        """Return the rows of sums that count the determined."""
        return set().union(*(condition_count.touched for condition_count in self.condition_counts))

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Return those of the column's set for whom it is not yet due."""
        cells = [
            Cell(
                head.id,
                count_statistics(
                    condition_count.denominator(sums, head).not_due, head, denominator=head.n
                ),
            )
            for condition_count in self.condition_counts
            for head in [heads[condition_count.column]]
        ]
        return [Row(self.id, self.label, self.level, tuple(cells))]


@dataclass(frozen=True)
class PairsRow(PlacedRow):
    """Two conditions of the same subjects, as pairs: margins would not determine McNemar's test."""

    column: int
    first: Test
    second: Test
    pending: PendingTest
    optional_fields: Sequence[str] = ()
    strict_test: Sequence[Test] = ()
    confidence: Confidence = CONFIDENCE_95

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Count the subject in one of the four pairs, once both conditions are determined.

        In a cell of its own (`l`) if one hangs on `optional_fields`, as in `ConditionCount`.
        """
        if not members[self.column]:
            return
        first, second = self.first(derivation), self.second(derivation)
        if first is not None and second is not None:
            pair = {(True, True): "a", (False, True): "b", (True, False): "c"}
            put_cell(share, self.sums, f"{self.index}.{pair.get((first, second), 'd')}", 1)
            if any(test(derivation) is None for test in self.strict_test):
                put_cell(share, self.sums, f"{self.index}.l", 1)
        elif not self.pending(derivation):
            put_cell(share, self.sums, f"{self.index}.m", 1)

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Return the pairs, the paired difference with its interval, and the exact P value."""
        cells = sums.get(self.sums, {})
        both_hold, second, first, neither = (
            cells.get(f"{self.index}.{pair}", 0) for pair in "abcd"
        )
        n, missing = both_hold + second + first + neither, cells.get(f"{self.index}.m", 0)
        head = heads[self.column]
        absent = "" if n else NOT_REPORTED
        limits = paired_tango(both_hold, second, first, neither, self.confidence.two_sided)
        statistics = (
            integer_statistic("n", n),
            integer_statistic("both", both_hold),
            integer_statistic("first", first),
            integer_statistic("second", second),
            integer_statistic("neither", neither),
            number_statistic(
                "difference", Fraction(100 * (second - first), n) if n else None, 1, absent
            ),
            *percent_limits(limits, self.confidence),
            p_value(mcnemar_exact(first, second) if n else None, absent),
            *not_counted_statistics(head.shown - n - missing, missing),
        )
        method = f"{MCNEMAR_EXACT}; {PAIRED_TANGO}, {self.confidence.words}"
        cell = Cell(head.id, statistics, method, self.confidence.label)
        lack = [(head.label, cells.get(f"{self.index}.l", 0))]
        footnotes = tuple(notes.optional_fields_notes(self.label, self.optional_fields, lack))
        return [Row(self.id, self.label, self.level, (cell,), notes=footnotes)]
