"""Rows of time to event: a tally of times, read out by Kaplan-Meier."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from trial.events.json_body import canonical
from trial.rules.categories import Category
from trial.rules.dating import Time
from trial.statistics.cells import Share, Sums
from trial.statistics.survival import (
    BROOKMEYER_CROWLEY,
    GREENWOOD,
    KAPLAN_MEIER,
    LOG_RANK,
    Curve,
    Times,
    kaplan_meier,
    log_rank,
)
from trial.subject.derivation import Derivation
from trial.tables import notes
from trial.tables.grid import Cell, Row, Statistic
from trial.tables.rows.counting import not_counted_statistics
from trial.tables.rows.intervals import LIMIT_NAMES, LOG_LOG_95, RowInterval, percent_limits
from trial.tables.rows.kinds import (
    ColumnHead,
    Members,
    column_groups,
    count_statistics,
    integer_statistic,
    number_statistic,
    p_value,
    put_cell,
    undated_statistic,
)
from trial.tables.rows.summaries import TALLY_POINTS

_MISSING_CELL = "0m[]"
"""The cell of subjects without a time or a stratum, of whom neither can come any more."""


@dataclass(frozen=True)
class SurvivalRow:
    """Subjects by day of their event, or of the end of their follow-up, and by stratum."""

    id: str
    label: str
    level: int
    sums: str
    time: Callable[[Derivation], Time | None]
    optional_fields: Sequence[str]
    strata: Sequence[Category]
    days: Sequence[int]
    arms: Sequence[str | None]
    interval: RowInterval = LOG_LOG_95

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Count the subject at its day; without a stratum it is left out, as without a start.

        A subject with an event that has no date counts as censored, and once more in a cell of its
        own (`u`); likewise one with an adverse event that lacks one of the `optional_fields` (`v`).
        A subject left out is missing once the study is over for it, and not yet due until then.
        """
        time, levels = self.time(derivation), [stratum_of(derivation) for stratum_of in self.strata]
        if time is None or None in levels:
            for column, member in enumerate(members):
                if member and derivation.over:
                    put_cell(share, f"{self.sums}{column}#0", _MISSING_CELL, 1)
            return
        marks = ("e" if time.event else "c", *"u" * time.undated, *"v" * time.undetermined)
        for column, member in enumerate(members):
            for mark in marks if member else ():
                cell = f"{time.days}{mark}{canonical(levels)}"
                put_cell(share, f"{self.sums}{column}#{time.days // TALLY_POINTS}", cell, 1)

    def touched(self) -> set[str]:
        """Return the rows that a day leaves and enters; of the columns of different arms, one's."""
        columns = column_groups(self.arms)
        return {f"{self.sums}{column}{end}" for column in columns for end in ("from", "to")}

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Return subjects with the event, the quartiles, and the share without it at some days.

        Columns that compare give the log-rank test, over strata where there are any.
        """
        times = {i: self._times(sums, i) for i, head in enumerate(heads) if not head.comparison}
        curves = {
            i: kaplan_meier(_all_strata(strata_times.values())) for i, strata_times in times.items()
        }
        strata = sorted({stratum for strata_times in times.values() for stratum in strata_times})
        tests = tuple(
            Cell(head.id, *_compared([[times[i].get(s, {}) for i in columns] for s in strata]))
            for head in heads
            if head.comparison and (columns := head.comparison.columns)
        )
        undated = {i: self._marked_count(sums, i, "u") for i in curves}
        events = tuple(
            Cell(
                heads[i].id,
                (
                    *self._events(times[i], heads[i], self._marked_count(sums, i, "m")),
                    *undated_statistic(undated[i]),
                ),
                KAPLAN_MEIER,
            )
            for i in curves
        )
        inner = self.level + 1
        footnotes = tuple(self._notes(sums, heads, undated))
        return [
            Row(self.id, self.label, self.level, (*events, *tests), notes=footnotes),
            *(
                Row(f"{self.id}/{name}", label, inner, self._quantiles(heads, curves, quartile))
                for name, label, quartile in (
                    ("q1", "First quartile (days)", Fraction(1, 4)),
                    ("median", "Median (days)", Fraction(1, 2)),
                    ("q3", "Third quartile (days)", Fraction(3, 4)),
                )
            ),
            *(
                Row(
                    f"{self.id}/day-{day}",
                    f"Without event at day {day} (%)",
                    inner,
                    tuple(
                        Cell(
                            heads[i].id,
                            self._surviving(curve, day),
                            self.interval.survival_words(GREENWOOD),
                            self.interval.label,
                        )
                        for i, curve in curves.items()
                    ),
                )
                for day in self.days
            ),
        ]

    def times(self, sums: Sums, column: int) -> Times:
        """Read events and censorings by day of a column, all strata together."""
        return _all_strata(self._times(sums, column).values())

    def _times(self, sums: Sums, column: int) -> dict[str, dict[int, tuple[int, int]]]:
        """Return events and censorings by day, for each stratum."""
        times_by_stratum: dict[str, dict[int, tuple[int, int]]] = {}
        for cells in sums.spread(f"{self.sums}{column}"):
            for cell, n in cells.items():
                day, stratum = cell[: cell.index("[")], cell[cell.index("[") :]
                if day.endswith(("u", "v", "m")):
                    continue
                times = times_by_stratum.setdefault(stratum, {})
                events, censored = times.get(int(day[:-1]), (0, 0))
                event = day.endswith("e")
                times[int(day[:-1])] = (events + n * event, censored + n * (not event))
        return times_by_stratum

    def _marked_count(self, sums: Sums, column: int, mark: str) -> int:
        """Return the subjects of a mark: no date (`u`), lacking a field (`v`), or missing (`m`)."""
        spread = sums.spread(f"{self.sums}{column}")
        return sum(n for cells in spread for cell, n in cells.items() if f"{mark}[" in cell)

    def _notes(
        self, sums: Sums, heads: Sequence[ColumnHead], undated: Mapping[int, int]
    ) -> Iterator[str]:
        yield from notes.undated(self.label, {heads[i].label: n for i, n in undated.items()})
        undetermined_counts = ((heads[i].label, self._marked_count(sums, i, "v")) for i in undated)
        yield from notes.optional_fields_notes(
            self.label, self.optional_fields, undetermined_counts
        )

    def _quantiles(
        self, heads: Sequence[ColumnHead], curves: Mapping[int, Curve], share: Fraction
    ) -> tuple[Cell, ...]:
        method = self.interval.survival_words(BROOKMEYER_CROWLEY)
        return tuple(
            Cell(heads[i].id, self._quantile(curve, share), method, self.interval.label)
            for i, curve in curves.items()
        )

    def _quantile(self, curve: Curve, share: Fraction) -> tuple[Statistic, ...]:
        """Return the day by which a share has the event, with the limits asked for."""
        if not curve.n:
            return ()
        limits = self.interval.of_quantile(curve, share)
        return (
            _day("days", curve.quantile(share)),
            *(_day(LIMIT_NAMES[side], limit) for side, limit in limits.items()),
        )

    def _surviving(self, curve: Curve, day: int) -> tuple[Statistic, ...]:
        survival = curve.survival(day)
        if survival is None:
            return ()
        reached = (step for step in reversed(curve.steps) if step.time <= day)
        step = next(reached, None)
        limits = self.interval.of_survival(step) if step else None
        return (
            number_statistic("survival", survival * 100, 1),
            *percent_limits(limits, self.interval.confidence),
        )

    def _events(
        self, times: Mapping[str, Times], head: ColumnHead, missing: int
    ) -> tuple[Statistic, ...]:
        joined = _all_strata(times.values()).values()
        events, censored = (
            (sum(counts) for counts in zip(*joined, strict=True)) if joined else (0, 0)
        )
        size = events + censored
        not_counted = not_counted_statistics(head.shown - size - missing, missing)
        return (
            *count_statistics(events, head, denominator=size),
            integer_statistic("censored", censored),
            *not_counted,
        )


def _all_strata(strata: Iterable[Times]) -> Times:
    joined: dict[int, tuple[int, int]] = {}
    for times in strata:
        for day, (events, censored) in times.items():
            further_events, further_censored = joined.get(day, (0, 0))
            joined[day] = (events + further_events, censored + further_censored)
    return joined


def _compared(strata: Sequence[Sequence[Times]]) -> tuple[tuple[Statistic, ...], str]:
    test = log_rank(strata) if strata else None
    stratified = ", stratified" if len(strata) > 1 else ""
    return ((p_value(test.p),), f"{LOG_RANK}{stratified}") if test else ((), "")


def _day(name: str, day: Fraction | int | None) -> Statistic:
    """Return a day, which may lie in the middle of two; or say that it is not reached."""
    if day is None:
        return Statistic(name, None, "not reached")
    if isinstance(day, int):
        return integer_statistic(name, day)
    return number_statistic(name, day, int(day.denominator > 1))
