"""Rows of how long adverse events took to resolve, by Kaplan-Meier; what goes on is censored."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from fractions import Fraction
from functools import cached_property

from trial.deferred import dataclass
from trial.statistics.cells import Share, Sums
from trial.statistics.survival import BROOKMEYER_CROWLEY, KAPLAN_MEIER, Times, kaplan_meier
from trial.subject.adverse_events import FATAL, AdverseEvent
from trial.subject.derivation import Derivation
from trial.tables import notes
from trial.tables.grid import Cell, Row, Statistic
from trial.tables.rows.curves import (
    CENSORED,
    EVENT,
    CurveRow,
    add_time,
    compare_times,
    median_statistics,
    totals,
)
from trial.tables.rows.durations import duration
from trial.tables.rows.events import EventSelection, by_part, selection_notes
from trial.tables.rows.intervals import LIMIT_NAMES, RowInterval
from trial.tables.rows.kinds import ColumnHead, Members, integer_statistic, row_id
from trial.tables.rows.terms import TermCells, TermCounts, TermPath, TermView

_MEDIAN_LIMITS = {side: f"median_{name}" for side, name in LIMIT_NAMES.items()}
_NO_TIME = "uvw"
"""Cells of what has no time: events without a known date; those that may match, and subjects."""


@dataclass(frozen=True)
class Course:
    """An adverse event from its onset: how many days it took, and whether it then had resolved."""

    event: AdverseEvent
    onset: int
    days: int
    resolved: bool

    @classmethod
    def of(cls, derivation: Derivation, event: AdverseEvent) -> "Course | None":
        """Return the course of an event; None without a known date.

        An event that goes on is followed to the subject's last contact; a fatal one ended without
        having resolved.
        """
        days = duration(derivation, event)
        if event.onset is None or days == "u":
            return None
        onset = event.onset.day
        if isinstance(days, str):
            return cls(event, onset, max(derivation.last_contact - onset, 0) + 1, resolved=False)
        return cls(event, onset, days, resolved=event.data.get("outcome") != FATAL)

    @property
    def mark(self) -> str:
        """The day and how it ends, as cells are named: `12e`, `12c`."""
        return f"{self.days}{EVENT if self.resolved else CENSORED}"

    @property
    def place(self) -> tuple[int, bool, int, str]:
        """What the first of several goes by: of those of one day, what lasts longest."""
        return self.onset, self.resolved, -self.days, self.event.record


@dataclass(frozen=True)
class Following:
    """Which events are followed: each by itself, or the first of a subject alone."""

    first: bool
    interval: RowInterval

    @property
    def counted(self) -> str:
        """What is counted: subjects (`n`), or events."""
        return "n" if self.first else "events"

    def courses(self, derivation: Derivation, events: Iterable[AdverseEvent]) -> list[Course]:
        """Return the courses that count of a subject's events."""
        courses = [course for event in events if (course := Course.of(derivation, event))]
        return sorted(courses, key=lambda course: course.place)[: 1 if self.first else None]

    def counts(self, times: Times) -> tuple[Statistic, ...]:
        """Return how many are followed, and how many of these had resolved."""
        resolved, censored = totals(times)
        followed = integer_statistic(self.counted, resolved + censored)
        return followed, integer_statistic("resolved", resolved)

    def compared(self, heads: Sequence[ColumnHead], times: Mapping[int, Times]) -> Iterator[Cell]:
        """Yield the tests between columns: events of one subject are not independent, so of none.

        Of first events each subject has one.
        """
        for head in heads:
            if head.comparison is not None and self.first:
                groups = [times[column] for column in head.comparison.columns]
                yield Cell(head.id, *compare_times([groups]))


def undated_count(derivation: Derivation, events: Iterable[AdverseEvent]) -> int:
    """Count the events that have no known course."""
    return sum(Course.of(derivation, event) is None for event in events)


@dataclass(frozen=True)
class ResolutionRow(CurveRow):
    """Adverse events by the days from onset to resolution, all terms together."""

    selections: Sequence[EventSelection] = field(kw_only=True)
    following: Following = field(kw_only=True)

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Count each event followed at its day, and those without a known date."""
        for selection, selected_columns in self._columns_by_selection:
            columns = [column for column in selected_columns if members[column]]
            matching = selection.matches
            events = list(filter(matching, derivation.adverse_events)) if columns else []
            lack = selection.undetermined_counts(derivation.adverse_events) if columns else {}
            lack["u"] = undated_count(derivation, events)
            courses = self.following.courses(derivation, events)
            for column in columns:
                for course in courses:
                    self.put(share, column, course.days, f"{course.mark}[]")
                for mark, n in lack.items():
                    if n:
                        self.put(share, column, 0, f"0{mark}[]", n)

    @cached_property
    def _columns_by_selection(self) -> list[tuple[EventSelection, list[int]]]:
        return by_part(self.selections)

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Return how many are followed and resolved, the quartiles, and who is not at some days."""
        times = {i: self.times(sums, i) for i, head in enumerate(heads) if not head.comparison}
        counts = {
            (i, mark): self.marked_count(sums, i, mark)
            for i in range(len(heads))
            for mark in _NO_TIME
        }
        cells = (
            *(Cell(heads[i].id, self.following.counts(times[i]), KAPLAN_MEIER) for i in times),
            *self.following.compared(heads, times),
        )
        footnotes = tuple(_notes(self.label, heads, self.selections, counts))
        curves = {i: kaplan_meier(column_times) for i, column_times in times.items()}
        return [
            Row(self.id, self.label, self.level, cells, notes=footnotes),
            *self.curve_rows(heads, curves),
        ]


@dataclass(frozen=True)
class ResolutionTermsRow(TermCells[TermView]):
    """Adverse events by term and the days from onset to resolution."""

    following: Following

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Count each event followed at its day, by term; and those without a known date."""
        for view, view_columns in self.columns_by_view:
            columns = [column for column in view_columns if members[column]]
            if not columns:
                continue
            matching = view.selection.matches
            events = list(filter(matching, derivation.adverse_events))
            lack = view.undetermined_counts(derivation)
            if undated := undated_count(derivation, events):
                lack["u"] = undated
            self.put_counts(share, columns, (), lack)
            for path, under in view.sorted_events(derivation).items():
                for course in self.following.courses(derivation, under):
                    self.put_counts(share, columns, path, {course.mark: 1})

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Return the outermost terms in their order and, within each, those below it likewise."""
        counts = self.term_counts(sums)
        whole = counts.pop((), {})
        columns = [i for i, head in enumerate(heads) if head.comparison is None]
        times = {path: self._times(counts, path, columns) for path in counts}
        rows = [
            Row(
                self.term_row_id(path),
                path[-1],
                len(path) - 1,
                self._cells(heads, times[path]),
                tuple(zip(self.levels, path, strict=False)),
            )
            for path in self.order.sorted(times, lambda path: self._rank(times[path]))
        ]
        selections = [view.selection for view in self.views]
        footnotes = tuple(_notes(self.label, heads, selections, whole))
        if footnotes and not rows:
            return [Row(self.id, self.label, 0, notes=footnotes)]
        return self.with_notes(rows, footnotes)

    @staticmethod
    def _times(counts: TermCounts, path: TermPath, columns: Sequence[int]) -> dict[int, Times]:
        """Return the times of a term by column."""
        times: dict[int, dict[int, tuple[int, int]]] = {column: {} for column in columns}
        for (column, day), n in counts[path].items():
            add_time(times[column], day, n)
        return {**times}

    def of_term(self, sums: Share, column: int, row: str) -> Mapping[tuple[int, str], int]:
        """Return what is counted of a printed row's term in a column."""
        for path, counts in self.term_counts(sums).items():
            if row_id(self.id, *path) == row:
                return {key: n for key, n in counts.items() if key[0] == column}
        return {}

    def _cells(self, heads: Sequence[ColumnHead], times: Mapping[int, Times]) -> tuple[Cell, ...]:
        following = self.following
        method = f"{KAPLAN_MEIER}; {following.interval.survival_words(BROOKMEYER_CROWLEY)}"
        described = (
            Cell(
                heads[i].id,
                (
                    *following.counts(column_times),
                    *median_statistics(
                        kaplan_meier(column_times), following.interval, _MEDIAN_LIMITS
                    ),
                ),
                method,
                following.interval.label,
            )
            for i, column_times in times.items()
        )
        return (*described, *following.compared(heads, times))

    def _rank(self, times: Mapping[int, Times]) -> Fraction:
        """Return what a term is sorted by: how many are followed."""
        deciding = (column_times for i, column_times in times.items() if self.order.decided_by(i))
        return Fraction(sum(sum(totals(column_times)) for column_times in deciding))


def _notes(
    label: str,
    heads: Sequence[ColumnHead],
    selections: Sequence[EventSelection],
    counts: Mapping[tuple[int, str], int],
) -> Iterator[str]:
    undated = {head.label: (0, counts.get((i, "u"), 0)) for i, head in enumerate(heads)}
    yield from notes.without_days(label, undated)
    yield from selection_notes(label, heads, selections, counts)
