"""Comparisons of proportions, tables and means against scipy, statsmodels and enumeration."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.stats.contingency_tables import StratifiedTable
from statsmodels.stats.proportion import confint_proportions_2indep

from trial.statistics import distributions
from trial.statistics.contingency import cochran_mantel_haenszel, general_association, pearson
from trial.statistics.moments import Moments, anova, pooled_t, welch_t
from trial.statistics.proportions import difference, miettinen_nurminen, newcombe

GROUPS = [(7, 34, 1, 34), (0, 20, 0, 30), (20, 20, 0, 30), (20, 20, 30, 30), (56, 70, 48, 80)]
COUNTS = st.integers(0, 12)


def groups_of_subjects():
    size = st.integers(1, 60)
    return st.tuples(size, size).flatmap(
        lambda n: st.tuples(
            st.integers(0, n[0]), st.just(n[0]), st.integers(0, n[1]), st.just(n[1])
        )
    )


def tables(height, width):
    row = st.lists(COUNTS, min_size=width, max_size=width)
    return st.lists(row, min_size=height, max_size=height)


class TestDifferences:
    @given(groups_of_subjects())
    def test_newcombe_equals_statsmodels(self, groups):
        expected = confint_proportions_2indep(*groups, method="newcomb", compare="diff")
        assert [float(limit) for limit in newcombe(*groups)] == pytest.approx(expected, abs=1e-12)

    @given(groups_of_subjects())
    @settings(max_examples=100, deadline=None)
    def test_each_score_limit_scores_exactly_the_normal_quantile(self, groups):
        for limit in (float(limit) for limit in miettinen_nurminen(*groups)):
            if abs(limit) < 1 - 1e-9:
                score = _score(*groups, limit)
                assert score == pytest.approx(stats.norm.ppf(0.975), rel=2e-6)

    def test_score_limits_of_all_against_none_keep_both_proportions_possible(self):
        low, high = miettinen_nurminen(17, 17, 0, 17)
        assert _score(17, 17, 0, 17, float(low)) == pytest.approx(stats.norm.ppf(0.975), rel=1e-6)
        assert high == 1

    @pytest.mark.parametrize("groups", GROUPS)
    def test_score_limits_turn_round_with_the_groups(self, groups):
        low, high = miettinen_nurminen(*groups)
        assert miettinen_nurminen(*groups[2:], *groups[:2]) == (-high, -low)
        assert low <= difference(*groups) <= high

    def test_all_against_none_ends_at_1_and_nobody_has_no_interval(self):
        assert miettinen_nurminen(20, 20, 0, 30)[1] == newcombe(20, 20, 0, 30)[1] == 1
        assert difference(0, 0, 1, 2) is newcombe(1, 2, 0, 0) is None
        assert miettinen_nurminen(0, 0, 1, 2) is None
        with pytest.raises(ValueError, match="denominator"):
            newcombe(3, 2, 1, 2)


def _score(x1, n1, x2, n2, delta):
    """Miettinen and Nurminen's statistic, its restricted likelihood maximised numerically."""

    def lost(p2):
        p1 = p2 + delta
        parts = [(x1, p1), (n1 - x1, 1 - p1), (x2, p2), (n2 - x2, 1 - p2)]
        return -sum(x * math.log(max(p, 1e-300)) for x, p in parts if x)

    least, highest = max(0, -delta), min(1, 1 - delta)
    best = optimize.minimize_scalar(
        lost, bounds=(least, highest), method="bounded", options={"xatol": 1e-13}
    ).x
    p2 = min((best, least, highest), key=lost)
    p1, n = p2 + delta, n1 + n2
    variance = (p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2) * n / (n - 1)
    return abs(x1 / n1 - x2 / n2 - delta) / math.sqrt(variance)


class TestStrata:
    @given(st.one_of(tables(2, 2), tables(3, 4)))
    def test_pearson_equals_scipy(self, table):
        nonempty = np.array(table)
        nonempty = nonempty[nonempty.sum(axis=1) > 0][:, nonempty.sum(axis=0) > 0]
        result = pearson(table)
        if min(nonempty.shape) < 2:
            assert result is None
            return
        expected = stats.chi2_contingency(nonempty, correction=False)
        assert [float(result.statistic), float(result.p), result.df] == pytest.approx(
            [expected.statistic, expected.pvalue, expected.dof], rel=1e-9, abs=1e-12
        )

    @given(st.lists(tables(2, 2), min_size=1, max_size=4))
    def test_two_by_two_strata_equal_statsmodels(self, strata):
        result = cochran_mantel_haenszel(strata)
        usable = [t for t in strata if sum(map(sum, t)) > 1]
        if result is None:
            assert all(_flat(table) for table in usable)
            assert general_association(strata) is None
            return
        arrays = [np.array(table, float) for table in usable]
        for corrected in (False, True):
            expected = StratifiedTable(arrays).test_null_odds(correction=corrected)
            distance = sum(t[0, 0] - t[0].sum() * t[:, 0].sum() / t.sum() for t in arrays)
            if corrected and abs(distance) < 0.5:
                assert cochran_mantel_haenszel(strata, corrected=True).statistic == 0
                continue
            result = cochran_mantel_haenszel(strata, corrected=corrected)
            assert [float(result.statistic), float(result.p)] == pytest.approx(
                [expected.statistic, expected.pvalue], rel=1e-8, abs=1e-12
            )
        assert general_association(strata) == cochran_mantel_haenszel(strata)

    @given(st.lists(tables(3, 4), min_size=1, max_size=3))
    def test_general_association_equals_its_definition_in_floats(self, strata):
        distance, variance = np.zeros(6), np.zeros((6, 6))
        for table in (np.array(t, float) for t in strata):
            n, rows, columns = table.sum(), table.sum(axis=1), table.sum(axis=0)
            if n < 2:
                continue
            distance += (table - np.outer(rows, columns) / n)[:2, :3].ravel()
            by_row = (np.diag(rows) * n - np.outer(rows, rows))[:2, :2]
            by_column = (np.diag(columns) * n - np.outer(columns, columns))[:3, :3]
            variance += np.kron(by_row, by_column) / (n * n * (n - 1))
        result = general_association(strata)
        rank = np.linalg.matrix_rank(variance, tol=1e-9)
        if result is None:
            assert rank == 0
            return
        expected = distance @ np.linalg.pinv(variance, rcond=1e-10) @ distance
        assert result.df == rank
        assert float(result.statistic) == pytest.approx(expected, rel=1e-6, abs=1e-9)

    def test_an_empty_stratum_adds_nothing(self):
        table = [[10, 4], [3, 9]]
        assert cochran_mantel_haenszel([table, [[0, 0], [0, 0]]]) == cochran_mantel_haenszel(
            [table]
        )
        assert cochran_mantel_haenszel([]) is None


def _flat(table):
    return not all(map(any, table)) or not all(map(any, zip(*table, strict=True)))


def moments(values):
    cells = {"n": len(values), "s": sum(values), "q": sum(value * value for value in values)}
    return Moments(1).estimate(cells)


SAMPLES = st.lists(st.integers(-500, 500), min_size=2, max_size=40).filter(
    lambda values: len(set(values)) > 1
)


class TestMeans:
    @given(SAMPLES, SAMPLES)
    def test_t_tests_equal_scipy(self, first, second):
        first_values, two = np.array(first) / 10, np.array(second) / 10
        for result, expected in (
            (pooled_t(moments(first), moments(second)), stats.ttest_ind(first_values, two)),
            (
                welch_t(moments(first), moments(second)),
                stats.ttest_ind(first_values, two, equal_var=False),
            ),
        ):
            values = [float(result.t), float(result.p), float(result.df)]
            assert values == pytest.approx(
                [expected.statistic, expected.pvalue, expected.df], rel=1e-8, abs=1e-10
            )
        interval = stats.ttest_ind(first_values, two).confidence_interval()
        limits = pooled_t(moments(first), moments(second)).interval()
        assert [float(x) for x in limits] == pytest.approx(list(interval), rel=1e-8, abs=1e-9)

    @given(st.lists(SAMPLES, min_size=2, max_size=5))
    def test_analysis_of_variance_equals_scipy(self, groups):
        result = anova([moments(values) for values in groups])
        expected = stats.f_oneway(*groups)
        assert float(result.statistic) == pytest.approx(expected.statistic, rel=1e-7, abs=1e-10)
        if result.statistic:  # scipy's is a rounding error, of either sign, where the means agree
            assert float(result.p) == pytest.approx(expected.pvalue, rel=1e-7, abs=1e-6)

    # CDISC pilot study report, table 14-2.01: age by arm, P 0.5934.
    def test_the_age_of_the_pilot_s_arms(self):
        sums = [(86, 6468, 492726), (84, 6356, 486636), (84, 6248, 469894)]
        result = anova([Moments().estimate({"n": n, "s": s, "q": q}) for n, s, q in sums])
        assert (result.df, result.error_df) == (2, 251)
        assert round(float(result.p), 4) == 0.5934

    def test_nobody_one_value_and_no_spread(self):
        none, single, constant = moments([]), moments([7]), moments([5, 5, 5])
        assert (
            pooled_t(single, single)
            is pooled_t(none, constant)
            is welch_t(single, constant)
            is None
        )
        assert pooled_t(single, constant).df == 2
        flat = welch_t(constant, constant)
        assert (flat.estimate, flat.p, flat.t, flat.interval()) == (0, None, None, (0, 0))
        assert anova([constant]) is anova([constant, none]) is None
        assert anova([constant, constant]).p is anova([single, single]).p is None
        assert anova([single, constant, moments([1, 9])]).error_df == 3


class TestDistributions:
    @pytest.mark.parametrize("df", [1, 2, 3, 17, 254, 10**5, Fraction(77, 5)])
    @pytest.mark.parametrize("error_df", [1, 2, 29, 254, 10**5, Fraction(41, 3)])
    def test_f_equals_scipy(self, df, error_df):
        for f in (0, Fraction(1, 100), 1, Fraction(9, 2), 60):
            result = float(distributions.f_tail(f, df, error_df))
            expected = stats.f.sf(float(f), float(df), float(error_df))
            assert result == pytest.approx(expected, rel=1e-8, abs=1e-290)
        for p in (Fraction(1, 40), Fraction(39, 40)):
            result = distributions.f_quantile(p, df, error_df)
            back = distributions.f_tail(Fraction(result), df, error_df)
            assert abs(Fraction(back) - (1 - p)) < Fraction(1, 10**15)

    @pytest.mark.parametrize("df", [1, 2, 3, 40, 1999, 10**6])
    @pytest.mark.parametrize("p", [Fraction(1, 10**6), Fraction(1, 40), Fraction(39, 40)])
    def test_chi_square_quantiles_equal_scipy_and_their_tails(self, df, p):
        result = distributions.chi_square_quantile(p, df)
        assert float(result) == pytest.approx(stats.chi2.ppf(float(p), df), rel=1e-9)
        back = Fraction(distributions.chi_square_tail(Fraction(result), df))
        assert abs(back - (1 - p)) < Fraction(1, 10**14)

    @pytest.mark.parametrize("df", [1, 3, 30, 10**4])
    def test_t_tails_equal_scipy(self, df):
        for t in (Fraction(1, 100), Fraction(2), Fraction(37, 3)):
            result = float(distributions.t_tails(t * t, df))
            assert result == pytest.approx(2 * stats.t.sf(float(t), df), rel=1e-9)

    def test_two_degrees_of_freedom_have_closed_forms(self):
        tail = distributions.chi_square_tail(100, 2)
        assert abs(tail / distributions.Decimal(-50).exp() - 1) < distributions.Decimal("1e-18")
        assert distributions.f_tail(3, 2, 2) == distributions.Decimal("0.25")

    def test_what_is_not_defined_is_refused(self):
        for refused in (
            lambda: distributions.f_tail(-1, 2, 3),
            lambda: distributions.f_tail(1, 0, 3),
            lambda: distributions.chi_square_quantile(Fraction(1, 2), Fraction(1, 2)),
            lambda: distributions.f_quantile(Fraction(0), 1, 1),
        ):
            with pytest.raises(ValueError):
                refused()
