"""Order statistics: what a tally of values tells."""

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from fractions import Fraction
from functools import cached_property
from itertools import accumulate
from math import ceil

from trial.deferred import dataclass
from trial.statistics.binomial import greatest_below
from trial.statistics.inference import LEVEL
from trial.statistics.ranges import ranges_in

QUARTILES = "quartiles by SAS definition 5"
MEDIAN_INTERVAL = "two order statistics, binomial"
_HALF = Fraction(1, 2)
_MANY = 8_000
"""Values of a group from which reading less of it is worth another look where the rank is beyond.

Of so many, in eight shards, a range's row has some 4 KB: a unit, which is read for less, too.
"""
_SURPLUS = Fraction(6, 5)
"""How much farther ranges are read than evenly spread values would reach."""


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
        if min(self.counts.values(), default=0) < 0:
            raise ValueError("these cells are not the tally of any values")

    @cached_property
    def units(self) -> Sequence[int]:
        """The values that occur, from the smallest."""
        return sorted(filter(self.counts.get, self.counts))

    @cached_property
    def _ranks(self) -> Sequence[int]:
        """The last rank that each value reaches."""
        return list(accumulate(map(self.counts.__getitem__, self.units)))

    @cached_property
    def n(self) -> int:
        """How many values there are."""
        return sum(self.counts.values())

    def at(self, rank: int) -> int:
        """Return the value of a rank; the smallest has rank 1."""
        return self.units[bisect_left(self._ranks, rank)]


@dataclass(frozen=True)
class RangedValues(RankedValues):
    """Values by groups of ranges, in order: how many each has; a range is read where a rank asks.

    `read` returns how often each value of a range occurs, and None as long as that is not known:
    then what is told of its ranks means nothing.
    """

    sizes: Mapping[int, int]
    read: Callable[[int], Mapping[int, int] | None]
    _ordered: dict[int, OrderedValues | None] = field(default_factory=dict, init=False)

    @cached_property
    def _groups(self) -> Sequence[int]:
        return list(self.sizes)

    @cached_property
    def _ranks(self) -> Sequence[int]:
        """The last rank that each group reaches."""
        return list(accumulate(self.sizes.values()))

    @property
    def n(self) -> int:
        """How many values there are."""
        return self._ranks[-1] if self._ranks else 0

    def at(self, rank: int) -> int:
        """Return the value of a rank; the smallest has rank 1."""
        place = bisect_left(self._ranks, rank)
        group, rank_in_group = self._groups[place], rank - (self._ranks[place - 1] if place else 0)
        n, numbers = self.sizes[group], list(ranges_in(group))
        if 2 * rank_in_group <= n:
            return self._from_end(n, rank_in_group, numbers, from_below=True)
        return self._from_end(n, n + 1 - rank_in_group, numbers[::-1], from_below=False)

    def _from_end(self, n: int, rank: int, numbers: Sequence[int], *, from_below: bool) -> int:
        """Return the value of a rank from one end of a group, reading no farther than that.

        Of many values, first the ranges are read that hold it if values are spread evenly, and some
        more; all others where it lies beyond. That all have as many as were counted is seen only
        where all are read, and by the audit.
        """
        few = ceil(_SURPLUS * rank * len(numbers) / n) if n > _MANY else len(numbers)
        values = self._in_ranges(numbers[:few])
        if values is not None and sum(of_range.n for of_range in values) < rank:
            values = self._in_ranges(numbers)
        if values is None:
            return 0
        ranks = [0, *accumulate(of_range.n for of_range in values)]
        if ranks[-1] > n or (ranks[-1] < n and len(values) == len(numbers)):
            raise ValueError("these cells do not count the values of that tally")
        place = bisect_left(ranks, rank) - 1
        of_range, rank_in_range = values[place], rank - ranks[place]
        return of_range.at(rank_in_range if from_below else of_range.n + 1 - rank_in_range)

    def _in_ranges(self, numbers: Sequence[int]) -> Sequence[OrderedValues] | None:
        """Return the values of ranges, None where not all are read; all of them are asked for."""
        values = [self._in_range(number) for number in numbers]
        read = [of_range for of_range in values if of_range is not None]
        return read if len(read) == len(values) else None

    def _in_range(self, number: int) -> OrderedValues | None:
        if number not in self._ordered:
            counts = self.read(number)
            self._ordered[number] = None if counts is None else OrderedValues(counts)
        return self._ordered[number]


def order_statistics(counts: Mapping[int, int], places: int = 0) -> OrderStatistics:
    """Read order statistics out of how often each value, in units of the last place, occurs."""
    ordered = OrderedValues(counts)
    quartiles = (ordered.quantile(Fraction(i, 4)) for i in range(5))
    return OrderStatistics(
        ordered.n, *(None if units is None else units / 10**places for units in quartiles)
    )
