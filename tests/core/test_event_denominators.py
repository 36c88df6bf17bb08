"""Rows of adverse events in percent of other subjects than the column's."""

from typing import Any

import pytest
from builders import adverse_event, coding, contact, dose, enrolment
from parallel import A, B, parallel, randomised, raws, table_of, texts

from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.reporting.methods import methods
from trial.tables import checking

COLUMNS = (A, B, {"id": "p", "label": "P", "compare": ["b", "a"], "counts": "newcombe"})
WOMEN = {"characteristic": "sex", "levels": ["F"]}
GRADES = [{"value": "1", "label": "1"}, {"value": "2", "label": "2"}]
ROWS: dict[str, dict[str, Any]] = {
    "row": {"events": {}},
    "row/Pain": {"terms": {"filter": {}, "by": "pt"}},
    "row/2": {"worst": {"filter": {}, "field": "grade", "levels": GRADES}},
}


def person(subject: str, arm: str, sex: str | None, *events: int) -> list[Entry]:
    fields = {} if sex is None else {"sex": sex}
    entries = [
        enrolment(subject=subject, **fields),
        randomised(arm, subject),
        dose(subject=subject),
    ]
    for i, grade in enumerate(events):
        entries += [adverse_event(10, f"E-{i}", subject, grade=grade),
                    coding("Pain", f"E-{i}", subject)]  # fmt: skip
    return [*entries, contact(20, subject)]


ENTRIES = (
    *person("S-1", "a", "F", 2, 1), *person("S-2", "a", "F"), *person("S-3", "a", "M", 2),
    *person("S-4", "b", "F", 1), *person("S-5", "b", None, 2), *person("S-6", "b", "F", 2, 2),
)  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("denominator", [WOMEN, "women", {"set": "women"}])
def test_only_its_subjects_count_in_either_number(name: str, denominator: Any) -> None:
    parts = {
        "conditions": {"women": WOMEN},
        "sets": {"women": {"label": "W", "condition": "women"}},
    }
    row = ROWS[name] | {"denominator": denominator}
    grid = table_of(ENTRIES, row, columns=COLUMNS, **parts)
    assert raws(grid, name, "n") == {"a": 1, "b": 2 if name != "row/2" else 1}
    assert raws(grid, name, "N") == {"a": 2, "b": 2}
    assert texts(grid, name, "percent")["a"] == "(50%)" or "50" in texts(grid, name, "percent")["a"]
    assert any("percentages are of" in note for note in grid.footnotes)


def test_without_anybody_in_it_there_is_no_percentage():
    nobody = {"characteristic": "sex", "levels": ["U"]}
    for name, row in ROWS.items():
        grid = table_of(ENTRIES, row | {"denominator": nobody}, columns=COLUMNS)
        rows = [grid_row for grid_row in grid.rows if grid_row.id == name]
        assert all(raws(grid, name, "N") == {"a": 0, "b": 0} for _ in rows)


def test_comparisons_and_the_least_percentage_are_of_it_too():
    row = {"terms": {"filter": {}, "by": "pt", "minimum_percent": 60}, "denominator": WOMEN}
    grid = table_of(ENTRIES, row, columns=COLUMNS)
    assert raws(grid, "row/Pain", "difference")["p"] == "-50"
    fewer = table_of(ENTRIES, {**row, "terms": row["terms"] | {"minimum_percent": 60},
                              "denominator": {"none": [WOMEN]}}, columns=COLUMNS)  # fmt: skip
    assert raws(fewer, "row/Pain", "N")["a"] == 1


@pytest.mark.parametrize("word", ["determined", "column", "assessed"])
def test_a_word_says_nothing_of_adverse_events_and_is_refused(word: str) -> None:
    with pytest.raises(Rejected) as refused:
        checking.check_definition(parallel([{"events": {}, "denominator": word}]))
    assert refused.value.faults[0].pointer == "/tables/0/rows/0/denominator"


def test_it_is_told_and_hidden_where_it_tells_the_arm():
    in_a = {"characteristic": "arm", "levels": ["a"]}
    rows = [
        {"events": {}, "denominator": WOMEN},
        {"id": "arm", "events": {}, "denominator": in_a},
    ]
    study = parallel(rows, blinded=True)
    text = str([section.rows for section in methods(study.definition)])
    assert "in percent of those of whom" in text
    (table,) = study.open.definition.tables
    assert [row.id for row in table.rows] == ["row"]
