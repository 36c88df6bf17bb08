"""Adverse events by what they are, how bad they were, and the time they took to come."""

from typing import Any, ClassVar

import pytest
from builders import (
    TINY,
    adverse_event,
    coding,
    contact,
    disposition,
    dose,
    enrolment,
    truth,
)
from parallel import parallel, randomised, raws, table_of

from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.reporting import report
from trial.subject.fold import fold_all
from trial.tables import checking

GRADES = [
    {"value": "MILD", "label": "Mild"},
    {"value": "MODERATE", "label": "Moderate"},
    {"value": "SEVERE", "label": "Severe"},
]
WORST = {"field": "severity", "levels": GRADES}


def event(record: str, severity: str | None, pt: str = "Headache", **options: Any) -> list[Entry]:
    fields = {} if severity is None else {"severity": severity}
    soc = options.pop("soc", "Nervous system disorders")
    return [adverse_event(record=record, **(fields | options)), coding(pt, record, soc=soc)]


PERSON = [enrolment(), randomised("a"), dose()]


def numbers(grid: Any, start: str = "row") -> dict[str, int]:
    return {
        row.id.removeprefix(start): raws(grid, row.id, "n")["total"]
        for row in grid.rows
        if row.cells
    }


class TestWorst:
    ROW: ClassVar[dict[str, Any]] = {"worst": {"filter": {}} | WORST}

    def test_a_subject_counts_once_at_the_worst_it_had(self):
        entries = [*PERSON, *event("1", "MODERATE"), *event("2", "MILD"), *event("3", "MODERATE")]
        assert numbers(table_of(entries, self.ROW)) == {"/MILD": 0, "/MODERATE": 1, "/SEVERE": 0}

    def test_the_order_is_that_of_the_scale_and_not_of_the_alphabet(self):
        row = {"worst": {"filter": {}, "field": "severity", "levels": GRADES[::-1]}}
        entries = [*PERSON, *event("1", "MODERATE"), *event("2", "MILD")]
        assert numbers(table_of(entries, row))["/MODERATE"] == 1

    def test_the_order_of_other_words_is_the_definition_s(self):
        levels = [{"value": word, "label": word} for word in ("small", "great", "awful")]
        row = {"worst": {"filter": {}, "field": "severity", "levels": levels}}
        entries = [*PERSON, *event("1", "awful"), *event("2", "great")]
        assert numbers(table_of(entries, row))["/awful"] == 1

    def test_events_of_unknown_severity_are_passed_over_beside_others(self):
        entries = [*PERSON, *event("1", None), *event("3", "MILD")]
        assert numbers(table_of(entries, self.ROW)) == {"/MILD": 1, "/MODERATE": 0, "/SEVERE": 0}

    def test_who_has_no_event_of_known_severity_is_missing(self):
        grid = table_of([*PERSON, *event("1", None)], self.ROW)
        assert numbers(grid) == {"/MILD": 0, "/MODERATE": 0, "/SEVERE": 0, "/": 1}
        assert grid.rows[-1].label == "Missing"

    def test_a_level_that_is_not_named_has_its_row_and_is_no_other_s_worst(self):
        entries = [*PERSON, *event("2", "TERRIBLE"), *event("3", "MILD")]
        assert numbers(table_of(entries, self.ROW))["/TERRIBLE"] == 1
        row = {"worst": {"filter": {}, "field": "severity", "levels": GRADES[1:]}}
        mild = [*PERSON, *event("1", "MODERATE"), *event("2", "MILD")]
        assert numbers(table_of(mild, row)) == {"/MODERATE": 1, "/SEVERE": 0}
        assert numbers(table_of([*PERSON, *event("2", "MILD")], row))["/MILD"] == 1

    def test_grades_are_levels_too(self):
        levels = [{"value": str(i), "label": f"Grade {i}"} for i in range(1, 6)]
        row = {"worst": {"filter": {}, "field": "grade", "levels": levels}}
        entries = [*PERSON, *event("1", None, grade=2), *event("2", None, grade=4)]
        assert numbers(table_of(entries, row)) == {"/1": 0, "/2": 0, "/3": 0, "/4": 1, "/5": 0}

    def test_only_the_events_meant_count(self):
        row = {"worst": {"filter": {"serious": True}} | WORST}
        entries = [*PERSON, *event("1", "SEVERE"), *event("2", "MILD", serious=True)]
        assert numbers(table_of(entries, row)) == {"/MILD": 1, "/MODERATE": 0, "/SEVERE": 0}


class TestWorstByTerm:
    ENTRIES = (
        *PERSON,
        *event("1", "MILD"),
        *event("2", "SEVERE"),
        *event("3", "MODERATE", "Migraine"),
        *event("4", "MILD", "Rash", soc="Skin"),
        *event("5", None, "Itching", soc="Skin"),
    )

    def row(self, **terms: Any) -> dict[str, Any]:
        return {"terms": {"filter": {}, "worst": WORST} | terms}

    def test_each_class_and_each_term_has_its_own_worst(self):
        counts = numbers(table_of(self.ENTRIES, self.row()), "row/")
        nervous, skin = "Nervous system disorders", "Skin"
        assert {name: n for name, n in counts.items() if n} == {
            nervous: 1, f"{nervous}/SEVERE": 1,
            f"{nervous}/Headache": 1, f"{nervous}/Headache/SEVERE": 1,
            f"{nervous}/Migraine": 1, f"{nervous}/Migraine/MODERATE": 1,
            skin: 1, f"{skin}/MILD": 1, f"{skin}/Rash": 1, f"{skin}/Rash/MILD": 1,
            f"{skin}/Itching": 1, f"{skin}/Itching/": 1,
        }  # fmt: skip

    def test_levels_stand_below_their_term_with_their_labels(self):
        grid = table_of(self.ENTRIES, self.row(by="soc"))
        assert [(row.level, row.label) for row in grid.rows][:4] == [
            (0, "Nervous system disorders"), (1, "Mild"), (1, "Moderate"), (1, "Severe"),
        ]  # fmt: skip

    def test_by_term_alone(self):
        counts = numbers(table_of(self.ENTRIES, self.row(by="pt")), "row/")
        assert counts["Headache/SEVERE"] == counts["Rash/MILD"] == 1
        assert "Skin" not in counts


class TestFilters:
    @staticmethod
    def holds(criteria: dict[str, Any], *entries: Entry, **changes: Any) -> Any:
        conditions = {"new": {"adverse_event": criteria}}
        return truth("new", *entries, study=parallel(conditions=conditions, **changes))

    def test_severity_is_one_of_those_named(self):
        criteria = {"severity": ["MODERATE", "SEVERE"]}
        assert self.holds(criteria, *event("1", "SEVERE")) is True
        assert self.holds(criteria, *event("1", "MILD")) is False
        assert self.holds(criteria, *event("1", None)) is False

    def test_a_group_is_its_terms_and_those_named_beside_it(self):
        criteria = {"groups": ["Rash (pooled)"], "terms": ["Itching"]}
        truths = {pt: self.holds(criteria, *event("1", None, pt))
                 for pt in ("Rash", "Rash macular", "Itching", "Headache")}  # fmt: skip
        assert truths == {"Rash": True, "Rash macular": True, "Itching": True, "Headache": False}

    def test_a_treatment_is_that_of_the_last_dose_before_the_onset(self):
        doses = [dose(7, treatment="drug"), dose(21, treatment="placebo")]
        truths = {onset: self.holds({"treatment": "drug"}, *doses, adverse_event(onset))
                 for onset in (6, 7, 20, 21)}  # fmt: skip
        assert truths == {6: False, 7: True, 20: True, 21: False}
        assert self.holds({"treatment": "drug"}, *doses, adverse_event(None)) is False

    def test_all_parts_must_hold_of_one_event(self):
        criteria = {"severity": ["SEVERE"], "terms": ["Rash"]}
        assert self.holds(criteria, *event("1", "SEVERE"), *event("2", "MILD", "Rash")) is False
        assert self.holds(criteria, *event("1", "SEVERE", "Rash")) is True

    def test_a_term_of_two_groups_cannot_be_pooled_into_one(self):
        groups = [{"label": "Rash", "terms": ["Rash"]},
                  {"label": "Skin", "terms": ["Rash ", "Itch"]}]  # fmt: skip
        changes = {"adverse_events": TINY["adverse_events"] | {"groups": groups}}
        row = {"id": "r", "label": "Row", "terms": {"filter": {}, "by": "pt", "pooled": True}}
        with pytest.raises(Rejected) as caught:
            checking.check_definition(parallel([row], **changes))
        assert (
            "/tables/0/rows/0/terms/pooled",
            "must not have one term in two groups: Rash",
        ) in [(fault.pointer, fault.detail) for fault in caught.value.faults]

    def test_a_group_that_is_none_is_refused(self):
        with pytest.raises(Rejected) as caught:
            checking.check_definition(
                parallel(conditions={"new": {"adverse_event": {"groups": ["Rashes"]}}})
            )
        assert [fault.pointer for fault in caught.value.faults] == [
            "/conditions/new/adverse_event/groups/0"
        ]


class TestLacking:
    """An event that lacks what is asked is not counted, and a footnote says so."""

    ROWS: ClassVar[list[tuple[dict[str, Any], dict[str, Any]]]] = [
        ({"grade": 3}, {"grade": 3}),
        ({"grade_at_least": 3}, {"grade": 4}),
        ({"severity": ["SEVERE"]}, {"severity": "SEVERE"}),
        ({"action_taken": "DRUG WITHDRAWN"}, {"action_taken": "DRUG WITHDRAWN"}),
        ({"outcome": "FATAL"}, {"outcome": "FATAL"}),
        ({"seriousness": "DEATH", "serious": True}, {"serious": True, "seriousness": ["DEATH"]}),
    ]

    @staticmethod
    def notes(row: dict[str, Any], *entries: Entry) -> list[str]:
        grid = table_of([*PERSON, *entries], row)
        return [footnote for footnote in grid.footnotes if "not reported" in footnote]

    @pytest.mark.parametrize(("criteria", "fields"), ROWS)
    @pytest.mark.parametrize("kind", ["events", "count", "terms", "incidence", "stratified"])
    def test_whoever_asks_says_of_how_many_it_is_not_known(self, kind, criteria, fields):
        row = {"events": {"events": criteria}, "count": {"count": {"adverse_event": criteria}},
               "terms": {"terms": {"filter": criteria}},
               "stratified": {"stratified": {"count": {"adverse_event": criteria},
                                             "strata": ["arm"]}},
               "incidence": {"incidence": {"filter": criteria}}}[kind]  # fmt: skip
        bare = [adverse_event(record="1", serious="serious" in criteria), coding("Headache", "1")]
        known_events = [
            adverse_event(record="2", **({"serious": False} | fields)),
            coding("Rash", "2"),
        ]
        assert self.notes(row, *known_events) == []
        notes = self.notes(row, *bare, *known_events)
        by_subject = kind in ("count", "stratified")
        assert notes == ([] if by_subject else [self.said("1 event", criteria)])
        subjects = "1 subject" if by_subject else "1 event, and so 1 subject"
        assert self.notes(row, *bare) == [self.said(subjects, criteria)]

    @pytest.mark.parametrize(("criteria", "fields"), ROWS)
    def test_pairs_say_so_of_either_condition(self, criteria, fields):
        bare = adverse_event(record="1", serious="serious" in criteria)
        complete = adverse_event(record="2", **({"serious": False} | fields))
        for pair in (
            ["treated", {"adverse_event": criteria}],
            [{"adverse_event": criteria}, "treated"],
        ):
            row = {"pairs": pair, "column": "total"}
            assert self.notes(row, complete) == self.notes(row, bare, complete) == []
            (note,) = self.notes(row, bare)
            assert note.endswith("is not reported are not counted: Total 1 subject.")

    @staticmethod
    def said(counts_text: str, criteria: dict[str, Any]) -> str:
        words = {"grade_at_least": "grade", "seriousness": "criteria of seriousness",
                 "action_taken": "action taken"}  # fmt: skip
        subject_words = words.get(next(iter(criteria)), next(iter(criteria)))
        return (
            f"Row: adverse events of which {subject_words} is not reported are not counted:"
            f" Drug {counts_text}; Total {counts_text}."
        )

    def test_another_part_that_fails_settles_it(self):
        row = {"events": {"grade": 3, "serious": True}}
        assert self.notes(row, *event("1", None)) == []

    def test_an_event_that_is_not_coded_may_be_any_term(self):
        row = {"events": {"terms": ["Rash"]}}
        (note,) = self.notes(row, adverse_event())
        assert "preferred term is not reported" in note
        assert self.notes({"events": {"terms": ["Not coded"]}}, adverse_event()) == []

    @pytest.mark.parametrize(("criteria", "fields"), ROWS)
    def test_a_time_to_one_says_who_is_censored_for_that(self, criteria, fields):
        time = {"label": "Time", "start": "enrolment", "events": [{"adverse_event": criteria}]}

        def notes(*entries: Entry) -> list[str]:
            rows = {"survival": {"time": "first"}}
            grid = table_of([*PERSON, *entries], rows, times={"first": time})
            return [footnote for footnote in grid.footnotes if "not reported" in footnote]

        bare = adverse_event(record="1", serious="serious" in criteria)
        complete = adverse_event(record="2", **({"serious": False} | fields))
        assert notes(complete) == notes(bare, complete) == []
        assert notes(bare) == [self.said("1 subject", criteria)]

    def test_what_came_before_the_start_is_not_meant(self):
        time = {"label": "Time", "start": "first-dose", "events": [{"adverse_event": {"grade": 3}}]}
        grid = table_of(
            [*PERSON, adverse_event(-3)], {"survival": {"time": "first"}}, times={"first": time}
        )
        assert grid.footnotes == ()

    def test_none_of_such_events_is_not_known_either(self):
        row = {"count": {"none": [{"adverse_event": {"grade": 3}}]}}
        (note,) = self.notes(row, *event("1", None))
        assert note == (
            "Row: adverse events of which grade is not reported are not counted:"
            " Drug 1 subject; Total 1 subject."
        )


class TestIncidence:
    """First events by time at risk, as a subject contributes them."""

    @staticmethod
    def risk(*entries: Entry, **events: Any) -> dict[str, int]:
        rules = TINY["adverse_events"] | {"days_after_last_dose": 30} | events
        row = {"incidence": {"filter": {"terms": ["Rash"]}}}
        total = {"id": "total", "label": "Total", "set": "enrolled"}
        study = parallel([row], [total], adverse_events=rules)
        share = report.contribute(study, fold_all("S-1", [enrolment(), *entries]))
        return {name.rpartition(".")[2]: n for name, n in share.get("cells#0", {}).items()}

    def test_risk_runs_from_the_first_dose_to_the_first_event_both_days_counted(self):
        later = event("2", None, "Rash", onset="2015-07-20")
        entries = [dose(7), *event("1", None, "Rash", onset="2015-06-10"), *later, contact(60)]
        assert self.risk(*entries) == {"n": 1, "d": 3}

    def test_without_an_event_it_ends_with_the_last_contact(self):
        assert self.risk(dose(7), contact(20)) == {"d": 14}
        assert self.risk(dose(7)) == {"d": 1}

    def test_it_ends_with_the_study_s_days_after_the_last_dose(self):
        assert self.risk(dose(7), dose(14), contact(100)) == {"d": 38}
        assert self.risk(dose(7), contact(100), days_after_last_dose=None) == {"d": 94}

    def test_an_event_after_that_is_none(self):
        late = event("1", None, "Rash", onset="2015-09-01")
        assert self.risk(dose(7), *late) == {"d": 31}

    def test_other_events_end_nothing(self):
        unexposed = event("1", None, "Headache", onset="2015-06-09")
        assert self.risk(dose(7), *unexposed, contact(20)) == {"d": 14}

    def test_who_was_never_dosed_is_at_no_risk(self):
        assert self.risk(*event("1", None, "Rash"), disposition(20)) == {}
