"""Statistics against the dossier's tables, scipy, statsmodels and Python's own, on grids."""

import math
import statistics as stdlib
import subprocess
import sys
from collections import Counter
from decimal import Decimal, localcontext
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from trial.statistics import cells as cell_sums
from trial.statistics import distributions
from trial.statistics.moments import Moments
from trial.statistics.pairs import mcnemar_exact, paired_tango
from trial.statistics.proportions import clopper_pearson, proportion, wilson
from trial.statistics.tallies import order_statistics
from trial.tables.rounding import decimal_text

UNITS = st.integers(-(10**9), 10**9)
SAMPLES = st.lists(UNITS, min_size=1, max_size=60)


def summed(kind, values):
    total = {}
    for value in values:
        cell_sums.add(total, kind.contribution(value))
    return total


def percents(interval, places=2):
    return tuple(float(decimal_text(100 * Fraction(limit), places)) for limit in interval)


class TestMoments:
    def test_a_zero_leaves_only_its_count(self):
        assert Moments(6).contribution(0) == {"n": 1}
        assert Moments(6).contribution(-3) == {"n": 1, "s": -3, "q": 9}

    def test_nobody_has_no_mean(self):
        readout = Moments(2).estimate({})
        assert (readout.n, readout.mean, readout.variance) == (0, None, None)
        assert readout.sd is readout.se is readout.t_interval() is None

    def test_one_value_has_a_mean_and_no_spread(self):
        readout = Moments(1).estimate(Moments(1).contribution(-25))
        assert readout.mean == Fraction(-5, 2)
        assert readout.variance is readout.sd is readout.se is readout.t_interval() is None

    def test_equal_values_have_an_sd_of_zero(self):
        readout = Moments().estimate(summed(Moments(), [7, 7, 7]))
        assert readout.variance == 0
        assert readout.sd == 0
        assert readout.t_interval() == (7, 7)

    def test_sd_has_at_least_28_digits_where_floats_have_none_left(self):
        # Squares near 10**24 and a variance of 5/3: cancellation would leave a float nothing.
        readout = Moments(0).estimate(summed(Moments(0), [10**12 + k for k in range(1, 5)]))
        assert readout.variance == Fraction(5, 3)
        with localcontext(prec=60):
            assert abs(readout.sd - (Decimal(5) / 3).sqrt()) < Decimal("1e-48")

    def test_cells_that_no_values_can_give_are_refused(self):
        for cells in ({"n": -1}, {"n": 2, "s": 5}):
            with pytest.raises(ValueError, match="not the sum"):
                Moments().estimate(cells)

    @given(SAMPLES, st.integers(0, 6))
    def test_they_equal_the_statistics_module(self, units, places):
        values = [Fraction(unit, 10**places) for unit in units]
        readout = Moments(places).estimate(summed(Moments(places), units))
        assert readout.n == len(values)
        assert readout.mean == stdlib.mean(values)
        if len(values) > 1:
            assert readout.variance == stdlib.variance(values)
            assert float(readout.sd) == pytest.approx(stdlib.stdev(values), rel=1e-14, abs=0)

    @given(st.lists(st.integers(-(10**6), 10**6), min_size=2, max_size=60, unique=True))
    def test_they_equal_numpy_and_scipy(self, units):
        values = np.array(units) / 1000
        readout = Moments(3).estimate(summed(Moments(3), units))
        assert float(readout.mean) == pytest.approx(values.mean(), rel=1e-9, abs=1e-9)
        assert float(readout.sd) == pytest.approx(values.std(ddof=1), rel=1e-12)
        assert float(readout.se) == pytest.approx(stats.sem(values), rel=1e-12)
        low, high = stats.t.interval(0.95, len(units) - 1, values.mean(), stats.sem(values))
        assert [float(x) for x in readout.t_interval()] == pytest.approx([low, high], rel=1e-9)


@given(st.lists(UNITS), st.lists(UNITS))
def test_what_is_added_and_taken_out_again_leaves_exactly_what_was_there(remaining, corrected):
    moments = Moments(2)
    total = summed(moments, remaining)
    before = dict(total)
    for value in corrected:
        cell_sums.add(total, moments.contribution(value))
    for value in reversed(corrected):
        cell_sums.add(total, {name: -n for name, n in moments.contribution(value).items()})
    assert total == before


class TestOrderStatistics:
    def test_nobody_has_no_median(self):
        readout = order_statistics({})
        assert readout.n == 0
        assert (readout.minimum, readout.q1, readout.median, readout.q3, readout.maximum) == (
            (None,) * 5
        )
        assert order_statistics({5: 0}) == readout

    def test_one_value_is_all_of_them(self):
        readout = order_statistics({-25: 1}, places=1)
        assert readout.n == 1
        assert {readout.minimum, readout.q1, readout.median, readout.q3, readout.maximum} == {
            Fraction(-5, 2)
        }

    def test_quartiles_are_averaged_where_the_share_falls_between_two_values(self):
        # SAS PCTLDEF=5 of 1..8: n p is whole, so quartiles lie halfway.
        readout = order_statistics(dict.fromkeys(range(1, 9), 1))
        assert (readout.q1, readout.median, readout.q3) == (
            Fraction(5, 2),
            Fraction(9, 2),
            Fraction(13, 2),
        )
        # Of 1..7 none is: the values themselves.
        readout = order_statistics(dict.fromkeys(range(1, 8), 1))
        assert (readout.q1, readout.median, readout.q3) == (2, 4, 6)

    def test_a_million_subjects_are_read_as_quickly_as_their_values(self):
        readout = order_statistics({1: 10**6, 2: 10**6})
        assert (readout.n, readout.q1, readout.median, readout.q3) == (
            2 * 10**6,
            1,
            Fraction(3, 2),
            2,
        )

    def test_a_negative_count_is_refused(self):
        with pytest.raises(ValueError, match="not the tally"):
            order_statistics({1: 2, 3: -1})

    @given(st.lists(st.integers(-40, 40), min_size=1, max_size=80))
    def test_it_equals_the_expanded_values(self, units):
        readout = order_statistics(Counter(units), places=1)
        values = [Fraction(unit, 10) for unit in units]
        assert readout.median == stdlib.median(values)
        assert (readout.minimum, readout.maximum) == (min(values), max(values))
        oracle = np.quantile(units, [0.25, 0.5, 0.75], method="averaged_inverted_cdf")
        assert [10 * quartile for quartile in (readout.q1, readout.median, readout.q3)] == list(
            oracle
        )


# domain.md B2, in percent: x, n, Clopper-Pearson, Wilson. Its upper limit of 24/40 is printed 75.13
# there, but is 75.135001.
INTERVALS = [
    (33, 40, (67.22, 92.66), (68.05, 91.25)),
    (1, 40, (0.06, 13.16), (0.44, 12.88)),
    (0, 40, (0, 8.81), (0, 8.76)),
    (17, 40, (27.04, 59.11), (28.51, 57.80)),
    (20, 40, (33.80, 66.20), (35.20, 64.80)),
    (24, 40, (43.33, 75.14), (44.60, 73.65)),
    (22, 40, (38.49, 70.74), (39.83, 69.29)),
    (25, 40, (45.80, 77.27), (47.03, 75.78)),
    (19, 40, (31.51, 63.87), (32.94, 62.50)),
    (17, 31, (36.03, 72.68), (37.77, 70.84)),
    (31, 40, (61.55, 89.16), (62.50, 87.68)),
    (9, 40, (10.84, 38.45), (12.32, 37.50)),
    (8, 40, (9.05, 35.65), (10.50, 34.76)),
    (4, 40, (2.79, 23.66), (3.96, 23.05)),
    (3, 40, (1.57, 20.39), (2.58, 19.86)),
    (2, 40, (0.61, 16.92), (1.38, 16.50)),
]


class TestProportions:
    def test_a_percentage_is_exact_and_nobody_has_none(self):
        assert proportion(33, 40) == Fraction(165, 2)
        assert proportion(17, 31) == Fraction(1700, 31)
        assert proportion(0, 40) == 0
        assert proportion(0, 0) is None
        for x, n in ((5, 4), (-1, 4), (0, -1)):
            with pytest.raises(ValueError, match="denominator"):
                proportion(x, n)

    @pytest.mark.parametrize(("x", "n", "exact", "score"), INTERVALS)
    def test_intervals_of_the_dossier(self, x, n, exact, score):
        assert percents(clopper_pearson(x, n)) == exact
        assert percents(wilson(x, n)) == score

    @pytest.mark.parametrize("method", [clopper_pearson, wilson])
    @pytest.mark.parametrize("n", [1, 2, 40, 100_000])
    def test_none_and_all_end_exactly_at_0_and_1(self, method, n):
        assert method(0, n)[0] == Decimal(0)
        assert method(n, n)[1] == Decimal(1)
        assert method(0, 0) is None
        assert 0 < method(0, n)[1] < 1
        assert float(method(0, n)[1] + method(n, n)[0]) == pytest.approx(1, abs=1e-15)

    @pytest.mark.parametrize("level", [Fraction(90, 100), Fraction(95, 100), Fraction(99, 100)])
    @pytest.mark.parametrize("n", [1, 2, 3, 7, 31, 40, 257])
    def test_intervals_equal_scipy_and_statsmodels(self, n, level):
        for x in range(0, n + 1, 1 if n < 50 else 16):
            result = stats.binomtest(x, n).proportion_ci(float(level), method="exact")
            limits = [float(limit) for limit in clopper_pearson(x, n, level)]
            assert limits == pytest.approx([result.low, result.high], rel=1e-11, abs=1e-14)
            oracle = proportion_confint(x, n, float(1 - level), method="wilson")
            limits = [float(limit) for limit in wilson(x, n, level)]
            assert limits == pytest.approx(list(oracle), rel=1e-13, abs=1e-15)

    @pytest.mark.parametrize("x", [1, 2, 1_000, 31_415, 50_000, 99_999])
    def test_a_hundred_thousand_subjects_equal_scipy(self, x):
        result = stats.binomtest(x, 100_000).proportion_ci(0.95, method="exact")
        limits = [float(limit) for limit in clopper_pearson(x, 100_000)]
        assert limits == pytest.approx([result.low, result.high], rel=1e-11)

    @given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(1, n), st.just(n))))
    def test_the_exact_limit_leaves_exactly_its_tail(self, counts):
        x, n = counts
        low = Fraction(clopper_pearson(x, n)[0])
        tail = sum(math.comb(n, k) * low**k * (1 - low) ** (n - k) for k in range(x, n + 1))
        assert abs(tail - Fraction(1, 40)) < Fraction(1, 10**17)


# domain.md B1: pairs (both, day 14 only, control only, neither), P, chi-square and its P, and Wald
# and Tango limits in percent.
PAIRS = [
    ((1, 32, 0, 7), 4.6566e-10, (32.000, 1.542e-08), (64.2, 89.5)),
    ((0, 33, 1, 6), 4.0745e-09, (30.118, 4.066e-08), (59.5, 90.1)),
]


class TestPairs:
    @pytest.mark.parametrize(("pairs", "exact", "chi_square", "tango"), PAIRS)
    def test_numbers_of_the_dossier(self, pairs, exact, chi_square, tango):
        _, b, c, _ = pairs
        assert float(f"{float(mcnemar_exact(b, c)):.4e}") == exact
        statistic = Fraction((b - c) ** 2, b + c)
        assert round(float(statistic), 3) == chi_square[0]
        tail = distributions.chi_square_tail(statistic, 1)
        assert float(f"{float(tail):.4g}") == chi_square[1]
        assert percents(paired_tango(*pairs), 1) == tango

    def test_the_day_14_value_is_exact_to_the_last_digit(self):
        assert mcnemar_exact(32, 0) == Fraction(2, 2**32)
        assert mcnemar_exact(33, 1) == Fraction(2 * 35, 2**34)

    def test_no_discordant_pair_and_balanced_pairs_give_1(self):
        assert mcnemar_exact(0, 0) == mcnemar_exact(1, 0) == mcnemar_exact(7, 7) == 1
        assert type(mcnemar_exact(0, 0)) is Fraction

    def test_mcnemar_equals_statsmodels(self):
        for b in range(0, 60, 3):
            for c in range(0, 60, 4):
                oracle = mcnemar([[1, b], [c, 1]], exact=True).pvalue if b + c else 1
                assert float(mcnemar_exact(b, c)) == pytest.approx(oracle, rel=1e-11)
                assert mcnemar_exact(b, c) == mcnemar_exact(c, b)

    def test_nobody_and_negative_counts(self):
        assert paired_tango(0, 0, 0, 0) is None
        for refused in (
            lambda: mcnemar_exact(-1, 3),
            lambda: paired_tango(1, -1, 0, 0),
            lambda: paired_tango(0, 0, 0, -2),
        ):
            with pytest.raises(ValueError, match="not be negative"):
                refused()

    def test_score_limits_have_their_closed_form_without_discordant_pairs(self):
        z2 = stats.norm.ppf(0.975) ** 2
        low, high = (float(limit) for limit in paired_tango(10, 0, 0, 30))
        assert (low, high) == pytest.approx((-z2 / (40 + z2), z2 / (40 + z2)), rel=1e-14)

    def test_score_limits_end_at_1_when_every_pair_gains(self):
        low, high = paired_tango(0, 40, 0, 0)
        assert high == 1
        assert 0.8 < low < 1
        assert paired_tango(0, 0, 40, 0) == (-high, -low)

    @pytest.mark.parametrize(
        "pairs", [(1, 32, 0, 7), (0, 33, 1, 6), (5, 3, 9, 2), (0, 1, 0, 0), (20, 6, 6, 8)]
    )
    def test_score_limits_equal_a_numerical_likelihood(self, pairs):
        low, high = (float(limit) for limit in paired_tango(*pairs))
        for limit in (low, high):
            if abs(limit) < 1:
                assert _score(pairs, limit) == pytest.approx(stats.norm.ppf(0.975), abs=1e-6)


def _score(pairs, delta):
    """Tango's statistic with the restricted maximum of the likelihood found numerically."""
    _, b, c, _ = pairs
    n = sum(pairs)

    def slope(q):  # of the log likelihood in q, the share of pairs that only the second gains
        rest = n - b - c
        return (b / (q + delta) if b else 0) + (c / q if c else 0) - 2 * rest / (1 - 2 * q - delta)

    least, highest = max(0, -delta), (1 - delta) / 2
    inside = (highest - least) * 1e-13
    low, high = least + inside, highest - inside
    if n == b + c:
        q = highest
    elif slope(low) <= 0:
        q = least
    else:
        q = optimize.brentq(slope, low, high, xtol=1e-16)
    return abs(b - c - n * delta) / math.sqrt(n * (2 * q + delta * (1 - delta)))


class TestDistributions:
    @pytest.mark.parametrize("p", [Fraction(1, 10**6), Fraction(1, 40), Fraction(51, 100)])
    @pytest.mark.parametrize("df", [1, 2, 3, 30, 39, 1000, 10**6, Fraction(77, 5)])
    def test_t_equals_scipy(self, p, df):
        assert float(distributions.t_quantile(p, df)) == pytest.approx(
            stats.t.ppf(float(p), float(df)), rel=1e-12
        )
        assert distributions.t_quantile(1 - p, df) == -distributions.t_quantile(p, df)

    def test_t_has_its_closed_form_on_2_degrees_of_freedom(self):
        with localcontext(prec=40):
            u = Decimal("0.95")
            closed = u * (2 / (1 - u * u)).sqrt()
        result = distributions.t_quantile(Fraction(975, 1000), 2)
        assert abs(result - closed) < Decimal("1e-18")
        assert distributions.t_quantile(Fraction(1, 2), 2) == 0

    @pytest.mark.parametrize("p", [Fraction(1, 10**9), Fraction(1, 40), Fraction(1, 2)])
    def test_beta_has_its_closed_form_when_a_shape_is_1(self, p):
        for n in (1, 2, 40, 100_000):
            with localcontext(prec=50):
                share = Decimal(p.numerator) / p.denominator
                closed = (share.ln() / n).exp()
            assert abs(distributions.beta_quantile(p, n, 1) / closed - 1) < Decimal("1e-18")
            mirrored = distributions.beta_quantile(1 - p, 1, n)
            assert abs(mirrored - (1 - closed)) < Decimal("1e-18")

    @pytest.mark.parametrize("a", [Fraction(1, 2), 1, 3, 77, 20_000])
    @pytest.mark.parametrize("b", [Fraction(1, 2), 1, 8, 1_000])
    def test_beta_equals_scipy(self, a, b):
        for p in (Fraction(1, 1000), Fraction(1, 40), Fraction(1, 2), Fraction(39, 40)):
            result = float(distributions.beta_quantile(p, a, b))
            assert result == pytest.approx(stats.beta.ppf(float(p), float(a), float(b)), rel=1e-10)

    def test_beta_ends_exactly_at_0_and_1(self):
        assert distributions.beta_quantile(Fraction(0), 3, 5) == 0
        assert distributions.beta_quantile(Fraction(1), 3, 5) == 1

    def test_normal_equals_scipy(self):
        assert str(distributions.normal_quantile(Fraction(975, 1000))) == "1.9599639845400542355"
        for p in (Fraction(1, 10**12), Fraction(1, 3), Fraction(9999, 10000)):
            result = float(distributions.normal_quantile(p))
            assert result == pytest.approx(stats.norm.ppf(float(p)), rel=1e-11)

    @pytest.mark.parametrize("df", [1, 2, 7, Fraction(9, 2)])
    def test_chi_square_equals_scipy(self, df):
        for x in (0, Fraction(1, 3), 4, 32, 300):
            result = float(distributions.chi_square_tail(x, df))
            assert result == pytest.approx(stats.chi2.sf(float(x), float(df)), rel=1e-11)

    def test_what_is_not_defined_is_refused(self):
        for refused in (
            lambda: distributions.normal_quantile(Fraction(1)),
            lambda: distributions.t_quantile(Fraction(0), 3),
            lambda: distributions.t_quantile(Fraction(1, 3), 0),
            lambda: distributions.beta_quantile(Fraction(2), 3, 3),
            lambda: distributions.beta_quantile(Fraction(1, 3), 0, 3),
            lambda: distributions.chi_square_tail(-1, 3),
            lambda: distributions.chi_square_tail(1, 0),
        ):
            with pytest.raises(ValueError):
                refused()

    def test_neither_the_caller_s_decimal_nor_mpmath_s_precision_shows(self):
        expected = clopper_pearson(7, 23), wilson(7, 23), paired_tango(3, 7, 2, 11)
        distributions._lower_beta.cache_clear()
        with localcontext(prec=6), mpmath.workdps(5):
            intervals = clopper_pearson(7, 23), wilson(7, 23), paired_tango(3, 7, 2, 11)
        assert intervals == expected


def test_counting_loads_no_mpmath():
    program = "import sys, trial.tables.rows; print('mpmath' in sys.modules)"
    process = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout.strip() == "False"
