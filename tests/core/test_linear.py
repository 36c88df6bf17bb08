"""Linear models from sums against statsmodels fitted to the subjects one by one."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from builders import enrolment
from parallel import A, B, parallel, printed, randomised, table_of
from statsmodels.stats.anova import anova_lm

from trial.errors import Rejected
from trial.statistics.linear import EQUAL, OBSERVED, Model
from trial.statistics.products import CrossProducts, Products, pool_levels
from trial.tables import checking

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
    return {levels: KIND.estimate(sums) for levels, sums in cells.items()}


def oracle(frame, formula="y ~ C(arm, Sum) + C(site, Sum) + base + age"):
    return smf.ols(formula, frame).fit()


def weighed(fit, frame, arm, weights):
    """Predict for everybody in this arm, over sites alike or as they occur."""
    if weights == OBSERVED:
        grid = frame.assign(arm=arm)
    else:
        grid = pd.DataFrame({"arm": arm, "site": sorted(set(frame.site))})
    grid = grid.assign(base=frame.base.mean(), age=frame.age.mean())
    rows_with_grid = pd.concat([grid.assign(y=0), frame])
    rows = smf.ols(fit.model.formula, rows_with_grid).exog[: len(grid)].mean(axis=0)
    return fit.t_test(rows)


def assert_same(contrast, expected):
    low, high = (float(limit) for limit in contrast.interval())
    assert [
        float(contrast.estimate),
        float(contrast.se),
        float(contrast.p),
        low,
        high,
    ] == pytest.approx(
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
        for test, table in ((fit.type_three(term), third), (fit.sequential(term), first)):
            assert test.df == table.df[name]
            values = [float(test.statistic), float(test.p)]
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
    reordered = frame.sample(frac=1, random_state=2)
    assert summed(frame) == summed(reordered)
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
    model = MODEL.fit(summed(frame))
    assert model.error is model.difference("arm", "a", "b") is model.type_three("base") is None
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


class TestInteraction:
    """Against statsmodels' ordinary least squares, with factors coded to sum to zero."""

    SUBJECTS = tuple(
        (("abc"[i % 3], "xy"[i // 3 % 2], "uv"[i % 5 > 1]), 20 + 7 * i % 31, 10 + 13 * i % 29)
        for i in range(40)
    )

    def fit(self, subjects=SUBJECTS):
        products, cells = Products((0, 0)), {}
        for levels, covariate, value in subjects:
            into = cells.setdefault(levels, {})
            for name, number in products.contribution([covariate, value]).items():
                into[name] = into.get(name, 0) + number
        sums = {levels: products.estimate(into) for levels, into in cells.items()}
        factors = {"arm": 0, "site": 1, "sex": 2}
        return Model(factors, {"age": 0}, crossed=("arm", "site")).fit(sums)

    @classmethod
    def oracle(cls):
        rows = [cls.row(*levels, age) for levels, age, _ in cls.SUBJECTS]
        return sm.OLS([value for *_, value in cls.SUBJECTS], np.array(rows, float)).fit()

    @staticmethod
    def row(arm, site, sex, age):
        """Return the design: each factor's codes sum to zero."""
        arms = [(arm == "a") - (arm == "c"), (arm == "b") - (arm == "c")]
        place = 1 if site == "x" else -1
        return [1, *arms, place, 1 if sex == "u" else -1, age, *(place * code for code in arms)]

    def test_its_f_test(self):
        oracle = self.oracle().f_test(np.eye(8)[6:])
        test = self.fit().type_three("arm*site")
        assert test.df == 2
        assert float(test.statistic) == pytest.approx(oracle.fvalue, rel=1e-10)
        assert float(test.p) == pytest.approx(oracle.pvalue, rel=1e-9)

    @pytest.mark.parametrize("site", ["x", "y"])
    def test_means_and_differences_at_a_level(self, site):
        whole, model = self.oracle(), self.fit()
        age = np.mean([age for _, age, _ in self.SUBJECTS])
        means = {
            arm: np.mean([self.row(arm, site, sex, age) for sex in "uv"], axis=0) for arm in "ab"
        }
        for arm, weights in means.items():
            oracle, mean = whole.t_test(weights), model.mean_at(arm, site)
            assert float(mean.estimate) == pytest.approx(oracle.effect[0], rel=1e-10)
            assert float(mean.se) == pytest.approx(oracle.sd.item(), rel=1e-10)
        oracle = whole.t_test(means["b"] - means["a"])
        gain = model.difference_at("b", "a", site)
        assert float(gain.estimate) == pytest.approx(oracle.effect[0], rel=1e-9)
        assert float(gain.p) == pytest.approx(oracle.pvalue.item(), rel=1e-8)

    def test_where_an_arm_has_nobody_at_a_level_there_is_no_mean(self):
        subjects = [row for row in self.SUBJECTS if row[0][:2] != ("b", "y")]
        model = self.fit(subjects)
        assert model.mean_at("b", "y") is model.difference_at("b", "a", "y") is None
        assert model.mean_at("b", "x") is not None is not model.difference_at("c", "a", "y")
        assert model.mean_at("b", "z") is model.mean_at("d", "x") is None
        assert model.type_three("arm*site").df == 1

    def test_rows(self):
        entries = [
            entry
            for i in range(20)
            for name in [f"S-{i:02}"]
            for entry in (
                enrolment(subject=name, age=30 + 7 * i % 23),
                randomised("ab"[i % 2], name, strata={"region": ("north", "south")[i // 2 % 2]}),
            )
        ]
        row = {"ancova": {"measure": "age", "factors": ["region"], "interaction": "region"}}
        columns = [A, B, {"id": "p", "label": "P", "compare": ["b", "a"]}]
        grid = table_of(entries, row, columns=columns)
        plain = table_of(entries, {"ancova": {"measure": "age", "factors": ["region"]}},
                         columns=columns)  # fmt: skip
        assert grid.rows[0] == plain.rows[0]
        north = [30 + 7 * i % 23 for i in range(20) if not i // 2 % 2]
        means = [sum(north[k::2]) / len(north[k::2]) for k in (0, 1)]
        texts = printed(grid, "row/interaction/north", "p")
        assert texts["difference"] == f"{means[0] - means[1]:.1f}"
        assert printed(grid, "row/interaction/north", "a")["lsmean"] == f"{means[0]:.1f}"
        assert printed(grid, "row/interaction", "p").keys() == {"p"}
        for name in ("row/interaction", "row/interaction/south"):
            refs = {"order": [{"table": "t", "row": name, "column": "p"}], "alpha": 0.05}
            checking.check_definition(parallel([row], columns, testing=refs))
        row["ancova"]["interaction"] = "sex"
        with pytest.raises(Rejected):
            checking.check_definition(parallel([row], columns))
