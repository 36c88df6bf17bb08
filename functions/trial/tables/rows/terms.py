"""Rows of adverse events by term: any levels of the dictionary, in the order that is asked for."""

import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from itertools import product
from typing import Any, Protocol

from trial.deferred import dataclass
from trial.events.json_body import canonical
from trial.statistics.cells import Share, Sums
from trial.statistics.proportions import proportion
from trial.subject.adverse_events import AdverseEvent
from trial.subject.codings import NOT_CODED
from trial.subject.derivation import Derivation
from trial.tables import notes
from trial.tables.grid import MISSING, Cell, Row
from trial.tables.rows.counting import OwnDenominator
from trial.tables.rows.events import (
    EventCounts,
    EventSelection,
    Severity,
    by_part,
    event_cells,
    selection_notes,
)
from trial.tables.rows.kinds import ColumnHead, Members, count_statistics, put_cell, row_id

OTHER_LEVEL = "(other)"
"""Stands in the ids of rows for levels of severity that are not on the scale."""

TermPath = tuple[str, ...]
"""A term after those that it is under, the outermost first."""
TermCounts = dict[TermPath, dict[tuple[int, str], int]]
"""The counts of each term, by column and statistic; `()` holds those of the row as a whole."""


@dataclass(frozen=True)
class Hierarchy:
    """What adverse events are sorted into: levels of their coding, or groups of terms.

    `pooled` gives, by preferred term, the group that it counts as; `groups` all groups that it is
    in. An event that is not coded is under a name of its own, at every level.
    """

    levels: tuple[str, ...]
    pooled: Mapping[str, str]
    groups: Mapping[str, Sequence[str]]

    def paths(self, event: AdverseEvent) -> list[TermPath]:
        """Return all that an event counts under, at every level."""
        names = [self._names(event, level) for level in self.levels]
        depths = range(1, len(names) + 1)
        return [path for depth in depths for path in product(*names[:depth]) if all(names)]

    def _names(self, event: AdverseEvent, level: str) -> Sequence[str]:
        if level == "group":
            not_in_a_group = [NOT_CODED] if event.pt == NOT_CODED else []
            return self.groups.get(event.pt, not_in_a_group)
        name = event.coded.get(level, NOT_CODED)
        return [self.pooled.get(name, name) if level == "pt" else name]


@dataclass(frozen=True)
class TermView:
    """What a column counts: which adverse events, sorted into what."""

    selection: EventSelection
    hierarchy: Hierarchy

    @property
    def levels(self) -> tuple[str, ...]:
        """What they are sorted into, the outermost first."""
        return self.hierarchy.levels

    def selected(self, derivation: Derivation) -> list[AdverseEvent]:
        """Return a subject's events that are counted, whatever they count under."""
        return list(filter(self.selection.matches, derivation.adverse_events))

    def undetermined_counts(self, derivation: Derivation) -> dict[str, int]:
        """Count a subject's events that may match or not, and the subject if none does."""
        return self.selection.undetermined_counts(derivation.adverse_events)

    def sorted_events(self, derivation: Derivation) -> Mapping[TermPath, Sequence[AdverseEvent]]:
        """Return a subject's events by all that each counts under."""
        events_by_path: dict[TermPath, list[AdverseEvent]] = {}
        for event in self.selected(derivation):
            for path in self.hierarchy.paths(event):
                events_by_path.setdefault(path, []).append(event)
        if self.selection.worst is None:
            return events_by_path
        at_worst = {path: self.selection.at_worst(under) for path, under in events_by_path.items()}
        return {path: events for path, events in at_worst.items() if events}


class TermSource(Protocol):
    """What a column counts: which records of a subject, by all that each counts under."""

    @property
    def levels(self) -> tuple[str, ...]:
        """What they are sorted into, the outermost first."""

    def selected(self, derivation: Derivation) -> Sequence[Any]:
        """Return a subject's records that are counted, whatever they count under."""

    def sorted_events(self, derivation: Derivation) -> Mapping[TermPath, Sequence[Any]]:
        """Return a subject's records by all that each counts under."""

    def undetermined_counts(self, derivation: Derivation) -> dict[str, int]:
        """Count a subject's records that may match or not, and the subject if none does."""


@dataclass(frozen=True)
class TermOrder:
    """How the terms at each level are sorted; `by` are the positions of the columns that decide.

    Without any all columns of subjects do, and by a difference it is one that compares two.
    """

    kind: str
    by: Sequence[int] | None = None

    def sorted(
        self, paths: Iterable[TermPath], rank: Callable[[TermPath], Fraction]
    ) -> list[TermPath]:
        """Sort terms, within those that they are under: the greatest rank first, then by name."""

        def key(path: TermPath) -> tuple[tuple[Any, str], ...]:
            parts = [path[:depth] for depth in range(1, len(path) + 1)]
            if self.kind == "alphabetical":
                return tuple((part[-1].casefold(), part[-1]) for part in parts)
            return tuple((-rank(part), part[-1]) for part in parts)

        return sorted(paths, key=key)

    def decided_by(self, column: int) -> bool:
        """Return whether a column of subjects decides."""
        return self.by is None or column in self.by

    def compared(self, heads: Sequence[ColumnHead]) -> Sequence[int]:
        """Return the two columns whose difference decides, the reference first."""
        assert self.by is not None
        comparison = heads[self.by[0]].comparison
        assert comparison is not None
        return comparison.columns


@dataclass(frozen=True)
class TermCells[View: TermSource]:
    """What rows by term have in common: how their cells are named, stored and sorted.

    The terms are those that occur, so no position can name their cells: the term does. A checksum
    of it spreads the cells over a fixed number of rows of sums, so that none grows without bound.
    """

    id: str
    sums: str
    index: int
    chunks: int
    label: str
    views: Sequence[View]
    order: TermOrder

    def put_counts(
        self, share: Share, columns: Sequence[int], path: TermPath, counts: Mapping[str, int]
    ) -> None:
        """Add counts to the cells of a term; those without a term are of the row as a whole."""
        text = canonical(list(path))
        row = f"{self.sums}{zlib.crc32(text.encode()) % self.chunks}"
        for column in columns:
            for statistic, n in counts.items():
                put_cell(share, row, f"{self.index}.{column}.{statistic}{text}", n)

    @cached_property
    def columns_by_view(self) -> list[tuple[View, list[int]]]:
        """What is counted, with the positions of the columns that count it."""
        return by_part(self.views)

    @property
    def levels(self) -> tuple[str, ...]:
        """What terms are sorted into, the outermost first."""
        return self.views[0].levels

    def touched(self) -> set[str]:
        """Return all of its rows of sums: at worst one change touches them all."""
        return {f"{self.sums}{chunk}" for chunk in range(self.chunks)}

    def term_counts(self, sums: Share) -> TermCounts:
        """Read the counts of all terms."""
        counts: TermCounts = {}
        for chunk in range(self.chunks):
            for cell, value in sums.get(f"{self.sums}{chunk}", {}).items():
                index, column, statistic_and_path = cell.split(".", 2)
                if int(index) == self.index:
                    statistic, bracket, text = statistic_and_path.partition("[")
                    path = tuple(json.loads(f"{bracket}{text}"))
                    counts.setdefault(path, {})[int(column), statistic] = value
        return counts

    def term_row_id(self, path: TermPath) -> str:
        """Return the id of a term's row."""
        return row_id(self.id, *path)

    @staticmethod
    def with_notes(rows: Sequence[Row], footnotes: tuple[str, ...]) -> list[Row]:
        """Return the rows, the first of them with footnotes."""
        return [replace(row, notes=footnotes) if i == 0 else row for i, row in enumerate(rows)]


@dataclass(frozen=True)
class TermsRow(TermCells[TermSource]):
    """Adverse events by term: subjects, and events."""

    minimum_percent: Decimal | None
    severity: Severity | None
    base: OwnDenominator | None = None
    of_records: bool = False
    """Whether events are in percent too, of all that are selected (`t`)."""
    excess: tuple[int, int, Decimal] | None = None
    """Of which column a term must exceed which other, by at least how many percent."""

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Count the subject once a class and once a term, and each event."""
        if self.base is not None:
            if not self.base.test(derivation):
                return
            self.put_counts(share, members.determined, (), {"d": 1})
        for view, view_columns in self.columns_by_view:
            if columns := [column for column in view_columns if members[column]]:
                for path, events in view.sorted_events(derivation).items():
                    self.put_counts(share, columns, path, self._term_counts(events))
                if lack := view.undetermined_counts(derivation):
                    self.put_counts(share, columns, (), lack)
                if self.of_records and (total := len(view.selected(derivation))):
                    self.put_counts(share, columns, (), {"t": total})

    def _term_counts(self, events: Sequence[AdverseEvent]) -> dict[str, int]:
        counts = {"n": 1, "e": len(events)}
        if self.severity and (worst := self.severity.worst(events)) is not None:
            is_known = worst in self.severity.labels
            counts[str(self.severity.place(worst)) if is_known else "o" if worst else "m"] = 1
        return counts

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Return the outermost terms in their order and, within each, those below it likewise."""
        counts = self.term_counts(sums)
        lack = counts.pop((), {})
        heads = self._own_heads(lack, heads)
        paths = [path for path in counts if self._frequent(counts[path], heads)]
        rows = [
            row
            for path in self.order.sorted(
                paths, lambda path: self._rank(counts.get(path, {}), heads)
            )
            for row in self._rows(path, counts[path], heads, self._totals(lack))
        ]
        footnotes = (
            *notes.denominator(self.label, self.base, whole_column=False),
            *self._lacking_notes(heads, lack),
        )
        if footnotes and not rows:
            return [Row(self.id, self.label, 0, notes=footnotes)]
        return self.with_notes(rows, footnotes)

    def _own_heads(self, whole: EventCounts, heads: Sequence[ColumnHead]) -> Sequence[ColumnHead]:
        """Return the columns with the denominators that the row names itself, if it does."""
        if self.base is None:
            return heads
        return [head.of(whole.get((i, "d"), 0)) for i, head in enumerate(heads)]

    def size(self, sums: Share, column: int, head: ColumnHead) -> int:
        """Read the denominator of a column's percentages."""
        if self.base is None:
            return head.determined
        return self.term_counts(sums).get((), {}).get((column, "d"), 0)

    def total(self, sums: Share, column: int) -> int:
        """Read how many events percentages of events are of in a column; 0 without any such."""
        return self.term_counts(sums).get((), {}).get((column, "t"), 0)

    def _totals(self, whole: EventCounts) -> Mapping[int, int] | None:
        if not self.of_records:
            return None
        return {column: n for (column, name), n in whole.items() if name == "t"}

    def _lacking_notes(self, heads: Sequence[ColumnHead], lack: EventCounts) -> tuple[str, ...]:
        selections = [view.selection for view in self.views if isinstance(view, TermView)]
        return selection_notes(self.label, heads, selections, lack)

    def _rank(self, term: EventCounts, heads: Sequence[ColumnHead]) -> Fraction:
        """Return what a term is sorted by: its subjects, or the difference of its percentages."""
        if self.order.kind != "difference":
            subjects = (
                n
                for (column, name), n in term.items()
                if name == "n" and self.order.decided_by(column)
            )
            return Fraction(sum(subjects))
        reference, compared = (
            proportion(term.get((column, "n"), 0), heads[column].determined) or Fraction(0)
            for column in self.order.compared(heads)
        )
        return compared - reference

    def subjects(self, sums: Share, heads: Sequence[ColumnHead]) -> dict[TermPath, dict[int, int]]:
        """Read, for each term that the table shows, how many subjects each column counts."""
        counts = self.term_counts(sums)
        heads = self._own_heads(counts.pop((), {}), heads)
        deepest = max(map(len, counts), default=0)
        return {
            path: {column: n for (column, statistic), n in term_counts.items() if statistic == "n"}
            for path, term_counts in counts.items()
            if len(path) == deepest and self._frequent(term_counts, heads)
        }

    def _frequent(self, term_counts: EventCounts, heads: Sequence[ColumnHead]) -> bool:
        """Return whether a term is shown: frequent in a column, and more so than in another."""
        shares = [
            proportion(term_counts.get((i, "n"), 0), head.determined)
            for i, head in enumerate(heads)
        ]
        least = self.minimum_percent
        frequent = least is None or any(share is not None and share >= least for share in shares)
        return frequent and self._exceeds(shares)

    def _exceeds(self, shares: Sequence[Fraction | None]) -> bool:
        """Return whether a term exceeds another column enough; true while either has nobody."""
        if self.excess is None:
            return True
        column, other, percent = self.excess
        share, base = shares[column], shares[other]
        return share is None or base is None or share - base >= percent

    @cached_property
    def _level_names(self) -> Sequence[str]:
        """The names that rows of severity have after that of their term."""
        return (*self.severity.labels, OTHER_LEVEL, "") if self.severity else ()

    def term_row_id(self, path: TermPath) -> str:
        """Return the id of a term's row, different from that of a level with the term's name."""
        row = super().term_row_id(path)
        if len(path) == 1 or path[-1] not in self._level_names:
            return row
        above, _, last = row.rpartition("/")
        return f"{above}/~~{last}"  # no part that is written with ~0 and ~1 begins so

    def _rows(
        self,
        path: TermPath,
        term_counts: EventCounts,
        heads: Sequence[ColumnHead],
        totals: Mapping[int, int] | None,
    ) -> Iterator[Row]:
        row, level = self.term_row_id(path), len(path) - 1
        groups = tuple(zip(self.levels, path, strict=False))
        yield Row(row, path[-1], level, event_cells(heads, term_counts, totals), groups)
        for statistic, value, label in self._severity_levels(term_counts):
            cells = tuple(
                Cell(head.id, count_statistics(term_counts.get((i, statistic), 0), head))
                for i, head in enumerate(heads)
                if head.comparison is None
            )
            yield Row(row_id(row, value), label, level + 1, cells, (*groups, ("level", value)))

    def _severity_levels(self, term_counts: EventCounts) -> Iterator[tuple[str, str, str]]:
        """Yield the levels shown under a term: the statistic that counts each, value and label."""
        if self.severity is None:
            return
        occurring = {statistic for _, statistic in term_counts}
        for place, (value, label) in enumerate(self.severity.labels.items()):
            if value in self.severity.always or str(place) in occurring:
                yield str(place), value, label
        for statistic, value, label in (("o", OTHER_LEVEL, "Other"), ("m", "", MISSING)):
            if statistic in occurring:
                yield statistic, value, label
