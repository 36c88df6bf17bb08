"""What an estimate or a test statistic says: standard error, confidence interval and P value.

The statistic itself is an exact fraction; only the tails of its distribution are irrational.
"""

from collections.abc import Callable, Iterable, Sequence
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import Literal

from trial.deferred import dataclass
from trial.statistics.distributions import (
    Real,
    chi_square_tail,
    f_tail,
    normal_quantile,
    normal_tail,
    ratio,
    t_quantile,
    t_tails,
)
from trial.statistics.elimination import solve

type Interval = tuple[Decimal, Decimal]
"""A lower and an upper limit; proportions and their differences are given as fractions of 1."""

LEVEL = Fraction(95, 100)
WORKING = Context(prec=50)
LIMIT = Context(prec=20)
NOT_ESTIMABLE, TOO_MUCH_WORK = "not estimable", "not computed"
"""In place of an estimate that the data do not tell, and of what would take too long."""
BISECTED = Decimal("1e-24")
"""How closely a limit that is found by bisection is bracketed, in its own unit."""


@dataclass(frozen=True)
class Confidence:
    """How sure an interval is, and which of its limits are asked for.

    One limit alone leaves the whole error on its side.
    """

    level: Fraction = LEVEL
    limits: Literal["both", "lower", "upper"] = "both"

    @property
    def two_sided(self) -> Fraction:
        """The level of the interval with two limits, of which those asked for are one or both."""
        return self.level if self.limits == "both" else 2 * self.level - 1

    @property
    def label(self) -> str:
        """What a reader sees: `95% CI`, `97.5% lower limit`."""
        percent = f"{ratio(100 * self.level).normalize():f}%"
        return f"{percent} CI" if self.limits == "both" else f"{percent} {self.limits} limit"

    @property
    def words(self) -> str:
        """How a method names it: `95 %`, `one-sided 97.5 %`."""
        percent = f"{ratio(100 * self.level).normalize():f} %"
        return percent if self.limits == "both" else f"one-sided {percent}"

    def named(self, method: str) -> str:
        """Return a method with the level, unless that is the usual one."""
        return method if self == CONFIDENCE_95 else f"{method}, {self.words}"

    def chosen[Limit](self, interval: tuple[Limit, Limit] | None) -> dict[str, Limit]:
        """Return the limits that are asked for, by the side they are on."""
        sides = ("lower", "upper")
        return {
            side: limit
            for side, limit in zip(sides, interval or (), strict=bool(interval))
            if self.limits in ("both", side)
        }


CONFIDENCE_95 = Confidence()
"""Two limits at 95 %."""


@dataclass(frozen=True)
class ChiSquare:
    """A statistic referred to the chi-square distribution."""

    statistic: Fraction
    df: int

    @classmethod
    def of(
        cls, distance: Sequence[Fraction], variance: Sequence[Sequence[Fraction]]
    ) -> "ChiSquare | None":
        """Refer distances from their expectation, by their variance, to as many as can be told.

        Degrees of freedom are the rank of the variance; None where nothing varies.
        """
        solution = solve(variance, distance)
        return cls(-solution.residuals[-1], len(solution.pivots)) if solution.pivots else None

    @property
    def p(self) -> Decimal:
        """The probability of as much or more under the null hypothesis."""
        return chi_square_tail(self.statistic, self.df)


@dataclass(frozen=True)
class FRatio:
    """A ratio of mean squares; without an error to compare with there is no statistic and no P."""

    statistic: Fraction | None
    df: int
    error_df: int

    @property
    def p(self) -> Decimal | None:
        """The probability of as much or more under the null hypothesis."""
        return None if self.statistic is None else f_tail(self.statistic, self.df, self.error_df)


@dataclass(frozen=True)
class StudentT:
    """An estimate with the variance that the data give it, on `df` degrees of freedom.

    Where nothing varies (variance 0) the interval is the estimate itself and there is no P value.
    """

    estimate: Fraction
    variance: Fraction
    df: Real

    @property
    def se(self) -> Decimal:
        """Standard error, to 50 digits."""
        return square_root(self.variance)

    @property
    def t(self) -> Decimal | None:
        """The estimate in standard errors, for the null hypothesis that it is 0."""
        if not self.variance:
            return None
        with localcontext(WORKING):
            return ratio(self.estimate) / self.se

    @property
    def p(self) -> Decimal | None:
        """Two-sided P value of the null hypothesis that the estimate is 0."""
        return t_tails(self.estimate**2 / self.variance, self.df) if self.variance else None

    def tails(self, value: Fraction) -> tuple[Decimal, Decimal] | None:
        """Return the shares of Student's t above the distance to a value, and below it.

        None where nothing varies.
        """
        if not self.variance:
            return None
        distance = self.estimate - value
        beyond = t_tails(distance**2 / self.variance, self.df) / 2
        return (beyond, 1 - beyond) if distance >= 0 else (1 - beyond, beyond)

    def interval(self, level: Fraction = LEVEL) -> Interval:
        """Student's t confidence interval."""
        with localcontext(WORKING):
            return interval_around(
                ratio(self.estimate), t_quantile((1 + level) / 2, self.df) * self.se
            )

    def normal_interval(self, level: Fraction = LEVEL) -> Interval:
        """Return the confidence interval that the normal distribution gives, whatever `df`."""
        with localcontext(WORKING):
            return interval_around(ratio(self.estimate), normal_quantile_two_sided(level) * self.se)


@dataclass(frozen=True)
class NormalEstimate:
    """An estimate that is close to normal, with its standard error; each of 20 good digits."""

    estimate: Decimal
    se: Decimal

    @property
    def p(self) -> Decimal | None:
        """Two-sided P value for the null hypothesis that it is 0; None where nothing varies."""
        if not self.se:
            return None
        with localcontext(WORKING):
            return chi_square_tail(Fraction((self.estimate / self.se) ** 2), 1)

    def interval(self, level: Fraction = LEVEL) -> Interval:
        """Return the interval by the normal distribution."""
        with localcontext(WORKING):
            return interval_around(self.estimate, normal_quantile_two_sided(level) * self.se)

    def ratio(self) -> Decimal:
        """Return what it is the logarithm of."""
        with localcontext(WORKING):
            return LIMIT.plus(self.estimate.exp())

    def ratio_interval(self, level: Fraction = LEVEL) -> Interval:
        """Return the interval of what it is the logarithm of."""
        with localcontext(WORKING):
            margin = normal_quantile_two_sided(level) * self.se
            low, high = (self.estimate - margin).exp(), (self.estimate + margin).exp()
            return LIMIT.plus(low), LIMIT.plus(high)

    def ratio_tails(self, value: Fraction) -> tuple[Decimal, Decimal] | None:
        """Return the shares of the normal distribution above the distance to a ratio, and below it.

        None where nothing varies.
        """
        if not self.se:
            return None
        with localcontext(WORKING):
            z = (self.estimate - ratio(value).ln()) / self.se
            return normal_tail(z), normal_tail(-z)


def square_root(value: Fraction) -> Decimal:
    """Return a square root, to 50 digits."""
    with localcontext(WORKING):
        return ratio(value).sqrt()


def interval_around(middle: Decimal, margin: Decimal) -> Interval:
    """Lay an interval around its middle, to 20 digits."""
    return LIMIT.subtract(middle, margin), LIMIT.add(middle, margin)


def normal_quantile_two_sided(level: Fraction) -> Decimal:
    """Return the normal value beyond which lies half of what the level leaves."""
    return normal_quantile((1 + level) / 2)


def score_interval(
    upper_limit: Callable[[int, int, int, int, Decimal], Decimal],
    first: tuple[int, int],
    second: tuple[int, int],
    level: Fraction,
) -> Interval:
    """Return the interval of a difference between groups from what finds an upper limit.

    Each group is its count and what that is of; the last argument is the quantile of the level. The
    lower limit is that of the opposite difference, the other way round.
    """
    with localcontext(WORKING):
        z = normal_quantile_two_sided(level)
        low, high = -upper_limit(*second, *first, z), upper_limit(*first, *second, z)
        return LIMIT.plus(low), LIMIT.plus(high)


def greatest_within(
    within: Callable[[Decimal], bool], low: Decimal, high: Decimal, width: Decimal = BISECTED
) -> Decimal:
    """Find where values above `low`, which is within, end to be so; `high` lies beyond."""
    while high - low > width:
        middle = (low + high) / 2
        low, high = (middle, high) if within(middle) else (low, middle)
    return high


def exact_sum(terms: Iterable[Fraction]) -> Fraction:
    """Add fractions in pairs, so that few of the additions are of long ones."""
    partial_sums = list(terms)
    while len(partial_sums) > 1:
        partial_sums = [
            sum(partial_sums[i : i + 2], Fraction(0)) for i in range(0, len(partial_sums), 2)
        ]
    return partial_sums[0] if partial_sums else Fraction(0)
