"""Two proportions of the same subjects: pairs, not margins."""

from decimal import Decimal, localcontext
from fractions import Fraction

from trial.statistics.binomial import lower_tail
from trial.statistics.inference import (
    LEVEL,
    LIMIT,
    WORKING,
    Interval,
    greatest_within,
    normal_quantile_two_sided,
)

MCNEMAR_EXACT = "exact McNemar"
PAIRED_TANGO = "Tango score"


def mcnemar_exact(b: int, c: int) -> Fraction:
    """Return the exact two-sided P value of McNemar's test from the two discordant counts of pairs.

    Twice the smaller binomial tail, at most 1. Without discordant pairs there is no evidence: 1.
    Exact; beyond some thousand discordant pairs to 25 significant digits.
    """
    if min(b, c) < 0:
        raise ValueError("counts of pairs must not be negative")
    if b == c:
        return Fraction(1)
    return 2 * lower_tail(min(b, c), b + c)


def paired_tango(a: int, b: int, c: int, d: int, level: Fraction = LEVEL) -> Interval | None:
    """Return the score confidence interval of the difference: Tango (1998), Stat Med 17:891."""
    n = _pairs(a, b, c, d)
    if n == 0:
        return None
    with localcontext(WORKING):
        z = normal_quantile_two_sided(level)
        return LIMIT.minus(_tango_limit(c, b, n, z)), LIMIT.plus(_tango_limit(b, c, n, z))


def _tango_limit(b: int, c: int, n: int, z: Decimal) -> Decimal:
    """Find the upper limit by bisection: the largest difference whose score lies within z."""

    def within(delta: Decimal) -> bool:
        slope = (2 * n - b + c) * delta - b - c
        second_only = ((slope**2 + 8 * n * c * delta * (1 - delta)).sqrt() - slope) / (4 * n)
        variance = n * (2 * second_only + delta * (1 - delta))
        return (n * delta - b + c) ** 2 <= z * z * variance

    return greatest_within(within, Decimal(b - c) / n, Decimal(1))


def _pairs(a: int, b: int, c: int, d: int) -> int:
    if min(a, b, c, d) < 0:
        raise ValueError("counts of pairs must not be negative")
    return a + b + c + d
