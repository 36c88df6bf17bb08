"""Proportions: of one group, with its intervals, and the difference of two."""

from collections.abc import Callable, Mapping
from decimal import Decimal, localcontext
from fractions import Fraction

from trial.statistics.distributions import beta_quantile
from trial.statistics.inference import (
    BISECTED,
    LEVEL,
    LIMIT,
    WORKING,
    Interval,
    greatest_within,
    interval_around,
    normal_quantile_two_sided,
    score_interval,
)

CLOPPER_PEARSON = "Clopper-Pearson"
WILSON = "Wilson score"
WALD = "Wald"
JEFFREYS = "Jeffreys"
AGRESTI_COULL = "Agresti-Coull"
NEWCOMBE = "Newcombe hybrid score"
MIETTINEN_NURMINEN = "Miettinen-Nurminen score"


def proportion(x: int, n: int) -> Fraction | None:
    """Return x of n as an exact percentage, or None where there is nobody to count."""
    _check_count(x, n)
    return Fraction(100 * x, n) if n else None


def clopper_pearson(x: int, n: int, level: Fraction = LEVEL) -> Interval | None:
    """Return the exact binomial confidence interval of a proportion, or None for n = 0.

    Clopper and Pearson (1934), through quantiles of the beta distribution. The limit is exactly 0
    where x = 0 and exactly 1 where x = n.
    """
    _check_count(x, n)
    if n == 0:
        return None
    tail = (1 - level) / 2
    low = beta_quantile(tail, x, n - x + 1) if x else Decimal(0)
    high = beta_quantile(1 - tail, x + 1, n - x) if x < n else Decimal(1)
    return low, high


def wilson(x: int, n: int, level: Fraction = LEVEL) -> Interval | None:
    """Return the Wilson (1927) score interval of a proportion, without continuity correction."""
    _check_count(x, n)
    if n == 0:
        return None
    with localcontext(WORKING):
        z = normal_quantile_two_sided(level)
        shrunk = n + z * z
        margin = z * (Decimal(x) * (n - x) / n + z * z / 4).sqrt() / shrunk
        low, high = interval_around((x + z * z / 2) / shrunk, margin)
        return low if x else Decimal(0), high if x < n else Decimal(1)


def wald(x: int, n: int, level: Fraction = LEVEL) -> Interval | None:
    """Return the Wald interval of a proportion: z standard errors around it, within 0 and 1.

    Without continuity correction; nothing varies where x is 0 or n, so both limits are x/n there.
    SAS: FREQ BINOMIAL(CL=WALD).
    """
    _check_count(x, n)
    if n == 0:
        return None
    with localcontext(WORKING):
        margin = normal_quantile_two_sided(level) * (Decimal(x) * (n - x) / n).sqrt() / n
        return _within_bounds(interval_around(Decimal(x) / n, margin))


def agresti_coull(x: int, n: int, level: Fraction = LEVEL) -> Interval | None:
    """Return the interval of Agresti and Coull (1998), Am Stat 52:119, within 0 and 1.

    A Wald interval of x and n increased by half of z squared and by z squared, which is around
    Wilson's middle. SAS: FREQ BINOMIAL(CL=AGRESTICOULL).
    """
    _check_count(x, n)
    if n == 0:
        return None
    with localcontext(WORKING):
        z = normal_quantile_two_sided(level)
        size = n + z * z
        middle = (x + z * z / 2) / size
        margin = z * (middle * (1 - middle) / size).sqrt()
        return _within_bounds(interval_around(middle, margin))


def jeffreys(x: int, n: int, level: Fraction = LEVEL) -> Interval | None:
    """Return the equal-tailed interval of the beta posterior under Jeffreys's prior.

    The limit is exactly 0 where x = 0 and exactly 1 where x = n: Brown, Cai and DasGupta (2001),
    Stat Sci 16:101. SAS: FREQ BINOMIAL(CL=JEFFREYS).
    """
    _check_count(x, n)
    if n == 0:
        return None
    tail, half = (1 - level) / 2, Fraction(1, 2)
    low = beta_quantile(tail, x + half, n - x + half) if x else Decimal(0)
    high = beta_quantile(1 - tail, x + half, n - x + half) if x < n else Decimal(1)
    return low, high


def _within_bounds(interval: Interval) -> Interval:
    """Cut off what lies below 0 and above 1."""
    low, high = interval
    return max(low, Decimal(0)), min(high, Decimal(1))


type ProportionInterval = Callable[[int, int, Fraction], Interval | None]
PROPORTION_INTERVALS: Mapping[str, tuple[str, ProportionInterval]] = {
    "clopper-pearson": (CLOPPER_PEARSON, clopper_pearson),
    "wilson": (WILSON, wilson),
    "wald": (WALD, wald),
    "jeffreys": (JEFFREYS, jeffreys),
    "agresti-coull": (AGRESTI_COULL, agresti_coull),
}
"""The intervals of a proportion that a definition may ask for: name in Methods, and function."""


def difference(x1: int, n1: int, x2: int, n2: int) -> Fraction | None:
    """Return x1/n1 - x2/n2 as a fraction of 1, or None where a group is empty."""
    _check_count(x1, n1)
    _check_count(x2, n2)
    return Fraction(x1, n1) - Fraction(x2, n2) if n1 and n2 else None


def newcombe(x1: int, n1: int, x2: int, n2: int, level: Fraction = LEVEL) -> Interval | None:
    """Return the interval of the difference x1/n1 - x2/n2 that joins the two Wilson intervals.

    Newcombe (1998), Stat Med 17:873, method 10, without continuity correction. SAS: FREQ
    RISKDIFF(CL=NEWCOMBE).
    """
    observed, first_limits, second_limits = (
        difference(x1, n1, x2, n2),
        wilson(x1, n1, level),
        wilson(x2, n2, level),
    )
    if observed is None or first_limits is None or second_limits is None:
        return None
    with localcontext(WORKING):
        first, second = Decimal(x1) / n1, Decimal(x2) / n2
        below = ((first - first_limits[0]) ** 2 + (second_limits[1] - second) ** 2).sqrt()
        above = ((first_limits[1] - first) ** 2 + (second - second_limits[0]) ** 2).sqrt()
        return LIMIT.plus(first - second - below), LIMIT.plus(first - second + above)


def miettinen_nurminen(
    x1: int, n1: int, x2: int, n2: int, level: Fraction = LEVEL
) -> Interval | None:
    """Return the score interval of the difference x1/n1 - x2/n2, its variance times n / (n - 1).

    Miettinen and Nurminen (1985), Stat Med 4:213: all differences that the score test, with the
    likelihood restricted to the difference, does not reject. SAS: FREQ RISKDIFF(CL=MN).
    """
    if difference(x1, n1, x2, n2) is None:
        return None
    return score_interval(_score_limit, (x1, n1), (x2, n2), level)


def _score_limit(x1: int, n1: int, x2: int, n2: int, z: Decimal) -> Decimal:
    """Find the upper limit by bisection: the largest difference whose score lies within z."""
    observed = Decimal(x1) / n1 - Decimal(x2) / n2
    n = n1 + n2

    def within(delta: Decimal) -> bool:
        second = restricted_proportion(x1, n1, x2, n2, delta)
        first = second + delta
        variance = first * (1 - first) / n1 + second * (1 - second) / n2
        return (delta - observed) ** 2 * (n - 1) <= z * z * variance * n

    return greatest_within(within, observed, Decimal(1))


def restricted_proportion(x1: int, n1: int, x2: int, n2: int, delta: Decimal) -> Decimal:
    """Find the second proportion that is likeliest where the first lies `delta` above it.

    Of the cubic that Miettinen and Nurminen give it is the root that leaves both between 0 and 1,
    where the cubic falls from above 0 to below it; Newton's step is halved into that bracket.
    """
    n, x = n1 + n2, x1 + x2
    square = (n1 + 2 * n2) * delta - n - x
    linear = (n2 * delta - n - 2 * x2) * delta + x
    constant = x2 * delta * (1 - delta)
    low, high = max(Decimal(0), -delta), min(Decimal(1), 1 - delta)
    p = min(max((x - n1 * delta) / n, low), high)
    while high - low > BISECTED:
        value = ((n * p + square) * p + linear) * p + constant
        low, high = (p, high) if value > 0 else (low, p)
        slope = (3 * n * p + 2 * square) * p + linear
        after = p - value / slope if slope else low
        if low < after < high and abs(after - p) <= BISECTED:
            return after
        p = after if low < after < high else (low + high) / 2
    return high


def _check_count(x: int, n: int) -> None:
    if not 0 <= x <= n:
        raise ValueError("a count must lie between 0 and its denominator")
