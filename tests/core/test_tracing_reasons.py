"""Why somebody is in a number: words from the rules, and the records that decide, tried by hand."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import blinded
import builders
import pytest
from builders import (
    adverse_event,
    cd4,
    coding,
    contact,
    day,
    death,
    disposition,
    dose,
    enrolment,
    entry,
    feed,
    subjects,
    tiny,
    tmb301,
    viral_load,
)  # fmt: skip
from hypothesis import HealthCheck, given, settings
from parallel import TOTAL, A, B, randomised
from test_tracing import cells, crossover

from trial.definition.outputs import ROW_KINDS
from trial.definition.study import Study
from trial.reporting import report, tracing
from trial.reporting.tracing import numbers
from trial.statistics import cells as summing
from trial.subject.cut_spec import LIVE_SPEC, CutSpec
from trial.subject.derivation import Derivation
from trial.subject.fold import Subject
from trial.tables import figures
from trial.tables.attribution import SingleSubject
from trial.tables.compiled import audience_share, contribute
from trial.tables.grid import Grid

Document = dict[str, Any]


class Given:
    """Some subjects, as a source of them."""

    spec: CutSpec = LIVE_SPEC
    limits = (2_000, 120_000)

    def __init__(self, view: Study, states: list[Subject]) -> None:
        self.view = view
        self.states = sorted(states, key=lambda subject: subject.id)

    def after(self, subject: str) -> Iterator[Subject]:
        return (state for state in self.states if state.id > subject)

    def document(self) -> None:
        return None


def traced(
    view: Study, states: list[Subject], number: tuple[numbers.Number, str]
) -> list[Document]:
    """List all subjects in a number, page by page."""
    listed: list[Document] = []
    after: str | None = ""
    while after is not None:
        page = tracing.trace(Given(view, states), *number, after)
        listed += page["subjects"]
        after = page["next"]
    return listed


def of_cell(
    study: Study, states: list[Subject], row: str, column: str = "total", statistic: str = "",
    table: str = "t",
) -> list[Document]:  # fmt: skip
    number = numbers.cell_number(study, table, row, column)
    return traced(study, states, (number, statistic))


def rows_of(study: Study, *entries: Any) -> tuple[Study, list[Subject]]:
    return study, subjects(entries)


def one_row(row: Mapping[str, Any], **changes: Any) -> Study:
    table = {"id": "t", "title": "T", "population": "P", "rows": [{"id": "r", "label": "R"} | row],
             "columns": [{"id": "total", "label": "Total", "set": "enrolled"}]}  # fmt: skip
    return tiny(tables=[table], key_results=[], figures=[], **changes)


def told(row: Mapping[str, Any], *entries: Any, level: str = "", **options: Any) -> Document:
    """Give what is said of the one subject in a row's cell."""
    study, states = rows_of(one_row(row), *entries)
    (listed,) = of_cell(study, states, f"r{level}", **options)
    return listed


def names(listed: Document, *, decisive: bool) -> set[str]:
    return {record["record"] for record in listed["records"] if record["decisive"] is decisive}


HER = enrolment(age=41, sex="F")
DOSED = (viral_load(0, 30_000), viral_load(7, 33_884), dose(7), viral_load(14, 7_943))


def test_a_response_is_told_by_its_values_dates_and_bounds() -> None:
    listed = told({"count": "day14-responder"}, HER, *DOSED)
    assert listed["explanation"] == (
        "RNA: decrease of 0.63 log10 copies/mL; 3.90 log10 copies/mL on 2015-06-15, record VL-14;"
        " baseline 4.53 log10 copies/mL on 2015-06-08, record VL-7; at least 0.5 log10 copies/mL:"
        " yes"
    )
    assert names(listed, decisive=True) == {"R", "DOSE-7", "VL-14"}
    assert names(listed, decisive=False) == {"VL-7"}


def test_a_number_is_shown_on_the_side_of_the_bound_that_it_is_on() -> None:
    near = viral_load(14, 10_719)
    listed = told({"count": "day14-responder"}, HER, *DOSED[:3], near, statistic="N")
    assert "decrease of 0.499" in listed["explanation"]
    assert listed["explanation"].endswith(": no")
    assert (listed["in"], listed["counts"]) == ("denominator", {"n": 0, "N": 1})


def test_what_stands_in_for_a_missing_value_is_said() -> None:
    late = contact(60)
    row = {"summary": "week5-bocf"}
    listed = told(row, HER, *DOSED[:3], late)
    assert "carried forward 4.53" in listed["explanation"]
    assert listed["counts"] == {"n": 1, "observed": 0, "imputed": 1}
    assert "SEEN-60" in names(listed, decisive=True)
    assert told({"count": "week5-responder"}, HER, *DOSED, late, statistic="N")[
        "explanation"
    ].startswith("RNA: no value, missing")


def test_who_is_not_yet_due_is_told_so() -> None:
    listed = told({"count": "week5-responder"}, HER, *DOSED, statistic="not_due")
    assert (listed["in"], listed["explanation"]) == ("not due", "RNA: no value, not yet due")


@pytest.mark.parametrize(
    ("row", "level", "words", "names_taken"),
    [
        ({"levels": {"characteristic": "sex"}}, "/F", "sex: F", {"R"}),
        ({"summary": "age"}, "", "Age: 41", {"R"}),
        ({"count": "treated"}, "", "a dose of 2015-06-08, record DOSE-7", {"DOSE-7", "R"}),
        ({"count": {"none": ["died"]}}, "", "not recorded: a death", {"R"}),
        ({"count": {"any": ["died", "treated"]}}, "", "a dose of 2015-06-08", {"DOSE-7"}),
        ({"events": {"emergent": True}}, "", "Headache, onset 2015-06-11, record AE-1",
         {"AE-1", "C-AE-1", "DOSE-7"}),
        ({"terms": {"filter": {}}}, "/Nervous system disorders/Headache",
         "Headache, onset 2015-06-11", {"AE-1", "C-AE-1"}),
        ({"worst": {"filter": {}, "field": "grade", "levels": [{"value": "3", "label": "3"}]}},
         "/3", "Headache", {"AE-1"}),
        ({"durations": {"filter": {}}, "statistics": ["mean"]}, "", "Headache", {"AE-1"}),
        ({"incidence": {"filter": {}}}, "", "Headache", {"AE-1", "DOSE-7"}),
        ({"resolution": {"filter": {}}}, "", "Headache", {"AE-1"}),
        ({"record_terms": {"recorded": "conmed.recorded", "by": ["route"]}}, "/ORAL",
         "a concomitant medication of 2015-06-01, record CM", {"CM"}),
        ({"levels": {"recorded": "conmed.recorded", "field": "route"}}, "/ORAL",
         "a concomitant medication of 2015-06-01", {"CM"}),
        ({"levels": {"characteristic": "load"}}, "/low",
         "RNA: 7943 copies/mL; 7943 copies/mL on 2015-06-15, record VL-14; Load: Low", {"VL-14"}),
        ({"survival": {"time": "low"}}, "", "Low: 15 days, event on 2015-06-15", {"VL-14"}),
        ({"summary": {"days": {"start": "enrolment", "end": "first-dose"}}}, "",
         "the first dose: 2015-06-08", {"DOSE-7", "R"}),
        ({"summary": {"records": "dose.administered"}}, "", "a dose of 2015-06-08", {"DOSE-7"}),
        ({"pairs": ["treated", "enrolled"]}, "", "an enrolment", {"DOSE-7", "R"}),
        ({"summary": {"difference": ["baseline-copies", "day14-copies"]}}, "",
         "7943 copies/mL on 2015-06-15, record VL-14; RNA: 25941 copies/mL", {"VL-7", "VL-14"}),
        ({"cross": {"first": "sex", "second": "load"}}, "/F/low", "Load: Low", {"VL-14", "R"}),
    ],
)  # fmt: skip
def test_each_kind_of_row_says_what_it_took(
    row: Mapping[str, Any], level: str, words: str, names_taken: set[str]
) -> None:
    event = adverse_event(10, grade=3, end=day(13), outcome="RECOVERED")
    drug = {"record": "CM", "drug": "x", "start": day(0), "route": "ORAL"}
    medication = event, coding(), entry("conmed.recorded", **drug)
    study = one_row(
        row,
        classes={"load": {"label": "Load", "measure": "day14-copies", "classes": [
            {"value": "low", "label": "Low", "below": 10_000},
            {"value": "high", "label": "High", "at_least": 10_000}]}},
        times={"low": {"label": "Low", "start": "enrolment",
                       "events": [{"parameter": "viral-load", "below": 10_000}]}},
    )  # fmt: skip
    study, states = rows_of(study, HER, *DOSED, *medication)
    (listed,) = of_cell(study, states, f"r{level}")
    assert listed["in"] == "numerator"
    assert words in listed["explanation"]
    assert names_taken <= names(listed, decisive=True) | names(listed, decisive=False)
    assert names_taken & names(listed, decisive=True)


TRIED = ("14.1.5", "14.2.1", "14.2.2", "14.2.3.2", "14.3.1.2")


def every(grids: tuple[Grid, ...]) -> dict[tuple[str, str, str], Any]:
    sizes: dict[tuple[str, str, str], Any] = {
        (grid.id, "", column.id): column.n for grid in grids for column in grid.columns
    }
    return sizes | {
        (grid.id, row.id, cell.column): tuple(
            (statistic.name, statistic.raw) for statistic in cell.statistics
        )
        for grid in grids
        for row in grid.rows
        for cell in row.cells
    }


def undone_changes_nothing(study: Study, states: list[Subject], people: list[Subject]) -> int:
    """Take each record away by hand: where a cell of the study changes, the record is decisive."""
    shares = {state.id: audience_share(study, contribute(study, state)) for state in states}
    whole = summing.total(shares.values())
    before, trials = every(report.tables(study, whole, TRIED)), 0
    for person in people:
        listed = {
            place: {
                (record["kind"], record["record"])
                for document in of_cell(study, [person], place[1], place[2], "N", place[0])
                for record in document["records"]
                if record["decisive"]
            }
            for place in before
            if not_compared(study, place)
        }
        for key, record in person.records.items():
            remaining = {
                name: own_record for name, own_record in person.records.items() if name != key
            }
            share = audience_share(study, contribute(study, replace(person, records=remaining)))
            moved = cells_moved(study, before, whole, shares[person.id], share)
            for place in moved & listed.keys():
                trials += 1
                is_listed = of_cell(study, [person], place[1], place[2], "N", place[0])
                if is_listed and not record.void:
                    assert key in listed[place], (place, key)
    return trials


def cells_moved(study: Study, before: Any, whole: Any, old: Any, new: Any) -> set[Any]:
    after = every(report.tables(study, summing.total([whole, summing.difference(new, old)]), TRIED))
    return {
        place for place in before.keys() | after.keys() if before.get(place) != after.get(place)
    }


def not_compared(study: Study, place: tuple[str, str, str]) -> bool:
    table = next(t for t in study.definition.tables if t.id == place[0])
    column = next(c for c in table.columns if c.id == place[2])
    return column.compare is None


def test_whatever_moves_a_cell_of_the_trial_is_decisive_there() -> None:
    study, people = tmb301(), subjects(feed())
    assert undone_changes_nothing(study, people, people[31:32]) > 80


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(blinded.cases())
def test_of_random_definitions_all_is_told_and_the_open_audience_nothing_of_arms(
    case: blinded.Case,
) -> None:
    for view in case.study.views:
        first, second = (everything(case, feed, view) for feed in case.feeds)
        assert all(document["explanation"] or document["in"] != "numerator" for document in first)
        if view.pooled:
            assert first == second


def everything(case: blinded.Case, entries: Any, view: Study) -> list[Document]:
    """Give all that is told of all numbers of a table."""
    states, listed = subjects(entries), []
    study_report = builders.report_of(case.study, entries, view)
    for address, _ in cells(study_report.grids):
        for statistic in ("", "N"):
            listed += of_cell(view, states, address.row, address.column, statistic, address.table)
    return listed


def test_every_kind_of_row_is_explained() -> None:
    """Of each kind somebody counts in the rows that tests draw, and is told why."""
    study = blinded.study_of(blinded.ROWS, [A, B, TOTAL], blinded=False)
    entries = [
        entry_of_subject
        for i, arm in enumerate("ab")
        for name in [f"S-{i}"]
        for entry_of_subject in (
            enrolment(subject=name, age=30 + i, sex="F"), randomised(arm, name),
            dose(subject=name, treatment={"a": "drug", "b": "placebo"}[arm]),
            adverse_event(subject=name, grade=3), coding(subject=name),
            cd4(14, 100, subject=name), viral_load(0, 900, subject=name),
            viral_load(14, 800, subject=name), viral_load(35, 700, subject=name),
        )
    ]  # fmt: skip
    entries += [enrolment(subject="S-9", age=50), randomised("a", "S-9")]  # for whom all is ahead
    states = subjects(entries)
    grids = builders.report_of(study, entries).grids
    rows = {row.id: row for row in study.definition.tables[0].rows}
    explained = set()
    for address, _ in cells(grids):
        if address.row:
            for document in of_cell(study, states, address.row, address.column, "", address.table):
                assert document["explanation"], address
                explained.add(rows[address.row.split("/")[0]].kind)
    assert explained == ROW_KINDS.keys()


@pytest.mark.parametrize("name", ["tmb-301", "airway-2x2"])
def test_boxes_key_results_and_marks_are_as_many_as_they_say(name: str) -> None:
    study, states = crossover() if name == "airway-2x2" else (tmb301(), subjects(feed()))
    sums = builders.sums_of(study, states)
    people = [SingleSubject(Derivation(study, state)) for state in states]
    n_checked = 0
    arms = {arm.label: arm.id for arm in study.definition.arms}
    for stage in report.flow(study, sums).stages:
        for box in (*stage.boxes, *stage.side):
            number = numbers.box_number(study, box.id, arms.get(box.arm, ""))
            assert count(people, number) == (box.n or 0), box
            if box.not_due is not None:
                waiting = numbers.box_number(study, box.id, statistic="not_due")
                assert count(people, waiting) == box.not_due
            n_checked += 1
    for result in report.summary(study, sums):
        number = numbers.key_result_number(study, result.id)
        if result.n is not None:
            assert count(people, number) == result.n, result.id
            n_checked += 1
    for figure in figures.figures(study, sums):
        for series in figure.series:
            for mark, n in marks(study, figure, series):
                number = numbers.mark_number(study, figure.id, series.id, mark)
                assert count(people, number) == n, (figure.id, series.id, mark)
                n_checked += 1
    assert n_checked > 60


def count(people: list[SingleSubject], number: tuple[numbers.Number, str]) -> int:
    """Count who is in a number, without asking why."""
    number_rule, statistic = number
    return sum(
        any(standing.is_in(statistic) for standing in number_rule.standings(person))
        for person in people
    )


def marks(study: Study, figure: Any, series: Any) -> Iterator[tuple[str, int]]:
    """Give how many subjects each mark is of, by what it is called."""
    definition = next(item for item in study.definition.figures if item.id == figure.id)
    visits = {visit.label: visit.id for visit in study.definition.visits}
    match definition.kind:
        case "mean" | "share":
            yield from ((visits[mark.label], mark.n) for mark in series.marks)
        case "waterfall":
            values = [mark.y for mark in series.marks]
            yield from ((value, values.count(value)) for value in dict.fromkeys(values))
            yield "", len(values)
        case "dots":
            for point in series.marks:
                row = next(
                    row.id.partition("/")[2] for row in rows_printed(study, definition)
                    if row.label == point.label and row.id.count("/") == 2
                )  # fmt: skip
                yield row, point.n


def rows_printed(study: Study, definition: Any) -> Any:
    sums = builders.sums_of(study, subjects(feed()))
    (grid,) = report.tables(study, sums, {definition.source.table})
    return grid.rows


def test_thirty_three_responded_and_each_says_why() -> None:
    study, states = tmb301(), subjects(feed())
    listed = traced(study, states, numbers.key_result_number(study, "primary-responders"))
    assert len(listed) == 33
    for document in listed:
        assert document["explanation"].endswith("at least 0.5 log10 copies/mL: yes")
        assert [value["unit"] for value in document["values"]] == ["log10 copies/mL"]
        kinds = {record["kind"] for record in document["records"] if record["decisive"]}
        assert "lab.result.reported" in kinds
        json.dumps(document)


def test_a_measure_by_arm_is_told_by_that_of_the_arm() -> None:
    study, states = crossover()
    listed = of_cell(study, states, "pairs", "pairs", "", "14.2.3")
    assert len(listed) > 20
    complete = [document for document in listed if "missing" not in document["explanation"]]
    assert len(complete) > 20
    for document in complete:
        assert [value["label"] for value in document["values"]] == ["FEV1, change"] * 2
        assert document["explanation"].count("baseline ") == 2
    failed = next(document for document in listed if document not in complete)
    assert "FEV1: no value, missing; it counts as a failure" in failed["explanation"]


def test_of_who_discontinued_the_disposition_decides() -> None:
    study = tiny()
    states = subjects([HER, *DOSED, disposition(50, "completed"), death(60)])
    box = numbers.box_number(study, "left")
    (listed,) = traced(study, states, box)
    assert names(listed, decisive=True) == {"STUDY"}
