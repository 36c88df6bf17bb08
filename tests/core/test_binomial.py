"""Tails of the binomial distribution of probability one half, at any size."""

from fractions import Fraction
from itertools import accumulate
from math import comb

import mpmath
import pytest
from scipy import stats

from trial.statistics.binomial import greatest_below, lower_tail
from trial.statistics.pairs import mcnemar_exact
from trial.tables.rounding import exact_text, p_text

BOUNDS = [Fraction(1, 4), Fraction(1, 20), Fraction(1, 40), Fraction(1, 200), Fraction(1, 10**9)]


def exact_tails(n):
    """Add up the tails of fewer than half of n trials."""
    ways = accumulate(comb(n, k) for k in range((n + 1) // 2))
    return [Fraction(total, 2**n) for total in ways]


@pytest.mark.parametrize("n", [1, 2, 3, 1_999, 2_000, 2_001, 2_002, 5_000, 5_001])
def test_tails_print_as_their_exact_sums_do(n):
    tails = exact_tails(n)
    every = max(len(tails) // 40, 1)
    for k in {*range(0, len(tails), every), *range(min(3, len(tails))), len(tails) - 1}:
        assert exact_text(lower_tail(k, n)) == exact_text(tails[k])
        assert abs(lower_tail(k, n) / tails[k] - 1) < Fraction(1, 10**25)


@pytest.mark.parametrize("n", [*range(41), 1_999, 2_000, 2_001, 2_002, 5_000])
def test_the_greatest_number_within_a_bound_is_that_of_the_exact_sums(n):
    tails = exact_tails(n)
    at_a_tail = [tails[len(tails) * 9 // 10], tails[0]] if tails else []
    for bound in [*BOUNDS, *at_a_tail]:
        if bound < Fraction(1, 2):
            assert greatest_below(bound, n) == sum(tail <= bound for tail in tails) - 1


@pytest.mark.parametrize("n", [10_001, 100_000, 1_000_000])
def test_large_studies_equal_mpmath_and_scipy(n):
    with mpmath.workdps(50):
        for k in (0, n // 4, n // 2 - n // 1_000, n // 2 - 1):
            first = mpmath.binomial(n, k) * mpmath.mpf(2) ** -n
            oracle = first * mpmath.hyp2f1(1, -k, n - k + 1, -1)
            tail = lower_tail(k, n)
            ratio = mpmath.mpf(tail.numerator) / tail.denominator / oracle
            assert abs(ratio - 1) < mpmath.mpf("1e-25")
    for bound in BOUNDS:
        assert greatest_below(bound, n) == stats.binom.ppf(float(bound), n, 0.5) - 1


def test_mcnemar_is_1_only_where_pairs_are_balanced():
    for n in (1_999, 2_000, 50_000, 50_001):
        assert mcnemar_exact(n // 2, n - n // 2) == 1
        p = mcnemar_exact(n // 2 - 1, n - n // 2 + 1)
        assert 0 < p < 1
        assert p_text(p) != "1.0000"


def test_a_tail_beyond_the_half_is_refused():
    with pytest.raises(ValueError, match="below the half"):
        lower_tail(1, 2)
    assert lower_tail(-1, 2) == 0


def test_a_tail_of_millions_of_trials_is_not_lost():
    tail, n = lower_tail(0, 4_000_000), 4_000_000
    with mpmath.workdps(50):
        ratio = mpmath.mpf(tail.numerator) / tail.denominator / mpmath.mpf(2) ** -n
        assert abs(ratio - 1) < mpmath.mpf("1e-25")
