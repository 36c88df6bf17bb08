"""Columns by the worst grade: each subject in one of them, or cumulative; of events and results."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from builders import (
    TINY,
    adverse_event,
    coding,
    day,
    disposition,
    dose,
    enrolment,
    entry,
)
from parallel import ARMS, TOTAL, A, B, parallel, randomised, raws, table_of, texts

from trial.definition.available_statistics import available_statistics
from trial.definition.outputs import CellRef
from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.reporting.methods import methods
from trial.tables import checking
from trial.tables.checking import warnings


def at(arm: Mapping[str, Any], name: str, **options: Any) -> dict[str, Any]:
    """Narrow a column of an arm to some worst grades, under the arm's name."""
    return {**arm, "id": f"{arm['id']}-{name}", "label": name, "under": arm["label"], **options}


GRADES = [
    TOTAL,
    *(at(TOTAL, f"{i}", worst={"grade": [i]}) for i in range(1, 6)),
    at(TOTAL, "3-4", worst={"grade": [3, 4]}),
    at(TOTAL, "related-3", events={"related": True}, worst={"grade": [3]}),
    *(at(TOTAL, f"from-{i}", worst={"grade_at_least": i}) for i in (1, 2, 3)),
]


def person(subject: str, arm: str = "a") -> list[Entry]:
    return [enrolment(subject=subject), randomised(arm, subject), dose(subject=subject)]


def event(subject: str, record: str, pt: str, grade: int | None, **data: Any) -> list[Entry]:
    graded = {} if grade is None else {"grade": grade}
    return [
        adverse_event(10, record, subject, **graded, **data),
        coding(pt, record, subject, soc="S"),
    ]


EVENTS = (
    *person("S-1"), *person("S-2"), *person("S-3", "b"), *person("S-4", "b"), *person("S-5"),
    *event("S-1", "1", "Pain", 3, causality="RELATED"),
    *event("S-1", "2", "Pain", 1, causality="NOT RELATED"),
    *event("S-1", "3", "Rash", 4, causality="NOT RELATED"),
    *event("S-2", "4", "Rash", None, causality="NOT RELATED"),
    *event("S-3", "5", "Pain", 4, causality="NOT RELATED"),
    *event("S-3", "6", "Pain", 4, causality="NOT RELATED"),
    *event("S-3", "7", "Pain", None, causality="NOT RELATED"),
    *event("S-4", "8", "Rash", 2, causality="NOT RELATED"),
)  # fmt: skip


class TestOfAdverseEvents:
    ROWS = (
        {"id": "any", "label": "Any", "events": {}},
        {"id": "terms", "label": "Term", "terms": {"filter": {}, "by": ["soc", "pt"]}},
        {"id": "worst", "label": "Worst", "worst": {"filter": {}, "field": "grade", "levels": [
            {"value": str(i), "label": f"Grade {i}"} for i in range(1, 6)]}},
        {"id": "time", "label": "Rate", "incidence": {"filter": {}}},
        {"id": "treated", "label": "Treated", "count": "treated"},
    )  # fmt: skip
    GRID = table_of(EVENTS, *ROWS, columns=GRADES)

    def counts(self, row: str, statistic: str = "n") -> dict[str, Any]:
        """Give what a row counts in each column of grades."""
        counts_ = raws(self.GRID, row, statistic)
        return {name.removeprefix("total-"): n for name, n in counts_.items() if name != "total"}

    def test_each_subject_is_in_the_column_of_its_worst_grade_alone(self):
        # S-1 and S-3 had 4, S-4 had 2; of S-2 no grade is known
        assert self.counts("any") == {
            "1": 0, "2": 1, "3": 0, "4": 2, "5": 0, "3-4": 2, "related-3": 1,
            "from-1": 3, "from-2": 3, "from-3": 2,
        }  # fmt: skip
        assert raws(self.GRID, "any", "n")["total"] == 4

    def test_the_worst_is_that_of_each_term(self):
        assert self.counts("terms/S/Pain") == {
            "1": 0, "2": 0, "3": 1, "4": 1, "5": 0, "3-4": 2, "related-3": 1,
            "from-1": 2, "from-2": 2, "from-3": 2,
        }  # fmt: skip
        assert self.counts("terms/S/Rash") == {
            "1": 0, "2": 1, "3": 0, "4": 1, "5": 0, "3-4": 1, "related-3": 0,
            "from-1": 2, "from-2": 2, "from-3": 1,
        }  # fmt: skip
        assert self.counts("terms/S")["3"] == 0

    def test_events_are_those_of_the_grades_of_the_column(self):
        assert self.counts("any", "events") == {
            "1": 0, "2": 1, "3": 0, "4": 3, "5": 0, "3-4": 4, "related-3": 1,
            "from-1": 6, "from-2": 5, "from-3": 4,
        }  # fmt: skip

    def test_cumulative_columns_are_those_of_a_filter_by_grade(self):
        filtered = [TOTAL, *(at(TOTAL, f"from-{i}", events={"grade_at_least": i}) for i in (1, 3))]
        grid = table_of(EVENTS, *self.ROWS, columns=filtered)
        for row in ("any", "terms/S", "terms/S/Pain", "terms/S/Rash", "worst/4"):
            for statistic in ("n", "N", "events", "percent"):
                by_filter, own_counts = (raws(table, row, statistic) for table in (grid, self.GRID))
                assert by_filter == {name: own_counts[name] for name in by_filter}, (row, statistic)

    def test_rows_by_worst_grade_agree(self):
        for i in range(1, 6):
            of_worst = raws(self.GRID, f"worst/{i}", "n")
            assert self.counts("any")[f"{i}"] == of_worst["total"] == of_worst[f"total-{i}"]

    def test_who_has_no_grade_is_in_no_column_and_a_footnote_says_so(self):
        note = next(
            footnote for footnote in self.GRID.footnotes if "of which grade is not" in footnote
        )
        assert "Total, 4 2 events, and so 1 subject" in note
        assert not any("Total 2 events" in footnote for footnote in self.GRID.footnotes)

    def test_rates_and_counts_leave_columns_of_grades_empty(self):
        assert set(texts(self.GRID, "time", "n")) == {"total"}
        assert set(texts(self.GRID, "treated", "n")) == {"total"}

    def test_denominators_stay_those_of_the_column(self):
        assert set(raws(self.GRID, "terms/S/Pain", "N").values()) == {5}

    def test_columns_of_grades_are_compared_like_others(self):
        columns = [at(A, "4", worst={"grade": [4]}), at(B, "4", worst={"grade": [4]}),
                   {"id": "p", "label": "P", "compare": ["a-4", "b-4"]}]  # fmt: skip
        grid = table_of(EVENTS, *self.ROWS, columns=columns)
        assert texts(grid, "any", "p") == {"p": "1.0000"}
        assert texts(grid, "treated", "p") == {}


class TestBySeverity:
    """Columns by the worst severity: those of grades, had each event the grade of its severity."""

    WORDS = ("MILD", "MODERATE", "SEVERE")
    COLUMNS: ClassVar[list[dict[str, Any]]] = [
        TOTAL,
        *(at(TOTAL, f"{i}", worst={"severity": [word]}) for i, word in enumerate(WORDS, 1)),
        at(TOTAL, "1-3", worst={"severity": ["SEVERE", "MILD"]}),
        at(TOTAL, "from-2", worst={"severity_at_least": "MODERATE"}),
        at(TOTAL, "related-3", events={"related": True}, worst={"severity": ["SEVERE"]}),
    ]  # fmt: skip
    OF_GRADES: ClassVar[list[dict[str, Any]]] = [
        *(at(TOTAL, f"{i}", worst={"grade": [i]}) for i in (1, 2, 3)),
        at(TOTAL, "1-3", worst={"grade": [1, 3]}), at(TOTAL, "from-2", worst={"grade_at_least": 2}),
        at(TOTAL, "related-3", events={"related": True}, worst={"grade": [3]}),
    ]  # fmt: skip

    @classmethod
    def events(cls) -> list[Entry]:
        """Give each subject events of all severities, of none, and of both terms."""
        kinds = [(1, 3), (2,), (3, None), (None,), (1, 1, 2)]
        return [
            event_
            for i, grades in enumerate(kinds, 1)
            for j, grade in enumerate(grades)
            for event_ in event(
                f"S-{i}", f"{i}{j}", ("Pain", "Rash")[j % 2], grade,
                causality=("RELATED", "NOT RELATED")[i % 2],
                **({"severity": cls.WORDS[grade - 1]} if grade else {}),
            )
        ]  # fmt: skip

    def test_they_count_what_columns_of_grades_do(self):
        entries = [*(event_ for i in range(1, 7) for event_ in person(f"S-{i}")), *self.events()]
        rows = TestOfAdverseEvents.ROWS[:2]
        by_severity = table_of(entries, *rows, columns=self.COLUMNS)
        by_grade = table_of(entries, *rows, columns=[TOTAL, *self.OF_GRADES])
        assert raws(by_severity, "any", "n") == {
            "total": 5, "total-1": 0, "total-2": 2, "total-3": 2, "total-1-3": 2,
            "total-from-2": 4, "total-related-3": 0,
        }  # fmt: skip
        for row in ("any", "terms/S", "terms/S/Pain", "terms/S/Rash"):
            for statistic in ("n", "N", "percent", "events"):
                by_grade_counts = raws(by_grade, row, statistic)
                assert raws(by_severity, row, statistic) == by_grade_counts, (row, statistic)
        assert any("of which severity is not" in note for note in by_severity.footnotes)

    def test_graded_results_leave_them_empty(self):
        rows = [{"id": "x", "label": "X", "graded": "worst"}]
        grid = table_of(TestOfResults.RESULTS, *rows, columns=self.COLUMNS, **GRADED)
        assert set(raws(grid, "x", "n")) == {"total"}

    def test_the_order_is_that_of_the_vocabulary(self):
        vocabularies = {"adverse-event.reported": {"severity": ["LOW", "HIGH"]}}
        columns = [at(TOTAL, "x", worst={"severity_at_least": "HIGH"}),
                   at(TOTAL, "y", worst={"severity_at_least": "LOW"})]  # fmt: skip
        entries = [*person("S-1"), *event("S-1", "1", "Pain", None, severity="LOW")]
        row = {"id": "any", "label": "", "events": {}}
        grid = table_of(entries, row, columns=columns, vocabularies=vocabularies)
        assert raws(grid, "any", "n") == {"total-x": 0, "total-y": 1}

    @pytest.mark.parametrize(
        ("vocabulary", "worst", "end", "words"),
        [
            ("open", {"severity": ["MILD"]}, "", "vocabulary of severity, from the mildest up"),
            (["LOW"], {"severity": ["MILD"]}, "/severity/0", "MILD"),
            (["LOW"], {"severity_at_least": "MILD"}, "/severity_at_least", "LOW"),
        ],
    )
    def test_what_has_no_order_is_refused(self, vocabulary, worst, end, words):
        vocabularies = {"adverse-event.reported": {"severity": vocabulary}}
        problems = faults(
            at(TOTAL, "x", worst=worst), row={"events": {}}, vocabularies=vocabularies
        )  # fmt: skip
        assert words in problems[f"/tables/0/columns/0/worst{end}"]

    def test_methods_say_so(self):
        study = parallel(TestOfAdverseEvents.ROWS[:1], self.COLUMNS)
        text = " ".join(
            str(cell) for part in methods(study.definition) for row in part.rows for cell in row
        )
        assert (
            "Only rows of adverse events fill it: subjects by the worst severity of what a row"
            " counts, those for whom it is MODERATE or more; who is in it is in the columns of"
            " milder severities too. Events counted are those of these severities." in text
        )


SCALE: dict[str, Any] = {"label": "Own", "version": "1", "terms": {
    "low": {"label": "Low", "direction": "low", "by_unit": {"u": [
        {"grade": grade, "any": [{"below": bound}]}
        for grade, bound in ((4, 10), (3, 20), (2, 30), (1, 40))]}}}}  # fmt: skip
GRADED: dict[str, Any] = {
    "scales": {"own": SCALE},
    "parameters": TINY["parameters"] | {
        "x": {"label": "X", "unit": "u"},
        "g": {"label": "Grade", "unit": "", "grades": {"of": "x", "scale": "own", "term": "low"}}},
    "measures": TINY["measures"] | {
        "worst": {"parameter": "g", "after_first_dose": "highest"}},
}  # fmt: skip


def laboratory(subject: str, *values: object, arm: str = "a", has_left: bool = True) -> list[Entry]:
    """Give a subject and its results after the first dose."""
    results = [
        entry("lab.result.reported", subject, record=f"x{i}", parameter="x", collected=day(i),
              result=str(value), unit="u")
        for i, value in enumerate(values, 12)
    ]  # fmt: skip
    return [*person(subject, arm), *results, *([disposition(90, subject=subject)] * has_left)]


class TestOfResults:
    RESULTS = (
        *laboratory("S-1", 50, 35, 5), *laboratory("S-2", 15, 5), *laboratory("S-3", 45),
        *laboratory("S-4", 25), *laboratory("S-5"), *laboratory("S-6", 15, has_left=False),
        *laboratory("S-7", has_left=False),
    )  # fmt: skip
    COLUMNS: ClassVar[list[dict[str, Any]]] = [
        TOTAL, at(TOTAL, "0", worst={"grade": [0]}),
        at(TOTAL, "ends", worst={"grade": [0, 2, 4]}), *GRADES[1:],
    ]  # fmt: skip
    ROWS = ({"id": "x", "label": "X", "graded": "worst", "interval": True},)
    GRID = table_of(RESULTS, *ROWS, columns=COLUMNS, **GRADED)

    def test_each_subject_is_in_the_column_of_its_worst_grade_alone(self):
        # S-1 and S-2 had 4, S-3 0, S-4 2, S-6 3; S-5 has no result, S-7 none yet
        counts = raws(self.GRID, "x", "n")
        assert {name.removeprefix("total-"): n for name, n in counts.items()} == {
            "total": 4, "0": 1, "ends": 4, "1": 0, "2": 1, "3": 1, "4": 2, "5": 0, "3-4": 3,
            "from-1": 4, "from-2": 4, "from-3": 3,
        }  # fmt: skip

    def test_percentages_are_of_those_with_a_grade(self):
        for statistic, n in (("N", 5), ("missing", 1), ("not_due", 1)):
            assert set(raws(self.GRID, "x", statistic).values()) == {n}

    def test_at_visits_each_grade_is_that_of_the_visit(self):
        row = {"id": "x", "label": "X", "graded": {"parameter": "g"},
               "visits": ["day-14", "week-5"]}  # fmt: skip
        grid = table_of(self.RESULTS, row, columns=self.COLUMNS, **GRADED)
        assert raws(grid, "x/day-14", "n")["total-4"] == 2
        assert raws(grid, "x/day-14", "N")["total-4"] == 5
        assert raws(grid, "x/week-5", "n")["total-4"] == 0

    def test_subgroups_and_denominators(self):
        rows = (
            {"id": "sub", "label": "", "graded": "worst",
             "subgroups": {"characteristic": "region"}},
            {"id": "of", "label": "Of", "graded": "worst", "denominator": "column"},
            {"id": "assessed", "label": "As", "graded": "worst", "denominator": "assessed"},
        )  # fmt: skip
        grid = table_of(self.RESULTS, *rows, columns=self.COLUMNS, **GRADED)
        assert raws(grid, "of", "N")["total-4"] == 7
        assert raws(grid, "assessed", "N")["total-ends"] == 5
        assert sum(raws(grid, f"sub/{name}", "n")["total-4"] for name in ("north", "south")) <= 2

    def test_methods_say_how(self):
        study = parallel(self.ROWS, self.COLUMNS, **GRADED)
        text = " ".join(
            str(cell) for part in methods(study.definition) for row in part.rows for cell in row
        )
        for words in (
            "in a column of grades those at one of them, in any other those above 0",
            "those for whom it is 3 or 4", "3 or more; who is in it is in the columns of milder",
        ):  # fmt: skip
            assert words in text


def faults(*columns: Mapping[str, Any], row: Mapping[str, Any], **parts: Any) -> dict[str, str]:
    study = parallel([row], columns or ARMS, **{**GRADED, **parts})
    with pytest.raises(Rejected) as refused:
        checking.check_definition(study)
    return {fault.pointer: fault.detail for fault in refused.value.faults}


class TestRefused:
    @pytest.mark.parametrize(
        ("worst", "words"),
        [({}, "exactly one"), ({"grade": [1], "grade_at_least": 2}, "exactly one"),
         ({"grade": [6]}, "less than or equal to 5"), ({"grade": [1, 1]}, "more than once"),
         ({"grade_at_least": 0}, "greater than or equal to 1")],
    )  # fmt: skip
    def test_grades_that_are_none(self, worst, words):
        with pytest.raises(Rejected) as refused:
            parallel([{"graded": "worst"}], [at(TOTAL, "x", worst=worst)], **GRADED)
        assert any(words in fault.detail for fault in refused.value.faults)

    @pytest.mark.parametrize(
        ("row", "pointer", "words"),
        [
            ({"graded": "worse"}, "", "worst"),
            ({"graded": {"parameter": "weight", "at": "week-5"}}, "", "whole numbers"),
            ({"graded": "worst", "visits": ["week-5"]}, "", "visit"),
            ({"graded": {"parameter": "g"}}, "", "at"),
        ],
    )
    def test_what_is_no_grade(self, row, pointer, words):
        problems = faults(TOTAL, at(TOTAL, "1", worst={"grade": [1]}), row=row)
        assert f"/tables/0/rows/0/graded{pointer}" in problems, problems
        assert words in problems[f"/tables/0/rows/0/graded{pointer}"]

    def test_a_condition_of_a_column_of_grades(self):
        row = {"count": {"total": "treated", "total-1": "treated"}}
        problems = faults(TOTAL, at(TOTAL, "1", worst={"grade": [1]}), row=row)
        assert list(problems) == ["/tables/0/rows/0/count/total-1"]

    def test_a_column_of_grades_that_no_row_fills_is_a_warning(self):
        study = parallel([{"count": "treated"}], [TOTAL, at(TOTAL, "1", worst={"grade": [1]})])
        problems = warnings.find_warnings(study.definition, json.loads(study.source))
        assert any(fault.pointer == "/tables/0/columns/1" for fault in problems)

    def test_cells_that_key_results_may_name(self):
        study = parallel(
            [{"graded": "worst"}, {"id": "rate", "label": "", "incidence": {"filter": {}}}],
            [TOTAL, at(TOTAL, "1", worst={"grade": [1]})], **GRADED,
        )  # fmt: skip
        available = [
            available_statistics(
                CellRef(table="t", row=row, column="total-1"), study.definition.tables
            )
            for row in ("row", "rate")
        ]
        assert "percent" in available[0]
        assert not available[1]
