"""Rows of a model of event rates: tallies of days at risk and events, by column and covariates."""

import json
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cached_property

from trial.deferred import dataclass
from trial.events.json_body import canonical
from trial.rules.categories import Category
from trial.statistics.cells import Share, Sums
from trial.statistics.rates import rate
from trial.subject.adverse_events import AdverseEvent
from trial.subject.derivation import Derivation
from trial.tables import notes
from trial.tables.grid import Cell, Row, Statistic
from trial.tables.rows.events import EventSelection, by_part, selection_notes
from trial.tables.rows.incidence import DAYS_PER_YEAR, Risk
from trial.tables.rows.kinds import (
    ColumnHead,
    Members,
    column_groups,
    integer_statistic,
    number_statistic,
    put_cell,
    undated_statistic,
)
from trial.tables.rows.ratios import Levels, RatioModel, left_out
from trial.tables.rows.summaries import TALLY_POINTS

_YEARS_PLACES, _RATE_PLACES = 1, 2


@dataclass(frozen=True)
class EventRateRow:
    """All events of each subject while at risk; the tally is by days at risk and events.

    `per` is how many years a rate is of.
    """

    id: str
    label: str
    level: int
    sums: str
    arms: Sequence[str | None]
    selections: Sequence[EventSelection]
    covariates: Sequence[Category]
    per: int
    model: RatioModel

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Count the subject at its days at risk and its events; who was never at risk, nowhere."""
        if (risk := Risk.of(derivation)) is None:
            return
        levels = [covariate(derivation) for covariate in self.covariates]
        for selection, columns in self._columns_by_selection:
            counted_columns = [column for column in columns if members[column]]
            if not counted_columns:
                continue
            events = selection.counted(derivation.adverse_events)
            cells = {f"{risk.days}.{len(risk.onsets(events))}{canonical(levels)}": 1}
            if None not in levels:
                marks = {"u": int(self.is_undated(events))}
                marks |= selection.undetermined_counts(derivation.adverse_events)
                cells |= {f"{mark}[]": n for mark, n in marks.items() if n}
            for column in counted_columns:
                for cell, n in cells.items():
                    put_cell(share, f"{self.sums}{column}#{risk.days // TALLY_POINTS}", cell, n)

    @staticmethod
    def is_undated(events: Sequence[AdverseEvent]) -> bool:
        """Return whether one of some events has no date, so that it is not counted."""
        return any(event.onset is None for event in events)

    @cached_property
    def _columns_by_selection(self) -> list[tuple[EventSelection, list[int]]]:
        return by_part(self.selections)

    def touched(self) -> set[str]:
        """Return the rows that a tally leaves and enters; of columns of different arms, one's."""
        columns = column_groups(self.arms)
        return {f"{self.sums}{column}{end}" for column in columns for end in ("from", "to")}

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Return events, years and rates of those in the model, and the ratio of rates."""
        tallies: dict[int, dict[Levels, dict[tuple[int, int], int]]] = {}
        marks: dict[tuple[int, str], int] = {}
        for column, head in enumerate(heads):
            if head.comparison is None:
                tallies[column] = {}
                for cell, n in self._cells(sums, column):
                    name, text = cell[: cell.index("[")], cell[cell.index("[") :]
                    if name.isalpha():
                        marks[column, name] = marks.get((column, name), 0) + n
                        continue
                    days, events = map(int, name.split("."))
                    tally = tallies[column].setdefault(tuple(json.loads(text)), {})
                    tally[days, events] = tally.get((days, events), 0) + n
        cells = tuple(
            Cell(heads[column].id, self._described(by_levels, marks.get((column, "u"), 0)))
            for column, by_levels in tallies.items()
        )
        omitted = {heads[i].label: left_out(by_levels) for i, by_levels in tallies.items()}
        undated = {heads[i].label: marks.get((i, "u"), 0) for i in tallies}
        footnotes = (
            *notes.without_covariates(self.label, omitted),
            *notes.undated(self.label, undated),
            *selection_notes(self.label, heads, self.selections, marks),
        )
        row = Row(self.id, self.label, self.level, cells, notes=footnotes)
        return self.model.rows(row, heads, tallies)

    def _cells(self, sums: Sums, column: int) -> Iterator[tuple[str, int]]:
        for cells in sums.spread(f"{self.sums}{column}"):
            yield from cells.items()

    def _described(
        self, tallies: Mapping[Levels, Mapping[tuple[int, int], int]], undated: int
    ) -> tuple[Statistic, ...]:
        """Return how many subjects are in the model, with their events, years and rate."""
        complete = [
            (days, events, n)
            for levels, tally in tallies.items()
            if None not in levels
            for (days, events), n in tally.items()
        ]
        subjects = sum(n for *_, n in complete)
        all_events = sum(events * n for _, events, n in complete)
        all_days = sum(days * n for days, _, n in complete)
        crude = rate(all_events, all_days)
        return (
            integer_statistic("n", subjects),
            integer_statistic("events", all_events),
            number_statistic("years", Fraction(all_days) / DAYS_PER_YEAR, _YEARS_PLACES),
            *(
                (number_statistic("rate", crude * DAYS_PER_YEAR * self.per, _RATE_PLACES),)
                if crude is not None
                else ()
            ),
            *undated_statistic(undated),
        )
