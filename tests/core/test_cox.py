"""Cox's model from tallies against statsmodels, published numbers and separation found by hand."""

import itertools
import math
from fractions import Fraction

import builders
import numpy as np
import pandas as pd
import pytest
from builders import cell, contact, death, enrolment
from parallel import TOTAL, A, B, parallel, printed, randomised, table_of
from scipy import stats
from scipy.optimize import linprog
from statsmodels.duration.hazard_regression import PHReg

from trial.errors import Rejected
from trial.statistics.cox import Cox, _preferences
from trial.statistics.inference import NOT_ESTIMABLE, TOO_MUCH_WORK
from trial.statistics.maximisation import INFINITE, NOT_CONVERGED
from trial.statistics.separation import axis, direction, independent, product
from trial.statistics.survival import log_rank
from trial.tables import checking

OVARIAN = [  # therneau/survival: days, death, age in units of 0.0001 years, ECOG performance status
    (59, 1, 723315, 1), (115, 1, 744932, 1), (156, 1, 664658, 2), (421, 0, 533644, 1),
    (431, 1, 503397, 1), (448, 0, 564301, 2), (464, 1, 569370, 2), (475, 1, 598548, 2),
    (477, 0, 641753, 1), (563, 1, 551781, 2), (638, 1, 567562, 2), (744, 0, 501096, 1),
    (769, 0, 596301, 2), (770, 0, 570521, 1), (803, 0, 392712, 1), (855, 0, 431233, 2),
    (1040, 0, 388932, 2), (1106, 0, 446000, 1), (1129, 0, 539068, 1), (1206, 0, 442055, 1),
    (1227, 0, 595890, 2), (268, 1, 745041, 2), (329, 1, 431370, 1), (353, 1, 632192, 2),
    (365, 1, 644247, 1), (377, 0, 583096, 1),
]  # fmt: skip
PLACEBO = "1 1 2 2 3 4 4 5 5 8 8 8 8 11 11 12 12 15 17 22 23"
DRUG = "6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+"
"""Freireich's weeks of remission in leukaemia, on placebo and 6-mercaptopurine; + is censored."""


def strata_of(rows):
    """Tally rows of stratum, covariates, time and event."""
    strata = {}
    for stratum, covariates, time, event in rows:
        times = strata.setdefault(stratum, {}).setdefault(tuple(map(int, covariates)), {})
        events, censored = times.get(int(time), (0, 0))
        times[int(time)] = (events + int(event), censored + 1 - int(event))
    return list(strata.values())


def freireich():
    return [
        ("", (arm,), int(week.strip("+")), "+" not in week)
        for arm, weeks in ((1, PLACEBO), (0, DRUG))
        for week in weeks.split()
    ]


def drawn(seed, n=120, strata=1, longest=30, width=3):
    random = np.random.default_rng(seed)
    design = np.column_stack([random.integers(0, 2, n) for _ in range(width)])
    return pd.DataFrame(
        {
            "stratum": random.integers(0, strata, n),
            "time": random.integers(1, longest, n),
            "event": random.integers(0, 4, n) > 0,
            **{f"x{i}": design[:, i] for i in range(width)},
        }
    )


def tallied(frame):
    names = [name for name in frame if name.startswith("x")]
    return strata_of(
        zip(frame.stratum, frame[names].to_numpy(), frame.time, frame.event, strict=True)
    )


def estimate(term):
    return float(term.estimate.estimate), float(term.estimate.se)


class TestPublished:
    def test_the_sets_that_can_be_solved_by_hand(self):
        """Breslow's is log((3 + √33) / 2): cran/survival, vignettes/validate.Rnw."""
        rows = [("", (x,), time, event) for time, event, x in zip(
            (9, 1, 1, 6, 6, 8), (1, 1, 0, 1, 1, 0), (0, 1, 1, 1, 0, 0), strict=True)]  # fmt: skip
        breslow, efron = (Cox(strata_of(rows), 1, ties) for ties in ("breslow", "efron"))
        assert estimate(breslow.term([0]))[0] == pytest.approx(
            math.log((3 + math.sqrt(33)) / 2), rel=1e-14
        )
        assert estimate(efron.term([0])) == pytest.approx((1.676857, 1.277616), abs=5e-7)

    def test_the_stratified_set_of_the_manual(self):
        """?coxph: 0.8023 (0.8224), likelihood ratio 1.09, P 0.2971 (survival-Ex.Rout.save)."""
        rows = zip((0, 0, 0, 0, 1, 1, 1), ((0,), (2,), (1,), (1,), (1,), (0,), (0,)),
                   (4, 3, 1, 1, 2, 2, 3), (1, 1, 1, 0, 1, 1, 0), strict=True)  # fmt: skip
        model = Cox(strata_of(rows), 1)
        assert estimate(model.term([0])) == pytest.approx((0.8023, 0.8224), abs=5e-5)
        assert float(model.term([0], "likelihood-ratio").p) == pytest.approx(0.2971, abs=5e-5)

    def test_proportional_hazards_of_the_ovarian_cancer_trial(self):
        """cox.zph(coxph(Surv(futime, fustat) ~ age + ecog.ps)): survival-Ex.Rout.save."""
        rows = [("", (age, ecog), time, event) for time, event, age, ecog in OVARIAN]
        model = Cox(strata_of(rows), 2)
        for columns, chi_square in (([0], 0.698), ([1], 2.371), ([0, 1], 3.633)):
            p = float(model.proportionality(columns))
            assert stats.chi2.isf(p, len(columns)) == pytest.approx(chi_square, abs=5e-4)

    def test_leukaemia(self):
        """Lifelines and statsmodels give this to six places, Breslow's by statsmodels."""
        model = Cox(strata_of(freireich()), 1)
        assert estimate(model.term([0])) == pytest.approx((1.572125, 0.412397), abs=5e-7)
        breslow = Cox(strata_of(freireich()), 1, "breslow")
        assert estimate(breslow.term([0])) == pytest.approx((1.509191, 0.409564), abs=5e-7)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize(("seed", "strata"), [(1, 1), (2, 1), (3, 3), (4, 4)])
def test_estimates_errors_and_likelihood_equal_statsmodels(ties, seed, strata):
    frame = drawn(seed, strata=strata)
    model = Cox(tallied(frame), 3, ties)
    oracle = PHReg(
        frame.time, frame[["x0", "x1", "x2"]], frame.event.astype(int),
        strata=frame.stratum if strata > 1 else None, ties=ties,
    ).fit(disp=0)  # fmt: skip
    for i in range(3):
        assert estimate(model.term([i])) == pytest.approx(
            (oracle.params[i], oracle.bse[i]), rel=2e-6, abs=1e-7
        )
        assert float(model.term([i]).p) == pytest.approx(oracle.pvalues[i], rel=1e-5)
    smaller = PHReg(
        frame.time, frame[["x0", "x1"]], frame.event.astype(int),
        strata=frame.stratum if strata > 1 else None, ties=ties,
    ).fit(disp=0)  # fmt: skip
    ratio = 2 * (oracle.llf - smaller.llf)
    assert float(model.term([2], "likelihood-ratio").p) == pytest.approx(
        stats.chi2.sf(ratio, 1), rel=1e-5
    )
    pair = np.array(oracle.params[1:])
    wald = pair @ np.linalg.solve(oracle.cov_params()[1:, 1:], pair)
    together = model.term([1, 2])
    assert together.estimate is None
    assert float(together.p) == pytest.approx(stats.chi2.sf(wald, 2), rel=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_without_ties_the_score_test_is_the_log_rank_test(seed):
    frame = drawn(seed, n=80, strata=2, width=1)
    frame.time = np.random.default_rng(seed).permutation(80) + 1
    strata = tallied(frame)
    expected = log_rank([[stratum.get((0,), {}), stratum.get((1,), {})] for stratum in strata])
    assert float(Cox(strata, 1).term([0], "score").p) == pytest.approx(float(expected.p), rel=1e-12)


@pytest.mark.parametrize("transform", ["km", "rank", "identity", "log"])
def test_the_check_is_the_score_test_of_an_interaction_with_time(transform):
    """Take the same likelihood with a column that changes at each time, one by one."""
    frame = drawn(7, n=60, longest=12, width=2)
    model = Cox(tallied(frame), 2, "breslow")
    beta = np.array([estimate(model.term([i]))[0] for i in range(2)])
    x, time, event = frame[["x0", "x1"]].to_numpy(), frame.time.to_numpy(), frame.event.to_numpy()
    times = np.unique(time[event])
    survival = np.cumprod([1 - (event & (time == t)).sum() / (time >= t).sum() for t in times])
    weights = {
        "km": 1 - np.concatenate([[1], survival[:-1]]),
        "rank": [stats.rankdata(time[event])[time[event] == t][0] for t in times],
        "identity": times,
        "log": np.log(times),
    }[transform]
    score, information = np.zeros(3), np.zeros((3, 3))
    for t, weight in zip(times, weights, strict=True):
        risk = time >= t
        z = np.column_stack([x[risk], weight * x[risk][:, 1]])
        hazard = np.exp(x[risk] @ beta)
        mean = hazard @ z / hazard.sum()
        having = (time == t)[risk] & event[risk]
        score += (z[having] - mean).sum(axis=0)
        centred = z - mean
        information += having.sum() * (centred.T * hazard) @ centred / hazard.sum()
    chi_square = score @ np.linalg.solve(information, score)
    assert float(model.proportionality([1], transform)) == pytest.approx(
        stats.chi2.sf(chi_square, 1), rel=1e-9
    )


class TestContinuous:
    """A covariate of which every subject has another value."""

    @pytest.mark.parametrize("test", ["wald", "score", "likelihood-ratio"])
    @pytest.mark.parametrize("places", [0, 4, 12])
    def test_age_equals_statsmodels_in_any_unit(self, places, test):
        """Age of the ovarian cancer trial, in units of 10 to the power of -4 to -16 years."""
        unit = 10**places
        model = Cox(strata_of(("", (a * unit, p), t, e) for t, e, a, p in OVARIAN), 2)
        frame = pd.DataFrame(OVARIAN, columns=["time", "event", "age", "ecog"])
        frame.age /= 10_000
        full, restricted = (
            PHReg(frame.time, frame[names], frame.event, ties="efron").fit(disp=0)
            for names in (["age", "ecog"], ["age"])
        )
        age, error = estimate(model.term([0]))
        assert (age * unit * 1e4, error * unit * 1e4) == pytest.approx(
            (full.params[0], full.bse[0]), rel=1e-7
        )
        assert estimate(model.term([1])) == pytest.approx((full.params[1], full.bse[1]), rel=1e-7)
        point = np.array([restricted.params[0], 0])
        score, curvature = full.model.score(point), -full.model.hessian(point)
        chi_square = {
            "wald": (full.params[1] / full.bse[1]) ** 2,
            "score": score @ np.linalg.solve(curvature, score),
            "likelihood-ratio": 2 * (full.llf - restricted.llf),
        }[test]
        assert float(model.term([1], test).p) == pytest.approx(
            stats.chi2.sf(chi_square, 1), rel=1e-6
        )

    def test_a_value_that_all_share_changes_nothing(self):
        alike = [("", (5, *x), t, e) for _, x, t, e in freireich()]
        assert Cox(strata_of(alike), 2).term([1]) == Cox(strata_of(freireich()), 1).term([0])

    def test_one_that_orders_the_events_has_no_finite_estimate(self):
        rows = [("", (100 - t, t % 2), t, 1) for t in range(1, 20)]
        model = Cox(strata_of(rows), 2)
        assert model.term([0]).reason == INFINITE

    def test_of_many_subjects_too(self, monkeypatch):
        """Each has a value of its own; events of one arm are all before those of the other."""
        rows = [("", (t * t % 997, t % 2, int(t < 125)), t, 1) for t in range(1, 250)]
        model = Cox(strata_of(rows), 3)
        assert model.term([2]).reason == INFINITE
        assert model.term([0]).estimate is not None
        monkeypatch.setattr("trial.statistics.cox.MOST_PREFERENCES", 100)
        assert Cox(strata_of(rows), 3).term([2]).reason == INFINITE
        sloping = [("", (9999 - t * t + 1000 * (t * 7 % 13), t * 7 % 13), t, 1)
                   for t in range(1, 99)]  # fmt: skip
        assert Cox(strata_of(sloping), 2).term([0]).reason == NOT_CONVERGED

    @pytest.mark.parametrize("seed", range(40))
    def test_what_neighbours_prefer_is_what_all_pairs_do(self, seed):
        random = np.random.default_rng(seed)
        rows = [(str(random.integers(2)), tuple(map(int, random.integers(0, 3, 2))),
                 int(random.integers(1, 6)), int(random.integers(2)))
                for _ in range(int(random.integers(2, 9)))]  # fmt: skip
        pairs = [tuple(a - b for a, b in zip(x, y, strict=True))
                 for stratum, x, time, event in rows if event
                 for other, y, until, _ in rows if other == stratum and until >= time]  # fmt: skip
        chosen = direction(_preferences(strata_of(rows), range(2)))
        assert (chosen is None) == (direction(pairs) is None)
        if chosen is not None:
            assert min(product(pair, chosen) for pair in pairs) >= 0
        if (along := axis(pairs, 2)) is not None:
            assert min(products := [product(pair, along) for pair in pairs]) >= 0 < max(products)


def test_a_time_of_0_has_no_logarithm():
    rows = [*freireich(), ("", (1,), 0, 1)]
    model = Cox(strata_of(rows), 1)
    assert model.proportionality([0], "log") is None
    assert model.proportionality([0], "identity") is not None


class TestWithoutEstimate:
    def test_all_events_in_one_arm(self):
        rows = [*(("", (0,), t, 0) for t in (5, 9, 9)), *(("", (1,), t, 1) for t in (5, 6, 9))]
        model = Cox(strata_of(rows), 1)
        assert model.term([0]).reason == INFINITE
        assert model.term([0]).p is None is model.proportionality([0])
        assert float(model.term([0], "score").p) < 0.1
        # At 0 those at risk are 6, 4 and 3; in the limit only those of the arm with the events.
        expected = 2 * (math.log(6 * 4 * 3) - math.log(3 * 2 * 1))
        assert float(model.term([0], "likelihood-ratio").p) == pytest.approx(
            stats.chi2.sf(expected, 1), rel=1e-9
        )

    def test_no_event_no_subject_or_one_arm(self):
        assert Cox([], 1).term([0]).reason == NOT_ESTIMABLE
        assert Cox(strata_of([("", (0,), 3, 0), ("", (1,), 4, 0)]), 1).term([0]).p is None
        assert Cox(strata_of([("", (1,), 3, 1), ("", (1,), 4, 0)]), 1).term([0]).p is None
        apart = strata_of([("s", (1,), 3, 1), ("t", (0,), 4, 1)])
        assert Cox(apart, 1).term([0]).reason == NOT_ESTIMABLE

    def test_strata_of_one_arm_or_without_events_change_nothing(self):
        rows = freireich()
        extended = [
            *rows,
            *(("one", (1,), t, 1) for t in (3, 4)),
            *(("no", (t % 2,), t, 0) for t in (3, 4)),
        ]
        assert Cox(strata_of(extended), 1).term([0]) == Cox(strata_of(rows), 1).term([0])

    def test_a_covariate_whose_level_has_no_event_leaves_the_arm_its_estimate(self):
        frame = drawn(9, width=2)
        frame.event &= frame.x0 == 0
        model = Cox(tallied(frame), 2)
        assert model.term([0]).reason == INFINITE
        rest = frame[frame.x0 == 0]
        oracle = PHReg(rest.time, rest[["x1"]], rest.event.astype(int), ties="efron").fit(disp=0)
        assert estimate(model.term([1])) == pytest.approx(
            (oracle.params[0], oracle.bse[0]), rel=1e-6
        )

    def test_a_covariate_that_is_the_arm_leaves_nothing_to_estimate(self):
        rows = [("", (*x, *x), t, e) for _, x, t, e in freireich()]
        model = Cox(strata_of(rows), 2)
        assert model.term([1]).reason == NOT_ESTIMABLE
        assert model.term([0]).estimate is not None

    def test_more_work_than_is_done_for_a_reader(self, monkeypatch):
        monkeypatch.setattr("trial.statistics.cox.MOST_STEPS", 10)
        model = Cox(strata_of(freireich()), 1)
        assert model.term([0]).reason == TOO_MUCH_WORK
        assert model.proportionality([0]) is None


class TestSeparation:
    @pytest.mark.parametrize("seed", range(60))
    def test_a_direction_is_there_where_linear_programming_finds_one(self, seed):
        random = np.random.default_rng(seed)
        width = int(random.integers(1, 5))
        vectors = random.integers(-1, 2, (int(random.integers(1, 14)), width))
        vector_found = direction(tuple(map(int, vector)) for vector in vectors)
        program = linprog(
            -vectors.sum(axis=0), A_ub=-vectors, b_ub=np.zeros(len(vectors)), bounds=(-1, 1)
        )
        assert (vector_found is not None) == (program.fun < -1e-9)
        if vector_found is not None:
            along = [product(tuple(map(int, vector)), vector_found) for vector in vectors]
            assert min(along) >= 0 < max(along)

    def test_nothing_is_in_no_direction(self):
        assert direction([]) is direction([(0, 0)]) is None
        assert direction([(1, 0), (-1, 0)]) is None
        assert independent([(1, 1, 0), (0, 0, 0), (2, 2, 1)], 3) == (0, 2)


COLUMNS = [A, B, TOTAL, {"id": "p", "label": "P", "compare": ["a", "b"]},
           {"id": "q", "label": "Q", "compare": ["b", "a", "total"]}]  # fmt: skip
TIMES = {"death": {"label": "Death", "start": "enrolment", "events": ["death"]}}


def people():
    """Return subjects of two arms, one without a known sex; most die, each on another day."""
    entries = []
    for i, (arm, sex) in enumerate(itertools.product("ab", "FMFMMFFM")):
        subject, fields = f"S-{i:02}", {} if i == 3 else {"sex": sex}
        entries += [enrolment(subject=subject, **fields), randomised(arm, subject)]
        study_day = 3 + (7 * i) % 23
        entries.append(
            death(study_day, subject=subject) if i % 4 else contact(study_day, subject=subject)
        )
    return entries


def in_model(*, sexes=False):
    """Return what of the same subjects a model of both arms takes, the first arm the reference."""
    return [
        ("", (*((sex == "M",) if sexes else ()), arm == "b"), 4 + (7 * i) % 23, bool(i % 4))
        for i, (arm, sex) in enumerate(itertools.product("ab", "FMFMMFFM"))
        if not sexes or i != 3
    ]


def table(options, entries=None, **row):
    survival = {"time": "death", "hazard_ratio": options}
    return table_of(
        people() if entries is None else entries,
        {"label": "Row", "survival": survival, **row},
        columns=COLUMNS,
        times=TIMES,
    )


class TestRow:
    def test_a_pair_has_ratio_interval_and_p_and_several_columns_have_p(self):
        grid = table({})
        term = Cox(strata_of(in_model()), 1).term([0])
        low, high = (f"{limit:.2f}" for limit in term.estimate.ratio_interval())
        assert printed(grid, "row/hazard-ratio", "p") == {
            "hazard_ratio": f"{term.estimate.ratio():.2f}",
            "ci_low": low,
            "ci_high": high,
            "p": f"{term.p:.4f}",
        }
        assert printed(grid, "row/hazard-ratio", "q").keys() == {"p"}
        assert cell(grid, "row/hazard-ratio", "p").method == (
            "Cox proportional hazards, Efron, Wald test, 95 %"
        )
        assert not [row.id for row in grid.rows if "proportional" in row.id]
        assert printed(table(options=False), "row", "p") == printed(grid, "row", "p")

    def test_options_are_those_of_the_model(self):
        options = {"covariates": ["sex"], "ties": "breslow", "test": "score", "decimals": 4,
                 "proportional_hazards": "rank"}  # fmt: skip
        grid = table(options, interval={"level": 0.9, "limits": "upper"})
        model = Cox(strata_of(in_model(sexes=True)), 2, "breslow")
        term = model.term([1], "score")
        _, high = term.estimate.ratio_interval(Fraction(8, 10))
        assert printed(grid, "row/hazard-ratio", "p") == {
            "hazard_ratio": f"{term.estimate.ratio():.4f}",
            "ci_high": f"{high:.4f}",
            "p": f"{term.p:.4f}",
        }
        assert cell(grid, "row/hazard-ratio", "p").interval == "90% upper limit"
        assert cell(grid, "row/hazard-ratio", "p").method == (
            "Cox proportional hazards, Breslow, score test, adjusted, one-sided 90 %"
        )
        assert printed(grid, "row/proportional-hazards", "p") == {
            "p": f"{model.proportionality([1], 'rank'):.4f}"
        }
        assert cell(grid, "row", "a").get("N").raw == 8  # the curve is of all
        (note,) = (note for note in grid.footnotes if "lacks a covariate" in note)
        assert note.endswith("Subjects: Drug 1, Total 1.")

    def test_a_continuous_covariate_is_in_the_model_as_it_is(self):
        """Who lacks it is left out, and a footnote says so."""
        ages = {f"S-{i:02}": 30 + 17 * i % 29 for i in range(16) if i != 5}
        entries = [
            enrolment(subject=item.subject, sex="F", age=ages.get(item.subject))
            if item.kind == "subject.enrolled"
            else item
            for item in people()
        ]
        grid = table({"continuous": ["age"], "decimals": 4}, entries)
        rows = [
            ("", (ages[f"S-{i:02}"], *x), t, event)
            for i, (_, x, t, event) in enumerate(in_model())
            if i != 5
        ]
        term = Cox(strata_of(rows), 2).term([1])
        shown = printed(grid, "row/hazard-ratio", "p")
        assert (shown["hazard_ratio"], shown["p"]) == (
            f"{term.estimate.ratio():.4f}",
            f"{term.p:.4f}",
        )
        assert cell(grid, "row/hazard-ratio", "p").method.endswith("adjusted, 95 %")
        (note,) = (note for note in grid.footnotes if "lacks a covariate" in note)
        assert note.endswith("Subjects: Drug 1, Total 1.")

    def test_what_has_no_finite_estimate_says_so(self):
        entries = [
            item
            for i in range(4)
            for item in (
                enrolment(subject=f"S-{i}"),
                randomised("ab"[i % 2], f"S-{i}"),
                death(9 + i, subject=f"S-{i}") if i % 2 else contact(20, subject=f"S-{i}"),
            )
        ]
        grid = table({"proportional_hazards": "km"}, entries)
        assert printed(grid, "row/hazard-ratio", "p") == {
            "hazard_ratio": "no finite estimate", "p": "no finite estimate"}  # fmt: skip
        assert printed(grid, "row/proportional-hazards", "p") == {"p": "not computed"}

    def test_nobody_is_compared_with_nobody(self):
        assert printed(table({}, []), "row/hazard-ratio", "p") == {}

    def test_it_can_be_a_key_result_and_the_confirmatory_test(self):
        source = {"table": "t", "row": "row/hazard-ratio", "column": "p"}
        key_result = {"id": "k", "label": "K", "source": source, "show": "hazard-ratio"}
        row = {"id": "row", "label": "R", "survival": {"time": "death", "hazard_ratio": True}}
        study = parallel([row], COLUMNS, times=TIMES, key_results=[key_result],
                         testing={"alpha": 0.05, "order": [source]})  # fmt: skip
        checking.check_definition(study)
        (result,) = builders.report_of(study, people()).key_results
        printed_cell = printed(table(options=True), "row/hazard-ratio", "p")
        assert result.text == printed_cell["hazard_ratio"]
        assert result.ci_text == (printed_cell["ci_low"], printed_cell["ci_high"])

    @pytest.mark.parametrize(
        ("survival", "detail"),
        [
            ({"hazard_ratio": {"covariates": ["arm"]}}, "must not list the arm"),
            ({"hazard_ratio": {"covariates": ["sex", "sex"]}}, "sex"),
            (
                {"strata": ["sex"], "hazard_ratio": {"covariates": ["sex"]}},
                "a stratum as a covariate",
            ),
            ({"hazard_ratio": {"covariates": ["sox"]}}, "sox"),
            ({"hazard_ratio": {"continuous": ["weighed"]}}, "weighed"),
            (
                {"hazard_ratio": {"covariates": ["sex"], "continuous": ["age"] * 6}},
                "at most 6 `covariates` and `continuous` ones together: 7",
            ),
            ({"hazard_ratio": {"ties": "exact"}}, "efron"),
        ],
    )
    def test_what_is_refused(self, survival, detail):
        row = {"id": "row", "label": "R", "survival": {"time": "death", **survival}}
        with pytest.raises(Rejected) as refused:
            checking.check_definition(parallel([row], COLUMNS, times=TIMES))
        (fault,) = refused.value.faults
        assert fault.pointer.startswith("/tables/0/rows/0/survival")
        assert detail in fault.detail
