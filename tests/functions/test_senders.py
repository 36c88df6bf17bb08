"""Senders that may post some kinds, of some sites: none can void or revise what is another's."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from builders import TINY, adverse_event, dose, enrolment, entry, viral_load
from drawn import STUDY
from invoking import BATCH, JSON_TYPE, SINGLE, Answer, Service, queued, request

import wiring
from trial.events.envelope import Entry

ROLE = "arn:aws:sts::123456789012:assumed-role"
LAB, SITE, ALL = f"{ROLE}/lab/session-1", f"{ROLE}/site-101/edc", f"{ROLE}/edc/x"
SENDERS = [
    {"principal": f"{ROLE}/lab/*", "kinds": ["lab.result.reported"]},
    {"principal": f"{ROLE}/site-101/*", "sites": ["101"]},
    {"principal": f"{ROLE}/edc/*"},
]


@pytest.fixture
def limited(open_service: Callable[[], Service]) -> Service:
    """Give a service whose study has two subjects, of sites 101 and 102, and three senders."""
    service = open_service()
    assert service.define(json.loads(json.dumps(TINY))).status == 201
    for site in ("101", "102"):
        result = enrolment(subject=f"S-{site}", site=site)
        for item in (result, adverse_event(subject=f"S-{site}")):
            assert service.post(item.body, STUDY).status == 201
    assert put(service, SENDERS).status == 200
    return service


def put(service: Service, senders: list[dict[str, Any]], **options: Any) -> Answer:
    body = {"senders": senders, "reason": "By contract"} | options
    path = f"/studies/{STUDY}/senders"
    return service.ask(request("PUT", path, body, {"Content-Type": JSON_TYPE}))


def posted_by(service: Service, principal: str, body: Any, kind: str = SINGLE) -> Answer:
    answer = request("POST", f"/studies/{STUDY}/events", body, {"Content-Type": kind})
    answer["requestContext"]["identity"]["userArn"] = principal
    return service.ask(answer)


def void(original: Entry) -> str:
    return entry(
        original.kind, original.subject, record=original.record, revision=2, action="void"
    ).body


def test_a_sender_of_some_kinds_cannot_void_what_is_of_another(limited: Service) -> None:
    assert posted_by(limited, LAB, viral_load(0, 9, subject="S-101").body).status == 201
    refused = posted_by(limited, LAB, void(adverse_event(subject="S-101")))
    assert (refused.status, refused.json["title"]) == (403, "Event not accepted from this sender")
    history = limited.get("subjects/S-101/history", STUDY).json["events"]
    assert [item["kind"] for item in history] == [
        "subject.enrolled", "adverse-event.reported", "lab.result.reported",
    ]  # fmt: skip


def test_a_sender_of_a_site_can_touch_no_subject_of_another(limited: Service) -> None:
    assert posted_by(limited, SITE, void(adverse_event(subject="S-101"))).status == 201
    elsewhere = (
        void(adverse_event(subject="S-102")),
        enrolment(subject="S-102", site="101", record="again").body,
        viral_load(0, 9, subject="S-102").body,
        viral_load(0, 9, subject="NOBODY").body,
        enrolment(subject="S-3", site="102").body,
    )
    answers = [posted_by(limited, SITE, item) for item in elsewhere]
    assert {answer.status for answer in answers} == {403}
    assert len({answer.text for answer in answers}) == 1  # nor does it say which subjects there are


def test_a_site_enrols_its_own_and_may_say_so_in_the_same_batch(limited: Service) -> None:
    bodies = [viral_load(0, 9, subject="S-4"), enrolment(subject="S-4", site="101")]
    batch = f"[{','.join(body.body for body in bodies)}]"
    answer = posted_by(limited, SITE, batch, BATCH)
    assert [result["status"] for result in answer.json["results"]] == [201, 201]


def test_what_a_site_sent_too_early_is_redriven_under_its_own_name(limited: Service) -> None:
    early, foreign = viral_load(0, 9, subject="S-5"), viral_load(0, 9, subject="S-102")
    for item in (early, foreign):
        assert posted_by(limited, SITE, item.body).status == 403
    assert posted_by(limited, SITE, enrolment(subject="S-5", site="101").body).status == 201
    answer = limited.ask(request("POST", f"/studies/{STUDY}/quarantine/redrive"))
    assert (answer.json["tried"], answer.json["resolved"]) == (2, 1)
    assert len(limited.get("subjects/S-5/history", STUDY).json["events"]) == 2


def test_who_is_not_listed_may_post_nothing_and_without_a_list_everybody_may_all(
    limited: Service,
) -> None:
    stranger = f"{ROLE}/stranger/x"
    body = viral_load(1, 9, subject="S-101").body
    assert posted_by(limited, stranger, body).status == 403
    assert posted_by(limited, ALL, body).status == 201
    assert put(limited, []).status == 200
    assert posted_by(limited, stranger, viral_load(2, 9, subject="S-101").body).status == 201


def test_the_queue_goes_by_the_same_list(limited: Service) -> None:
    assert (
        put(limited, [{"principal": "AROALAB:*", "kinds": ["lab.result.reported"]}]).status == 200
    )
    bodies = [viral_load(3, 9, subject="S-101").body, void(adverse_event(subject="S-101"))]
    batch = queued(*(json.dumps(json.loads(body) | {"study": STUDY}) for body in bodies))
    for record in batch["Records"]:
        record["attributes"]["SenderId"] = "AROALAB:lab-system"
    assert limited.invoke("ingest", batch) == {"batchItemFailures": []}
    history = limited.get("subjects/S-101/history", STUDY).json["events"]
    assert [item["kind"] for item in history][2:] == ["lab.result.reported"]
    (row,) = limited.quarantined(STUDY)
    assert (row["principal"], row["problem"]["status"]) == ("AROALAB:lab-system", 403)


def test_treatment_events_go_by_the_list_too(open_blinded: Callable[..., Service]) -> None:
    service = open_blinded()
    assert put(service, [{"principal": "*", "kinds": ["lab.result.reported"]}]).status == 200
    assert service.submit(dose(9).body, STUDY).status == 403
    assert put(service, [{"principal": "*", "sites": ["101"]}]).status == 200
    assert service.submit(dose(9, subject="S-0").body, STUDY).status == 202


def test_who_listed_whom_when_and_why_is_kept(limited: Service) -> None:
    assert put(limited, [], reason="No limits any more").status == 200
    result = limited.get("senders", STUDY).json
    assert (result["senders"], result["reason"]) == ([], "No limits any more")
    (before,) = result["before"]
    assert (before["reason"], before["principal"][:12]) == ("By contract", "arn:aws:iam:")


@pytest.mark.parametrize(
    ("senders", "pointers"),
    [
        ([{"principal": ""}], ["/senders/0/principal"]),
        ([{"principal": "*", "kinds": ["lab"]}], ["/senders/0/kinds/0"]),
        ([{"principal": "*", "sites": ["a b"]}], ["/senders/0/sites/0"]),
        ([{"principal": "*", "others": 1}], ["/senders/0/others"]),
    ],
)
def test_a_list_that_cannot_be_is_refused_with_its_place(
    limited: Service, senders: list[dict[str, Any]], pointers: list[str]
) -> None:
    answer = put(limited, senders)
    assert (answer.status, answer.pointers) == (422, pointers)
    assert put(limited, SENDERS, reason=None).status == 422


def test_a_process_goes_by_what_it_read_for_half_a_minute_at_most(
    limited: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trial.store import senders  # noqa: PLC0415

    elsewhere = senders.Senders(wiring.table(), wiring.now)
    assert len(elsewhere.in_force(STUDY)) == 3
    put(limited, [])
    assert len(elsewhere.in_force(STUDY)) == 3
    monkeypatch.setattr(senders, "CACHE_LIFETIME", senders.CACHE_LIFETIME * 0)
    assert not elsewhere.in_force(STUDY)
