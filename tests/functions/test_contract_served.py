"""The contract as it is served: the very files, to whoever may call the API."""

import json

import pytest
from contract import FILES, document
from invoking import PROBLEM, Service, request

from trial.events.payloads import KINDS


def test_the_document_is_served_as_it_is_committed(blank: Service) -> None:
    answer = blank.ask(request("GET", "/openapi.json"))
    assert (answer.status, answer.media_type) == (200, "application/json")
    assert answer.text == (FILES / "openapi.json").read_text(encoding="utf-8")
    assert answer.json == document()


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_of_a_kind_is_served_by_the_end_of_its_type(blank: Service, kind: str) -> None:
    answer = blank.ask(request("GET", f"/schemas/{kind}.v1"))
    assert (answer.status, answer.media_type) == (200, "application/schema+json")
    type_schema = json.loads(answer.text)["properties"]["type"]
    assert type_schema == {"const": f"org.livetlf.{kind}.v1"}


@pytest.mark.parametrize(
    "name", ["visit.recorded", "visit.recorded.v2", "..%2Fopenapi", "%2E%2E", "a.v1\n"]
)
def test_what_names_no_kind_is_404(blank: Service, name: str) -> None:
    answer = blank.ask(request("GET", f"/schemas/{name}"))
    assert (answer.status, answer.media_type) == (404, PROBLEM)
