"""Narratives: templates, whom they are of, how values read; TMB-301's beside its bare events."""

import json
from datetime import date
from typing import Any

import builders
import pytest
from builders import adverse_event, coding, death, disposition, dose, enrolment, entry
from parallel import parallel, randomised

from trial.definition.narratives import parsed, placeholders, without, written
from trial.definition.study import Study
from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.events.payloads import ERASURE
from trial.reporting.narratives import narratives_document
from trial.subject.fold import ERASURE_RECORD
from trial.tables import checking

SERIOUS = {"adverse_event": {"serious": True}}


def defined(*paragraphs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "n", "title": "N", "population": "All", "subjects": "enrolled",
            "paragraphs": list(paragraphs)} | more  # fmt: skip


def of_one(study: Study, *entries: Entry) -> list[list[str]]:
    """Give the paragraphs of each narrative of the one subject of some entries."""
    (subject,) = builders.subjects(entries)
    return [part["paragraphs"] for part in narratives_document(study, subject)["narratives"]]


def told(paragraph: dict[str, Any], *entries: Entry, **more: Any) -> list[str]:
    study = parallel(narratives=[defined(paragraph, **more)])
    ((*paragraphs,),) = of_one(study, enrolment(), *entries)
    return paragraphs


def errors(*paragraphs: dict[str, Any], **more: Any) -> list[tuple[str, str]]:
    definition = json.loads(parallel().source) | {"narratives": [defined(*paragraphs, **more)]}
    with pytest.raises(Rejected) as refused:
        checking.read_definition(json.dumps(definition))
    return [(fault.pointer, fault.detail) for fault in refused.value.faults]


class TestTemplates:
    @pytest.mark.parametrize("text", [
        "plain", "{a} and { b }", "x[ of {a}]y", "{{a}} [[b]] [ {c} }}]", "{measure:x}{a.period}",
    ])  # fmt: skip
    def test_what_is_written_again_reads_the_same(self, text):
        assert parsed(written(parsed(text))) == parsed(text)

    def test_brackets_of_the_text_are_doubled(self):
        assert told({"text": "{{x}} [[y]] {subject}"}) == ["{x} [y] S-1"]

    @pytest.mark.parametrize(("text", "says"), [
        ("a {b", "must close each `{`"), ("a } b", "must close each `{`"),
        ("a [ {b}", "must close each `[`"), ("a ] b", "needs a placeholder"),
        ("a [b] c", "needs a placeholder"), ("[a [{b}]]", "within another"),
    ])  # fmt: skip
    def test_a_template_that_cannot_be_read_is_refused_at_its_place(self, text, says):
        ((pointer, detail), *_) = errors({"text": text})
        assert pointer == "/narratives/0/paragraphs/0/text"
        assert says in detail

    def test_hidden_values_leave_a_mark_and_no_optional_part(self):
        text = without("{a}[ to {b}][ by {c}] [[d]] {b}", {"b"}.__contains__, "[x]")
        assert list(placeholders(text)) == ["a", "c"]
        assert text == "{a}[ by {c}] [[d]] [[x]]"


class TestChecks:
    def test_an_unknown_placeholder_is_refused_with_those_known(self):
        shown = {"records": "adverse-event.reported", "text": "{term} on {onse}"}
        ((pointer, detail),) = errors({"text": "{subject}"}, shown)
        assert pointer == "/narratives/0/paragraphs/1/text"
        assert "placeholder of adverse-event.reported" in detail
        assert "Did you mean onset?" in detail
        assert "term, onset" in detail

    @pytest.mark.parametrize(("paragraph", "more", "pointer"), [
        ({"text": "{term}"}, {}, "paragraphs/0/text"),
        ({"text": "{measure:agee}"}, {}, "paragraphs/0/text"),
        ({"text": "{subject}"}, {"subjects": "diedd"}, "subjects"),
        ({"text": "{subject}"}, {"words": {"sex": {"M": "man"}}}, ""),
        ({"text": "{subject}", "otherwise": "x"}, {}, "paragraphs/0"),
        ({"text": "{subject}", "where": {"sex": "F"}}, {}, "paragraphs/0"),
        ({"records": "discrepancies", "text": "{rule}"}, {}, "paragraphs/0"),
        ({"records": "adverse", "text": "{term}"}, {}, "paragraphs/0/records"),
        ({"records": "death.reported", "events": {}, "text": "{cause}"}, {}, "paragraphs/0"),
        ({"records": "death.reported", "where": {"grade": 3}, "text": "{cause}"}, {},
         "paragraphs/0/where/grade"),
        ({"records": "observations:cd5", "text": "{result}"}, {}, "paragraphs/0/records"),
    ])  # fmt: skip
    def test_what_matches_nothing_is_refused_at_its_place(self, paragraph, more, pointer):
        places = [place for place, _ in errors(paragraph, **more)]
        assert places == [f"/narratives/0/{pointer}".rstrip("/")]

    def test_what_a_placeholder_asks_for_is_used(self):
        unused = {"measures": {"only-told": {"characteristic": "score"}}}
        text = [{"text": "{measure:only-told}"}]
        for paragraphs, is_unused in (([{"text": "{subject}"}], True), (text, False)):
            study = parallel(narratives=[defined(*paragraphs)], **unused)
            warnings = [w for w in checking.study_warnings(study) if "only-told" in w.pointer]
            assert bool(warnings) == is_unused
        coded = {"records": "adverse-event.reported", "text": "{llt}"}
        assert parallel(narratives=[defined(coded)]).asks_for_llt


class TestValues:
    def test_dates_read_as_they_were_recorded_and_partial_ones_have_no_day(self):
        shown = {"records": "adverse-event.reported",
                 "text": "{term} from {onset}[, day {onset.study-day}][ to {end}];"}  # fmt: skip
        (text,) = told(
            shown, dose(7), adverse_event(9, "AE-1", term="Rash"),
            adverse_event("2015-07", "AE-2", term="Cough", end="2015"),
            adverse_event(None, "AE-3", term="Fever"),
            words={"onset": {"": "an unknown day"}},
        )  # fmt: skip
        rash = f"Rash from {builders.day(9)}, day 3;"
        assert text == f"Fever from an unknown day; {rash} Cough from 2015-07 to 2015;"

    def test_what_is_not_coded_absent_or_void_says_so_or_nothing(self):
        shown = {"records": "adverse-event.reported", "before": "Events: ", "between": " / ",
                 "text": "{pt}, grade {grade}[, of {severity}]", "after": ".",
                 "otherwise": "No event."}  # fmt: skip
        void = entry("adverse-event.reported", record="AE-2", action="void", revision=2)
        events = [adverse_event(9, "AE-1", grade=3), adverse_event(10, "AE-2"),
                  coding("Rash", "AE-2"), adverse_event(11, "AE-3", severity="MILD")]  # fmt: skip
        first, rash = "Not coded, grade 3", "Rash, grade not reported"
        mild = "Not coded, grade not reported, of MILD"
        assert told(shown, *events) == [f"Events: {first} / {rash} / {mild}."]
        assert told(shown, *events, void) == [f"Events: {first} / {mild}."]
        assert told(shown) == ["No event."]
        assert told({name: shown[name] for name in ("records", "text")}) == []

    def test_words_stand_for_values_and_labels_for_arms_and_visits(self):
        text = "A {sex}, {measure:age} years, {arm}, {received-arm}, {measure:week5-decrease}"
        words = {"sex": {"M": "man", "F": "woman"}, "arm": {"a": "the drug"}}
        study = parallel(narratives=[defined({"text": text}, words=words)])
        entries = enrolment(age=44, sex="M"), randomised("a", at=1), dose(7, treatment="placebo")
        assert of_one(study, *entries) == [["A man, 44 years, the drug, Placebo, not yet due"]]
        dosed = {"records": "dose.administered", "text": "{visit}: {amount} {unit}"}
        assert told(dosed, dose(7, visit="day-7", amount=800)) == ["Day 7: 800 mg"]

    def test_a_text_over_several_lines_reads_as_one(self):
        assert told({"text": "Subject\n   {subject}\n"}) == ["Subject S-1"]

    def test_erased_texts_are_erased_here_too(self):
        shown = {"records": "death.reported", "text": "Died on {date} of {cause}"}
        erased = entry(ERASURE, record=ERASURE_RECORD, reason="Asked to")
        assert told(shown, death(40, cause="Sepsis")) == [f"Died on {builders.day(40)} of Sepsis"]
        assert told(shown, death(40, cause="Sepsis"), erased) == [
            f"Died on {builders.day(40)} of [erased]"
        ]


class TestWhom:
    def test_one_is_written_of_each_template_whose_condition_is_met(self):
        study = parallel(narratives=[
            defined({"text": "Died"}, id="d", subjects="died"),
            defined({"text": "Ill"}, id="s", subjects=SERIOUS),
        ])  # fmt: skip
        assert of_one(study, enrolment()) == []
        assert of_one(study, enrolment(), adverse_event(9, serious=True)) == [["Ill"]]
        assert of_one(study, enrolment(), adverse_event(9, serious=True), death(40)) == [
            ["Died"], ["Ill"],
        ]  # fmt: skip

    def test_whoever_has_another_id_is_told_of_under_that_one_alone(self):
        study = parallel(narratives=[defined({"text": "{subject}"})])
        superseded = entry("subject.superseded", record="S", by="S-2")
        assert of_one(study, enrolment(), superseded) == []

    def test_the_open_audience_of_a_blinded_study_is_told_nothing_of_the_arm(self):
        study = parallel(blinded=True, narratives=[
            defined({"text": "{subject} on {arm}[ ({received-arm})], {doses} doses"},
                    {"records": "dose.administered", "text": "{start}: {amount}"},
                    {"records": "adverse-event.reported", "events": {"treatment": "drug"},
                     "text": "{term}"},
                    words={"arm": {"a": "Secret"}}),
            defined({"text": "On the drug"}, id="m", subjects={"characteristic": "arm",
                                                               "levels": ["a"]}),
        ])  # fmt: skip
        entries = enrolment(), randomised("a", at=1), dose(7, treatment="drug", amount=800)
        entries = *entries, adverse_event(9, term="Rash")
        seven = builders.day(7, "11:00")
        assert of_one(study, *entries) == [
            ["S-1 on Secret (Drug), 1 doses", f"{seven}: 800", "Rash"], ["On the drug"],
        ]  # fmt: skip
        hidden = ["S-1 on (blinded), 1 doses", f"{seven}: (blinded)"]
        assert of_one(study.open, *entries) == [hidden]
        assert "Secret" not in study.open.visible_source
        again = json.loads(study.open.visible_source)["narratives"]
        assert json.loads(parallel(narratives=again).source)["narratives"] == again


def _days(first: str, last: str) -> int:
    return (date.fromisoformat(last[:10]) - date.fromisoformat(first[:10])).days


def test_those_of_tmb_301_are_those_that_its_bare_events_call_for() -> None:
    """Who has one, in order, and each sentence of events and deaths, out of the JSON alone."""
    expected = {}
    for name, records in sorted(builders.recorded(builders.feed_lines()).items()):
        of: dict[str, list[Any]] = {}
        for (kind, _), data in records.items():
            if data.get("action") != "void":
                of.setdefault(kind, []).append(data)
        serious = [data for data in of.get("adverse-event.reported", ()) if data["serious"]]
        left = [data for data in of.get("disposition.recorded", ()) if data["of"] == "study"
                and data.get("reason") in ("ADVERSE EVENT", "DEATH")]  # fmt: skip
        if serious or left or "death.reported" in of:
            doses = sorted(data["start"] for data in of["dose.administered"])
            expected[name] = [f"Infusions given: {len(doses)}, the first on {doses[0][:10]}"]
            for data in serious:
                expected[name] += [
                    f"{data['term']} (",
                    f"began on {data['onset']} (study day {_days(doses[0], data['onset']) + 1}",
                    f"It was serious ({'; '.join(data['seriousness'])})",
                ]
            for data in of.get("death.reported", ()):
                days = _days(doses[0], data["date"]) + 1
                expected[name].append(f"died on {data['date']} (study day {days}) of")
                expected[name].append(f"of {data['cause']}")
    (shown,) = builders.report_of(builders.tmb301(), builders.feed()).narratives
    rows = {str(row[0]): row[1:] for row in shown.rows}
    assert list(rows) == list(expected)
    assert len(rows) > 4
    for name, sentences in expected.items():
        text = "\n".join(map(str, rows[name]))
        assert [sentence for sentence in sentences if sentence not in text] == [], text


def test_who_left_is_found_by_any_condition() -> None:
    left = {"recorded": "disposition.recorded", "where": {"reason": "ADVERSE EVENT"}}
    study = parallel(narratives=[defined({"text": "Left"}, subjects=left)])
    assert of_one(study, enrolment(), disposition(20, reason="ADVERSE EVENT")) == [["Left"]]
    assert of_one(study, enrolment(), disposition(20, reason="LOST TO FOLLOW-UP")) == []
