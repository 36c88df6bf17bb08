"""Rows that count subjects: by a condition, by what is not yet due, by pairs of conditions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from trial.rules.determination import PendingTest
from trial.rules.matching import Test
from trial.statistics.cells import Share, Sums
from trial.statistics.pairs import MCNEMAR_EXACT, PAIRED_TANGO, mcnemar_exact, paired_tango
from trial.statistics.proportions import CLOPPER_PEARSON
from trial.subject.derivation import Derivation
from trial.tables import notes
from trial.tables.grid import NOT_REPORTED, Cell, Row
from trial.tables.rows.comparing import compare_counts
from trial.tables.rows.counting import ConditionCount, Denominator, not_counted_statistics
from trial.tables.rows.kinds import (
    ColumnHead,
    Members,
    count_statistics,
    integer_statistic,
    number_statistic,
    p_value,
    percent_interval,
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
        """Give the heading."""
        return [Row(self.id, self.label, self.level)]

    def touched(self) -> set[str]:
        """Touch nothing."""
        return set()


@dataclass(frozen=True)
class PlacedRow:
    """What every row that counts has: its name, and where its cells stand."""

    id: str
    label: str
    level: int
    sums: str
    index: int

    def touched(self) -> set[str]:
        """Touch the one row of sums that holds its cells."""
        return {self.sums}


@dataclass(frozen=True)
class CountRow(PlacedRow):
    """Subjects of whom a condition holds, by column, of those of whom it is settled."""

    countings: Sequence[ConditionCount]
    interval: bool
    named: str
    """What the definition calls it; the rows of visits are called by those."""

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Count the subject once in each column where the condition is true."""
        for each in self.countings:
            if each.ask(derivation, members, share):
                put_cell(share, self.sums, f"{self.index}.{each.column}.n", 1)

    def touched(self) -> set[str]:
        """Touch the row of its counts, and those of who is settled."""
        return {self.sums}.union(*(each.touched for each in self.countings))

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Give n, N, percentage and, if wanted, the exact confidence interval."""
        method = f"{CLOPPER_PEARSON}, 95 %" if self.interval else ""
        found = {i: (self.subjects(sums, i), self.whom(sums, i, heads[i])) for i in self.columns}
        shown = [
            Cell(
                heads[i].id,
                (
                    *count_statistics(n, heads[i], of=of.size, interval=self.interval),
                    *of.not_counted,
                ),
                method,
            )
            for i, (n, of) in found.items()
        ]
        compared = compare_counts(heads, {i: [n, of.size - n] for i, (n, of) in found.items()})
        said = tuple(self._notes(sums, heads))
        return [Row(self.id, self.label, self.level, (*shown, *compared), notes=said)]

    def _notes(self, sums: Sums, heads: Sequence[ColumnHead]) -> Iterator[str]:
        """Say what the denominator is, and of how many the answer hangs on what is not reported."""
        for each in self.countings:
            yield from notes.denominator(self.named, each.base, everybody=each.everybody)
        lacking = [(each, n) for each in self.countings if (n := each.lacking(sums))]
        what = dict.fromkeys(name for each, _ in lacking for name in each.lack)
        of = ((heads[each.column].label, n) for each, n in lacking)
        yield from notes.optional_fields_notes(self.label, what, of)

    @property
    def columns(self) -> list[int]:
        """The columns that it counts in, by position."""
        return [each.column for each in self.countings]

    def subjects(self, sums: Share, column: int) -> int:
        """Read how many subjects a column counts."""
        return sums.get(self.sums, {}).get(f"{self.index}.{column}.n", 0)

    def whom(self, sums: Sums, column: int, head: ColumnHead) -> Denominator:
        """Read of how many a column counts them."""
        return next(each for each in self.countings if each.column == column).whom(sums, head)


@dataclass(frozen=True)
class NotDueRow:
    """Subjects for whom a condition is open because what it asks for is not yet due."""

    id: str
    label: str
    level: int
    countings: Sequence[ConditionCount]

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Count those settled and those missing: the rest are not yet due."""
        for each in self.countings:
            each.ask(derivation, members, share)

    def touched(self) -> set[str]:
        """Touch the rows of who is settled."""
        return set().union(*(each.touched for each in self.countings))

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Give those of the column's set for whom it is not yet due."""
        shown = [
            Cell(head.id, count_statistics(each.whom(sums, head).waiting, head, of=head.n))
            for each in self.countings
            for head in [heads[each.column]]
        ]
        return [Row(self.id, self.label, self.level, tuple(shown))]


@dataclass(frozen=True)
class PairsRow(PlacedRow):
    """Two conditions of the same subjects, as pairs: margins would not determine McNemar's test."""

    column: int
    first: Test
    second: Test
    waits: PendingTest
    lack: Sequence[str] = ()
    strictly: Sequence[Test] = ()

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Count the subject in one of the four pairs, once both conditions are settled.

        Apart, whether one is open to what its adverse events `lack`, as in `Counting`.
        """
        if not members[self.column]:
            return
        first, second = self.first(derivation), self.second(derivation)
        if first is not None and second is not None:
            pair = {(True, True): "a", (False, True): "b", (True, False): "c"}
            put_cell(share, self.sums, f"{self.index}.{pair.get((first, second), 'd')}", 1)
            if any(test(derivation) is None for test in self.strictly):
                put_cell(share, self.sums, f"{self.index}.l", 1)
        elif not self.waits(derivation):
            put_cell(share, self.sums, f"{self.index}.m", 1)

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Give the pairs, the paired difference with its interval, and the exact P value."""
        cells = sums.get(self.sums, {})
        both, second, first, neither = (cells.get(f"{self.index}.{pair}", 0) for pair in "abcd")
        n, missing = both + second + first + neither, cells.get(f"{self.index}.m", 0)
        head = heads[self.column]
        why = "" if n else NOT_REPORTED
        limits = paired_tango(both, second, first, neither)
        statistics = (
            integer_statistic("n", n),
            integer_statistic("both", both),
            integer_statistic("first", first),
            integer_statistic("second", second),
            integer_statistic("neither", neither),
            number_statistic(
                "difference", Fraction(100 * (second - first), n) if n else None, 1, why
            ),
            *(percent_interval(limits, 1) if limits else ()),
            p_value(mcnemar_exact(first, second) if n else None, why),
            *not_counted_statistics(head.shown - n - missing, missing),
        )
        cell = Cell(head.id, statistics, f"{MCNEMAR_EXACT}; {PAIRED_TANGO}, 95 %")
        lack = [(head.label, cells.get(f"{self.index}.l", 0))]
        said = tuple(notes.optional_fields_notes(self.label, self.lack, lack))
        return [Row(self.id, self.label, self.level, (cell,), notes=said)]
