"""Reading a definition: what is refused, and what names the sums made under it."""

import json
from typing import Any

import builders
import pytest
from builders import TINY, enrolment, tiny

from trial.definition import study
from trial.errors import Rejected
from trial.reporting import report
from trial.tables import checking


def refused(text: str) -> list[str]:
    with pytest.raises(Rejected) as caught:
        checking.check_definition(study.load(text))
    assert caught.value.status == 422
    return [fault.pointer for fault in caught.value.faults]


def shuffled(value: Any) -> Any:
    """Turn every object of a definition round, and no list."""
    if isinstance(value, dict):
        return {name: shuffled(value[name]) for name in reversed(list(value))}
    return [shuffled(item) for item in value] if isinstance(value, list) else value


def test_tmb_301_is_accepted():
    checking.check_definition(builders.tmb301())
    assert builders.tmb301().id == "TMB-301"


def test_the_order_of_keys_changes_neither_the_digest_nor_a_table():
    definition = builders.tmb301_definition()
    turned = study.load(json.dumps(shuffled(definition)))
    assert turned.digest == builders.tmb301().digest
    entries = builders.feed()[:400]
    assert builders.tables_of(turned, entries) == builders.tables_of(builders.tmb301(), entries)


def test_white_space_and_escapes_do_not_change_the_digest():
    compact = json.dumps(builders.tmb301_definition(), ensure_ascii=False, separators=(",", ":"))
    assert study.load(compact).digest == builders.tmb301().digest


def test_any_change_changes_the_digest_and_the_generation():
    changed = builders.tmb301(("notice", "Another notice"))
    assert changed.digest != builders.tmb301().digest
    assert changed.generation != builders.tmb301().generation


def test_the_generation_follows_the_version_of_contributions(monkeypatch):
    before = tiny().generation
    monkeypatch.setattr(study, "CONTRIBUTION_VERSION", study.CONTRIBUTION_VERSION + 1)
    assert tiny().generation != before


def test_the_same_text_gives_the_same_generation():
    assert tiny().generation == tiny().generation
    assert len(tiny().generation) == 8


@pytest.mark.parametrize("name", ["study", "title", "design", "calendar", "sets", "flow"])
def test_a_part_that_every_study_has_is_demanded(name):
    assert refused(json.dumps({key: TINY[key] for key in TINY if key != name})) == [f"/{name}"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"extra": 1}, "/extra"),
        ({"design": "cohort"}, "/design"),
        ({"shards": 0}, "/shards"),
        ({"study": "a b"}, "/study"),
        ({"calendar": {"earliest": "2015", "latest": "2016-12-31"}}, "/calendar/earliest"),
        ({"sets": {"a b": {"label": "A", "condition": "enrolled"}}}, "/sets/a b"),
        ({"measures": {"m": {"characteristic": "age", "missing": "mean"}}}, "/measures/m/missing"),
        ({"tables": [{**TINY["tables"][0], "columns": []}]}, "/tables/0/columns"),
        ({"tables": [{**TINY["tables"][0], "rows": []}]}, "/tables/0/rows"),
    ],
    ids=str,
)
def test_a_fault_is_named_by_its_path(changes, pointer):
    assert refused(json.dumps(dict(TINY) | changes)) == [pointer]


def test_order_statistics_are_no_finer_than_the_values():
    cd4 = TINY["parameters"]["cd4"] | {"places": 0, "order_places": 1}
    assert refused(json.dumps(dict(TINY) | {"parameters": TINY["parameters"] | {"cd4": cd4}})) == [
        "/parameters/cd4"
    ]


@pytest.mark.parametrize("text", ["", "{", "study: TINY", '{"study": NaN}', '{"a":1,"a":2}'])
def test_what_is_no_json_is_a_400(text):
    with pytest.raises(Rejected) as caught:
        study.load(text)
    assert caught.value.status == 400


@pytest.mark.parametrize("text", ["[]", "1", '"text"', "null"])
def test_what_is_no_object_is_refused(text):
    with pytest.raises(Rejected) as caught:
        study.load(text)
    assert caught.value.status == 422


def test_whatever_a_subject_of_tmb_301_does_changes_fewer_rows_than_a_transaction_takes():
    defined = builders.tmb301()
    widest = max(
        len(report.contribute(defined, subject)) for subject in builders.subjects(builders.feed())
    )
    assert 10 < widest <= 90


@pytest.mark.parametrize("part", ["tables", "periods", "visits"])
def test_two_parts_of_one_name_are_refused(part):
    assert refused(json.dumps(dict(TINY) | {part: [*TINY[part], TINY[part][0]]})) != []


def test_two_boxes_of_one_name_are_refused():
    flow = TINY["flow"]
    repeated = {**flow, "stages": [*flow["stages"], flow["stages"][1]]}
    assert refused(json.dumps(dict(TINY) | {"flow": repeated})) != []


@pytest.mark.parametrize("part", ["rows", "columns"])
def test_two_rows_or_columns_of_one_name_are_refused(part):
    table = TINY["tables"][0]
    repeated = {**table, part: [*table[part], table[part][0]]}
    assert refused(json.dumps(dict(TINY) | {"tables": [repeated], "key_results": []})) != []


@pytest.mark.parametrize("window", [[17, 12], [20, 24], [12, 13]])
def test_a_window_that_does_not_hold_its_own_day_is_refused(window):
    visits = [*TINY["visits"][:2], {**TINY["visits"][2], "window": window}, TINY["visits"][3]]
    assert refused(json.dumps(dict(TINY) | {"visits": visits})) != []


def test_windows_that_overlap_are_refused():
    visits = [*TINY["visits"][:3], {**TINY["visits"][3], "window": [17, 42]}]
    assert refused(json.dumps(dict(TINY) | {"visits": visits})) != []


def test_no_definition_is_changed_by_use():
    defined = tiny()
    before = defined.definition.model_dump_json()
    builders.listings_of(defined, [enrolment()])
    assert defined.definition.model_dump_json() == before
