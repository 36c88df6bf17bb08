"""A definition is checked whole: every fault in one answer, at its place and by the ids of it."""

import json
from copy import deepcopy
from typing import Any

import pytest
from builders import TINY
from test_names import faults, shipped

from trial.definition import study
from trial.errors import Rejected
from trial.tables import checking


def example() -> Any:
    return deepcopy(shipped("example"))


def pointers(definition: Any) -> list[str]:
    return [fault.pointer for fault in faults(definition)]


def test_four_unknown_names_are_four_faults_in_order_of_the_document():
    faulty = example()
    faulty["tables"][0]["rows"][0]["summary"] = "agee"
    rows = faulty["tables"][1]["rows"]
    rows[0]["count"] = rows[1]["not_due"] = "respondr"
    rows[2]["summary"] = "sbp-chang"
    assert [(fault.pointer, fault.location) for fault in faults(faulty)] == [
        ("/tables/0/rows/0/summary", "table 14.1, row age, summary"),
        ("/tables/1/rows/0/count", "table 14.2, row responders, count"),
        ("/tables/1/rows/1/not_due", "table 14.2, row not-due, not_due"),
        ("/tables/1/rows/2/summary", "table 14.2, row change, summary"),
    ]


def test_what_a_list_holds_without_a_section_is_told_by_its_place():
    faulty = example()
    faulty["consort"] = {"25": ["14.1", "14.9"]}
    assert [fault.location for fault in faults(faulty)] == ["item 25, entry 2"]


def test_ten_faults_of_shape_names_and_sense_are_ten():
    faulty = example()
    faulty["shards"] = 99
    faulty["arms"][0]["lable"] = "Drug"
    faulty["measures"]["sbp-change"]["missing"] = "none"
    faulty["conditions"]["left"]["where"] = {"of": "studdy", "status": "discontinuedd"}
    faulty["tables"][0]["rows"][0]["summary"] = "agee"
    faulty["tables"][1]["columns"][2]["compare"] = ["placebo", "drugg"]
    faulty["key_results"][0]["source"]["row"] = "respnders"
    faulty["flow"]["identities"][0]["parts"] = ["stayed", "gone"]
    faulty["listings"][0]["columns"][1]["source"] = "trem"
    assert pointers(faulty) == [
        "/shards",
        "/arms/0/lable",
        "/measures/sbp-change/missing",
        "/conditions/left/where/of",
        "/conditions/left/where/status",
        "/tables/0/rows/0/summary",
        "/tables/1/columns/2/compare/1",
        "/key_results/0/source/row",
        "/flow/identities/0/parts/1",
        "/listings/0/columns/1/source",
    ]


def test_faults_of_sense_are_all_found_too():
    faulty = example()
    faulty["conditions"] |= {"a": {"all": ["b"]}, "b": {"none": ["a"]}, "c": {"any": ["b"]}}
    faulty["measures"] |= {"gap": {"difference": ["age", "sbp-change"]}}
    faulty["tables"][1]["rows"][0]["visits"] = ["week-4"]
    faulty["figures"][0]["source"]["row"] = "change"
    faulty["testing"]["order"] = [{"table": "14.2", "row": "change", "column": "drug"}]
    faulty["key_results"][0]["show"] = "mean"
    faulty["listings"][0]["columns"][1]["kind"] = "date"
    assert pointers(faulty) == [
        "/measures/gap/difference",
        "/conditions/b/none/0",
        "/tables/1/rows/0/count",
        "/testing/order/0",
        "/key_results/0/show",
        "/figures/0/source/row",
        "/listings/0/columns/1/kind",
    ]


def test_a_broken_named_part_is_one_fault_however_many_use_it():
    faulty = example()
    faulty["measures"]["sbp-change"]["parameter"] = "sbpp"
    assert pointers(faulty) == ["/measures/sbp-change/parameter"]
    faulty = example()
    faulty["conditions"]["randomised"]["recorded"] = "subject.randomized"
    assert pointers(faulty) == ["/conditions/randomised/recorded"]


@pytest.mark.parametrize(
    ("summary", "items"),
    [
        ({"parameter": "sbp", "at": "week-4", "missing": "none"}, ["missing"]),
        ({"parametr": "sbp", "at": "week-4"}, ["parametr"]),
        ({"parameter": "sbp", "att": "week-4"}, ["att"]),
        ({"parameter": "x", "at": "w4", "missing": "none"}, ["parameter", "at", "missing"]),
        ({"parameter": "x", "at": "w4"}, ["parameter", "at"]),
        ({"placebo": "age", "drgu": "age"}, ["drgu"]),
        ({"placebo": {"parameter": "sbp", "att": "week-4"}}, ["placebo/att"]),
        ({"placebo": "age", "drug": {"parameter": "sbpp", "at": "week-4"}}, ["drug/parameter"]),
    ],
)
def test_what_stands_in_place_of_a_summary_is_wrong_where_it_is_wrong(summary, items):
    faulty = example()
    faulty["tables"][0]["rows"][0]["summary"] = summary
    assert pointers(faulty) == [f"/tables/0/rows/0/summary/{item}" for item in items]


def test_a_column_may_be_called_as_a_field_of_a_condition_is():
    table = example()["tables"][0]
    table["columns"] = [{"id": "all", "label": "All", "set": "itt"},
                        {"id": "none", "label": "None", "set": "itt"}]  # fmt: skip
    table["rows"] = [{"id": "r", "label": "R", "count": {"all": "randomised", "none": "treated"}}]
    result = example() | {"tables": [table], "key_results": [], "figures": [], "consort": {}}
    del result["testing"]
    assert pointers(result) == []
    table["rows"][0]["count"]["none"] = "treatd"
    assert pointers(result) == ["/tables/0/rows/0/count/none"]


def test_a_field_that_is_none_is_said_with_those_that_are():
    faulty = example()
    faulty["tables"][0]["rows"][0]["lable"] = "Age"
    (fault,) = faults(faulty)
    assert "is not a field here. Did you mean label?" in fault.detail


def test_the_answer_is_the_same_from_run_to_run_and_says_each_place_once():
    faulty = example()
    faulty["tables"][0]["rows"][0]["summary"] = {f"x{i}": "age" for i in range(9)}
    result = pointers(faulty)
    assert result == [f"/tables/0/rows/0/summary/x{i}" for i in range(9)]
    assert len(set(result)) == len(result)


def test_a_problem_names_its_places_by_pointer_and_by_id():
    faulty = example()
    faulty["tables"][1]["rows"][0]["count"] = "respondr"
    with pytest.raises(Rejected) as caught:
        checking.read_definition(json.dumps(faulty))
    assert caught.value.problem()["errors"] == [
        {
            "pointer": "/tables/1/rows/0/count",
            "at": "table 14.2, row responders, count",
            "detail": "is not a condition of this definition: respondr. Did you mean responder?"
            " Known: left, randomised, responder, stayed, treated",
        }
    ]


def test_a_blinded_study_is_checked_as_both_audiences_see_it():
    result = deepcopy(dict(TINY)) | {"blinded": True}
    assert faults(result) == []
    checking.check_definition(study.load(json.dumps(result)))


def test_a_value_that_is_named_twice_is_refused():
    """Whichever label came last would stand beside the number."""
    faulty = example()
    faulty["strata"]["region"].append("north")
    faulty["characteristics"] = {"smoker": {"label": "Smoker", "levels": ["Y", "N", "Y"]}}
    faulty["classes"]["age-group"]["classes"][1]["value"] = "below 65"
    levels = [{"value": "M", "label": "Men"}, {"value": "M", "label": "Women"}]
    faulty["tables"][0]["rows"][1]["levels"] = {"characteristic": "sex", "values": levels}
    faulty["tables"][1]["rows"][3]["visits"] = ["week-4", "week-8", "week-4"]
    assert [(fault.pointer, fault.detail) for fault in faults(faulty)] == [
        ("/strata/region", "names north more than once"),
        ("/classes/age-group/classes", "names below 65 more than once"),
        ("/tables/0/rows/1/levels/values", "names M more than once"),
        ("/tables/1/rows/3/visits", "names week-4 more than once"),
        ("/characteristics/smoker/levels", "names Y more than once"),
    ]


@pytest.mark.parametrize(
    ("section", "change", "pointer"),
    [
        ("calendar", {"earliest": "2025-01-01", "latest": "2024-01-01"}, "/calendar"),
        ("parameters", {"sbp": {"minimum": 300, "maximum": 40}}, "/parameters/sbp"),
        ("parameters", {"sbp": {"units": {"kPa": 0}}}, "/parameters/sbp"),
        ("parameters", {"sbp": {"units": {"mmHg": 2}}}, "/parameters/sbp"),
        ("adverse_events", {"days_after_last_dose": -1}, "/adverse_events/days_after_last_dose"),
        ("testing", {"order": [{"table": "14.2", "row": "change", "column": "against"}] * 2},
         "/testing"),
    ],
    ids=str,
)  # fmt: skip
def test_what_contradicts_itself_is_refused(section, change, pointer):
    faulty = example()
    for name, value in change.items():
        result = faulty[section].get(name)
        faulty[section][name] = result | value if isinstance(result, dict) else value
    assert pointers(faulty) == [pointer]


@pytest.mark.parametrize("odd", [{"covariates": ["sbp-change"]}, {"factors": ["arm"]}], ids=str)
def test_a_model_of_what_explains_itself_is_refused(odd):
    faulty = example()
    faulty["tables"][1]["rows"] = [
        {"id": "model", "label": "Model", "ancova": {"measure": "sbp-change"} | odd}
    ]
    assert "/tables/1/rows/0/ancova" in pointers(faulty)
