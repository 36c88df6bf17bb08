"""Rows that sort subjects by two classifications: by class before and after, by any two."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from enum import Enum
from functools import cached_property

from trial.deferred import dataclass
from trial.events import json_pointer
from trial.events.json_body import canonical
from trial.rules.categories import Category
from trial.rules.determination import PendingTest
from trial.rules.matching import Test
from trial.statistics.cells import Cells, Share, Sums
from trial.subject.derivation import Derivation
from trial.tables import notes
from trial.tables.grid import MISSING, NOT_YET_DUE, Cell, Row
from trial.tables.rows.counts import PlacedRow
from trial.tables.rows.kinds import (
    ColumnHead,
    Members,
    count_statistics,
    integer_statistic,
    put_cell,
    row_id,
)
from trial.tables.rows.levels import NOT_YET_DUE_LEVEL

MISSING_LEVEL = "(missing)"
"""Stands in ids and groups of rows for subjects without a level; in cells that is ''."""
_PAIR = 2
type Pair = tuple[str, str]


class Uncounted(Enum):
    """Why a subject is at no pair of levels."""

    NOT_ADMITTED = "x"
    MISSING = "m"
    NOT_DUE = ""


@dataclass(frozen=True)
class Admission:
    """Of whom a row is alone: a condition, and whether what it leaves open is only not yet due."""

    test: Test
    pending: PendingTest


@dataclass(frozen=True)
class CrossOptions:
    """What percentages are of, and what else is shown.

    `percent_of` is `known` (subjects with both levels), `column`, or one of the `factors`: the
    subjects at the same level of that. With `missing` who lacks a level, though it is due, is at a
    level Missing.
    """

    factors: Pair = ("first", "second")
    percent_of: str = "known"
    missing: bool = False
    zero_counts: bool = False


@dataclass(frozen=True)
class CrossRow(PlacedRow):
    """Subjects by a first level and, within it, by a second, of those for whom both are known.

    `firsts` and `seconds` are the levels that the definition knows, with their labels, in order.
    Others come as they occur, the most frequent first.
    """

    first: Category
    second: Category
    pending: PendingTest
    firsts: Mapping[str, str]
    seconds: Mapping[str, str]
    options: CrossOptions = field(default_factory=CrossOptions)
    groups: tuple[tuple[str, str], ...] = ()
    admission: Admission | None = None

    def place(self, derivation: Derivation) -> Pair | Uncounted:
        """Return the pair of levels that a subject is counted at, or why at none.

        Of whom it is not known whether the row is of them, neither level is.
        """
        admission = self.admission
        admitted = True if admission is None else admission.test(derivation)
        if admitted is False:
            return Uncounted.NOT_ADMITTED
        first, second = self.first(derivation), self.second(derivation)
        if admission is not None and admitted is None:
            if admission.pending(derivation):
                return Uncounted.NOT_DUE
            first = second = None
        elif first is not None and second is not None:
            return first, second
        elif self.pending(derivation):
            return Uncounted.NOT_DUE
        return (first or "", second or "") if self.options.missing else Uncounted.MISSING

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Count the subject once, at its pair of levels; else if one of them is missing."""
        place = self.place(derivation)
        if place is Uncounted.NOT_DUE:
            return
        cell = f".{place.value}" if isinstance(place, Uncounted) else self._pair_name(place)
        for column, member in enumerate(members):
            if member:
                put_cell(share, self.sums, f"{self.index}.{column}{cell}", 1)

    def _pair_name(self, pair: Pair) -> str:
        """Return how a pair is named in a cell: levels may hold any sign."""
        return f"={canonical(list(pair))}"

    def _pair(self, name: str) -> Pair:
        first, second = json.loads(name)
        return first, second

    def counts_for(self, sums: Share, row: str) -> bool:
        """Return whether a subject, as counted, is among those that a row's percentages are of.

        `row` is the id of a printed row; a column's whole set is none of these.
        """
        counts = self._counts(sums.get(self.sums, {}))
        pairs = [pair for column_counts in counts.values() for pair in column_counts]
        levels = row.removeprefix(f"{self.id}/").split("/")
        if self.options.percent_of not in self.options.factors or len(levels) < _PAIR:
            return bool(pairs)
        place = self.options.factors.index(self.options.percent_of)
        return any(
            json_pointer.escape(pair[place] or MISSING_LEVEL) == levels[place] for pair in pairs
        )

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Give, for each first level, a row with its size and one a second level."""
        cells = sums.get(self.sums, {})
        columns = {i: head for i, head in enumerate(heads) if head.comparison is None}
        table = _Table(self._counts(cells), columns, self.options)
        firsts, seconds = (
            self._levels(labels_known, place, table)
            for place, labels_known in enumerate((self.firsts, self.seconds))
        )
        rows = [
            row
            for first, label in firsts.items()
            for row in self._rows_of(first, label, seconds, table)
        ]
        heading = [self._heading(table, firsts, seconds)] if self.label else []
        return [*heading, *rows, *self._uncounted_rows(cells, table)]

    def _counts(self, cells: Cells) -> dict[int, dict[Pair, int]]:
        """Return the counts of each pair by column."""
        counts: dict[int, dict[Pair, int]] = {}
        start = f"{self.index}."
        for name, n in cells.items():
            if name.startswith(start) and "=" in name and n:
                column, pair = name[len(start) :].split("=", 1)
                counts.setdefault(int(column), {})[self._pair(pair)] = n
        return counts

    def _levels(self, labels: Mapping[str, str], place: int, table: "_Table") -> dict[str, str]:
        """Return the levels of one classification with their labels, in order; Missing last."""
        totals = table.totals(place)
        further = sorted(totals.keys() - labels.keys() - {""}, key=lambda x: (-totals[x], x))
        missing = {"": str(MISSING)} if self.options.missing else {}
        return {**labels, **{level: level for level in further}, **missing}

    def _rows_of(
        self, first: str, label: str, seconds: Mapping[str, str], table: "_Table"
    ) -> Iterator[Row]:
        yield from self._row((first,), label, table)
        for second, name in seconds.items():
            yield from self._row((first, second), name, table)

    def _row(self, levels: tuple[str, ...], label: str, table: "_Table") -> Iterator[Row]:
        counts = table.counts(levels)
        if not any(counts.values()) and not self.options.zero_counts:
            return
        row_cells = tuple(
            Cell(head.id, count_statistics(counts[i], head, denominator=table.size(i, levels)))
            for i, head in table.columns.items()
        )
        names = [level or MISSING_LEVEL for level in levels]
        groups = (*self.groups, *zip(self.options.factors, names, strict=False))
        inner = self._inner_level + len(levels) - 1
        yield Row(
            row_id(self.id, *names),
            label,
            inner,
            row_cells,
            groups,
        )

    @cached_property
    def _inner_level(self) -> int:
        return self.level + bool(self.label)

    def _heading(
        self, table: "_Table", firsts: Mapping[str, str], seconds: Mapping[str, str]
    ) -> Row:
        pairs = ((first, second) for first in firsts for second in seconds)
        footnotes = [notes.cross_percentages(self.label, self.options.percent_of)]
        if not self.options.zero_counts and not all(map(table.occurs, pairs)):
            footnotes.append(self._zero_rows)
        return Row(
            self.id, self.label, self.level, (), self.groups, notes=tuple(filter(None, footnotes))
        )

    @property
    def _zero_rows(self) -> str:
        return notes.ZERO_PAIRS

    def _uncounted_rows(self, cells: Cells, table: "_Table") -> Iterator[Row]:
        """Yield the rows of subjects without both levels, missing and not yet due, if any."""
        missing = {i: cells.get(f"{self.index}.{i}.m", 0) for i in table.columns}
        counted = {
            i: table.known(i) + missing[i] + cells.get(f"{self.index}.{i}.x", 0)
            for i in table.columns
        }
        not_due = {i: head.shown - counted[i] for i, head in table.columns.items()}
        part_of_percentages = self.options.percent_of == "column"
        for value, label, counts in (
            (MISSING_LEVEL, MISSING, missing),
            (NOT_YET_DUE_LEVEL, NOT_YET_DUE, not_due),
        ):
            if any(counts.values()):
                row_cells = tuple(
                    Cell(
                        table.columns[i].id,
                        count_statistics(n, table.columns[i], denominator=table.columns[i].n)
                        if part_of_percentages
                        else (integer_statistic("n", n),),
                    )
                    for i, n in counts.items()
                )
                yield Row(
                    row_id(self.id, value),
                    str(label),
                    self._inner_level,
                    row_cells,
                    (*self.groups, (self.options.factors[0], value)),
                    notes=() if part_of_percentages else (notes.DETERMINED,),
                )


class ShiftRow(CrossRow):
    """Subjects by class before and class after; the names of its cells are older than JSON's."""

    def _pair_name(self, pair: Pair) -> str:
        return f"={pair[0]}\t{pair[1]}"

    def _pair(self, name: str) -> Pair:
        first, second = name.split("\t")
        return first, second

    @property
    def _zero_rows(self) -> str:
        return notes.ZERO_ROWS


@dataclass(frozen=True)
class _Table:
    """The counts of all pairs by column, and what percentages are of."""

    pairs: Mapping[int, Mapping[Pair, int]]
    columns: Mapping[int, ColumnHead]
    options: CrossOptions

    def counts(self, levels: tuple[str, ...]) -> dict[int, int]:
        """Count the subjects at a first level, or at a pair, by column."""
        return {
            i: sum(n for pair, n in self._of(i).items() if pair[: len(levels)] == levels)
            for i in self.columns
        }

    def size(self, column: int, levels: tuple[str, ...]) -> int:
        """Return what percentages of a row are of: a first level by itself has no smaller one."""
        percent_of = self.options.percent_of
        if percent_of == "column":
            return self.columns[column].n
        if percent_of in self.options.factors and len(levels) == _PAIR:
            place = self.options.factors.index(percent_of)
            return sum(n for pair, n in self._of(column).items() if pair[place] == levels[place])
        return self.known(column)

    def known(self, column: int) -> int:
        """Count the subjects that are at a pair of levels."""
        return sum(self._of(column).values())

    def totals(self, place: int) -> dict[str, int]:
        """Count the subjects at each level of one classification, over the columns."""
        totals: dict[str, int] = {}
        for i in self.columns:
            for pair, n in self._of(i).items():
                totals[pair[place]] = totals.get(pair[place], 0) + n
        return totals

    def occurs(self, pair: Pair) -> bool:
        """Return whether somebody is at a pair of levels."""
        return any(self._of(i).get(pair) for i in self.columns)

    def _of(self, column: int) -> Mapping[Pair, int]:
        return self.pairs.get(column, {})
