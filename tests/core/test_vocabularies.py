"""Words of events are those of the study's lists, spelt exactly so; terms are compared as terms."""

import unicodedata
from typing import Any, ClassVar

import pytest
from builders import (
    TINY,
    adverse_event,
    coding,
    disposition,
    dose,
    enrolment,
    entry,
    event,
    read,
    tables_of,
    tiny,
    viral_load,
)

from trial.definition.study import Study
from trial.errors import FieldError, Rejected
from trial.events.envelope import Entry
from trial.subject.acceptance import check_acceptable

ARMS = [{"id": "drug", "label": "Drug", "treatments": ["DRUG"]},
        {"id": "placebo", "label": "Placebo", "treatments": ["PLACEBO"]}]  # fmt: skip


def faults(given_event: Entry, study: Study | None = None) -> list[FieldError]:
    try:
        check_acceptable(study or tiny(), given_event)
    except Rejected as refused:
        return list(refused.faults)
    return []


@pytest.mark.parametrize(
    ("given_event", "pointer", "suggestion"),
    [
        (enrolment(race="Caucasian"), "/data/race", None),
        (enrolment(race="White"), "/data/race", "WHITE"),
        (enrolment(race="WHITE "), "/data/race", "WHITE"),
        (enrolment(ethnicity="foo"), "/data/ethnicity", None),
        (enrolment(country="Germany"), "/data/country", None),
        (enrolment(country="usa"), "/data/country", "USA"),
        (enrolment(country="UK"), "/data/country", None),
        (adverse_event(outcome="Fatal"), "/data/outcome", "FATAL"),
        (adverse_event(severity="Moderate"), "/data/severity", "MODERATE"),
        (adverse_event(action_taken="none at all"), "/data/action_taken", None),
        (adverse_event(action_taken="drug withdrawn"), "/data/action_taken", "DRUG WITHDRAWN"),
        (adverse_event(seriousness=["DEATH", "HOSPITALIZATION"], serious=True),
         "/data/seriousness/1", "HOSPITALISATION"),
        (adverse_event(causality="Related"), "/data/causality", "RELATED"),
    ],
)  # fmt: skip
def test_a_word_that_is_not_in_the_list_is_refused_with_those_that_are(
    given_event, pointer, suggestion
):
    (fault,) = faults(given_event)
    assert fault.pointer == pointer
    assert fault.detail.startswith("must be one of ")
    assert ("Did you mean" in fault.detail) == (suggestion is not None)
    if suggestion:
        assert fault.detail.endswith(f"Did you mean {suggestion}?")


@pytest.mark.parametrize(
    "given_event",
    [
        enrolment(race="BLACK OR AFRICAN AMERICAN", ethnicity="UNKNOWN", country="TWN"),
        adverse_event(outcome="RECOVERED/RESOLVED", severity="SEVERE", action_taken="UNKNOWN"),
        adverse_event(seriousness=["DEATH", "MEDICALLY IMPORTANT"], serious=True),
        disposition(40, reason="ANYTHING AT ALL"),
    ],
)
def test_what_cdisc_lists_is_taken_and_so_is_any_word_of_a_field_without_a_list(given_event):
    assert faults(given_event) == []


def test_the_status_of_a_disposition_is_one_of_two():
    with pytest.raises(Rejected) as caught:
        disposition(40, status="Withdrawn")
    assert [fault.pointer for fault in caught.value.faults] == ["/data/status"]


class TestDeclared:
    LISTS: ClassVar[Any] = {
        "disposition.recorded": {"reason": ["DEATH", "MOVED"]},
        "subject.enrolled": {"race": ["Yes"], "ethnicity": "open", "country": {"add": ["XKX"]}},
        "visit.recorded": {"position": ["SUPINE"]},
        "lab.result.reported": {"specimen": ["BLOOD"]},
        "conmed.recorded": {"indication": ["Pain"]},
    }

    @pytest.mark.parametrize(
        ("given_event", "pointers"),
        [
            (disposition(40, reason="Moved"), ["/data/reason"]),
            (disposition(40, reason="MOVED"), []),
            (enrolment(race="WHITE"), ["/data/race"]),
            (enrolment(race="Yes", ethnicity="foo", country="XKX"), []),
            (enrolment(country="DEU"), []),
            (entry("conmed.recorded", drug="x", indication="pain"), ["/data/indication"]),
            (entry("visit.recorded", visit="day-0", date="2015-06-01", measurements=[
                {"parameter": "weight", "result": "70", "position": "Supine"}]),
             ["/data/measurements/0/position"]),
            (viral_load(0, 100, specimen="blood"), ["/data/specimen"]),
            (viral_load(0, 100, specimen="BLOOD"), []),
        ],
    )  # fmt: skip
    def test_a_list_of_the_definition_is_the_one_that_counts(self, given_event, pointers):
        study = tiny(vocabularies=self.LISTS)
        assert [fault.pointer for fault in faults(given_event, study)] == pointers

    def test_a_voided_record_is_not_looked_at(self):
        void = entry("subject.enrolled", revision=2, action="void")
        assert faults(void, tiny(vocabularies=self.LISTS)) == []

    @pytest.mark.parametrize(
        "lists",
        [
            {"disposition.recorded": {"reason": []}},
            {"disposition.recorded": {"reason": ["A "]}},
            {"disposition.recorded": {"reason": "closed"}},
            {"disposition.recorded": {"reason": {"add": []}}},
        ],
    )
    def test_a_list_of_nothing_or_of_blanks_is_refused(self, lists):
        with pytest.raises(Rejected) as caught:
            tiny(vocabularies=lists)
        assert all(fault.pointer.startswith("/vocabularies/disposition.recorded/reason")
                   for fault in caught.value.faults)  # fmt: skip


class TestTreatments:
    @pytest.mark.parametrize("name", ["Placebo", "PLACEBO ", "placebo", "drug", "ASPIRIN"])
    def test_a_treatment_that_is_no_arm_s_is_refused_like_a_wrong_unit(self, name):
        study = tiny(arms=ARMS, design="parallel")
        (fault,) = faults(dose(treatment=name), study)
        assert fault.pointer == "/data/treatment"
        assert "DRUG, PLACEBO" in fault.detail

    def test_those_of_arms_and_placebo_are_taken(self):
        study = tiny(arms=ARMS[:1], placebo=["SHAM"], design="parallel")
        assert faults(dose(treatment="DRUG"), study) == []
        assert faults(dose(treatment="SHAM", amount=0), study) == []
        assert faults(dose(treatment=None), study) == []

    def test_without_treatments_of_arms_any_is_taken(self):
        assert faults(dose(treatment="anything")) == []


@pytest.mark.parametrize("text", ["   ", "\t", "\u00a0", "\u200b", "\u202e\u202c"])
def test_a_text_of_blanks_only_is_refused(text):
    for kind, data, name in (
        ("disposition.recorded",
         {"of": "study", "status": "discontinued", "date": "2015-06-10"}, "reason"),
        ("screening.failed", {"date": "2015-06-10"}, "reason"),
        ("adverse-event.reported", {"serious": False}, "term"),
    ):  # fmt: skip
        with pytest.raises(Rejected) as caught:
            read(event(kind, **data, **{name: text}))
        (fault,) = caught.value.faults
        assert (fault.pointer, fault.detail) == (f"/data/{name}", "must not be blank")


class TestTerms:
    """One term in several spellings of Unicode or blanks is one row, and in its group."""

    GROUP: ClassVar[Any] = {
        "adverse_events": TINY["adverse_events"]
        | {"groups": [{"label": "Of interest", "terms": [unicodedata.normalize("NFD", "Ménière")]}]}
    }

    @staticmethod
    def of(subject: str, pt: str) -> list[Entry]:
        return [enrolment(subject=subject), dose(subject=subject),
                adverse_event(10, subject=subject), coding(pt, subject=subject)]  # fmt: skip

    def rows(self, *terms: str, **row: Any) -> dict[str, int]:
        table = {**TINY["tables"][1], "rows": [{"id": "r", "label": "R"} | row]}
        study = tiny(tables=[table], key_results=[], **self.GROUP)
        entries = [item for i, term in enumerate(terms) for item in self.of(f"S-{i}", term)]
        grid = tables_of(study, entries)["events"]
        return {item.id: item.cells[0].get("n").raw for item in grid.rows if item.cells}

    def test_composed_decomposed_and_with_blanks_are_one_row(self):
        spellings = ["Ménière", unicodedata.normalize("NFD", "Ménière"), " Ménière "]
        rows = self.rows(*spellings, terms={"filter": {}, "by": "pt"})
        assert list(rows.values()) == [3]

    def test_a_group_has_all_of_them(self):
        spellings = ["Ménière", unicodedata.normalize("NFD", "Ménière"), " Ménière "]
        assert self.rows(*spellings, events={"groups": ["Of interest"]}) == {"r": 3}
        assert self.rows(*spellings, events={"terms": ["Ménière "]}) == {"r": 3}

    def test_another_case_is_another_term(self):
        assert len(self.rows("Headache", "HEADACHE", terms={"filter": {}, "by": "pt"})) == 2

    def test_reasons_are_compared_so_too(self):
        table = {**TINY["tables"][0], "rows": [{"id": "r", "label": "", "levels": {
            "recorded": "disposition.recorded", "field": "reason"}}]}  # fmt: skip
        study = tiny(tables=[table], key_results=[])
        entries = [
            item
            for i, reason in enumerate(["Café", unicodedata.normalize("NFD", "Café"), "Café "])
            for item in (enrolment(subject=f"S-{i}"),
                         disposition(9, subject=f"S-{i}", reason=reason))
        ]  # fmt: skip
        grid = tables_of(study, entries)["one"]
        assert [row.cells[0].get("n").raw for row in grid.rows if row.label == "Café"] == [3]
