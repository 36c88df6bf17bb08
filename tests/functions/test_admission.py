"""What would break a rendering, or take for ever, is found when a definition is put."""

import json
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
import wide
from invoking import EVENTS

from local.feed import read_definition
from trial.commands import abridging, admission
from trial.definition.study import load
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


def test_any_section_that_may_be_left_out_may_be(definition: Definition) -> None:
    for name in definition:
        shorter = {key: value for key, value in definition.items() if key != name}
        with suppress(Rejected):  # some are needed, or what another names
            admission.admit(json.dumps(shorter).encode())
    least = {name: definition[name] for name in ("study", "title", "design", "shards", "calendar")}
    least |= {"sets": {}, "flow": {"title": "Flow", "stages": []}}
    assert admission.admit(json.dumps(least).encode()).id == definition["study"]


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


class TestRehearsal:
    """Documents are made of a few rows of each form, whatever the definition's width."""

    def test_a_table_of_thirty_analytes_keeps_a_few_rows_of_each_form(self):
        whole = wide.pilot()
        small = abridging.abridged(whole)
        rows = {table.id: table.rows for table in small.definition.tables}
        of_all = {table.id: table.rows for table in whole.definition.tables}
        assert len(of_all["14-6.03"]) == 62
        assert len(rows["14-6.03"]) == 8
        assert all(len(row.visits or ()) <= 2 for row in rows["14-6.03"])
        for name, rows_kept in rows.items():
            assert {row.kind for row in rows_kept} == {row.kind for row in of_all[name]}
        assert small.definition.key_results == whole.definition.key_results
        assert small.open.definition.blinded

    def test_rows_that_others_name_stay_whole(self):
        definition = read_definition(EVENTS / "example" / "definition.yaml")
        table = definition["tables"][1]
        visits = next(row for row in table["rows"] if row["id"] == "visit")
        visit_rows = [visits | {"id": f"visit-{number}"} for number in range(5)]
        table["rows"] = [*visit_rows, *table["rows"]]
        study = load(json.dumps(definition))
        by_id = {row.id: row for row in abridging.abridged(study).definition.tables[1].rows}
        assert [name for name in by_id if "visit" in name] == ["visit-0", "visit-1", "visit"]
        assert by_id["visit"].visits == visits["visits"]  # of which a figure is
        assert by_id["visit-0"].visits == [visits["visits"][0], visits["visits"][-1]]
        assert {"responders", "change"} <= by_id.keys()

    def test_what_names_other_parts_alike_is_one_form_and_what_asks_for_more_another(self):
        parameters = {name: {"label": name, "unit": "u"} for name in ("x", "y", "z")}
        forms = abridging._Forms({"parameters": parameters | {"w": {"unit": "u", "places": 1}}})
        x, y, z, w = ({"id": name, "summary": {"parameter": name}} for name in "xyzw")
        assert forms.of(x) == forms.of(y)
        assert forms.of(x) != forms.of(w)
        assert forms.of(z) != forms.of(z | {"statistics": ["n"]})

    def test_a_definition_whose_rows_all_differ_is_rehearsed_as_it_is(self, definition: Definition):
        definition["tables"][1]["rows"][-1]["visits"] = ["baseline", "week-8"]
        study = load(json.dumps(definition))
        assert abridging.abridged(study) is study
