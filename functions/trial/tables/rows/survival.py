"""Rows of time to event: a tally of times, read out by Kaplan-Meier."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field

from trial.deferred import dataclass
from trial.events.json_body import canonical
from trial.rules.categories import Category
from trial.rules.dating import Time
from trial.statistics.cells import Share, Sums
from trial.statistics.competing import AALEN_JOHANSEN, CompetingTimes
from trial.statistics.inference import NormalEstimate
from trial.statistics.survival import KAPLAN_MEIER, Times, all_together, kaplan_meier
from trial.subject.derivation import Derivation
from trial.tables import notes
from trial.tables.grid import Cell, Row, Statistic
from trial.tables.rows.counting import not_counted_statistics
from trial.tables.rows.curves import (
    CENSORED,
    COMPETING,
    EVENT,
    CurveRow,
    compare_times,
    totals,
)
from trial.tables.rows.hazards import HazardModel, Levels
from trial.tables.rows.incidences import Incidences
from trial.tables.rows.kinds import (
    ColumnHead,
    Members,
    count_statistics,
    integer_statistic,
    undated_statistic,
)
from trial.tables.rows.restricted import RestrictedMeans

_MISSING_CELL = "0m[]"
"""The cell of subjects without a time or a stratum, of whom neither can come any more."""


@dataclass(frozen=True)
class SurvivalRow(CurveRow):
    """Subjects by day of their event, or of the end of their follow-up, and by stratum.

    With `hazards` also by the covariates of that model, which not everybody has. Where there are
    `competing` events the curve is of cumulative incidence.
    """

    time: Callable[[Derivation], Time | None] = field(kw_only=True)
    optional_fields: Sequence[str] = field(kw_only=True)
    strata: Sequence[Category] = field(kw_only=True)
    hazards: HazardModel | None = field(kw_only=True, default=None)
    means: RestrictedMeans | None = field(kw_only=True, default=None)
    competing: bool = field(kw_only=True, default=False)

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Count the subject at its day; without a stratum it is left out, as without a start.

        A subject with an event that has no date counts as censored, and once more in a cell of its
        own (`u`); likewise one with an adverse event that lacks one of the `optional_fields` (`v`).
        A subject left out is missing once the study is over for it, and not yet due until then.
        """
        time = self.time(derivation)
        levels: list[str | int | None] = [stratum_of(derivation) for stratum_of in self.strata]
        if time is None or None in levels:
            for column, member in enumerate(members):
                if member and derivation.over:
                    self.put(share, column, 0, _MISSING_CELL)
            return
        if self.hazards is not None:
            levels += self.hazards.covariates_of(derivation)
        ends = EVENT if time.event else COMPETING if time.competing else CENSORED
        marks = (ends, *"u" * time.undated, *"v" * time.undetermined)
        for column, member in enumerate(members):
            for mark in marks if member else ():
                self.put(share, column, time.days, f"{time.days}{mark}{canonical(levels)}")

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Return subjects with the event, the quartiles, and the share without it at some days.

        Columns that compare give the log-rank test, over strata where there are any; and what is
        asked of the hazards.
        """
        by_levels = {
            i: self._times_by_levels(sums, i) for i, head in enumerate(heads) if not head.comparison
        }
        times = {i: self._by_stratum(column_times) for i, column_times in by_levels.items()}
        joined = {i: all_together(by_stratum.values()) for i, by_stratum in times.items()}
        strata = sorted({s for by_stratum in times.values() for s in by_stratum}, key=str)
        incidences = self.incidences(sums, joined) if self.competing else None
        tests = tuple(
            Cell(
                head.id,
                *incidences.compared(columns)
                if incidences
                else compare_times([[times[i].get(s, {}) for i in columns] for s in strata]),
            )
            for head in heads
            if head.comparison and (columns := head.comparison.columns)
        )
        undated = {i: self.marked_count(sums, i, "u") for i in joined}
        events = tuple(
            Cell(
                heads[i].id,
                (
                    *self._events(
                        joined[i],
                        heads[i],
                        self.marked_count(sums, i, "m"),
                        self.marked_count(sums, i, COMPETING) if self.competing else None,
                    ),
                    *undated_statistic(undated[i]),
                ),
                AALEN_JOHANSEN if self.competing else KAPLAN_MEIER,
            )
            for i in joined
        )
        footnotes = (*self._notes(sums, heads, undated), *self._left_out(heads, by_levels))
        curves = {i: kaplan_meier(column_times) for i, column_times in joined.items()}
        row = Row(self.id, self.label, self.level, (*events, *tests), notes=footnotes)
        below = (
            incidences.rows(row, heads, self.days, self.interval)
            if incidences
            else self.curve_rows(heads, curves)
        )
        means = self.means.rows(row, heads, curves) if self.means else ()
        hazards = self.hazards.rows(row, heads, by_levels, len(self.strata)) if self.hazards else ()
        return [row, *below, *means, *hazards]

    def follows(self, sums: Sums, columns: Iterable[int]) -> bool:
        """Return whether there is somebody in each of some columns."""
        return all(self.times(sums, column) for column in columns)

    def hazard(self, sums: Sums, columns: Sequence[int]) -> NormalEstimate | None:
        """Return the logarithm of the hazard ratio of two columns, if it can be estimated."""
        if self.hazards is None:
            return None
        times = [self._times_by_levels(sums, column) for column in columns]
        return self.hazards.estimate(times, len(self.strata))

    def incidences(self, sums: Sums, columns: Iterable[int]) -> Incidences:
        """Return events and competing events of some columns, by stratum."""
        by_column: dict[int, dict[Levels, list[CompetingTimes]]] = {}
        for i in columns:
            strata = by_column.setdefault(i, {})
            for text, times in self.competing_times(sums, i).items():
                stratum = tuple(json.loads(text))[: len(self.strata)]
                strata.setdefault(stratum, []).append(times)
        return Incidences.of(by_column)

    def _times_by_levels(self, sums: Sums, column: int) -> dict[Levels, Times]:
        """Return events and censorings by day, for each stratum and the covariates in it."""
        times = self.times_by_stratum(sums, column)
        return {tuple(json.loads(text)): column_times for text, column_times in times.items()}

    def _by_stratum(self, by_levels: Mapping[Levels, Times]) -> dict[Levels, Times]:
        strata: dict[Levels, list[Times]] = {}
        for levels, times in by_levels.items():
            strata.setdefault(levels[: len(self.strata)], []).append(times)
        return {stratum: all_together(parts) for stratum, parts in strata.items()}

    def _left_out(
        self, heads: Sequence[ColumnHead], by_levels: Mapping[int, Mapping[Levels, Times]]
    ) -> tuple[str, ...]:
        """State who is in no model, for lack of a covariate."""
        counts = {
            heads[i].label: sum(
                sum(totals(times)) for levels, times in column.items() if None in levels
            )
            for i, column in by_levels.items()
        }
        return notes.without_covariates(self.label, counts)

    def _notes(
        self, sums: Sums, heads: Sequence[ColumnHead], undated: Mapping[int, int]
    ) -> Iterator[str]:
        yield from notes.undated(self.label, {heads[i].label: n for i, n in undated.items()})
        undetermined_counts = ((heads[i].label, self.marked_count(sums, i, "v")) for i in undated)
        yield from notes.optional_fields_notes(
            self.label, self.optional_fields, undetermined_counts
        )

    @staticmethod
    def _events(
        times: Times, head: ColumnHead, missing: int, competing: int | None
    ) -> tuple[Statistic, ...]:
        events, censored = totals(times)
        size = events + censored
        not_counted = not_counted_statistics(head.shown - size - missing, missing)
        return (
            *count_statistics(events, head, denominator=size),
            *(() if competing is None else (integer_statistic("competing", competing),)),
            integer_statistic("censored", censored - (competing or 0)),
            *not_counted,
        )
