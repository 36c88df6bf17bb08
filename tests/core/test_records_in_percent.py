"""Events and records in percent of all of them: of the row by term, of the column otherwise."""

from typing import Any

import pytest
from builders import adverse_event, cell, coding, dose, enrolment, entry
from parallel import TOTAL, A, B, parallel, printed, randomised, raws, table_of

from trial.definition.available_statistics import available_statistics
from trial.definition.outputs import CellRef
from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.render import markdown
from trial.render.page import cells as page_cells
from trial.reporting.methods import methods
from trial.tables import checking
from trial.tables.grid import Column

SERIOUS: dict[str, Any] = {"events": {"serious": True}, "of_records": True}
COLUMN = Column("a", "Drug", 2)


def person(subject: str, arm: str = "a") -> list[Entry]:
    return [enrolment(subject=subject), randomised(arm, subject), dose(7, subject=subject)]


def event(
    subject: str, record: str, term: str = "Pain", onset: int = 9, **data: Any
) -> list[Entry]:
    return [adverse_event(onset, record, subject, **data), coding(term, record, subject)]


ENTRIES = [
    *person("S-1"), *event("S-1", "1", serious=True), *event("S-1", "2"),
    *event("S-1", "3", "Rash"), *person("S-2"), *event("S-2", "4", onset=3), *person("S-3", "b"),
]  # fmt: skip


def test_events_are_of_all_of_the_column():
    grid = table_of(ENTRIES, SERIOUS)
    assert printed(grid, "row", "a") == {
        "n": "1", "N": "2", "percent": "50",
        "events": "1", "all_events": "4", "events_percent": "25"}  # fmt: skip
    assert printed(grid, "row", "b")["all_events"] == "0"
    assert raws(grid, "row", "events_percent")["b"] is None
    assert raws(grid, "row", "events_percent")["total"] == "25"


def test_a_filter_names_fewer_and_the_row_is_of_these_alone():
    row = {"events": {}, "of_records": {"emergent": True}}
    texts = printed(table_of(ENTRIES, row), "row", "a")
    assert (texts["n"], texts["events"], texts["all_events"]) == ("1", "3", "3")
    assert printed(table_of(ENTRIES, {"events": {}}), "row", "a")["events"] == "4"


def test_of_a_column_of_some_events_they_are_of_those():
    grave = {**TOTAL, "id": "grave", "label": "Grave", "events": {"onset_days": [1, None]}}
    grid = table_of(ENTRIES, SERIOUS, columns=(TOTAL, grave))
    assert raws(grid, "row", "all_events") == {"total": 4, "grave": 3}
    assert raws(grid, "row", "events") == {"total": 1, "grave": 1}


@pytest.mark.parametrize("level", ["pt", ["soc", "pt"]])
def test_terms_are_of_all_that_the_row_selects(level):
    row = {"terms": {"filter": {"emergent": True}, "by": level}, "of_records": True}
    grid = table_of(ENTRIES, row)
    shares = {row.label: printed(grid, row.id, "a")["events_percent"] for row in grid.rows}
    assert (shares["Pain"], shares["Rash"]) == ("67", "33")
    assert {raws(grid, row.id, "all_events")["a"] for row in grid.rows} == {3}


def test_an_event_in_two_groups_or_in_none_is_one_of_all():
    groups = [{"label": "G", "terms": ["Pain"]}, {"label": "H", "terms": ["Pain"]}]
    row = {"terms": {"filter": {}, "by": ["group"]}, "of_records": True}
    events = {"causality": ["RELATED", "NOT RELATED"], "related": ["RELATED"], "groups": groups}
    grid = table_of(ENTRIES, row, adverse_events=events)
    assert {row.id: raws(grid, row.id, "events")["a"] for row in grid.rows} == {
        "row/G": 3, "row/H": 3}  # fmt: skip
    assert raws(grid, "row/G", "all_events")["a"] == 4


def test_records_are_of_all_that_the_row_selects():
    history = [
        entry("medical-history.reported", "S-1", record=str(i), term="X", ongoing=ongoing)
        for i, ongoing in enumerate([True, True, False])
    ]
    row = {"record_terms": {"recorded": "medical-history.reported", "by": ["ongoing"]}}
    grid = table_of([*ENTRIES, *history], row | {"of_records": True})
    by_row = {row.id: printed(grid, row.id, "a")["events_percent"] for row in grid.rows}
    assert sorted(by_row.values()) == ["33", "67"]
    assert "all_events" not in printed(table_of([*ENTRIES, *history], row), grid.rows[0].id, "a")


def test_what_lacks_a_field_asked_for_is_told_of_both():
    row = {"events": {"serious": True}, "of_records": {"grade": [1]}}
    grid = table_of([*ENTRIES, *event("S-1", "9", grade=1)], row)
    assert raws(grid, "row", "all_events")["a"] == 1
    assert any(
        "events in percent: adverse events of which grade is not reported" in note
        for note in grid.footnotes
    )


def test_only_subjects_of_the_rows_denominator_count():
    row = SERIOUS | {"denominator": {"characteristic": "arm", "levels": ["b"]}}
    assert raws(table_of(ENTRIES, row), "row", "all_events")["total"] == 0


def test_nobody_and_none():
    grid, nobody = table_of([], SERIOUS), Column("a", "Drug", 0)
    assert printed(grid, "row", "a")["all_events"] == "0"
    assert markdown.cell_text(cell(grid, "row", "a"), nobody) == "not reported"
    assert [line.text for line in page_cells.lines(cell(grid, "row", "a"), nobody)] == [
        "not reported", "not reported"]  # fmt: skip
    none = printed(table_of(ENTRIES, SERIOUS | {"events": {"outcome": "FATAL"}}), "row", "a")
    assert (none["events"], none["all_events"], none["events_percent"]) == ("0", "4", "")


def test_documents_show_them_beside_each_other():
    row_cell = cell(table_of(ENTRIES, SERIOUS), "row", "a")
    lines = {line.label: (line.text, line.share) for line in page_cells.lines(row_cell, COLUMN)}
    assert lines == {"n (%)": ("1", "(50%)"), "Events (%)": ("1/4", "(25%)")}
    assert markdown.cell_text(row_cell, COLUMN) == "1 (50%); 1 of 4 events (25%)"


def test_the_methods_say_of_what():
    def words(row: dict[str, Any]) -> str:
        sections = {method.id: method for method in methods(parallel([row]).definition)}
        return sections["rows"].rows[0][-1]

    assert "events in percent of all adverse events of the column" in words(SERIOUS)
    sentence = words(SERIOUS | {"of_records": {"emergent": True}})
    assert "in percent of all of these in the column" in sentence
    assert "in percent of all" not in words({"events": {}})


@pytest.mark.parametrize(
    ("row", "words"),
    [({"count": "treated", "of_records": True}, "of_records"),
     ({"terms": {"filter": {}}, "of_records": {"emergent": True}}, "of rows of `events` alone"),
     ({"worst": {"filter": {}, "field": "grade", "levels": [{"value": "1", "label": "1"}]},
       "of_records": True}, "of_records")],
)  # fmt: skip
def test_other_rows_take_none(row, words):
    with pytest.raises(Rejected) as refused:
        parallel([row])
    assert words in refused.value.faults[0].detail


def test_an_unknown_group_of_the_denominator_is_refused():
    row = SERIOUS | {"of_records": {"groups": ["Nowhere"]}}
    with pytest.raises(Rejected) as refused:
        checking.check_definition(parallel([row]))
    assert refused.value.faults[0].pointer.startswith("/tables/0/rows/0/of_records")


@pytest.mark.parametrize(
    "row", [SERIOUS, {"terms": {"filter": {}, "by": "pt"}, "of_records": True}]
)
def test_what_a_cell_can_hold_is_known_beforehand(row: dict[str, Any]) -> None:
    study = parallel([row], [A, B])
    for printed_row in table_of(ENTRIES, row, columns=[A, B]).rows:
        for row_cell in printed_row.cells:
            ref = CellRef(table="t", row=printed_row.id, column=row_cell.column)
            available = available_statistics(ref, study.definition.tables)
            assert {statistic.name for statistic in row_cell.statistics} == available
