"""Rows made once for each subgroup: of its subjects alone, with its denominators."""

from typing import Any

import builders
import pytest
from builders import adverse_event, coding, disposition, dose, enrolment, viral_load
from parallel import A, B, parallel, randomised, raws, table_of, texts

from trial.errors import Rejected
from trial.tables import checking

SEXES = {"characteristic": "sex", "values": [
    {"value": "F", "label": "Women"}, {"value": "M", "label": "Men"}]}  # fmt: skip
BELOW = {"count": "week5-below-50"}
COLUMNS = [A, B, {"id": "p", "label": "P", "compare": ["b", "a"], "counts": "newcombe"}]


def person(number: int, sex: str | None, copies: int | None, **options: Any) -> list[Any]:
    name = f"S-{number}"
    fields = {} if sex is None else {"sex": sex}
    return [
        enrolment(subject=name, age=30 + number, **fields, **options),
        randomised("ab"[number % 2], name, strata={"region": "north"}),
        dose(7, subject=name),
        *([] if copies is None else [viral_load(35, copies, subject=name)]),
        disposition(60, "completed", name),
    ]


PEOPLE = [
    *person(0, "F", 20), *person(1, "F", 500), *person(2, "M", 20), *person(3, "M", None),
    *person(4, None, 20), *person(5, "F", 20),
]  # fmt: skip


def shown(row: dict[str, Any], column: str = "a", **options: Any) -> dict[str, str]:
    grid = table_of(PEOPLE, row, columns=COLUMNS, **options)
    return {
        row_.id: f"{cell.get('n').raw}/{cell.get('N').raw}"
        for row_ in grid.rows
        for cell in row_.cells
        if cell.column == column and cell.get("N")
    }


def test_each_subgroup_has_its_own_denominator():
    assert shown(BELOW | {"subgroups": SEXES}) == {"row/F": "1/1", "row/M": "1/1"}
    assert shown(BELOW | {"subgroups": SEXES}, "b") == {"row/F": "1/2", "row/M": "0/1"}
    assert shown(BELOW) == {"row": "3/3"}


def test_the_label_stands_above_the_levels():
    grid = table_of(PEOPLE, BELOW | {"label": "Below 50", "subgroups": SEXES}, columns=COLUMNS)
    assert [(row.label, row.level) for row in grid.rows] == [
        ("Below 50", 0),
        ("Women", 1),
        ("Men", 1),
    ]


def test_columns_compare_within_a_subgroup():
    grid = table_of(PEOPLE, BELOW | {"subgroups": SEXES}, columns=COLUMNS)
    assert texts(grid, "row/F", "difference") == {"p": "50.0"}


def test_who_is_in_none_is_told():
    grid = table_of(PEOPLE, BELOW | {"subgroups": SEXES}, columns=COLUMNS)
    (note,) = (note for note in grid.footnotes if "subgroup" in note)
    assert note.endswith("Subjects: Drug 1.")
    everybody = {"characteristic": "region"}
    grid = table_of(PEOPLE, BELOW | {"subgroups": everybody}, columns=COLUMNS)
    assert not any("subgroup" in note for note in grid.footnotes)


def test_declared_levels_need_no_values_and_are_shown_with_nobody():
    counts = shown(BELOW | {"subgroups": {"characteristic": "region"}})
    assert counts == {"row/north": "3/3", "row/south": "0/0"}


def test_levels_and_visits_come_within():
    row = {"levels": {"characteristic": "region"}, "subgroups": SEXES}
    assert shown(row) == {"row/F/north": "1/1", "row/M/north": "1/1"}
    count = {"measure": {"parameter": "viral-load"}, "below": 50}
    row = {"count": count, "visits": ["week-5"], "subgroups": SEXES}
    assert shown(row, "b") == {"row/F/week-5": "1/2", "row/M/week-5": "0/0"}


def test_a_summary_is_of_the_subgroup():
    row = {"summary": "age", "statistics": ["mean", "median"], "subgroups": SEXES}
    grid = table_of(PEOPLE, row, columns=COLUMNS)
    assert texts(grid, "row/F", "median") == {"a": "30.0", "b": "33.0"}
    assert texts(grid, "row/M", "mean") == {"a": "32.0", "b": "33.0"}


def test_events_and_terms_are_of_the_subgroup():
    events = [adverse_event(10, f"AE-{i}", f"S-{i}") for i in (0, 2, 5)]
    coded = [coding("Headache", f"AE-{i}", f"S-{i}") for i in (0, 2, 5)]
    row = {"events": {}, "subgroups": SEXES}
    grid = table_of([*PEOPLE, *events], row, columns=COLUMNS)
    assert raws(grid, "row/F", "n") == {"a": 1, "b": 1}
    assert raws(grid, "row/F", "N") == {"a": 1, "b": 2}
    grid = table_of([*PEOPLE, *events, *coded], {"terms": {"filter": {}, "by": "pt"},
                                                "subgroups": SEXES}, columns=COLUMNS)  # fmt: skip
    rows = {row.id: row for row in grid.rows}
    assert rows["row/F"].level == 1
    (term, *_) = [name for name in rows if name.startswith("row/M/")]
    assert rows[term].level == 2
    assert raws(grid, term, "N")["a"] == 1


def test_nobody():
    grid = table_of([], BELOW | {"subgroups": SEXES}, columns=COLUMNS)
    assert [row.id for row in grid.rows] == ["row", "row/F", "row/M"]


@pytest.mark.parametrize(
    ("row", "pointer"),
    [
        (BELOW | {"subgroups": {"characteristic": "sex"}}, "/tables/0/rows/0/subgroups"),
        (BELOW | {"subgroups": {"characteristic": "sx"}},
         "/tables/0/rows/0/subgroups/characteristic"),
        (BELOW | {"subgroups": SEXES | {"values": [{"value": "X", "label": "X"}]}},
         "/tables/0/rows/0/subgroups/values/0/value"),
    ],
)  # fmt: skip
def test_what_makes_no_subgroups_is_refused(row, pointer):
    with pytest.raises(Rejected) as refused:
        checking.check_definition(parallel([row]))
    assert refused.value.faults[0].pointer == pointer


MODELLED = [
    *(
        entry
        for number in range(24)
        for entry in person(
            number,
            "FM"[number % 3 == 0],
            None if number in (4, 5) else 20 + 37 * number % 113 if number % 5 else 500,
        )
    ),
    *(viral_load(7, 3000 + 211 * number % 1000, subject=f"S-{number}") for number in range(24)),
]
LOAD = {"parameter": "viral-load", "at": "week-5"}
OF_ALL = [
    {"pairs": ["below", "treated"], "column": "a"},
    {"pairs": ["below", "late"], "column": "b", "interval": {"level": 0.9}},
    {"not_due": "below"},
    {"stratified": {"count": "below", "strata": ["ages"], "contrast": "difference"}},
    {"stratified": {"levels": "ages", "strata": ["region"]}},
    {"stratified": {"measure": LOAD, "strata": ["ages"]}},
    {"ancova": {"measure": LOAD, "covariates": ["age"], "factors": ["ages"]}},
    {"ancova": {"measure": "age", "scores": {"a": 1, "b": 2}}},
    {"ancova": {"measure": "age", "factors": ["ages"],
                "pool": {"ages": {"set": "enrolled", "minimum": 3}}}},
    {"mmrm": {"measure": {"parameter": "viral-load"}, "covariates": ["age"]},
     "visits": ["week-5"]},
    {"multiple_imputation": {"measure": {"parameter": "viral-load"}, "imputations": 5},
     "visits": ["day-7", "week-5"]},
]  # fmt: skip


@pytest.mark.parametrize("row", OF_ALL, ids="-".join)
def test_a_subgroup_prints_what_a_study_of_its_subjects_does(row):
    """Of pairs, of who is still to come, and of models: each is fitted within the subgroup."""
    parts = {
        "conditions": {
            "below": {"measure": LOAD, "below": 100},
            "late": {"measure": LOAD, "below": 60},
        },
        "classes": {"ages": AGES | {"classes": [
            {"value": "to-40", "label": "Up to 40", "at_most": 40},
            {"value": "over-40", "label": "Over 40", "at_least": 41}]}},
    }  # fmt: skip
    columns = [A, B, {"id": "p", "label": "P", "compare": ["b", "a"], "counts": "fisher"}]
    women = {f"S-{number}" for number in range(24) if number % 3}
    alone = [entry for entry in MODELLED if entry.subject in women]
    whole = table_of(MODELLED, row | {"subgroups": SEXES}, columns=columns, **parts)
    apart = table_of(alone, row, columns=columns, **parts)
    subgroup = {row_.id: row_.cells for row_ in whole.rows if row_.id.startswith("row/F")}
    assert subgroup == {row_.id.replace("row", "row/F", 1): row_.cells for row_ in apart.rows}
    assert any(cell.statistics for cells in subgroup.values() for cell in cells)


@pytest.mark.parametrize("row", ["row/F", "row/M"])
def test_a_key_result_shows_a_subgroup(row):
    source = {"table": "t", "row": row, "column": "a"}
    key_result = {"id": "k", "label": "K", "source": source, "show": "count-percent"}
    rows = [BELOW | {"subgroups": SEXES}]
    checking.check_definition(parallel(rows, COLUMNS, key_results=[key_result]))
    faulty = key_result | {"source": source | {"row": "row/X"}}
    with pytest.raises(Rejected):
        checking.check_definition(parallel(rows, COLUMNS, key_results=[faulty]))


ILL = [
    *(adverse_event(onset, f"AE-{i}", f"S-{i}") for i, onset in ((0, 10), (2, 7), (5, 12))),
    *(coding("Headache", f"AE-{i}", f"S-{i}") for i in (0, 2, 5)),
]
AGES = {"label": "Age", "measure": "age", "classes": [
    {"value": "to-32", "label": "Up to 32", "at_most": 32},
    {"value": "over-32", "label": "Over 32", "at_least": 33}]}  # fmt: skip


def test_pairs_of_classes_are_of_the_subgroup():
    row = {"cross": {"first": "sex", "second": "region", "percent_of": "column"}}
    assert shown(row | {"subgroups": SEXES}) == {
        "row/F/F": "1/1", "row/F/F/north": "1/1",
        "row/M/M": "1/1", "row/M/M/north": "1/1",
    }  # fmt: skip
    shift = {"before": AGES, "after": AGES, "zero_counts": True}
    counts = shown({"shift": shift, "subgroups": SEXES}, "b")
    assert counts["row/F/to-32/to-32"] == "1/2"
    assert counts["row/F/over-32/over-32"] == "1/2"
    assert counts["row/M/to-32"] == "0/1"


def test_rates_by_term_are_of_the_subgroup():
    """To the event or 30 days after the dose: 4 days, 31 and 6 of women, and one of a man."""
    row = {"incidence": {"filter": {}, "by": "pt", "per": 100}, "subgroups": SEXES}
    grid = table_of([*PEOPLE, *ILL], row, columns=COLUMNS)
    assert [(row.id, row.level) for row in grid.rows] == [
        ("row", 0), ("row/F", 1), ("row/F/Headache", 2), ("row/M", 1), ("row/M/Headache", 2),
    ]  # fmt: skip
    assert raws(grid, "row/F/Headache", "n") == {"a": 1, "b": 1}
    years = raws(grid, "row/F/Headache", "years")
    assert float(years["a"]) == pytest.approx(4 / 365.25)
    assert float(years["b"]) == pytest.approx((31 + 6) / 365.25)
    assert raws(grid, "row/M/Headache", "n") == {"a": 1, "b": 0}
    assert float(raws(grid, "row/M/Headache", "years")["a"]) == pytest.approx(1 / 365.25)


def test_times_durations_and_records_are_of_the_subgroup():
    times = {"left": {"label": "Left", "start": "first-dose", "events": [
        {"adverse_event": {}}]}}  # fmt: skip
    row = {"survival": {"time": "left", "at": [3]}, "subgroups": SEXES}
    grid = table_of([*PEOPLE, *ILL], row, columns=COLUMNS, times=times)
    assert raws(grid, "row/M/median", "days") == {"a": "1", "b": None}
    assert texts(grid, "row/F/day-3", "survival") == {"a": "100.0", "b": "100.0"}
    row = {"durations": {"filter": {}, "of": "onset-day"}, "statistics": ["mean"]}
    grid = table_of([*PEOPLE, *ILL], row | {"subgroups": SEXES}, columns=COLUMNS)
    assert texts(grid, "row/F", "mean") == {"a": "4.0", "b": "6.0"}
    row = {"record_terms": {"recorded": "disposition.recorded", "by": ["status"]}}
    counts = shown(row | {"subgroups": SEXES}, "b")
    assert set(counts.values()) == {"2/2", "1/1"}


def test_one_of_many_rows_of_a_subgroup_can_be_a_key_result():
    rows = [{"incidence": {"filter": {}, "by": "pt"}, "subgroups": SEXES}]
    source = {"table": "t", "row": "row/F/Headache", "column": "a"}
    key_result = {"id": "k", "label": "K", "source": source, "show": "n"}
    checking.check_definition(parallel(rows, COLUMNS, key_results=[key_result]))
    rows = [{"record_terms": {"recorded": "disposition.recorded", "by": ["of", "status"]}}]
    key_result["source"] = source | {"row": "row/study/completed"}
    checking.check_definition(parallel(rows, COLUMNS, key_results=[key_result]))


def test_a_note_on_a_subgroup_names_its_row():
    (grid,) = builders.tables_of(
        parallel(
            [
                {
                    "id": name,
                    "label": label,
                    "subgroups": SEXES,
                    **BELOW,
                    "denominator": denominator,
                }
                for name, label, denominator in (("x", "One", "column"), ("y", "Other", "treated"))
            ]
        ),
        PEOPLE,
    ).values()
    notes = [note for note in grid.footnotes if "percentages are of" in note]
    assert [note.partition(": ")[0] for note in notes] == [
        "One, Women", "One, Men", "Other, Women", "Other, Men",
    ]  # fmt: skip


def test_so_does_one_on_its_events_in_percent():
    row = {"label": "One", "events": {"serious": True}, "of_records": {"grade": 3}}
    entries = [*PEOPLE, adverse_event(9, subject="S-0", serious=True)]
    grid = table_of(entries, row | {"subgroups": SEXES}, columns=COLUMNS)
    assert any(note.startswith("One, Women, events in percent: ") for note in grid.footnotes)
