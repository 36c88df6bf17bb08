"""Margins: non-inferiority and equivalence, by the interval that is shown and by its test."""

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import pytest
import statsmodels.api as sm
from builders import adverse_event, cell, disposition, dose, enrolment
from hypothesis import given, settings
from hypothesis import strategies as st
from parallel import A, B, parallel, printed, randomised, table_of
from scipy import stats

from trial.definition.available_statistics import available_statistics
from trial.definition.outputs import CellRef
from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.reporting import report
from trial.reporting.methods import methods
from trial.statistics.margins import BY_A_MARGIN, EQUIVALENCE, NON_INFERIORITY, SUPERIORITY, Margin
from trial.tables import checking, testing
from trial.tables.grid import Grid

P: dict[str, Any] = {"id": "p", "label": "P", "compare": ["b", "a"]}
MEN = {"characteristic": "sex", "levels": ["M"]}
AGE = {"summary": "age", "statistics": ["n", "mean"]}
OLD, YOUNG = [61, 64, 64, 70, 72, 58], [40, 44, 58, 61, 52, 49, 64]


def people(arm: str, men: int, women: int, ages: list[int] | None = None) -> list[Entry]:
    sexes = "M" * men + "F" * women
    return [
        event
        for i, sex in enumerate(sexes)
        for event in (
            enrolment(subject=f"{arm}-{i}", sex=sex, **({"age": ages[i]} if ages else {})),
            randomised(arm, f"{arm}-{i}", strata={"region": ["north", "south"][i % 2]}),
        )
    ]


ADCIBC = [*people("a", 36, 118), *people("b", 12, 65)]
AGED = [*people("a", 6, 0, OLD), *people("b", 7, 0, YOUNG)]


def found(row: dict[str, Any], entries: list[Entry], **options: Any) -> dict[str, str]:
    return printed(table_of(entries, row, columns=[A, B, {**P, **options}]), "row", "p")


def raw(row: dict[str, Any], entries: list[Entry], name: str, **options: Any) -> float:
    grid = table_of(entries, row, columns=[A, B, {**P, **options}])
    return float(Fraction(str(cell(grid, "row", "p").get(name).raw)))


class TestCounts:
    ROW: dict[str, Any] = {"count": MEN, "margin": {"lower": -3.6}}  # noqa: RUF012 (as drawn)

    def test_the_published_test_of_farrington_and_manning(self):
        assert raw(self.ROW, ADCIBC, "p_margin", counts="mee") == pytest.approx(0.0248, abs=5e-5)
        assert found(self.ROW, ADCIBC, counts="mee")["conclusion"] == "non-inferiority shown"

    def test_test_and_interval_are_of_one_method(self):
        """Miettinen and Nurminen's interval reaches below -3.6, where Mee's does not."""
        corrected = found(self.ROW, ADCIBC, counts="miettinen-nurminen")
        assert corrected["conclusion"] == "non-inferiority not shown"
        p = raw(self.ROW, ADCIBC, "p_margin", counts="miettinen-nurminen")
        assert p == pytest.approx(0.025061, abs=6e-7)

    def test_newcombe_has_a_bound_and_no_test(self):
        texts = found(self.ROW, ADCIBC, counts="newcombe")
        assert texts.keys() == {"difference", "ci_low", "ci_high", "conclusion"}
        assert texts["conclusion"] == "non-inferiority not shown"
        texts_kept = found({"count": MEN, "margin": {"lower": -3.7}}, ADCIBC, counts="newcombe")
        assert texts_kept["conclusion"] == "non-inferiority shown"

    @pytest.mark.parametrize(("margin", "conclusion"), [
        ({"lower": 0.8}, "non-inferiority shown"),
        ({"lower": 0.9}, "non-inferiority not shown"),
        ({"lower": 1}, "superiority not shown"),
        ({"lower": 1.1}, "superiority by a margin not shown"),
        ({"upper": 3.4}, "non-inferiority shown"),
        ({"lower": 0.5, "upper": 4}, "equivalence shown"),
        ({"lower": 0.5, "upper": 2}, "equivalence not shown"),
    ])  # fmt: skip
    def test_of_a_ratio_no_difference_is_1(self, margin, conclusion):
        options = {"counts": "wald", "contrast": "odds-ratio"}
        assert (
            found({"count": MEN, "margin": margin}, ADCIBC, **options)["conclusion"] == conclusion
        )

    def test_what_cannot_be_estimated_concludes_nothing(self):
        entries = [*people("a", 2, 1), *people("b", 0, 3)]
        options = {"counts": "wald", "contrast": "odds-ratio"}
        texts = found({"count": MEN, "margin": {"lower": 0.5}}, entries, **options)
        assert texts["conclusion"] == "not estimable"
        assert "p_margin" not in texts
        open_ended = found({"count": MEN, "margin": {"upper": 5}}, entries,
                           counts="koopman", contrast="relative-risk")  # fmt: skip
        assert open_ended["conclusion"] == "non-inferiority not shown"  # there is no upper limit

    def test_over_strata(self):
        row = {"stratified": {"count": MEN, "strata": ["region"], "contrast": "difference"},
               "margin": {"lower": -10}}  # fmt: skip
        texts = found(row, ADCIBC)
        assert list(texts) == ["difference", "ci_low", "ci_high", "p_margin", "conclusion", "p"]
        estimate = raw(row, ADCIBC, "difference")
        se = (estimate - raw(row, ADCIBC, "ci_low")) / stats.norm.ppf(0.975)
        assert raw(row, ADCIBC, "p_margin") == pytest.approx(stats.norm.sf((estimate + 10) / se))
        assert texts["conclusion"] == "non-inferiority shown"


class TestMeans:
    @pytest.mark.parametrize("means", ["t", "welch"])
    @pytest.mark.parametrize(("lower", "upper"), [(-2, None), (None, 30), (2, 25), (5, 19)])
    def test_scipy_agrees_on_two_one_sided_tests(self, means, lower, upper):
        margin = {name: side for name, side in (("lower", lower), ("upper", upper))
                  if side is not None}  # fmt: skip
        row = AGE | {"margin": margin | {"alpha": 0.05}}
        options = {"means": means, "interval": {"level": 0.9}}
        tests = [
            stats.ttest_ind([x - side for x in OLD], YOUNG, equal_var=means == "t",
                            alternative=alternative).pvalue
            for side, alternative in ((lower, "greater"), (upper, "less")) if side is not None
        ]  # fmt: skip
        assert raw(row, AGED, "p_margin", **options) == pytest.approx(max(tests), rel=1e-9)
        is_shown = found(row, AGED, **options)["conclusion"].endswith("y shown") or (
            found(row, AGED, **options)["conclusion"]
            in ("equivalence shown", f"{BY_A_MARGIN} shown")
        )
        assert is_shown == (max(tests) < 0.05)

    def test_ranks_have_a_bound_and_no_test_of_it(self):
        texts = found(AGE | {"margin": {"lower": -1}}, AGED, means="wilcoxon")
        assert texts["conclusion"] == "non-inferiority shown"
        assert "p_margin" not in texts
        pair = [*people("a", 1, 0, [60]), *people("b", 1, 0, [50])]
        assert found(AGE | {"margin": {"lower": -1}}, pair, means="wilcoxon")["conclusion"] == (
            "not estimable"
        )

    def test_a_model_has_it_beside_its_difference(self):
        row = {"ancova": {"measure": "age"}, "margin": {"lower": -2}}
        expected = stats.ttest_ind([x + 2 for x in OLD], YOUNG, alternative="greater").pvalue
        assert raw(row, AGED, "p_margin") == pytest.approx(expected, rel=1e-9)
        grid = table_of(AGED, row, columns=[A, B, P])
        assert any("must lie above -2; shown by" in note for note in grid.footnotes)
        assert list(found(row, AGED))[-2:] == ["conclusion", "p"]


class TestHazards:
    TIMES: ClassVar[dict[str, Any]] = {"left": {
        "label": "Left", "start": "randomisation", "events": ["end-of-study"]}}  # fmt: skip

    @pytest.mark.parametrize(("margin", "conclusion"), [
        ({"upper": 5}, "non-inferiority shown"), ({"upper": 1.2}, "non-inferiority not shown"),
        ({"upper": 1}, "superiority not shown"), ({"lower": 0.01, "upper": 6}, "equivalence shown"),
    ])  # fmt: skip
    def test_a_hazard_ratio_keeps_its_margin_by_its_interval(self, margin, conclusion):
        entries = []
        for arm, days in (("a", range(12, 60, 3)), ("b", range(10, 58, 3))):
            for day in days:
                name = f"{arm}-{day}"
                entries += [enrolment(subject=name), randomised(arm, name),
                            disposition(day, "completed", name)]  # fmt: skip
        row = {"survival": {"time": "left", "hazard_ratio": True}, "margin": margin}
        grid = table_of(entries, row, columns=[A, B, P], times=self.TIMES)
        texts = printed(grid, "row/hazard-ratio", "p")
        assert texts["conclusion"] == conclusion
        raws = {statistic.name: float(Fraction(str(statistic.raw)))
                for statistic in cell(grid, "row/hazard-ratio", "p").statistics
                if statistic.name != "conclusion"}  # fmt: skip
        middle = math.log(raws["hazard_ratio"])
        se = (math.log(raws["ci_high"]) - middle) / stats.norm.ppf(0.975)
        tails = [stats.norm.sf((middle - math.log(margin["lower"])) / se)] if (
            "lower" in margin) else []  # fmt: skip
        tails += [stats.norm.cdf((middle - math.log(margin["upper"])) / se)]
        assert raws["p_margin"] == pytest.approx(max(tails), rel=1e-6)
        study = parallel([row], [A, B, P], times=self.TIMES)
        checking.check_definition(study)
        ref = CellRef(table="t", row="row/hazard-ratio", column="p")
        assert available_statistics(ref, study.definition.tables) == texts.keys()
        assert any("must lie" in note for note in grid.footnotes)

    def test_without_a_hazard_ratio_there_is_nothing_to_keep_it(self):
        with pytest.raises(Rejected) as refused:
            checking.check_definition(parallel([{"survival": {"time": "left"}, "margin": {
                "upper": 2}}], [A, B, P], times=self.TIMES))  # fmt: skip
        assert refused.value.faults[0].pointer == "/tables/0/rows/0/margin"


class TestRegressions:
    """Ratios of odds and of rates, by the normal distribution of their logarithm."""

    ODDS: ClassVar[dict[str, Any]] = {"logistic": {"count": MEN, "covariates": ["region"]}}

    @pytest.mark.parametrize(("margin", "conclusion"), [
        ({"lower": 0.5}, "non-inferiority shown"), ({"lower": 0.9}, "non-inferiority not shown"),
        ({"lower": 1}, "superiority not shown"), ({"lower": 0.5, "upper": 4}, "equivalence shown"),
    ])  # fmt: skip
    def test_an_odds_ratio_keeps_it_by_its_interval_and_its_test(self, margin, conclusion):
        row = self.ODDS | {"margin": margin}
        shown = found(row, ADCIBC)
        assert shown["conclusion"] == conclusion
        fit = sm.Logit(*self.design()).fit(disp=0)
        sides = [(math.log(side), name) for name, side in margin.items()]
        tails = [stats.norm.sf((fit.params[1] - side) / fit.bse[1] * (1 if name == "lower" else -1))
                 for side, name in sides]  # fmt: skip
        assert raw(row, ADCIBC, "p_margin") == pytest.approx(max(tails), rel=1e-6)
        study = parallel([row], [A, B, P])
        checking.check_definition(study)
        ref = CellRef(table="t", row="row", column="p")
        assert available_statistics(ref, study.definition.tables) == shown.keys()

    @staticmethod
    def design():
        rows = [
            (i < men, 1, arm == "a", i % 2)
            for arm, men, size in (("a", 36, 154), ("b", 12, 77))
            for i in range(size)
        ]
        outcome, *design = zip(*rows, strict=True)
        return np.array(outcome, float), np.column_stack(design).astype(float)

    def test_a_profile_has_a_bound_and_no_test(self):
        row = self.ODDS | {"margin": {"lower": 0.5}, "interval": {"method": "profile"}}
        shown = found(row, ADCIBC)
        assert shown["conclusion"] == "non-inferiority shown"
        assert "p_margin" not in shown
        ref = CellRef(table="t", row="row", column="p")
        tables = parallel([row], [A, B, P]).definition.tables
        assert available_statistics(ref, tables) == shown.keys()

    def test_levels_of_an_interaction_keep_nothing(self):
        row = {"logistic": self.ODDS["logistic"] | {"interaction": "region"},
               "margin": {"lower": 0.5}}  # fmt: skip
        grid = table_of(ADCIBC, row, columns=[A, B, P])
        assert "conclusion" in printed(grid, "row", "p")
        assert "conclusion" not in printed(grid, "row/interaction/north", "p")

    def test_an_estimate_that_is_infinite_concludes_nothing(self):
        entries = [*people("a", 4, 0), *people("b", 2, 2)]
        shown = found({"logistic": {"count": MEN}, "margin": {"lower": 0.5}}, entries)
        assert shown["conclusion"] == "not estimable"
        assert "p_margin" not in shown

    def test_a_rate_ratio_keeps_it_likewise(self):
        entries = []
        for arm, events in (("a", (3, 1, 2, 0, 4, 2)), ("b", (2, 3, 1, 1, 2, 3))):
            for i, n in enumerate(events):
                name = f"{arm}-{i}"
                entries += [enrolment(subject=name), randomised(arm, name), dose(1, subject=name)]
                entries += [adverse_event(5 + k, f"AE-{k}", name) for k in range(n)]
                entries.append(disposition(100, "completed", name))
        row = {"event_rate": {"filter": {}, "distribution": "poisson"}, "margin": {"upper": 2.5}}
        middle, se = math.log(1), math.sqrt(2 / 12)
        p = stats.norm.cdf((middle - math.log(2.5)) / se)
        assert raw(row, entries, "p_margin") == pytest.approx(p, rel=1e-6)
        assert found(row, entries)["conclusion"] == "non-inferiority shown"
        refused = row | {"margin": {"lower": -1}}
        with pytest.raises(Rejected):
            checking.check_definition(parallel([refused], [A, B, P]))


class TestMargin:
    @given(st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 9), st.integers(0, 9))
    @settings(max_examples=60)
    def test_it_is_kept_if_the_interval_lies_within(self, low, lower, width, reach):
        margin = Margin(Fraction(lower), Fraction(lower + width), Fraction(5, 100))
        is_kept = margin.is_kept((Fraction(low), Fraction(low + reach)))
        assert is_kept == (lower < low and low + reach < lower + width)
        assert not margin.is_kept((None, Fraction(low)))
        assert Margin(Fraction(lower), None, Fraction(1, 40)).is_kept((Fraction(lower + 1), None))

    def test_what_it_is_for(self):
        def aim(lower, upper, null=0):
            sides = (None if side is None else Fraction(side) for side in (lower, upper))
            return Margin(*sides, Fraction(1, 40)).aim(null)

        assert aim(-1, 1) == EQUIVALENCE
        assert aim(-1, None) == aim(None, 1) == aim(0.5, None, 1) == NON_INFERIORITY
        assert aim(0, None) == aim(1, None, 1) == SUPERIORITY
        assert aim(None, -1) == aim(1.2, None, 1) == BY_A_MARGIN


def unmarked(grid: Grid) -> Grid:
    """Take the marks of nominal P values away again."""
    rows = [
        replace(
            row,
            cells=tuple(
                replace(
                    cell,
                    statistics=tuple(
                        replace(statistic, nominal=False) for statistic in cell.statistics
                    ),
                )
                for cell in row.cells
            ),
        )
        for row in grid.rows
    ]
    return replace(grid, rows=tuple(rows))


class TestTesting:
    ORDER: tuple[dict[str, str], ...] = ({"table": "t", "row": "row", "column": "p"},)

    def grid(self, alpha: float, look_alpha: float, margin: dict[str, Any]):
        looks = [{"id": "first", "label": "First", "alpha": look_alpha},
                 {"id": "final", "label": "Final", "alpha": alpha}]  # fmt: skip
        study = parallel(
            [AGE | {"margin": margin}], [A, B, {**P, "means": "t"}],
            testing={"alpha": alpha, "order": list(self.ORDER), "looks": looks},
            completion={"set": "randomised", "condition": "randomised"},
        )  # fmt: skip
        checking.check_definition(study)
        return study

    @pytest.mark.parametrize(("lower", "look_alpha", "succeeds"), [
        (-2, 0.05, True), (-2, 0.01, True), (-2, 0.004, False), (0, 0.004, False),
    ])  # fmt: skip
    def test_the_margins_p_value_confirms_at_its_part_of_alpha(self, lower, look_alpha, succeeds):
        study = self.grid(0.05, look_alpha, {"lower": lower})
        columns = [A, B, {**P, "means": "t"}]
        grid = unmarked(table_of(AGED, AGE | {"margin": {"lower": lower}}, columns=columns))
        p = raw(AGE | {"margin": {"lower": lower}}, AGED, "p_margin", means="t")
        assert (p <= 0.025 * look_alpha / 0.05) == succeeds
        (marked,) = testing.mark_nominal(
            study.definition.testing, [grid], "first",
            testing.alphas_of_margins(study.definition),
        )  # fmt: skip
        nominal_values = {statistic.name: statistic.nominal
                 for statistic in cell(marked, "row", "p").statistics}  # fmt: skip
        assert (nominal_values["p"], nominal_values["p_margin"], nominal_values["conclusion"]) == (
            True,
            False,
            not succeeds,
        )
        (nominal,) = testing.mark_nominal(study.definition.testing, [grid], "")
        assert all(statistic.nominal for statistic in cell(nominal, "row", "p").statistics
                   if statistic.name in ("p", "p_margin", "conclusion"))  # fmt: skip


class TestRefusals:
    @pytest.mark.parametrize(
        ("row", "options", "detail"),
        [
            ({"count": MEN, "margin": {"lower": -1}}, {}, "no column compares two by a diff"),
            ({"count": MEN, "margin": {"lower": -1}}, {"counts": "wald", "contrast": "odds-ratio"},
             "must be above 0: column p shows a ratio"),
            ({"count": MEN, "margin": {"lower": -1, "alpha": 0.05}}, {"counts": "mee"},
             "an interval of level 0.90"),
            ({"count": MEN, "margin": {"lower": -1}},
             {"counts": "mee", "interval": {"level": 0.975, "limits": "upper"}}, "limits on"),
            ({"count": MEN, "margin": {}}, {"counts": "mee"}, "takes `lower`, `upper` or both"),
            ({"count": MEN, "margin": {"lower": 2, "upper": 1}}, {"counts": "mee"}, "below"),
            ({"count": MEN, "margin": {"lower": 2, "alpha": 0.5}}, {"counts": "mee"}, "0.25"),
            ({**AGE, "margin": {"lower": 2}}, {}, "no column compares two"),
            ({"levels": {"characteristic": "sex"}, "margin": {"lower": 2}}, {"counts": "mee"},
             "margin"),
            ({"stratified": {"count": MEN, "strata": ["region"]}, "margin": {"lower": 2}}, {},
             "no column compares two"),
        ],
    )  # fmt: skip
    def test_what_does_not_fit_is_refused(self, row, options, detail):
        with pytest.raises(Rejected) as refused:
            checking.check_definition(parallel([row], [A, B, {**P, **options}]))
        assert detail in str([(fault.pointer, fault.detail) for fault in refused.value.faults])

    def test_one_sided_limits_on_its_side_are_enough(self):
        options = {"counts": "mee", "interval": {"level": 0.975, "limits": "lower"}}
        texts = found({"count": MEN, "margin": {"lower": -3.6}}, ADCIBC, **options)
        assert list(texts) == ["difference", "ci_low", "p_margin", "conclusion"]
        assert texts["conclusion"] == "non-inferiority shown"


def test_available_and_told():
    for row, options in [
        ({"count": MEN, "margin": {"lower": -3.6}}, {"counts": "mee"}),
        ({"count": MEN, "margin": {"lower": -3.6}}, {"counts": "newcombe"}),
        (AGE | {"margin": {"upper": 30}}, {"means": "welch"}),
        (AGE | {"margin": {"upper": 30}}, {"means": "wilcoxon"}),
        ({"ancova": {"measure": "age"}, "margin": {"lower": -2}}, {}),
    ]:
        study = parallel([row], [A, B, {**P, **options}])
        ref = CellRef(table="t", row="row", column="p")
        entries = AGED if "count" not in row else ADCIBC
        assert (
            available_statistics(ref, study.definition.tables)
            == found(row, entries, **options).keys()
        )
        text = str([section.rows for section in methods(study.definition)])
        assert "shown if the interval of level 1 - 2 alpha lies there" in text
        assert report.tables(study, {})
