"""Conditions and measures: the logic of three values, and names that do not exist."""

import json
from itertools import product
from typing import Any

import builders
import pytest
from builders import TINY, adverse_event, death, disposition, dose, enrolment, entry, tiny, truth
from parallel import A, B, parallel

from trial.definition.study import Study
from trial.errors import Rejected
from trial.tables import checking

SEX = {"sex": "M"}
UNKNOWN: dict[str, Any] = {"characteristic": "sex", "levels": ["M"]}
TRUE: dict[str, Any] = {"recorded": "subject.enrolled"}
FALSE: dict[str, Any] = {"recorded": "death.reported"}
OF = {True: TRUE, False: FALSE, None: UNKNOWN}
TRUTHS = (True, False, None)


def refused(**changes: Any) -> list[str]:
    """Say which paths of a changed tiny definition are refused."""
    with pytest.raises(Rejected) as caught:
        checking.check_definition(tiny(**changes))
    assert (caught.value.status, caught.value.title) == (422, "Definition not accepted")
    return [fault.pointer for fault in caught.value.faults]


def with_condition(**condition: Any) -> dict[str, Any]:
    return {"conditions": TINY["conditions"] | {"new": condition}}


def with_measure(**measure: Any) -> dict[str, Any]:
    return {"measures": TINY["measures"] | {"new": measure}}


def with_row(**row: Any) -> dict[str, Any]:
    table = TINY["tables"][0]
    return {"tables": [{**table, "rows": [{"id": "new", "label": "New"} | row]}], "key_results": []}


def asked(**condition: Any) -> Study:
    return tiny(**with_condition(**condition))


class TestKleene:
    @pytest.mark.parametrize("truth_value", TRUTHS)
    def test_the_three_values_are_what_they_stand_for(self, truth_value):
        assert truth("new", enrolment(), study=asked(**OF[truth_value])) is truth_value

    @pytest.mark.parametrize("values", [*product(TRUTHS, repeat=2), *product(TRUTHS, repeat=3)])
    def test_all_is_false_once_one_is_false_and_unknown_once_one_is_unknown(self, values):
        expected = False if False in values else None if None in values else True
        study = asked(all=[OF[value] for value in values])
        assert truth("new", enrolment(), study=study) is expected

    @pytest.mark.parametrize("values", [*product(TRUTHS, repeat=2), *product(TRUTHS, repeat=3)])
    def test_any_is_true_once_one_is_true_and_none_is_its_opposite(self, values):
        expected = True if True in values else None if None in values else False
        refs = [OF[value] for value in values]
        assert truth("new", enrolment(), study=asked(any=refs)) is expected
        opposite = None if expected is None else not expected
        assert truth("new", enrolment(), study=asked(none=refs)) is opposite

    @pytest.mark.parametrize(("form", "expected"), [("all", True), ("any", False), ("none", True)])
    def test_of_nothing_all_hold_none_holds_and_not_any(self, form, expected):
        assert truth("new", enrolment(), study=asked(**{form: []})) is expected

    def test_conditions_nest_by_name_and_in_place(self):
        study = asked(all=["enrolled", {"none": [{"any": ["died", UNKNOWN]}]}])
        assert truth("new", enrolment(), study=study) is None
        assert truth("new", enrolment(sex="F"), study=study) is True
        assert truth("new", enrolment(sex="M"), study=study) is False
        assert truth("new", enrolment(sex="F"), death(), study=study) is False

    def test_what_is_unknown_is_counted_nowhere_and_settled_nowhere(self):
        conditions = with_condition(**UNKNOWN)
        rows = [
            {"id": "yes", "label": "Yes", "count": {"total": "new"}},
            {"id": "no", "label": "No", "count": {"total": {"none": ["new"]}}},
            {"id": "open", "label": "Open", "not_due": {"total": "new"}},
        ]
        table = {**TINY["tables"][0], "rows": rows}
        study = tiny(**conditions, tables=[table], key_results=[])
        grid = builders.tables_of(study, [enrolment()])["one"]
        assert [builders.statistic(grid, row, "total", "n") for row in ("yes", "no", "open")] == [
            0,
            0,
            0,
        ]
        missing = builders.statistic(grid, "yes", "total", "missing")
        assert (builders.statistic(grid, "yes", "total", "N"), missing) == (0, 1)


class TestThresholds:
    @pytest.mark.parametrize(
        ("threshold", "true_of"),
        [
            ({"at_least": 3}, {3, 4, 5}),
            ({"more_than": 3}, {4, 5}),
            ({"at_most": 3}, {1, 2, 3}),
            ({"below": 3}, {1, 2}),
            ({"at_least": 2.5}, {3, 4, 5}),
            ({"more_than": 2.5}, {3, 4, 5}),
            ({"at_most": 2.5}, {1, 2}),
            ({"below": 2.5}, {1, 2}),
            ({"at_least": 2, "below": 4}, {2, 3}),
            ({"more_than": 2, "at_most": 4}, {3, 4}),
        ],
        ids=str,
    )
    def test_a_threshold_compares_as_it_is_written(self, threshold, true_of):
        study = asked(measure="score", **threshold)
        result = {
            score
            for score in range(1, 6)
            if truth("new", enrolment(characteristics={"score": score}), study=study)
        }
        assert result == true_of

    @pytest.mark.parametrize("crossing", [
        {"at_least": 5, "below": 5}, {"more_than": 5, "at_most": 5}, {"at_least": 6, "at_most": 5},
    ])  # fmt: skip
    def test_bounds_between_which_nothing_lies_are_refused(self, crossing):
        for part in (
            {"conditions": {"new": {"measure": "score"} | crossing}},
            {"classes": {"new": {"label": "New", "measure": "score", "classes": [
                {"value": "a", "label": "A"} | crossing]}}},
        ):  # fmt: skip
            with pytest.raises(Rejected) as caught:
                tiny(**{name: TINY.get(name, {}) | item for name, item in part.items()})
            (fault,) = caught.value.faults
            assert (
                fault.detail == "its lower bound is above its upper bound: no value is between them"
            )

    def test_a_missing_value_is_unknown_or_a_failure_as_the_condition_says(self):
        assert truth("new", enrolment(), study=asked(measure="score", at_least=1)) is None
        failing = asked(measure="score", at_least=1, missing="failure")
        assert truth("new", enrolment(), study=failing) is False
        assert truth("new", dose(), study=failing) is None


class TestRecords:
    def test_a_record_is_meant_by_its_fields(self):
        result = asked(recorded="disposition.recorded", where={"of": "study", "reason": ["A", "B"]})
        assert truth("new", disposition(9, reason="B"), study=result) is True
        assert truth("new", disposition(9, reason="C"), study=result) is False
        assert truth("new", disposition(9, reason="B", of="treatment"), study=result) is False

    def test_a_record_is_meant_by_its_period(self):
        result = asked(recorded="disposition.recorded", period="control")
        assert truth("new", enrolment(), disposition(6), study=result) is True
        assert truth("new", enrolment(), disposition(7), study=result) is False
        assert truth("new", disposition(6), study=result) is False

    def test_a_partial_date_lies_in_the_period_of_its_first_day(self):
        died = asked(recorded="death.reported", period="treatment")
        assert truth("new", enrolment(), death("2015-07"), study=died) is True
        assert truth("new", enrolment(), death("2015"), study=died) is False

    @pytest.mark.parametrize(
        "undated",
        [
            adverse_event(None),
            entry("conmed.recorded", drug="aspirin"),
            entry("visit.missed", visit="day-0", reason="forgot"),
        ],
        ids=lambda item: item.kind,
    )
    def test_an_undated_record_lies_in_no_period(self, undated):
        study = asked(recorded=undated.kind, period="control")
        assert truth("new", enrolment(), undated, study=study) is False

    def test_an_event_is_meant_where_every_part_holds_of_the_same_event(self):
        result = asked(adverse_event={"serious": True, "related": False})
        serious = adverse_event(serious=True, causality="RELATED")
        unrelated = adverse_event(record="AE-2", causality="NOT RELATED")
        assert truth("new", serious, unrelated, study=result) is False
        outcome = adverse_event(serious=True, causality="NOT RELATED")
        assert truth("new", outcome, study=result) is True


class TestWrongNames:
    @pytest.mark.parametrize(
        ("changes", "path"),
        [
            (with_condition(all=["enrolled", "nobody"]), "/conditions/new/all/1"),
            (with_condition(none=[{"any": ["nobody"]}]), "/conditions/new/none/0/any/0"),
            (with_condition(measure="nothing", at_least=1), "/conditions/new/measure"),
            (with_condition(recorded="subject.lost"), "/conditions/new/recorded"),
            (with_condition(recorded="death.reported", period="later"), "/conditions/new/period"),
            (with_condition(characteristic="height", levels=["1"]),
             "/conditions/new/characteristic"),
            (with_measure(characteristic="height"), "/measures/new/characteristic"),
            (with_measure(parameter="height", at="day-0"), "/measures/new/parameter"),
            (with_measure(parameter="cd4", at="day-9"), "/measures/new/at"),
            (with_measure(parameter="cd4", at="day-0", change_from="then"),
             "/measures/new/change_from"),
            (with_measure(parameter="cd4"), "/measures/new"),
            (with_measure(), "/measures/new"),
            ({"sets": TINY["sets"] | {"new": {"label": "New", "condition": "nobody"}}},
             "/sets/new/condition"),
            (with_row(count="nobody"), "/tables/0/rows/0/count"),
            (with_row(count={"total": "nobody"}), "/tables/0/rows/0/count/total"),
            (with_row(count={"third": "enrolled"}), "/tables/0/rows/0/count/third"),
            (with_row(not_due="nobody"), "/tables/0/rows/0/not_due"),
            (with_row(summary="nothing"), "/tables/0/rows/0/summary"),
            (with_row(summary="age", where="nobody"), "/tables/0/rows/0/where"),
            (with_row(count="enrolled", where="nobody"), "/tables/0/rows/0/where"),
            (with_row(pairs=["enrolled", "nobody"]), "/tables/0/rows/0/pairs/1"),
            (with_row(pairs=["died", "died"], column="third"), "/tables/0/rows/0/column"),
            (with_row(levels={"characteristic": "height"}),
             "/tables/0/rows/0/levels/characteristic"),
            (with_row(levels={"recorded": "death.reported", "field": "why"}),
             "/tables/0/rows/0/levels/field"),
            (with_row(summary={"parameter": "cd4"}, visits=["day-9"]),
             "/tables/0/rows/0/visits/0"),
            (with_row(summary={"parameter": "cd4"}), "/tables/0/rows/0/summary"),
            (with_row(summary={"parameter": "cd4", "att": "day-0"}),
             "/tables/0/rows/0/summary/att"),
            (with_row(summary={"total": "age", "third": "age"}),
             "/tables/0/rows/0/summary/third"),
            (with_row(summary="age", statistics=["n", "meen"]),
             "/tables/0/rows/0/statistics/1"),
            (with_row(summary="age", statistics={"total": ["n", "meen"]}),
             "/tables/0/rows/0/statistics/total/1"),
            (with_row(events={"groups": ["Rashes"]}), "/tables/0/rows/0/events/groups/0"),
            (with_row(terms={"filter": {"groups": ["Rashes"]}}),
             "/tables/0/rows/0/terms/filter/groups/0"),
            (with_row(worst={"filter": {"groups": ["Rashes"]}, "field": "grade",
                             "levels": [{"value": "1", "label": "1"}]}),
             "/tables/0/rows/0/worst/filter/groups/0"),
            (with_row(incidence={"filter": {"groups": ["Rashes"]}}),
             "/tables/0/rows/0/incidence/filter/groups/0"),
            (with_row(stratified={"count": "nobody", "strata": ["sex"]}),
             "/tables/0/rows/0/stratified/count"),
            (with_row(stratified={"count": "enrolled", "strata": ["sex", "height"]}),
             "/tables/0/rows/0/stratified/strata/1"),
            (with_row(survival={"time": "to-death"}), "/tables/0/rows/0/survival/time"),
            (with_row(ancova={"measure": "height"}), "/tables/0/rows/0/ancova/measure"),
            (with_row(ancova={"measure": "age", "covariates": ["score", "height"]}),
             "/tables/0/rows/0/ancova/covariates/1"),
            (with_row(ancova={"measure": "age", "factors": ["height"]}),
             "/tables/0/rows/0/ancova/factors/0"),
            (with_row(ancova={"measure": "age",
                              "pool": {"site": {"set": "treated", "minimum": 2}}}),
             "/tables/0/rows/0/ancova/pool/site"),
            (with_measure(difference=["age", "height"]), "/measures/new/difference/1"),
            (with_row(levels={"recorded": "subject.lost", "field": "date"}),
             "/tables/0/rows/0/levels/recorded"),
        ],
        ids=str,
    )  # fmt: skip
    def test_a_name_that_is_not_defined_is_refused_at_its_path(self, changes, path):
        assert refused(**changes) == [path]

    def test_a_table_s_column_names_a_set_and_a_condition(self):
        table = TINY["tables"][0]
        column = {"id": "total", "label": "Total", "set": "nobody"}
        part = {"rows": table["rows"][:1]}
        assert refused(tables=[{**table, **part, "columns": [column]}], key_results=[]) == [
            "/tables/0/columns/0/set"
        ]
        column = {"id": "total", "label": "Total", "set": "enrolled", "where": "nobody"}
        assert refused(tables=[{**table, **part, "columns": [column]}], key_results=[]) == [
            "/tables/0/columns/0/where"
        ]

    @pytest.mark.parametrize("source", [{"table": "two"}, {"column": "third"}])
    def test_a_key_result_names_a_table_and_a_column(self, source):
        key_result = TINY["key_results"][0]
        changed = {**key_result, "source": key_result["source"] | source}
        (name,) = source
        assert refused(key_results=[changed]) == [f"/key_results/0/source/{name}"]

    def test_a_key_result_names_a_row(self):
        key_result = TINY["key_results"][0]
        changed = {**key_result, "source": key_result["source"] | {"row": "respnders"}}
        assert refused(key_results=[changed]) == ["/key_results/0/source/row"]

    def test_a_listing_names_records_and_sources(self):
        listing = TINY["listings"][0]
        column_named = {"id": "X", "label": "X", "source": "nothing"}
        assert refused(listings=[{**listing, "columns": [column_named]}]) == [
            "/listings/0/columns/0/source"
        ]
        assert refused(listings=[{**listing, "records": "nothing"}]) == ["/listings/0/records"]

    def test_a_flow_names_conditions_and_boxes(self):
        flow = TINY["flow"]
        stage = {"id": "s", "label": "S", "box": {"id": "b", "label": "B", "count": "nobody"}}
        assert refused(flow={**flow, "stages": [stage], "identities": []}) == [
            "/flow/stages/0/box/count"
        ]
        identity = {"total": "enrolled", "parts": ["treated", "nobody"]}
        assert refused(flow={**flow, "identities": [identity]}) == ["/flow/identities/0/parts/1"]

    def test_a_baseline_names_a_visit(self):
        baselines = TINY["baselines"] | {"control": {"visit": "day-zero"}}
        (path,) = refused(baselines=baselines)
        assert path.startswith("/baselines/control")

    def test_a_logarithm_names_its_parameter(self):
        log = TINY["parameters"]["viral-load-log10"] | {"log10_of": "viral-laod"}
        (path,) = refused(parameters=TINY["parameters"] | {"viral-load-log10": log})
        assert path.startswith("/parameters/viral-load-log10")

    @pytest.mark.parametrize(
        "changes",
        [
            with_condition(recorded="disposition.recorded", where={"resaon": "DEATH"}),
            with_row(levels={"recorded": "death.reported", "field": "cause", "where": {"x": "1"}}),
            with_measure(records="death.reported", where={"x": "1"}),
            {"listings": [{**TINY["listings"][1], "where": {"seroius": "True"}}]},
        ],
        ids=["condition", "levels", "measure", "listing"],
    )
    def test_a_field_that_a_record_does_not_have_is_refused(self, changes):
        assert len(refused(**changes)) == 1

    def test_a_level_that_a_characteristic_does_not_have_is_refused(self):
        assert refused(**with_condition(characteristic="history", levels=["yes"])) == [
            "/conditions/new/levels/0"
        ]


class TestSelfReference:
    @pytest.mark.parametrize(
        "conditions",
        [
            {"a": {"all": ["a"]}},
            {"a": {"none": [{"any": ["a"]}]}},
            {"a": {"all": ["b"]}, "b": {"any": ["a"]}},
            {"a": {"all": ["b"]}, "b": {"all": ["c"]}, "c": {"none": ["b"]}},
        ],
        ids=["itself", "nested", "two", "cycle"],
    )
    def test_a_condition_that_refers_to_itself_is_refused(self, conditions):
        with pytest.raises(Rejected) as caught:
            checking.check_definition(tiny(conditions=TINY["conditions"] | conditions))
        (fault,) = caught.value.faults
        assert fault.pointer.startswith("/conditions/")
        assert "refers to itself" in fault.detail

    def test_a_condition_used_twice_does_not(self):
        study = asked(all=["enrolled", {"any": ["enrolled", "died"]}, "enrolled"])
        assert truth("new", enrolment(), study=study) is True


class TestForms:
    @pytest.mark.parametrize(
        "condition",
        [{}, {"all": ["enrolled"], "any": ["enrolled"]}, {"recorded": "x", "measure": "age"}],
        ids=str,
    )
    def test_a_condition_takes_one_form(self, condition):
        with pytest.raises(Rejected) as caught:
            asked(**condition)
        assert [fault.pointer for fault in caught.value.faults] == ["/conditions/new"]

    @pytest.mark.parametrize(
        "condition",
        [{"recorded": "death.reported", "levels": ["A"]},
         {"measure": "age"},
         {"characteristic": "sex"},
         {"recorded": "death.reported", "at_least": 1}],
        ids=str,
    )  # fmt: skip
    def test_a_part_that_its_form_does_not_use_or_lacks_is_refused(self, condition):
        assert refused(**with_condition(**condition)) == ["/conditions/new"]

    @pytest.mark.parametrize(
        "row",
        [
            {"levels": {"characteristic": "sex"}, "where": "enrolled"},
            {"events": {}, "where": "enrolled"},
            {"count": "enrolled", "statistics": ["n"]},
            {"count": "enrolled", "summary": "age"},
            {"where": "enrolled"},
        ],
        ids=str,
    )
    def test_what_a_row_has_no_use_for_is_refused(self, row):
        assert refused(**with_row(**row)) == ["/tables/0/rows/0"]

    def test_an_interval_that_a_summary_does_not_have_is_refused_by_its_place(self):
        assert refused(**with_row(summary="age", interval=True)) == ["/tables/0/rows/0/interval"]


class TestPointers:
    """Where one of several forms may stand, the fault of the form that was meant is named."""

    @pytest.mark.parametrize(
        ("changes", "path", "detail"),
        [
            (with_condition(all=[{"recorded": 1}]), "/conditions/new/all/0/recorded", "string"),
            (with_condition(all=[{"recorded": "x", "is": 1}]), "/conditions/new/all/0/is", "field"),
            (with_condition(all=["a b"]), "/conditions/new/all/0", "64 of the characters"),
            (with_condition(any=[{"none": [{"measure": {"parameter": 1}, "below": 2}]}]),
             "/conditions/new/any/0/none/0/measure/parameter", "string"),
            (with_condition(any=[{}]), "/conditions/new/any/0", "exactly one of all, any"),
            (with_condition(measure="age", below="much"), "/conditions/new/below",
             "no number, and no text that counts as one: much"),
            (with_measure(days={"start": "birth", "end": "death"}), "/measures/new/days/start",
             "'enrolment'"),
            (with_row(count=5), "/tables/0/rows/0/count", "string"),
            (with_row(count={"all": ["enrolled"], "any": ["died"]}), "/tables/0/rows/0/count",
             "exactly one of all, any"),
            (with_row(count={"total": {"al": []}}), "/tables/0/rows/0/count/total/al", "field"),
            (with_row(summary={"total": {"parameter": "cd4", "att": "day-0"}}),
             "/tables/0/rows/0/summary/total/att", "field"),
            (with_row(visits="some", summary="age"), "/tables/0/rows/0/visits", "'all'"),
        ],
        ids=str,
    )  # fmt: skip
    def test_one_fault_is_named_where_it_was_written(self, changes, path, detail):
        with pytest.raises(Rejected) as caught:
            tiny(**changes)
        ((result, text),) = ((fault.pointer, fault.detail) for fault in caught.value.faults)
        assert result == path
        assert detail in text

    def test_every_fault_is_named_at_once(self):
        faulty = {"id": "a b", "label": "A", "columns": [], "extra": 1}
        assert sorted(refused(tables=[faulty], shards=99)) == [
            "/shards", "/tables/0/columns", "/tables/0/extra", "/tables/0/id", "/tables/0/label",
            "/tables/0/population", "/tables/0/rows", "/tables/0/title",
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "place", "instead"),
    [
        ({"logistic": {"count": "treated", "covariates": ["age"]}}, "logistic/covariates/0", ""),
        ({"event_rate": {"filter": {}, "covariates": ["sex", "doses"]}},
         "event_rate/covariates/1", ""),
        ({"survival": {"time": "stay", "hazard_ratio": {"covariates": ["age"]}}},
         "survival/hazard_ratio/covariates/0", "continuous"),
        ({"survival": {"time": "stay", "strata": ["age"]}}, "survival/strata/0", ""),
        ({"stratified": {"count": "treated", "strata": ["doses"]}}, "stratified/strata/0", ""),
        ({"stratified": {"levels": "region", "strata": ["doses"]}}, "stratified/strata/0", ""),
        ({"ancova": {"measure": "day14-decrease", "factors": ["age"]}},
         "ancova/factors/0", "covariates"),
    ],
)  # fmt: skip
def test_a_number_sorts_nobody(row, place, instead):
    """Each year of age would be a level of its own: fitted without a word, and of no use."""
    compared = {"id": "p", "label": "P", "compare": ["a", "b"]}
    value = json.loads(parallel([{"id": "row", "label": "Row"} | row], [A, B, compared]).source)
    value["characteristics"] = {"score": {"label": "Score"}, "doses": {"label": "Doses"}}
    stay = {"label": "Stay", "start": "enrolment", "events": ["death"]}
    value["times"] = {"stay": stay}
    with pytest.raises(Rejected) as refused:
        checking.read_definition(json.dumps(value))
    (fault,) = refused.value.faults
    assert fault.pointer == f"/tables/0/rows/0/{place}"
    assert "name classes" in fault.detail
    assert (f"under `{instead}`" in fault.detail) == bool(instead)


def test_a_characteristic_of_a_known_name_is_refused_where_it_stands():
    value = json.loads(parallel([{"id": "row", "label": "Row", "count": "treated"}]).source)
    own = {"score": {"label": "Score"}, "age": {"label": "Age", "levels": ["old"]},
           "region": {"label": "Region"}, "arm": {"label": "Arm"}}  # fmt: skip
    with pytest.raises(Rejected) as refused:
        checking.read_definition(json.dumps(value | {"characteristics": own}))
    assert [(fault.pointer, fault.detail) for fault in refused.value.faults] == [
        (f"/characteristics/{name}", f"{name} is {what} already: choose another name")
        for name, what in (("age", "a fact of every enrolment"), ("region", "a stratum"),
                           ("arm", "the arm"))
    ]  # fmt: skip


def test_conditions_in_conditions_without_end_are_refused():
    """More deeply than names in them can be looked up, too."""
    condition: Any = "treated"
    for _ in range(200):
        condition = {"all": [condition]}
    value = json.loads(parallel([{"id": "row", "label": "Row", "count": "treated"}]).source)
    value["tables"][0]["rows"][0]["count"] = condition
    with pytest.raises(Rejected, match="Definition not accepted") as refused:
        checking.read_definition(json.dumps(value))
    assert "recursion limit" in refused.value.faults[0].detail
