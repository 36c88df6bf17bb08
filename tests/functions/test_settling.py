"""What is refused waits, and what is disputed is named, until somebody settles it."""

import json
from typing import Any

from invoking import STUDY, Service, request

Event = dict[str, Any]


def redrive(service: Service, study: str = STUDY) -> Event:
    answer = service.ask(request("POST", f"/studies/{study}/set-aside/redrive", ""))
    assert answer.status == 200
    found: Event = answer.json
    return found


def revised(event: Event, revision: int, **data: Any) -> Event:
    reason = {} if revision == 1 else {"reason_for_change": "Corrected"}
    return event | {"data": event["data"] | {"revision": revision} | reason | data}


def live_summary(service: Service) -> Event:
    service.stream((f"STUDY#{STUDY}#0", "SUBJECT#TMB301-007"))
    key = f"studies/{STUDY}/open/live/summary.json"
    found: Event = json.loads(service.object(key))
    return found


def disputes(document: Event) -> list[str]:
    return [each for each in document["findings"] if each.startswith("Two contents")]


def test_events_of_a_study_that_was_not_there_are_taken_once_it_is(
    service: Service, definition: Event, feed: list[str]
) -> None:
    bodies = [each.replace(STUDY, "LATE-1") for each in feed[:3]]
    assert [service.post(each, "LATE-1").status for each in bodies] == [404] * 3
    service.define(definition | {"study": "LATE-1"})
    assert service.get("summary", "LATE-1").json["set_aside"] == 3
    assert redrive(service, "LATE-1") == {"tried": 3, "settled": 3, "waiting": 0}
    summary = service.get("summary", "LATE-1").json
    assert (summary["accepted"], summary["set_aside"]) == (3, 0)
    rows = service.set_aside("LATE-1")
    assert all(each["settled"] for each in rows)
    assert sorted(each["body"] for each in rows) == sorted(bodies)
    assert redrive(service, "LATE-1") == {"tried": 0, "settled": 0, "waiting": 0}


def test_a_batch_that_waited_is_taken_whole(
    service: Service, definition: Event, feed: list[str]
) -> None:
    bodies = [each.replace(STUDY, "LATE-2") for each in feed[:5]]
    assert service.batch(*bodies, study="LATE-2").status == 404
    service.define(definition | {"study": "LATE-2"})
    assert redrive(service, "LATE-2")["settled"] == 1
    assert service.get("summary", "LATE-2").json["accepted"] == 5


def test_what_is_still_wrong_goes_on_waiting(service: Service, visit: Event) -> None:
    service.post(revised(visit, 1, visit="day-99"))
    service.post("{")
    assert redrive(service) == {"tried": 2, "settled": 0, "waiting": 2}
    assert service.get("summary").json["set_aside"] == 2


def test_a_dispute_is_named_until_a_higher_revision_settles_it(
    service: Service, feed: list[str], visit: Event
) -> None:
    service.batch(*feed[:20])
    undisputed = live_summary(service)
    assert not disputes(undisputed)
    assert service.post(revised(visit, 1, date="2015-06-09")).status == 409
    named = ["Two contents for one revision: 1 (see the listing of findings)"]
    assert disputes(service.get("summary").json) == named
    disputed = live_summary(service)
    assert disputes(disputed) == named
    assert disputed["cut"]["id"] != undisputed["cut"]["id"]
    assert disputed["cut"]["content_root"] == undisputed["cut"]["content_root"]
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
