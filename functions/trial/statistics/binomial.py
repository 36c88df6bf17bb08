"""Tails of the binomial distribution of probability one half, for any number of trials."""

from fractions import Fraction
from functools import lru_cache
from math import isqrt

from trial.statistics.distributions import binomial_half

_WHOLE = 2_000  # trials: so many have probabilities that are quickly added up as integers
_ONE = 1 << 128
_NEGLIGIBLE = 110  # bits: so much less than the sum is what is left out


@lru_cache(64)
def lower_tail(successes: int, trials: int) -> Fraction:
    """Return the probability of at most so many successes, fewer than half of the trials.

    Exact; beyond some thousand trials to 25 significant digits. 0 for fewer than none.
    """
    if 2 * successes >= trials:
        raise ValueError("a lower tail ends below the half")
    if successes < 0:
        return Fraction(0)
    if 2 * successes + 1 == trials:  # the other half is as likely
        return Fraction(1, 2)
    if trials <= _WHOLE:
        return Fraction(_ways(successes, trials), 1 << trials)
    return Fraction(binomial_half(successes, trials)) * Fraction(_summed(successes, trials), _ONE)


def greatest_below(bound: Fraction, trials: int) -> int:
    """Return the greatest number of successes of which the lower tail is at most a bound below 1/2.

    -1 where none is. A tail that cannot be told from the bound by its digits is added up exactly.
    """
    # Hoeffding (1963), JASA 58:13: d below the half the tail is at most exp(-2 d d / n).
    bits = bound.denominator.bit_length() - bound.numerator.bit_length() + 1
    low = max(-1, trials // 2 - isqrt(trials * bits * 7 // 20) - 1)
    high = (trials - 1) // 2 + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _is_within(bound, middle, trials) else (low, middle)
    return low


def _is_within(bound: Fraction, successes: int, trials: int) -> bool:
    tail = lower_tail(successes, trials)
    if trials > _WHOLE and abs(tail - bound) * 10**20 < bound:
        tail = Fraction(_ways(successes, trials), 1 << trials)
    return tail <= bound


def _ways(successes: int, trials: int) -> int:
    """Count the ways to have at most so many successes."""
    ways = total = 1
    for k in range(successes):
        ways = ways * (trials - k) // (k + 1)
        total += ways
    return total


def _summed(successes: int, trials: int) -> int:
    """Add up the tail in multiples of its last probability, until what is left does not count.

    From there down each is at most k / (n - k + 1) of the one before, k being where that stands;
    so what is left is less than the last times k / (n - 2 k + 1).
    """
    weight = total = _ONE
    for k in range(successes, 0, -1):
        weight = weight * k // (trials - k + 1)
        total += weight
        if weight * k << _NEGLIGIBLE < total * (trials - 2 * k + 1):
            break
    return total
