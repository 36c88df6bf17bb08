"""Columns that compare others: which test, of which counts, and nothing where none can be made."""

import math
from fractions import Fraction
from itertools import product
from typing import Any, ClassVar

import pytest
from builders import adverse_event, cell, coding, dose, enrolment
from parallel import TOTAL, A, B, parallel, printed, randomised, table_of
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep

from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.render import markdown
from trial.reporting import report
from trial.reporting.methods import methods
from trial.statistics import association
from trial.statistics.proportions import miettinen_nurminen
from trial.subject.fold import fold_all
from trial.tables import checking
from trial.tables.grid import Cell, Column, Grid

P: dict[str, Any] = {"id": "p", "label": "P", "compare": ["a", "b"]}


def people(arms: str, sexes: str) -> list[Entry]:
    """Enrol one subject a letter, in the arm and of the sex that the letters name; `?` is none."""
    entries = []
    for i, (arm, sex) in enumerate(zip(arms, sexes, strict=True)):
        sex_given = {} if sex == "?" else {"sex": sex}
        entries += [enrolment(subject=f"S-{i}", **sex_given), randomised(arm, f"S-{i}")]
    return entries


def aged(**ages: list[int]) -> list[Entry]:
    """Enrol subjects of these ages in these arms."""
    return [
        event
        for arm, values in ages.items()
        for i, age in enumerate(values)
        for event in (enrolment(subject=f"{arm}-{i}", age=age), randomised(arm, f"{arm}-{i}"))
    ]


def close(result: Cell, name: str, expected: float) -> bool:
    statistic = result.get(name)
    assert statistic is not None
    return float(Fraction(str(statistic.raw))) == pytest.approx(expected, rel=1e-9)


MEN = {"count": {"characteristic": "sex", "levels": ["M"]}}
SEX = {"levels": {"characteristic": "sex"}}
PEOPLE = people("aaaaaaaabbbbbbbb", "MMMMMMMFMMFFFFFF")  # 7 of 8 and 2 of 8


def compared(entries: list[Entry], row: Any, **options: Any) -> Cell:
    return cell(table_of(entries, row, columns=[A, B, {**P, **options}]), "row", "p")


class TestCounts:
    def test_fisher_is_what_stands_there_unless_another_is_named(self):
        result = compared(PEOPLE, MEN)
        assert close(result, "p", stats.fisher_exact([[7, 1], [2, 6]]).pvalue)
        assert "Fisher" in result.method
        assert [statistic.name for statistic in result.statistics] == ["p"]

    def test_pearson(self):
        result = compared(PEOPLE, MEN, counts="pearson")
        assert close(result, "p", stats.chi2_contingency([[7, 1], [2, 6]], correction=False).pvalue)
        assert result.method == "Pearson chi-square"

    def test_the_rest_of_a_count_is_who_of_the_set_is_not_counted(self):
        unknown = people("aab", "M?F")
        assert compared(unknown, MEN) == compared(people("aab", "MFF"), MEN)

    @pytest.mark.parametrize(
        ("method_name", "method"),
        [("newcombe", "Newcombe hybrid score, 95 %"),
         ("miettinen-nurminen", "Miettinen-Nurminen score, 95 %")],
    )  # fmt: skip
    def test_a_difference_is_from_the_reference_which_is_named_first(self, method_name, method):
        forth, back = (
            compared(PEOPLE, MEN, counts=method_name, compare=order)
            for order in (["b", "a"], ["a", "b"])
        )
        assert forth.method == method
        gain, low, high = (statistic.text for statistic in forth.statistics)
        assert gain == "62.5"
        assert [statistic.text for statistic in back.statistics] == ["-62.5", f"-{high}", f"-{low}"]
        assert float(low) < 62.5 < float(high)

    def test_newcombe_joins_the_intervals_of_wilson(self):
        first, two = (stats.binomtest(x, 8).proportion_ci(method="wilson") for x in (7, 2))
        gain = 7 / 8 - 2 / 8
        low = gain - ((7 / 8 - first.low) ** 2 + (two.high - 2 / 8) ** 2) ** 0.5
        result = compared(PEOPLE, MEN, counts="newcombe", compare=["b", "a"])
        assert close(result, "ci_low", 100 * low)

    def test_levels_are_compared_in_their_heading_over_all_levels_but_the_unknown(self):
        entries = [*PEOPLE, enrolment(subject="S-X"), randomised("a", "S-X")]
        grid = table_of(entries, SEX, columns=[A, B, P])
        assert close(cell(grid, "row", "p"), "p", stats.fisher_exact([[7, 1], [2, 6]]).pvalue)
        assert [row_cell.column for row_cell in row_of(grid, "row/M").cells] == ["a", "b"]
        assert printed(grid, "row/", "a")["n"] == "1"

    def test_three_columns_are_compared_at_once(self):
        columns = [A, B, TOTAL, {**P, "compare": ["a", "b", "total"], "counts": "pearson"}]
        grid = table_of(PEOPLE, MEN, columns=columns)
        assert close(
            cell(grid, "row", "p"), "p", stats.chi2_contingency([[7, 1], [2, 6], [9, 7]]).pvalue
        )

    def test_events_compare_subjects_not_events(self):
        entries = people("aabb", "MMMM")
        entries += [adverse_event(subject="S-0", record=f"AE-{i}") for i in range(5)]
        entries += [coding(subject="S-0", adverse_event=f"AE-{i}") for i in range(5)]
        columns = [A, B, P]
        grid = table_of(
            entries, {"id": "any", "events": {}}, {"id": "terms", "terms": {"filter": {}}},
            columns=columns,
        )  # fmt: skip
        expected = stats.fisher_exact([[1, 1], [0, 2]]).pvalue
        for row in ("any", "terms/Nervous system disorders/Headache"):
            assert close(cell(grid, row, "p"), "p", expected), row

    def test_a_row_that_not_all_of_the_columns_have_is_not_compared(self):
        grid = table_of(PEOPLE, {"count": {"a": MEN["count"]}}, columns=[A, B, P])
        assert [row_cell.column for row_cell in row_of(grid, "row").cells] == ["a"]


def row_of(grid: Grid, name: str) -> Any:
    (grid_row,) = (row for row in grid.rows if row.id == name)
    return grid_row


class TestMeans:
    AGES: ClassVar[dict[str, list[int]]] = {"a": [20, 30, 40, 55], "b": [50, 60, 72]}
    AGE: ClassVar[dict[str, Any]] = {"summary": "age", "statistics": ["mean"]}

    def test_anova_is_what_stands_there_unless_another_is_named(self):
        result = compared(aged(**self.AGES), self.AGE)
        assert close(result, "p", stats.f_oneway(*self.AGES.values()).pvalue)
        assert result.method == "one-way analysis of variance"

    @pytest.mark.parametrize(("means", "equal"), [("t", True), ("welch", False)])
    def test_t_tests_give_the_difference_from_the_reference(self, means, equal):
        result = compared(aged(**self.AGES), self.AGE, means=means)
        expected = stats.ttest_ind(self.AGES["b"], self.AGES["a"], equal_var=equal)
        low, high = expected.confidence_interval()
        assert close(result, "p", expected.pvalue)
        assert close(result, "ci_low", low)
        assert close(result, "ci_high", high)
        assert close(result, "difference", 182 / 3 - 145 / 4)
        assert result.get("difference").text == "24.4"  # one decimal more than the data, as a mean

    def test_a_difference_has_the_decimals_of_the_mean(self):
        row = self.AGE | {"decimals": {"mean": 3}}
        assert compared(aged(**self.AGES), row, means="t").get("difference").text == "24.417"

    @pytest.mark.parametrize("means", ["anova", "t", "welch"])
    @pytest.mark.parametrize(
        "ages",
        [{"a": [], "b": []}, {"a": [1, 2], "b": []}, {"a": [1], "b": [2]}],
        ids=str,
    )
    def test_without_a_group_or_its_spread_nothing_stands_there(self, ages, means):
        result = compared(aged(**ages), self.AGE, means=means)
        assert (result.statistics, result.method) == ((), "")

    def test_analysis_of_variance_is_of_all_groups_or_of_none(self):
        arms = [{"id": name, "label": name} for name in "abc"]
        heads = [{**arm, "set": "randomised"} | {"arm": arm["id"]} for arm in arms]
        columns = [*heads, {**P, "compare": ["a", "b", "c"]}]
        ages = {"a": [20, 30], "b": [50, 60]}
        for third_arm, expected in (({}, ()), ({"c": [40, 41]}, ("p",))):
            grid = table_of(aged(**ages, **third_arm), self.AGE, columns=columns, arms=arms)
            assert (
                tuple(statistic.name for statistic in cell(grid, "row", "p").statistics) == expected
            )

    def test_where_nothing_varies_there_is_no_p(self):
        alike = aged(a=[5, 5], b=[5])
        assert compared(alike, self.AGE).statistics == ()
        result = compared(alike, self.AGE, means="t")
        assert [statistic.text for statistic in result.statistics] == ["0.0", "0.0", "0.0", ""]


RACES_OF = ("WHITE", "ASIAN", "OTHER")


def freeman_halton(first: list[int], second: list[int]) -> float:
    """Add up what is no likelier than a table of two rows, over all with its margins."""
    sizes, n = [sum(pair) for pair in zip(first, second, strict=True)], sum(first)

    def chance(counts: tuple[int, ...]) -> float:
        ways = math.prod(math.comb(size, k) for size, k in zip(sizes, counts, strict=True))
        return ways / math.comb(sum(sizes), n)

    possible = [k for k in product(*(range(size + 1) for size in sizes)) if sum(k) == n]
    limit = chance(tuple(first)) * (1 + 1e-12)
    return sum(chance(k) for k in possible if chance(k) <= limit)


class TestLevelsBySeveral:
    """Differences of three levels and more: each level has its own, and none stands for all."""

    RACE: ClassVar[Any] = {"levels": {"characteristic": "race", "values": [
        {"value": name, "label": name.title()} for name in RACES_OF]}}  # fmt: skip
    COUNTS: ClassVar[Any] = {"a": [5, 2, 1], "b": [3, 0, 7]}

    def table(self, row: Any, **options: Any) -> Grid:
        entries = []
        for arm, sizes in self.COUNTS.items():
            races = [name for name, n in zip(RACES_OF, sizes, strict=True) for _ in range(n)]
            for i, race in enumerate(races):
                entries += [
                    enrolment(subject=f"{arm}-{i}", race=race),
                    randomised(arm, f"{arm}-{i}"),
                ]
        return table_of(entries, row, columns=[A, B, {**P, "compare": ["b", "a"], **options}])

    @pytest.mark.parametrize("counts", ["newcombe", "miettinen-nurminen"])
    def test_each_has_the_difference_of_its_percentages(self, counts):
        grid = self.table(self.RACE, counts=counts)
        assert (grid.rows[0].id, grid.rows[0].cells) == ("row", ())
        for place, name in enumerate(RACES_OF):
            n, other_n = (self.COUNTS[arm][place] for arm in "ab")
            result = cell(grid, f"row/{name}", "p")
            assert close(result, "difference", 100 * (n / 8 - other_n / 10))
            if counts == "newcombe":
                limits = confint_proportions_2indep(n, 8, other_n, 10, method="newcomb")
            else:
                limits = [float(limit) for limit in miettinen_nurminen(n, 8, other_n, 10)]
            for limit, expected in zip(("ci_low", "ci_high"), limits, strict=True):
                raw = float(Fraction(str(result.get(limit).raw)))
                assert raw == pytest.approx(100 * expected, abs=1e-9)

    @pytest.mark.parametrize("counts", ["fisher", "pearson"])
    def test_a_test_is_of_all_together(self, counts):
        grid = self.table(self.RACE, counts=counts)
        assert [
            row.id for row in grid.rows for row_cell in row.cells if row_cell.column == "p"
        ] == ["row"]
        table = list(self.COUNTS.values())
        p = float(cell(grid, "row", "p").get("p").raw)
        if counts == "pearson":
            expected = stats.chi2_contingency(table, correction=False).pvalue
            assert p == pytest.approx(expected, rel=1e-9)
        else:
            assert p == pytest.approx(freeman_halton(*table), rel=1e-9)

    def test_of_two_it_is_that_of_the_first_which_tells_both(self):
        two = {"levels": {"characteristic": "race", "values": self.RACE["levels"]["values"][:2]}}
        entries = people("aabb", "MFMM")
        grid = table_of(entries, SEX | {"levels": {"characteristic": "sex", "values": [
            {"value": "M", "label": "Men"}, {"value": "F", "label": "Women"}]}},
            columns=[A, B, {**P, "counts": "newcombe"}])  # fmt: skip
        assert [
            row.id for row in grid.rows for row_cell in row.cells if row_cell.column == "p"
        ] == ["row"]
        assert cell(grid, "row", "p").get("difference").text == "50.0"
        third = self.table(two, counts="newcombe")
        compared_rows = {
            row.id for row in third.rows for row_cell in row.cells if row_cell.column == "p"
        }
        assert compared_rows == {"row/WHITE", "row/ASIAN", "row/OTHER"}

    def test_of_levels_that_nobody_named_each_has_its_own(self):
        grid = table_of(PEOPLE, SEX, columns=[A, B, {**P, "counts": "newcombe"}])
        assert {
            row.id for row in grid.rows for row_cell in row.cells if row_cell.column == "p"
        } == {"row/M", "row/F"}
        first, second = (cell(grid, f"row/{name}", "p").get("difference").raw for name in "MF")
        assert float(first) == -float(second) == pytest.approx(100 * (2 - 7) / 8)

    def test_the_worst_of_events_is_of_all_of_the_column(self):
        grades = {"field": "grade", "levels": [
            {"value": str(i), "label": str(i)} for i in (1, 2, 3)]}  # fmt: skip
        entries = people("aaaabbbb", "MMMMMMMM")
        entries += [adverse_event(9, f"AE-{i}", f"S-{i}", grade=1 + i % 3) for i in range(5)]
        row = {"worst": {"filter": {}, **grades}}
        grid = table_of(entries, row, columns=[A, B, {**P, "counts": "newcombe"}])
        result = cell(grid, "row/1", "p")  # 2 of 4 against none, whoever had no event
        assert result.get("difference").text == "-50.0"
        assert not [row_cell for row_cell in grid.rows[0].cells if row_cell.column == "p"]

    def test_levels_of_records_are_compared_each_by_itself_as_a_subject_can_be_at_several(self):
        entries = people("aaaabbbb", "MMMMMMMM")
        for name, unit in ((0, "mg"), (0, "g"), (1, "mg"), (4, "g"), (5, "g"), (6, "g")):
            entries.append(dose(7, subject=f"S-{name}", record=unit, unit=unit, amount=1))
        row = {"levels": {"recorded": "dose.administered", "field": "unit"}}
        columns = [A, B, {**P, "counts": "newcombe"}, P | {"id": "f"}]
        grid = table_of(entries, row, columns=columns)
        assert {
            row.id for row in grid.rows for row_cell in row.cells if row_cell.column in "pf"
        } == {"row/mg", "row/g"}
        assert cell(grid, "row/g", "p").get("difference").text == "50.0"  # 3 of 4 less 1 of 4
        expected = stats.fisher_exact([[1, 3], [3, 1]]).pvalue
        assert float(cell(grid, "row/g", "f").get("p").raw) == pytest.approx(expected)
        heading = {"id": "k", "label": "K", "source": {"table": "t", "row": "row", "column": "f"}}
        with pytest.raises(Rejected) as refused:
            checking.check_definition(
                parallel([row], columns, key_results=[heading | {"show": "p"}])
            )
        assert refused.value.faults[0].pointer == "/key_results/0/show"

    def test_the_difference_of_the_first_of_two_is_of_the_percentages_that_are_shown(self):
        entries = people("aaaaaabbbbbb", "MMF???MFFFFF")
        entries += [adverse_event(9, "AE-1", f"S-{i}") for i in (0, 2)]
        row = {"levels": {"characteristic": "sex", "values": [
            {"value": name, "label": name} for name in "MF"]}}  # fmt: skip
        columns = [A | {"where": {"adverse_event": {}}}, B, {**P, "counts": "newcombe"}]
        for options in ({}, {"denominator": "column"}):
            grid = table_of(entries, row | options, columns=columns)
            assert printed(grid, "row/M", "a") == {"n": "1", "N": "6", "percent": "17"}
            assert printed(grid, "row/M", "b") == {"n": "1", "N": "6", "percent": "17"}
            assert printed(grid, "row", "p")["difference"] == "0.0"  # not half less a sixth

    def test_a_key_result_names_one(self):
        source = {"table": "t", "row": "row", "column": "p"}
        key_result = {"id": "k", "label": "K", "source": source, "show": "difference"}
        columns = [A, B, {**P, "counts": "newcombe"}]
        with pytest.raises(Rejected) as refused:
            checking.check_definition(parallel([self.RACE], columns, key_results=[key_result]))
        (fault,) = refused.value.faults
        assert fault.pointer == "/key_results/0/source/row"
        assert fault.detail.startswith("has a difference for each level: name one of row/WHITE")
        key_result_named = key_result | {"source": source | {"row": "row/ASIAN"}}
        checking.check_definition(parallel([self.RACE], columns, key_results=[key_result_named]))

    def test_the_methods_say_of_which_level(self):
        def words(**options: Any) -> str:
            study = parallel([self.RACE], [A, B, {**P, **options}])
            sections = {method.id: method for method in methods(study.definition)}
            return sections["rows"].rows[0][-1]

        assert "a difference is that of each level" in words(counts="newcombe")
        assert "a difference" not in words(counts="fisher")

    def test_and_of_records_that_it_is_of_each(self):
        row = {"levels": {"recorded": "dose.administered", "field": "unit"}}
        sections = {method.id: method for method in methods(parallel([row], [A, B, P]).definition)}
        assert "a difference or a test is that of each level" in sections["rows"].rows[0][-1]


class TestNothing:
    @pytest.mark.parametrize("counts", ["fisher", "pearson", "newcombe", "miettinen-nurminen"])
    @pytest.mark.parametrize(
        ("arms", "sexes"), [("", ""), ("aa", "MF"), ("aabb", "MMMM"), ("aabb", "FFFF")]
    )
    def test_of_one_arm_or_one_outcome_nothing_is_compared(self, arms, sexes, counts):
        for row in (MEN, SEX):
            columns = [A, B, P | {"counts": counts}]
            grid = table_of(people(arms, sexes), row, columns=columns)
            comparisons = [
                row_cell for row in grid.rows for row_cell in row.cells if row_cell.column == "p"
            ]
            assert {(row_cell.statistics, row_cell.method) for row_cell in comparisons} <= {
                ((), "")
            }

    def test_a_table_too_large_for_fisher_says_so(self, monkeypatch):
        monkeypatch.setattr(association, "ALWAYS_ALLOWED", -1)
        monkeypatch.setattr(association.WorkBudget.__init__, "__defaults__", (-1,))
        result = compared(PEOPLE, MEN)
        assert (result.get("p").raw, result.get("p").text) == (None, "not computed")
        assert result.method == association.NONE
        assert markdown.cell_text(result, Column("p", "P", None)) == "P not computed"

    def test_a_column_that_compares_has_no_denominator(self):
        grid = table_of(PEOPLE, MEN, columns=[A, B, P])
        assert [(column.n, column.size) for column in grid.columns] == [
            (8, "(N = 8)"), (8, "(N = 8)"), (None, ""),
        ]  # fmt: skip

    def test_it_adds_nothing_to_the_sums(self):
        rows = [MEN, {"id": "age", "summary": "age"}, {"id": "sex"} | SEX]
        with_p, without_p = (
            report.contribute(parallel(rows, columns), fold_all("S-0", PEOPLE[:2]))
            for columns in ([A, B, P], [A, B])
        )
        assert with_p == without_p


class TestForms:
    @pytest.mark.parametrize(
        ("column", "path"),
        [
            ({"compare": ["a"]}, "/tables/0/columns/2/compare"),
            ({"compare": ["a", "c"]}, "/tables/0/columns/2/compare/1"),
            ({"compare": ["a", "p"]}, "/tables/0/columns/2/compare/1"),
            ({"compare": ["a", "b"], "set": "randomised"}, "/tables/0/columns/2"),
            ({"compare": ["a", "b"], "arm": "a"}, "/tables/0/columns/2"),
            ({"compare": ["a", "b"], "where": "enrolled"}, "/tables/0/columns/2"),
            ({"compare": ["a", "b", "a"], "means": "t"}, "/tables/0/columns/2"),
            ({"compare": ["a", "b", "a"], "counts": "newcombe"}, "/tables/0/columns/2"),
            ({"compare": ["a", "b"], "counts": "t"}, "/tables/0/columns/2/counts"),
            ({"set": "randomised", "counts": "fisher"}, "/tables/0/columns/2"),
            ({"set": "randomised", "arm": "c"}, "/tables/0/columns/2/arm"),
            ({"set": "everybody", "arm": "a"}, "/tables/0/columns/2/set"),
            ({}, "/tables/0/columns/2"),
        ],
        ids=str,
    )
    def test_a_column_that_is_neither_is_refused_at_its_path(self, column, path):
        with pytest.raises(Rejected) as caught:
            checking.check_definition(parallel([MEN], [A, B, {"id": "p", "label": "P"} | column]))
        assert [fault.pointer for fault in caught.value.faults] == [path]

    def test_a_count_of_a_column_that_compares_is_refused(self):
        with pytest.raises(Rejected) as caught:
            checking.check_definition(parallel([{"count": {"p": "enrolled"}}], [A, B, P]))
        (fault,) = caught.value.faults
        assert fault.pointer == "/tables/0/rows/0/count/p"
        assert fault.detail.startswith("is not a column of subjects of table t: p")


class TestStandardError:
    """The standard error of a difference: as scipy's t test and Wald's interval have it."""

    AGES: ClassVar[dict[str, list[int]]] = {"a": [30, 41, 52, 37, 66], "b": [25, 48, 71]}
    AGE: ClassVar[dict[str, Any]] = {"summary": "age", "statistics": ["n"]}

    @pytest.mark.parametrize("means", ["t", "welch"])
    def test_of_means_it_is_the_difference_over_t(self, means):
        result = compared(aged(**self.AGES), self.AGE, means=means, standard_error=True)
        test = stats.ttest_ind(self.AGES["b"], self.AGES["a"], equal_var=means == "t")
        expected = (48 - 45.2) / test.statistic
        assert close(result, "se", expected)
        assert [statistic.name for statistic in result.statistics] == [
            "difference", "se", "ci_low", "ci_high", "p",
        ]  # fmt: skip
        assert result.get("difference").text == "2.8"
        assert result.get("se").text == f"{expected:.2f}"

    def test_of_proportions_it_is_wald_s(self):
        result = compared(PEOPLE, MEN, counts="wald", standard_error=True)
        assert close(result, "se", 100 * math.sqrt(7 / 8 * 1 / 8 / 8 + 2 / 8 * 6 / 8 / 8))
        assert result.get("se").text == "19.26"

    def test_where_all_or_none_are_counted_in_both_it_cannot_be_estimated(self):
        result = compared(people("aabb", "MMFF"), MEN, counts="wald", standard_error=True)
        assert result.get("se").text == result.get("ci_low").text == "not estimable"

    def test_it_is_shown_where_it_is_asked_for_alone(self):
        for options in ({"means": "t"}, {"counts": "wald"}):
            row = self.AGE if "means" in options else MEN
            entries = aged(**self.AGES) if "means" in options else PEOPLE
            assert compared(entries, row, **options).get("se") is None

    def test_same_ages_have_none(self):
        result = compared(aged(a=[40, 40], b=[40, 40]), self.AGE, means="t", standard_error=True)
        assert result.get("se").text == "0.00"

    @pytest.mark.parametrize(
        "options",
        [{}, {"means": "anova"}, {"means": "wilcoxon"}, {"counts": "newcombe"},
         {"counts": "wald", "contrast": "odds-ratio"}],
    )  # fmt: skip
    def test_what_has_none_is_refused(self, options):
        with pytest.raises(Rejected) as refused:
            parallel([self.AGE], [A, B, {**P, "standard_error": True, **options}])
        assert any("`standard_error` is of a difference" in fault.detail
                   for fault in refused.value.faults)  # fmt: skip

    def test_decimals_that_are_not_kept_are_refused(self):
        measure = {"parameter": "viral-load-log10", "at": "week-5"}
        row = {"summary": measure, "statistics": ["n"], "decimals": 2}
        columns = [A, B, {**P, "means": "t"}]
        checking.check_definition(parallel([row], columns))
        columns[2]["standard_error"] = True
        with pytest.raises(Rejected) as refused:
            checking.check_definition(parallel([row], columns))
        assert refused.value.faults[0].pointer == "/tables/0/rows/0/decimals"

    def test_methods_name_it(self):
        study = parallel([self.AGE], [A, B, {**P, "means": "t", "standard_error": True}])
        text = " ".join(
            str(cell) for part in methods(study.definition) for row in part.rows for cell in row
        )
        assert "with the standard error of the difference" in text
