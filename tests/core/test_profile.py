"""A subject's profile: what stands where on its time axis, and what is not told there."""

import json
from typing import Any

import pytest
from blinded import study_of
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
    subjects,
    tiny,
    viral_load,
)
from parallel import TOTAL, A, B, randomised

from trial.definition.study import Study
from trial.events.envelope import Entry
from trial.render.figures import profile as drawing
from trial.reporting.profile import profile
from trial.tables.profiles import Profile


def of(*entries: Entry, study: Study | None = None) -> Profile:
    (subject,) = subjects(entries)
    return profile(study or tiny(), subject)


def placed(happenings: Any) -> list[tuple[str, int | None, int | None]]:
    return [(happening.label, happening.first, happening.last) for happening in happenings]


def test_everything_stands_on_its_day_since_enrolment() -> None:
    picture = of(
        enrolment(age=40, sex="F"),
        contact(0),
        dose(7),
        dose(21),
        adverse_event(10, end=day(12), grade=2),
        coding(),
        viral_load(7, 5000),
        viral_load(14, "<50"),
        disposition(30, "completed"),
    )
    assert (picture.origin, picture.origin_label) == (day(0), "enrolment")
    assert (picture.first_dose, picture.last_contact) == (7, 30)
    assert dict(picture.facts) | {"Age": "40", "Sex": "F", "Site": "101"} == dict(picture.facts)
    assert placed(picture.visits) == [("Day 0", 0, None)]
    assert placed(picture.doses) == [("drug 800 mg", 7, None), ("drug 800 mg", 21, None)]
    assert placed(picture.adverse_events) == [("Headache", 10, 12)]
    (event,) = picture.adverse_events
    assert (event.study_day, dict(event.details)["grade"]) == (4, "2")
    assert [(milestone.kind, milestone.first) for milestone in picture.milestones] == [
        ("subject.enrolled", 0),
        ("disposition.recorded", 30),
    ]


def test_curves_have_what_was_reported_and_what_it_counts_as() -> None:
    picture = of(enrolment(), dose(7), viral_load(7, 5000), viral_load(14, "<50"), cd4(7, 12))
    curves = {curve.parameter: curve for curve in picture.curves}
    assert list(curves) == ["cd4", "viral-load", "viral-load-log10"]
    assert [(p.day, p.result, p.value, p.beyond) for p in curves["viral-load"].points] == [
        (7, "5000", "5000", ""),
        (14, "<50", "50", "<"),
    ]
    assert [p.study_day for p in curves["cd4"].points] == [1]
    assert [p.value for p in curves["viral-load-log10"].points] == ["3.698970", "1.698970"]


def test_what_is_not_dated_is_listed_and_not_placed() -> None:
    picture = of(enrolment(), adverse_event(None), death(day(40)[:7]))
    assert placed(picture.adverse_events) == [("as told", None, None)]
    (died,) = [milestone for milestone in picture.milestones if milestone.kind == "death.reported"]
    assert (died.start, died.label) == (day(40)[:7], "death: Illness")
    assert died.first is not None  # a partial date counts as a day, as everywhere
    assert picture.happenings[-1].label == "as told"
    assert "as told" not in drawing.profile_svg(picture)


def test_without_an_enrolment_days_count_from_the_first_record() -> None:
    picture = of(viral_load(5, 100), viral_load(9, 90))
    assert (picture.origin, picture.origin_label) == (day(5), "the first record")
    assert [point.day for point in picture.curves[0].points] == [0, 4]
    assert (picture.first_dose, picture.facts) == (None, ())


def test_a_subject_with_nothing_dated_has_an_empty_picture() -> None:
    picture = of(entry("visit.missed", visit="day-7", reason="Ill"))
    assert (picture.origin, picture.origin_label) == ("", "nothing dated")
    assert [milestone.label for milestone in picture.milestones] == ["missed visit: Day 7"]
    assert "Nothing is dated yet" in drawing.profile_svg(picture)


def test_void_records_are_not_shown() -> None:
    voided = entry("adverse-event.reported", record="AE-1", revision=2, action="void")
    assert of(enrolment(), adverse_event(3), voided).adverse_events == ()


def test_more_than_fits_the_picture_is_told_and_stands_in_the_data() -> None:
    events = [adverse_event(i, f"AE-{i}") for i in range(drawing.MOST_BARS + 6)]
    picture = of(enrolment(), *events)
    assert len(picture.adverse_events) == drawing.MOST_BARS + 6
    assert "and 6 more adverse events: see the table" in drawing.profile_svg(picture)


def test_what_has_no_end_reaches_to_the_last_contact() -> None:
    picture = of(enrolment(), adverse_event(10), contact(30))
    svg = drawing.profile_svg(picture)
    assert picture.adverse_events[0].last is None
    assert 'fill-opacity="0.55"' in svg


def test_the_legend_says_what_the_bars_are_and_no_more() -> None:
    told = {
        "adverse event, its grade after it": [adverse_event(3, "AE-1", end=day(5))],
        "serious adverse event": [adverse_event(4, "AE-2", serious=True, end=day(6))],
        "no end recorded": [adverse_event(10, "AE-3")],
    }
    whole = drawing.profile_svg(of(enrolment(), *(e for events in told.values() for e in events)))
    for text, events in told.items():
        alone = drawing.profile_svg(of(enrolment(), *events))
        assert f">{text}<" in alone
        assert f">{text}<" in whole
    assert ">serious adverse event<" not in drawing.profile_svg(of(enrolment(), adverse_event(3)))


def test_amounts_stand_below_the_doses_where_they_change() -> None:
    amounts = {7: 2000, 40: 800, 60: 800}
    doses = [dose(at, amount=amount, record=f"D{at}") for at, amount in amounts.items()]
    svg = drawing.profile_svg(of(enrolment(), *doses, contact(90)))
    assert [svg.count(f"{amount} mg</text>") for amount in (2000, 800)] == [1, 1]


@pytest.mark.parametrize("view", ["open", "whole"])
def test_the_open_profile_of_a_blinded_study_does_not_depend_on_the_arm(view: str) -> None:
    study = study_of([{"summary": "age"}], [A, B, TOTAL])
    documents = set()
    for arm, treatment, amount in (("a", "drug", 800), ("b", "placebo", 5)):
        picture = of(
            enrolment(),
            randomised(arm, "S-1"),
            dose(treatment=treatment, amount=amount),
            adverse_event(),
            study=getattr(study, view),
        )
        documents.add((json.dumps(picture.document()), drawing.profile_svg(picture)))
    assert len(documents) == (1 if view == "open" else 2)
