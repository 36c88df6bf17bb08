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


def said(definition: Any, *words: str) -> list[str]:
    """Give the pointers of what is said in such words."""
    return [p for p, detail in warned(definition) if any(word in detail for word in words)]


def pulse_classes(places: int | None, *bounds: Any, measure: Any = None) -> Any:
    """Give the example with classes of a pulse that may have decimals."""
    classes = [{"value": str(i), "label": str(i)} | part for i, part in enumerate(bounds)]
    measure = measure or {"parameter": "pulse", "at": "week-8"}
    pulse = {"label": "Pulse", "unit": "1/min"} | ({} if places is None else {"places": places})
    ratio = {"label": "Logarithm", "unit": "", "log10_of": "pulse"}
    return changed(
        parameters={"pulse": pulse, "log-pulse": ratio},
        classes={"pulses": {"label": "Pulse", "measure": measure, "classes": classes}},
    )


@pytest.mark.parametrize(
    ("definition", "gap"),
    [
        (bounded({"below": 65}, {"at_least": 65}), ""),
        (bounded({"at_most": 64}, {"at_least": 65}), ""),  # ages are whole years
        (bounded({"below": 65}, {"more_than": 65}), "65 is in none"),
        (bounded({"at_least": 75}, {"below": 65}), "from 65 to 74 is in none"),
        (bounded({"below": 30}, {"at_least": 20, "below": 65}, {"at_least": 65}), ""),
        (bounded({"at_least": 18, "below": 65}), ""),  # outside of all may be meant
        (pulse_classes(1, {"at_most": 64}, {"at_least": 65}), "from 64.1 to 64.9"),
        (pulse_classes(0, {"at_most": 64}, {"at_least": 65}), ""),
        (pulse_classes(0, {"at_most": 64}, {"at_least": "65.5"}), "65 is in none"),
        (pulse_classes(None, {"at_most": 64}, {"at_least": 65}), ""),  # who knows
        (pulse_classes(None, {"at_most": "1.9"}, {"at_least": 2},
                       measure={"parameter": "log-pulse", "at": "week-8"}), "between 1.9 and 2"),
        (pulse_classes(1, {"at_most": -1}, {"more_than": "-0.9"},
                       measure={"parameter": "pulse", "at": "week-8", "change_from": "baseline"}),
         "-0.9 is in none"),
        (pulse_classes(0, {"below": -10}, {"more_than": -10, "at_most": 10}, {"more_than": 10},
                       measure={"parameter": "pulse", "at": "week-8",
                                "percent_change_from": "baseline"}), "-10 is in none"),
    ],
)  # fmt: skip
def test_a_gap_between_classes_is_odd_where_a_value_can_lie_in_it(definition, gap):
    details = [detail for _, detail in warned(definition) if "leave a gap" in detail]
    assert bool(details) == bool(gap)
    assert gap in "".join(details)


WOMEN = {"characteristic": "sex", "levels": ["F"]}
MEN = {"characteristic": "sex", "levels": ["M"]}
YOUNG = {"measure": {"characteristic": "age"}, "below": 65}
OLD = {"measure": {"characteristic": "age"}, "at_least": 65}


@pytest.mark.parametrize(
    ("count", "denominator", "odd"),
    [
        ("treated", {"none": ["treated"]}, True),
        ({"all": ["treated", WOMEN]}, MEN, True),
        (WOMEN, {"all": ["treated", {"none": [{"any": [WOMEN, "left"]}]}]}, True),
        (YOUNG, OLD, True),
        (YOUNG, {"measure": {"characteristic": "age"}, "at_most": 65}, False),
        (WOMEN, {"characteristic": "sex", "levels": ["F", "M"]}, False),
        ("treated", {"set": "safety"}, False),
        ({"none": ["treated"]}, {"set": "safety"}, True),
        ({"none": ["treated"]}, "column", False),
        ({"any": ["treated", "left"]}, {"none": ["treated"]}, False),
        ({"none": [WOMEN]}, {"none": [MEN]}, False),
    ],
)
def test_a_denominator_of_none_of_those_counted_is_odd(count, denominator, odd):
    row = {"id": "r", "label": "R", "count": count, "denominator": denominator}
    columns = [{"id": "itt", "label": "ITT", "set": "itt"}]
    found = said(table(rows=[row], columns=columns), "n is always 0", "N is always 0")
    assert found == ["/tables/0/rows/0/denominator"] * odd


def test_a_denominator_of_nobody_in_any_column_is_odd():
    row = {"id": "r", "label": "R", "count": "stayed", "denominator": WOMEN}
    only_men, both = by_sex("men", "M"), by_sex("women", "F")
    assert said(table(rows=[row], columns=[only_men]), "N is always 0")
    assert not said(table(rows=[row], columns=[only_men, both]), "N is always 0")


def looks(*alphas: str, **spending: Any) -> Any:
    whole = changed()
    names = [f"look-{i}" for i in range(len(alphas))]
    field = "information" if spending else "alpha"
    whole["testing"]["looks"] = [
        {"id": name, "label": name, field: alpha} for name, alpha in zip(names, alphas, strict=True)
    ]
    return whole | {"testing": whole["testing"] | spending}


def test_looks_that_leave_no_alpha_for_others_are_odd():
    """Two at 0.03 of 0.05 may be right, as Pocock's are: how much they depend nobody can tell."""
    alpha = shipped(EXAMPLE)["testing"]["alpha"]
    assert alpha == 0.05
    assert said(looks("0.001", "0.05"), "more than there is") == ["/testing/looks/1/alpha"]
    assert not said(looks("0.03", "0.03"), "alpha")
    assert not said(looks("0.05"), "alpha")
    spending = {"spending": {"function": "pocock", "planned": 100}}
    assert said(looks("50", "100", "120", **spending), "no alpha is left") == [
        "/testing/looks/1/information"
    ]
    assert not said(looks("50", "120", **spending), "alpha")


@pytest.mark.parametrize(
    ("formula", "odd"),
    [
        ("sbp + weight", True),
        ("(sbp + dbp) / 2", False),
        ("max(sbp, abs(-weight))", True),
        ("sbp - (weight - weight)", True),
        ("sbp + 2 * weight", False),
        ("sbp / weight + weight", False),
        ("weight + 5", False),
        ("sbp + upper(dbp)", False),
        ("mean(sbp, index)", False),  # without a unit it may be anything
        ("sbp + micro", False),
    ],
)
def test_a_formula_that_mixes_units_is_odd(formula, odd):
    units = {"dbp": "mmHg", "weight": "kg", "index": "", "micro": "mm [Hg]"}
    parts = {name: {"label": name, "unit": unit} for name, unit in units.items()}
    whole = changed(parameters=parts | {"made": {"label": "M", "unit": "", "formula": formula}})
    assert said(whole, "mixes units") == ["/parameters/made/formula"] * odd


def box(name: str, count: Any, *side: Any, **stage: Any) -> Any:
    boxes = [{"id": f"{name}-{i}", "label": "Left", "count": part} for i, part in enumerate(side)]
    main = {"id": name, "label": name, "count": count}
    return {"id": name, "label": name, "box": main, "side": boxes} | stage


@pytest.mark.parametrize(
    ("stages", "parts", "odd"),
    [
        ([box("a", "treated"), box("b", {"none": ["treated"]})], [], ["/stages/1/box/count"]),
        ([box("a", "treated"), box("b", {"none": ["treated"]}, apart=True)], [], []),
        ([box("a", "treated", "left"), box("b", {"all": ["left"]})], [], []),
        ([box("a", "treated", "left"), box("b", "left")], [], ["/stages/1/box/count"]),
        ([box("a", "randomised"), box("b", "treated", {"none": ["treated"]})], [], []),
        ([box("a", WOMEN), box("b", WOMEN, MEN)], [], ["/stages/1/side/0/count"]),
        ([box("a", "randomised"), box("b", "stayed", "left")], ["b", "b-0"], []),
        ([box("a", "randomised"), box("b", "stayed", "left")], ["b", "b"],
         ["/identities/0/parts"]),
        ([box("a", "randomised"), box("b", "randomised", "left")], ["b", "b-0"],
         ["/identities/0/parts"]),
        ([box("a", "randomised"), box("b", "randomised")], ["b"], []),
    ],
)  # fmt: skip
def test_a_flow_that_cannot_be_is_odd(stages, parts, odd):
    identities = [{"total": "a", "parts": parts}] if parts else []
    flow = {"title": "Flow", "stages": stages, "identities": identities}
    whole = changed()
    whole["flow"] = flow
    assert [p for p, _ in warned(whole) if p.startswith("/flow")] == [f"/flow{p}" for p in odd]
