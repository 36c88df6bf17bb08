"""Models for repeated measures from sums: against mmrm, statsmodels and the subjects one by one."""

import math
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from builders import cd4, cell, dose, enrolment, report_of
from parallel import TOTAL, A, B, parallel, printed, randomised, table_of
from published import FEV
from scipy import stats

from trial.errors import Rejected
from trial.statistics.maximisation import BINARY
from trial.statistics.mmrm import (
    KENWARD_ROGER,
    NOT_CONVERGED,
    NOT_ESTIMABLE,
    OBSERVED,
    TOO_MUCH_WORK,
    Design,
    Repeated,
)
from trial.statistics.products import Products
from trial.tables import checking


def summed(subjects, covariates=0, places=4):
    """Sum subjects: levels (the arm first), covariates, and a value or None for each visit."""
    cells = {}
    for levels, baseline, values in subjects:
        pattern = tuple(i for i, value in enumerate(values) if value is not None)
        if not pattern:
            continue
        numbers = [*baseline, *(value for value in values if value is not None)]
        products = Products((places,) * len(numbers))
        into = cells.setdefault((pattern, tuple(levels)), {})
        for name, value in products.contribution([round(x * 10**places) for x in numbers]).items():
            into[name] = into.get(name, 0) + value
    return {
        key: Products((places,) * (covariates + len(key[0]))).estimate(into)
        for key, into in cells.items()
    }


def fitted(subjects, structure="unstructured", covariates=0, **options):
    sums = summed(subjects, covariates)
    levels = zip(*(factor_levels for _, factor_levels in sums), strict=True)
    arms, *factors = (tuple(sorted(set(factor_levels))) for factor_levels in levels)
    visits = max(len(values) for _, _, values in subjects)
    return Repeated(Design(arms, visits, covariates, tuple(factors), **options), sums, structure)


def fev():
    for word in FEV.split():
        levels, values = word.split(":")
        yield levels, (), [None if x == "-" else float(x) for x in values.split(",")]


class TestPublished:
    """openpharma/mmrm, README: FEV1 ~ RACE + SEX + ARMCD * AVISIT, REML, Satterthwaite."""

    MODEL = fitted(list(fev()))

    def test_deviance_and_the_treatment_at_the_first_visit(self):
        """3386.45; 3.77423 (1.07415), 145.55 degrees of freedom: mmrm stops near 1e-4."""
        assert float(self.MODEL.deviance) == pytest.approx(3386.45, abs=5e-3)
        gain = self.MODEL.difference("P", "T", 0)
        assert float(gain.estimate) == pytest.approx(3.77423, abs=2e-4)
        assert float(gain.se) == pytest.approx(1.07415, abs=2e-4)
        assert float(gain.df) == pytest.approx(145.55, abs=0.02)
        assert float(gain.p) == pytest.approx(0.000589, abs=1e-6)

    @pytest.mark.parametrize(("visit", "change"), [(1, -0.04193), (2, -0.69369), (3, 0.62423)])
    def test_the_treatment_by_visit(self, visit, change):
        first, later = (self.MODEL.difference("P", "T", i).estimate for i in (0, visit))
        assert float(later - first) == pytest.approx(change, abs=2e-4)

    @pytest.mark.parametrize(
        ("visit", "estimate", "se", "df"),
        [
            (1, 3.732324, 0.858856, 145.278),
            (2, 3.080607, 0.689626, 130.928),
            (3, 4.398537, 1.680550, 133.389),
        ],
    )
    def test_a_fit_of_the_rows_to_more_places(self, visit, estimate, se, df):
        gain = self.MODEL.difference("P", "T", visit)
        assert (float(gain.estimate), float(gain.se)) == pytest.approx((estimate, se), abs=1e-5)
        assert float(gain.df) == pytest.approx(df, abs=1e-3)

    def test_numbers_of_subjects(self):
        assert self.MODEL.subjects == 197
        observed = [values for levels, _, values in fev() if levels[0] == "P"]
        for visit in range(4):
            assert self.MODEL.n("P", visit) == sum(row[visit] is not None for row in observed)


class _OneEffect(Design):
    """A design with a mean for each arm, the same at all visits."""

    @property
    def columns(self):
        return {arm: place for place, arm in enumerate(self.arms)}

    def row(self, levels, _visit):
        return [(self.columns[levels[0]], 0)]

    def mean(self, arm, *_):
        return [Fraction(int(arm == arm_of)) for arm_of in self.arms]


class TestKenwardRoger:
    """openpharma/mmrm, design/ddfm_covtype: PROC MIXED, FEV1 ~ ARMCD, DDFM=KENWARDROGER."""

    @pytest.mark.parametrize(
        ("structure", "estimate", "se", "df"),
        [
            ("unstructured", 3.819725, 0.661244, 160.733266),
            ("ar1", 4.225743, 0.958654, 188.469349),
            ("compound-symmetry", 4.196636, 0.796470, 177.038486),
            ("toeplitz", 4.470519, 0.878398, 160.027408),
        ],
    )
    def test_sas(self, structure, estimate, se, df):
        sums = summed([((levels[0],), covariates, values) for levels, covariates, values in fev()])
        gain = Repeated(
            _OneEffect(("P", "T"), 4, 0, ()), sums, structure, KENWARD_ROGER
        ).difference("P", "T", 0)
        assert float(gain.estimate) == pytest.approx(estimate, rel=1e-5)
        assert float(gain.se) == pytest.approx(se, rel=1e-4)
        assert float(gain.df) == pytest.approx(df, rel=1e-3)

    @pytest.mark.parametrize("structure", ["unstructured", "ar1"])
    def test_the_adjustment_is_that_of_the_rows(self, structure):
        """Kenward and Roger's formulas with derivatives by differences, subject by subject."""
        subjects = drawn(1, n=30)
        sums, rows = summed(subjects, 1), rows_of(subjects)
        design = Design(("a", "b"), 3, 1, (("x", "y", "z"),))
        model = Repeated(design, sums, structure, KENWARD_ROGER)
        plain = Repeated(design, sums, structure)
        gain = model.difference("a", "b", 2)
        unit, matrix = float(model._unit) ** 2, designed(rows)
        blocks = blocks_of(rows, matrix)
        point = np.array([float(x) for x in model._solution.point])

        def covariance(parameters):
            values = model._covariances.covariance([*map(float, parameters)], BINARY)
            return unit * np.array(values)

        h, size = 1e-4, range(len(point))
        steps = h * np.eye(len(point))
        first = [(covariance(point + s) - covariance(point - s)) / (2 * h) for s in steps]
        second = [[(covariance(point + s + t) - covariance(point + s - t)
                    - covariance(point - s + t) + covariance(point - s - t)) / (4 * h * h)
                   for t in steps] for s in steps]  # fmt: skip
        hessian = [[-sum(a * b * likelihood(blocks, covariance(point + a * s + b * t))[0]
                         for a in (-1, 1) for b in (-1, 1)) / (4 * h * h)
                    for t in steps] for s in steps]  # fmt: skip
        uncertainty = np.linalg.inv(np.array(hessian))
        spread = np.linalg.inv(likelihood(blocks, covariance(point))[2])
        pulls = [np.zeros_like(spread) for _ in size]
        middle = np.zeros_like(spread)
        for _, frame in rows.groupby("subject"):
            places = np.ix_(frame.visit, frame.visit)
            inverse, x = np.linalg.inv(covariance(point)[places]), matrix[frame.index]
            for i in size:
                pulls[i] -= x.T @ inverse @ first[i][places] @ inverse @ x
                for j in size:
                    difference = (
                        first[i][places] @ inverse @ first[j][places] - second[i][j][places] / 4
                    )
                    middle += uncertainty[i, j] * x.T @ inverse @ difference @ inverse @ x
        for i in size:
            for j in size:
                middle -= uncertainty[i, j] * pulls[i] @ spread @ pulls[j]
        contrast = np.zeros(matrix.shape[1])
        contrast[[5, 2]] = 1, -1
        adjusted = spread + 2 * spread @ middle @ spread
        assert float(gain.se) == pytest.approx(math.sqrt(contrast @ adjusted @ contrast), rel=1e-6)
        reference = plain.difference("a", "b", 2)
        assert (gain.estimate, gain.df) == (reference.estimate, reference.df)
        assert gain.se > reference.se


def drawn(seed, n=60, visits=3, arms="ab", missing=0.15):
    random = np.random.default_rng(seed)
    mixing = np.tril(random.normal(0, 0.5, (visits, visits))) + np.eye(visits)
    subjects = []
    for _ in range(n):
        arm, site = random.choice(list(arms)), random.choice(list("xyz"))
        base = round(float(random.normal(5, 1)), 2)
        values = (
            3
            + (arm == "b") * np.arange(visits) / 2
            + 0.4 * base
            + mixing @ random.normal(0, 1, visits)
        )
        is_present = random.random(visits) >= missing
        values = [
            round(float(y), 2) if keep else None for y, keep in zip(values, is_present, strict=True)
        ]
        subjects.append(((arm, site), (base,), values))
    return subjects


def rows_of(subjects):
    return pd.DataFrame(
        [
            (i, visit, *levels, *covariates, value)
            for i, (levels, covariates, values) in enumerate(subjects)
            for visit, value in enumerate(values)
            if value is not None
        ],
        columns=["subject", "visit", "arm", "site", "base", "y"],
    )


def blocks_of(rows, design):
    """List each subject's visits, rows of the design and values."""
    return [
        (frame.visit.to_numpy(), design[frame.index], frame.y.to_numpy())
        for _, frame in rows.groupby("subject")
    ]


def likelihood(blocks, covariance):
    """Return the restricted log likelihood and the effects, subject by subject."""
    information, right, square, logs = 0, 0, 0.0, 0.0
    for places, x, y in blocks:
        inverse = np.linalg.inv(covariance[np.ix_(places, places)])
        information = information + x.T @ inverse @ x
        right = right + x.T @ inverse @ y
        square += y @ inverse @ y
        logs -= np.linalg.slogdet(inverse)[1]
    effects = np.linalg.solve(information, right)
    logs += np.linalg.slogdet(information)[1]
    n_values = sum(len(y) for _, _, y in blocks)
    constant = (n_values - len(effects)) * math.log(2 * math.pi)
    return -0.5 * (logs + square - effects @ right + constant), effects, information


def designed(rows):
    """Return cell means of arm and visit, the covariate by visit, and the factor."""
    columns = [
        *(((rows.arm == arm) & (rows.visit == visit)) for arm in "ab" for visit in range(3)),
        *((rows.visit == visit) * rows.base for visit in range(3)),
        *((rows.site == site) for site in "yz"),
    ]
    return np.column_stack([np.asarray(column, float) for column in columns])


def satterthwaite(blocks, covariance, point, contrast):
    """Return degrees of freedom by differences of both functions, a step to either side."""

    def variance(parameters):
        information = likelihood(blocks, covariance(parameters))[2]
        return contrast @ np.linalg.solve(information, contrast)

    def value(parameters):
        return likelihood(blocks, covariance(parameters))[0]

    h = 1e-4
    steps = h * np.eye(len(point))
    hessian = [
        [
            -sum(
                a * b * value(point + a * step + b * second_step) for a in (-1, 1) for b in (-1, 1)
            )
            / (4 * h * h)
            for second_step in steps
        ]
        for step in steps
    ]
    slope = [(variance(point + step) - variance(point - step)) / (2 * h) for step in steps]
    return 2 * variance(point) ** 2 / (slope @ np.linalg.solve(hessian, slope))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("structure", ["unstructured", "toeplitz", "compound-symmetry", "ar1"])
def test_the_fit_is_the_maximum_over_the_rows(seed, structure):
    subjects = drawn(seed)
    model, rows = fitted(subjects, structure, covariates=1), rows_of(subjects)
    assert not model.reason
    unit = float(model._unit) ** 2
    point = [float(x) * unit for x in model._solution.point]
    if structure == "ar1":
        point[1] /= unit  # a correlation has no unit

    def covariance(parameters):
        if structure == "ar1":
            return parameters[0] * float(parameters[1]) ** np.abs(
                np.subtract.outer(*2 * [range(3)])
            )
        matrix = np.zeros((3, 3))
        for parameter, entries in zip(parameters, model._covariances.supports, strict=True):
            for i, j in entries:
                matrix[i, j] = parameter
        return matrix

    design = designed(rows)
    blocks = blocks_of(rows, design)
    best, effects, information = likelihood(blocks, covariance(point))
    assert float(model.deviance) == pytest.approx(-2 * best, rel=1e-10)
    for i in range(len(point)):
        for step in (-1e-3, 1e-3):
            moved = [x + step * (i == j) for j, x in enumerate(point)]
            assert likelihood(blocks, covariance(moved))[0] < best
    contrast = np.zeros(design.shape[1])
    contrast[[4, 1]] = 1, -1
    gain = model.difference("a", "b", 1)
    assert float(gain.estimate) == pytest.approx(contrast @ effects, rel=1e-9)
    spread = np.linalg.inv(information)
    assert float(gain.se) == pytest.approx(math.sqrt(contrast @ spread @ contrast), rel=1e-9)
    mean = np.zeros(design.shape[1])
    mean[[1, 7]], mean[9:] = (1, rows.base.mean()), 1 / 3
    assert float(model.mean("a", 1).estimate) == pytest.approx(mean @ effects, rel=1e-9)
    mean[9:] = [(rows.site == site).mean() for site in "yz"]
    assert float(model.mean("a", 1, OBSERVED).estimate) == pytest.approx(mean @ effects, rel=1e-9)
    df = satterthwaite(blocks, covariance, np.array(point), contrast)
    assert float(gain.df) == pytest.approx(df, rel=1e-4)
    t = abs(float(gain.estimate)) / float(gain.se)
    assert float(gain.p) == pytest.approx(2 * stats.t.sf(t, float(gain.df)), rel=1e-8)


def test_compound_symmetry_is_a_random_intercept():
    random = np.random.default_rng(11)
    subjects = [
        (levels, covariates, [y and round(y + shift, 2) for y in values])
        for (levels, covariates, values), shift in zip(
            drawn(11, n=80), random.normal(0, 2, 80).tolist(), strict=True
        )
    ]
    model = fitted(subjects, "compound-symmetry", covariates=1)
    rows = rows_of(subjects)
    oracle = smf.mixedlm(
        "y ~ 0 + C(visit) + C(visit):C(arm) + C(visit):base + C(site)", rows, groups="subject"
    ).fit(reml=True, method="bfgs", gtol=1e-10)
    for visit in range(3):
        name = f"C(visit)[{visit}]:C(arm)[T.b]"
        gain = model.difference("a", "b", visit)
        assert float(gain.estimate) == pytest.approx(oracle.params[name], abs=1e-4)
        assert float(gain.se) == pytest.approx(oracle.bse[name], abs=1e-4)


def test_one_visit_is_analysis_of_covariance():
    subjects = [(levels, covariates, values[:1]) for levels, covariates, values in drawn(5)]
    gain = fitted(subjects, covariates=1).difference("a", "b", 0)
    rows = rows_of(subjects)
    oracle = smf.ols("y ~ C(arm) + base + C(site)", rows).fit()
    assert float(gain.estimate) == pytest.approx(oracle.params["C(arm)[T.b]"], rel=1e-10)
    assert float(gain.se) == pytest.approx(oracle.bse["C(arm)[T.b]"], rel=1e-10)
    assert float(gain.df) == pytest.approx(oracle.df_resid, rel=1e-10)


def test_the_unit_of_values_does_not_matter():
    subjects = drawn(3)
    scaled = [
        (levels, covariates, [x and 1000 * x for x in values])
        for levels, covariates, values in subjects
    ]
    original, thousand = (
        fitted(values_set, covariates=1).difference("a", "b", 2)
        for values_set in (subjects, scaled)
    )
    assert float(thousand.estimate) == pytest.approx(1000 * float(original.estimate), rel=1e-18)
    assert float(thousand.df) == pytest.approx(float(original.df), rel=1e-15)


class TestWithoutFit:
    def test_nobody(self):
        model = Repeated(Design(("a", "b"), 2, 0, ()), {})
        assert model.reason == NOT_ESTIMABLE
        assert model.difference("a", "b", 0) is model.mean("a", 0) is model.deviance is None

    def test_no_subject_at_two_visits(self):
        subjects = [(("ab"[i % 2],), (), [i, None] if i % 3 else [None, i]) for i in range(12)]
        assert fitted(subjects).reason == NOT_ESTIMABLE
        assert fitted(subjects, "compound-symmetry").reason == NOT_ESTIMABLE
        assert fitted(subjects, "ar1").reason == NOT_ESTIMABLE

    def test_values_that_do_not_vary(self):
        subjects = [(("ab"[i % 2],), (), [3, 4]) for i in range(8)]
        assert fitted(subjects).reason == NOT_CONVERGED
        assert fitted(subjects).difference("a", "b", 0) is None

    def test_an_arm_without_values_at_a_visit_has_no_mean_there(self):
        subjects = [
            (levels, covariates, [*values[:2], None if levels[0] == "b" else values[2]])
            for levels, covariates, values in drawn(2)
        ]
        model = fitted(subjects, covariates=1)
        assert model.mean("b", 2) is model.difference("a", "b", 2) is None
        assert model.mean("a", 2) is not None is not model.difference("a", "b", 1)

    def test_a_factor_that_is_the_arm_leaves_no_difference(self):
        subjects = [((arm, arm), covariates, values) for (arm, _), covariates, values in drawn(2)]
        model = fitted(subjects, covariates=1)
        assert not model.reason
        assert model.difference("a", "b", 0) is None

    def test_more_work_than_is_done_for_a_reader(self, monkeypatch):
        monkeypatch.setattr("trial.statistics.mmrm.MOST_STEPS", 10)
        assert fitted(drawn(2), covariates=1).reason == TOO_MUCH_WORK


COLUMNS = [A, B, TOTAL, {"id": "p", "label": "P", "compare": ["a", "b"]},
           {"id": "q", "label": "Q", "compare": ["b", "a", "total"]}]  # fmt: skip
AT = {"day-14": 14, "week-5": 35}


def people():
    """Return subjects with counts at both visits, at one or, of the last, not yet at any."""
    entries = []
    for i in range(14):
        subject = f"S-{i:02}"
        entries += [enrolment(subject=subject, age=30 + i), randomised("ab"[i % 2], subject),
                    dose(7, subject=subject)]  # fmt: skip
        if i < 13 and i % 5:
            entries.append(cd4(AT["day-14"], 200 + 37 * i % 101, subject=subject))
        if i < 13 and i % 4:
            entries.append(cd4(AT["week-5"], 260 + 53 * i % 97, subject=subject))
    return entries


def counted():
    return [
        (("ab"[i % 2],), (30 + i,), [
            200 + 37 * i % 101 if i % 5 else None, 260 + 53 * i % 97 if i % 4 else None])
        for i in range(13)
    ]  # fmt: skip


MODEL = {"measure": {"parameter": "cd4"}, "covariates": ["age"], "covariance": "compound-symmetry"}
ROW = {"label": "Model", "visits": ["day-14", "week-5"], "mmrm": MODEL}


class TestRow:
    def test_means_by_arm_and_differences_by_visit(self):
        grid = table_of(people(), ROW | {"decimals": 1}, columns=COLUMNS)
        model = fitted(counted(), "compound-symmetry", covariates=1)
        assert [row.id for row in grid.rows] == ["row", "row/day-14", "row/week-5"]
        for visit, name in enumerate(AT):
            mean = model.mean("b", visit)
            low, high = mean.interval()
            assert printed(grid, f"row/{name}", "b") == {
                "n": str(model.n("b", visit)),
                "lsmean": f"{float(mean.estimate):.2f}",
                "se": f"{mean.se:.3f}",
                "ci_low": f"{low:.2f}",
                "ci_high": f"{high:.2f}",
            }
            gain = model.difference("a", "b", visit)
            low, high = gain.interval()
            assert printed(grid, f"row/{name}", "p") == {
                "difference": f"{float(gain.estimate):.2f}",
                "se": f"{gain.se:.3f}",
                "ci_low": f"{low:.2f}",
                "ci_high": f"{high:.2f}",
                "p": f"{gain.p:.4f}",
            }
            columns = {cell.column for row in grid.rows[1:] for cell in row.cells}
            assert columns == {"a", "b", "p"}
        assert cell(grid, "row/day-14", "p").method == (
            "mixed model for repeated measures, REML, compound symmetry, Satterthwaite degrees of"
            " freedom"
        )

    def test_options_are_those_of_the_model(self):
        options = MODEL | {"by_visit": "none", "factors": ["sex"], "covariance": "toeplitz"}
        options |= {"degrees_of_freedom": "kenward-roger"}
        row = ROW | {"mmrm": options, "interval": {"level": 0.9, "limits": "lower"}}
        entries = [*people(), enrolment(subject="S-00", age=30, sex="F", revision=2)]
        entries += [
            enrolment(subject=f"S-{i:02}", age=30 + i, sex="FM"[i % 3 > 0], revision=2)
            for i in range(1, 14)
        ]
        grid = table_of(entries, row, columns=COLUMNS)
        subjects = [
            ((arm, "FM"[i % 3 > 0]), covariates, values)
            for i, ((arm,), covariates, values) in enumerate(counted())
        ]
        model = fitted(subjects, "toeplitz", covariates=1, covariates_by_visit=False)
        gain = replace(model, degrees_of_freedom=KENWARD_ROGER).difference("a", "b", 1)
        low, _ = gain.interval(Fraction(8, 10))
        assert "Kenward-Roger" in cell(grid, "row/week-5", "p").method
        texts = printed(grid, "row/week-5", "p")
        assert texts["ci_low"] == f"{low:.1f}"
        assert "ci_high" not in texts
        assert cell(grid, "row/week-5", "p").interval == "90% lower limit"

    def test_what_cannot_be_fitted_says_so(self):
        pair_entries = [entry for entry in people() if entry.subject in ("S-01", "S-02")]
        grid = table_of(pair_entries, ROW, columns=COLUMNS)
        assert printed(grid, "row/day-14", "p") == {
            "difference": "not estimable", "p": "not estimable"}  # fmt: skip
        empty = table_of([], ROW, columns=COLUMNS)
        assert not [cell for row in empty.rows for cell in row.cells if cell.statistics]

    def test_it_can_be_a_key_result_and_the_confirmatory_test(self):
        source = {"table": "t", "row": "row/week-5", "column": "p"}
        key_result = {
            "id": "k",
            "label": "K",
            "source": source,
            "show": "difference",
            "decimals": 0,
        }
        study = parallel([ROW], COLUMNS, key_results=[key_result],
                         testing={"alpha": 0.05, "order": [source]})  # fmt: skip
        checking.check_definition(study)
        (result,) = report_of(study, people()).key_results
        gain = fitted(counted(), "compound-symmetry", covariates=1).difference("a", "b", 1)
        assert result.text == f"{Decimal(float(gain.estimate)):.0f}"

    @pytest.mark.parametrize(
        ("row", "detail"),
        [
            ({"mmrm": MODEL}, "an mmrm row needs `visits`"),
            (ROW | {"mmrm": MODEL | {"factors": ["arm"]}}, "must not list the arm"),
            (ROW | {"mmrm": MODEL | {"measure": "age"}}, "is the same at every visit"),
            (ROW | {"mmrm": MODEL | {"covariance": "arh1"}}, "unstructured"),
            (ROW | {"interval": {"method": "z"}}, "is always Student's t"),
            (ROW | {"decimals": {"mean": 1}}, "must be one number"),
            (ROW | {"visits": ["day-15"]}, "day-15"),
        ],
    )
    def test_what_is_refused(self, row, detail):
        with pytest.raises(Rejected) as refused:
            checking.check_definition(parallel([row], COLUMNS))
        assert any(detail in fault.detail for fault in refused.value.faults)
