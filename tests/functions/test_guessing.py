"""Whoever guesses an arm and posts it learns nothing, and leaves a trace for the unblinded."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from builders import dose, viral_load
from drawn import DEFINITION, STUDY, everything_open
from invoking import BATCH, CALLER, Answer, Service, request
from outage import between

import wiring
from trial.events.blinding import HIDDEN
from trial.store import submissions

Event = dict[str, Any]
SINGLE_AND_BATCH = pytest.mark.parametrize("is_batch", [False, True], ids=["single", "batch"])


def masked(service: Service, kind: str, subject: str = "S-0") -> Event:
    """Take an event of the open history as everybody can read it."""
    (item,) = (
        value
        for value in service.get(f"subjects/{subject}/history", STUDY).json["events"]
        if value["kind"] == kind
    )
    event: Event = json.loads(item["body"])
    assert HIDDEN in event["data"].values()
    return event


def guess(service: Service, arm: str) -> Event:
    event = masked(service, "subject.randomised")
    return event | {"data": event["data"] | {"arm": arm}}


def guessed_dose(service: Service, arm: str) -> Event:
    treatment, amount = {"a": ("drug", 800), "b": ("placebo", 5)}[arm]
    event = masked(service, "dose.administered")
    filled = {"treatment": treatment, "amount": amount, "unit": "mg"}
    data = {name: item for name, item in event["data"].items() if item != HIDDEN} | filled
    return event | {"data": data}


GUESSES = pytest.mark.parametrize("guessing", [guess, guessed_dose])


def submitted(service: Service) -> list[dict[str, Any]]:
    result: list[dict[str, Any]] = service.get("unblinded/treatment-events", STUDY).json[
        "submitted"
    ]
    return result


def verdicts(service: Service) -> list[str]:
    return [item["verdict"] for item in submitted(service)]


@SINGLE_AND_BATCH
@GUESSES
def test_a_right_guess_and_a_wrong_one_are_answered_alike(
    open_blinded: Callable[..., Service],
    guessing: Callable[..., Event],
    is_batch: bool,  # noqa: FBT001 (a case)
) -> None:
    """The masked event of the open history, an arm filled in, was 200 if right and 409 if not."""
    items: list[tuple[Answer, list[tuple[str, str]]]] = []
    for arm in "ab":
        service = open_blinded()
        event = guessing(service, arm)
        body, kind = ([event], BATCH) if is_batch else (event, "application/cloudevents+json")
        line = between(service)
        for path in ("events", "treatment-events"):
            n_calls = len(line.calls)
            address = f"/studies/{STUDY}/{path}"
            answer = service.ask(request("POST", address, body, {"Content-Type": kind}))
            items.append((answer, line.calls[n_calls:]))
    right, mistaken = items[:2], items[2:]
    assert right == mistaken
    (elsewhere, _), (result, calls) = right
    statuses = [elsewhere.status, result.status]
    if is_batch:
        statuses = [item.json["results"][0]["status"] for item in (elsewhere, result)]
    assert statuses == [403, 202]
    assert "treatment-events" in elsewhere.text
    assert ("sqs", "send_message") in calls


def test_nothing_open_tells_a_right_guess_from_a_wrong_one(
    open_blinded: Callable[..., Service],
) -> None:
    """Neither disputes, nor what is quarantined, nor counts, documents, or what redriving says."""
    items = []
    for arm in "ab":
        service = open_blinded()
        guesses = [guess(service, arm), guessed_dose(service, arm)]
        service.submit(guesses, STUDY, BATCH)
        service.post(guesses, STUDY, BATCH)
        assert service.settle() == []
        result = everything_open(service)
        result["redriven"] = redriven(service)
        result["attempts"] = service.get("treatment-events", STUDY).text
        result["erased"] = erased(service)
        result["reports"] = without_chance(json.loads(result["reports"]))
        items.append((verdicts(service)[-4:], result))
    (right, outcome), (wrong_answer, value) = items
    assert (right, wrong_answer) == (
        ["repeated", "repeated", "refused", "refused"],
        ["conflict", "conflict", "refused", "refused"],
    )
    assert outcome.keys() == value.keys()
    for name, item in outcome.items():
        assert item == value[name], name


def without_chance(reports: dict[str, Any]) -> dict[str, Any]:
    """Take out of the list of reports what is drawn: names of requests, of versions, of marks.

    And fractions of a second: the tests' clock goes on whenever it is read.
    """
    random_fields = ("id", "location", "previous", "changes")
    reports["reports"] = [
        row | dict.fromkeys(random_fields) | {"requested_at": row["requested_at"][:19]}
        for row in reports["reports"]
    ]
    reports["live"] |= dict.fromkeys(("files", "audit", "begun"))
    return reports


def redriven(service: Service) -> Any:
    return service.ask(request("POST", f"/studies/{STUDY}/quarantine/redrive")).json


def erased(service: Service) -> Any:
    path = f"/studies/{STUDY}/subjects/S-0/erase"
    answer = service.ask(request("POST", path, {"reason": "Asked for"}))
    assert answer.status == 200
    return answer.json


def test_every_attempt_is_journalled_with_who_made_it_right_guesses_too(
    open_blinded: Callable[..., Service],
) -> None:
    service = open_blinded()
    before = len(submitted(service))
    for arm in "aabb":
        service.submit(guess(service, arm), STUDY)
    service.post(guess(service, "a"), STUDY)
    assert service.settle() == []
    rows = submitted(service)[before:]
    assert [row["verdict"] for row in rows] == [
        "repeated", "repeated", "conflict", "conflict", "refused",
    ]  # fmt: skip
    assert {row["principal"] for row in rows} == {CALLER}
    assert {(row["subject"], row["kind"]) for row in rows} == {("S-0", "subject.randomised")}
    assert [row["at"] for row in rows] == sorted({row["at"] for row in rows})
    assert rows[2]["problem"]["title"] == "Revision already recorded with other content"
    assert json.loads(rows[2]["body"])["data"]["arm"] == "b"
    assert rows[0]["body"] is None


def test_who_made_an_attempt_may_be_known_and_what_it_was_only_to_the_unblinded(
    open_blinded: Callable[..., Service],
) -> None:
    service = open_blinded()
    service.submit(guess(service, "a"), STUDY)
    service.settle()
    row = service.get("treatment-events", STUDY).json["submitted"][-1]
    assert (row["principal"], row["subject"]) == (CALLER, "S-0")
    assert {row[name] for name in ("verdict", "problem", "body", "sha256")} == {HIDDEN}


def test_the_unblinded_see_the_dispute_and_nobody_else(
    open_blinded: Callable[..., Service],
) -> None:
    service = open_blinded()
    service.submit(guess(service, "b"), STUDY)
    service.settle()
    counts = {}
    for path in ("", "unblinded/"):
        rules = service.get(f"{path}discrepancies", STUDY).json["rules"]
        counts[path] = [rule["count"] for rule in rules if rule["rule"] == "disputed"]
    assert counts == {"": [], "unblinded/": [1]}


def test_a_wrong_guess_makes_no_document_behind_for_the_open_audience(
    open_blinded: Callable[..., Service],
) -> None:
    service = open_blinded()
    everything_open(service)
    versions = service.versions(f"studies/{STUDY}/open/live/")
    service.submit(guess(service, "b"), STUDY)
    service.settle()
    service.stream((f"STUDY#{STUDY}", "CONFLICT#S-0"))
    assert service.versions(f"studies/{STUDY}/open/live/") == versions


def test_a_treatment_event_is_recorded_and_counted_and_its_body_is_in_the_journal_alone(
    open_blinded: Callable[..., Service],
) -> None:
    service = open_blinded()
    accepted = service.get("summary", STUDY).json["accepted"]
    result = dose(9, subject="S-0", treatment="drug")
    answer = service.submit(result.body, STUDY)
    assert (answer.status, answer.json) == (202, {"id": result.event_id, "status": 202})
    assert verdicts(service)[-1] == "pending"
    assert service.settle() == []
    assert service.get("summary", STUDY).json["accepted"] == accepted + 1
    row = submitted(service)[-1]
    assert (row["verdict"], row["body"], row["record"]) == ("recorded", None, result.record)
    events = service.get("unblinded/subjects/S-0/history", STUDY).json["events"]
    assert events[-1]["received"] == result.body


def test_faults_of_body_and_definition_are_answered_at_once(
    open_blinded: Callable[..., Service],
) -> None:
    service = open_blinded()
    before = len(submitted(service))
    faulty = service.submit(guess(service, "nowhere"), STUDY)
    assert (faulty.status, faulty.pointers) == (422, ["/data/arm"])
    result = service.submit(viral_load(1, 9, subject="S-0").body, STUDY)
    assert (result.status, result.pointers) == (422, ["/type"])
    assert service.submit("{", STUDY).status == 400
    assert len(submitted(service)) == before
    assert len(service.quarantined(STUDY)) == 7


def test_a_batch_of_treatment_events_is_answered_one_by_one(
    open_blinded: Callable[..., Service],
) -> None:
    service = open_blinded()
    events = [guess(service, "a"), guess(service, "nowhere"), json.loads(dose(9).body)]
    answer = service.submit(events, STUDY, BATCH)
    assert [result["status"] for result in answer.json["results"]] == [202, 422, 202]
    assert service.settle() == []
    assert verdicts(service)[-2:] == ["repeated", "recorded"]


def test_the_queue_takes_treatment_events_by_the_same_road(
    open_blinded: Callable[..., Service],
) -> None:
    service = open_blinded()
    events = [{**json.loads(dose(9).body), "study": STUDY}, guess(service, "a")]
    events[1]["study"] = STUDY
    assert service.queue(*events, viral_load(2, 7).body) == []
    assert verdicts(service)[-2:] == ["pending", "pending"]
    assert service.settle() == []
    assert verdicts(service)[-2:] == ["recorded", "repeated"]
    assert {item["principal"] for item in submitted(service)[-2:]} == {CALLER}


def test_what_was_refused_for_its_road_is_not_recorded_by_redriving(
    open_blinded: Callable[..., Service],
) -> None:
    service = open_blinded()
    result = dose(9, subject="S-0", treatment="drug")
    assert service.post(result.body, STUDY).status == 403
    assert redriven(service)["resolved"] == 0
    assert service.settle() == []
    assert verdicts(service)[-1] == "refused"


def test_a_treatment_event_that_was_mended_goes_the_same_road_by_redriving(
    open_blinded: Callable[..., Service],
) -> None:
    service = open_blinded()
    assert service.submit(guess(service, "c"), STUDY).status == 422
    third = {"id": "c", "label": "C", "treatments": ["other"]}
    amended = DEFINITION | {"arms": [*DEFINITION["arms"], third]}
    assert service.define(amended).status == 202
    service.invoke("audit", {})
    wiring.store().invalidate(STUDY)
    assert redriven(service)["resolved"] == 1
    assert verdicts(service)[-1] == "pending"
    service.settle()
    assert verdicts(service)[-1] == "conflict"


def test_word_that_was_lost_is_sent_again(
    open_blinded: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = open_blinded()
    service.submit(dose(9, subject="S-0").body, STUDY)
    service.sqs.purge_queue(QueueUrl=service.submissions)
    assert service.settle() == []
    redriven(service)
    assert service.settle() == []
    assert verdicts(service)[-1] == "pending"
    monkeypatch.setattr(submissions, "RESEND_AFTER", submissions.RESEND_AFTER * 0)
    redriven(service)
    service.settle()
    assert verdicts(service)[-1] == "recorded"


def test_what_is_settled_is_left_as_it_is_however_often_word_comes(
    open_blinded: Callable[..., Service],
) -> None:
    service = open_blinded()
    service.submit(dose(9, subject="S-0").body, STUDY)
    (message,) = service.sqs.receive_message(QueueUrl=service.submissions)["Messages"]
    for _ in range(2):
        service.sqs.send_message(QueueUrl=service.submissions, MessageBody=message["Body"])
        service.settle()
    assert verdicts(service)[-1] == "recorded"


def test_what_was_guessed_of_an_erased_subject_is_not_kept(
    open_blinded: Callable[..., Service],
) -> None:
    service = open_blinded()
    service.submit(guess(service, "b"), STUDY)
    service.settle()
    erased(service)
    assert submitted(service)[-1]["body"] is None
    service.submit(guess(service, "b") | {"id": "another"}, STUDY)
    service.settle()
    assert submitted(service)[-1]["verdict"] == "conflict"
    assert submitted(service)[-1]["body"] is None


def test_submissions_come_page_by_page(
    open_blinded: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    from trial.web import pagination  # noqa: PLC0415

    service = open_blinded()
    all_submissions = submitted(service)
    monkeypatch.setattr(pagination, "PAGE_BYTES", 100)
    path, items = "unblinded/treatment-events", []
    while path:
        answer = service.get(path, STUDY).json
        items.append(answer["submitted"])
        path = (answer["next"] or "").removeprefix(f"/studies/{STUDY}/")
    assert [item for page in items for item in page] == all_submissions
    assert len(items) > 2


def test_a_retired_study_takes_none(open_blinded: Callable[..., Service]) -> None:
    service = open_blinded()
    retire = request("POST", f"/studies/{STUDY}/retire", {"reason": "Over"})
    assert service.ask(retire).status == 200
    answer = service.submit(guess(service, "a"), STUDY)
    assert (answer.status, answer.json["title"]) == (409, "Study is retired")
