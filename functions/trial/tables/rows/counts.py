"""Rows that count subjects: by condition, by level, by pairs, by shift of a class."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from trial.cells import Cells, Share, Sums
from trial.derivation import Derivation
from trial.rules.categories import Category
from trial.rules.matching import Test
from trial.statistics.pairs import MCNEMAR_EXACT, PAIRED_TANGO, mcnemar_exact, paired_tango
from trial.statistics.proportions import CLOPPER_PEARSON
from trial.tables.grid import NOT_REPORTED, Cell, Row
from trial.tables.rows.comparing import compare_counts
from trial.tables.rows.kinds import Head, counted, named, number, p_value, percents, put, whole


@dataclass(frozen=True)
class HeadingRow:
    """A row with a label and no numbers."""

    id: str
    label: str
    level: int

    def contribute(self, derivation: Derivation, members: Sequence[bool], share: Share) -> None:
        """Contribute nothing."""

    def read(self, sums: Sums, heads: Sequence[Head]) -> list[Row]:  # noqa: ARG002
        """Give the heading."""
        return [Row(self.id, self.label, self.level)]

    def touched(self) -> set[str]:
        """Touch nothing."""
        return set()


@dataclass(frozen=True)
class Placed:
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
class CountRow(Placed):
    """Subjects of whom a condition holds, by column."""

    tests: Sequence[Test | None]
    interval: bool

    def contribute(self, derivation: Derivation, members: Sequence[bool], share: Share) -> None:
        """Count the subject once in each column where the condition is true."""
        for column, test, cell in self._counts:
            if members[column] and test(derivation):
                put(share, self.sums, cell, 1)

    @cached_property
    def _counts(self) -> list[tuple[int, Test, str]]:
        """The columns that count, their conditions and cells, laid out once for all subjects."""
        return [
            (column, test, f"{self.index}.{column}.n")
            for column, test in enumerate(self.tests)
            if test is not None
        ]

    def read(self, sums: Sums, heads: Sequence[Head]) -> list[Row]:
        """Give n, N, percentage and, if wanted, the exact confidence interval."""
        method = f"{CLOPPER_PEARSON}, 95 %" if self.interval else ""
        found = {i: self.subjects(sums, i) for i, _, _ in self._counts}
        shown = [
            Cell(heads[i].id, counted(n, heads[i], interval=self.interval), method)
            for i, n in found.items()
        ]
        return [Row(self.id, self.label, self.level, (*shown, *_against_rest(heads, found)))]

    def subjects(self, sums: Share, column: int) -> int:
        """Read how many subjects a column counts."""
        return sums.get(self.sums, {}).get(f"{self.index}.{column}.n", 0)


@dataclass(frozen=True)
class NotDueRow(Placed):
    """Subjects for whom a condition is not settled: missing data that are not yet due."""

    tests: Sequence[Test | None]
    narrowed: Sequence[bool]

    def contribute(self, derivation: Derivation, members: Sequence[bool], share: Share) -> None:
        """Count those settled, so that a subject newly enrolled changes nothing here.

        A column that shows only some of its set counts them too: they are not the denominator.
        """
        for column, test in enumerate(self.tests):
            member = members[column]
            if member and test is not None and test(derivation) is not None:
                put(share, self.sums, f"{self.index}.{column}.s", 1)
            if member and self.narrowed[column]:
                put(share, self.sums, f"{self.index}.{column}.m", 1)

    def read(self, sums: Sums, heads: Sequence[Head]) -> list[Row]:
        """Give those of the denominator who are not settled."""
        cells = sums.get(self.sums, {})
        shown = [
            Cell(head.id, counted(self._not_due(cells, i, head), head))
            for i, head in enumerate(heads)
            if self.tests[i] is not None
        ]
        return [Row(self.id, self.label, self.level, tuple(shown))]

    def _not_due(self, cells: Cells, column: int, head: Head) -> int:
        at = f"{self.index}.{column}."
        shown = cells.get(f"{at}m", 0) if self.narrowed[column] else head.n
        return shown - cells.get(f"{at}s", 0)


@dataclass(frozen=True)
class LevelsRow(Placed):
    """Subjects by level of a category or a field; unnamed levels come as they occur."""

    find: Callable[[Derivation], Iterable[str]]
    values: Mapping[str, str]

    def contribute(self, derivation: Derivation, members: Sequence[bool], share: Share) -> None:
        """Count the subject once at each of its levels."""
        for value in sorted(set(self.find(derivation))):
            for column, member in enumerate(members):
                if member:
                    put(share, self.sums, f"{self.index}.{column}={value}", 1)

    def read(self, sums: Sums, heads: Sequence[Head]) -> list[Row]:
        """Give a heading and a row a level: named ones in their order, others by frequency.

        Columns that compare do so in the heading, over all levels but the unknown.
        """
        cells = sums.get(self.sums, {})
        found = self._found(cells)
        others = sorted(found.keys() - self.values.keys(), key=lambda value: (-found[value], value))
        labels = {**self.values, **{value: value or "Not reported" for value in others}}
        inner = self.level + 1 if self.label else self.level
        rows = [
            Row(
                named(self.id, value),
                label,
                inner,
                self._cells(cells, heads, value),
                (("level", value),),
            )
            for value, label in labels.items()
        ]
        known = [value for value in labels if value]
        columns = {
            i: [cells.get(f"{self.index}.{i}={value}", 0) for value in known]
            for i in range(len(heads))
        }
        heading = Row(self.id, self.label, self.level, compare_counts(heads, columns))
        return [heading, *rows] if self.label else rows

    def _cells(self, cells: Cells, heads: Sequence[Head], value: str) -> tuple[Cell, ...]:
        return tuple(
            Cell(head.id, counted(cells.get(f"{self.index}.{i}={value}", 0), head))
            for i, head in enumerate(heads)
            if head.comparison is None
        )

    def _found(self, cells: Cells) -> dict[str, int]:
        found: dict[str, int] = {}
        start = f"{self.index}."
        for name, n in cells.items():
            if name.startswith(start) and "=" in name:
                value = name.split("=", 1)[1]
                found[value] = max(n, found.get(value, 0))
        return found


@dataclass(frozen=True)
class ShiftRow(Placed):
    """Subjects by class before and class after; those without one or the other are left out."""

    before: Category
    after: Category
    befores: Mapping[str, str]
    afters: Mapping[str, str]

    def contribute(self, derivation: Derivation, members: Sequence[bool], share: Share) -> None:
        """Count the subject once, where both classes are known."""
        before, after = self.before(derivation), self.after(derivation)
        if before is None or after is None:
            return
        for column, member in enumerate(members):
            if member:
                put(share, self.sums, f"{self.index}.{column}={before}\t{after}", 1)

    def read(self, sums: Sums, heads: Sequence[Head]) -> list[Row]:
        """Give, for each class before, a row with its size and one a class after.

        Percentages are of the subjects with both classes known.
        """
        cells = sums.get(self.sums, {})

        def n(column: int, before: str, after: str) -> int:
            return cells.get(f"{self.index}.{column}={before}\t{after}", 0)

        columns = [(i, head) for i, head in enumerate(heads) if head.comparison is None]
        sizes = {i: sum(n(i, b, a) for b in self.befores for a in self.afters) for i, _ in columns}
        rows = [Row(self.id, self.label, self.level)] if self.label else []
        inner = self.level + bool(self.label)
        for before, label in self.befores.items():
            totals = {i: sum(n(i, before, after) for after in self.afters) for i, _ in columns}
            made = tuple(
                Cell(head.id, counted(totals[i], head, of=sizes[i])) for i, head in columns
            )
            group = ("before", before)
            rows.append(Row(named(self.id, before), label, inner, made, (group,)))
            for after, name in self.afters.items():
                made = tuple(
                    Cell(head.id, counted(n(i, before, after), head, of=sizes[i]))
                    for i, head in columns
                )
                groups = (group, ("after", after))
                rows.append(Row(named(self.id, before, after), name, inner + 1, made, groups))
        return rows


@dataclass(frozen=True)
class PairsRow(Placed):
    """Two conditions of the same subjects, as pairs: margins would not determine McNemar's test."""

    column: int
    first: Test
    second: Test

    def contribute(self, derivation: Derivation, members: Sequence[bool], share: Share) -> None:
        """Count the subject in one of the four pairs, once both conditions are settled."""
        first, second = self.first(derivation), self.second(derivation)
        if members[self.column] and first is not None and second is not None:
            pair = {(True, True): "a", (False, True): "b", (True, False): "c"}
            put(share, self.sums, f"{self.index}.{pair.get((first, second), 'd')}", 1)

    def read(self, sums: Sums, heads: Sequence[Head]) -> list[Row]:
        """Give the pairs, the paired difference with its interval, and the exact P value."""
        cells = sums.get(self.sums, {})
        both, second, first, neither = (cells.get(f"{self.index}.{pair}", 0) for pair in "abcd")
        n = both + second + first + neither
        why = "" if n else NOT_REPORTED
        limits = paired_tango(both, second, first, neither)
        statistics = (
            whole("n", n),
            whole("both", both),
            whole("first", first),
            whole("second", second),
            whole("neither", neither),
            number("difference", Fraction(100 * (second - first), n) if n else None, 1, why),
            *(percents(limits, 1) if limits else ()),
            p_value(mcnemar_exact(first, second) if n else None, why),
        )
        cell = Cell(heads[self.column].id, statistics, f"{MCNEMAR_EXACT}; {PAIRED_TANGO}, 95 %")
        return [Row(self.id, self.label, self.level, (cell,))]


def _against_rest(heads: Sequence[Head], found: Mapping[int, int]) -> tuple[Cell, ...]:
    """Compare columns by who is counted and who of the column's set is not."""
    return compare_counts(heads, {i: [n, heads[i].n - n] for i, n in found.items()})
