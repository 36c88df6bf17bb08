"""What Ingest does with the messages of a queue."""

import json
from copy import deepcopy
from typing import Any

import pytest
from invoking import CALLER, STUDY, Service, queued

Event = dict[str, Any]
POISON = {
    "broken": "{",
    "no text": "",
    "a number": "7",
    "a list": "[]",
    "no event": "{}",
    "no object in data": '{"specversion":"1.0","study":"TMB-301","data":7}',
    "a study that is none": '{"study": {"a": 1}}',
    "an impossible study": '{"study": "a#b"}',
    "an unknown study": '{"study": "NOBODY"}',
    "too deep": "[" * 100_000,
    "a lone surrogate": '{"study": "TMB-301", "id": "\\ud800"}',
    "too large": json.dumps({"study": STUDY, "padding": "x" * 300_000}),
}


def rejected_bodies(service: Service) -> list[tuple[str, Any]]:
    """List what is quarantined, of whatever study."""
    return [
        (key[0].split("#")[1], item)
        for key, item in service.items("#BODY#ASIDE").items()
        if key[0].endswith("#ASIDE")
    ]


def accepted(service: Service, study: str = STUDY) -> int:
    count: int = service.get("summary", study).json["accepted"]
    return count


def test_messages_are_recorded_and_counted_with_their_sender(
    service: Service, feed: list[str]
) -> None:
    assert service.queue(*feed[:50]) == []
    subjects = {json.loads(line)["subject"] for line in feed[:50]}
    histories = [service.get(f"subjects/{subject}/history").json["events"] for subject in subjects]
    bodies = {event["received"] for events in histories for event in events}
    assert bodies <= set(feed[:50])
    assert accepted(service) == len(bodies)
    rows = [item for key, item in service.items().items() if "#JOURNAL#" in key[0]]
    assert {row["who"]["S"] for row in rows} == {CALLER}


def test_messages_and_requests_lead_to_the_same_totals(
    service: Service, feed: list[str], open_service: Any, definition: Event
) -> None:
    service.queue(*feed[:50])
    tables = service.get("tables").json
    result = open_service()
    result.define(definition)
    result.batch(*feed[:50])
    assert result.get("tables").json == tables


def test_a_batch_delivered_again_changes_nothing(service: Service, feed: list[str]) -> None:
    messages = [*feed[:20], *POISON.values()]
    assert service.queue(*messages) == []
    before = service.items()
    assert service.queue(*messages) == []
    assert service.queue(*reversed(messages)) == []
    assert service.items() == before


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_a_poison_message_is_quarantined_and_never_blocks_its_neighbours(
    service: Service, feed: list[str], poison: str
) -> None:
    assert service.queue(feed[0], poison, feed[1], poison) == []
    assert accepted(service) == 2
    ((_, rejected),) = rejected_bodies(service)
    assert rejected["who"]["S"] == CALLER
    assert json.loads(rejected["problem"]["S"])["status"] in {400, 404, 413, 422}


def test_a_message_is_quarantined_where_its_study_will_look(
    service: Service, visit: Event, definition: Event
) -> None:
    faulty = deepcopy(visit)
    faulty["data"]["visit"] = "week-9999"
    early = visit | {"study": "LATER"}
    unnamed = {name: value for name, value in visit.items() if name != "study"}
    assert service.queue(faulty, early, unnamed) == []
    assert sorted(study for study, _ in rejected_bodies(service)) == [
        "LATER",
        STUDY,
        "unknown-study",
    ]
    assert [item["problem"]["status"] for item in service.quarantined()] == [422]
    service.define(definition | {"study": "LATER"})
    assert [item["problem"]["status"] for item in service.quarantined("LATER")] == [404]
    assert service.queue(early) == []
    assert accepted(service, "LATER") == 1


def test_messages_of_several_studies_and_senders_are_taken_together(
    service: Service, feed: list[str], definition: Event
) -> None:
    service.define(definition | {"study": "SECOND"})
    second = [item.replace(STUDY, "SECOND") for item in feed[:10]]
    event = queued(*(item for pair in zip(feed[:10], second, strict=True) for item in pair))
    for record in event["Records"][::3]:
        record["attributes"]["SenderId"] = "another"
    assert service.invoke("ingest", event) == {"batchItemFailures": []}
    assert accepted(service) == accepted(service, "SECOND") > 0
    rows = [item for key, item in service.items().items() if "#JOURNAL#" in key[0]]
    assert {row["who"]["S"] for row in rows} == {CALLER, "another"}


def test_a_conflict_is_quarantined_and_not_delivered_again(service: Service, visit: Event) -> None:
    result = deepcopy(visit)
    result["data"]["date"] = "2015-06-09"
    assert service.queue(visit, result) == []
    assert [item["problem"]["status"] for item in service.quarantined()] == [409]
    assert accepted(service) == 1
