"""Rows that sort subjects by level of a category or of a field of records."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from trial.deferred import dataclass
from trial.statistics.cells import Cells, Share, Sums
from trial.subject.derivation import Derivation
from trial.tables import notes
from trial.tables.grid import MISSING, NOT_YET_DUE, Cell, Row
from trial.tables.rows.comparing import CONTRASTING, TESTS, compare_counts
from trial.tables.rows.counting import OwnDenominator
from trial.tables.rows.counts import PlacedRow
from trial.tables.rows.intervals import RowInterval
from trial.tables.rows.kinds import (
    ColumnHead,
    Members,
    count_statistics,
    integer_statistic,
    put_cell,
    row_id,
)

_PAIR = 2
NOT_YET_DUE_LEVEL = "(not yet due)"
"""Stands in the ids of rows for the level that is not yet due; '' for one that is missing."""


@dataclass(frozen=True)
class KnownLevels:
    """The levels that a row knows, in the order in which they are printed, with their labels.

    Those of `always` are shown even with nobody, the others where they occur. Those of
    `noted_if_empty` that do not occur are named in a footnote.
    """

    labels: Mapping[str, str]
    always: frozenset[str] = frozenset()
    noted_if_empty: frozenset[str] = frozenset()


@dataclass(frozen=True)
class LevelsRow(PlacedRow):
    """Subjects by level; levels that the definition does not name come last, as they occur.

    With `one_level_each`, as of a characteristic, a subject is at one level, or else missing or
    not yet due and then in no percentage. Otherwise it is at as many levels as its records have,
    or at none. `base` and `whole_column` are as in `ConditionCount`.
    """

    find: Callable[[Derivation], Iterable[str]]
    levels: KnownLevels
    one_level_each: bool = False
    base: OwnDenominator | None = None
    whole_column: bool = False
    interval: RowInterval | None = None
    groups: tuple[tuple[str, str], ...] = ()

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Count the subject once at each of its levels; a missing one is called ''."""
        if self.base is not None:
            if not self.base.test(derivation):
                return
            self._contribute_base(members, share)
        for value in sorted(set(self.find(derivation))):
            for column, member in enumerate(members):
                if member:
                    put_cell(share, self.sums, f"{self.index}.{column}={value}", 1)

    def _contribute_base(self, members: Members, share: Share) -> None:
        """Count the subject in the row's own denominator (`d`), and if it is shown there (`k`)."""
        for column, (belongs, where) in enumerate(zip(members.belongs, members.where, strict=True)):
            if belongs and where is not None:
                put_cell(share, self.sums, f"{self.index}.{column}.d", 1)
            if belongs and where:
                put_cell(share, self.sums, f"{self.index}.{column}.k", 1)

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Return a heading, a row a level, and rows of who is missing and not yet due.

        Columns that test do so in the heading, over all levels but the missing and not yet due; in
        the row of each level where a subject can be at several. Differences stand in the row of
        each level; of two levels in the heading, that of the first, where it tells both.
        """
        counts_by_column = self._counts_by_column(sums.get(self.sums, {}))
        columns = {
            i: self._column(sums.get(self.sums, {}), counts_by_column, i, head)
            for i, head in enumerate(heads)
            if head.comparison is None
        }
        labels = self._labels(counts_by_column)
        of_first = self.contrasts_first and len(labels) <= _PAIR
        of_each = frozenset[str]() if of_first else CONTRASTING
        of_each |= TESTS if self.several_each else frozenset()
        rows = [self._row(value, label, heads, columns, of_each) for value, label in labels.items()]
        rows += self._uncounted_rows(heads, columns)
        known_values = [value for value in labels if value]
        compared = self._compared(heads, columns, known_values, of_each)
        footnotes = tuple(self._notes(counts_by_column, columns))
        if self.label:
            heading = Row(self.id, self.label, self.level, compared, self.groups, notes=footnotes)
            return [heading, *rows]
        return rows

    def _compared(
        self,
        heads: Sequence[ColumnHead],
        columns: "Mapping[int, _LevelCounts]",
        levels: Sequence[str],
        of_each: frozenset[str],
    ) -> tuple[Cell, ...]:
        """Return what stands in the heading: tests of all levels, the difference of the first."""
        counts = {
            i: [column.counts.get(level, 0) for level in levels] for i, column in columns.items()
        }
        tests = compare_counts(heads, counts, TESTS - of_each)
        of_first = {i: [*n[:1], columns[i].size - sum(n[:1])] for i, n in counts.items()}
        differences = compare_counts(heads, of_first, CONTRASTING - of_each) if levels else ()
        places = {head.id: i for i, head in enumerate(heads)}
        return tuple(sorted((*tests, *differences), key=lambda cell: places[cell.column]))

    @property
    def contrasts_first(self) -> bool:
        """Whether a difference is that of the first level: there are two, and each tells both."""
        return self.one_level_each and 0 < len(self.levels.labels) <= _PAIR

    @property
    def several_each(self) -> bool:
        """Whether a subject can be at several levels: then no test is of all of them together."""
        return not self.one_level_each

    def size(self, sums: Share, column: int, head: ColumnHead) -> int:
        """Read the denominator of a column's percentages."""
        cells = sums.get(self.sums, {})
        return self._column(cells, self._counts_by_column(cells), column, head).size

    def _counts_by_column(self, cells: Cells) -> dict[int, dict[str, int]]:
        """Return the counts of each level by column."""
        counts_by_column: dict[int, dict[str, int]] = {}
        start = f"{self.index}."
        for name, n in cells.items():
            if name.startswith(start) and "=" in name:
                column, value = name[len(start) :].split("=", 1)
                counts_by_column.setdefault(int(column), {})[value] = n
        return counts_by_column

    def _column(
        self,
        cells: Cells,
        counts_by_column: Mapping[int, Mapping[str, int]],
        column: int,
        head: ColumnHead,
    ) -> "_LevelCounts":
        level_counts = counts_by_column.get(column, {})
        size, size_shown = head.n if self.whole_column else head.determined, head.shown
        if self.base is not None:
            size, size_shown = (cells.get(f"{self.index}.{column}.{cell}", 0) for cell in "dk")
        # Nothing counts the not yet due: they are the subjects shown who are at no level.
        not_due = size_shown - sum(level_counts.values()) if self.one_level_each else 0
        missing = 0 if "" in self.levels.labels else level_counts.get("", 0)
        not_counted = not_due + missing if self.one_level_each and not self.whole_column else 0
        return _LevelCounts(level_counts, size - not_counted, not_due, missing)

    def _labels(self, counts_by_column: Mapping[int, Mapping[str, int]]) -> dict[str, str]:
        """Return the levels that are shown, in their order; those not named by frequency."""
        highest_counts = {
            value: max(level_counts.get(value, 0) for level_counts in counts_by_column.values())
            for counts in counts_by_column.values()
            for value in counts
        }
        named_levels, fixed = self.levels.labels, self.levels.always
        known_labels = {
            value: label
            for value, label in named_levels.items()
            if value in fixed or value in highest_counts
        }
        further = sorted(
            highest_counts.keys() - named_levels.keys() - {""},
            key=lambda value: (-highest_counts[value], value),
        )
        return known_labels | {value: value for value in further}

    def _row(
        self,
        value: str,
        label: str,
        heads: Sequence[ColumnHead],
        columns: "Mapping[int, _LevelCounts]",
        methods: Container[str],
    ) -> Row:
        counts = {i: column.counts.get(value, 0) for i, column in columns.items()}
        cells = tuple(self._level_cell(heads[i], n, columns[i].size) for i, n in counts.items())
        with_and_without = {i: [n, columns[i].size - n] for i, n in counts.items()}
        compared = compare_counts(heads, with_and_without, methods)
        groups = (*self.groups, ("level", value))
        return Row(row_id(self.id, value), label, self._inner_level, (*cells, *compared), groups)

    def _level_cell(self, head: ColumnHead, n: int, size: int) -> Cell:
        statistics, interval = count_statistics(n, head, denominator=size), self.interval
        if interval is None:
            return Cell(head.id, statistics)
        statistics += interval.percent_statistics(n, size)
        return Cell(head.id, statistics, interval.proportion_words, interval.label)

    def _uncounted_rows(
        self, heads: Sequence[ColumnHead], columns: "Mapping[int, _LevelCounts]"
    ) -> Iterator[Row]:
        """Yield the rows of the missing and the not yet due, each where there are any.

        They show a percentage only where they are part of the denominator.
        """
        counted_in_percentages = self.whole_column or not self.one_level_each
        for value, label, counts in (
            ("", MISSING, {i: column.missing for i, column in columns.items()}),
            (NOT_YET_DUE_LEVEL, NOT_YET_DUE, {i: column.not_due for i, column in columns.items()}),
        ):
            if any(counts.values()):
                cells = tuple(
                    Cell(
                        heads[i].id,
                        count_statistics(n, heads[i], denominator=columns[i].size)
                        if counted_in_percentages
                        else (integer_statistic("n", n),),
                    )
                    for i, n in counts.items()
                )
                groups = (*self.groups, ("level", value))
                yield Row(row_id(self.id, value), str(label), self._inner_level, cells, groups)

    @cached_property
    def _inner_level(self) -> int:
        return self.level + bool(self.label)

    def _notes(
        self,
        counts_by_column: Mapping[int, Mapping[str, int]],
        columns: "Mapping[int, _LevelCounts]",
    ) -> Iterator[str]:
        yield from notes.denominator(self.label, self.base, whole_column=self.whole_column)
        counted_in_percentages = self.whole_column or not self.one_level_each
        if not counted_in_percentages and any(
            column.missing or column.not_due for column in columns.values()
        ):
            yield notes.DETERMINED
        occurring = {value for level_counts in counts_by_column.values() for value in level_counts}
        nobody = [
            label
            for value, label in self.levels.labels.items()
            if value in self.levels.noted_if_empty and value not in occurring
        ]
        if occurring and nobody:
            yield notes.nobody(self.label, nobody)


@dataclass(frozen=True)
class _LevelCounts:
    """A column's counts by level, their denominator, and the subjects at no level."""

    counts: Mapping[str, int]
    size: int
    not_due: int
    missing: int
