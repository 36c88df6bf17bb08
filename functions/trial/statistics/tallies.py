"""Order statistics: what a tally of values tells."""

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from fractions import Fraction
from functools import cached_property
from itertools import accumulate

from trial.deferred import dataclass
from trial.statistics.binomial import greatest_below
from trial.statistics.inference import LEVEL

QUARTILES = "quartiles by SAS definition 5"
MEDIAN_INTERVAL = "two order statistics, binomial"
_HALF = Fraction(1, 2)


@dataclass(frozen=True)
class OrderStatistics:
    """Order statistics; without values all but `n` are None."""

    n: int
    minimum: Fraction | None = None
    q1: Fraction | None = None
    median: Fraction | None = None
    q3: Fraction | None = None
    maximum: Fraction | None = None


class RankedValues(ABC):
    """Values of which the one of each rank can be told, in units of the last place."""

    @property
    @abstractmethod
    def n(self) -> int:
        """How many values there are."""

    @abstractmethod
    def at(self, rank: int) -> int:
        """Return the value of a rank; the smallest has rank 1."""

    def quantile(self, p: Fraction) -> Fraction | None:
        """Return the quantile `p` by SAS definition 5 (PCTLDEF=5, R type 2); None without values.

        The empirical distribution function with averaging: the order statistic at n p rounded up,
        and where n p is a whole number the mean of that one and the next.
        """
        n = self.n
        if not n:
            return None
        lower_rank, fraction = divmod(n * p, 1)
        above = self.at(min(int(lower_rank) + 1, n))
        if fraction:
            return Fraction(above)
        return Fraction(self.at(max(int(lower_rank), 1)) + above, 2)

    def median_interval(self, level: Fraction = LEVEL) -> tuple[int, int] | None:
        """Return the distribution-free confidence interval of the median.

        The values of ranks r and n + 1 - r, r being the greatest for which each tail, of fewer than
        r of n values beyond the median, has a probability of at most half of what the level leaves:
        so the interval covers the median with at least the level. None where n is too small.
        SAS: UNIVARIATE CIPCTLDF.
        """
        n = self.n
        rank = greatest_below((1 - level) * _HALF, n) + 1
        return (self.at(rank), self.at(n + 1 - rank)) if rank else None


@dataclass(frozen=True)
class OrderedValues(RankedValues):
    """Values in order, in units of the last place: how often each occurs."""

    counts: Mapping[int, int]

    def __post_init__(self) -> None:
        """Refuse counts below 0, which no values have."""
        if any(n < 0 for n in self.counts.values()):
            raise ValueError("these cells are not the tally of any values")

    @cached_property
    def units(self) -> Sequence[int]:
        """The values that occur, from the smallest."""
        return sorted(unit for unit, n in self.counts.items() if n)

    @cached_property
    def _ranks(self) -> Sequence[int]:
        """The last rank that each value reaches."""
        return list(accumulate(self.counts[unit] for unit in self.units))

    @property
    def n(self) -> int:
        """How many values there are."""
        return self._ranks[-1] if self._ranks else 0

    def at(self, rank: int) -> int:
        """Return the value of a rank; the smallest has rank 1."""
        return self.units[bisect_left(self._ranks, rank)]


@dataclass(frozen=True)
class RangedValues(RankedValues):
    """Values by ranges in order: how many each has; which these are is read where a rank asks.

    `read` returns how often each value of a range occurs, and None as long as that is not known:
    then what is told of its ranks means nothing.
    """

    sizes: Mapping[int, int]
    read: Callable[[int], Mapping[int, int] | None]
    _ordered: dict[int, OrderedValues | None] = field(default_factory=dict, init=False)

    @cached_property
    def _numbers(self) -> Sequence[int]:
        return list(self.sizes)

    @cached_property
    def _ranks(self) -> Sequence[int]:
        """The last rank that each range reaches."""
        return list(accumulate(self.sizes.values()))

    @property
    def n(self) -> int:
        """How many values there are."""
        return self._ranks[-1] if self._ranks else 0

    def at(self, rank: int) -> int:
        """Return the value of a rank; the smallest has rank 1."""
        place = bisect_left(self._ranks, rank)
        values = self._in_range(self._numbers[place])
        return 0 if values is None else values.at(rank - (self._ranks[place - 1] if place else 0))

    def _in_range(self, number: int) -> OrderedValues | None:
        if number not in self._ordered:
            counts = self.read(number)
            values = None if counts is None else OrderedValues(counts)
            if values is not None and values.n != self.sizes[number]:
                raise ValueError("these cells do not count the values of that tally")
            self._ordered[number] = values
        return self._ordered[number]


def order_statistics(counts: Mapping[int, int], places: int = 0) -> OrderStatistics:
    """Read order statistics out of how often each value, in units of the last place, occurs."""
    ordered = OrderedValues(counts)
    quartiles = (ordered.quantile(Fraction(i, 4)) for i in range(5))
    return OrderStatistics(
        ordered.n, *(None if units is None else units / 10**places for units in quartiles)
    )
