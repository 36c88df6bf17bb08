"""The checklist claims only what this study's outputs and definition hold."""

import json
import re
from typing import Any

import builders
import pytest
from blinded import study_of
from builders import enrolment, tiny, tmb301
from parallel import A, B, parallel, randomised

from local.feed import read_definition
from local.replay import DOCUMENTS
from trial.definition.reporting import CONSORT, HARMS
from trial.definition.study import Study, load
from trial.errors import Rejected
from trial.render import tables_json
from trial.render.checklist import checklist
from trial.tables import checking

STATUSES = {"from_data", "from_definition", "manual", "not_applicable"}
RANDOMISATION = {"17a", "17b", "18", "19", "20a", "20b"}


def items(study: Study, entries: Any = ()) -> dict[str, Any]:
    result = checklist(builders.report_of(study, entries), study.definition)
    document = json.loads(tables_json.encode(result))
    return {harm["item"]: harm for harm in document["consort_2025"] + document["harms"]}


def airway() -> Study:
    path = builders.TMB301.parent / "airway-2x2" / "definition.yaml"
    return load(json.dumps(read_definition(path)))


def test_every_item_of_consort_2025_is_there_once_from_1a_to_30():
    numbers = list(CONSORT)
    assert {int(re.sub(r"\D", "", number)) for number in numbers} == set(range(1, 31))
    split = {"1", "5", "12", "16", "17", "20", "22", "23", "24"}
    assert {number[:-1] for number in numbers if number.endswith("b")} == split | {"21"}
    assert len(numbers) == 42
    assert list(items(tmb301())) == [*numbers, *HARMS]


@pytest.mark.parametrize("study", [tmb301(), airway(), tiny()], ids=lambda item: item.id)
def test_every_place_that_is_named_is_there(study):
    document = builders.report_of(study, [])
    values = {
        "table": {grid.id for grid in document.grids},
        "key_result": {result.id for result in document.key_results},
        "figure": {figure.id for figure in document.figures},
        "listing": {listing.id for listing in document.listings},
        "file": {*DOCUMENTS, "consort.md"},
    }
    for item in items(study).values():
        assert item["status"] in STATUSES
        filled = item["status"] in {"from_data", "from_definition"}
        assert bool(item["where"]) == filled, item
        assert item["topic"]
        assert filled or item["remains"] is None
        for place in item["where"]:
            if place["kind"] == "definition":
                value: Any = study.definition
                for name in place["id"].split("/")[1:]:
                    value = value[name] if isinstance(value, dict) else getattr(value, name)
                assert value, place
            else:
                assert place["id"] in values[place["kind"]], place


def test_randomisation_does_not_apply_to_a_single_group_and_to_others_it_does():
    single, crossover = items(tmb301()), items(airway())
    result = {name for name, item in single.items() if item["status"] == "not_applicable"}
    assert result == RANDOMISATION
    assert not [name for name, item in crossover.items() if item["status"] == "not_applicable"]
    assert crossover["17b"]["where"][0]["title"] == "severity, steroid"


def test_the_definition_says_which_outputs_fill_an_item():
    result = items(tmb301())
    assert [item["id"] for item in result["25"]["where"]] == ["14.1.4", "14.1.5"]
    assert result["25"]["status"] == "from_data"
    kinds = {(item["kind"], item["id"]) for item in result["26"]["where"]}
    assert {("table", "14.2.1"), ("figure", "14.2.1")} <= kinds
    assert ("figure", "14.2.2") not in kinds
    unanswered = items(tmb301(("consort", {})))
    assert (unanswered["25"]["status"], unanswered["25"]["where"]) == ("manual", [])
    assert unanswered["22a"]["status"] == unanswered["22b"]["status"] == "from_data"


def test_what_the_definition_does_not_state_is_not_claimed():
    bare = items(tiny(adverse_events={}, registry=""))
    for name in ("2", "15", "H3", "25", "26"):
        assert bare[name]["status"] == "manual", name
    stated_items = items(tiny(registry="NCT1"))
    assert stated_items["2"] == {
        "item": "2", "topic": CONSORT["2"], "status": "from_definition",
        "where": [{"kind": "definition", "id": "/registry", "title": "NCT1"}],
        "remains": "the date of registration",
    }  # fmt: skip


def test_harms_are_filled_by_tables_of_adverse_events_however_they_are_counted():
    result = items(tmb301())
    assert "14.3.1.2" in {item["id"] for item in result["27"]["where"]}
    assert "14.2.1" not in {item["id"] for item in result["27"]["where"]}
    row = {"count": {"a": {"adverse_event": {"serious": True}}}}
    assert items(parallel([row], [A, B]))["27"]["where"][0]["id"] == "t"
    assert items(parallel([{"count": "enrolled"}], [A, B], listings=[]))["27"]["status"] == "manual"


@pytest.mark.parametrize(
    ("consort", "pointer"),
    [({"25": ["one", "two"]}, "/consort/25/1"), ({"31": ["one"]}, "/consort/31"),
     ({"25": []}, "/consort/25"), ({"25": ["figure:one"]}, "/consort/25/0"),
     ({"H11": ["one"]}, "/consort/H11")],
)  # fmt: skip
def test_an_item_or_an_output_that_is_not_there_is_refused(consort, pointer):
    checking.check_definition(tiny(consort={"25": ["one", "L1", "responders"], "H1": ["events"]}))
    with pytest.raises(Rejected) as caught:
        checking.check_definition(tiny(consort=consort))
    assert [fault.pointer for fault in caught.value.faults] == [pointer]


def test_an_output_that_is_hidden_while_the_study_is_blinded_is_not_named():
    key_results = [{"id": "f", "label": "F", "show": "n",
                "source": {"table": "t", "row": "r0", "column": "a"}}]  # fmt: skip
    study = study_of(
        [{"count": "enrolled"}], [A, B], key_results=key_results, consort={"25": ["f", "t"]}
    )
    checking.check_definition(study)
    result = builders.report_of(study, [enrolment(), randomised("a")], study.open)
    result = checklist(result, study.open.definition)
    (item,) = (value for value in result["consort_2025"] if value["item"] == "25")
    assert [value["id"] for value in item["where"]] == ["t"]
    assert "blinded" in item["remains"]
