"""Discrepancies: each rule finds what it is for, names the records, and leaves others alone."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import builders
import pytest
from builders import (
    TINY,
    adverse_event,
    coding,
    contact,
    day,
    death,
    disposition,
    dose,
    enrolment,
    entry,
    tiny,
    viral_load,
)
from parallel import parallel

from trial.definition.discrepancies import CONTRADICTORY, RULES
from trial.definition.study import Study
from trial.errors import Rejected
from trial.events import envelope, fields, json_body
from trial.events.envelope import Entry
from trial.reporting import report
from trial.subject.derivation import Derivation
from trial.subject.fold import Dispute, fold_all
from trial.tables.compiled import compiled
from trial.tables.discrepancies import DISCREPANCY_RULES, ROW, Discrepancy
from trial.tables.discrepancies.across import CrossSubjectSurvey, form
from trial.tables.listings.complete import ADDED

ARMS = parallel()
ONE = tiny()
GUIDE = Path(__file__).parents[2] / "docs" / "study-definition.md"
ENROLLED = [enrolment()]
ACROSS_SUBJECTS = {"superseded-in-a-circle", "superseded-by-nobody", "spelling", "disputed"}


def randomised(record: str = "RAND", study_day: int = 0, arm: str = "a", **data: Any) -> Entry:
    values = {"record": record, "date": day(study_day), "arm": arm, "strata": {"region": "north"}}
    return entry("subject.randomised", **(values | data))


def visit(name: str = "week-5", study_day: int = 35, record: str = "V", **data: Any) -> Entry:
    return entry("visit.recorded", record=record, visit=name, date=day(study_day), **data)


def consent(study_day: int) -> Entry:
    return entry("consent.recorded", record="ICF", date=day(study_day))


def superseded(successor: str, record: str = "X", subject: str = "S-1") -> Entry:
    return entry("subject.superseded", subject, record=record, by=successor)


def left(study_day: int = 20, record: str = "ST", part: str = "study", **data: Any) -> Entry:
    return disposition(
        study_day, record=record, of=part, **({"reason": "LOST TO FOLLOW-UP"} | data)
    )


def completed(study_day: int = 20, record: str = "ST", part: str = "study", **data: Any) -> Entry:
    return disposition(study_day, "completed", record=record, of=part, **data)


def stopped(**data: Any) -> Entry:
    values = {"serious": True, "causality": "RELATED", "action_taken": "DRUG WITHDRAWN"}
    return adverse_event(**(values | data))


def find(study: Study, entries: Sequence[Entry], rule: str = "") -> list[Discrepancy]:
    """Find the discrepancies of the one subject that entries are of; of a rule, if one is named."""
    subject = fold_all(entries[0].subject, entries)
    matches = compiled(study).checks.find(Derivation(study, subject))
    return [item for item in matches if rule in ("", item.rule)]


def missed(name: str, kind: str = "visit.missed", reason: str = "ill") -> Entry:
    return entry(kind, record="M", visit=name, reason=reason)


def of_before(kind: str, **data: Any) -> Entry:
    """Read an event as a journal holds it of before blank texts were refused."""
    body = json.dumps(builders.event(kind, **data))
    return envelope.parse(json_body.read_json(body), body, "TINY", fields.AS_WRITTEN)


WEIGHED = [{"parameter": "weight", "result": "70"}]
PULSE = [{"parameter": "cd4", "result": "70"}]


@dataclass(frozen=True)
class Case:
    """What makes a rule speak, the records that it then names, and what does not."""

    fires: Sequence[Entry]
    names: str
    near: Sequence[Sequence[Entry]]
    study: Study = ONE
    words: str = field(default="", kw_only=True)


_LOAD = TINY["parameters"]["viral-load"]
NARROWED = tiny(parameters=TINY["parameters"] | {"viral-load": _LOAD | {"maximum": 100}})
_BY_DAYS = [{"grade": 1, "any": [{"below": 9, "age_in_days_below": 56}]}]
BY_DAYS = tiny(
    scales={"own": {"label": "Own", "version": "1", "terms": {"low": {
        "label": "Low", "direction": "low", "by_unit": {"copies/mL": _BY_DAYS}}}}},
    parameters=TINY["parameters"] | {"low": {"label": "Low", "unit": "grade", "grades": {
        "of": "viral-load", "scale": "own", "term": "low"}}},
)  # fmt: skip

WHODRUG = {"dictionary": "WHODrug", "version": "1", "preferred_name": "ASPIRIN"}
CASES: dict[str, list[Case]] = {
    "not-enrolled": [
        Case([viral_load(0, 100)], "VL-0",
             [[*ENROLLED, viral_load(0, 100)],
              [entry("subject.screened", date=day(0)), viral_load(0, 100)],
              [consent(0), viral_load(0, 100)]], words="1 record"),
        Case([entry("subject.screened", date=day(0)), dose()], "DOSE-7", [[*ENROLLED, dose()]]),
        Case([randomised()], "RAND", [[*ENROLLED, randomised()]], ARMS),
    ],
    "enrolled-twice": [Case(
        [*ENROLLED, enrolment(2, record="R2")], "R, R2",
        [ENROLLED, [*ENROLLED, enrolment(record="R", revision=2)],
         [*ENROLLED, entry("subject.enrolled", record="R2", revision=1, action="void")]],
        words="earlier enrolment counts",
    )],
    "randomised-twice": [Case(
        [*ENROLLED, randomised(), randomised("RAND-2", 2, "b")], "RAND, RAND-2",
        [[*ENROLLED, randomised()]], ARMS, words="earlier randomisation counts",
    )],
    "strata-missing": [Case(
        [*ENROLLED, randomised(strata={})], "RAND", [[*ENROLLED, randomised()]], ARMS,
        words="region",
    )],
    "before-consent": [Case(
        [consent(1), *ENROLLED], "ICF, R",
        [[consent(0), *ENROLLED], [*ENROLLED], [consent(0), *ENROLLED, adverse_event(-3)]],
    ), Case(
        [consent(8), enrolment(9), dose(7)], "ICF, DOSE-7", [[consent(7), enrolment(9), dose(7)]],
    )],
    "superseded": [Case(
        [*ENROLLED, superseded("S-2")], "X", [ENROLLED], words="S-2 stands for it",
    )],
    "superseded-by-two": [Case(
        [*ENROLLED, superseded("S-2"), superseded("S-3", "Y")], "X, Y",
        [[*ENROLLED, superseded("S-2"), superseded("S-2", "Y")]],
    )],
    "void-of-nothing": [Case(
        [*ENROLLED, entry("dose.missed", record="D", revision=2, action="void")], "D",
        [[*ENROLLED, entry("dose.missed", record="D", visit="day-7", reason="ill"),
          entry("dose.missed", record="D", revision=2, action="void")]],
    )],
    "blank-reason": [Case(
        [*ENROLLED, of_before("visit.missed", record="M", visit="day-7", reason="   ")], "M",
        [[*ENROLLED, missed("day-7")]],
    )],
    "dosed-not-randomised": [Case(
        [*ENROLLED, dose()], "DOSE-7", [[*ENROLLED, randomised(), dose()]], ARMS, words="1 dose",
    )],
    "dose-before-randomisation": [Case(
        [*ENROLLED, randomised(study_day=8), dose(7)], "RAND, DOSE-7",
        [[*ENROLLED, randomised(study_day=7), dose(7)]], ARMS,
    )],
    "dosed-with-another-arm": [Case(
        [*ENROLLED, randomised(arm="b"), dose(treatment="drug")], "DOSE-7",
        [[*ENROLLED, randomised(arm="a"), dose(treatment="drug")],
         [*ENROLLED, randomised(arm="b"), dose(treatment="placebo")]], ARMS,
    )],
    "dose-without-treatment": [Case(
        [*ENROLLED, randomised(), dose(treatment=None)], "DOSE-7",
        [[*ENROLLED, randomised(), dose()]], ARMS, words="1 dose",
    )],
    "dose-after-discontinuation": [Case(
        [*ENROLLED, dose(7), dose(21), left(20)], "ST, DOSE-21",
        [[*ENROLLED, dose(7), dose(20), left(20)], [*ENROLLED, dose(21), completed(20)]],
    )],
    "completed-with-reason": [Case(
        [*ENROLLED, completed(reason="LOST TO FOLLOW-UP")], "ST",
        [[*ENROLLED, completed()], [*ENROLLED, completed(reason="COMPLETED")],
         [*ENROLLED, left()]],
    )],
    "completed-and-discontinued": [Case(
        [*ENROLLED, left(20), completed(30, "ST2")], "ST, ST2",
        [[*ENROLLED, left(20, "T", "treatment"), completed(30)],
         [*ENROLLED, left(20, "T", "treatment", period="control"),
          completed(30, "T2", "treatment", period="treatment")]],
        words="study: discontinued",
    )],
    "disposition-twice": [Case(
        [*ENROLLED, left(20), left(25, "ST2", reason="ADVERSE EVENT")], "ST, ST2",
        [[*ENROLLED, left(20), left(25, "T", "treatment")]], words="for different reasons",
    )],
    "withdrawn-for-another-reason": [Case(
        [*ENROLLED, stopped(), left()], "AE-1, ST",
        [[*ENROLLED, stopped(), left(reason="ADVERSE EVENT")],
         [*ENROLLED, stopped(), left(), left(record="T", part="treatment", reason="Adverse event")],
         [*ENROLLED, stopped(), left(reason="DEATH")],
         [*ENROLLED, stopped(), completed()], [*ENROLLED, stopped()],
         [*ENROLLED, stopped(action_taken="DOSE REDUCED"), left()]],
        words="related, serious",
    ), Case([*ENROLLED, stopped(), completed(part="treatment")], "AE-1, ST", [])],
    "completed-without-last-visit": [Case(
        [*ENROLLED, completed(60)], "ST",
        [[*ENROLLED, completed(60), visit()], [*ENROLLED, completed(60), viral_load(40, 9)],
         [*ENROLLED, left(60)]], words="Week 5",
    ), Case([*ENROLLED, completed(60), viral_load(43, 9)], "ST", [])],
    "visit-twice": [
        Case([*ENROLLED, visit("day-14", 14, "V1"), visit("day-14", 15, "V2")], "V1, V2",
             [[*ENROLLED, visit("day-14", 14, "V1"), visit("day-7", 7, "V2")]], words="day-14"),
        Case([*ENROLLED, visit("day-14", 14, "V1", measurements=WEIGHED),
              visit("day-14", 14, "V2", measurements=WEIGHED)], "V1, V2",
             [[*ENROLLED, visit("day-14", 14, "V1", measurements=WEIGHED),
               visit("day-14", 14, "V2", measurements=PULSE)],
              [*ENROLLED, visit("day-14", 14, "V1"),
               visit("day-14", 14, "V2", measurements=PULSE)]]),
        Case([*ENROLLED, visit("day-14", 14, "V1"), visit("day-14", 14, "V2")], "V1, V2", []),
    ],
    "visit-outside-window": [Case(
        [*ENROLLED, visit("week-5", 15)], "V",
        [[*ENROLLED, visit("week-5", 25)], [*ENROLLED, visit("week-5", 42)],
         [entry("subject.screened", date=day(0)), visit("week-5", 15)]],
        words=f"expected not before {day(25)}",
    ), Case([*ENROLLED, visit("week-5", 43)], "V", [], words=f"expected by {day(42)}")],
    "visits-out-of-order": [Case(
        [*ENROLLED, visit("day-14", 16, "V1"), visit("week-5", 15, "V2")], "V1, V2",
        [[*ENROLLED, visit("day-14", 16, "V1"), visit("week-5", 16, "V2")]],
    )],
    "missed-and-recorded": [Case(
        [*ENROLLED, visit("day-7", 7), missed("day-7")],
        "M, V",
        [[*ENROLLED, visit("day-7", 7),
          missed("day-14")]],
    ), Case(
        [*ENROLLED, dose(visit="day-7"), missed("day-7", "dose.missed")], "M, DOSE-7",
        [[*ENROLLED, dose(), missed("day-7", "dose.missed")]],
    )],
    "sample-after-first-dose": [Case(
        [*ENROLLED, dose(7, "11:00"), viral_load(7, 9, "11:01")], "DOSE-7, VL-7",
        [[*ENROLLED, dose(7, "11:00"), viral_load(7, 9, "11:00")],
         [*ENROLLED, dose(7, "11:00"), viral_load(8, 9, "11:01")]],
    )],
    "limits-changed": [Case(
        [*ENROLLED, viral_load(0, 9, lloq=20), viral_load(7, 9, lloq=50)], "VL-0, VL-7",
        [[*ENROLLED, viral_load(0, 9, lloq=20), viral_load(7, 9, lloq=20)]],
        words="limit 50",
    )],
    "reference-range": [
        Case([*ENROLLED, viral_load(0, 9, range_low=5, range_high=4)], "VL-0",
             [[*ENROLLED, viral_load(0, 9, range_low=5, range_high=5)],
              [*ENROLLED, viral_load(0, 9, range_low=5)]], words="upper limit 4"),
        Case([*ENROLLED, viral_load(0, 9, range_high=0)], "VL-0", []),
    ],
    "age-in-days-missing": [Case(
        [enrolment(age=0), viral_load(55, 9), viral_load(60, 9)], "R",
        [[enrolment(age=0, age_in_days=1), viral_load(55, 9)], [enrolment(age=0)],
         [enrolment(age=0), viral_load(56, 9)], [enrolment(age=1), viral_load(55, 9)],
         [enrolment(), viral_load(55, 9)]],
        BY_DAYS, words="viral-load",
    )],
    "no-longer-accepted": [
        Case([*ENROLLED, viral_load(0, 101)], "VL-0", [[*ENROLLED, viral_load(0, 100)]], NARROWED,
             words="result is above 100"),
        Case([*ENROLLED, viral_load(0, "9.5")], "VL-0", [], NARROWED, words="0 decimals"),
        Case([*ENROLLED, viral_load(0, 9, unit="IU/mL")], "VL-0", [], NARROWED,
             words="unit is not a unit"),
        Case([enrolment(characteristics={"score": 2.5})], "R",
             [[enrolment(characteristics={"score": 2})],
              [enrolment(characteristics={"score": None})]], NARROWED, words="score: has more"),
        Case([enrolment(characteristics={"score": 999})], "R", [], NARROWED,
             words="score: is above"),
    ],
    "undecided": [Case(
        [*ENROLLED, dose(7), viral_load(0, 9, record="A"), viral_load(0, 11, record="B")], "A, B",
        [[*ENROLLED, dose(7), viral_load(0, 9, record="A"), viral_load(0, 9, record="B")],
         [*ENROLLED, dose(7), viral_load(0, 9, "08:00", record="A"),
          viral_load(0, 11, record="B")]],
    )],
    "coding-without-event": [Case(
        [*ENROLLED, coding(adverse_event="NOT-THERE")], "C-NOT-THERE",
        [[*ENROLLED, adverse_event(), coding()]], words="NOT-THERE is not there",
    ), Case(
        [*ENROLLED, adverse_event(), coding(),
         entry("adverse-event.reported", record="AE-1", revision=2, action="void")], "C-AE-1", [],
        words="AE-1 is not there",
    )],
    "coding-without-record": [
        Case([*ENROLLED, entry("conmed.coded", record="C", medication="CM-9", **WHODRUG)], "C",
             [[*ENROLLED, entry("conmed.coded", record="C", medication="CM-9", **WHODRUG),
               entry("conmed.recorded", record="CM-9", drug="x")]], words="CM-9 is not there"),
        Case([*ENROLLED, entry("medical-history.coded", record="C", medical_history="MH-9",
                            dictionary="MedDRA", version="1", soc="S", pt="P")], "C", []),
    ],
    "ended-and-ongoing": [Case(
        [*ENROLLED, entry("conmed.recorded", record="CM", drug="x", ongoing=True, end=day(3))],
        "CM",
        [[*ENROLLED, entry("conmed.recorded", record="CM", drug="x", ongoing=False, end=day(3))],
         [*ENROLLED, entry("conmed.recorded", record="CM", drug="x", ongoing=True)]],
    )],
    "history-after-first-dose": [Case(
        [*ENROLLED, dose(7),
         entry("medical-history.reported", record="MH", term="x", start=day(7))], "MH",
        [[*ENROLLED, entry("medical-history.reported", record="MH", term="x", start=day(7))],
         [*ENROLLED, dose(7),
          entry("medical-history.reported", record="MH", term="x", start=day(7)[:7])]],
    )],
    "result-of-not-done": [
        Case([*ENROLLED, entry("observation.recorded", record="O", date=day(3), test="x",
                               result="y", reason_not_done="Late")], "O",
             [[*ENROLLED, entry("observation.recorded", record="O", date=day(3), test="x",
                             reason_not_done="Late")],
              [*ENROLLED, entry("observation.recorded", record="O", date=day(3), test="x",
                             result="y")]]),
    ],
    "dead-without-death": [Case(
        [*ENROLLED, entry("vital-status.recorded", record="V", date=day(9), status="DEAD")], "V",
        [[*ENROLLED, entry("vital-status.recorded", record="V", date=day(9), status="DEAD"),
          death(8)],
         [*ENROLLED, entry("vital-status.recorded", record="V", date=day(9), status="UNKNOWN")]],
    )],
    "grade-and-outcome": [Case(
        [*ENROLLED, adverse_event(grade=5)], "AE-1",
        [[*ENROLLED, adverse_event(grade=4)], [*ENROLLED, adverse_event(grade=5, outcome="FATAL")]],
    )],
    "seriousness": [Case(
        [*ENROLLED, adverse_event(seriousness=["DEATH"])], "AE-1",
        [[*ENROLLED, adverse_event(serious=True, seriousness=["DEATH"])]],
    )],
    "event-twice": [Case(
        [*ENROLLED, adverse_event(), adverse_event(record="AE-2", term="As told")], "AE-1, AE-2",
        [[*ENROLLED, adverse_event(), adverse_event(11, record="AE-2")],
         [*ENROLLED, adverse_event(), adverse_event(record="AE-2", term="else")],
         [*ENROLLED, adverse_event(None), adverse_event(None, record="AE-2")]],
        words=f"onset {day(10)}",
    )],
    "serious-without-criterion": [Case(
        [*ENROLLED, adverse_event(serious=True)], "AE-1",
        [[*ENROLLED, adverse_event(serious=True, seriousness=["DEATH"])],
         [*ENROLLED, adverse_event()]],
    )],
    "unresolved-with-end": [Case(
        [*ENROLLED, adverse_event(outcome="NOT RECOVERED/NOT RESOLVED", end=day(12))], "AE-1",
        [[*ENROLLED, adverse_event(outcome="RECOVERED/RESOLVED", end=day(12))],
         [*ENROLLED, adverse_event(outcome="NOT RECOVERED/NOT RESOLVED")]],
    )],
    "died-twice": [Case(
        [*ENROLLED, death(40, record="D1"), death(70, record="D2")], "D1, D2",
        [[*ENROLLED, death(40, record="D1")]],
    )],
    "death-date-differs": [
        Case([*ENROLLED, death(40), adverse_event(outcome="FATAL", end=day(39))], "R, AE-1",
             [[*ENROLLED, death(40), adverse_event(outcome="FATAL", end=day(40))],
              [*ENROLLED, death(day(40)[:7]), adverse_event(outcome="FATAL", end=day(39))]]),
        Case([*ENROLLED, death(40), left(41, reason="DEATH")], "R, ST",
             [[*ENROLLED, death(40), left(40, reason="DEATH")]]),
    ],
    "after-death": [
        Case([*ENROLLED, death(40), viral_load(41, 9)], "R, VL-41",
             [[*ENROLLED, death(40), viral_load(40, 9)]]),
        Case([*ENROLLED, death(40), adverse_event(41)], "R, AE-1",
             [[*ENROLLED, death(40), adverse_event(day(41)[:7])]]),
        Case([*ENROLLED, death(40),
              entry("vital-status.recorded", record="V", date=day(41), status="ALIVE")], "R, V",
             [[*ENROLLED, death(40),
               entry("vital-status.recorded", record="V", date=day(41), status="DEAD")]]),
    ],
    "death-without-fatal-event": [Case(
        [*ENROLLED, death(40)], "R", [[*ENROLLED, death(40), adverse_event(outcome="FATAL")]],
    )],
    "death-without-disposition": [Case(
        [*ENROLLED, death(40)], "R", [[*ENROLLED, death(40), left(40, reason="Death")]],
    )],
    "fatal-without-death": [Case(
        [*ENROLLED, adverse_event(outcome="FATAL")], "AE-1",
        [[*ENROLLED, adverse_event(outcome="FATAL"), death(40)]],
    )],
}  # fmt: skip


def each_case() -> list[Any]:
    return [
        pytest.param(rule, case, id=f"{rule}-{i}")
        for rule, cases in CASES.items()
        for i, case in enumerate(cases, 1)
    ]


class TestRules:
    def test_every_rule_has_its_finder_and_its_case(self):
        assert list(DISCREPANCY_RULES) == list(RULES)
        assert CASES.keys() == RULES.keys() - ACROSS_SUBJECTS

    @pytest.mark.parametrize(("rule", "case"), each_case())
    def test_it_finds_what_it_is_for_and_names_the_records(self, rule, case):
        matches = find(case.study, case.fires, rule)
        assert [item.named for item in matches] == [case.names]
        assert case.words in matches[0].detail
        assert find(case.study, list(reversed(case.fires)), rule) == matches

    @pytest.mark.parametrize(("rule", "case"), each_case())
    def test_it_leaves_its_neighbour_alone(self, rule, case):
        for near in case.near:
            assert find(case.study, near, rule) == []

    @pytest.mark.parametrize(("rule", "case"), each_case())
    def test_what_it_says_holds_no_free_text_and_no_arm(self, rule, case):
        for item in find(case.study, case.fires, rule):
            assert "as told" not in item.detail
            assert not {"a", "b", "drug", "placebo"} & set(re.findall(r"[\w-]+", item.detail)) - {
                "a"  # the article
            }

    @pytest.mark.parametrize(("rule", "case"), each_case())
    def test_it_is_counted_once_and_switched_off_by_name(self, rule, case):
        subject = fold_all(case.fires[0].subject, case.fires)
        share = report.contribute(case.study, subject)
        assert share[ROW][rule] == 1
        switched_off = with_discrepancies(case.study, off=[rule])
        assert rule not in report.contribute(switched_off, subject).get(ROW, {})
        alone = with_discrepancies(case.study, only=[rule])
        assert report.contribute(alone, subject)[ROW] == {rule: 1}

    def test_a_subject_without_any_has_no_row(self):
        assert ROW not in report.contribute(ONE, fold_all("S-1", [*ENROLLED, dose()]))


def with_discrepancies(study: Study, **rules: Any) -> Study:
    source = json.loads(study.source)
    return tiny(**(source | {"discrepancies": rules}))


class TestDefinition:
    def test_a_name_that_is_no_rule_is_refused_with_the_known_ones(self):
        with pytest.raises(Rejected) as caught:
            tiny(discrepancies={"off": ["died-twice", "dies-twice"]})
        (fault,) = caught.value.faults
        assert fault.pointer == "/discrepancies/off/1"
        assert "died-twice" in fault.detail

    def test_off_and_only_contradict_each_other(self):
        with pytest.raises(Rejected) as caught:
            tiny(discrepancies={"off": ["died-twice"], "only": ["after-death"]})
        assert "off or only" in caught.value.faults[0].detail

    def test_what_is_not_collected_is_not_missed(self):
        entries = [*ENROLLED, death(40), completed(60)]
        silent = {
            "adverse_events",
            "tables",
            "key_results",
            "flow",
            "listings",
            "conditions",
            "sets",
        }
        bare = {name: part for name, part in TINY.items() if name not in silent}
        flow = {"title": "F", "stages": [{"id": "s", "label": "S", "box": {
            "id": "all", "label": "All", "count": {"recorded": "subject.enrolled"}}}]}  # fmt: skip
        uncollected = builders.study.load(json.dumps(bare | {"sets": {}, "flow": flow}))
        rules = {item.rule for item in find(uncollected, entries)}
        assert "death-without-fatal-event" not in rules
        assert "death-without-disposition" in rules  # for the subject has one
        assert "death-without-disposition" not in {
            item.rule for item in find(uncollected, entries[:2])
        }
        assert "death-without-fatal-event" in {
            item.rule for item in find(uncollected, [*entries, adverse_event()])
        }
        collected = builders.study.load(
            json.dumps(bare | {"sets": {}, "flow": flow, "adverse_events": {"related": []}})
        )
        assert "death-without-fatal-event" in {item.rule for item in find(collected, entries)}

    def test_the_guide_says_of_each_rule_how_severe_it_is(self):
        row = r"^\| `([\w-]+)` \| (contradictory|notable) \|"
        matches = re.findall(row, GUIDE.read_text("utf-8"), re.MULTILINE)
        assert matches == [(name, rule.severity) for name, rule in RULES.items()]

    def test_what_is_merely_absent_is_no_contradiction(self):
        for name, rule in RULES.items():
            if "without" in name or name.endswith("-missing") or name.startswith("not-"):
                assert rule.severity != CONTRADICTORY, name


def subjects(*entries: Entry) -> list[Any]:
    return builders.subjects(entries)


class TestAcross:
    def noted(self, *entries: Entry) -> dict[str, list[str]]:
        survey = CrossSubjectSurvey(subjects(*entries))
        values: dict[str, list[str]] = {}
        for subject in subjects(*entries):
            for rule, _, _ in survey.discrepancies_of(subject):
                values.setdefault(subject.id, []).append(rule)
        return values

    def enrolled(self, *names: str) -> list[Entry]:
        return [enrolment(subject=name) for name in names]

    def test_two_ids_that_stand_for_each_other_are_a_circle(self):
        circle = [superseded("S-2"), superseded("S-1", subject="S-2")]
        assert self.noted(*self.enrolled("S-1", "S-2"), *circle) == {
            "S-1": ["superseded-in-a-circle"], "S-2": ["superseded-in-a-circle"],
        }  # fmt: skip

    def test_whoever_leads_into_a_circle_counts_nowhere_either(self):
        links = [("S-1", "S-2"), ("S-2", "S-3"), ("S-3", "S-4"), ("S-4", "S-2")]
        entries = [superseded(outcome, subject=name) for name, outcome in links]
        result = self.noted(*self.enrolled("S-1", "S-2", "S-3", "S-4"), *entries)
        assert set(result) == {"S-1", "S-2", "S-3", "S-4"}
        assert {value for item in result.values() for value in item} == {"superseded-in-a-circle"}

    def test_an_id_of_which_nothing_is_recorded_is_nobody(self):
        entries = [*self.enrolled("S-3"), superseded("S-30", subject="S-3")]
        assert self.noted(*entries) == {"S-3": ["superseded-by-nobody"]}
        voided = entry("subject.enrolled", "S-30", record="R", revision=2, action="void")
        assert self.noted(*entries, voided) == {"S-3": ["superseded-by-nobody"]}
        assert self.noted(*entries, *self.enrolled("S-30")) == {}

    def test_a_chain_that_ends_in_somebody_is_none(self):
        links = [superseded("S-2"), superseded("S-3", subject="S-2")]
        assert self.noted(*self.enrolled("S-1", "S-2", "S-3"), *links) == {}
        assert self.noted(*self.enrolled("S-1", "S-2"), *links) == {
            "S-1": ["superseded-by-nobody"], "S-2": ["superseded-by-nobody"],
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("common_form", "rare_form"),
        [("Headache", "HEADACHE"), ("Headache", "Headache "), ("Ménière", "Me\u0301nie\u0300re"),
         ("Chest pain", "Chest  pain"), ("Chest pain", "Chest\u00a0pain"), ("ﬁbrosis", "fibrosis")],
    )  # fmt: skip
    def test_one_term_in_two_spellings_is_found_at_the_rarer_one(self, common_form, rare_form):
        entries = [
            item
            for name, pt in (("S-1", common_form), ("S-2", common_form), ("S-3", rare_form))
            for item in (adverse_event(subject=name), coding(pt, subject=name))
        ]
        assert self.noted(*entries) == {"S-3": ["spelling"]}

    @pytest.mark.parametrize("second", ["Migraine", "Headaches", "Head ache"])
    def test_two_terms_are_two(self, second):
        assert form("Headache") != form(second)
        entries = [coding("Headache"), coding(second, subject="S-2")]
        assert self.noted(*entries) == {}

    def test_reasons_are_terms_and_are_not_quoted(self):
        entries = [left(), left(subject="S-2"), left(subject="S-3", reason="Lost to follow-up")]
        assert self.noted(*entries) == {"S-3": ["spelling"]}
        ((_, records, detail),) = CrossSubjectSurvey(subjects(*entries)).discrepancies_of(
            subjects(*entries)[2]
        )
        assert records == (("disposition.recorded", "ST"),)
        assert "ost" not in detail.lower().replace("most", "")


class TestCases:
    """Data nobody would believe, of TMB-301: recorded and counted, and now spoken of."""

    @staticmethod
    def of(subject: str, kind: str, **data: Any) -> Entry:
        return builders.read(builders.event(kind, subject, **data), "TMB-301")

    def found(self, *entries: Entry) -> dict[str, str]:
        return {item.rule: item.named for item in find(builders.tmb301(), entries)}

    def test_a_result_of_an_id_that_nobody_enrolled(self):
        result = {"parameter": "cd4", "collected": "2015-07-01", "result": "50", "unit": "cells/uL"}
        typed = self.of("TMB301-0O7", "lab.result.reported", record="L", **result)
        assert self.found(typed) == {"not-enrolled": "L"}

    def test_odd_records_of_an_enrolled_subject(self):
        def of(kind: str, **data: Any) -> Entry:
            return self.of("TMB301-001", kind, **data)

        def weighed(record: str, result: str) -> Entry:
            measured = [{"parameter": "weight", "result": result, "unit": "kg"}]
            values = {"visit": "day-14", "date": "2015-06-22", "measurements": measured}
            return of("visit.recorded", record=record, **values)

        coded = {"dictionary": "MedDRA", "version": "18.1", "soc": "A", "pt": "B"}
        outcome = self.found(
            of("subject.enrolled", date="2015-06-08", site="101"),
            of("adverse-event.coded", record="C", adverse_event="NOT-THERE", **coded),
            of("dose.missed", record="GONE", revision=2, action="void", reason_for_change="x"),
            weighed("v1", "70"),
            weighed("v2", "99"),
            of("visit.recorded", record="w25", visit="week-25", date="2015-06-23"),
            of("disposition.recorded", record="d1", of="study", status="completed",
               date="2015-12-01"),
            of("disposition.recorded", record="d2", of="study", status="discontinued",
               reason="LOST TO FOLLOW-UP", date="2015-12-02"),
        )  # fmt: skip
        assert outcome == {
            "void-of-nothing": "GONE",
            "completed-and-discontinued": "d1, d2",
            "visit-twice": "v1, v2",
            "visit-outside-window": "w25",
            "coding-without-event": "C",
        }

    def test_what_the_shipped_studies_say(self):
        result = builders.report_of(builders.tmb301(), builders.feed())
        assert [(discrepancy.rule, discrepancy.count) for discrepancy in result.discrepancies] == [
            ("withdrawn-for-another-reason", 1)
        ]
        (row,) = next(listing for listing in result.listings if listing.id == "16.2.9").rows
        assert "TMB301-032" in row

    def test_a_trial_without_adverse_events_has_no_alarm_where_nothing_is_wrong(self):
        """A completer measured within the last window, and a death that its disposition gives."""
        silent = ("adverse_events", "tables", "key_results", "listings")
        bare = {name: part for name, part in TINY.items() if name not in silent}
        collected = builders.study.load(json.dumps(bare))
        entries = [
            *ENROLLED, dose(), viral_load(35, 9), completed(60),
            *(enrolment(subject="S-2"), dose(subject="S-2"), death(40, "S-2"),
              left(40, subject="S-2", reason="DEATH")),
        ]  # fmt: skip
        assert builders.report_of(collected, entries).discrepancies == ()


class TestDocuments:
    ODD = (
        enrolment(), death(40, record="D1"), death(41, record="D2"), contact(60),
        enrolment(subject="S-2"), superseded("S-9", subject="S-2"),
        enrolment(subject="S-3"), viral_load(0, 9, subject="S-4"),
    )  # fmt: skip

    def made(self, study: Study, *disputes: Dispute) -> Any:
        states = sorted(subjects(*self.ODD), key=lambda item: item.id)
        sums = builders.sums_of(study, states)
        return report.report(study, states, sums, disputes=disputes)

    def test_all_of_them_are_listed_where_the_definition_asks_for_none(self):
        result = self.made(ONE)
        listing = result.listings[-1]
        assert listing.id == ADDED
        rows = [(row[0], row[1]) for row in listing.rows]
        assert ("S-1", "died-twice") in rows
        assert ("S-2", "superseded") in rows
        assert ("S-2", "superseded-by-nobody") in rows
        assert ("S-4", "not-enrolled") in rows
        assert sum(discrepancy.count for discrepancy in result.discrepancies) == len(rows)
        assert {discrepancy.listing for discrepancy in result.discrepancies} == {ADDED}

    def test_the_definition_s_own_listing_stands_for_it(self):
        columns = [{"id": "S", "label": "S", "source": "subject"},
                   {"id": "R", "label": "R", "source": "rule"},
                   {"id": "V", "label": "V", "source": "severity"}]  # fmt: skip
        values = {"id": "Q1", "title": "Queries", "population": "All", "records": "discrepancies",
               "columns": columns}  # fmt: skip
        result = self.made(tiny(listings=[values]))
        assert [listing.id for listing in result.listings] == ["Q1"]
        assert ("S-1", "died-twice", "contradictory") in list(result.listings[0].rows)
        assert {discrepancy.listing for discrepancy in result.discrepancies} == {"Q1"}
        outcome = values | {"subjects": "treated"}
        result = self.made(tiny(listings=[outcome]))
        assert [listing.id for listing in result.listings] == ["Q1", ADDED]

    def test_a_listing_of_that_name_keeps_it(self):
        listing_named = TINY["listings"][0] | {"id": "Discrepancies"}
        result = self.made(tiny(listings=[listing_named]))
        assert [listing.id for listing in result.listings] == ["Discrepancies", f"{ADDED}-ALL"]
        assert len({listing.dataset for listing in result.listings}) == 2

    def test_contradictions_come_apart_from_what_is_notable(self):
        result = self.made(ONE)
        severities = [discrepancy.severity for discrepancy in result.discrepancies]
        assert severities == sorted(severities)
        assert any("Second death" in contradiction for contradiction in result.contradictions)
        assert any("not enrolled" in item for item in result.notable)

    def test_a_dispute_is_listed_with_its_subject(self):
        dispute = Dispute("S-3", "subject.enrolled", "R", 1, "2016-01-01T00:00:00Z")
        result = self.made(ONE, dispute)
        assert ("S-3", "disputed") in [(row[0], row[1]) for row in result.listings[-1].rows]

    def test_the_same_records_give_the_same_rows_in_any_order(self):
        rows = list(self.made(ONE).listings[-1].rows)
        reordered = builders.report_of(ONE, reversed(self.ODD))
        assert list(reordered.listings[-1].rows) == rows


def test_a_blinded_study_tells_nobody_by_its_discrepancies():
    blinded = parallel(blinded=True)
    of_a = [*ENROLLED, randomised(arm="a"), dose(treatment="drug")]
    of_b = [*ENROLLED, randomised(arm="b"), dose(treatment="drug")]
    assert find(blinded.open, of_a) == find(blinded.open, of_b)
    assert find(blinded, of_a, "dosed-with-another-arm") == []
    assert find(blinded, of_b, "dosed-with-another-arm") != []
