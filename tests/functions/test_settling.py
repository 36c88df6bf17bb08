"""What is refused waits, and what is disputed is named, until somebody settles it."""

import json
from typing import Any

import pytest
from doubles import error
from invoking import STUDY, Service, request

import wiring
from trial.commands import redrive
from trial.errors import OutOfTime

Event = dict[str, Any]


def post_redrive(service: Service, study: str = STUDY, path: str = "") -> Event:
    path = path or f"/studies/{study}/quarantine/redrive"
    answer = service.ask(request("POST", path, ""))
    assert answer.status == 200, answer.text
    result: Event = answer.json
    return result


def tried(number: int, resolved: int = 0) -> Event:
    counts = {"tried": number, "resolved": resolved, "waiting": number - resolved}
    return counts | {"failed": [], "next": None}


def revised(event: Event, revision: int, **data: Any) -> Event:
    reason = {} if revision == 1 else {"reason_for_change": "Corrected"}
    return event | {"data": event["data"] | {"revision": revision} | reason | data}


def live_summary(service: Service) -> Event:
    service.stream((f"STUDY#{STUDY}#0", "SUBJECT#TMB301-007"))
    return live_document(service, "summary.json")


def live_document(service: Service, name: str) -> Event:
    document: Event = json.loads(service.object(f"studies/{STUDY}/open/live/{name}"))
    return document


def disputes(document: Event) -> list[str]:
    return [text for text in document["discrepancy_texts"] if text.startswith("Two contents")]


def test_events_of_a_study_that_was_not_there_are_taken_once_it_is(
    service: Service, definition: Event, feed: list[str]
) -> None:
    bodies = [item.replace(STUDY, "LATE-1") for item in feed[:3]]
    assert [service.post(body, "LATE-1").status for body in bodies] == [404] * 3
    service.define(definition | {"study": "LATE-1"})
    assert service.get("summary", "LATE-1").json["quarantined"] == 3
    assert post_redrive(service, "LATE-1") == tried(3, resolved=3)
    summary = service.get("summary", "LATE-1").json
    assert (summary["accepted"], summary["quarantined"]) == (3, 0)
    rows = service.quarantined("LATE-1")
    assert all(row["resolved"] for row in rows)
    assert sorted(row["body"] for row in rows) == sorted(bodies)
    assert post_redrive(service, "LATE-1") == tried(0)


def test_a_batch_that_waited_is_taken_whole(
    service: Service, definition: Event, feed: list[str]
) -> None:
    bodies = [item.replace(STUDY, "LATE-2") for item in feed[:5]]
    assert service.batch(*bodies, study="LATE-2").status == 404
    service.define(definition | {"study": "LATE-2"})
    assert post_redrive(service, "LATE-2")["resolved"] == 1
    assert service.get("summary", "LATE-2").json["accepted"] == 5


def test_what_is_still_wrong_goes_on_waiting(service: Service, visit: Event) -> None:
    service.post(revised(visit, 1, visit="day-99"))
    service.post("{")
    assert post_redrive(service) == tried(2)
    assert service.get("summary").json["quarantined"] == 2


def test_a_dispute_is_named_until_a_higher_revision_settles_it(
    service: Service, feed: list[str], visit: Event
) -> None:
    service.batch(*feed[:20])
    undisputed = live_summary(service)
    assert not disputes(undisputed)
    before = live_document(service, "manifest.json")["cut"]
    assert service.post(revised(visit, 1, date="2015-06-09")).status == 409
    notes = ["Two contents for one revision: 1 (see listing 16.2.9)"]
    assert disputes(service.get("summary").json) == notes
    disputed = live_summary(service)
    assert disputes(disputed) == notes
    after = live_document(service, "manifest.json")["cut"]
    assert before["id"] != after["id"]
    assert before["content_root"] == after["content_root"]
    assert service.post(revised(visit, 2, date="2015-06-09")).status == 201
    assert not disputes(service.get("summary").json)
    assert not disputes(live_summary(service))


def test_a_dispute_about_a_revision_that_is_past_already_is_none(
    service: Service, visit: Event
) -> None:
    service.post(revised(visit, 1))
    service.post(revised(visit, 2))
    assert service.post(revised(visit, 1, date="2015-06-09")).status == 409
    assert not disputes(service.get("summary").json)


def pages(service: Service, study: str = STUDY) -> list[Event]:
    """Redrive page by page until none is left."""
    post_redrives = [post_redrive(service, study)]
    while post_redrives[-1]["next"]:
        post_redrives.append(post_redrive(service, study, post_redrives[-1]["next"]))
    return post_redrives


def test_a_redrive_goes_on_page_by_page_and_one_that_waits_keeps_no_other(
    service: Service, definition: Event, feed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redrive, "BODIES", 2)
    bodies = [item.replace(STUDY, "LATE-3") for item in feed[:4]]
    for body in (*bodies, "{", "[", "7"):
        assert service.post(body, "LATE-3").status in {400, 404, 422}
    service.define(definition | {"study": "LATE-3"})
    result = pages(service, "LATE-3")
    assert [item["tried"] for item in result] == [2, 2, 2, 1]
    assert sum(item["resolved"] for item in result) == 4
    assert service.get("summary", "LATE-3").json["accepted"] == 4
    assert [page["tried"] for page in pages(service, "LATE-3")] == [2, 1]


def test_a_redrive_ends_in_time_and_says_where_it_goes_on(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    for body in ("{", "[", "7"):
        service.post(body)

    def over() -> None:
        raise OutOfTime

    monkeypatch.setattr(wiring, "beat", lambda _context: over)
    result = pages(service)
    assert [item["tried"] for item in result] == [1, 1, 1]


def test_a_body_that_cannot_be_stored_is_named_and_those_after_it_are_tried(
    service: Service, definition: Event, feed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = [item.replace(STUDY, "LATE-4") for item in feed[:3]]
    for body in bodies:
        service.post(body, "LATE-4")
    service.define(definition | {"study": "LATE-4"})
    take, first = redrive.intake.take, []

    def broken(*arguments: Any) -> Any:
        if not first:
            first.append(1)
            raise error("PutItem", "ValidationException")
        return take(*arguments)

    monkeypatch.setattr(redrive.intake, "take", broken)
    result = post_redrive(service, "LATE-4")
    assert (result["tried"], result["resolved"], result["waiting"]) == (3, 2, 1)
    (failure,) = result["failed"]
    assert failure["detail"] == "the AWS call PutItem failed: ValidationException"
    assert len(failure["sha256"]) == 64


@pytest.mark.parametrize("after", ["x", "0" * 63, "../..", "é"])
def test_a_redrive_goes_on_from_a_digest_and_from_nothing_else(
    service: Service, after: str
) -> None:
    path = f"/studies/{STUDY}/quarantine/redrive?after={after}"
    answer = service.ask(request("POST", path, ""))
    assert (answer.status, answer.pointers) == (422, ["/after"])
