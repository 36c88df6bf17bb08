"""Multiple imputation: against published examples, statsmodels, and what is expected of draws."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from published import ANTIDEPRESSANT
from scipy import stats

from trial.statistics.inference import NOT_ESTIMABLE
from trial.statistics.multiple_imputation import (
    AT_RANDOM,
    COPY,
    INCREMENTS,
    JUMP,
    METHODS,
    ImputationModel,
    Incomplete,
    MultipleImputation,
    combined,
)
from trial.statistics.random_numbers import RandomNumbers, logarithm

ARMS = ("a", "b")


def imputed(subjects, method=AT_RANDOM, number=100, visits=None, seed=b"seed", arms=ARMS):
    visits = max(len(subject.values) for subject in subjects) if visits is None else visits
    columns = zip(*(subject.covariates for subject in subjects), strict=True)
    origins = tuple(sum(column) / len(column) for column in columns)
    reference = "" if method == AT_RANDOM else arms[0]
    model = ImputationModel(arms, visits, origins, method, reference, number)
    return MultipleImputation(model, tuple(subjects), seed)


def drawn(seed=1, n=60, gaps=0.0, visits=3):
    """Draw subjects who leave at random; with gaps also values missing before the last."""
    random = np.random.default_rng(seed)
    subjects = []
    for i in range(n):
        arm, base = ARMS[i % 2], float(random.normal())
        errors = np.cumsum(random.normal(size=visits))
        values = base + errors + (arm == "b") * np.arange(1, visits + 1)
        left = int(random.choice([1, 2, visits, visits, visits]))
        missing = (np.arange(visits) >= left) | (random.random(visits) < gaps)
        kept = (None if lost else float(v) for v, lost in zip(values, missing, strict=True))
        subjects.append(Incomplete(arm, (base,), tuple(kept)))
    return subjects


def antidepressant():
    for word in ANTIDEPRESSANT.split():
        head, values = word.split(":")
        changes = tuple(None if x == "-" else float(x) for x in values.split(","))
        yield Incomplete({"P": "a", "D": "b"}[head[0]], (float(head[1:]),), changes)


class TestPublished:
    """openpharma/rbmi: placebo less drug, whoever leaves the drug jumps to the reference."""

    MODEL = imputed(list(antidepressant()), JUMP)

    def test_the_data_are_those_of_the_example(self):
        assert [self.MODEL.n(arm, 3) for arm in ("b", "a")] == [(64, 20), (65, 23)]

    @pytest.mark.parametrize(
        ("visit", "estimate"), [(0, -0.092), (1, 1.305), (2, 1.929), (3, 2.126)]
    )
    def test_estimates_are_those_of_conditional_means(self, visit, estimate):
        """vignettes/CondMean_Inference: what draws come to on average, by another estimator."""
        shown = self.MODEL.difference("b", "a", visit)
        assert float(shown.estimate) == pytest.approx(estimate, abs=0.06 if visit else 5e-4)

    def test_the_last_visit_is_that_of_bayesian_imputation(self):
        """vignettes/quickstart, 150 draws: 2.156 (1.113), P 0.0547; means -6.965, -4.809."""
        shown = self.MODEL.difference("b", "a", 3)
        assert float(shown.se) == pytest.approx(1.113, abs=0.03)
        assert float(shown.p) == pytest.approx(0.0547, abs=0.015)
        means = [float(self.MODEL.mean(arm, 3).estimate) for arm in ("b", "a")]
        assert means == pytest.approx([-6.965, -4.809], abs=0.1)


def test_rubins_rules_are_barnards_and_rubins():
    estimates, errors = (2.1, 2.5, 1.9, 2.4, 2.2), (0.80, 0.85, 0.78, 0.82, 0.81)
    shown = combined(estimates, [error**2 for error in errors], 97)
    within, between = np.mean(np.square(errors)), np.var(estimates, ddof=1)
    total = within + 1.2 * between
    share = 1.2 * between / total
    sampled, observed = 4 / share**2, 98 / 100 * 97 * (1 - share)
    df = 1 / (1 / sampled + 1 / observed)
    assert (float(shown.variance), float(shown.df)) == pytest.approx((total, df), rel=1e-10)
    assert float(shown.p) == pytest.approx(2 * stats.t.sf(2.22 / total**0.5, df), rel=1e-9)


def least_squares(rows):
    design, response = (np.array(part, float) for part in zip(*rows, strict=True))
    return np.linalg.lstsq(design, response, rcond=None)[0]


def conditional_means(subjects, method):
    """Return values in which what is missing is its mean given the rest, by the joint normal.

    Regressions give mean and covariance of all visits; of a subject those after the last follow
    from those before by the covariance's parts.
    """
    visits = 3
    slopes, spreads = [], []
    for visit in range(visits):
        rows = [
            ([s.arm == "a", s.arm == "b", *s.covariates, *s.values[:visit]], s.values[visit])
            for s in subjects
            if s.reached > visit
        ]
        found = least_squares(rows)
        slopes.append(found)
        spreads.append(np.mean([(y - np.dot(found, x)) ** 2 for x, y in rows]))
    lower = np.eye(visits) - np.tril([[*slope[3:], *[0] * visits][:visits] for slope in slopes])
    covariance = np.linalg.inv(lower) @ np.diag(spreads) @ np.linalg.inv(lower).T

    def means(arm, covariates):
        base = [np.dot(slope[:3], [arm == "a", arm == "b", *covariates]) for slope in slopes]
        return np.linalg.solve(lower, base)

    for subject in subjects:
        reached, values = subject.reached, list(subject.values)
        own, other = (means(arm, subject.covariates) for arm in (subject.arm, "a"))
        mean = {
            AT_RANDOM: own,
            COPY: other,
            JUMP: np.concatenate([own[:reached], other[reached:]]),
            INCREMENTS: np.concatenate(
                [own[:reached], other[reached:] + own[reached - 1] - other[reached - 1]]
            ),
        }[method]
        apart = np.array(values[:reached]) - mean[:reached]
        past = np.linalg.solve(covariance[:reached, :reached], apart)
        yield [*values[:reached], *(mean[reached:] + covariance[reached:, :reached] @ past)]


@pytest.mark.parametrize("method", METHODS)
def test_draws_come_to_conditional_means_on_average(method):
    subjects = drawn()
    completed = list(conditional_means(subjects, method))
    model = imputed(subjects, method, 600)
    for visit in range(3):
        design = [[s.arm == "a", s.arm == "b", *s.covariates] for s in subjects]
        oracle = sm.OLS([row[visit] for row in completed], np.array(design, float)).fit()
        shown = model.difference("a", "b", visit)
        expected = float(oracle.params[1] - oracle.params[0])
        chance = 4 * float(shown.se) / math.sqrt(600) if visit else 1e-9
        assert float(shown.estimate) == pytest.approx(expected, abs=chance)


def test_the_variance_of_a_mean_is_that_of_the_posterior():
    """Of n, o of them observed: Rubin's between is s2 (o - 1)/(o - 3) (m/n)2 (1/o + 1/m)."""
    values = [float(x) for x in (3, 5, 8, 1, 9, 4, 4, 7, 2, 6, 5, 3)]
    subjects = [Incomplete("a", (), (value,)) for value in values]
    subjects += [Incomplete("a", (), (None,))] * 4
    model = imputed(subjects, number=4_000, arms=("a",))
    shown, (o, m) = model.mean("a", 0), (12, 4)
    square = np.var(values, ddof=1)
    posterior = square * (o - 1) / (o - 3)
    between = posterior * (m / 16) ** 2 * (1 / o + 1 / m)
    within = ((o - 1) * square + m * posterior * (1 + 1 / o)) / 15 / 16
    assert float(shown.estimate) == pytest.approx(np.mean(values), abs=0.04)
    fitted = [fits[0].coefficients[0] for fits in model._fitted]
    assert np.var(fitted, ddof=1) == pytest.approx(between, rel=0.08)
    assert float(shown.variance) == pytest.approx(within + between, rel=0.08)


def test_gaps_are_filled_as_the_joint_distribution_has_them():
    """Against the same model fitted to what is observed by maximum likelihood (EM)."""
    subjects = drawn(3, n=80, gaps=0.15)
    frame = np.array([[*s.covariates, *(np.nan if v is None else v for v in s.values)]
                      for s in subjects])  # fmt: skip
    arm = np.array([s.arm == "b" for s in subjects], float)
    design = np.column_stack([1 - arm, arm, frame[:, 0]])
    filled, covariance = np.nan_to_num(frame[:, 1:]), np.eye(3)
    for _ in range(60):
        slopes = np.linalg.lstsq(design, filled, rcond=None)[0]
        extra, expected = np.zeros((3, 3)), design @ slopes
        for i, row in enumerate(frame[:, 1:]):
            lost = np.isnan(row)
            if lost.any():
                known = covariance[np.ix_(lost, ~lost)] @ np.linalg.pinv(
                    covariance[np.ix_(~lost, ~lost)]
                )
                filled[i, lost] = expected[i, lost] + known @ (row - expected[i])[~lost]
                extra[np.ix_(lost, lost)] += (
                    covariance[np.ix_(lost, lost)] - known @ covariance[np.ix_(~lost, lost)]
                )
        rest = filled - design @ slopes
        covariance = (rest.T @ rest + extra) / len(frame)
    model = imputed(subjects)
    assert any(s.gaps for s in subjects)
    for visit in range(3):
        shown = model.difference("a", "b", visit)
        expected = slopes[1, visit] - slopes[0, visit]
        assert float(shown.estimate) == pytest.approx(expected, abs=0.2 * float(shown.se))


def test_deltas_are_added_to_what_was_imputed(monkeypatch):
    """Each imputed data set, changed and analysed by itself, then combined."""
    subjects, kept = drawn(n=40), []
    fit = MultipleImputation._fit

    def noting(self, visit, values):
        if visit == 2:
            kept.append([value + self._origins[2] for value in values])
        return fit(self, visit, values)

    monkeypatch.setattr(MultipleImputation, "_fit", noting)
    model, deltas = imputed(subjects, number=10), {"a": -1.5, "b": 2.0}
    shown = model.difference("a", "b", 2, deltas)
    design = [[s.arm == "a", s.arm == "b", *s.covariates] for s in model._subjects]
    fits = [
        sm.OLS(
            [
                value + (deltas[s.arm] if s.values[2] is None else 0)
                for s, value in zip(model._subjects, values, strict=True)
            ],
            np.array(design, float),
        ).fit()
        for values in kept
    ]
    contrast = np.array([-1, 1, 0])
    estimates = [fitted.params @ contrast for fitted in fits]
    variances = [contrast @ fitted.cov_params() @ contrast for fitted in fits]
    oracle = combined(estimates, variances, int(fits[0].df_resid))
    for name in ("estimate", "variance", "df"):
        assert float(getattr(shown, name)) == pytest.approx(float(getattr(oracle, name)), rel=1e-9)
    moved = model.difference("a", "b", 2, {"b": 1.0}).estimate
    plain = model.difference("a", "b", 2).estimate
    assert float(model.difference("a", "b", 2, {"b": 3.0}).estimate - plain) == pytest.approx(
        float(3 * (moved - plain)), rel=1e-9
    )


class TestAwkward:
    def test_without_missing_values_it_is_the_analysis_of_covariance(self):
        subjects = [s for s in drawn() if s.reached == 3]
        shown = imputed(subjects, number=2).difference("a", "b", 2)
        design = [[s.arm == "a", s.arm == "b", *s.covariates] for s in subjects]
        oracle = sm.OLS([s.values[2] for s in subjects], np.array(design, float)).fit()
        test = oracle.t_test([-1, 1, 0])
        assert float(shown.estimate) == pytest.approx(test.effect[0], rel=1e-10)
        assert float(shown.p) == pytest.approx(float(test.pvalue), rel=1e-9)
        assert shown.df == len(subjects) - 3

    def test_values_that_are_all_alike_leave_no_error(self):
        values = [(7.3, 7.3), (7.3, None)]
        subjects = [Incomplete(arm, (), values[i % 2]) for arm in ARMS for i in range(6)]
        shown = imputed(subjects).difference("a", "b", 1)
        assert (shown.estimate, shown.variance, shown.p) == (0, 0, None)

    @pytest.mark.parametrize(
        "subjects",
        [
            [],
            [Incomplete("a", (1.0,), (2.0, None))],
            [Incomplete(arm, (float(i),), (2.0, None)) for i in range(5) for arm in ARMS],
            [Incomplete("a", (float(i),), (2.0 * i, 1.0)) for i in range(9)],
        ],
    )
    def test_what_the_data_do_not_tell(self, subjects):
        model = imputed(subjects, visits=2)
        assert model.difference("a", "b", 1) is None
        assert model.reason == NOT_ESTIMABLE

    def test_a_covariate_that_others_determine_changes_nothing(self):
        subjects = drawn()
        more = [Incomplete(s.arm, (*s.covariates, 2 * s.covariates[0], 4.0), s.values)
                for s in subjects]  # fmt: skip
        assert float(imputed(more).difference("a", "b", 2).estimate) == pytest.approx(
            float(imputed(subjects).difference("a", "b", 2).estimate), rel=1e-9
        )

    def test_a_visit_not_yet_due_is_of_nobody(self):
        subjects = [Incomplete(s.arm, s.covariates, s.values[:2]) if i < 9 else s
                    for i, s in enumerate(drawn())]  # fmt: skip
        model = imputed(subjects, visits=3)
        assert sum(map(sum, (model.n(arm, 2) for arm in ARMS))) == 51


class TestRandomNumbers:
    def test_they_are_the_same_on_every_machine(self):
        numbers = RandomNumbers(b"seed")
        shown = [*(numbers.normal() for _ in range(3)), *map(numbers.chi_square, (1, 2, 101))]
        assert [number.hex() for number in shown] == [
            "0x1.7f1987eec9940p-1",
            "0x1.59ea9583f5aecp-1",
            "-0x1.8031266797ab2p-1",
            "0x1.e6aafe2cc8457p-3",
            "0x1.5f07d2e2df656p+0",
            "0x1.dfd8fb0a9dd0dp+6",
        ]

    def test_they_have_their_distributions(self):
        numbers = RandomNumbers(b"distributions")
        normal = [numbers.normal() for _ in range(4_000)]
        assert stats.kstest(normal, "norm").pvalue > 0.01
        for df in (1, 2, 3, 40):
            squares = [numbers.chi_square(df) for _ in range(4_000)]
            assert stats.kstest(squares, stats.chi2(df).cdf).pvalue > 0.01

    def test_the_logarithm_is_the_nearest_but_for_its_last_bits(self):
        for place in range(-300, 300, 7):
            number = 1.37 * 10.0**place
            assert logarithm(number) == pytest.approx(math.log(number), rel=4e-16, abs=4e-16)
