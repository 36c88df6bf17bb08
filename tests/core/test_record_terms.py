"""Tables of medical history by term and of medication by class and name."""

from collections import defaultdict
from typing import Any

import builders
import pytest
from builders import dose, enrolment, entry, tiny
from hypothesis import given, settings
from hypothesis import strategies as st
from parallel import parallel, randomised, texts

from trial.definition.study import Study
from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.reporting.methods import methods
from trial.tables import checking
from trial.tables.grid import Grid

BY = ["atc1", "atc2", "preferred_name"]
TAKEN: dict[str, Any] = {"recorded": "conmed.recorded", "by": BY}
HISTORY: dict[str, Any] = {"recorded": "medical-history.reported", "by": ["soc", "pt"]}


def study(terms: dict[str, Any], **parts: Any) -> Study:
    row = {"id": "r", "label": "Row", "record_terms": terms}
    table = {"id": "t", "title": "T", "population": "All", "rows": [row],
             "columns": [{"id": "total", "label": "Total", "set": "enrolled"}]}  # fmt: skip
    return tiny(tables=[table], key_results=[], **parts)


def grid(terms: dict[str, Any], *entries: Entry, **parts: Any) -> Grid:
    return builders.tables_of(study(terms, **parts), entries)["t"]


def shown(table: Grid) -> list[tuple[int, str, str, str]]:
    return [
        (row.level, row.label, row.cells[0].get("n").text, row.cells[0].get("events").text)
        for row in table.rows
    ]


def history(pt: str, soc: str, subject: str = "S-1", record: str = "MH-1") -> list[Entry]:
    return [
        entry("medical-history.reported", subject, record=record, term="as told"),
        entry("medical-history.coded", subject, record=f"C-{record}", medical_history=record,
              dictionary="MedDRA", version="18.1", soc=soc, pt=pt),
    ]  # fmt: skip


def taken(record: str, name: str = "", *codes: str, subject: str = "S-1", **data: Any) -> list[Any]:
    reported = [entry("conmed.recorded", subject, record=record, drug="x", **data)]
    coded = entry("conmed.coded", subject, record=f"C-{record}", medication=record,
                  dictionary="WHODrug", version="1", preferred_name=name or "?",
                  atc=[{"code": code} for code in codes])  # fmt: skip
    return [*reported, *([coded] if name else [])]


def test_history_by_class_and_term_counts_subjects_and_entries():
    table = grid(
        HISTORY,
        enrolment(),
        enrolment(subject="S-2"),
        *history("Asthma", "Lungs"),
        *history("Asthma", "Lungs", record="MH-2"),
        *history("Cough", "Lungs", subject="S-2"),
        *history("Rash", "Skin", subject="S-2", record="MH-9"),
        entry("medical-history.reported", "S-2", record="MH-3", term="uncoded"),
    )
    assert shown(table) == [
        (0, "Lungs", "2", "3"),
        (1, "Asthma", "1", "2"),
        (1, "Cough", "1", "1"),
        (0, "Not coded", "1", "1"),
        (1, "Not coded", "1", "1"),
        (0, "Skin", "1", "1"),
        (1, "Rash", "1", "1"),
    ]
    assert [row.cells[0].get("percent").text for row in table.rows[:2]] == ["100", "50"]


class TestMedication:
    HISTORY = (
        enrolment(),
        dose(),
        *taken("A", "ASPIRIN", "N02BA01", "B01AC06"),
        *taken("B", "CODEINE", "N02AA59"),
        *taken("C", "ASPIRIN", "N02BA01", "N02BA51"),
    )

    def test_a_class_is_followed_down_and_no_other_is_crossed_with_it(self):
        assert shown(grid(TAKEN, *self.HISTORY)) == [
            (0, "B", "1", "1"),
            (1, "B01", "1", "1"),
            (2, "ASPIRIN", "1", "1"),
            (0, "N", "1", "3"),
            (1, "N02", "1", "3"),
            (2, "ASPIRIN", "1", "2"),
            (2, "CODEINE", "1", "1"),
        ]

    def test_or_the_first_class_alone(self):
        table = grid(TAKEN, *self.HISTORY, medications={"classes": "first"})
        assert [label for level, label, *_ in shown(table) if level == 0] == ["N"]

    def test_without_a_class_or_a_coding_it_says_so(self):
        table = grid(TAKEN, enrolment(), *taken("A", "WATER"), *taken("B"))
        assert shown(table) == [
            (0, "Not coded", "1", "2"),
            (1, "Not coded", "1", "2"),
            (2, "Not coded", "1", "1"),
            (2, "WATER", "1", "1"),
        ]

    def test_a_field_that_is_missing_has_a_row(self):
        by_route = {"recorded": "conmed.recorded", "by": ["route"]}
        table = grid(by_route, enrolment(), *taken("A"), *taken("B", route="ORAL"))
        assert [label for _, label, *_ in shown(table)] == ["Missing", "ORAL"]

    def test_what_may_or_may_not_be_meant_is_not_counted_and_said(self):
        terms = TAKEN | {"where": {"concomitant": True}}
        table = grid(terms, enrolment(), dose(), *taken("A", "X", "A10", start="2015-06"))
        assert [row.label for row in table.rows if row.cells] == []
        note = (
            "Row: records of which concomitant is not known are not counted: Total 1 record,"
            " and so 1 subject."
        )
        assert note in (*table.footnotes, *table.rows[0].notes)

    def test_only_what_enough_have(self):
        terms = HISTORY | {"minimum_percent": 60, "order": "alphabetical"}
        table = grid(
            terms, enrolment(), enrolment(subject="S-2"), *history("Rash", "Skin"),
            *history("Rash", "Skin", subject="S-2"), *history("Cough", "Lungs", record="MH-2"),
        )  # fmt: skip
        assert [label for _, label, *_ in shown(table)] == ["Skin", "Rash"]


NAMES, CODES = st.sampled_from(["X", "Y"]), st.sampled_from(["A10BA", "A10", "B01AC", "A"])
DRAWN = st.lists(
    st.tuples(st.sampled_from(["S-1", "S-2"]), NAMES, st.lists(CODES, max_size=3)), max_size=6
)


@settings(max_examples=80, deadline=None)
@given(DRAWN)
def test_against_a_recount(medications):
    subjects: dict[tuple[str, ...], set[str]] = defaultdict(set)
    records: dict[tuple[str, ...], int] = defaultdict(int)
    entries = [enrolment(subject="S-1"), enrolment(subject="S-2")]
    for i, (subject, name, codes) in enumerate(medications):
        entries += taken(f"R{i}", name, *codes, subject=subject)
        paths = {
            path
            for code in codes or [""]
            for first, second in [(code[:1], code[:3] if len(code) > 2 else "")]
            for path in [(first or "Not coded",), (first or "Not coded", second or "Not coded"),
                         (first or "Not coded", second or "Not coded", name)]
        }  # fmt: skip
        for path in paths:
            subjects[path].add(subject)
            records[path] += 1
    table = grid(TAKEN, *entries)
    counted = {
        row.id.removeprefix("r/"): (row.cells[0].get("n").raw, row.cells[0].get("events").raw)
        for row in table.rows
    }
    assert counted == {"/".join(path): (len(subjects[path]), records[path]) for path in subjects}


@pytest.mark.parametrize(
    ("terms", "pointer"),
    [
        ({"recorded": "conmed.record", "by": ["drug"]}, "/recorded"),
        ({"recorded": "conmed.recorded", "by": ["soc"]}, "/by/0"),
        ({"recorded": "conmed.recorded", "by": ["drug", "drug"]}, "/by"),
        ({"recorded": "conmed.recorded", "by": []}, "/by"),
        ({"recorded": "conmed.recorded", "by": ["atc1"], "where": {"soc": "x"}}, "/where/soc"),
    ],
)
def test_a_name_that_is_not_known_is_refused_where_it_stands(terms, pointer):
    with pytest.raises(Rejected) as refused:
        checking.check_definition(study(terms))
    assert f"/tables/0/rows/0/record_terms{pointer}" in [
        fault.pointer for fault in refused.value.faults
    ]


def test_the_methods_say_by_what():
    sentences = [text for section in methods(study(TAKEN).definition) for row in section.rows
            for text in row]  # fmt: skip
    assert any("a concomitant medication is recorded" in text and "by atc1, atc2" in text
               for text in sentences)  # fmt: skip


def test_columns_that_compare_compare_the_subjects():
    columns = [
        {"id": "a", "label": "A", "set": "randomised", "arm": "a"},
        {"id": "b", "label": "B", "set": "randomised", "arm": "b"},
        {"id": "p", "label": "P", "compare": ["a", "b"]},
    ]
    defined = parallel([{"record_terms": HISTORY}], columns)
    people = [("a", f"A-{i}") for i in range(4)] + [("b", f"B-{i}") for i in range(4)]
    entries = [event for arm, name in people
               for event in (enrolment(subject=name), randomised(arm, name))]  # fmt: skip
    entries += [event for _, name in people[:4] for event in history("Rash", "Skin", name)]
    table = builders.tables_of(defined, entries)["t"]
    assert texts(table, "row/Skin", "n") == {"a": "4", "b": "0"}
    assert texts(table, "row/Skin", "p")["p"] == "0.0286"  # Fisher: 2 of 70
