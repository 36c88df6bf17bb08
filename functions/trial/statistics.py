"""Statistics that add: what one subject puts into the sums, and what the sums say.

A subject's part is a few integers, so parts add in any order and a corrected value is taken out
exactly. Means, variances, order statistics, proportions and McNemar's P are read out as exact
fractions; what is irrational is a `Decimal` of 20 good digits. Nothing is rounded for
display here.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from itertools import accumulate

type Interval = tuple[Decimal, Decimal]
"""A lower and an upper limit; proportions and their differences are given as fractions of 1."""

LEVEL = Fraction(95, 100)

_WORKING = Context(prec=50)
_LIMIT = Context(prec=20)
_WIDTH = Decimal("1e-24")


@dataclass(frozen=True)
class MomentsReadout:
    """Descriptive statistics: the mean needs one value, everything about spread needs two."""

    n: int
    mean: Fraction | None
    variance: Fraction | None

    @property
    def sd(self) -> Decimal | None:
        """Sample standard deviation (divisor n - 1), to 50 digits."""
        return None if self.variance is None else _root(self.variance)

    @property
    def se(self) -> Decimal | None:
        """Standard error of the mean, to 50 digits."""
        return None if self.variance is None else _root(self.variance / self.n)

    def t_interval(self, level: Fraction = LEVEL) -> Interval | None:
        """Student's t confidence interval of the mean."""
        if self.mean is None or self.se is None:
            return None
        from trial.distributions import t_quantile  # noqa: PLC0415  (see `_z`)

        with localcontext(_WORKING):
            margin = t_quantile((1 + level) / 2, self.n - 1) * self.se
            return _around(_ratio(self.mean), margin)


@dataclass(frozen=True)
class Moments:
    """Mean and sample variance of values recorded to `places` decimals.

    n, the sum and the sum of squares are kept in units of the last place.
    """

    places: int = 0

    def lift(self, units: int) -> dict[str, int]:
        """Give the cells of one value, `units` being the value in units of the last place."""
        return {"n": 1, "s": units, "q": units * units} if units else {"n": 1}

    def read(self, cells: Mapping[str, int]) -> MomentsReadout:
        """Read mean and variance, in the values' own unit, out of summed cells."""
        n, total, squares = (cells.get(name, 0) for name in ("n", "s", "q"))
        spread = n * squares - total * total
        if n < 0 or spread < 0:
            raise ValueError("these cells are not the sum of any values")
        unit = 10**self.places
        mean = Fraction(total, n * unit) if n else None
        variance = Fraction(spread, n * (n - 1) * unit**2) if n > 1 else None
        return MomentsReadout(n, mean, variance)


@dataclass(frozen=True)
class TallyReadout:
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

    def lift(self, units: int) -> dict[str, int]:
        """Give the cell of one value, named by the value in units of the last place."""
        return {str(units): 1}

    def read(self, cells: Mapping[str, int]) -> TallyReadout:
        """Read order statistics, in the values' own unit, out of summed cells."""
        return tally_readout({int(name): n for name, n in cells.items()}, self.places)


def tally_readout(counts: Mapping[int, int], places: int = 0) -> TallyReadout:
    """Read order statistics out of how often each value, in units of the last place, occurs.

    Quartiles follow SAS definition 5 (PCTLDEF=5, R type 2): the empirical distribution function
    with averaging, of which the usual median is the middle case.
    """
    units = sorted(unit for unit, n in counts.items() if n)
    if any(n < 0 for n in counts.values()):
        raise ValueError("these cells are not the tally of any values")
    if not units:
        return TallyReadout(0)
    ranks = list(accumulate(counts[unit] for unit in units))
    quartiles = (_quantile(units, ranks, Fraction(i, 4)) for i in range(5))
    return TallyReadout(ranks[-1], *(each / 10**places for each in quartiles))


def _quantile(units: Sequence[int], ranks: Sequence[int], p: Fraction) -> Fraction:
    """Average the order statistics around n p; `ranks` are the last ranks the units reach."""
    n = ranks[-1]
    whole, rest = divmod(n * p, 1)
    above = _order_statistic(units, ranks, min(whole + 1, n))
    if rest:
        return Fraction(above)
    return Fraction(_order_statistic(units, ranks, max(whole, 1)) + above, 2)


def _order_statistic(units: Sequence[int], ranks: Sequence[int], rank: int) -> int:
    return units[bisect_left(ranks, rank)]


def proportion(x: int, n: int) -> Fraction | None:
    """Give x of n as an exact percentage, or None where there is nobody to count."""
    _check_count(x, n)
    return Fraction(100 * x, n) if n else None


def clopper_pearson(x: int, n: int, level: Fraction = LEVEL) -> Interval | None:
    """Give the exact binomial confidence interval of a proportion, or None for n = 0.

    Clopper and Pearson (1934), through quantiles of the beta distribution. The limit is exactly 0
    where x = 0 and exactly 1 where x = n.
    """
    _check_count(x, n)
    if n == 0:
        return None
    from trial.distributions import beta_quantile  # noqa: PLC0415  (see `_z`)

    tail = (1 - level) / 2
    low = beta_quantile(tail, x, n - x + 1) if x else Decimal(0)
    high = beta_quantile(1 - tail, x + 1, n - x) if x < n else Decimal(1)
    return low, high


def wilson(x: int, n: int, level: Fraction = LEVEL) -> Interval | None:
    """Give the Wilson (1927) score interval of a proportion, without continuity correction."""
    _check_count(x, n)
    if n == 0:
        return None
    with localcontext(_WORKING):
        z = _z(level)
        shrunk = n + z * z
        margin = z * (Decimal(x) * (n - x) / n + z * z / 4).sqrt() / shrunk
        low, high = _around((x + z * z / 2) / shrunk, margin)
        return low if x else Decimal(0), high if x < n else Decimal(1)


def mcnemar_exact(b: int, c: int) -> Fraction:
    """Give the exact two-sided P value of McNemar's test from the two discordant counts of pairs.

    Twice the smaller binomial tail, at most 1. Without discordant pairs there is no evidence: 1.
    """
    if min(b, c) < 0:
        raise ValueError("counts of pairs are not negative")
    n, fewer = b + c, min(b, c)
    term = tail = 1
    for k in range(fewer):
        term = term * (n - k) // (k + 1)
        tail += term
    return min(Fraction(1), Fraction(2 * tail, 2**n))


def paired_difference(a: int, b: int, c: int, d: int) -> Fraction | None:
    """Give the difference of two proportions of the same subjects, as a fraction of 1.

    The pairs are: a both, b the first only, c the second only, d neither; positive favours the
    first.
    """
    n = _pairs(a, b, c, d)
    return Fraction(b - c, n) if n else None


def paired_wald(a: int, b: int, c: int, d: int, level: Fraction = LEVEL) -> Interval | None:
    """Give the Wald interval of the paired difference, as computed: it may pass -1 or 1."""
    n = _pairs(a, b, c, d)
    if n == 0:
        return None
    with localcontext(_WORKING):
        spread = _root(b + c - Fraction((b - c) ** 2, n))
        return _around(Decimal(b - c) / n, _z(level) * spread / n)


def paired_tango(a: int, b: int, c: int, d: int, level: Fraction = LEVEL) -> Interval | None:
    """Give the score confidence interval of the difference: Tango (1998), Stat Med 17:891."""
    n = _pairs(a, b, c, d)
    if n == 0:
        return None
    with localcontext(_WORKING):
        z = _z(level)
        return _LIMIT.minus(_tango_limit(c, b, n, z)), _LIMIT.plus(_tango_limit(b, c, n, z))


def _tango_limit(b: int, c: int, n: int, z: Decimal) -> Decimal:
    """Find the upper limit by bisection: the largest difference whose score lies within z."""
    low, high = Decimal(b - c) / n, Decimal(1)
    while high - low > _WIDTH:
        delta = (low + high) / 2
        slope = (2 * n - b + c) * delta - b - c
        second_only = ((slope**2 + 8 * n * c * delta * (1 - delta)).sqrt() - slope) / (4 * n)
        variance = n * (2 * second_only + delta * (1 - delta))
        if (n * delta - b + c) ** 2 <= z * z * variance:
            low = delta
        else:
            high = delta
    return high


def _around(middle: Decimal, margin: Decimal) -> Interval:
    return _LIMIT.subtract(middle, margin), _LIMIT.add(middle, margin)


def _check_count(x: int, n: int) -> None:
    if not 0 <= x <= n:
        raise ValueError("a count lies between 0 and its denominator")


def _pairs(a: int, b: int, c: int, d: int) -> int:
    if min(a, b, c, d) < 0:
        raise ValueError("counts of pairs are not negative")
    return a + b + c + d


def _z(level: Fraction) -> Decimal:
    """Two-sided normal quantile. Its import waits: those who only count never load mpmath."""
    from trial.distributions import normal_quantile  # noqa: PLC0415

    return normal_quantile((1 + level) / 2)


def _root(value: Fraction) -> Decimal:
    with localcontext(_WORKING):
        return _ratio(value).sqrt()


def _ratio(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / value.denominator
