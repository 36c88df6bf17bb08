"""Rows that describe a measure: moments, and order statistics from a tally of its values."""

import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import cache, cached_property, partial

from trial.deferred import dataclass
from trial.definition.precision import Precision
from trial.definition.summary_statistics import (
    INTERVALS,
    ORDER_STATISTICS,
    PERCENTILES,
    SUMMARY_STATISTICS,
)
from trial.events.json_body import canonical
from trial.rules.matching import Test
from trial.rules.measures import Quantity
from trial.statistics import ranges
from trial.statistics.cells import Cells, Share, Sums
from trial.statistics.geometric import GeometricStatistics, coefficient_of_variation
from trial.statistics.margins import Margin
from trial.statistics.moments import Moments, SampleStatistics
from trial.statistics.tallies import OrderedValues, RangedValues, RankedValues
from trial.subject.derivation import Derivation
from trial.subject.results import Value
from trial.tables import notes
from trial.tables.grid import NOT_REPORTED, Cell, Row, Statistic
from trial.tables.rounding import Exact, exact_text, nearest_short_decimal, nearest_tie
from trial.tables.rows.comparing import Tallies, compare_means
from trial.tables.rows.counts import PlacedRow
from trial.tables.rows.intervals import STUDENT_95, RowInterval, limit_statistics
from trial.tables.rows.kinds import (
    ColumnHead,
    Members,
    check_printed,
    column_groups,
    fewest_places,
    integer_statistic,
    number_statistic,
    put_cell,
)

LOCF = "LOCF"
"""What carrying the last value forward is called; where that is the baseline, it is BOCF."""

TALLY_POINTS = 32
"""Steps of the grid that a row of sums holds at least: a tally spreads over rows."""


@dataclass(frozen=True)
class SummaryRow(PlacedRow):
    """Descriptive statistics of a measure, by column."""

    table: str
    quantities: Sequence[Quantity | None]
    statistics: Sequence[Sequence[str]]
    methods: Sequence[str]
    decimals: int | Mapping[str, int] | None
    where: Test | None
    arms: Sequence[str | None]
    groups: tuple[tuple[str, str], ...] = ()
    interval: RowInterval = STUDENT_95
    per: Fraction | None = None
    ranked: Collection[int] = ()
    """The columns that others compare by ranks, so that their values are kept."""
    margin: Margin | None = None
    shows_error: bool = False
    """Whether a column shows the standard error of a difference: it has a place more."""
    joint: Sequence[Quantity] = ()
    """What is kept of the same subject beside each value."""

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Add n, the value and its square and, for order statistics, its tally."""
        if self.where is not None and not self.where(derivation):
            return
        for column, quantity, prefix, tallied in self._measured:
            if not members[column]:
                continue
            value = quantity.evaluate(derivation)
            if self.joint:
                self._put_jointly(derivation, share, column, value)
            if value is None:
                continue
            cells = share.setdefault(self.sums, {})
            for name, lifted in Moments(quantity.places).contribution(value.units).items():
                cells[f"{prefix}{name}"] = lifted
            if value.imputed:
                cells[f"{prefix}i"] = 1
            if value.baseline and self.methods[column] == LOCF:
                cells[f"{prefix}b"] = 1
            if tallied:
                self.put_in_tally(share, column, value.units)

    def _put_jointly(
        self, derivation: Derivation, share: Share, column: int, value: Value | None
    ) -> None:
        """Count the values that a subject has together, in the range of the first of them.

        Who has none of them is not counted; who lacks the first is in a range of its own.
        """
        quantity = self.quantities[column]
        assert quantity is not None
        values = [value, *(joint_quantity.evaluate(derivation) for joint_quantity in self.joint)]
        units = [None if number is None else number.units for number in values]
        if all(number is None for number in units):
            return
        reach = tally_reach(quantity.precision)
        number = "none" if value is None else ranges.range_of(value.units // reach)
        put_cell(share, f"{self._together}#{number}", f"{column}{canonical(units)}", 1)

    def put_in_tally(self, share: Share, column: int, units: int) -> None:
        """Add a value to a column's tally, and to the count of those in its range."""
        quantity = self.quantities[column]
        assert quantity is not None
        number = ranges.range_of(units // tally_reach(quantity.precision))
        counting_cell, count = ranges.count_of(number)
        put_cell(share, self._range_row(number), f"{column}={units}", 1)
        put_cell(share, self.sums, f"{self.index}.{column}.{counting_cell}", count)

    @property
    def precisions(self) -> list[Precision]:
        """The precisions of the measures that it describes."""
        return [quantity.precision for _, quantity, *_ in self._measured]

    def check(self, path: str) -> None:
        """Refuse decimals that are not kept, where the row names them or else its measure."""
        decimals_path = f"{path}/summary" if self.decimals is None else f"{path}/decimals"
        for column, quantity, *_ in self._measured:
            names = {*self.statistics[column], *self._drawn} - {"n"}
            names -= {name for name in names if SUMMARY_STATISTICS[name].own_decimals is not None}
            max_decimals = max((self.places(column, name) for name in names), default=0)
            check_printed(quantity.precision, max_decimals, decimals_path)

    @property
    def _drawn(self) -> Sequence[str]:
        """The mean, where a comparing column or a figure may show it without its being listed."""
        error = ("se",) if self.shows_error else ()
        return ("mean", *error) if None in self.quantities or self.groups else ()

    @cached_property
    def _measured(self) -> list[tuple[int, Quantity, str, bool]]:
        """The columns that measure: quantity, how its cells begin, and whether it is tallied."""
        return [
            (column, quantity, f"{self.index}.{column}.", self._tallied(column))
            for column, quantity in enumerate(self.quantities)
            if quantity is not None
        ]

    @property
    def _tally(self) -> str:
        """What the rows of sums begin with that hold the values, those of all columns together."""
        return f"{self.table}{ranges.TALLY}{self.index}"

    @property
    def _together(self) -> str:
        """What the rows of sums begin with that hold the values that subjects have together."""
        return f"{self.table}#joint{self.index}"

    def _range_row(self, number: int) -> str:
        """Return the row of sums that holds a range of values."""
        return f"{self._tally}#{number}"

    def _tallied(self, column: int) -> bool:
        return column in self.ranked or not ORDER_STATISTICS.isdisjoint(self.statistics[column])

    def touched(self) -> set[str]:
        """Return the row of moments and, for order statistics, the tallies a value moves between.

        Columns of a tally stand side by side, so where they are of one measure it is one value. And
        a subject is in one arm at a time: columns of different arms together count once.
        """
        arms = column_groups(self.arms)
        measured = [column for column, *_ in self._measured]
        tallied = [column for column in measured if self._tallied(column)]
        spread = [(self._tally, tallied), (self._together, measured if self.joint else [])]
        return {self.sums} | {
            f"{start}#{number}{end}"
            for start, columns in spread
            for number in range(
                min(
                    len({arms[column] for column in columns}),
                    len({id(self.quantities[column]) for column in columns}),
                )
            )
            for end in ("from", "to")
        }

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Read the statistics asked for, means to one decimal more than the data and SD to two."""
        moments = {column: self.moments(sums, column) for column, *_ in self._measured}
        described = [
            Cell(
                heads[i].id,
                self._statistics(sums, i, column_moments),
                self._method(i),
                self.interval.confidence.label,
            )
            for i, column_moments in moments.items()
        ]
        places = self.places(next(iter(moments)), "mean") if moments else 0
        places_kept = fewest_places(*self.precisions)
        tally_places = max((precision.places for precision in self.precisions), default=0)
        tallies = Tallies(tally_places, partial(self._scaled, sums, tally_places))
        compared = compare_means(heads, moments, places, places_kept, tallies, self.margin)
        measured = ((heads[i].label, quantity) for i, quantity, *_ in self._measured)
        unit, direction = notes.units_and_directions(measured)
        cells = (*described, *compared)
        carried = {heads[i].label: self._baselines(sums, i) for i in moments}
        undefined = [heads[i].label for i in moments if self._below_zero(sums, i)]
        footnotes = (
            *notes.baselines(self.label, carried),
            *notes.no_logarithm(self.label, undefined),
            *notes.margin(self.label, self.margin),
        )
        return [
            Row(self.id, self.label, self.level, cells, self.groups, unit, direction, footnotes)
        ]

    def _method(self, column: int) -> str:
        """Return what stands in for missing values, and how what is not as usual is computed."""
        intervals = self.interval.mean_words if self.interval != STUDENT_95 else ""
        divided = "" if self.per is None else f"sum divided by {exact_text(self.per)}"
        return "; ".join(filter(None, (self.methods[column], intervals, divided)))

    def moments(self, sums: Share, column: int) -> SampleStatistics:
        """Read the moments of a column."""
        quantity = self.quantities[column]
        assert quantity is not None
        cells, prefix = sums.get(self.sums, {}), f"{self.index}.{column}."
        moment_cells = {
            name: cells[prefix + name] for name in Moments.CELLS if prefix + name in cells
        }
        return Moments(quantity.places).estimate(moment_cells)

    def short_decimals(self, column: int, *values: Exact) -> list[Fraction]:
        """Return statistics of a column, each as the short decimal that it stands for, if any."""
        quantity = self.quantities[column]
        endless = fewest_places(quantity.precision) if quantity else None
        return [
            Fraction(value) if endless is None else nearest_short_decimal(value, endless)
            for value in values
        ]

    def places(self, column: int, statistic: str) -> int:
        """Return the decimals that a statistic is printed to."""
        quantity, decimals = self.quantities[column], self.decimals
        assert quantity is not None
        if isinstance(decimals, Mapping) and statistic in decimals:
            return decimals[statistic]
        if (own_decimals := SUMMARY_STATISTICS[statistic].own_decimals) is not None:
            return own_decimals
        of_data = decimals if isinstance(decimals, int) else quantity.precision.decimals
        quotient = statistic == "sum" and self.per is not None
        return of_data + (1 if quotient else SUMMARY_STATISTICS[statistic].more_decimals)

    def _statistics(
        self, sums: Sums, column: int, moments: SampleStatistics
    ) -> tuple[Statistic, ...]:
        quantity = self.quantities[column]
        assert quantity is not None
        values = self._ranked_values(sums, column)
        if self._tallied(column) and values.n != moments.n:
            raise ValueError("these cells do not count the values of that tally")
        described = _Described(
            moments,
            values,
            lambda: OrderedValues(self._points(sums, column)),
            quantity.precision,
            self.interval,
            self.per or Fraction(1),
        )
        absent = "" if moments.n else NOT_REPORTED
        statistics = [integer_statistic("n", moments.n)]
        for name in self.statistics[column]:
            if name in INTERVALS:
                statistics += described.limits(name, self.places(column, name))
            elif name != "n":
                statistics.append(described.statistic(name, self.places(column, name), absent))
        if self.methods[column]:
            cells = sums.get(self.sums, {})
            imputed = cells.get(f"{self.index}.{column}.i", 0)
            statistics += [
                integer_statistic("observed", moments.n - imputed),
                integer_statistic("imputed", imputed),
            ]
        if n := self._baselines(sums, column):
            statistics.append(integer_statistic("baseline", n))
        return tuple(statistics)

    def _baselines(self, sums: Sums, column: int) -> int:
        """Read for how many subjects the baseline was the last value to carry forward."""
        return sums.get(self.sums, {}).get(f"{self.index}.{column}.b", 0)

    def _below_zero(self, sums: Sums, column: int) -> bool:
        """Return whether geometric statistics are asked of values of which one has no logarithm."""
        if _GEOMETRIC.isdisjoint(self.statistics[column]):
            return False
        return any(n and point <= 0 for point, n in self._points(sums, column).items())

    def tally(self, sums: Sums, column: int) -> OrderedValues:
        """Read how often each value of a tallied column occurs, in units of its last place."""
        return OrderedValues(self._points(sums, column))

    def values(self, sums: Sums, column: int) -> list[Fraction]:
        """Read the values that a tallied column keeps, one a subject, the greatest first."""
        quantity = self.quantities[column]
        assert quantity is not None
        points = sorted(self._points(sums, column).items(), reverse=True)
        unit = 10**quantity.places
        return [Fraction(point, unit) for point, n in points for _ in range(n)]

    def together(self, sums: Sums, column: int) -> list[tuple[tuple[Fraction | None, ...], int]]:
        """Read which values subjects have together, and how many have these; the greatest first."""
        quantity = self.quantities[column]
        assert quantity is not None
        scales = [10**part.places for part in (quantity, *self.joint)]
        start, counts = f"{column}[", Counter[tuple[int | None, ...]]()
        for cells in sums.spread(self._together):
            for name, n in cells.items():
                if name.startswith(start):
                    counts[tuple(json.loads(name[len(start) - 1 :]))] += n
        ordered = sorted(
            (units for units, n in counts.items() if n),
            key=lambda units: [(unit is not None, unit or 0) for unit in units],
            reverse=True,
        )
        return [
            (
                tuple(
                    None if unit is None else Fraction(unit, scale)
                    for unit, scale in zip(units, scales, strict=True)
                ),
                counts[units],
            )
            for units in ordered
        ]

    def _scaled(self, sums: Sums, places: int, column: int) -> dict[int, int]:
        """Read the tally of a column, in units of so many places."""
        quantity = self.quantities[column]
        assert quantity is not None
        lift = 10 ** (places - quantity.places)
        return {point * lift: n for point, n in self._points(sums, column).items()}

    def _points(self, sums: Sums, column: int) -> dict[int, int]:
        """Read how often each value of a column's tally occurs."""
        points: dict[int, int] = {}
        for cells in sums.spread(self._tally):
            points |= _points_of(cells, column)
        return points

    def _ranked_values(self, sums: Sums, column: int) -> RankedValues:
        """Return a column's values, of which those ranges are read that hold a rank asked for."""
        if not self._tallied(column):
            return OrderedValues({})

        def points_in(number: int) -> dict[int, int] | None:
            row = self._range_row(number)
            points = _points_of(sums.get(row, {}), column)
            return points if sums.has_read(row) else None

        prefix = f"{self.index}.{column}."
        return RangedValues(ranges.counts_in(sums.get(self.sums, {}), prefix), points_in)


def _points_of(cells: Cells, column: int) -> dict[int, int]:
    """Return how often each value of a column occurs in a row of sums."""
    start = f"{column}="
    return {int(name[len(start) :]): n for name, n in cells.items() if name.startswith(start)}


_QUANTILES = {
    "min": Fraction(0),
    "q1": Fraction(1, 4),
    "median": Fraction(1, 2),
    "q3": Fraction(3, 4),
    "max": Fraction(1),
    **{f"p{percent}": Fraction(percent, 100) for percent in PERCENTILES},
}
_DISTANCES = {"iqr": ("q1", "q3"), "range": ("min", "max")}
_GEOMETRIC = frozenset(name for name in SUMMARY_STATISTICS if name.startswith("geometric"))


@dataclass(frozen=True)
class _Described:
    """The statistics of a column: of its sums, and of its values where they are kept.

    What is in the data's unit and weighs no value more than once is off by no more than the values
    are; everything else that is made of rounded values has a bound of its own.
    """

    moments: SampleStatistics
    values: RankedValues
    all_values: Callable[[], OrderedValues]
    precision: Precision
    interval: RowInterval
    per: Fraction

    def statistic(self, name: str, places: int, absent: str) -> Statistic:
        """Return a statistic that is one number."""
        if name in ("cv", "sum", *_DISTANCES) or name in _GEOMETRIC:
            value, error = self._bounded(name)
            exact = None if value is None else nearest_tie(value, places, error)
            return number_statistic(name, exact, places, absent)
        places_kept = fewest_places(self.precision)
        value = self._quantile(name) if name in _QUANTILES else getattr(self.moments, name)
        return number_statistic(name, value, places, absent, places_kept)

    def limits(self, name: str, places: int) -> tuple[Statistic, ...]:
        """Return the limits of an interval that are asked for."""
        confidence, places_kept = self.interval.confidence, fewest_places(self.precision)
        prefix = INTERVALS[name][0].removesuffix("ci_low")
        if name == "ci":
            limits = confidence.chosen(self.interval.of_mean(self.moments))
            return limit_statistics(limits, places, places_kept)
        if name == "median_ci":
            ranked = confidence.chosen(self.values.median_interval(confidence.two_sided))
            in_unit = {side: Fraction(units, self._unit) for side, units in ranked.items()}
            return limit_statistics(in_unit, places, places_kept, prefix)
        return limit_statistics(self._geometric_limits(places), places, prefix=prefix)

    @property
    def _unit(self) -> int:
        unit: int = 10**self.precision.places
        return unit

    def _quantile(self, name: str) -> Fraction | None:
        units = self.values.quantile(_QUANTILES[name])
        return None if units is None else units / self._unit

    @property
    def _error(self) -> Fraction:
        """How far a value may be off."""
        places_kept = fewest_places(self.precision)
        return Fraction(0) if places_kept is None else Fraction(1, 10**places_kept)

    def _bounded(self, name: str) -> tuple[Exact | None, Fraction]:
        """Return a statistic, and how far it may be off."""
        if name == "sum":
            if self.moments.mean is None:
                return None, self._error
            n = self.moments.n
            return self.moments.mean * n / self.per, self._error * n / self.per
        if name in _DISTANCES:
            low, high = map(self._quantile, _DISTANCES[name])
            return None if low is None or high is None else high - low, 2 * self._error
        if name == "cv":
            return self._variation()
        geometric = self._geometric
        return {
            "geometric_mean": lambda: (geometric.mean, geometric.mean_error),
            "geometric_sd": lambda: (geometric.sd, geometric.sd_error),
            "geometric_cv": lambda: (geometric.cv, geometric.cv_error),
        }[name]()

    def _variation(self) -> tuple[Decimal | None, Fraction]:
        """Return the CV; a mean that may as well be 0 has none.

        The SD is off by at most two errors of a value, the mean by one.
        """
        mean, error = self.moments.mean, self._error
        cv = coefficient_of_variation(mean, self.moments.variance)
        if mean is None or cv is None or abs(mean) <= 2 * error:
            return None, error
        relative = error / (abs(mean) - error)
        return cv, 200 * relative + abs(Fraction(cv)) * relative

    @cached_property
    def _geometric(self) -> GeometricStatistics:
        return GeometricStatistics(self.all_values(), self.precision.places, self._error)

    def _geometric_limits(self, places: int) -> dict[str, Fraction]:
        level, normal = self.interval.confidence.two_sided, self.interval.method == "z"
        limits = self.interval.confidence.chosen(self._geometric.interval(level, normal=normal))
        error = self._geometric.interval_error(level, normal=normal)
        bounded = {side: nearest_tie(limit, places, error) for side, limit in limits.items()}
        return {side: limit for side, limit in bounded.items() if limit is not None}


@cache
def tally_reach(precision: Precision) -> int:
    """Return how many units of the last place a row of sums of a tally reaches over at least."""
    return int(TALLY_POINTS * 10 ** (precision.places - precision.tally_decimals))
