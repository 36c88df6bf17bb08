"""Logistic, Poisson and negative binomial regression: published fits, statsmodels, and rows."""

import math
import warnings
from collections import Counter
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import statsmodels.api as sm
from builders import adverse_event, cell, contact, dose, enrolment, report_of
from parallel import TOTAL, A, B, parallel, printed, randomised, table_of
from published import QUINE, UCB
from scipy import optimize, stats

from trial.errors import Rejected
from trial.statistics.families import LOGISTIC, NEGATIVE_BINOMIAL, POISSON
from trial.statistics.inference import NOT_ESTIMABLE, TOO_MUCH_WORK
from trial.statistics.maximisation import INFINITE
from trial.statistics.regression import COMPLETE, QUASI_COMPLETE, Regression
from trial.tables import checking


def tallied(design, events, exposures):
    tallies = {}
    for row, count, exposure in zip(design, events, exposures, strict=True):
        pattern = tuple(map(int, row))
        tallies.setdefault(pattern, Counter())[int(exposure), int(count)] += 1
    return tallies


def ucb():
    """Yield design (intercept, departments B to F, women) and tally."""
    for sex, departments in UCB.items():
        for place, (admitted, rejected) in enumerate(departments):
            row = (1, *(int(place == department) for department in range(1, 6)), int(sex == "F"))
            yield row, {(1, 1): admitted, (1, 0): rejected}


class TestPublished:
    def test_berkeley(self):
        """R, glm(cbind(Admitted, Rejected) ~ Gender + Dept, binomial)."""
        model = Regression(LOGISTIC, dict(ucb()), 7)
        for column, estimate, se, p in (
            (6, 0.09987009, 0.08084647, 2.167168e-01),
            (1, -0.04339793, 0.10983890, 6.927652e-01),
            (2, -1.26259802, 0.10663289, 2.407065e-32),
            (3, -1.29460647, 0.10582342, 2.054991e-34),
        ):
            term = model.term([column])
            result = float(term.estimate.estimate), float(term.estimate.se)
            assert result == pytest.approx((estimate, se), abs=1e-8)
            assert float(term.p) == pytest.approx(p, rel=1e-5)

    def test_quine(self):
        """GLM.jl's tests, negbin(Days ~ Eth + Sex + Age + Lrn): it stops near 1e-4."""
        tallies = {}
        for word in QUINE.split():
            levels, days = word.split(":")
            row = (1, *(int(levels[2] == age) for age in "123"), *map(int, (
                levels[0] == "N", levels[1] == "M", levels[3] == "S")))  # fmt: skip
            tallies[row] = Counter((1, int(day)) for day in days.split(","))
        model = Regression(NEGATIVE_BINOMIAL, tallies, 7)
        published = (2.894527697811509, -0.4484636623590206, 0.08805060372902418,
                     0.3569553124412582, -0.5693411448715979, 0.08238813087070128,
                     0.2921383118842893)  # fmt: skip
        estimates = [float(model.term([column]).estimate.estimate) for column in range(7)]
        assert estimates == pytest.approx(published, abs=1e-4)
        counts = [events for tally in tallies.values() for (_, events), n in tally.items()
                  for _ in range(n)]  # fmt: skip
        alone = sum(math.lgamma(count + 1) for count in counts)
        assert float(model.value) - alone == pytest.approx(-546.57550938017, abs=1e-6)


def drawn(seed, n=150):
    random = np.random.default_rng(seed)
    arm, sex, site = (random.integers(0, top, n) for top in (2, 2, 3))
    design = np.column_stack([np.ones(n), sex, site == 1, site == 2, arm]).astype(int)
    days = random.integers(20, 400, n)
    mean = days / 365 * np.exp(0.3 + 0.5 * arm - 0.3 * sex)
    events = random.poisson(mean * random.gamma(1 / 0.7, 0.7, n))
    return design, days, events


SEEDS = range(3)


def minus_log_likelihood(family, design, days, events):
    """Return minus the log likelihood of the rows, as a function of the coefficients."""

    def value(point):
        linear = design @ point[: design.shape[1]]
        if family == LOGISTIC:
            return -(events @ linear - np.logaddexp(0, linear).sum())
        if family == POISSON:
            return -stats.poisson.logpmf(events, days * np.exp(linear)).sum()
        size = math.exp(-point[-1])
        mean = days * np.exp(linear)
        return -stats.nbinom.logpmf(events, size, size / (size + mean)).sum()

    return value


class TestAgainstStatsmodels:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_logistic(self, seed):
        design, _, events = drawn(seed)
        events = (events > 0).astype(int)
        model = Regression(LOGISTIC, tallied(design, events, np.ones(len(events))), 5)
        oracle = sm.Logit(events, design).fit(disp=0, tol=1e-14, maxiter=100)
        self.check(model, oracle)
        reduced = sm.Logit(events, design[:, :4]).fit(disp=0, tol=1e-14, maxiter=100)
        p = stats.chi2.sf(2 * (oracle.llf - reduced.llf), 1)
        assert float(model.term([4], "likelihood-ratio").p) == pytest.approx(p, rel=1e-9)
        wald = oracle.wald_test(np.eye(5)[2:4], scalar=True).pvalue
        assert float(model.term([2, 3]).p) == pytest.approx(wald, rel=1e-9)

    @pytest.mark.parametrize("seed", SEEDS)
    def test_poisson(self, seed):
        design, days, events = drawn(seed)
        model = Regression(POISSON, tallied(design, events, days), 5)
        fit = sm.GLM(events, design, family=sm.families.Poisson(), offset=np.log(days))
        self.check(model, fit.fit(tol=1e-14))

    @pytest.mark.parametrize("seed", SEEDS)
    def test_negative_binomial(self, seed):
        design, days, events = drawn(seed)
        model = Regression(NEGATIVE_BINOMIAL, tallied(design, events, days), 5)
        start = sm.GLM(events, design, family=sm.families.Poisson(), offset=np.log(days)).fit()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit = sm.NegativeBinomial(events, design, offset=np.log(days)).fit
            near = fit(disp=0, method="bfgs", maxiter=200, start_params=[*start.params, 0.7])
            oracle = fit(disp=0, method="newton", tol=1e-13, start_params=near.params)
        assert oracle.mle_retvals["converged"]
        self.check(model, oracle)
        assert float(model.dispersion) == pytest.approx(oracle.params[-1], rel=1e-8)

    def check(self, model, oracle):
        for column in range(5):
            term = model.term([column])
            result = float(term.estimate.estimate), float(term.estimate.se)
            assert result == pytest.approx((oracle.params[column], oracle.bse[column]), rel=1e-8)
            assert float(term.p) == pytest.approx(oracle.pvalues[column], rel=1e-6)
        assert not model.separation


@pytest.mark.parametrize("family", [LOGISTIC, POISSON, NEGATIVE_BINOMIAL])
def test_limits_by_profile_are_where_the_likelihood_of_the_rows_has_fallen(family):
    design, days, events = drawn(7)
    if family == LOGISTIC:
        events, days = (events > 0).astype(int), np.ones(len(events))
    model = Regression(family, tallied(design, events, days), 5)
    value = minus_log_likelihood(family, design, days, events)
    start = [float(model.term([column]).estimate.estimate) for column in range(5)]
    start += [math.log(model.dispersion)] if family == NEGATIVE_BINOMIAL else []
    least = value(np.array(start))
    for limit in model.ratio_limits(4, Fraction(9, 10)):
        fixed = math.log(limit)

        def others(point, fixed=fixed):
            return value(np.array([*point[:4], fixed, *point[4:]]))

        profile = optimize.minimize(others, [*start[:4], *start[5:]], method="BFGS",
                                  options={"gtol": 1e-8})  # fmt: skip
        assert 2 * (profile.fun - least) == pytest.approx(stats.chi2.ppf(0.9, 1), abs=1e-6)


def test_counts_that_vary_no_more_than_poisson_have_no_dispersion():
    events = [1, 1, 1, 2, 1, 2, 2, 2]
    design = [(1, int(i >= 4)) for i in range(8)]
    model = Regression(NEGATIVE_BINOMIAL, tallied(design, events, [30] * 8), 2)
    plain = Regression(POISSON, tallied(design, events, [30] * 8), 2)
    assert model.dispersion == 0
    assert model.term([1]) == plain.term([1])
    assert model.term([1], "likelihood-ratio") == plain.term([1], "likelihood-ratio")


def test_little_dispersion_is_found():
    """Where it is near 0 the terms of the likelihood cancel, unless taken by their series."""
    counts = {
        0: 367879,
        1: 367881,
        2: 183940,
        3: 61315,
        4: 15330,
        5: 3066,
        6: 512,
        7: 77,
        8: 12,
        9: 3,
    }
    tallies = {(1,): {(1, events): n for events, n in counts.items()}}
    model = Regression(NEGATIVE_BINOMIAL, tallies, 1)
    assert 0 < model.dispersion < Decimal("1e-3")
    n = sum(counts.values())
    mean = sum(events * k for events, k in counts.items()) / n
    assert float(model.term([0]).estimate.estimate) == pytest.approx(math.log(mean), rel=1e-9)


class TestSeparation:
    def test_all_of_an_arm_respond(self):
        tallies = {(1, 0): {(1, 1): 3, (1, 0): 5}, (1, 1): {(1, 1): 8}}
        model = Regression(LOGISTIC, tallies, 2)
        assert model.term([1]).estimate is None
        assert (model.term([1]).reason, model.separation) == (INFINITE, QUASI_COMPLETE)
        low, high = model.ratio_limits(1, Fraction(95, 100))
        assert high is None
        odds = 3 / 8
        best = 3 * math.log(odds) + 5 * math.log(1 - odds)

        def fallen(point):
            shares = 1 / (1 + math.exp(-point)), 1 / (1 + math.exp(-point - math.log(low)))
            return -(3 * math.log(shares[0]) + 5 * math.log1p(-shares[0]) + 8 * math.log(shares[1]))

        least = optimize.minimize_scalar(fallen, bounds=(-9, 9), options={"xatol": 1e-9}).fun
        assert 2 * (best + least) == pytest.approx(stats.chi2.ppf(0.95, 1), abs=1e-6)
        p = stats.chi2.sf(2 * (best - 11 * math.log(11 / 16) - 5 * math.log(5 / 16)), 1)
        assert float(model.term([1], "likelihood-ratio").p) == pytest.approx(p, rel=1e-9)

    def test_complete(self):
        tallies = {(1, 0): {(1, 0): 5}, (1, 1): {(1, 1): 6}}
        model = Regression(LOGISTIC, tallies, 2)
        assert (model.term([1]).reason, model.separation) == (INFINITE, COMPLETE)
        assert model.ratio_limits(1, Fraction(95, 100))[0] > 1
        deviance = 2 * (5 * math.log(11 / 5) + 6 * math.log(11 / 6))
        p = float(model.term([1], "likelihood-ratio").p)
        assert p == pytest.approx(stats.chi2.sf(deviance, 1), rel=1e-9)

    def test_a_level_that_decides_leaves_the_arm_its_estimate(self):
        rest = {(1, 0, 0): {(1, 1): 4, (1, 0): 6}, (1, 0, 1): {(1, 1): 7, (1, 0): 3}}
        decided = {(1, 1, 0): {(1, 1): 5}, (1, 1, 1): {(1, 1): 2}}
        model = Regression(LOGISTIC, rest | decided, 3)
        alone = Regression(LOGISTIC, {(1, a): tally for (_, _, a), tally in rest.items()}, 2)
        assert model.separation == QUASI_COMPLETE
        assert model.term([2]) == alone.term([1])
        assert model.term([1]).reason == INFINITE

    @pytest.mark.parametrize("family", [POISSON, NEGATIVE_BINOMIAL])
    def test_an_arm_without_events_has_a_rate_of_0(self, family):
        tallies = {(1, 0): {(9, 1): 2, (20, 4): 1, (5, 0): 2}, (1, 1): {(10, 0): 4}}
        model = Regression(family, tallies, 2)
        assert (model.term([1]).reason, model.separation) == (INFINITE, QUASI_COMPLETE)
        low, high = model.ratio_limits(1, Fraction(95, 100))
        assert low is None
        assert high > 0
        assert 0 < model.term([1], "likelihood-ratio").p < 1


class TestWithoutEstimate:
    @pytest.mark.parametrize("outcome", [(1, 0), (1, 1)])
    def test_all_alike(self, outcome):
        model = Regression(LOGISTIC, {(1, 0): {outcome: 5}, (1, 1): {outcome: 6}}, 2)
        assert model.term([1]).reason == NOT_ESTIMABLE
        assert model.term([1]).p is None

    def test_nobody_and_one_arm_alone(self):
        assert Regression(LOGISTIC, {}, 2).term([1]).reason == NOT_ESTIMABLE
        model = Regression(POISSON, {(1, 1): {(5, 2): 3}}, 2)
        assert model.term([1]).reason == NOT_ESTIMABLE

    def test_one_subject_each(self):
        model = Regression(POISSON, {(1, 0): {(10, 1): 1}, (1, 1): {(20, 6): 1}}, 2)
        term = model.term([1])
        assert float(term.estimate.ratio()) == pytest.approx(3, rel=1e-12)
        assert float(term.estimate.se) == pytest.approx(math.sqrt(1 + 1 / 6), rel=1e-12)

    def test_a_covariate_that_is_the_arm_leaves_no_estimate(self):
        tallies = {(1, 0, 0): {(1, 1): 3, (1, 0): 2}, (1, 1, 1): {(1, 1): 1, (1, 0): 4}}
        assert Regression(LOGISTIC, tallies, 3).term([2]).reason == NOT_ESTIMABLE

    def test_more_work_than_is_done_for_a_reader(self, monkeypatch):
        monkeypatch.setattr("trial.statistics.regression.MOST_STEPS", 3)
        model = Regression(LOGISTIC, dict(ucb()), 7)
        assert model.term([6]).reason == TOO_MUCH_WORK
        assert model.ratio_limits(6, Fraction(95, 100)) == (None, None)
        assert model.separation == ""


# Rows

COLUMNS = [A, B, TOTAL, {"id": "p", "label": "P", "compare": ["b", "a"]},
           {"id": "q", "label": "Q", "compare": ["b", "a", "total"]}]  # fmt: skip
OLD = {"measure": "age", "at_least": 40}
REGIONS = ("north", "south")


def people(n=24, events=()):
    """Return subjects of both arms in two regions, the last without a region."""
    entries = []
    for i in range(n):
        subject, arm = f"S-{i:02}", "ab"[i % 2]
        strata = {"region": REGIONS[i // 3 % 2]} if i < n - 1 else {}
        entries += [
            enrolment(subject=subject, age=30 + 7 * i % 19, sex="FM"[i % 5 > 1]),
            randomised(arm, subject, strata=strata),
            dose(7, subject=subject),
            dose(20 + 11 * i % 80, subject=subject),
            contact(20 + 11 * i % 80, subject),
        ]
        entries += [adverse_event(8 + j, f"AE-{j}", subject) for j in range((i * i + i // 3) % 4)]
    return entries


def expected(value, n=24):
    """Return the design with region, and what each subject has."""
    rows = [(1, int(REGIONS[i // 3 % 2] == "south"), int(i % 2 == 0)) for i in range(n - 1)]
    return rows, [value(i) for i in range(n - 1)]


LOGISTIC_ROW = {"logistic": {"count": OLD, "covariates": ["region"]}}


class TestLogisticRow:
    def test_the_model_is_of_the_columns_compared(self):
        grid = table_of(people(), LOGISTIC_ROW, columns=COLUMNS)
        rows, values = expected(lambda i: 30 + 7 * i % 19 >= 40)
        model = Regression(LOGISTIC, tallied(rows, values, [1] * 23), 3)
        term = model.term([2])
        low, high = term.estimate.ratio_interval()
        assert printed(grid, "row", "p") == {
            "odds_ratio": f"{term.estimate.ratio():.2f}",
            "ci_low": f"{low:.2f}",
            "ci_high": f"{high:.2f}",
            "p": f"{term.p:.4f}",
        }
        assert cell(grid, "row", "p").method == "logistic regression, adjusted, Wald test, 95 %"
        assert printed(grid, "row", "q").keys() == {"p"}
        n = sum(value for value, (_, _, arm) in zip(values, rows, strict=True) if arm)
        assert printed(grid, "row", "a")["n"] == str(n)
        assert printed(grid, "row", "b")["N"] == "11"

    def test_profile_likelihood_and_interaction(self):
        row = {
            "logistic": LOGISTIC_ROW["logistic"] | {
                "interaction": "region", "test": "likelihood-ratio", "decimals": 3},
            "interval": {"method": "profile", "level": 0.9, "limits": "lower"},
        }  # fmt: skip
        grid = table_of(people(), row, columns=COLUMNS)
        rows, values = expected(lambda i: 30 + 7 * i % 19 >= 40)
        model = Regression(LOGISTIC, tallied(rows, values, [1] * 23), 3)
        low, _ = model.ratio_limits(2, Fraction(8, 10))
        texts = printed(grid, "row", "p")
        assert texts.keys() == {"odds_ratio", "ci_low", "p"}
        assert texts["ci_low"] == f"{low:.3f}"
        assert texts["p"] == f"{model.term([2], 'likelihood-ratio').p:.4f}"
        assert "profile likelihood, one-sided 90 %" in cell(grid, "row", "p").method
        crossed = [(*row, row[1] * row[2]) for row in rows]
        whole = Regression(LOGISTIC, tallied(crossed, values, [1] * 23), 4)
        p = whole.term([3], "likelihood-ratio").p
        assert printed(grid, "row/interaction", "p") == {"p": f"{p:.4f}"}
        for level in REGIONS:
            design_rows = [(1, row[2]) for row in rows if row[1] == (level == "south")]
            of_level = [value for value, row in zip(values, rows, strict=True)
                        if row[1] == (level == "south")]  # fmt: skip
            alone = Regression(LOGISTIC, tallied(design_rows, of_level, [1] * len(design_rows)), 2)
            ratio = alone.term([1]).estimate.ratio()
            row_texts = printed(grid, f"row/interaction/{level}", "p")
            assert row_texts["odds_ratio"] == f"{ratio:.3f}"

    def test_separation_is_named(self):
        entries = people()
        row = {"logistic": {"count": {"characteristic": "arm", "levels": ["a"]}}}
        texts = printed(grid := table_of(entries, row, columns=COLUMNS), "row", "p")
        assert texts == {"odds_ratio": INFINITE, "p": INFINITE}
        assert "complete separation" in cell(grid, "row", "p").method
        row["interval"] = {"method": "profile"}
        texts = printed(table_of(entries, row, columns=COLUMNS), "row", "p")
        assert texts["ci_high"] == "no limit"
        assert float(texts["ci_low"]) > 1

    def test_subgroups_have_models_of_their_own(self):
        row = {"logistic": {"count": OLD}, "subgroups": {"characteristic": "region"}}
        grid = table_of(people(), row, columns=COLUMNS)
        rows, values = expected(lambda i: 30 + 7 * i % 19 >= 40)
        of_females = [(row, value) for row, value in zip(rows, values, strict=True) if not row[1]]
        design = [(1, row[2]) for row, _ in of_females]
        model = Regression(
            LOGISTIC, tallied(design, [value for _, value in of_females], [1] * len(of_females)), 2
        )
        ratio = printed(grid, "row/north", "p")["odds_ratio"]
        assert ratio == f"{model.term([1]).estimate.ratio():.2f}"

    def test_nobody(self):
        grid = table_of([], LOGISTIC_ROW, columns=COLUMNS)
        assert not cell(grid, "row", "p").statistics


RATE_ROW = {"event_rate": {"filter": {}, "covariates": ["region"]}}


class TestEventRateRow:
    def model(self, family):
        rows, values = expected(lambda i: (20 + 11 * i % 80 - 6, (i * i + i // 3) % 4))
        days, events = zip(*values, strict=True)
        assert len(set(days)) > 10
        return Regression(family, tallied(rows, events, days), 3)

    @pytest.mark.parametrize("family", [POISSON, NEGATIVE_BINOMIAL])
    def test_the_rate_ratio(self, family):
        row = {"event_rate": RATE_ROW["event_rate"] | {"distribution": family, "per": 2}}
        grid = table_of(people(), row, columns=COLUMNS)
        term = self.model(family).term([2])
        low, high = term.estimate.ratio_interval()
        dispersion = {"dispersion": f"{self.model(family).dispersion or 0:.3f}"}
        assert printed(grid, "row", "p") == {
            "rate_ratio": f"{term.estimate.ratio():.2f}",
            "ci_low": f"{low:.2f}",
            "ci_high": f"{high:.2f}",
            "p": f"{term.p:.4f}",
        } | (dispersion if family == NEGATIVE_BINOMIAL else {})
        rows, values = expected(lambda i: (20 + 11 * i % 80 - 6, (i * i + i // 3) % 4))
        of_a = [value for value, row in zip(values, rows, strict=True) if row[2]]
        days, events = map(sum, zip(*of_a, strict=True))
        assert printed(grid, "row", "a") == {
            "n": "12",
            "events": str(events),
            "years": f"{days / 365.25:.1f}",
            "rate": f"{2 * 365.25 * events / days:.2f}",
        }

    def test_who_lacks_a_covariate_and_undated_events_are_told(self):
        entries = [*people(), adverse_event(None, "AE-X", "S-00")]
        grid = table_of(entries, RATE_ROW, columns=COLUMNS)
        (row,) = [row for row in grid.rows if row.id == "row"]
        assert any("leaves out who lacks a covariate" in note for note in row.notes)
        assert any("without a known date" in note for note in row.notes)
        assert printed(grid, "row", "a")["undated"] == "1"
        without_time = [enrolment(subject="S-X"), randomised("a", "S-X")]
        assert printed(
            table_of([*entries, *without_time], RATE_ROW, columns=COLUMNS), "row", "p"
        ) == (printed(grid, "row", "p"))

    def test_it_can_be_a_key_result_and_the_confirmatory_test(self):
        source = {"table": "t", "row": "row", "column": "p"}
        key_result = {"id": "k", "label": "K", "source": source, "show": "rate-ratio",
                      "decimals": 1}  # fmt: skip
        study = parallel([RATE_ROW], COLUMNS, key_results=[key_result],
                         testing={"alpha": 0.05, "order": [source]})  # fmt: skip
        checking.check_definition(study)
        (result,) = report_of(study, people()).key_results
        ratio = self.model(NEGATIVE_BINOMIAL).term([2]).estimate.ratio()
        assert result.text.startswith(f"{ratio:.1f}")


@pytest.mark.parametrize(("row", "ratio"), [(LOGISTIC_ROW, "Odds"), (RATE_ROW, "Rate")])
def test_a_forest_shows_the_ratios_and_the_test_of_the_model(row, ratio):
    ((kind, model_options),) = row.items()
    rows = [{kind: model_options | {"interaction": "region"}}]
    forest = {"id": "f", "title": "F", "population": "P", "kind": "forest", "x_label": "X",
              "y_label": "Y", "source": {"table": "t", "row": "row"}}  # fmt: skip
    study = parallel(rows, COLUMNS, figures=[forest])
    checking.check_definition(study)
    report = report_of(study, people())
    (figure,) = report.figures
    (series,) = figure.series
    assert [mark.label for mark in series.marks] == ["Row", "Interaction with region", *REGIONS]
    grid = report.grids[0]
    for mark, name in zip(series.marks, ("row", None, *REGIONS), strict=True):
        if name is None:
            p = printed(grid, "row/interaction", "p")["p"]
            assert (mark.is_heading, mark.beside[-1]) == (True, f"P of interaction: {p}")
        else:
            path = name if name == "row" else f"row/interaction/{name}"
            estimate = cell(grid, path, "p").get(f"{ratio.lower()}_ratio")
            assert mark.x == str(estimate.raw)
            assert mark.beside[-1].startswith(estimate.text)


@pytest.mark.parametrize(
    ("row", "detail"),
    [
        ({"logistic": {"count": OLD, "covariates": ["arm"]}}, "must not list the arm"),
        ({"logistic": {"count": OLD, "covariates": ["regions"]}}, "regions"),
        ({"logistic": {"count": OLD, "interaction": "region"}}, "is with a covariate"),
        ({"logistic": {"count": OLD, "test": "score"}}, "wald"),
        (LOGISTIC_ROW | {"interval": {"method": "wilson"}}, "wald, profile"),
        ({"logistic": {"count": OLD, "covariates": ["region", "race", "sex", "site"]}},
         "1024 combinations of levels"),
        ({"event_rate": {"filter": {}, "distribution": "gamma"}}, "poisson"),
        ({"event_rate": {"filter": {"groups": ["none"]}}}, "none"),
    ],
)  # fmt: skip
def test_what_is_refused(row, detail):
    with pytest.raises(Rejected) as refused:
        checking.check_definition(parallel([row], COLUMNS))
    assert any(detail in fault.detail for fault in refused.value.faults)
