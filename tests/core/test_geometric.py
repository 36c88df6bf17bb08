"""Geometric statistics, percentiles and the interval of the median, against scipy and by hand."""

from collections import Counter
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import pytest
from builders import cell, contact, dose, enrolment
from hypothesis import given, settings
from hypothesis import strategies as st
from parallel import parallel, printed, randomised, table_of
from scipy import stats
from test_summaries import aged

from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.render.markdown import cell_text
from trial.render.page import cells as page_cells
from trial.render.workbook import tables as workbook_tables
from trial.statistics.geometric import GeometricStatistics, coefficient_of_variation
from trial.statistics.tallies import OrderedValues
from trial.tables import checking
from trial.tables.grid import Column
from trial.tables.rounding import nearest_tie

POSITIVE = st.lists(st.integers(1, 10**6), min_size=2, max_size=40)
LEVEL = Fraction(95, 100)
AGES = [31, 44, 45, 52, 58, 60, 71]
NAMES = ("geometric_mean", "geometric_mean_ci", "geometric_sd", "geometric_cv")


def tallied(units: list[int]) -> OrderedValues:
    return OrderedValues(Counter(units))


def described(ages: list[int], *names: str, **row: object) -> dict[str, str]:
    grid = table_of(aged(ages), {"summary": "age", "statistics": list(names)} | row)
    return printed(grid, "row")


class TestGeometric:
    @settings(max_examples=60, deadline=None)
    @given(POSITIVE, st.integers(0, 4))
    def test_it_equals_scipy(self, units, places):
        result = GeometricStatistics(tallied(units), places)
        values = np.array(units) / 10**places
        assert float(result.mean) == pytest.approx(stats.gmean(values), rel=1e-12)
        if len(set(units)) > 1:
            assert float(result.sd) == pytest.approx(stats.gstd(values), rel=1e-9)
            spread = np.log(values).var(ddof=1)
            assert float(result.cv) == pytest.approx(100 * np.sqrt(np.expm1(spread)), rel=1e-9)
            logs = np.log(values)
            for normal, limits in (
                (False, stats.t.interval(0.95, len(units) - 1, logs.mean(), stats.sem(logs))),
                (True, stats.norm.interval(0.95, logs.mean(), stats.sem(logs))),
            ):
                interval = [float(limit) for limit in result.interval(LEVEL, normal=normal)]
                assert interval == pytest.approx(np.exp(limits), rel=1e-9)

    @pytest.mark.parametrize(
        ("units", "places", "mean"),
        [([2, 8], 0, "4"), ([100, 225], 2, "1.5"), ([3, 3, 3], 1, "0.3"), ([1, 10, 100], 0, "10"),
         ([7], 0, "7")],
    )  # fmt: skip
    def test_a_mean_with_a_last_decimal_is_exact(self, units, places, mean):
        assert Fraction(GeometricStatistics(tallied(units), places).mean) == Fraction(mean)

    def test_values_alike_have_no_spread_and_their_interval_is_the_mean(self):
        result = GeometricStatistics(tallied([25, 25]), 1)
        assert (result.sd, result.cv) == (1, 0)
        assert result.interval(LEVEL) == (Fraction(5, 2), Fraction(5, 2))

    @pytest.mark.parametrize("units", [[], [0], [0, 1], [-1, 5]])
    def test_without_values_or_where_one_has_no_logarithm_there_is_nothing(self, units):
        result = GeometricStatistics(tallied(units), 0, Fraction(1, 10**12))
        assert result.mean is result.sd is result.cv is result.interval(LEVEL) is None
        assert result.mean_error == result.sd_error == result.cv_error == 0

    def test_one_value_has_a_mean_and_no_spread(self):
        result = GeometricStatistics(tallied([5]), 0)
        assert (result.mean, result.sd, result.cv, result.interval(LEVEL)) == (5, None, None, None)

    @settings(max_examples=60, deadline=None)
    @given(POSITIVE, st.randoms(use_true_random=False))
    def test_values_that_were_rounded_move_it_by_no_more_than_the_bound(self, units, rng):
        error = Fraction(1, 1000)
        shifted = [max(1, 1000 * unit + rng.choice([-1, 0, 1])) for unit in units]
        rounded = GeometricStatistics(tallied(units), 0, error)
        exact = GeometricStatistics(tallied(shifted), 3)
        for name in ("mean", "sd", "cv"):
            distance = abs(Fraction(getattr(rounded, name)) - Fraction(getattr(exact, name)))
            assert distance <= getattr(rounded, f"{name}_error"), name
        for limit, exact_limit in zip(rounded.interval(LEVEL), exact.interval(LEVEL), strict=True):
            assert abs(Fraction(limit) - Fraction(exact_limit)) <= rounded.interval_error(LEVEL)

    def test_the_order_in_which_values_came_shows_in_no_digit(self):
        units = list(range(1, 400, 7))
        first, second = (Counter(sequence) for sequence in (units, reversed(units)))
        results = [GeometricStatistics(OrderedValues(counts), 1) for counts in (first, second)]
        assert results[0].interval(LEVEL) == results[1].interval(LEVEL)
        assert (results[0].mean, results[0].cv) == (results[1].mean, results[1].cv)


class TestMedianInterval:
    @pytest.mark.parametrize("n", [*range(1, 31), 100, 501])
    @pytest.mark.parametrize("level", [Fraction(9, 10), LEVEL, Fraction(99, 100)])
    def test_ranks_are_those_of_the_binomial_distribution(self, n, level):
        result = tallied(list(range(1, n + 1))).median_interval(level)
        tail = float((1 - level) / 2)
        ranks = [r for r in range(1, n + 1) if stats.binom.cdf(r - 1, n, 0.5) <= tail]
        expected = (max(ranks), n + 1 - max(ranks)) if ranks else None
        assert result == expected
        if result:
            low, high = result
            covered = stats.binom.cdf(high - 1, n, 0.5) - stats.binom.cdf(low - 1, n, 0.5)
            assert covered >= float(level)

    def test_a_tail_of_exactly_half_the_error_is_covered(self):
        assert tallied([1, 2, 3]).median_interval(Fraction(3, 4)) == (1, 3)
        assert tallied([1, 2, 3]).median_interval(Fraction(76, 100)) is None

    def test_ties_and_many_values(self):
        assert tallied([4] * 9).median_interval() == (4, 4)
        assert OrderedValues({1: 30_000, 2: 30_000}).median_interval() == (1, 2)


class TestPercentiles:
    @pytest.mark.parametrize("percent", [1, 5, 10, 90, 95, 99])
    @pytest.mark.parametrize("n", [1, 2, 19, 20, 21, 100])
    def test_they_are_those_of_numpys_averaged_inverse(self, percent, n):
        values = [3 * i % 101 for i in range(n)]
        result = tallied(values).quantile(Fraction(percent, 100))
        expected = np.percentile(values, percent, method="averaged_inverted_cdf")
        assert float(result) == pytest.approx(expected)

    def test_the_example_of_sas(self):
        # PSIAIMS/CAMIS, Comp/r-sas-summary-stats: 25 % and 40 % by SAS's default.
        values = tallied([10, 20, 30, 40, 150, 160, 170, 180, 190, 200])
        assert (values.quantile(Fraction(1, 4)), values.quantile(Fraction(2, 5))) == (30, 95)


class TestVariation:
    def test_it_is_100_sd_over_the_mean_with_its_sign(self):
        assert coefficient_of_variation(Fraction(4), Fraction(1)) == 25
        assert coefficient_of_variation(Fraction(-4), Fraction(1)) == -25

    def test_around_0_and_of_one_value_there_is_none(self):
        assert coefficient_of_variation(Fraction(0), Fraction(1)) is None
        assert coefficient_of_variation(Fraction(4), None) is None
        assert coefficient_of_variation(None, None) is None


class TestTies:
    def test_exact_values_stay_as_they_are(self):
        assert nearest_tie(Fraction(1, 3), 1, Fraction(0)) == Fraction(1, 3)

    def test_what_cannot_be_told_from_a_tie_is_the_tie(self):
        error = Fraction(1, 10**9)
        assert nearest_tie(Fraction(25, 100) - error / 2, 1, error) == Fraction(1, 4)
        assert nearest_tie(Fraction(25, 100) - 2 * error, 1, error) == Fraction(1, 4) - 2 * error

    def test_where_the_error_leaves_the_digits_open_there_is_none(self):
        assert nearest_tie(Fraction(25, 100), 1, Fraction(1, 500)) is None


class TestInARow:
    def test_they_stand_in_the_order_named(self):
        names = ["geometric_cv", "p95", "median_ci", "sum", "cv", "iqr", "range"]
        texts = described(AGES, *names)
        assert texts == {
            "n": "7", "geometric_cv": "27.4", "p95": "71.0", "median_ci_low": "31.0",
            "median_ci_high": "71.0", "sum": "361", "cv": "25.2", "iqr": "16.0", "range": "40",
        }  # fmt: skip
        spread = np.log(AGES).var(ddof=1)
        assert float(texts["geometric_cv"]) == pytest.approx(
            100 * np.sqrt(np.expm1(spread)), abs=0.05
        )
        assert float(texts["cv"]) == pytest.approx(100 * stats.variation(AGES, ddof=1), abs=0.05)

    def test_decimals_of_the_data_leave_those_that_are_in_another_unit(self):
        texts = described(AGES, "cv", "geometric_sd", "geometric_mean", "sum", decimals=3)
        places = {name: len(text.partition(".")[2]) for name, text in texts.items()}
        assert places == {"n": 0, "cv": 1, "geometric_sd": 2, "geometric_mean": 4, "sum": 3}
        own_decimals = described(AGES, "cv", decimals={"cv": 4})
        assert own_decimals["cv"] == f"{100 * stats.variation(AGES, ddof=1):.4f}"

    def test_the_geometric_interval_takes_the_level_of_the_row(self):
        row = {"summary": "age", "statistics": ["geometric_mean_ci"], "interval": {"level": 0.9}}
        grid = table_of(aged(AGES), row)
        logs = np.log(AGES)
        expected = np.exp(stats.t.interval(0.9, 6, logs.mean(), stats.sem(logs)))
        names = ("geometric_mean_ci_low", "geometric_mean_ci_high")
        limits = [float(cell(grid, "row").get(name).raw) for name in names]
        assert limits == pytest.approx(expected)

    @pytest.mark.parametrize("ages", [[], [40]])
    def test_nobody_and_one_have_none(self, ages):
        texts = described(ages, *NAMES, "median_ci", "cv", "sum")
        absent = "" if ages else "not reported"
        assert texts["geometric_cv"] == texts["geometric_sd"] == texts["cv"] == absent
        assert (texts["sum"], texts["geometric_mean"]) == (
            ("40", "40.0") if ages else (absent, absent)
        )
        assert not {"median_ci_low", "geometric_mean_ci_low"} & texts.keys()

    def test_a_value_without_a_logarithm_is_told(self):
        change = {"parameter": "cd4", "at": "week-5", "change_from": "baseline"}
        row = {"summary": change, "statistics": ["geometric_mean", "mean"]}
        grid = table_of(aged(AGES), row | {"label": "Change"})
        assert not any("geometric" in note for note in grid.footnotes)
        row = {"summary": {"records": "dose.administered"}, "statistics": ["geometric_mean"]}
        grid = table_of(aged(AGES), row | {"label": "Doses"})
        (note,) = (note for note in grid.footnotes if "geometric" in note)
        assert "no geometric statistics where a value is 0 or less" in note
        assert cell(grid, "row").get("geometric_mean").raw is None

    def test_they_need_every_value(self):
        for name in ("p5", "geometric_mean_ci", "median_ci", "range"):
            study = parallel([{"summary": "age", "statistics": [name]}])
            checking.check_definition(study)
            (row,) = study.definition.tables[0].rows
            assert row.tallied("total")
        (row,) = (
            parallel([{"summary": "age", "statistics": ["sum", "cv"]}]).definition.tables[0].rows
        )
        assert not row.tallied("total")


class TestSums:
    DAYS: ClassVar[dict[str, Any]] = {
        "summary": {"days": {"start": "first-dose", "end": "last-contact"}},
        "statistics": ["sum"],
    }

    @staticmethod
    def people(*lengths: int) -> list[Entry]:
        return [
            event
            for i, length in enumerate(lengths)
            for name in [f"a-{i}"]
            for event in (
                enrolment(subject=name),
                randomised("a", name),
                dose(7, subject=name),
                contact(6 + length, name),
            )
        ]

    def test_person_days_and_person_years(self):
        entries = self.people(365, 1, 100)
        assert printed(table_of(entries, self.DAYS), "row") == {"n": "3", "sum": "466"}
        grid = table_of(entries, self.DAYS | {"per": 365.25})
        assert printed(grid, "row") == {"n": "3", "sum": "1.3"}
        assert Fraction(cell(grid, "row").get("sum").raw) == pytest.approx(466 / 365.25)
        assert cell(grid, "row").method == "sum divided by 365.25"

    def test_a_quotient_is_rounded_once_half_up(self):
        grid = table_of(self.people(1, 2), self.DAYS | {"per": 4, "decimals": {"sum": 1}})
        assert printed(grid, "row") == {"n": "2", "sum": "0.8"}  # 0.75

    def test_nobody_has_none(self):
        grid = table_of([], self.DAYS | {"per": 365.25})
        assert printed(grid, "row")["sum"] == "not reported"

    def test_it_divides_nothing_but_a_sum(self):
        with pytest.raises(Rejected) as refused:
            checking.check_definition(
                parallel([self.DAYS | {"statistics": ["mean"], "per": 365.25}])
            )
        (fault,) = refused.value.faults
        assert (fault.pointer, fault.detail) == (
            "/tables/0/rows/0/per",
            "divides a sum: add `sum` to `statistics`",
        )


class TestReaders:
    ROW: ClassVar[dict[str, Any]] = {
        "summary": "age",
        "statistics": ["median", "median_ci", "geometric_mean", "geometric_mean_ci", "cv"],
        "interval": {"level": 0.9},
    }

    def test_the_page_names_what_each_interval_is_of(self):
        row_cell = cell(table_of(aged(AGES), self.ROW), "row")
        lines = {
            line.label: line.text for line in page_cells.lines(row_cell, Column("total", "T", 7))
        }
        assert lines["Median"] == "52.0"
        assert lines["90% CI of the median"] == "31.0 to 71.0"
        assert lines["90% CI of the geometric mean"].count(" to ") == 1
        assert lines["CV %"] == "25.2"

    def test_the_workbook_has_them_beside_what_they_are_of(self):
        _, body = workbook_tables.lay_out(table_of(aged(AGES), self.ROW))
        texts_ = [[str(value.value) for value in line] for line in body]
        (median,) = [line for line in texts_ if "Median" in line]
        assert "31.0, 71.0" in median

    def test_the_summary_in_words_has_them_in_brackets(self):
        row_cell = cell(table_of(aged(AGES), self.ROW), "row")
        text = cell_text(row_cell, Column("total", "T", 7))
        assert "median [90% CI 31.0, 71.0]" in text
        assert "CV % 25.2" in text
