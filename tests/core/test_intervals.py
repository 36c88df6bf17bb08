"""Intervals of rows: by which method, at which level, and with which limits."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from builders import cell, contact, disposition, enrolment, report_of
from parallel import TOTAL, A, B, parallel, printed, randomised, raws, table_of
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.render.markdown import cell_text
from trial.render.page import cells as page_cells
from trial.statistics.inference import Confidence
from trial.statistics.pairs import paired_tango
from trial.statistics.proportions import PROPORTION_INTERVALS
from trial.statistics.survival import kaplan_meier
from trial.tables import checking
from trial.tables.grid import Column

METHODS = {
    "clopper-pearson": "beta",
    "wilson": "wilson",
    "wald": "normal",
    "jeffreys": "jeffreys",
    "agresti-coull": "agresti_coull",
}
COUNTS = [(36, 154), (1, 10), (81, 263), (3, 4), (500, 1000)]
ENDS = [(0, 1), (1, 1), (0, 20), (20, 20)]
WOMEN = {"characteristic": "sex", "levels": ["F"]}
COLUMN = Column("total", "Total", 7)
COUNT = {"count": WOMEN}
AGES = [40, 41, 42, 43, 44, 45, 46]
COLUMNS: list[dict[str, Any]] = [A, B, TOTAL, {"id": "p", "label": "P", "compare": ["b", "a"],
                                               "counts": "newcombe", "means": "welch"}]  # fmt: skip


def people(women: int, men: int, arm: str = "a") -> list[Entry]:
    sexes = "F" * women + "M" * men
    return [
        event
        for i, sex in enumerate(sexes)
        for event in (
            enrolment(subject=f"{arm}-{i}", age=40 + i, sex=sex),
            randomised(arm, f"{arm}-{i}"),
        )
    ]


def detail(row: dict[str, Any], **options: Any) -> tuple[str, str]:
    with pytest.raises(Rejected) as refused:
        checking.check_definition(parallel([row], **options))
    (fault,) = refused.value.faults
    return fault.pointer, fault.detail


def refused_when_loaded(rows: list[Any], columns: list[Any] = COLUMNS) -> str:
    with pytest.raises(Rejected) as refused:
        parallel(rows, columns)
    return refused.value.faults[0].detail


class TestProportions:
    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize(("x", "n"), COUNTS)
    @pytest.mark.parametrize("level", [Fraction(9, 10), Fraction(95, 100), Fraction(999, 1000)])
    def test_they_equal_statsmodels(self, method, x, n, level):
        _, interval = PROPORTION_INTERVALS[method]
        expected = proportion_confint(x, n, alpha=float(1 - level), method=METHODS[method])
        assert [float(limit) for limit in interval(x, n, level)] == pytest.approx(
            expected, abs=1e-12
        )

    @pytest.mark.parametrize(
        ("method", "low", "high"),
        [("clopper-pearson", "0.169", "0.309"), ("wilson", "0.174", "0.307"),
         ("jeffreys", "0.172", "0.305"), ("wald", "0.167", "0.301")],
    )  # fmt: skip
    def test_they_are_those_that_are_published_for_36_of_154(self, method, low, high):
        # PSIAIMS/CAMIS, R/ci_for_prop: active treatment of ADCIBC, to three decimals.
        limits = PROPORTION_INTERVALS[method][1](36, 154, Fraction(95, 100))
        assert [str(round(limit, 3)) for limit in limits] == [low, high]

    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize(("x", "n"), ENDS)
    def test_none_and_all_end_exactly_at_0_and_1(self, method, x, n):
        low, high = PROPORTION_INTERVALS[method][1](x, n, Fraction(95, 100))
        assert (low == 0) if x == 0 else (high == 1)
        assert 0 <= low <= high <= 1

    @pytest.mark.parametrize("method", METHODS)
    def test_of_nobody_there_is_none(self, method):
        assert PROPORTION_INTERVALS[method][1](0, 0, Fraction(95, 100)) is None

    def test_one_value_at_a_round_level_is_exact_to_the_last_digit(self):
        low, high = PROPORTION_INTERVALS["clopper-pearson"][1](1, 1, Fraction(9, 10))
        assert (low, high) == (Decimal("0.05"), 1)


class TestConfidence:
    def test_one_limit_has_the_whole_error_on_its_side(self):
        assert Confidence(Fraction(975, 1000), "lower").two_sided == Fraction(95, 100)
        assert Confidence(Fraction(9, 10)).two_sided == Fraction(9, 10)

    @pytest.mark.parametrize(
        ("confidence", "label", "words"),
        [(Confidence(), "95% CI", "95 %"), (Confidence(Fraction(9, 10)), "90% CI", "90 %"),
         (Confidence(Fraction(975, 1000), "lower"), "97.5% lower limit", "one-sided 97.5 %"),
         (Confidence(Fraction(99, 100), "upper"), "99% upper limit", "one-sided 99 %")],
    )  # fmt: skip
    def test_it_is_called_by_its_level_and_limit(self, confidence, label, words):
        assert (confidence.label, confidence.words) == (label, words)


class TestCounts:
    def shown(self, interval: Any, women: int = 3, men: int = 4) -> dict[str, str]:
        return printed(table_of(people(women, men), COUNT | {"interval": interval}), "row")

    def test_true_asks_for_the_exact_one_at_95(self):
        assert self.shown(interval=True) == self.shown({"method": "clopper-pearson", "level": 0.95})
        grid = table_of(people(3, 4), COUNT | {"interval": True})
        assert (cell(grid, "row").method, cell(grid, "row").interval) == (
            "Clopper-Pearson, 95 %",
            "95% CI",
        )

    @pytest.mark.parametrize("method", METHODS)
    def test_each_method_is_printed_and_named(self, method):
        row = COUNT | {"interval": {"method": method, "level": 0.9}}
        grid = table_of(people(3, 4), row)
        low, high = proportion_confint(3, 7, alpha=0.1, method=METHODS[method])
        expected = {"a": [100 * low, 100 * high]}
        limits = {"a": [float(raws(grid, "row", name)["a"]) for name in ("ci_low", "ci_high")]}
        assert limits["a"] == pytest.approx(expected["a"], abs=1e-9)
        assert cell(grid, "row").interval == "90% CI"
        assert cell(grid, "row").method.endswith(", 90 %")

    def test_one_limit_is_that_of_the_interval_with_half_the_error_on_each_side(self):
        both_limits = self.shown({"method": "wilson", "level": 0.95})
        lower = self.shown({"method": "wilson", "level": 0.975, "limits": "lower"})
        upper = self.shown({"method": "wilson", "level": 0.975, "limits": "upper"})
        assert (lower["ci_low"], upper["ci_high"]) == (
            both_limits["ci_low"],
            both_limits["ci_high"],
        )
        assert "ci_high" not in lower
        assert "ci_low" not in upper

    @pytest.mark.parametrize(("women", "men"), [(0, 3), (3, 0), (1, 0), (0, 1)])
    def test_none_all_and_one_have_theirs(self, women, men):
        texts = self.shown({"method": "agresti-coull"}, women, men)
        assert texts["ci_high" if women else "ci_low"] == ("100.0" if women else "0.0")

    def test_nobody_has_none(self):
        assert "ci_low" not in self.shown({"method": "wilson"}, 0, 0)

    def test_levels_have_them_too(self):
        row = {"levels": {"characteristic": "sex"}, "interval": {"method": "wilson"}}
        grid = table_of(people(3, 4), row)
        low, high = proportion_confint(3, 7, method="wilson")
        limits = [float(cell(grid, "row/F").get(name).raw) for name in ("ci_low", "ci_high")]
        assert limits == pytest.approx([100 * low, 100 * high])
        assert cell(grid, "row/F").method == "Wilson score, 95 %"

    def test_a_reader_sees_the_level(self):
        row = COUNT | {"interval": {"level": 0.9}}
        row_cell = cell(table_of(people(3, 4), row), "row")
        assert cell_text(row_cell, COLUMN) == "3 (43%) [90% CI 12.9, 77.5]"
        assert [line.label for line in page_cells.lines(row_cell, COLUMN)] == ["n (%)", "90% CI"]
        row = COUNT | {"interval": {"level": 0.95, "limits": "lower"}}
        row_cell = cell(table_of(people(3, 4), row), "row")
        assert cell_text(row_cell, COLUMN) == "3 (43%) [95% lower limit 12.9]"


class TestMeans:
    def shown(self, interval: Any, *names: str) -> dict[str, str]:
        row = {"summary": "age", "statistics": names or ["ci"], "interval": interval}
        grid = table_of(people(3, 4), row | {"decimals": 5})
        return {statistic.name: str(statistic.raw) for statistic in cell(grid, "row").statistics}

    @pytest.mark.parametrize("level", [0.9, 0.95, 0.999])
    def test_t_and_z_equal_scipy(self, level):
        mean, se = 43, stats.sem(AGES)
        for method, limits in (
            ("t", stats.t.interval(level, 6, mean, se)),
            ("z", stats.norm.interval(level, mean, se)),
        ):
            texts = self.shown({"method": method, "level": level})
            assert [float(texts[name]) for name in ("ci_low", "ci_high")] == pytest.approx(
                limits, abs=1e-11
            )

    def test_one_limit(self):
        texts = self.shown({"level": 0.95, "limits": "upper"})
        assert float(texts["ci_high"]) == pytest.approx(stats.t.ppf(0.95, 6) * stats.sem(AGES) + 43)
        assert "ci_low" not in texts

    def test_the_method_is_named_unless_it_is_as_usual(self):
        row = {"summary": "age", "statistics": ["ci"]}
        assert cell(table_of(people(3, 4), row), "row").method == ""
        row_cell = cell(table_of(people(3, 4), row | {"interval": {"method": "z"}}), "row")
        assert row_cell.method == "interval by the normal distribution, 95 %"


class TestDifferences:
    def shown(self, row: dict[str, Any], **interval: Any) -> dict[str, str]:
        columns = [
            column | ({"interval": interval} if interval and column["id"] == "p" else {})
            for column in COLUMNS
        ]
        entries = [*people(5, 2), *people(2, 6, "b")]
        return printed(table_of(entries, row, columns=columns), "row", "p")

    def test_they_have_a_level_and_limits(self):
        usual = self.shown({"count": WOMEN})
        assert self.shown({"count": WOMEN}, level=0.95) == usual
        lower = self.shown({"count": WOMEN}, level=0.975, limits="lower")
        assert lower == {name: text for name, text in usual.items() if name != "ci_high"}
        assert self.shown({"count": WOMEN}, level=0.9) != usual

    def test_a_difference_of_means_too(self):
        row = {"summary": "age", "statistics": ["mean"], "decimals": 3}
        first, second = range(40, 47), range(40, 48)
        expected = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.9)
        texts = self.shown(row, level=0.9)
        assert [float(texts[name]) for name in ("ci_low", "ci_high")] == pytest.approx(
            expected, abs=5e-5
        )


TIMES = {"older": {"label": "Older", "start": "enrolment", "events": [
    {"recorded": "visit.recorded"}], "censored": ["end-of-study"]}}  # fmt: skip


class TestOtherKinds:
    """Rows that have an interval whether they ask for it or not."""

    def table(self, row: dict[str, Any], columns: Any = COLUMNS, **options: Any) -> Any:
        followed = [
            event
            for i, study_day in enumerate([3, 5, 5, 8, 13, 13, 21])
            for event in (contact(study_day, f"b-{i}"), disposition(30, "completed", f"b-{i}"))
        ]
        entries = [*people(3, 4), *people(2, 5, "b"), *followed]
        return table_of(entries, row, columns=columns, **options)

    def limits(self, grid: Any, row: str, column: str) -> list[float | None]:
        limits_of = [raws(grid, row, name).get(column) for name in ("ci_low", "ci_high")]
        return [None if limit is None else float(limit) for limit in limits_of]

    def test_pairs(self):
        row = {"pairs": [WOMEN, {"measure": {"characteristic": "age"}, "at_least": 42}]}
        grid = self.table(row | {"interval": {"level": 0.9}})
        in_both, first, second, neither = (
            raws(grid, "row", name)["total"] for name in ("both", "first", "second", "neither")
        )
        expected = paired_tango(in_both, second, first, neither, Fraction(9, 10))
        limits_found = self.limits(grid, "row", "total")
        assert limits_found == pytest.approx([100 * float(limit) for limit in expected], abs=1e-9)
        assert cell(grid, "row").interval == "90% CI"
        assert cell(grid, "row").method == "exact McNemar; Tango score, 90 %"
        one_sided = self.table(row | {"interval": {"level": 0.95, "limits": "upper"}})
        assert self.limits(one_sided, "row", "total") == [None, limits_found[1]]
        assert self.table(row).rows == self.table(row | {"interval": {"level": "0.95"}}).rows

    def test_pairs_of_nobody_have_none(self):
        row = {"pairs": [WOMEN, WOMEN], "interval": {"level": 0.9}}
        assert "ci_low" not in printed(table_of([], row), "row")

    @pytest.mark.parametrize("scale", ["log-log", "log", "plain"])
    def test_survival_and_its_quartiles(self, scale):
        row = {"survival": {"time": "older", "at": [6]}}
        interval = {"method": scale, "level": 0.9}
        grid = self.table(row | {"interval": interval}, times=TIMES)
        curve = kaplan_meier({4: (1, 0), 6: (2, 0), 9: (1, 0), 14: (2, 0), 22: (1, 0)})
        low, high = curve.steps[1].interval(Fraction(9, 10), scale)
        assert self.limits(grid, "row/day-6", "b") == pytest.approx(
            [100 * float(low), 100 * float(high)], abs=1e-9
        )
        median = curve.quantile_interval(Fraction(1, 2), Fraction(9, 10), scale)
        assert self.limits(grid, "row/median", "b") == list(median)
        assert cell(grid, "row/median", "b").interval == "90% CI"
        assert cell(grid, "row/day-6", "b").method.endswith("transformed, 90 %")
        one_sided = self.table(row | {"interval": interval | {"level": "0.95", "limits": "lower"}},
                         times=TIMES)  # fmt: skip
        assert self.limits(one_sided, "row/median", "b") == [median[0], None]
        assert (
            printed(one_sided, "row/day-6", "b")["ci_low"]
            == printed(grid, "row/day-6", "b")["ci_low"]
        )
        assert "ci_high" not in printed(one_sided, "row/day-6", "b")

    def test_a_limit_that_is_not_reached_says_so(self):
        row = {"survival": {"time": "older"}, "interval": {"limits": "upper"}}
        grid = self.table(row, times=TIMES)
        assert printed(grid, "row/q3", "b") == {"days": "14", "ci_high": "not reached"}

    @pytest.mark.parametrize("level", [Fraction(8, 10), Fraction(99, 100)])
    def test_least_squares_means_and_their_difference(self, level):
        row = {"ancova": {"measure": "age"}}
        grid = self.table(row | {"interval": {"level": float(level)}})
        usual = self.table(row)
        t, t95 = (stats.t.ppf((1 + float(confidence)) / 2, 12) for confidence in (level, 0.95))
        for column, name in (("a", "lsmean"), ("b", "lsmean"), ("p", "difference")):
            middle = float(raws(usual, "row", name)[column])
            half = middle - self.limits(usual, "row", column)[0]
            assert self.limits(grid, "row", column) == pytest.approx(
                [middle - half * t / t95, middle + half * t / t95], abs=1e-9
            )
            assert cell(grid, "row", column).interval == f"{100 * float(level):.0f}% CI"
            assert cell(usual, "row", column).interval == "95% CI"

    def test_a_column_that_names_a_level_has_it_in_a_model_too(self):
        interval = {"level": 0.9, "limits": "lower"}
        columns = [*COLUMNS, COLUMNS[-1] | {"id": "q", "interval": interval}]
        grid = self.table({"ancova": {"measure": "age"}, "interval": {"level": 0.8}}, columns)
        assert cell(grid, "row", "p").interval == "80% CI"
        assert cell(grid, "row", "q").interval == "90% lower limit"
        low, _ = self.limits(grid, "row", "p")
        assert self.limits(grid, "row", "q") == [pytest.approx(low), None]
        assert cell(grid, "row", "q").method.endswith(", one-sided 90 %")

    @pytest.mark.parametrize(
        ("row", "words"),
        [({"pairs": [WOMEN, WOMEN]}, "of pairs is always Tango score"),
         ({"ancova": {"measure": "age"}}, "of least-squares means is always Student's t")],
    )  # fmt: skip
    def test_a_kind_of_one_method_takes_no_other(self, row, words):
        interval = {"interval": {"method": "wilson"}}
        assert detail(row | interval) == ("/tables/0/rows/0/interval/method", words)

    def test_a_scale_is_one_of_survival_alone(self):
        row = {"survival": {"time": "older"}, "interval": {"method": "t"}}
        pointer, words = detail(row, times=TIMES)
        assert pointer == "/tables/0/rows/0/interval/method"
        assert words.startswith("a row of survival takes one of log-log, log, plain")

    def test_a_figure_draws_the_limits_of_its_row(self):
        source = {"table": "t", "row": "row", "columns": ["b"]}
        figure = {"id": "f", "title": "F", "population": "P", "kind": "survival",
                  "x_label": "X", "y_label": "Y", "source": source}  # fmt: skip
        row = {"survival": {"time": "older", "at": [6]}, "interval": {
            "method": "plain", "level": 0.95, "limits": "lower"}}  # fmt: skip
        study = parallel([row], COLUMNS, times=TIMES, figures=[figure])
        contacts = [contact(study_day, f"b-{i}") for i, study_day in enumerate([3, 5, 8])]
        entries = [*people(1, 2, "b"), *contacts]
        (plotted,) = report_of(study, entries).figures
        assert plotted.method == "Kaplan-Meier; Greenwood variance, not transformed, 90 %"
        mark = next(mark for mark in plotted.series[0].marks if mark.x == "6")
        low, high = (
            kaplan_meier({4: (1, 0), 6: (1, 0), 9: (1, 0)})
            .steps[1]
            .interval(Fraction(9, 10), "plain")
        )
        assert float(mark.low) == pytest.approx(100 * float(low))
        assert float(mark.high) == pytest.approx(100 * float(high))


class TestRefusals:
    def test_a_method_of_means_is_none_of_counts(self):
        row = {"count": "enrolled", "interval": {"method": "t"}}
        assert detail(row) == (
            "/tables/0/rows/0/interval/method",
            "a row of count takes one of clopper-pearson, wilson, wald, jeffreys, agresti-coull: t",
        )

    def test_a_method_of_counts_is_none_of_means(self):
        row = {"summary": "age", "statistics": ["ci"], "interval": {"method": "wilson"}}
        assert detail(row)[1] == "a row of summary takes one of t, z: wilson"

    def test_a_summary_without_an_interval_takes_none(self):
        row = {"summary": "age", "statistics": ["mean"], "interval": {"level": 0.9}}
        pointer, words = detail(row)
        assert pointer == "/tables/0/rows/0/interval"
        assert words.startswith("is of no statistic here: add one of ci, median_ci")

    @pytest.mark.parametrize("level", [0.4, 1, 95])
    def test_a_level_is_a_share_of_1(self, level):
        row = {"count": "enrolled", "interval": {"level": level}}
        with pytest.raises(Rejected) as refused:
            parallel([row])
        assert refused.value.faults[0].pointer == "/tables/0/rows/0/interval/level"

    def test_one_limit_alone_is_surer_than_one_half(self):
        row = {"count": "enrolled", "interval": {"level": 0.5, "limits": "lower"}}
        assert refused_when_loaded([row]) == "one limit alone takes a level above 0.5"

    def test_a_column_of_tests_has_no_interval(self):
        columns = [A, B, {"id": "p", "label": "P", "compare": ["a", "b"], "interval": {}}]
        assert refused_when_loaded([COUNT], columns).startswith("`interval` is of a difference or")

    def test_a_difference_is_named_by_its_column(self):
        columns = [*COLUMNS[:3], COLUMNS[3] | {"interval": {"method": "wilson"}}]
        assert "takes no method" in refused_when_loaded([COUNT], columns)
