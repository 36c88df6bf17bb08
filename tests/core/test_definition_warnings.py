"""What is legal and odd about a definition is said beside it, and refuses nothing."""

import json
from copy import deepcopy
from typing import Any

import pytest
from test_names import SHIPPED, shipped

from trial.definition import study
from trial.errors import Rejected
from trial.tables import checking

EXAMPLE = "example"


def warned(definition: Any) -> list[tuple[str, str]]:
    """Give pointers and texts; the definition is accepted."""
    checking.read_definition(json.dumps(definition))
    return [(warning.pointer, warning.detail) for warning in checking.study_warnings(
        study.load(json.dumps(definition)))]  # fmt: skip


def changed(**parts: Any) -> Any:
    """Give the example with members added to its sections, or other sections altogether."""
    whole = deepcopy(shipped(EXAMPLE))
    for name, part in parts.items():
        whole[name] = whole[name] | part if isinstance(whole.get(name), dict) else part
    return whole


def table(**fields: Any) -> Any:
    whole = deepcopy(shipped(EXAMPLE))
    whole["tables"][0] |= fields
    return whole


def test_the_shipped_definitions_say_nothing_odd_but_what_is_known():
    pointers = {name: [pointer for pointer, _ in warned(shipped(name))] for name in SHIPPED}
    assert pointers == {
        "example": [],
        "tmb-301": [],
        "airway-2x2": [
            "/baselines/before-treatment",
            "/conditions/exacerbated",
            "/times/exacerbation-1/events/1/where/indication",
        ],
        "pilot": [
            "/baselines/before-treatment",
            "/classes/alt-baseline/measure/at",
            "/conditions/baseline-scored",
            "/measures/adas-cog-baseline/at",
            "/parameters",
            *(f"/visits/{number}" for number in range(6, 15)),  # which safety.py's tables name
        ],
    }


BOTH = [
    {"id": "itt", "label": "ITT", "set": "itt"},
    {"id": "safety", "label": "Safety", "set": "safety"},
    {"id": "p", "label": "P", "compare": ["itt", "safety"]},
]


def by_sex(name: str, *levels: str) -> Any:
    """Give a column of those of some sexes."""
    criteria = {"characteristic": "sex", "levels": list(levels)}
    return {"id": name, "label": name, "set": "itt", "where": criteria}


OPEN = {"recorded": "conmed.recorded", "where": {"indication": "Pain"}}


@pytest.mark.parametrize(
    ("definition", "odd_pointer"),
    [
        (changed(measures={"spare": {"characteristic": "age"}}), "/measures/spare"),
        (changed(conditions={"spare": {"recorded": "death.reported"}}), "/conditions/spare"),
        (changed(baselines={"spare": {"visit": "week-4"}}), "/baselines/spare"),
        (changed(times={"spare": {"label": "S", "start": "enrolment", "events": ["death"]}}),
         "/times/spare"),
        (changed(parameters={"pulse": {"label": "Pulse", "unit": "1/min"}}), "/parameters"),
        (changed(visits=[*shipped(EXAMPLE)["visits"],
                         {"id": "late", "label": "Late", "day": 99, "window": [90, 99],
                          "days_from": "first-dose"}]), "/visits/3"),
        (changed(conditions={"pain": OPEN, "left": {"any": ["pain"]}}),
         "/conditions/pain/where/indication"),
        (table(columns=BOTH), "/tables/0/columns/2/compare"),
        (table(columns=[*BOTH[:1], {**BOTH[0], "id": "again"},
                        {**BOTH[2], "compare": ["itt", "again"]}]),
         "/tables/0/columns/2/compare"),
        (table(columns=[*BOTH[:1], {**BOTH[0], "id": "drug", "arm": "drug"},
                        {**BOTH[2], "compare": ["itt", "drug"]}]),
         "/tables/0/columns/2/compare"),
        (table(columns=[by_sex("men", "M"), by_sex("all", "M", "F"),
                        {**BOTH[2], "compare": ["men", "all"]}]),
         "/tables/0/columns/2/compare"),
        (table(rows=[{"id": "r", "label": "R",
                      "shift": {"before": "age-group", "after": "age-group"}}]),
         "/tables/0/rows/0/shift"),
        (changed(visits=[{**visit, "schedule": "mian"} if i == 1 else visit
                         for i, visit in enumerate(shipped(EXAMPLE)["visits"])]),
         "/visits/1/schedule"),
        (changed(measures={"first": {"parameter": "sbp", "at": "baseline"}}), "/measures/first/at"),
        (table(rows=[{"id": "r", "label": "R", "count": {"total": "treated"}}]),
         "/tables/0/columns/0"),
        (changed(placebo=["PLACEBOS"]), "/placebo/0"),
        (changed(adverse_events={"causality": []}), "/adverse_events/related"),
        (changed(adverse_events={"related": []}), "/adverse_events/causality"),
        (changed(placebo=["sugar"]), "/placebo/0"),
        (changed(measures={"sbp-change": {"parameter": "pulse", "at": "week-8"}},
                 parameters={"pulse": {"label": "Pulse", "unit": "1/min"}}),
         "/tables/1/rows/2"),
        (changed(periods=[{"id": "p", "label": "P", "first_day": 9, "last_day": 1}]), "/periods/0"),
    ],
)  # fmt: skip
def test_what_is_odd_is_told_at_its_place(definition, odd_pointer):
    assert odd_pointer in [pointer for pointer, _ in warned(definition)]


def test_tests_without_testing_are_told():
    whole = deepcopy(shipped(EXAMPLE))
    del whole["testing"]
    assert (
        "/tables/1",
        "shows P values, but the definition has no `testing`: all of them are nominal",
    ) in warned(whole)


def test_a_list_of_words_silences_what_is_said_of_free_text():
    lists = {"vocabularies": {"conmed.recorded": {"indication": ["Pain"]}}}
    assert warned(changed(conditions={"pain": OPEN, "left": {"any": ["pain"]}}, **lists)) == []


def test_columns_of_nobody_in_common_are_compared_without_a_word():
    columns = [by_sex("men", "M"), by_sex("women", "F"), {**BOTH[2], "compare": ["men", "women"]}]
    assert "/tables/0/columns/2/compare" not in [
        pointer for pointer, _ in warned(table(columns=columns))
    ]


def bounded(*classes: Any) -> Any:
    ages = [{"value": str(i), "label": str(i)} | part for i, part in enumerate(classes)]
    return changed(classes={"age-group": {"label": "Age", "measure": "age", "classes": ages}})


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        ([{"below": 70}, {"below": 65}, {"at_least": 70}], ["/classes/age-group/classes/1"]),
        ([{"below": 65}, {"at_most": 65}, {"at_least": 65}], []),
        ([{"at_most": 65}, {"below": 65}], ["/classes/age-group/classes/1"]),
        ([{"more_than": 65}, {"at_least": 65, "at_most": 70}], []),
        ([{"at_least": 65}, {"more_than": 65}], ["/classes/age-group/classes/1"]),
        ([{"at_least": 18, "below": 40}, {"at_least": 20, "at_most": 30}],
         ["/classes/age-group/classes/1"]),
    ],
)  # fmt: skip
def test_a_class_that_holds_nobody_is_odd(classes, said):
    found = [pointer for pointer, detail in warned(bounded(*classes)) if "holds nobody" in detail]
    assert found == said


def test_a_class_in_a_row_that_holds_nobody_is_odd_where_it_is_written():
    ages = bounded({"below": 70}, {"below": 65})["classes"]["age-group"]
    row = {"id": "ages", "label": "Ages", "levels": {"characteristic": ages}}
    found = [pointer for pointer, detail in warned(table(rows=[row])) if "holds nobody" in detail]
    assert found == ["/tables/0/rows/0/levels/characteristic/classes/1"]


@pytest.mark.parametrize(
    ("bounds", "odd"),
    [({"more_than": 300}, False), ({"more_than": 301}, True), ({"at_least": 300}, False),
     ({"below": 40}, False), ({"below": 39}, True), ({"at_most": 40}, False),
     ({"at_least": 301}, True)],
)  # fmt: skip
def test_a_bound_that_no_accepted_result_meets_is_odd(bounds, odd):
    """`<40` and `>300` are accepted, and are below 40 and above 300."""
    conditions = {
        "far": {"measure": {"parameter": "sbp", "at": "week-8"}, **bounds},
        "change": {"measure": "sbp-change", "below": -400},
        "derived": {"measure": {"parameter": "log-sbp", "at": "week-8"}, "below": 1},
    }
    derived = {"label": "Logarithm", "unit": "", "log10_of": "sbp", "minimum": 2}
    whole = changed(conditions=conditions, parameters={"log-sbp": derived})
    said = [pointer for pointer, detail in warned(whole) if "never true" in detail]
    assert said == ["/conditions/far"] * odd


def test_arms_that_give_the_same_are_odd_where_a_set_goes_by_them():
    whole = changed()
    for arm in whole["arms"]:
        arm["treatments"] = ["DRUG"]
    assert "/arms/1/treatments" in dict(warned(whole))


def test_a_limit_that_leaves_no_day_is_odd():
    whole = changed()
    whole["visits"][2]["limit"] = "before-first-dose"
    assert "/visits/2/limit" in dict(warned(whole))


def test_grades_of_which_none_is_left_are_refused():
    whole = changed()
    row = {"id": "g", "label": "G", "events": {"grade": [1, 2], "grade_at_least": 3}}
    whole["tables"][2]["rows"].append(row)
    with pytest.raises(Rejected) as refused:
        warned(whole)
    (fault,) = refused.value.faults
    assert fault.pointer == "/tables/2/rows/2/events"
    row["events"]["grade"] = [1, 3]
    assert warned(whole) == []
