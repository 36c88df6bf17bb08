"""The cumulative incidence of a row of times with competing events, and its comparison."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from trial.deferred import dataclass
from trial.statistics.competing import (
    AALEN_JOHANSEN,
    AALEN_VARIANCE,
    GRAY,
    CompetingTimes,
    IncidenceCurve,
    cumulative_incidence,
    gray,
)
from trial.statistics.survival import all_together
from trial.tables.grid import Cell, Row, Statistic
from trial.tables.rows.comparing import NOTHING, Compared
from trial.tables.rows.intervals import RowInterval, percent_limits
from trial.tables.rows.kinds import ColumnHead, number_statistic, p_value

type Strata = Mapping[tuple[str | int | None, ...], CompetingTimes]


@dataclass(frozen=True)
class Incidences:
    """Events, competing events and censorings by day, of each column by its strata."""

    strata: Mapping[int, Strata]

    @classmethod
    def of(
        cls, parts: Mapping[int, Mapping[tuple[str | int | None, ...], Sequence[CompetingTimes]]]
    ) -> "Incidences":
        """Add up what is told apart within a stratum."""
        return cls(
            {
                i: {stratum: all_together(times) for stratum, times in strata.items()}
                for i, strata in parts.items()
            }
        )

    @cached_property
    def curves(self) -> Mapping[int, IncidenceCurve]:
        """The curve of each column, all its strata together."""
        return {i: cumulative_incidence(self.times(i)) for i in self.strata}

    def times(self, column: int) -> CompetingTimes:
        """Return the times of a column, all its strata together."""
        return all_together(self.strata[column].values())

    def compared(self, columns: Sequence[int]) -> Compared:
        """Compare columns by Gray's test, over strata; nothing where there is no test."""
        names = sorted({name for i in columns for name in self.strata[i]}, key=str)
        groups = [[self.strata[i].get(name, {}) for i in columns] for name in names]
        test = gray(groups) if groups else None
        stratified = ", stratified" if len(groups) > 1 else ""
        return ((p_value(test.p),), f"{GRAY}{stratified}") if test else NOTHING

    def rows(
        self, row: Row, heads: Sequence[ColumnHead], days: Sequence[int], interval: RowInterval
    ) -> Iterator[Row]:
        """Yield the share that has had the event by each of some days, below a row."""
        method = interval.survival_words(f"{AALEN_JOHANSEN}, {AALEN_VARIANCE}")
        for day in days:
            cells = tuple(
                Cell(heads[i].id, _share(curve, day, interval), method, interval.label)
                for i, curve in self.curves.items()
            )
            yield Row(f"{row.id}/day-{day}", f"With event by day {day} (%)", row.level + 1, cells)


def _share(curve: IncidenceCurve, day: int, interval: RowInterval) -> tuple[Statistic, ...]:
    step = curve.at(day)
    if step is None:
        return ()
    limits = step.interval(interval.confidence.two_sided, interval.method)
    return (
        number_statistic("incidence", step.incidence * 100, 1),
        *percent_limits(limits, interval.confidence),
    )
