"""Rows of adverse events: subjects and events, by term, by worst level, by time at risk."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property

from trial.deferred import dataclass
from trial.rules.categories import level_text
from trial.rules.matching import EventMatcher
from trial.statistics.cells import Share, Sums
from trial.statistics.proportions import proportion
from trial.subject.adverse_events import AdverseEvent
from trial.subject.derivation import Derivation
from trial.subject.truth import Truth, all_true
from trial.tables import notes, rounding
from trial.tables.grid import Cell, Row, Statistic
from trial.tables.rows.comparing import compare_counts
from trial.tables.rows.counting import OwnDenominator
from trial.tables.rows.counts import PlacedRow
from trial.tables.rows.kinds import (
    ColumnHead,
    Members,
    count_statistics,
    integer_statistic,
    put_cell,
)
from trial.tables.rows.levels import LevelsRow

EventCounts = Mapping[tuple[int, str], int]
"""Counts by column and statistic: subjects (`n`) and events (`e`) of those that match.

`v` counts events that lack a field the filter asks for, `w` subjects with such and none that match.
"""


def event_cells(
    heads: Sequence[ColumnHead], counts: EventCounts, totals: Mapping[int, int] | None = None
) -> tuple[Cell, ...]:
    """Return subjects and events of each column, and compare the subjects.

    With `totals` events are in percent too, of so many by column.
    """
    subjects = {i: counts.get((i, "n"), 0) for i, head in enumerate(heads) if not head.comparison}
    cells = [
        Cell(
            heads[i].id,
            (
                *count_statistics(n, heads[i]),
                integer_statistic("events", counts.get((i, "e"), 0)),
                *_in_percent(counts.get((i, "e"), 0), totals, i, heads[i]),
            ),
        )
        for i, n in subjects.items()
    ]
    with_and_without = {i: [n, heads[i].determined - n] for i, n in subjects.items()}
    return (*cells, *compare_counts(heads, with_and_without))


def _in_percent(
    n: int, totals: Mapping[int, int] | None, column: int, head: ColumnHead
) -> tuple[Statistic, ...]:
    """Return of how many events a percentage is, and the percentage; nothing without totals."""
    if totals is None:
        return ()
    size = totals.get(column, 0)
    percent = proportion(n, size)
    return (
        integer_statistic("all_events", size),
        Statistic(
            "events_percent",
            None if percent is None else rounding.exact_text(percent),
            rounding.percent_text(n, size, head.percent_places),
        ),
    )


@dataclass(frozen=True)
class WorstLevels:
    """Some levels of the field that grades adverse events, as places in its order from the mildest.

    `places` are those of all its levels, `shown` those that a column is for.
    """

    field: str
    places: Mapping[object, int]
    shown: Collection[int]

    def place(self, event: AdverseEvent) -> int | None:
        """Return the place of an event's level; None where it has none that is known."""
        return self.places.get(event.data.get(self.field))


@dataclass(frozen=True)
class EventSelection:
    """A filter of adverse events, and the fields that it asks for and an event may lack.

    Events that lack one are not counted; a footnote says how many there are. With `worst`, of the
    subject's events those at some levels are counted if the worst of its levels is one of them.
    """

    matches: EventMatcher
    optional_fields: Sequence[str]
    worst: WorstLevels | None = None

    def counted(self, events: Iterable[AdverseEvent]) -> Sequence[AdverseEvent]:
        """Return those of a subject's events that are counted."""
        return self.at_worst(list(filter(self.matches, events)))

    def at_worst(self, events: Sequence[AdverseEvent]) -> Sequence[AdverseEvent]:
        """Return those of a subject's matching events that are counted, by the worst level."""
        if (worst := self.worst) is None:
            return events
        placed = [(place, event) for event in events if (place := worst.place(event)) is not None]
        if max((place for place, _ in placed), default=None) not in worst.shown:
            return []
        return [event for place, event in placed if place in worst.shown]

    def _truth(self, event: AdverseEvent) -> Truth:
        truth = self.matches(event)
        return None if truth and self.worst and self.worst.place(event) is None else truth

    def undetermined_counts(self, events: Sequence[AdverseEvent]) -> dict[str, int]:
        """Count a subject's events that lack a field asked for, and the subject if none matches.

        Where one of its events matches, the answer for the subject is known.
        """
        truths = [self._truth(event) for event in events] if self.optional_fields else []
        n = truths.count(None)
        if not n:
            return {}
        return {"v": n} if True in truths else {"v": n, "w": 1}

    def narrowed(self, second: "EventSelection") -> "EventSelection":
        """Return the selection of the events that another one selects too."""
        matchers = (self.matches, second.matches)
        fields = dict.fromkeys((*self.optional_fields, *second.optional_fields))
        return EventSelection(
            lambda event: all_true(matches(event) for matches in matchers), list(fields), self.worst
        )

    def of_worst(self, worst: WorstLevels) -> "EventSelection":
        """Return the selection of what counts in a column of some worst levels."""
        fields = dict.fromkeys((*self.optional_fields, worst.field))
        return replace(self, optional_fields=list(fields), worst=worst)


def by_part[Part](parts: Sequence[Part]) -> list[tuple[Part, list[int]]]:
    """Return each part once, with the positions of the columns that share it."""
    columns: dict[int, list[int]] = {}
    for i, part in enumerate(parts):
        columns.setdefault(id(part), []).append(i)
    return [(parts[positions[0]], positions) for positions in columns.values()]


def selection_notes(
    label: str,
    heads: Sequence[ColumnHead],
    selections: Sequence[EventSelection],
    counts: EventCounts,
) -> tuple[str, ...]:
    """State how many events and subjects may or may not match, for lack of a field."""
    texts_by_fields: dict[str, list[tuple[str, str]]] = {}
    for i, (head, selection) in enumerate(zip(heads, selections, strict=True)):
        if n := counts.get((i, "v"), 0):
            texts = texts_by_fields.setdefault(" or ".join(selection.optional_fields), [])
            texts.append((head.label, _not_counted_text(n, counts.get((i, "w"), 0))))
    return tuple(
        notes.optional_fields_note(label, fields, texts)
        for fields, texts in texts_by_fields.items()
    )


def _not_counted_text(events: int, subjects: int) -> str:
    """Return how many events are not counted and, for that, how many subjects."""
    text = f"{events} event{'' if events == 1 else 's'}"
    return f"{text}, and so {subjects} subject{'' if subjects == 1 else 's'}" if subjects else text


@dataclass(frozen=True)
class EventsRow(PlacedRow):
    """Subjects with at least one adverse event that matches a filter, and the number of events."""

    selections: Sequence[EventSelection]
    base: OwnDenominator | None = None
    of_records: Sequence[EventSelection] | None = None
    """By column, the events that percentages of events are of (`t`), if there are any."""

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Count the subject once, and each of its events; and in the row's own denominator."""
        if self.base is not None:
            if not self.base.test(derivation):
                return
            for column in members.determined:
                put_cell(share, self.sums, f"{self.index}.{column}.d", 1)
        adverse_events = derivation.adverse_events
        if not adverse_events:
            return
        for selection, columns in self._columns_by_selection:
            events = len(selection.counted(adverse_events))
            counts = {"n": 1, "e": events} if events else {}
            counts |= selection.undetermined_counts(adverse_events)
            self._put(members, share, columns, counts)
        for selection, columns in by_part(self.of_records or ()):
            total = sum(map(bool, map(selection.matches, adverse_events)))
            lack = selection.undetermined_counts(adverse_events)
            counts = {"t": total} if total else {}
            self._put(members, share, columns, counts | ({"y": lack["v"]} if lack else {}))

    def _put(
        self, members: Members, share: Share, columns: Sequence[int], counts: Mapping[str, int]
    ) -> None:
        for column in columns:
            for name, n in counts.items() if members[column] else ():
                put_cell(share, self.sums, f"{self.index}.{column}.{name}", n)

    @cached_property
    def _columns_by_selection(self) -> list[tuple[EventSelection, list[int]]]:
        return by_part(self.selections)

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Return subjects (n, N, percentage) and events."""
        cells, prefix = sums.get(self.sums, {}), f"{self.index}."
        counts = {
            (i, name): cells.get(f"{prefix}{i}.{name}", 0)
            for i in range(len(heads))
            for name in "nevwty"
        }
        if self.base is not None:
            heads = [head.of(cells.get(f"{prefix}{i}.d", 0)) for i, head in enumerate(heads)]
        footnotes = (
            *notes.denominator(self.label, self.base, whole_column=False),
            *selection_notes(self.label, heads, self.selections, counts),
            *self._records_notes(heads, counts),
        )
        totals = None if self.of_records is None else {i: counts[i, "t"] for i in range(len(heads))}
        row_cells = event_cells(heads, counts, totals)
        return [Row(self.id, self.label, self.level, row_cells, notes=footnotes)]

    def _records_notes(self, heads: Sequence[ColumnHead], counts: EventCounts) -> tuple[str, ...]:
        """State how many events may be of those that percentages are of, for lack of a field."""
        if self.of_records is None:
            return ()
        lacking = {(i, "v"): counts[i, "y"] for i in range(len(heads))}
        label = ", ".join(filter(None, (self.label, "events in percent")))
        return selection_notes(label, heads, self.of_records, lacking)


@dataclass(frozen=True)
class Severity:
    """The field that grades an adverse event, severity or toxicity grade, and its levels.

    `labels` are the known levels, mildest first, and `always` those of them that are shown even
    with nobody. A level that occurs and is not known is shown too.
    """

    field: str
    labels: Mapping[str, str]
    always: frozenset[str]

    def worst(self, events: Iterable[AdverseEvent]) -> str | None:
        """Return the worst level among events; '' where none has a level, None without events.

        A level that is not known counts as worse than all that are.
        """
        reached = {level_text(event.data.get(self.field) or "") for event in events}
        return max(reached, key=lambda level: (bool(level), self.place(level), level), default=None)

    def place(self, level: str) -> int:
        """Return the position of a level among the known; the first free one where it is not."""
        places = list(self.labels)
        return places.index(level) if level in self.labels else len(places)


@dataclass(frozen=True)
class WorstRow(LevelsRow):
    """Subjects by the worst of the adverse events that each column counts."""

    severity: Severity = field(kw_only=True)
    selections: Sequence[EventSelection] = field(kw_only=True)

    @property
    def several_each(self) -> bool:
        """Whether a subject can be at several levels: there is one worst."""
        return False

    @cached_property
    def _columns_by_selection(self) -> list[tuple[EventSelection, list[int]]]:
        return by_part(self.selections)

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Count the subject once, at the worst level that one of its events reached."""
        if self.base is not None:
            if not self.base.test(derivation):
                return
            self._contribute_base(members, share)
        for selection, columns in self._columns_by_selection:
            worst = self.severity.worst(selection.counted(derivation.adverse_events))
            for column in columns if worst is not None else ():
                if members[column]:
                    put_cell(share, self.sums, f"{self.index}.{column}={worst}", 1)
