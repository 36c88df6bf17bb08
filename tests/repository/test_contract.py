"""The contract: current, whole, and as strict as the service; no more and no less."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from contract import FILES, document, validator
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from local import contract as made
from local.contract import models, operations
from trial.errors import Rejected
from trial.events import envelope, json_body
from trial.events.payloads import ERASURE, KINDS, field_types

EVENTS = FILES.parents[3] / "events"
OPERATIONS = [
    (method, path, operation)
    for path, path_operations in document()["paths"].items()
    for method, operation in path_operations.items()
]


def schema_of(kind: str) -> dict[str, Any]:
    path = FILES / "schemas" / f"{models.type_of(kind)}.json"
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema


SCHEMAS = {kind: schema_of(kind) for kind in KINDS}
VALIDATORS = {
    kind: Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    for kind, schema in SCHEMAS.items()
}


def test_the_contract_is_made_from_the_models_and_the_routes() -> None:
    files_kept = {str(file.relative_to(FILES)): file for file in FILES.rglob("*.json")}
    texts = dict(made.texts())
    assert files_kept.keys() == texts.keys(), "run `make contract`"
    stale = [name for name in texts if files_kept[name].read_text(encoding="utf-8") != texts[name]]
    assert stale == [], "run `make contract`"


def test_writing_the_contract_takes_away_what_is_of_no_kind_any_more(tmp_path: Path) -> None:
    made.write(tmp_path)
    (tmp_path / "schemas" / "gone.v1.json").write_text("{}", encoding="utf-8")
    made.write(tmp_path)
    assert len(list(tmp_path.rglob("*.json"))) == 1 + len(KINDS)
    assert not (tmp_path / "schemas" / "gone.v1.json").exists()


def test_every_route_is_described_and_no_other() -> None:
    described = {(method.upper(), path) for method, path, _ in OPERATIONS}
    assert described == operations.served().keys()
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(names)) == len(names)


def test_a_route_that_nobody_describes_stops_the_generator() -> None:
    table = copy.deepcopy(made.load_part("routes"))
    del table["routes"]["POST /studies/{study}/audit"]
    with pytest.raises(LookupError, match=r"routes\.yaml: POST /studies/\{study\}/audit$"):
        list(operations.routes(table))
    table = copy.deepcopy(made.load_part("routes"))
    table["routes"]["GET /nowhere"] = {"answers": {}}
    with pytest.raises(LookupError, match=r"does not serve: GET /nowhere$"):
        list(operations.routes(table))


def test_a_check_that_no_schema_shows_stops_the_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(models._CHECKED, "_local_time")
    with pytest.raises(LookupError, match="add an entry for _local_time"):
        models.event("visit.recorded")


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
def test_a_route_names_what_it_takes_and_answers(
    method: str, path: str, operation: dict[str, Any]
) -> None:
    answers = operation["responses"]
    assert {"403", "404", "429", "500", "503", "504"} <= answers.keys()
    assert operation["summary"].endswith((".", ":"))
    for status, answer in answers.items():
        assert answer["description"]
        kinds = set(answer.get("content", {}))
        if status in {"403", "429", "504"}:
            assert kinds - {"application/problem+json"} == {"application/json"}
        elif status >= "400":
            assert kinds == {"application/problem+json"}
    if method == "get":
        assert "requestBody" not in operation
    for parameter in operation["parameters"]:
        assert parameter["in"] != "path" or "example" in parameter, parameter["name"]


def examples() -> list[tuple[str, Any]]:
    return [
        (name, example)
        for name, schema in document()["components"]["schemas"].items()
        for example in schema.get("examples", [])
    ]


@pytest.mark.parametrize(("name", "example"), examples())
def test_an_example_is_one(name: str, example: Any) -> None:
    faults = list(validator(name, strict=True).iter_errors(example))
    assert [f"{fault.json_path}: {fault.message}" for fault in faults] == []


def test_every_body_and_answer_has_an_example() -> None:
    examples_named = {name for name, _ in examples()}
    whole = {"OpenApiDocument", "EventSchema", "FlowDiagram"}  # themselves
    used = {
        content["schema"]["$ref"].rpartition("/")[2]
        for _, _, operation in OPERATIONS
        for part in (operation.get("requestBody", {}), *operation["responses"].values())
        for content in part.get("content", {}).values()
    }
    assert used - examples_named - whole == set()


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_has_an_example_that_is_taken(kind: str) -> None:
    (example,) = SCHEMAS[kind]["examples"]
    assert list(VALIDATORS[kind].iter_errors(example)) == []
    if kind != ERASURE:
        assert is_taken(example)
        assert example["data"].keys() > {"record", "revision"}


@pytest.mark.parametrize("study", ["tmb-301", "airway-2x2", "example"])
def test_every_event_that_is_shipped_conforms_to_its_schema(study: str) -> None:
    lines = (EVENTS / study / "feed.ndjson").read_text(encoding="utf-8").splitlines()
    for line in lines:
        value = json.loads(line)
        kind = envelope.kind_of(value["type"])
        assert VALIDATORS[kind].is_valid(value), line


def is_taken(event: Any) -> bool:
    body, study = json.dumps(event), event.get("study")
    try:
        envelope.parse(
            json_body.read_json(body), body, None if isinstance(study, str) else "TMB-301"
        )
    except Rejected:
        return False
    return True


VALUES = st.sampled_from([
    None, True, False, 0, 1, 2, -1, 1.5, 1e30, 0.1234567891, "", " ", "\u200b", "x", "x" * 33_000,
    [], ["x"], [""], {}, {"x": "y"}, "2015", "2015-02", "2015-02-03", "2015-02-30", "2015-13-01",
    "2015-02-03T10:00", "2015-02-03T24:00", "2015-02-03T10:00:00Z", "2015-02-03T10:00:60Z", "101",
    "not an id", "void", "record", "M", "minor",
])  # fmt: skip


@st.composite
def changed(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    """Take the example of a kind and change a member or two, of the envelope or of the data."""
    event = copy.deepcopy(SCHEMAS[kind]["examples"][0])
    for _ in range(draw(st.integers(1, 2))):
        part = event if draw(st.integers(0, 3)) == 0 else event.get("data")
        if not isinstance(part, dict):
            break
        fields = [*envelope.Envelope.model_fields] if part is event else [*field_types(kind)]
        name = draw(st.sampled_from([*fields, "beyond"]))
        if draw(st.booleans()):
            part[name] = draw(VALUES)
        else:
            part.pop(name, None)
    return event


BEYOND = "2015-02-30", "2015-02-03T24:00", "2015-02-03T10:00:60Z", "\\u200b", "0.1234567891"
"""What a schema cannot tell: days of no calendar, hours of no clock, nothing visible, places."""


@given(st.data())
def test_what_a_schema_allows_is_taken_and_what_it_forbids_refused(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(KINDS.keys() - {ERASURE})))
    event = data.draw(changed(kind))
    conforms = VALIDATORS[kind].is_valid(event)
    if is_taken(event):
        assert conforms, list(VALIDATORS[kind].iter_errors(event))
    elif conforms:
        text = json.dumps(event)
        assert any(word in text for word in BEYOND), text
