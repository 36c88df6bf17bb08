"""What would break a rendering, or take for ever, is found when a definition is put."""

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from invoking import EVENTS

from local.feed import read_definition
from trial.commands import admission
from trial.errors import Rejected

Definition = dict[str, Any]


@pytest.fixture
def definition() -> Definition:
    """Give the guide's example."""
    return read_definition(EVENTS / "example" / "definition.yaml")


def refused(definition: Definition | str) -> Rejected:
    text = definition if isinstance(definition, str) else json.dumps(definition)
    with pytest.raises(Rejected) as caught:
        admission.admit(text.encode())
    return caught.value


def places(rejected: Rejected) -> list[str]:
    assert rejected.status == 422
    return [fault.pointer for fault in rejected.faults]


def test_a_definition_that_holds_together_is_admitted(definition: Definition) -> None:
    assert admission.admit(json.dumps(definition).encode()).id == definition["study"]


def test_one_that_extends_a_piece_is_admitted_as_what_it_is_with_it(definition: Definition) -> None:
    tables = [{"id": "fda-14", "title": "Adverse events"}, *definition["tables"]]
    extending = definition | {"extends": ["e3-listings", "fda-safety"], "tables": tables}
    extending |= {
        "measures": definition["measures"] | {"exposure-dose": {"records": "dose.missed"}}
    }
    admitted = admission.admit(json.dumps(extending).encode())
    source = json.loads(admitted.source)
    assert "extends" not in source
    assert source["tables"][0]["id"] == "fda-2"
    assert admission.admit(admitted.source.encode()).digest == admitted.digest


def test_two_arms_of_one_label_cannot_be_told_apart(definition: Definition) -> None:
    definition["arms"][1]["label"] = definition["arms"][0]["label"]
    assert places(refused(definition)) == ["/arms/1/label"]


@pytest.mark.parametrize(
    "number", ["1e999999", "1e38", "-1e999999", "1e-999999", "9" * 39, "9" * 5_000]
)
@pytest.mark.parametrize("place", ["reference", "condition"])
def test_a_number_beyond_what_is_kept_is_refused_at_its_place(
    definition: Definition, number: str, place: str
) -> None:
    if place == "reference":
        pointer, reference = (
            "/figures/0/references/0/value",
            definition["figures"][0]["references"][0],
        )
        reference["value"] = 77_777
    else:
        pointer, reference = "/conditions/responder/at_most", definition["conditions"]["responder"]
        reference["at_most"] = 77_777
    assert places(refused(json.dumps(definition).replace("77777", number))) == [pointer]


def test_a_chain_of_conditions_has_an_end(definition: Definition) -> None:
    def chained(length: int) -> Definition:
        names = [f"c{number}" for number in range(length)]
        links = {name: {"none": [after]} for name, after in pairwise(names)}
        values = {**definition["conditions"], **links, names[-1]: {"recorded": "dose.administered"}}
        return definition | {"conditions": values}

    assert places(refused(chained(900))) == ["/conditions/c0"]
    assert admission.admit(json.dumps(chained(50)).encode())
    assert places(refused(chained(51))) == ["/conditions/c0"]


@pytest.mark.parametrize(
    ("pointer", "part", "number"),
    [
        ("/arms", lambda item: {"id": f"a{item}", "label": f"A {item}"}, 101),
        ("/arms", lambda item: {"id": f"a{item}", "label": f"A {item}"}, 20_000),
        ("/visits", lambda item: {"id": f"v{item}", "label": f"V {item}", "day": item}, 1_001),
        ("/tables", lambda item: {"id": f"t{item}"}, 1_001),
        ("/placebo", str, 1_001),
    ],
)
def test_lists_are_bounded_before_they_are_worked_on(
    definition: Definition, pointer: str, part: Callable[[int], Any], number: int
) -> None:
    definition[pointer[1:]] = [part(i) for i in range(number)]
    rejected = refused(definition)
    assert places(rejected) == [pointer]
    assert str(number) in rejected.faults[0].detail


def test_a_definition_of_more_than_a_megabyte_is_not_even_read(definition: Definition) -> None:
    definition["title"] = "x" * 1_000_000
    assert refused(definition).status == 413


def test_whatever_breaks_a_rendering_is_told_and_does_not_come_into_force(
    definition: Definition, monkeypatch: pytest.MonkeyPatch
) -> None:
    definition["title"] = "One that nobody has put"
    monkeypatch.setattr("trial.render.documents.workbook", lambda _report, **_: 1 // 0)
    rejected = refused(definition)
    assert rejected.status == 422
    assert rejected.detail.startswith(
        "the service failed to make a document of it, which is an error of the service:"
        " report ZeroDivisionError in "
    )
