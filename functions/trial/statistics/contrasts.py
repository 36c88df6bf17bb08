"""What a contrast of two groups says: its estimate, an interval, and the tails beyond a value.

A contrast is that of the first group with the second: a difference, or a ratio. Each has its own
method, and its interval and its tails are by that same method, so that they never disagree.
"""

from collections.abc import Callable
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Protocol

from trial.deferred import dataclass
from trial.statistics.distributions import normal_tail, ratio
from trial.statistics.inference import (
    LIMIT,
    WORKING,
    normal_quantile_two_sided,
    square_root,
)

type Limits = tuple[Decimal | Fraction | None, Decimal | Fraction | None]
"""A lower and an upper limit; None on a side where there is none, however far one goes."""
type Tails = tuple[Decimal, Decimal]
"""How likely as much or more is, and as much or less, if the contrast were some value."""

ROOT_WIDTH = Decimal("1e-27")
_MOST_STEPS = 400


class Contrast(Protocol):
    """A contrast of two groups by one method."""

    @property
    def estimate(self) -> Fraction | Decimal | None:
        """The contrast as it was observed; None where it has no bounds."""

    def interval(self, level: Fraction) -> Limits | None:
        """Return the confidence interval; None where the method has none."""

    def tails(self, value: Fraction) -> Tails | None:
        """Return the probabilities beyond what was observed; None where the method has none."""


@dataclass(frozen=True)
class NormalContrast:
    """An estimate whose error is normal by itself, or by the logarithm of a ratio.

    Without a variance above 0 there is neither interval nor test.
    """

    estimate: Fraction | None
    variance: Fraction | None
    logarithmic: bool = False

    def interval(self, level: Fraction) -> Limits | None:
        """Return the limits, symmetric on the contrast's scale."""
        if not self._is_determined:
            return None
        with localcontext(WORKING):
            margin = normal_quantile_two_sided(level) * square_root(self.variance or Fraction(0))
            middle = self._scaled(self.estimate or Fraction(0))
            limits = middle - margin, middle + margin
            low, high = (limit.exp() if self.logarithmic else limit for limit in limits)
            return LIMIT.plus(low), LIMIT.plus(high)

    def tails(self, value: Fraction) -> Tails | None:
        """Refer the distance to a value, in standard errors, to the normal distribution."""
        if not self._is_determined:
            return None
        with localcontext(WORKING):
            distance = self._scaled(self.estimate or Fraction(0)) - self._scaled(value)
            return normal_tails(distance / square_root(self.variance or Fraction(0)))

    @property
    def standard_error(self) -> Decimal | None:
        """The standard error of the estimate, or of its logarithm; None where it has no error."""
        return square_root(self.variance or Fraction(0)) if self._is_determined else None

    @property
    def _is_determined(self) -> bool:
        return self.estimate is not None and bool(self.variance)

    def _scaled(self, value: Fraction) -> Decimal:
        return ratio(value).ln() if self.logarithmic else ratio(value)


@dataclass(frozen=True)
class ScoreContrast:
    """An estimate with all values that a score test does not reject.

    `score` gives the signed statistic at a value: 0 at the estimate, and falling as the value
    rises. The limits lie between the ends; an end that is None is infinite.
    """

    estimate: Fraction | None
    score: Callable[[Decimal], Decimal]
    ends: tuple[Decimal, Decimal | None]

    def interval(self, level: Fraction) -> Limits | None:
        """Return the values at which the score is the quantile of the level."""
        with localcontext(WORKING):
            z = normal_quantile_two_sided(level)
            low, high = self._limit(z, upwards=False), self._limit(-z, upwards=True)
            return (
                None if low is None else LIMIT.plus(low),
                None if high is None else LIMIT.plus(high),
            )

    def tails(self, value: Fraction) -> Tails | None:
        """Refer the score at a value to the normal distribution."""
        with localcontext(WORKING):
            return normal_tails(self.score(ratio(value)))

    def _limit(self, score: Decimal, *, upwards: bool) -> Decimal | None:
        low, high = self.ends
        middle = None if self.estimate is None else ratio(self.estimate)
        end = high if upwards else low
        if middle == end:
            return end
        if high is not None and middle is not None:
            bounds = (middle, high) if upwards else (low, middle)
            return falling_root(lambda x: self.score(x) - score, *bounds)
        # A ratio, from 0 to infinity, is sought as its share of 1 and itself.
        start = Decimal(1) if middle is None else middle / (1 + middle)
        bounds = (start, Decimal(1)) if upwards else (Decimal(0), start)
        share = falling_root(
            lambda t: (self.score(t / (1 - t)) if t < 1 else -Decimal("Infinity")) - score, *bounds
        )
        return share / (1 - share)


def normal_tails(z: Decimal) -> Tails:
    """Return the shares of the standard normal distribution above a value, and below it."""
    return normal_tail(z), normal_tail(-z)


def falling_root(f: Callable[[Decimal], Decimal], low: Decimal, high: Decimal) -> Decimal:
    """Find where a function falls through 0, between a value where it is above and one below.

    By Chandrupatla's method (1997, Adv Eng Softw 28:145): inverse quadratic steps where they are
    safe, halving elsewhere. An end where the function is 0 or on the wrong side is the root.
    """
    at_low, at_high = f(low), f(high)
    if at_low <= 0:
        return low
    if at_high >= 0:
        return high
    a, b, fa, fb = high, low, at_high, at_low
    share = Decimal("0.5")
    for _ in range(_MOST_STEPS):
        x = a + share * (b - a)
        fx = f(x)
        if (fx > 0) == (fa > 0):
            c, fc = a, fa
        else:
            c, b, fc, fb = b, a, fb, fa
        a, fa = x, fx
        best = a if abs(fa) < abs(fb) else b
        if not fx or abs(b - a) <= 2 * ROOT_WIDTH:
            return best
        share = _next_share((a, b, c), (fa, fb, fc))
        least = ROOT_WIDTH / abs(b - a)
        share = min(1 - least, max(least, share))
    raise ArithmeticError("the limit did not converge")


def _next_share(
    points: tuple[Decimal, Decimal, Decimal], values: tuple[Decimal, Decimal, Decimal]
) -> Decimal:
    """Return how far along the bracket the next point lies."""
    (a, b, c), (fa, fb, fc) = points, values
    if not all(value.is_finite() for value in values) or fc in {fa, fb}:
        return Decimal("0.5")
    xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
    if not (phi * phi < xi and (1 - phi) * (1 - phi) < 1 - xi):
        return Decimal("0.5")
    straight = fa / (fb - fa) * fc / (fb - fc)
    return straight + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
