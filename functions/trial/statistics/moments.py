"""Means: what n, the sum and the sum of squares tell, of one group and between groups."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import ClassVar

from trial.deferred import dataclass
from trial.statistics.inference import LEVEL, FRatio, Interval, StudentT, square_root
from trial.statistics.limbs import LIMB_BASE, from_limbs, limb_names, to_limbs

POOLED_T = "two-sample t, pooled variance"
WELCH_T = "Welch t, Satterthwaite degrees of freedom"
ANOVA = "one-way analysis of variance"


@dataclass(frozen=True)
class SampleStatistics:
    """Descriptive statistics: the mean needs one value, everything about spread needs two."""

    n: int
    mean: Fraction | None
    variance: Fraction | None

    @property
    def sd(self) -> Decimal | None:
        """Sample standard deviation (divisor n - 1), to 50 digits."""
        return None if self.variance is None else square_root(self.variance)

    @property
    def se(self) -> Decimal | None:
        """Standard error of the mean, to 50 digits."""
        return None if self.variance is None else square_root(self.variance / self.n)

    def t_interval(self, level: Fraction = LEVEL) -> Interval | None:
        """Student's t confidence interval of the mean."""
        if self.mean is None or self.variance is None:
            return None
        return StudentT(self.mean, self.variance / self.n, self.n - 1).interval(level)


@dataclass(frozen=True)
class Moments:
    """Mean and sample variance of values recorded to `places` decimals.

    n, the sum and the sum of squares are kept in units of the last place.
    """

    places: int = 0

    CELLS: ClassVar[Sequence[str]] = ("n", *limb_names("s"), *limb_names("q"))
    """The names of the cells that there may be."""

    def contribution(self, units: int) -> dict[str, int]:
        """Return the cells of one value, `units` being the value in units of the last place."""
        squares = units * units
        if squares < LIMB_BASE:
            return {"n": 1, "s": units, "q": squares} if units else {"n": 1}
        return {"n": 1, **dict(to_limbs("s", units)), **dict(to_limbs("q", squares))}

    def estimate(self, cells: Mapping[str, int]) -> SampleStatistics:
        """Read mean and variance, in the values' own unit, out of summed cells."""
        n, total, squares = cells.get("n", 0), from_limbs("s", cells), from_limbs("q", cells)
        spread = n * squares - total * total
        if n < 0 or spread < 0:
            raise ValueError("these cells are not the sum of any values")
        unit = 10**self.places
        mean = Fraction(total, n * unit) if n else None
        variance = Fraction(spread, n * (n - 1) * unit**2) if n > 1 else None
        return SampleStatistics(n, mean, variance)


def pooled_t(first: SampleStatistics, second: SampleStatistics) -> StudentT | None:
    """Compare two means, first minus second, by the pooled variance on n1 + n2 - 2.

    None where a group is empty or both have one value only. SAS: TTEST, "Pooled".
    """
    df = first.n + second.n - 2
    if first.mean is None or second.mean is None or df < 1:
        return None
    pooled = (_squares(first) + _squares(second)) / df
    scale = Fraction(1, first.n) + Fraction(1, second.n)
    return StudentT(first.mean - second.mean, pooled * scale, df)


def welch_t(first: SampleStatistics, second: SampleStatistics) -> StudentT | None:
    """Compare two means, first minus second, without assuming one variance.

    Welch (1947) with Satterthwaite's degrees of freedom; those are 1 at least where nothing varies.
    None where a group has fewer than two values. SAS: TTEST, "Satterthwaite".
    """
    if first.mean is None or second.mean is None:
        return None
    if first.variance is None or second.variance is None:
        return None
    parts = first.variance / first.n, second.variance / second.n
    total = sum(parts)
    spread = parts[0] ** 2 / (first.n - 1) + parts[1] ** 2 / (second.n - 1)
    df = total**2 / spread if spread else Fraction(min(first.n, second.n) - 1)
    return StudentT(first.mean - second.mean, Fraction(total), df)


def anova(groups: Sequence[SampleStatistics]) -> FRatio | None:
    """Compare the means of several groups: mean square between over mean square within.

    Groups without values are left out. None with fewer than two groups; no statistic where all
    have one value each or nothing varies within them. SAS: GLM with one CLASS variable.
    """
    means = [(group.n, group.mean, _squares(group)) for group in groups if group.mean is not None]
    n, df = sum(n for n, _, _ in means), len(means) - 1
    if df < 1:
        return None
    grand = sum((size * mean for size, mean, _ in means), Fraction(0)) / n
    between = sum((size * (mean - grand) ** 2 for size, mean, _ in means), Fraction(0))
    within, error_df = sum((squares for _, _, squares in means), Fraction(0)), n - len(means)
    statistic = between * error_df / (df * within) if within else None
    return FRatio(statistic, df, error_df)


def _squares(group: SampleStatistics) -> Fraction:
    """Sum of squares about the mean."""
    return Fraction(0) if group.variance is None else group.variance * (group.n - 1)
