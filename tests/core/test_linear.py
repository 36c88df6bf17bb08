"""Linear models from sums against statsmodels fitted to the subjects one by one."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from statsmodels.stats.anova import anova_lm

from trial.statistics.linear import EQUAL, OBSERVED, Model
from trial.statistics.products import CrossProducts, Products, pool_levels

KIND = Products((1, 1, 2))
MODEL = Model({"arm": 0, "site": 1}, {"base": 0, "age": 1})
DOSES = {"a": Fraction(0), "b": Fraction(54), "c": Fraction(81)}


def subjects(seed, n=60, sites="xyz"):
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "arm": random.choice(list("abc"), n),
            "site": random.choice(list(sites), n),
            "base": random.integers(30, 600, n) / 10,
            "age": random.integers(500, 900, n) / 10,
            "y": random.integers(-2000, 2000, n) / 100,
        }
    )


def summed(frame):
    cells = {}
    for row in frame.itertuples():
        units = [round(row.base * 10), round(row.age * 10), round(row.y * 100)]
        into = cells.setdefault((row.arm, row.site), {})
        for name, value in KIND.contribution(units).items():
            into[name] = into.get(name, 0) + value
    return {levels: KIND.estimate(each) for levels, each in cells.items()}


def oracle(frame, formula="y ~ C(arm, Sum) + C(site, Sum) + base + age"):
    return smf.ols(formula, frame).fit()


def weighed(fit, frame, arm, weights):
    """Predict for everybody in this arm, over sites alike or as they occur."""
    if weights == OBSERVED:
        grid = frame.assign(arm=arm)
    else:
        grid = pd.DataFrame({"arm": arm, "site": sorted(set(frame.site))})
    grid = grid.assign(base=frame.base.mean(), age=frame.age.mean())
    both = pd.concat([grid.assign(y=0), frame])
    rows = smf.ols(fit.model.formula, both).exog[: len(grid)].mean(axis=0)
    return fit.t_test(rows)


def assert_same(found, expected):
    low, high = (float(limit) for limit in found.interval())
    assert [float(found.estimate), float(found.se), float(found.p), low, high] == pytest.approx(
        [
            float(np.squeeze(expected.effect)),
            float(np.squeeze(expected.sd)),
            float(np.squeeze(expected.pvalue)),
            *np.squeeze(expected.conf_int()),
        ],
        rel=1e-8,
        abs=1e-9,
    )


@pytest.mark.parametrize("seed", range(6))
def test_means_differences_and_slopes_equal_statsmodels(seed):
    frame = subjects(seed)
    fit, expected = MODEL.fit(summed(frame)), oracle(frame)
    assert fit.n == 60
    assert fit.aliased == ()
    assert fit.error_df == expected.df_resid
    assert float(fit.error) == pytest.approx(expected.mse_resid, rel=1e-10)
    for weights in (EQUAL, OBSERVED):
        for arm in "abc":
            assert_same(fit.mean("arm", arm, weights), weighed(expected, frame, arm, weights))
    plain = oracle(frame, "y ~ C(arm) + C(site) + base + age")
    assert_same(fit.difference("arm", "b", "a"), plain.t_test("C(arm)[T.b] = 0"))
    assert_same(fit.difference("arm", "c", "b"), plain.t_test("C(arm)[T.c] - C(arm)[T.b] = 0"))
    assert_same(fit.slope("age"), plain.t_test("age = 0"))


@pytest.mark.parametrize("seed", range(6))
def test_f_tests_equal_statsmodels(seed):
    frame = subjects(seed)
    fit, expected = MODEL.fit(summed(frame)), oracle(frame)
    names = {"arm": "C(arm, Sum)", "site": "C(site, Sum)", "base": "base", "age": "age"}
    third, first = anova_lm(expected, typ=3), anova_lm(expected, typ=1)
    for term, name in names.items():
        for found, table in ((fit.type_three(term), third), (fit.sequential(term), first)):
            assert found.df == table.df[name]
            values = [float(found.statistic), float(found.p)]
            assert values == pytest.approx([table.F[name], table["PR(>F)"][name]], rel=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_the_trend_over_doses_equals_a_regression_on_them(seed):
    frame = subjects(seed)
    fit = Model({"arm": 0, "site": 1}, {"base": 0}, {"arm": DOSES}).fit(summed(frame))
    scored = frame.assign(dose=[float(DOSES[arm]) for arm in frame.arm])
    expected = oracle(scored, "y ~ dose + C(site) + base")
    assert_same(fit.slope("arm"), expected.t_test("dose = 0"))
    assert fit.type_three("arm").p == fit.slope("arm").p


def test_subjects_add_in_any_order_and_come_out_again():
    frame = subjects(1)
    again = frame.sample(frac=1, random_state=2)
    assert summed(frame) == summed(again)
    whole, half = summed(frame), frame[:30]
    rest = summed(frame[30:])
    added = {
        levels: summed(half).get(levels, CrossProducts.nobody(3)) + rest[levels] for levels in rest
    }
    assert all(whole[levels] == added[levels] for levels in added)


def test_pooled_levels_equal_a_model_of_the_pooled_levels():
    frame = subjects(3, sites="xyzvw")
    merged = pool_levels(summed(frame), 1, {"v": "x", "w": "x"})
    renamed = frame.assign(site=frame.site.replace({"v": "x", "w": "x"}))
    assert merged == summed(renamed)


def test_an_empty_combination_of_levels_changes_nothing():
    frame = subjects(4)
    frame = frame[~((frame.arm == "b") & (frame.site == "y"))]
    fit = MODEL.fit(summed(frame) | {("b", "y"): CrossProducts.nobody(3)})
    assert_same(
        fit.difference("arm", "b", "a"),
        oracle(frame, "y ~ C(arm) + C(site) + base + age").t_test("C(arm)[T.b] = 0"),
    )


def test_what_other_columns_determine_is_named_and_not_estimated():
    frame = subjects(5)
    frame["age"] = 2 * frame.base + 1  # collinear
    fit = MODEL.fit(summed(frame))
    assert fit.aliased == ("age",)
    assert fit.slope("age") is fit.slope("base") is fit.type_three("age") is None
    expected = oracle(frame, "y ~ C(arm) + C(site) + base").t_test("C(arm)[T.b] = 0")
    assert_same(fit.difference("arm", "b", "a"), expected)


def test_a_site_with_one_arm_of_its_own_leaves_that_arm_without_an_estimate():
    frame = subjects(6)
    frame["site"] = np.where(frame.arm == "c", "z", np.where(frame.site == "z", "x", frame.site))
    fit = MODEL.fit(summed(frame))
    assert fit.aliased == ("site y",)
    assert fit.difference("arm", "c", "a") is None
    assert fit.difference("arm", "b", "a") is not None
    assert fit.mean("arm", "c") is None
    assert fit.type_three("arm").df == 1


def test_too_few_subjects_or_levels_give_no_test():
    none = MODEL.fit({})
    assert none.n == 0
    assert none.error is none.mean("arm", "a") is none.type_three("arm") is None
    frame = subjects(7)[:5]
    few = MODEL.fit(summed(frame))
    assert few.error is few.difference("arm", "a", "b") is few.type_three("base") is None
    single = subjects(8).assign(arm="a")
    fit = MODEL.fit(summed(single))
    assert fit.type_three("arm") is fit.sequential("arm") is fit.difference("arm", "a", "b") is None
    assert fit.mean("arm", "b") is None
    assert_same(
        fit.mean("arm", "a"),
        oracle(
            single.assign(
                base=single.base - single.base.mean(), age=single.age - single.age.mean()
            ),
            "y ~ C(site, Sum) + base + age",
        ).t_test("Intercept = 0"),
    )


def test_a_response_that_is_explained_wholly_has_no_statistic():
    frame = subjects(9)
    frame["y"] = frame.base
    fit = Model({"arm": 0}, {"base": 0}).fit(summed(frame))
    assert fit.error == 0
    assert fit.slope("base").estimate == 1
    assert fit.slope("base").p is fit.type_three("base").p is None
