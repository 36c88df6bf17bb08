"""Order statistics: what a tally of values tells."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate

QUARTILES = "quartiles by SAS definition 5"


@dataclass(frozen=True)
class OrderStatistics:
    """Order statistics; without values all but `n` are None."""

    n: int
    minimum: Fraction | None = None
    q1: Fraction | None = None
    median: Fraction | None = None
    q3: Fraction | None = None
    maximum: Fraction | None = None


@dataclass(frozen=True)
class Tally:
    """How often each value occurs, for what a sum cannot tell: median, quartiles, extremes."""

    places: int = 0

    def contribution(self, units: int) -> dict[str, int]:
        """Return the cell of one value, named by the value in units of the last place."""
        return {str(units): 1}

    def estimate(self, cells: Mapping[str, int]) -> OrderStatistics:
        """Read order statistics, in the values' own unit, out of summed cells."""
        return order_statistics({int(name): n for name, n in cells.items()}, self.places)


def order_statistics(counts: Mapping[int, int], places: int = 0) -> OrderStatistics:
    """Read order statistics out of how often each value, in units of the last place, occurs.

    Quartiles follow SAS definition 5 (PCTLDEF=5, R type 2): the empirical distribution function
    with averaging, of which the usual median is the middle case.
    """
    units = sorted(unit for unit, n in counts.items() if n)
    if any(n < 0 for n in counts.values()):
        raise ValueError("these cells are not the tally of any values")
    if not units:
        return OrderStatistics(0)
    ranks = list(accumulate(counts[unit] for unit in units))
    quartiles = (_quantile(units, ranks, Fraction(i, 4)) for i in range(5))
    return OrderStatistics(ranks[-1], *(quantile / 10**places for quantile in quartiles))


def _quantile(units: Sequence[int], ranks: Sequence[int], p: Fraction) -> Fraction:
    """Average the order statistics around n p; `ranks` are the last ranks the units reach."""
    n = ranks[-1]
    lower_rank, fraction = divmod(n * p, 1)
    above = _order_statistic(units, ranks, min(lower_rank + 1, n))
    if fraction:
        return Fraction(above)
    return Fraction(_order_statistic(units, ranks, max(lower_rank, 1)) + above, 2)


def _order_statistic(units: Sequence[int], ranks: Sequence[int], rank: int) -> int:
    return units[bisect_left(ranks, rank)]
