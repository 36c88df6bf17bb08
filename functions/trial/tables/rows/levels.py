"""Rows that sort subjects: by level of a category or a field, by class before and after."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from trial.rules.categories import Category
from trial.rules.determination import PendingTest
from trial.statistics.cells import Cells, Share, Sums
from trial.subject.derivation import Derivation
from trial.tables import notes
from trial.tables.grid import MISSING, NOT_YET_DUE, Cell, Row
from trial.tables.rows.comparing import compare_counts
from trial.tables.rows.counting import OwnDenominator
from trial.tables.rows.counts import PlacedRow
from trial.tables.rows.kinds import (
    ColumnHead,
    Members,
    count_statistics,
    integer_statistic,
    put_cell,
    row_id,
)

NOT_YET_DUE_LEVEL = "(not yet due)"
"""Stands in the ids of rows for the level that is not yet due; '' for one that is missing."""


@dataclass(frozen=True)
class KnownLevels:
    """The levels that a row knows, in the order in which they are printed, with their labels.

    Those of `always` are shown even with nobody; the others where they occur, and those that do
    not are `told` of in a note.
    """

    labels: Mapping[str, str]
    always: frozenset[str] = frozenset()
    told: frozenset[str] = frozenset()


@dataclass(frozen=True)
class LevelsRow(PlacedRow):
    """Subjects by level; levels that nobody named come as they occur, after the others.

    Of what is `settled` for a subject at one level, each is at one, or else missing or not yet due:
    those are in no percentage. Else each is at as many as it has records, or at none. `base` and
    `everybody` are as in `Counting`.
    """

    find: Callable[[Derivation], Iterable[str]]
    levels: KnownLevels
    settled: bool = False
    base: OwnDenominator | None = None
    everybody: bool = False

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Count the subject once at each of its levels; a missing one is called ''."""
        if self.base is not None:
            if not self.base.test(derivation):
                return
            self._based(members, share)
        for value in sorted(set(self.find(derivation))):
            for column, member in enumerate(members):
                if member:
                    put_cell(share, self.sums, f"{self.index}.{column}={value}", 1)

    def _based(self, members: Members, share: Share) -> None:
        """Count who the denominator is of, and who of those the column shows."""
        for column, (belongs, where) in enumerate(zip(members.belongs, members.where, strict=True)):
            if belongs and where is not None:
                put_cell(share, self.sums, f"{self.index}.{column}.d", 1)
            if belongs and where:
                put_cell(share, self.sums, f"{self.index}.{column}.k", 1)

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Give a heading, a row a level, and rows of who is missing and not yet due.

        Columns that compare do so in the heading, over all levels but the unknown.
        """
        found = self._found(sums.get(self.sums, {}))
        columns = {
            i: self._column(sums.get(self.sums, {}), found, i, head)
            for i, head in enumerate(heads)
            if head.comparison is None
        }
        labels = self._labels(found)
        rows = [self._row(value, label, heads, columns) for value, label in labels.items()]
        rows += self._apart(heads, columns)
        known = [value for value in labels if value]
        tabled = {i: [of.at.get(value, 0) for value in known] for i, of in columns.items()}
        compared = compare_counts(heads, tabled)
        said = tuple(self._notes(found, columns))
        if self.label:
            return [Row(self.id, self.label, self.level, compared, notes=said), *rows]
        return rows

    def size(self, sums: Share, column: int, head: ColumnHead) -> int:
        """Read of how many a column's percentages are."""
        cells = sums.get(self.sums, {})
        return self._column(cells, self._found(cells), column, head).size

    def _found(self, cells: Cells) -> dict[int, dict[str, int]]:
        """Give the counts of each level by column."""
        found: dict[int, dict[str, int]] = {}
        start = f"{self.index}."
        for name, n in cells.items():
            if name.startswith(start) and "=" in name:
                column, value = name[len(start) :].split("=", 1)
                found.setdefault(int(column), {})[value] = n
        return found

    def _column(
        self, cells: Cells, found: Mapping[int, Mapping[str, int]], column: int, head: ColumnHead
    ) -> "_LevelCounts":
        at = found.get(column, {})
        size, shown = head.settled, head.shown
        if self.base is not None:
            size, shown = (cells.get(f"{self.index}.{column}.{what}", 0) for what in "dk")
        waiting = shown - sum(at.values()) if self.settled else 0
        missing = 0 if "" in self.levels.labels else at.get("", 0)
        left = waiting + missing if self.settled and not self.everybody else 0
        return _LevelCounts(at, size - left, waiting, missing)

    def _labels(self, found: Mapping[int, Mapping[str, int]]) -> dict[str, str]:
        """Name the levels that are shown, in their order; others by frequency."""
        most = {
            value: max(at.get(value, 0) for at in found.values())
            for at in found.values()
            for value in at
        }
        row_id, always = self.levels.labels, self.levels.always
        known = {
            value: label for value, label in row_id.items() if value in always or value in most
        }
        others = sorted(most.keys() - row_id.keys() - {""}, key=lambda each: (-most[each], each))
        return known | {value: value for value in others}

    def _row(
        self,
        value: str,
        label: str,
        heads: Sequence[ColumnHead],
        columns: "Mapping[int, _LevelCounts]",
    ) -> Row:
        cells = tuple(
            Cell(heads[i].id, count_statistics(of.at.get(value, 0), heads[i], of=of.size))
            for i, of in columns.items()
        )
        return Row(row_id(self.id, value), label, self._inner, cells, (("level", value),))

    def _apart(
        self, heads: Sequence[ColumnHead], columns: "Mapping[int, _LevelCounts]"
    ) -> Iterator[Row]:
        """Give who is missing and who is not yet due, where anybody is.

        Who is in no percentage has none.
        """
        inside = self.everybody or not self.settled
        for value, label, counts in (
            ("", MISSING, {i: of.missing for i, of in columns.items()}),
            (NOT_YET_DUE_LEVEL, NOT_YET_DUE, {i: of.waiting for i, of in columns.items()}),
        ):
            if any(counts.values()):
                cells = tuple(
                    Cell(
                        heads[i].id,
                        count_statistics(n, heads[i], of=columns[i].size)
                        if inside
                        else (integer_statistic("n", n),),
                    )
                    for i, n in counts.items()
                )
                group = (("level", value),)
                yield Row(row_id(self.id, value), str(label), self._inner, cells, group)

    @cached_property
    def _inner(self) -> int:
        return self.level + bool(self.label)

    def _notes(
        self, found: Mapping[int, Mapping[str, int]], columns: "Mapping[int, _LevelCounts]"
    ) -> Iterator[str]:
        yield from notes.denominator(self.label, self.base, everybody=self.everybody)
        inside = self.everybody or not self.settled
        if not inside and any(of.missing or of.waiting for of in columns.values()):
            yield notes.DETERMINED
        occurring = {value for at in found.values() for value in at}
        nobody = [
            label
            for value, label in self.levels.labels.items()
            if value in self.levels.told and value not in occurring
        ]
        if occurring and nobody:
            yield notes.nobody(self.label, nobody)


@dataclass(frozen=True)
class _LevelCounts:
    """A column's counts by level; of how many they are; who is in none."""

    at: Mapping[str, int]
    size: int
    waiting: int
    missing: int


@dataclass(frozen=True)
class ShiftRow(PlacedRow):
    """Subjects by class before and class after, of those of whom both are known."""

    before: Category
    after: Category
    waits: PendingTest
    befores: Mapping[str, str]
    afters: Mapping[str, str]

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Count the subject once, where both classes are known; else where one is missing."""
        before, after = self.before(derivation), self.after(derivation)
        known = before is not None and after is not None
        if not known and self.waits(derivation):
            return
        cell = f"={before}\t{after}" if known else ".m"
        for column, member in enumerate(members):
            if member:
                put_cell(share, self.sums, f"{self.index}.{column}{cell}", 1)

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Give, for each class before, a row with its size and one a class after.

        Percentages are of the subjects with both classes known; rows of nobody are left out.
        """
        cells = sums.get(self.sums, {})
        columns = {i: head for i, head in enumerate(heads) if head.comparison is None}
        pairs = {
            (b, a): self._counts(cells, columns, b, a) for b in self.befores for a in self.afters
        }
        sizes = {i: sum(counts[i] for counts in pairs.values()) for i in columns}
        rows, inner = list(self._heading(pairs.values())), self.level + bool(self.label)

        def row(values: tuple[str, ...], label: str, counts: Mapping[int, int]) -> Iterator[Row]:
            if any(counts.values()):
                made = tuple(
                    Cell(head.id, count_statistics(counts[i], head, of=sizes[i]))
                    for i, head in columns.items()
                )
                groups = tuple(zip(("before", "after"), values, strict=False))
                yield Row(row_id(self.id, *values), label, inner + len(values) - 1, made, groups)

        for before, label in self.befores.items():
            of = {i: sum(pairs[before, after][i] for after in self.afters) for i in columns}
            rows += row((before,), label, of)
            for after, name in self.afters.items():
                rows += row((before, after), name, pairs[before, after])
        return [*rows, *self._apart(cells, columns, sizes)]

    def known(self, sums: Share) -> bool:
        """Say whether somebody is counted of whom both classes are known."""
        return any("=" in name for name in sums.get(self.sums, {}))

    def _counts(
        self, cells: Cells, columns: Iterable[int], before: str, after: str
    ) -> dict[int, int]:
        return {i: cells.get(f"{self.index}.{i}={before}\t{after}", 0) for i in columns}

    def _heading(self, counts: Iterable[Mapping[int, int]]) -> Iterator[Row]:
        said = () if all(any(each.values()) for each in counts) else (notes.ZERO_ROWS,)
        if self.label:
            yield Row(self.id, self.label, self.level, notes=said)

    def _apart(
        self, cells: Cells, columns: Mapping[int, ColumnHead], sizes: Mapping[int, int]
    ) -> Iterator[Row]:
        """Give who has not both classes, where anybody has not: missing, and not yet due."""
        missing = {i: cells.get(f"{self.index}.{i}.m", 0) for i in columns}
        waiting = {i: head.shown - sizes[i] - missing[i] for i, head in columns.items()}
        for value, label, counts in (
            ("(missing)", MISSING, missing),
            (NOT_YET_DUE_LEVEL, NOT_YET_DUE, waiting),
        ):
            if any(counts.values()):
                made = tuple(
                    Cell(columns[i].id, (integer_statistic("n", n),)) for i, n in counts.items()
                )
                inner = self.level + bool(self.label)
                group = (("before", value),)
                yield Row(
                    row_id(self.id, value),
                    str(label),
                    inner,
                    made,
                    group,
                    notes=(notes.DETERMINED,),
                )
