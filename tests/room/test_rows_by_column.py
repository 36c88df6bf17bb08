"""A long listing is sorted by its columns, which each publication brings up to date."""

import json
from typing import Any

import pytest
from rooms import READER, Room
from test_pages import EXAMPLE, START

from local.feed import read_definition
from trial.render import columns
from trial.render.workbook import parts
from trial.reporting.live import by_column
from trial.room import rows
from trial.store.bucket.documents import COLUMNS, STATE
from trial.tables.file_names import parts_among
from trial.web import queries
from trial.web.routing import Request

CHOICES = (
    "sort=-AETERM",
    "sort=AESTDY&any=o",
    "column1=AETERM&how1=contains&value1=a",
    "sort=USUBJID",
)
LISTING = f"{START}/listings/16.2.7"


def pages(room: Room) -> list[str]:
    return [
        room.page(f"{LISTING}?{choice}").partition("<tbody>")[2].partition("</tbody>")[0]
        for choice in CHOICES
    ] + [room.answer(f"{LISTING}/csv?{choice}", READER).text for choice in CHOICES]


def test_pages_and_downloads_are_the_same_by_columns_as_by_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = Room(monkeypatch)
    definition = read_definition(EXAMPLE / "definition.yaml")
    study = room.define(json.dumps(definition))
    lines = (EXAMPLE / "feed.ndjson").read_text(encoding="utf-8").splitlines()
    values = [json.loads(line) for line in lines]
    events = [
        json.dumps(value | {"id": f"{value['id']}-{n}", "subject": f"{value['subject']}-{n}"})
        for n in range(30)
        for value in values
    ]
    room.record(study, events)
    model = next(v for v in map(json.loads, events) if v["data"].get("term") == "Cough")

    def reported(**data: Any) -> str:
        """Give an adverse event of the same subject."""
        data = {"record": "AE-77", **data}
        return json.dumps(model | {"id": f"zoster-{data['revision']}", "data": data})

    def published() -> dict[str, Any]:
        room.clock.pause(100)
        room.publish(study)
        latest = room.documents.latest(study.id, "open").document
        assert latest is not None
        return latest

    assert published()[COLUMNS] == {}
    by_rows = pages(room)
    assert by_rows[0] != by_rows[3]
    monkeypatch.setattr(by_column, "LONG_ROWS", 1)
    monkeypatch.setattr(rows.Dataset, "read", None)  # nothing is read by row from here on
    room.record(
        study, [reported(**{**model["data"], "record": "AE-77", "revision": 1, "term": "Zoster"})]
    )
    first = published()
    name = columns.file_name("l1627")
    assert first[COLUMNS][name]
    answer = queries.get_reports(Request("GET", "/", {}, {}, b"", "p"), study.id)
    assert json.loads(answer.text)["live"].keys() == first.keys() - {COLUMNS, STATE}
    with_zoster = pages(room)
    assert "Zoster" in with_zoster[0]
    room.record(study, [reported(revision=2, action="void", reason_for_change="Not so")])
    second = published()
    assert second[COLUMNS][name] != first[COLUMNS][name]
    assert pages(room) == by_rows
    other = next(json.loads(event) for event in events if "lab.result" in event)
    other["data"]["record"] = "ANOTHER"
    room.record(study, [json.dumps(other | {"id": "another"})])
    third = published()
    assert third["events"] == second["events"] + 1
    assert third[COLUMNS] == second[COLUMNS]
    assert pages(room) == by_rows
    room.record(
        study, [json.dumps(other | {"id": "last", "data": other["data"] | {"record": "L"}})]
    )
    monkeypatch.setattr(parts, "MOST_RECORDS", 20)
    names = parts_among("l1627", published()["files"])
    assert len(names) > 1
    page = room.page(LISTING)
    for name in (*names, "datasets/l1627.ndjson", "datasets/l1627.parquet"):
        assert f'/documents/live/{name}"' in page
