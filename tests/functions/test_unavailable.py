"""What callers are told while the table does not answer: nothing is lost, send it again."""

import json
import socket
from typing import Any

import pytest
from botocore.config import Config
from invoking import PROBLEM, STUDY, Service, forget, unreachable

import wiring

Event = dict[str, Any]
KEPT_FROM = "SUBJECT#TMB301-007"


@pytest.fixture
def cut_off(service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """Give a service started while nobody listens where its table should be."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setattr(wiring, "CLIENT", Config(retries={"total_max_attempts": 1}))
    forget()
    return service


def other_subject(visit: Event) -> Event:
    return visit | {"subject": "TMB301-008"}


def write_of_one(operation: str, parameters: str) -> bool:
    return operation == "transact_write_items" and KEPT_FROM in parameters


def quarantined(operation: str, parameters: str) -> bool:
    return operation == "transact_write_items" and "#ASIDE" in parameters


@pytest.mark.parametrize("path", ["summary", "consort", "tables", "tables/14.2.1", "quarantine"])
def test_a_reader_is_told_503(cut_off: Service, path: str) -> None:
    answer = cut_off.get(path)
    assert (answer.status, answer.media_type, answer.json["status"]) == (503, PROBLEM, 503)


def test_a_sender_is_told_503(cut_off: Service, visit: Event) -> None:
    for answer in (cut_off.post(visit), cut_off.batch(visit, visit), cut_off.report()):
        assert (answer.status, answer.media_type, answer.json["status"]) == (503, PROBLEM, 503)
        assert "retry" in answer.json["detail"]


def test_the_queue_delivers_everything_again(cut_off: Service, feed: list[str]) -> None:
    assert cut_off.queue(*feed[:3]) == ["message-1", "message-2", "message-3"]


def test_the_queue_delivers_an_unreadable_message_again_as_well(
    cut_off: Service, feed: list[str]
) -> None:
    assert sorted(cut_off.queue(feed[0], "{")) == ["message-1", "message-2"]


def test_a_warm_process_tells_the_same(service: Service, visit: Event) -> None:
    service.get("summary")
    unreachable(service, lambda _operation, _parameters: True)
    answer = service.post(visit)
    assert (answer.status, answer.media_type, answer.json["status"]) == (503, PROBLEM, 503)
    assert service.queue(visit) == ["message-1"]
    unreachable(service, lambda _operation, _parameters: False)
    assert service.post(visit).status == 201


def test_only_the_events_that_could_not_be_stored_are_503_or_come_again(
    service: Service, visit: Event
) -> None:
    service.get("summary")
    unreachable(service, write_of_one)
    results = service.batch(other_subject(visit), visit, 7).json["results"]
    assert [result["status"] for result in results] == [201, 503, 422]
    assert results[1]["problem"]["status"] == 503
    assert service.queue(visit, other_subject(visit), "{", visit) == ["message-1", "message-4"]
    assert service.get("summary").json["accepted"] == 1
    unreachable(service, lambda _operation, _parameters: False)
    assert service.queue(visit, other_subject(visit)) == []
    assert service.get("summary").json["accepted"] == 2


def test_what_could_not_be_stored_is_not_quarantined(service: Service, visit: Event) -> None:
    unreachable(service, write_of_one)
    service.post(visit)
    service.queue(visit)
    assert service.quarantined() == []


@pytest.mark.parametrize("poison", ["{", json.dumps({"study": STUDY}), '{"study": "NOBODY"}'])
def test_a_refused_message_that_cannot_be_quarantined_comes_again_alone(
    service: Service, visit: Event, poison: str
) -> None:
    service.get("summary")
    unreachable(service, quarantined)
    assert service.queue(poison, visit) == ["message-1"]
    assert service.get("summary").json["accepted"] == 1


def test_a_refused_event_is_503_until_it_is_quarantined(service: Service) -> None:
    unreachable(service, quarantined)
    assert service.post("{").status == 503
    unreachable(service, lambda _operation, _parameters: False)
    assert service.post("{").status == 400
    assert len(service.quarantined()) == 1
