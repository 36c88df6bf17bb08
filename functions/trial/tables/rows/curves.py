"""What rows of times have in common: how they are tallied, and read out by Kaplan-Meier."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from trial.deferred import dataclass
from trial.statistics.cells import Share, Sums
from trial.statistics.competing import CompetingTimes
from trial.statistics.survival import (
    BROOKMEYER_CROWLEY,
    GREENWOOD,
    LOG_RANK,
    Curve,
    Times,
    all_together,
    log_rank,
)
from trial.tables.grid import Cell, Row, Statistic
from trial.tables.rows.intervals import LIMIT_NAMES, LOG_LOG_95, RowInterval, percent_limits
from trial.tables.rows.kinds import (
    ColumnHead,
    column_groups,
    integer_statistic,
    number_statistic,
    p_value,
    put_cell,
)
from trial.tables.rows.summaries import TALLY_POINTS

EVENT, CENSORED, COMPETING = "e", "c", "k"
"""How a time ends, in the names of cells; other marks count what has no time of its own."""
_ENDS = EVENT, COMPETING, CENSORED
"""The ends of a time as competing events are tallied."""
_MEDIAN = Fraction(1, 2)
_QUARTILES = (
    ("q1", "First quartile (days)", Fraction(1, 4)),
    ("median", "Median (days)", _MEDIAN),
    ("q3", "Third quartile (days)", Fraction(3, 4)),
)


@dataclass(frozen=True)
class CurveRow:
    """A row whose columns each have a curve: its times, tallied over rows of sums by day.

    `beyond` says what is true of those whose time is longer than a day.
    """

    id: str
    label: str
    level: int
    sums: str
    days: Sequence[int]
    arms: Sequence[str | None]
    interval: RowInterval = LOG_LOG_95
    beyond: str = "Without event"

    def put(self, share: Share, column: int, days: int, cell: str, n: int = 1) -> None:
        """Add to a cell of a day: its name begins with the day and a mark, and ends with `[…]`."""
        put_cell(share, f"{self.sums}{column}#{days // TALLY_POINTS}", cell, n)

    def touched(self) -> set[str]:
        """Return the rows that a day leaves and enters; of the columns of different arms, one's."""
        columns = column_groups(self.arms)
        return {f"{self.sums}{column}{end}" for column in columns for end in ("from", "to")}

    def times_by_stratum(self, sums: Sums, column: int) -> dict[str, Times]:
        """Return events and censorings by day, for each stratum; a competing event is no event."""
        times_by_stratum: dict[str, dict[int, tuple[int, int]]] = {}
        for cells in sums.spread(f"{self.sums}{column}"):
            for cell, n in cells.items():
                day, stratum = cell[: cell.index("[")], cell[cell.index("[") :]
                if day.endswith((EVENT, CENSORED, COMPETING)):
                    add_time(times_by_stratum.setdefault(stratum, {}), day, n)
        return {**times_by_stratum}

    def times(self, sums: Sums, column: int) -> Times:
        """Read events and censorings by day of a column, all strata together."""
        return all_together(self.times_by_stratum(sums, column).values())

    def marked_count(self, sums: Sums, column: int, mark: str) -> int:
        """Return how many have a mark that stands for no time."""
        spread = sums.spread(f"{self.sums}{column}")
        return sum(
            n
            for cells in spread
            for cell, n in cells.items()
            if cell[: cell.index("[")].endswith(mark)
        )

    def competing_times(self, sums: Sums, column: int) -> dict[str, CompetingTimes]:
        """Return events, competing events and censorings by day, for each stratum."""
        times: dict[str, dict[int, list[int]]] = {}
        for cells in sums.spread(f"{self.sums}{column}"):
            for cell, n in cells.items():
                day, stratum = cell[: cell.index("[")], cell[cell.index("[") :]
                if day.endswith(_ENDS):
                    counts = times.setdefault(stratum, {}).setdefault(int(day[:-1]), [0, 0, 0])
                    counts[_ENDS.index(day[-1])] += n
        return {
            stratum: {day: (first, other, rest) for day, (first, other, rest) in by_day.items()}
            for stratum, by_day in times.items()
        }

    def curve_rows(self, heads: Sequence[ColumnHead], curves: Mapping[int, Curve]) -> Iterator[Row]:
        """Yield a row for each quartile, then one for the share beyond each of some days."""
        inner = self.level + 1
        method = self.interval.survival_words(BROOKMEYER_CROWLEY)
        for name, label, share in _QUARTILES:
            cells = tuple(
                Cell(heads[i].id, self._quantile(curve, share), method, self.interval.label)
                for i, curve in curves.items()
            )
            yield Row(f"{self.id}/{name}", label, inner, cells)
        method = self.interval.survival_words(GREENWOOD)
        for day in self.days:
            cells = tuple(
                Cell(heads[i].id, self._surviving(curve, day), method, self.interval.label)
                for i, curve in curves.items()
            )
            yield Row(f"{self.id}/day-{day}", f"{self.beyond} at day {day} (%)", inner, cells)

    def _quantile(self, curve: Curve, share: Fraction) -> tuple[Statistic, ...]:
        return quantile_statistics(curve, share, self.interval, "days", LIMIT_NAMES)

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


def add_time(times: dict[int, tuple[int, int]], day: str, n: int) -> None:
    """Add n that had the event on a day, or were censored, as a cell's name says: `12e`, `12c`."""
    events, censored = times.get(int(day[:-1]), (0, 0))
    is_event = day.endswith(EVENT)
    times[int(day[:-1])] = (events + n * is_event, censored + n * (not is_event))


def totals(times: Times) -> tuple[int, int]:
    """Count events and censorings."""
    return sum(events for events, _ in times.values()), sum(n for _, n in times.values())


def compare_times(strata: Sequence[Sequence[Times]]) -> tuple[tuple[Statistic, ...], str]:
    """Compare groups by the log-rank test, over strata; nothing where there is no test."""
    test = log_rank(strata) if strata else None
    stratified = ", stratified" if len(strata) > 1 else ""
    return ((p_value(test.p),), f"{LOG_RANK}{stratified}") if test else ((), "")


def median_statistics(
    curve: Curve, interval: RowInterval, names: Mapping[str, str]
) -> tuple[Statistic, ...]:
    """Return the median of a curve as one statistic beside others, with the limits asked for."""
    return quantile_statistics(curve, _MEDIAN, interval, "median", names)


def quantile_statistics(
    curve: Curve, share: Fraction, interval: RowInterval, name: str, limits: Mapping[str, str]
) -> tuple[Statistic, ...]:
    """Return the day by which a share has the event, with its limits; nothing of nobody.

    `limits` are the names of these by their side.
    """
    if not curve.n:
        return ()
    ends = interval.of_quantile(curve, share)
    return (
        _day(name, curve.quantile(share)),
        *(_day(limits[side], limit) for side, limit in ends.items()),
    )


def _day(name: str, day: Fraction | int | None) -> Statistic:
    """Return a day, which may lie in the middle of two; or say that it is not reached."""
    if day is None:
        return Statistic(name, None, "not reached")
    if isinstance(day, int):
        return integer_statistic(name, day)
    return number_statistic(name, day, int(day.denominator > 1))
