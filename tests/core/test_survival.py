"""Kaplan-Meier, its intervals and the log-rank test against statsmodels; rates against scipy."""

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats
from statsmodels.duration.survfunc import SurvfuncRight, survdiff

from trial.statistics.rates import (
    poisson_interval,
    rate,
)
from trial.statistics.survival import at_risk, kaplan_meier, log_rank

HALF = Fraction(1, 2)


def sample(seed, n=60, longest=40):
    random = np.random.default_rng(seed)
    return random.integers(1, longest, n), random.integers(0, 2, n)


def tallied(time, status):
    return {
        int(t): (int(((time == t) & (status == 1)).sum()), int(((time == t) & (status == 0)).sum()))
        for t in set(time)
    }


@pytest.mark.parametrize("seed", range(8))
def test_survival_and_greenwood_equal_statsmodels(seed):
    time, status = sample(seed)
    curve, oracle = kaplan_meier(tallied(time, status)), SurvfuncRight(time, status)
    steps = {step.time: step for step in curve.steps}
    assert set(steps) == set(oracle.surv_times)
    for t, survival, se, n in zip(
        oracle.surv_times, oracle.surv_prob, oracle.surv_prob_se, oracle.n_risk, strict=True
    ):
        step = steps[int(t)]
        assert step.at_risk == n == at_risk(tallied(time, status), int(t))
        assert float(step.survival) == pytest.approx(survival, rel=1e-12, abs=1e-15)
        if step.variance is not None:
            assert math.sqrt(step.variance) == pytest.approx(se, rel=1e-10)
            low, high = (float(limit) for limit in step.interval())
            spread = stats.norm.ppf(0.975) * se / survival / -math.log(survival)
            expected = survival ** math.exp(spread), survival ** math.exp(-spread)
            assert (low, high) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("level", [Fraction(8, 10), Fraction(99, 100)])
def test_limits_on_other_scales_are_symmetric_there_and_within_0_and_1(seed, level):
    time, status = sample(seed)
    z = stats.norm.ppf((1 + float(level)) / 2)
    for step in kaplan_meier(tallied(time, status)).steps:
        if step.variance is None:
            assert step.interval(level, "plain") is step.interval(level, "log") is None
            continue
        survival, se = float(step.survival), math.sqrt(step.variance)
        low, high = (float(limit) for limit in step.interval(level, "plain"))
        assert low == pytest.approx(max(survival - z * se, 0), abs=1e-14)
        assert high == pytest.approx(min(survival + z * se, 1), abs=1e-14)
        low, high = (float(limit) for limit in step.interval(level, "log"))
        assert low == pytest.approx(survival * math.exp(-z * se / survival), rel=1e-12)
        assert high == pytest.approx(min(survival * math.exp(z * se / survival), 1), rel=1e-12)


SCALES = {"log-log": "cloglog", "log": "log", "plain": "linear"}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("p", [Fraction(1, 4), HALF, Fraction(3, 4)])
@pytest.mark.parametrize("level", [Fraction(9, 10), Fraction(95, 100)])
@pytest.mark.parametrize("scale", SCALES)
def test_limits_of_quantiles_equal_statsmodels(seed, p, level, scale):
    time, status = sample(seed)
    curve, oracle = kaplan_meier(tallied(time, status)), SurvfuncRight(time, status)
    with np.errstate(all="ignore"):  # it takes log 0 where nobody survives
        low, high = oracle.quantile_ci(float(p), alpha=float(1 - level), method=SCALES[scale])
    quantile_interval = curve.quantile_interval(p, level, scale)
    ends_reached = [
        step.time for step in curve.steps if not step.survival
    ]  # no variance, no limits
    assert quantile_interval[0] == (None if math.isnan(low) or low in ends_reached else low)
    uppers = [step.interval(level, scale)[1] for step in curve.steps if step.survival]
    if uppers == sorted(uppers, reverse=True):  # else statsmodels takes the last time within
        assert quantile_interval[1] == (None if math.isinf(high) or high in ends_reached else high)


def test_a_level_stretch_at_exactly_a_half_has_its_middle_as_median():
    assert kaplan_meier({3: (1, 0), 5: (1, 0), 9: (1, 0), 12: (1, 0)}).quantile(HALF) == 7
    assert kaplan_meier({3: (1, 0), 5: (1, 0), 8: (0, 1), 9: (0, 1)}).quantile(HALF) == 7
    assert kaplan_meier({3: (1, 0), 5: (1, 0), 9: (1, 0)}).quantile(HALF) == 5


def test_nobody_no_event_and_all_at_once():
    nobody = kaplan_meier({})
    assert (nobody.n, nobody.steps, nobody.survival(1), nobody.quantile(HALF)) == (
        0,
        (),
        None,
        None,
    )
    spared = kaplan_meier({7: (0, 5)})
    assert (spared.survival(7), spared.survival(8), spared.quantile(HALF)) == (1, None, None)
    assert spared.quantile_interval(HALF) == (None, None)
    extinct = kaplan_meier({7: (5, 0)})
    assert (extinct.survival(6), extinct.survival(7), extinct.survival(99)) == (1, 0, 0)
    assert extinct.quantile(HALF) == 7
    assert extinct.steps[0].variance is extinct.steps[0].interval() is None
    with pytest.raises(ValueError, match="not be negative"):
        kaplan_meier({1: (-1, 0)})


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("groups", [2, 3, 4])
@pytest.mark.parametrize("strata", [1, 3])
def test_log_rank_equals_statsmodels(seed, groups, strata):
    time, status = sample(seed, n=90)
    random = np.random.default_rng(100 + seed)
    group, stratum = random.integers(0, groups, 90), random.integers(0, strata, 90)
    tallies = [
        [
            tallied(time[item], status[item])
            for j in range(groups)
            for item in [(stratum == i) & (group == j)]
        ]
        for i in range(strata)
    ]
    result = log_rank(tallies)
    statistic, p = survdiff(time, status, group, strata=stratum if strata > 1 else None)
    assert result.df == groups - 1
    assert [float(result.statistic), float(result.p)] == pytest.approx([statistic, p], rel=1e-8)
    assert log_rank([*tallies, [{}] * groups]) == result


def test_groups_that_cannot_be_told_apart_have_no_log_rank_test():
    assert log_rank([[{3: (2, 1)}]]) is None
    assert log_rank([[{}, {}]]) is None
    assert log_rank([[{3: (0, 4)}, {2: (0, 3)}]]) is None
    assert log_rank([[{3: (2, 1)}, {}]]) is None
    assert log_rank([[{1: (4, 0)}, {2: (4, 0)}, {}]]).df == 1
    with pytest.raises(ValueError, match="same groups"):
        log_rank([[{}, {}], [{}]])


@pytest.mark.parametrize("events", [0, 1, 2, 7, 40, 999, 20_000])
def test_poisson_limits_equal_scipy(events):
    low, high = (float(limit) for limit in poisson_interval(events, 1000))
    assert low == pytest.approx(stats.chi2.ppf(0.025, 2 * events) / 2000 if events else 0, rel=1e-9)
    assert high == pytest.approx(stats.chi2.ppf(0.975, 2 * events + 2) / 2000, rel=1e-9)


def test_rates_without_person_time_or_events():
    assert rate(0, 0) is poisson_interval(0, 0) is None
    assert poisson_interval(0, 10)[0] == 0
    with pytest.raises(ValueError, match="events take time"):
        rate(1, 0)
