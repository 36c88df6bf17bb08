"""Rows that describe a measure: moments, and order statistics from a tally of its values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from trial.definition.precision import Precision
from trial.definition.summary_statistics import ORDER_STATISTICS, SUMMARY_STATISTICS
from trial.rules.matching import Test
from trial.rules.measures import Quantity
from trial.statistics.cells import Share, Sums
from trial.statistics.moments import Moments, SampleStatistics
from trial.statistics.tallies import order_statistics
from trial.subject.derivation import Derivation
from trial.tables import notes
from trial.tables.grid import NOT_REPORTED, Cell, Row, Statistic
from trial.tables.rounding import Exact, nearest_short_decimal
from trial.tables.rows.comparing import compare_means
from trial.tables.rows.counts import PlacedRow
from trial.tables.rows.kinds import (
    ColumnHead,
    Members,
    check_printed,
    column_groups,
    fewest_places,
    integer_statistic,
    interval_statistics,
    number_statistic,
    put_cell,
)

LOCF = "LOCF"
"""What carrying the last value forward is called; where that is the baseline, it is BOCF."""

TALLY_POINTS = 32
"""Steps of the grid that a row of sums holds: a tally spreads over rows, so that none grows."""


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

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Add n, the value and its square and, for order statistics, its tally."""
        if self.where is not None and not self.where(derivation):
            return
        for column, quantity, prefix, tallied in self._measured:
            value = quantity.evaluate(derivation) if members[column] else None
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
                near = value.units // _reach(quantity.precision)
                put_cell(share, f"{self._tally(column)}#{near}", str(value.units), 1)

    @property
    def precisions(self) -> list[Precision]:
        """The precisions of the measures that it describes."""
        return [quantity.precision for _, quantity, *_ in self._measured]

    def check(self, path: str) -> None:
        """Refuse decimals that are not kept, where the row names them or else its measure."""
        decimals_path = f"{path}/summary" if self.decimals is None else f"{path}/decimals"
        for column, quantity, *_ in self._measured:
            names = {*self.statistics[column], *self._drawn} - {"n"}
            max_decimals = max((self.places(column, name) for name in names), default=0)
            check_printed(quantity.precision, max_decimals, decimals_path)

    @property
    def _drawn(self) -> Sequence[str]:
        """The mean, where a comparing column or a figure may show it without its being listed."""
        return ("mean",) if None in self.quantities or self.groups else ()

    @cached_property
    def _measured(self) -> list[tuple[int, Quantity, str, bool]]:
        """The columns that measure: quantity, how its cells begin, and whether it is tallied."""
        return [
            (column, quantity, f"{self.index}.{column}.", self._tallied(column))
            for column, quantity in enumerate(self.quantities)
            if quantity is not None
        ]

    def _tally(self, column: int | str) -> str:
        return f"{self.table}#tally#{self.index}.{column}"

    def _tallied(self, column: int) -> bool:
        return not ORDER_STATISTICS.isdisjoint(self.statistics[column])

    def touched(self) -> set[str]:
        """Return the row of moments and, for order statistics, the tallies a value moves between.

        A subject is in one arm at a time, so columns of different arms together count once.
        """
        columns = column_groups(self.arms)
        return {self.sums} | {
            f"{self._tally(columns[column])}#{end}"
            for column, *_, tallied in self._measured
            if tallied
            for end in ("from", "to")
        }

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Read the statistics asked for, means to one decimal more than the data and SD to two."""
        moments = {column: self.moments(sums, column) for column, *_ in self._measured}
        described = [
            Cell(heads[i].id, self._statistics(sums, i, column_moments), self.methods[i])
            for i, column_moments in moments.items()
        ]
        places = self.places(next(iter(moments)), "mean") if moments else 0
        compared = compare_means(heads, moments, places, fewest_places(*self.precisions))
        measured = ((heads[i].label, quantity) for i, quantity, *_ in self._measured)
        unit, direction = notes.units_and_directions(measured)
        cells = (*described, *compared)
        carried = {heads[i].label: self._baselines(sums, i) for i in moments}
        footnotes = notes.baselines(self.label, carried)
        return [
            Row(self.id, self.label, self.level, cells, self.groups, unit, direction, footnotes)
        ]

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
        of_data = decimals if isinstance(decimals, int) else quantity.precision.decimals
        return of_data + SUMMARY_STATISTICS[statistic].more_decimals

    def _statistics(
        self, sums: Sums, column: int, moments: SampleStatistics
    ) -> tuple[Statistic, ...]:
        quantity = self.quantities[column]
        assert quantity is not None
        values_by_name: dict[str, Fraction | Decimal | None] = {
            "mean": moments.mean,
            "sd": moments.sd,
            "se": moments.se,
        }
        if self._tallied(column):
            values_by_name |= self._order(sums, column, quantity.places)
        endless = fewest_places(quantity.precision)
        absent = "" if moments.n else NOT_REPORTED
        statistics = [integer_statistic("n", moments.n)]
        for name in self.statistics[column]:
            if name == "ci":
                places = self.places(column, "ci")
                statistics += interval_statistics(moments.t_interval(), places, endless)
            elif name != "n":
                places = self.places(column, name)
                statistics.append(
                    number_statistic(name, values_by_name[name], places, absent, endless)
                )
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

    def _order(self, sums: Sums, column: int, places: int) -> dict[str, Fraction | None]:
        readout, unit = order_statistics(self._points(sums, column)), 10**places
        return {
            name: None if value is None else Fraction(value) / unit
            for name, value in (
                ("median", readout.median),
                ("q1", readout.q1),
                ("q3", readout.q3),
                ("min", readout.minimum),
                ("max", readout.maximum),
            )
        }

    def values(self, sums: Sums, column: int) -> list[Fraction]:
        """Read the values that a tallied column keeps, one a subject, the greatest first."""
        quantity = self.quantities[column]
        assert quantity is not None
        points = sorted(self._points(sums, column).items(), reverse=True)
        unit = 10**quantity.places
        return [Fraction(point, unit) for point, n in points for _ in range(n)]

    def _points(self, sums: Sums, column: int) -> dict[int, int]:
        rows = sums.spread(self._tally(column))
        return {int(point): n for cells in rows for point, n in cells.items()}


def _reach(precision: Precision) -> int:
    """Return how many units of the last place a row of sums of a tally reaches over."""
    return int(TALLY_POINTS * 10 ** (precision.places - precision.tally_decimals))
