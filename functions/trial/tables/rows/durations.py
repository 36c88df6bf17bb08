"""Rows that describe the days of adverse events: how long they lasted, or when they began."""

from collections.abc import Sequence
from dataclasses import field, replace
from functools import cached_property

from trial.deferred import dataclass
from trial.definition.precision import WHOLE
from trial.events.kinds import ADVERSE_EVENT
from trial.rules.measures import Quantity
from trial.statistics.cells import Share, Sums
from trial.statistics.moments import Moments
from trial.subject.adverse_events import AdverseEvent
from trial.subject.derivation import Derivation
from trial.tables import notes
from trial.tables.grid import Cell, Row
from trial.tables.rows.events import EventSelection, by_part, selection_notes
from trial.tables.rows.kinds import ColumnHead, Members, put_cell
from trial.tables.rows.summaries import SummaryRow

DAYS = Quantity("days", "days", WHOLE, lambda _: None, lambda _: False)
"""What is described. A subject may have several events, so no subject has one such value."""


@dataclass(frozen=True)
class DurationsRow(SummaryRow):
    """Descriptive statistics of the days of events, each event by itself.

    Those without an end, or without a date, have no duration: they are counted and said to be left
    out. Columns that compare show nothing, as events of one subject are not independent.
    """

    of: str = field(kw_only=True)
    selections: Sequence[EventSelection] = field(kw_only=True)

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Add each event's days, or what keeps it from having any."""
        for selection, selected_columns in self._columns_by_selection:
            columns = [column for column in selected_columns if members[column]]
            events = filter(selection.matches, derivation.adverse_events) if columns else ()
            for event in events:
                for column in columns:
                    self._put_event(share, column, self.days(derivation, event))
            lack = selection.undetermined_counts(derivation.adverse_events) if columns else {}
            for column in columns:
                for name, n in lack.items():
                    put_cell(share, self.sums, f"{self.index}.{column}.{name}", n)

    def _put_event(self, share: Share, column: int, days: int | str) -> None:
        prefix = f"{self.index}.{column}."
        if isinstance(days, str):
            put_cell(share, self.sums, f"{prefix}{days}", 1)
            return
        for name, lifted in Moments(0).contribution(days).items():
            put_cell(share, self.sums, f"{prefix}{name}", lifted)
        if self._tallied(column):
            self.put_in_tally(share, column, days)

    def days(self, derivation: Derivation, event: AdverseEvent) -> int | str:
        """Return an event's days; or the cell that counts it: ongoing (`o`), or undated (`u`)."""
        if self.of == "onset-day":
            return "u" if event.study_day is None else event.study_day
        return duration(derivation, event)

    @cached_property
    def _columns_by_selection(self) -> list[tuple[EventSelection, list[int]]]:
        return by_part(self.selections)

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Return the number of events with days, and the statistics asked for."""
        (row,) = super().read(sums, heads)
        compared = {head.id for head in heads if head.comparison is not None}
        cells = tuple(_of_events(cell) for cell in row.cells if cell.column not in compared)
        counts = {
            (i, name): sums.get(self.sums, {}).get(f"{self.index}.{i}.{name}", 0)
            for i in range(len(heads))
            for name in "ouvw"
        }
        left_out = {head.label: (counts[i, "o"], counts[i, "u"]) for i, head in enumerate(heads)}
        footnotes = (
            *notes.without_days(self.label, left_out),
            *selection_notes(self.label, heads, self.selections, counts),
        )
        return [replace(row, cells=cells, notes=footnotes)]


def duration(derivation: Derivation, event: AdverseEvent) -> int | str:
    """Return an event's days from onset to end, both counted; or `o` and `u` as for the row."""
    if not event.data.get("end"):
        return "o"
    end = derivation.imputation.dated(ADVERSE_EVENT, "end", event.data)
    if event.onset is None or end is None or end.day < event.onset.day:
        return "u"
    return end.day - event.onset.day + 1


def _of_events(cell: Cell) -> Cell:
    """Call the number of values what it is here: one of events, and not of subjects."""
    first, *rest = cell.statistics
    return replace(cell, statistics=(replace(first, name="events"), *rest))
