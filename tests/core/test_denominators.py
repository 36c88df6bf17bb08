"""Percentages are of those of whom the answer is known: who waits or is missing is told beside."""

import json
from functools import cache
from typing import Any, ClassVar

import builders
import pytest
from builders import (
    TINY,
    adverse_event,
    cell,
    contact,
    disposition,
    dose,
    enrolment,
    files_of,
    tiny,
    tmb301,
    viral_load,
)
from parallel import A, B, parallel, printed, randomised, raws, table_of

from trial.errors import Rejected
from trial.events import dates
from trial.events.envelope import Entry
from trial.render.markdown import cell_text
from trial.reporting import report
from trial.subject import cutoff
from trial.subject.cut_spec import CutSpec
from trial.tables import checking, notes
from trial.tables.grid import Report

COMPARE = {"id": "c", "label": "Drug minus placebo", "compare": ["b", "a"]}


def person(name: str, arm: str, response: str, **fields: Any) -> list[Entry]:
    """Make a subject of whom day 14 is known, yes or no, missing though due, or not yet due."""
    entries = [enrolment(subject=name, **fields), randomised(arm, name, strata={"region": "north"}),
               viral_load(5, 100_000, subject=name), dose(7, subject=name)]  # fmt: skip
    match response:
        case "yes" | "no":
            entries.append(viral_load(14, 10 if response == "yes" else 100_000, subject=name))
        case "missing":
            entries.append(contact(60, subject=name))
    return entries


def people(arm: str, **counts: int) -> list[Entry]:
    return [
        event
        for response, n in counts.items()
        for i in range(n)
        for event in person(f"{arm}-{response}-{i}", arm, response)
    ]


OBSERVED = {"count": "day14-observed"}
"""Excludes who is missing; `day14-responder` counts them as failures."""
FAILURE = {"count": "day14-responder"}


class TestTheIssue:
    """10 of 10 on drug against 5 of 10 on placebo, with 20 more on drug not yet due."""

    ENTRIES = (*people("a", yes=10, waits=20), *people("b", yes=5, no=5))

    @pytest.mark.parametrize("counts", ["newcombe", "miettinen-nurminen"])
    def test_the_difference_is_of_those_who_are_known(self, counts):
        columns = (A, B, COMPARE | {"counts": counts})
        grid = table_of(self.ENTRIES, FAILURE, columns=columns)
        assert printed(grid, "row", "c")["difference"] == "50.0"
        assert cell_text(cell(grid, "row", "a"), grid.columns[0]) == "10/10 (100%); not yet due 20"
        assert cell_text(cell(grid, "row", "b"), grid.columns[1]) == "5 (50%)"

    @pytest.mark.parametrize("counts", ["fisher", "pearson", "newcombe", "miettinen-nurminen"])
    def test_whoever_waits_changes_nothing_that_is_compared(self, counts):
        columns = (A, B, COMPARE | {"counts": counts})
        rows = (
            {"id": "x", "interval": True} | FAILURE,
            {"id": "y", "stratified": {"count": "day14-responder", "strata": ["region"]}},
            {"id": "z", "pairs": ["control-responder", "day14-responder"], "column": "a"},
        )
        with_them = table_of(self.ENTRIES, *rows, columns=columns)
        assessed = [*people("a", yes=10), *people("b", yes=5, no=5)]
        without_waiting = table_of(assessed, *rows, columns=columns)
        for row in "xyz":
            for cell_with, cell_without in zip(
                _row(with_them, row), _row(without_waiting, row), strict=True
            ):
                statistics = [
                    statistic for statistic in cell_with.statistics if statistic.name != "not_due"
                ]
                assert statistics == list(cell_without.statistics)
        assert raws(with_them, "y", "not_due") == {"a": 20}

    def test_key_results_figures_and_the_summary_show_it(self):
        key_result = {"id": "f", "label": "Responders", "show": "count-percent",
                  "source": {"table": "t", "row": "row", "column": "a"}}  # fmt: skip
        study = parallel([FAILURE], (A, B), key_results=[key_result])
        study_report = builders.report_of(study, self.ENTRIES)
        (only_result,) = study_report.key_results
        assert (only_result.n, only_result.N, only_result.text, only_result.not_due) == (
            10,
            10,
            "10 (100%)",
            20,
        )
        files = files_of(study_report, study)
        (summary,) = json.loads(files["summary.json"])["key_results"]
        assert (summary["n"], summary["N"], summary["not_due"], summary["missing"]) == (
            10,
            10,
            20,
            None,
        )
        assert "20 not yet due" in files["summary.md"].decode()
        assert "20 not yet due" in files["report.html"].decode()

    def test_a_figure_of_shares_shows_it(self):
        row = {"visits": ["day-14"], "label": "Below 50",
               "count": {"measure": {"parameter": "viral-load"}, "below": 50}}  # fmt: skip
        figure = {
            "id": "g",
            "title": "G",
            "population": "P",
            "kind": "share",
            "x_label": "x",
            "y_label": "y",
            "source": {"table": "t", "row": "row", "columns": ["a"]},
        }
        study = parallel([row], (A, B), figures=[figure])
        study_report = builders.report_of(study, self.ENTRIES)
        (mark,) = study_report.figures[0].series[0].marks
        assert (mark.y, mark.n) == ("100", 10)


def _row(grid: Any, name: str) -> list[Any]:
    return next(list(row.cells) for row in grid.rows if row.id == name)


class TestMissing:
    ENTRIES = (*people("a", yes=2, no=1, missing=3, waits=4), *people("b"))

    def test_excluded_it_is_in_neither_number_and_told_apart_from_who_waits(self):
        grid = table_of(self.ENTRIES, OBSERVED, {"id": "later", "not_due": "day14-observed"})
        assert printed(grid, "row", "a") == {
            "n": "2", "N": "3", "percent": "67", "not_due": "4", "missing": "3",
        }  # fmt: skip
        assert printed(grid, "later", "a") == {"n": "4", "N": "10", "percent": "40"}
        assert notes.DETERMINED in grid.footnotes

    def test_as_failure_it_is_a_no(self):
        grid = table_of(self.ENTRIES, FAILURE)
        assert printed(grid, "row", "a") == {"n": "2", "N": "6", "percent": "33", "not_due": "4"}

    def test_who_is_known_of_all_is_told_nothing_beside(self):
        grid = table_of(people("a", yes=1, no=1), OBSERVED)
        assert printed(grid, "row", "a") == {"n": "1", "N": "2", "percent": "50"}
        assert notes.DETERMINED not in grid.footnotes

    def test_whether_there_is_a_value_is_open_until_it_is_due(self):
        row = {"count": {"measure": "day14-decrease", "assessed": True}}
        grid = table_of(self.ENTRIES, row)
        assert printed(grid, "row", "a") == {"n": "3", "N": "6", "percent": "50", "not_due": "4"}

    def test_a_fact_of_enrolment_that_is_not_known_is_missing_and_never_waits(self):
        entries = [*person("S-1", "a", "yes", sex="M"), *person("S-2", "a", "yes", sex="F"),
                   *person("S-3", "a", "yes")]  # fmt: skip
        grid = table_of(entries, {"count": {"characteristic": "sex", "levels": ["M"]}})
        assert printed(grid, "row", "a") == {"n": "1", "N": "2", "percent": "50", "missing": "1"}


MEN = {"characteristic": "sex", "levels": ["M"]}


class TestNarrowed:
    """Where of a row and of a column join the condition: whom they rule out is a no."""

    ENTRIES = (
        *person("S-1", "a", "yes", sex="M"), *person("S-2", "a", "no", sex="M"),
        *person("S-3", "a", "waits", sex="M"), *person("S-4", "a", "yes", sex="F"),
        *person("S-5", "a", "waits", sex="F"), *person("S-6", "a", "yes"),
        *person("S-7", "a", "no"), *person("S-8", "a", "waits"),
    )  # fmt: skip

    # True of S-1; no of S-2, S-4, S-5 and S-7; S-3 and S-8 wait; of S-6 the sex is missing.
    EXPECTED: ClassVar = {"n": "1", "N": "5", "percent": "20", "not_due": "2", "missing": "1"}

    def test_by_the_row(self):
        grid = table_of(self.ENTRIES, FAILURE | {"where": MEN})
        assert printed(grid, "row", "a") == self.EXPECTED

    def test_by_the_column(self):
        grid = table_of(
            self.ENTRIES,
            FAILURE,
            {"id": "sex", "levels": {"characteristic": "sex"}},
            {"id": "any", "events": {}},
            columns=(A | {"where": MEN},),
        )
        assert grid.columns[0].n == 8
        assert printed(grid, "row", "a") == self.EXPECTED
        # Who is shown is known of five; of the others whether the column shows them is not.
        assert printed(grid, "sex/M", "a") == {"n": "3", "N": "5", "percent": "60"}
        assert printed(grid, "any", "a")["N"] == "5"
        assert any("of 3 it is not known" in footnote for footnote in grid.footnotes)

    def test_not_due_is_counted_likewise(self):
        row = {"not_due": "day14-responder"}
        grid = table_of(self.ENTRIES, row, columns=(A | {"where": MEN},))
        assert printed(grid, "row", "a") == {"n": "2", "N": "8", "percent": "25"}


class TestDenominator:
    ENTRIES = (*people("a", yes=2, no=1, missing=3, waits=4), *people("b"))

    def test_all_of_the_column(self):
        grid = table_of(self.ENTRIES, OBSERVED | {"denominator": "column"})
        assert printed(grid, "row", "a") == {
            "n": "2", "N": "10", "percent": "20", "not_due": "4", "missing": "3",
        }  # fmt: skip
        assert any(
            "percentages are of all of the column" in footnote for footnote in grid.footnotes
        )

    def test_those_of_whom_it_is_settled_as_always(self):
        plain, as_determined = (table_of(self.ENTRIES, OBSERVED | options)
                       for options in ({}, {"denominator": "determined"}))  # fmt: skip
        assert plain == as_determined

    @pytest.mark.parametrize(
        ("denominator", "base"),
        [
            ("seen", "those with: seen"),
            ({"recorded": "visit.recorded"}, "those who meet its condition, given under Methods"),
        ],
    )
    def test_those_of_whom_a_condition_is_true(self, denominator, base):
        conditions = {"seen": {"recorded": "visit.recorded"}}
        entries = [*self.ENTRIES, contact(8, subject="a-yes-0"), contact(8, subject="a-no-0"),
                   contact(8, subject="a-waits-0")]  # fmt: skip
        grid = table_of(entries, OBSERVED | {"denominator": denominator}, conditions=conditions)
        assert printed(grid, "row", "a") == {
            "n": "1", "N": "2", "percent": "50", "not_due": "1", "missing": "3",
        }  # fmt: skip
        assert f"Row: percentages are of {base}." in grid.footnotes

    def test_levels_take_one_too(self):
        entries = [*person("S-1", "a", "yes", sex="M"), *person("S-2", "a", "yes")]
        row = {"levels": {"characteristic": "sex"}}
        assert printed(table_of(entries, row), "row/M", "a")["N"] == "1"
        grid = table_of(entries, row | {"denominator": "column"})
        assert printed(grid, "row/M", "a") == {"n": "1", "N": "2", "percent": "50"}
        assert printed(grid, "row/", "a") == {"n": "1", "N": "2", "percent": "50"}
        row_left = {"levels": {"recorded": "disposition.recorded", "field": "reason"}}
        entries += [disposition(20, subject="S-1")]
        denominator = {"denominator": {"recorded": "disposition.recorded"}}
        assert printed(table_of(entries, row_left | denominator), "row/DEATH", "a")["N"] == "1"

    def test_all_of_the_column_are_those_too_of_whom_it_is_not_known_if_it_shows_them(self):
        entries = [*person("S-1", "a", "yes", sex="M"), *person("S-2", "a", "no", sex="M"),
                   *person("S-3", "a", "waits", sex="F")]  # fmt: skip
        columns = [A | {"where": "day14-observed"}]
        strata, of_column = {"characteristic": "sex"}, {"denominator": "column"}
        cross = {"first": "sex", "second": "region", "percent_of": "column"}
        for row, name in (
            ({"count": {"recorded": "subject.enrolled"}} | of_column, "row"),
            ({"levels": strata} | of_column, "row/M"),
            ({"cross": cross}, "row/M/north"),
        ):
            grid = table_of(entries, row, columns=columns)
            texts = printed(grid, name, "a")
            assert (texts["n"], texts["N"]) == ("1", "3")

    def test_a_condition_may_not_go_by_a_word_of_the_language(self):
        study = parallel([FAILURE | {"denominator": "column"}],
                         conditions={"column": {"recorded": "dose.administered"}})  # fmt: skip
        with pytest.raises(Rejected) as caught:
            checking.check_definition(study)
        assert [fault.pointer for fault in caught.value.faults] == ["/tables/0/rows/0/denominator"]


def placed(name: str, region: str) -> list[Entry]:
    return [enrolment(subject=name), randomised("a", name, strata={"region": region})]


class TestLevels:
    STRATA: ClassVar = {"levels": {"characteristic": "region"}}

    def test_they_come_in_their_declared_order_and_who_is_nowhere_is_told(self):
        entries = [
            *(event for i in range(3) for event in placed(f"S-{i}", "south")),
            *placed("N-1", "north"),
        ]
        grid = table_of(entries, self.STRATA)
        assert [row.label for row in grid.rows] == ["Row", "north", "south"]
        alone = table_of(entries[:2], self.STRATA)
        assert [row.label for row in alone.rows] == ["Row", "south"]
        assert "Row: nobody is at north." in alone.footnotes

    def test_the_arm_goes_by_its_label_and_is_not_yet_due_before_randomisation(self):
        columns = ({"id": "total", "label": "Total", "set": "enrolled"},)
        row = {"levels": {"characteristic": "arm"}}
        entries = [enrolment(subject="S-1"), randomised("b", "S-1"), enrolment(subject="S-2")]
        grid = table_of(entries, row, columns=columns)
        assert [row.label for row in grid.rows] == ["Row", "Placebo", "Not yet due"]
        assert printed(grid, "row/b") == {"n": "1", "N": "1", "percent": "100"}
        assert printed(grid, "row/(not yet due)") == {"n": "1"}

    def test_classes_add_up_to_their_column(self):
        measure = {"parameter": "cd4", "at": "day-14"}
        classes_given = [{"value": "low", "label": "Low", "below": 200},
                 {"value": "high", "label": "High", "at_least": 300}]  # fmt: skip
        classes = {"group": {"label": "G", "measure": measure, "classes": classes_given}}
        entries = [enrolment(subject=f"S-{i}") for i in range(5)]
        entries += [randomised("a", f"S-{i}") for i in range(5)]
        entries += [
            builders.cd4(14, 100, subject="S-0"),
            builders.cd4(14, 250, subject="S-1"),
            builders.cd4(14, 400, subject="S-2"),
            disposition(60, subject="S-3"),
        ]
        grid = table_of(entries, {"levels": {"characteristic": "group"}}, classes=classes)
        texts = {row.label: printed(grid, row.id, "a") for row in grid.rows[1:]}
        third = {"n": "1", "N": "3", "percent": "33"}
        assert texts == {"Low": third, "High": third, "Other": third,
                         "Missing": {"n": "1"}, "Not yet due": {"n": "1"}}  # fmt: skip


@cache
def cut_off() -> Report:
    """TMB-301 as of 2016-03-31, when week 25 was due for 16 of 37."""
    study, spec = tmb301(), CutSpec(cutoff="2016-03-31")
    day = dates.latest(spec.cutoff)
    states = [cutoff.records_until(subject, day) for subject in builders.subjects(builders.feed())]
    states = sorted((state for state in states if state.records), key=lambda subject: subject.id)
    sums = builders.cells.total(report.contribute(study, state, day) for state in states)
    return report.report(study, states, sums, spec)


class TestTmb301AtAnInterimCut:
    def test_week_25_is_of_those_for_whom_it_is_due(self):
        grid = next(grid for grid in cut_off().grids if grid.id == "14.2.3.1")
        assert grid.columns[0].n == 37
        assert printed(grid, "below-50", "itt") == {
            "n": "4", "N": "16", "percent": "25", "ci_low": "7.3", "ci_high": "52.4",
            "not_due": "21",
        }  # fmt: skip
        assert printed(grid, "not-due", "itt")["n"] == "21"

    def test_every_document_says_the_same(self):
        files = files_of(cut_off(), tmb301())
        key_results = {
            key_result["id"]: key_result
            for key_result in json.loads(files["summary.json"])["key_results"]
        }
        key_result = key_results["week25-below-50"]
        assert (key_result["n"], key_result["N"], key_result["text"]) == (4, 16, "4 (25%)")
        assert key_results["week25-mean-decrease"]["n"] == 16
        for name in ("summary.md", "report.html"):
            assert "21 not yet due" in files[name].decode()
        event = json.loads(files["results.json"])
        start = "analysis/14.2.3.1/below-50/set=itt/"
        columns = "grouping/14.2.3.1/columns"
        raw = {
            result["operationId"].rsplit("/", 1)[1]: result["rawValue"]
            for analysis in event["analyses"]
            if analysis["id"].startswith(start)
            for result in analysis["results"]
            if {"groupingId": columns, "groupId": f"{columns}/itt"} in result["resultGroups"]
        }
        assert (raw["n"], raw["N"], raw["not_due"]) == ("4", "16", "21")


def test_an_events_row_keeps_its_column_and_speaks_of_what_is_not_known():
    entries = [*person("S-1", "a", "yes"), adverse_event(9, subject="S-1", grade=3),
               *person("S-2", "a", "yes"), adverse_event(9, subject="S-2")]  # fmt: skip
    grid = table_of(entries, {"events": {"grade_at_least": 3}})
    assert printed(grid, "row", "a") == {"n": "1", "N": "2", "percent": "50", "events": "1"}
    assert [footnote for footnote in grid.footnotes if "grade is not reported" in footnote]


def test_the_tiny_study_tells_who_waits():
    assert TINY["tables"][0]["rows"][0]["count"] == {"total": "day14-responder"}
    grid = builders.tables_of(tiny(), [enrolment(), dose(), contact(9)])["one"]
    assert printed(grid, "responders") == {"n": "0", "N": "0", "percent": "", "not_due": "1"}


class TestOfTheAssessedAndOfASet:
    COUNT: ClassVar[dict[str, Any]] = {
        "count": {"all": ["week5-below-50", {"measure": "age", "at_least": 18}]}
    }

    @staticmethod
    def people() -> list[Any]:
        """Three: below 50 copies, above, and without a result though it is due; two are dosed."""
        entries = []
        for name, copies in (("S-1", 20), ("S-2", 500), ("S-3", None)):
            entries += [enrolment(subject=name, age=40), disposition(60, "completed", name)]
            entries += [] if copies is None else [viral_load(35, copies, subject=name)]
        return [*entries, dose(7, subject="S-1"), dose(7, subject="S-3")]

    def size(self, row: dict[str, Any]) -> tuple[Any, Any, list[str]]:
        columns = [{"id": "total", "label": "Total", "set": "enrolled"}]
        grid = table_of(self.people(), row, columns=columns)
        cell = next(cell for row in grid.rows for cell in row.cells if cell.statistics)
        return (
            cell.get("n").raw,
            cell.get("N").raw,
            [note for note in grid.footnotes if "perc" in note],
        )

    def test_of_the_assessed_every_measure_has_a_value(self):
        n, size, footnotes = self.size(self.COUNT | {"denominator": "assessed"})
        assert (n, size) == (1, 2)
        assert footnotes == ["Row: percentages are of those assessed."]
        assert self.size(self.COUNT)[:2] == (1, 3)  # a missing result is a failure

    def test_of_a_set_are_the_subjects_of_the_column_in_it(self):
        n, size, footnotes = self.size(self.COUNT | {"denominator": {"set": "treated"}})
        assert (n, size) == (1, 2)
        assert footnotes == ["Row: percentages are of those in the set Treated."]

    def test_levels_of_records_are_of_those_who_have_such_a_record(self):
        row = {"levels": {"recorded": "dose.administered", "field": "unit"}}
        assert self.size(row | {"denominator": "assessed"})[:2] == (2, 2)
        assert self.size(row)[:2] == (2, 3)

    def test_a_condition_without_a_measure_has_nobody_assessed(self):
        with pytest.raises(Rejected) as refused:
            checking.check_definition(parallel([{"count": "treated", "denominator": "assessed"}]))
        (fault,) = refused.value.faults
        assert fault.pointer == "/tables/0/rows/0/denominator"
        assert fault.detail.startswith("the condition has no measure")

    def test_a_condition_that_is_called_assessed_means_itself(self):
        conditions = {"assessed": {"recorded": "dose.administered"}}
        columns = [{"id": "total", "label": "Total", "set": "enrolled"}]
        row = {"count": "treated", "denominator": "assessed"}
        grid = table_of(self.people(), row, columns=columns, conditions=conditions)
        assert raws(grid, "row", "N") == {"total": 2}

    def test_a_set_that_is_not_there_is_refused(self):
        with pytest.raises(Rejected) as refused:
            checking.check_definition(
                parallel([{"count": "treated", "denominator": {"set": "tretaed"}}])
            )
        assert refused.value.faults[0].pointer == "/tables/0/rows/0/denominator/set"

    def test_it_may_differ_by_column(self):
        row = {
            "count": {"a": "week5-below-50", "b": {"measure": "age", "at_least": 18}},
            "denominator": "assessed",
        }
        entries = [*self.people(), *(randomised("ab"[i % 2], f"S-{i + 1}") for i in range(3))]
        assert raws(table_of(entries, row), "row", "N") == {"a": 1, "b": 1}
