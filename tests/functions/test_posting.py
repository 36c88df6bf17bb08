"""What the API answers to events, and what becomes of those it does not take."""

import json
from copy import deepcopy
from hashlib import sha256
from typing import Any

import pytest
from invoking import BATCH, EVENTS, PROBLEM, SINGLE, STUDY, Answer, Service, request

Event = dict[str, Any]
WRONG = (EVENTS / "tmb-301" / "wrong.ndjson").read_text(encoding="utf-8").splitlines()
VERDICTS = json.loads((EVENTS / "tmb-301" / "wrong.expected.json").read_text(encoding="utf-8"))


def changed(event: Event, **data: Any) -> Event:
    """Make another revision or record of an event; what is None is left out."""
    result = deepcopy(event)
    result["data"] |= data
    result["data"] = {name: value for name, value in result["data"].items() if value is not None}
    return result


def revision(event: Event, number: int, **data: Any) -> Event:
    return changed(event, revision=number, reason_for_change="Transcription error", **data)


def refused(answer: Answer, status: int) -> Answer:
    """Demand a problem document as RFC 9457 has it."""
    assert answer.status == status, answer.text
    assert answer.media_type == PROBLEM
    assert answer.json["status"] == status
    assert answer.json["title"]
    assert answer.json["type"] == "about:blank"
    return answer


def test_a_new_event_is_recorded_and_counted_before_the_answer(
    service: Service, visit: Event
) -> None:
    answer = service.post(visit)
    result = answer.json
    assert [item["rule"] for item in result.pop("warnings")] == ["not-enrolled"]
    assert (answer.status, result) == (201, {"id": visit["id"], "status": 201})
    assert service.get("summary").json["accepted"] == 1


def test_a_repeat_is_200_and_changes_nothing_at_all(service: Service, visit: Event) -> None:
    service.post(visit)
    before = service.items()
    result = visit | {"id": "again", "source": "urn:other", "time": "2016-12-01T00:00:00Z"}
    result["data"] = dict(reversed(visit["data"].items()))
    for body in (visit, json.dumps(visit, indent=2), result):
        assert service.post(body).status == 200
    assert service.items() == before


@pytest.mark.parametrize(
    "spelt", [{"amount": 800.0}, {"lot": None}, {"action": "record"}, {"reason_for_change": None}]
)
def test_the_same_content_in_other_spelling_is_a_repeat(
    service: Service, feed: list[str], spelt: dict[str, Any]
) -> None:
    dose = next(json.loads(item) for item in feed if "dose.administered" in item)
    dose = changed(dose, amount=800, lot=None)
    service.post(dose)
    before, summary = service.items(), service.get("summary").json
    respelt = deepcopy(dose)
    respelt["data"] |= spelt
    assert service.post(respelt).status == 200
    assert service.items() == before
    assert service.get("summary").json == summary
    assert service.post(changed(dose, amount=800.5)).status == 409


def test_a_late_older_revision_is_recorded_and_moves_no_sum(service: Service, visit: Event) -> None:
    service.post(revision(visit, 3, date="2015-06-09"))
    tables = service.get("tables").json
    assert service.post(visit).status == 201
    assert service.get("tables").json == tables
    assert service.get("summary").json["accepted"] == 2


def test_a_void_is_recorded_and_takes_its_share_back(service: Service, feed: list[str]) -> None:
    empty = service.get("tables").json["tables"]
    enrolled = json.loads(feed[0])
    assert service.post(enrolled).status == 201
    assert service.get("tables").json["tables"] != empty
    void = deepcopy(enrolled)
    void["data"] = {
        "record": enrolled["data"]["record"],
        "revision": 2,
        "action": "void",
        "reason_for_change": "Entered in error",
    }
    assert service.post(void).status == 201
    assert service.get("tables").json["tables"] == empty


def test_other_content_for_a_revision_is_409_and_the_first_stays(
    service: Service, visit: Event
) -> None:
    service.post(visit)
    before = service.items("#ASIDE", "CONFLICT#")
    result = changed(visit, date="2015-06-09")
    assert refused(service.post(result), 409).pointers == ["/data/revision"]
    assert service.items("#ASIDE", "CONFLICT#") == before
    assert [json.loads(item["body"]) for item in service.quarantined()] == [result]


@pytest.mark.parametrize("verdict", VERDICTS, ids=lambda item: item["what"])
def test_a_wrong_event_is_answered_with_its_field_or_place_and_moves_nothing(
    service: Service, feed: list[str], verdict: dict[str, Any]
) -> None:
    line = WRONG[verdict["line"] - 1]
    service.batch(*(item for item in feed if '"L150811-007-1-VL"' in item))
    before, tables = service.items("#ASIDE", "CONFLICT#"), service.get("tables").json
    answer = refused(service.post(line), verdict["status"])
    assert answer.pointers == [verdict["pointer"]] if "pointer" in verdict else True
    assert verdict.get("place", "") in answer.json.get("detail", "")
    assert service.items("#ASIDE", "CONFLICT#") == before
    assert service.get("tables").json == tables
    (rejected,) = service.quarantined()
    assert rejected["body"] == line
    assert rejected["problem"] == answer.json


def test_the_same_wrong_body_is_quarantined_once_with_digest_sender_and_problem(
    service: Service, visit: Event
) -> None:
    refused_body = json.dumps(changed(visit, visit="week-9999"))
    answers = [service.post(refused_body).json for _ in range(3)]
    (rejected,) = service.quarantined()
    assert rejected["sha256"] == sha256(refused_body.encode()).hexdigest()
    assert rejected["size"] == len(refused_body)
    assert [rejected["problem"]] * 3 == answers
    assert "arn:aws:iam::123456789012:role/upstream" in rejected.values()
    assert service.get("summary").json["quarantined"] == 1


def test_every_field_at_fault_is_named_at_once(service: Service, visit: Event) -> None:
    faulty = changed(visit, visit="week-9999", date="2061-01-01")
    faulty["data"]["measurements"] = [{"parameter": "pulse", "result": "fast", "unit": "mmHg"}]
    answer = refused(service.post(faulty), 422)
    assert set(answer.pointers) == {
        "/data/visit",
        "/data/date",
        "/data/measurements/0/unit",
        "/data/measurements/0/result",
    }
    faulty = changed(visit, visit=7, record=None, other=1)
    assert set(refused(service.post(faulty), 422).pointers) == {
        "/data/visit",
        "/data/record",
        "/data/other",
    }


@pytest.mark.parametrize("name", ["a/b", "a~b"])
def test_a_pointer_escapes_what_a_name_may_hold(service: Service, visit: Event, name: str) -> None:
    answer = refused(service.post(changed(visit, **{name: 1})), 422)
    assert answer.pointers == ["/data/" + name.replace("~", "~0").replace("/", "~1")]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ('{"a": 1,\n "b": }', "line 2 column 7"),
        ('{"a": 1} x', "line 1 column 10"),
        ("", "line 1 column 1"),
        ("\ufeff{}", "line 1 column 1"),
        ('{"a":\n\n  "\t"}', "line 3 column 4"),
        ('{"a": Infinity}', "line 1 column 7"),
        ('{"é": ]', "line 1 column 7"),
    ],
)
def test_broken_json_is_400_with_its_place(service: Service, body: str, place: str) -> None:
    assert refused(service.post(body), 400).json["detail"].endswith(place)
    assert [item["body"] for item in service.quarantined()] == [body]


def test_bytes_that_are_no_utf8_are_400_with_their_place_and_kept_whole(service: Service) -> None:
    body = b'{"data": "\xff\xfe"}'
    answer = refused(service.post(body), 400)
    assert "UTF-8" in answer.json["detail"]
    assert "10" in answer.json["detail"]
    (rejected,) = service.quarantined()
    assert (rejected["sha256"], rejected["size"]) == (sha256(body).hexdigest(), len(body))


def test_what_is_nested_too_deeply_is_400(service: Service) -> None:
    refused(service.post("[" * 100_000), 400)


@pytest.mark.parametrize("body", ["[]", "7", "null", '"text"', "{}"])
def test_json_that_is_no_event_is_422(service: Service, body: str) -> None:
    refused(service.post(body), 422)
    assert len(service.quarantined()) == 1


def test_a_body_in_base_64_is_the_same_event(service: Service, visit: Event) -> None:
    assert service.post(json.dumps(visit).encode()).status == 201
    assert service.post(visit).status == 200


@pytest.mark.parametrize("name", ["Content-Type", "content-type", "CONTENT-TYPE"])
@pytest.mark.parametrize("value", [SINGLE, "application/json; charset=UTF-8"])
def test_a_content_type_is_read_whatever_its_case_and_parameters(
    service: Service, visit: Event, name: str, value: str
) -> None:
    path = f"/studies/{STUDY}/events"
    assert service.ask(request("POST", path, visit, {name: value})).status == 201


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "text/plain"}, {"Content-Type": ""}])
def test_another_media_type_is_415(service: Service, visit: Event, headers: dict[str, str]) -> None:
    path = f"/studies/{STUDY}/events"
    answer = refused(service.ask(request("POST", path, visit, headers)), 415)
    assert SINGLE in answer.json["detail"]


def test_an_event_for_an_unknown_study_is_404_and_found_once_the_study_is_there(
    blank: Service, visit: Event, definition: dict[str, Any]
) -> None:
    refused(blank.post(visit), 404)
    refused(blank.batch(visit), 404)
    refused(blank.get("quarantine"), 404)
    blank.define(definition)
    assert len(blank.quarantined()) == 2
    assert blank.post(visit).status == 201


@pytest.mark.parametrize("study", ["a#b", "x" * 65, "-a", "a%20b", "a b"])
def test_a_name_that_can_be_no_study_is_404_and_leaves_no_trace(
    service: Service, visit: Event, study: str
) -> None:
    before = service.items()
    refused(service.post(visit, study), 404)
    assert service.items() == before


def padded(event: Event, size: int, filler: str = "x") -> str:
    """Make an event of exactly so many bytes, by white space or by what fills it."""
    body = json.dumps(event, ensure_ascii=False)
    if filler.isspace():
        return body + filler * (size - len(body.encode()))
    event = event | {"padding": ""}
    room = size - len(json.dumps(event, ensure_ascii=False).encode())
    event["padding"] = filler * (room // len(filler.encode()))
    return json.dumps(event, ensure_ascii=False)


def test_an_event_of_256_kib_is_taken_and_one_byte_more_is_413(
    service: Service, visit: Event
) -> None:
    assert service.post(padded(visit, 256 * 1024)).status == 201
    refused(service.post(padded(revision(visit, 2), 256 * 1024 + 1)), 413)
    assert service.get("summary").json["accepted"] == 1


@pytest.mark.parametrize(
    "filler",
    [
        "x",
        pytest.param("本"),
    ],
)
def test_an_event_that_is_too_large_is_413_alone_and_in_a_batch(
    service: Service, visit: Event, filler: str
) -> None:
    body = padded(visit, 300_000, filler)
    refused(service.post(body), 413)
    (result,) = service.batch(body).json["results"]
    assert result["status"] == 413


def test_what_is_too_large_is_quarantined_like_all_that_is_refused(
    service: Service, visit: Event
) -> None:
    body = padded(visit, 300_000)
    service.post(body)
    (rejected,) = service.quarantined()
    assert (rejected["size"], rejected["problem"]["status"]) == (len(body), 413)


def test_a_batch_answers_each_event_in_order(service: Service, visit: Event) -> None:
    faulty = changed(visit, record="other", visit="week-9999")
    conflict = changed(visit, date="2015-06-09")
    answer = service.batch(visit, faulty, visit, conflict, 7, revision(visit, 2))
    assert answer.status == 200
    results = answer.json["results"]
    assert [item["index"] for item in results] == list(range(6))
    assert [item["status"] for item in results] == [201, 422, 200, 409, 422, 201]
    assert [item["id"] for item in results] == [visit["id"]] * 4 + ["", visit["id"]]
    for result in results:
        assert ("problem" in result) == (result["status"] > 400)
        if "problem" in result:
            assert result["problem"]["status"] == result["status"]
    assert len(service.quarantined()) == 3


def test_an_event_of_a_batch_meets_the_same_fate_as_alone(
    service: Service, feed: list[str]
) -> None:
    service.batch(*(item for item in feed if '"L150811-007-1-VL"' in item))
    verdicts = [verdict for verdict in VERDICTS if verdict["status"] != 400]
    lines = [WRONG[item["line"] - 1] for item in verdicts]
    results = service.batch(*lines).json["results"]
    assert [result["problem"] for result in results] == [service.post(line).json for line in lines]
    assert {item["body"] for item in service.quarantined()} == set(lines)


@pytest.mark.parametrize("poison", [7, "{", {"specversion": "1.0"}, {"data": [[[]]]}, None, []])
def test_a_poison_element_never_blocks_its_neighbours(
    service: Service, feed: list[str], poison: Any
) -> None:
    body = json.dumps(poison)
    answer = service.batch(*feed[:3], body, *feed[3:6])
    statuses = [result["status"] for result in answer.json["results"]]
    assert statuses == [201, 201, 201, 422, 201, 201, 201]
    assert [item["body"] for item in service.quarantined()] == [body]


def test_elements_are_kept_as_they_were_written(service: Service, visit: Event) -> None:
    text = json.dumps(visit, indent=3).replace("specversion", "\\u0073pecversion")
    assert service.post(f"[ {text}\n]", content_type=BATCH).json["results"][0]["status"] == 201
    (row,) = [item for key, item in service.items().items() if "#JOURNAL#" in key[0]]
    assert row["body"]["S"] == text


@pytest.mark.parametrize("body", ["[", "[1,]", "{}", "[1] 2", "[1 2]", '[{"a":1},\n{"b":]', ""])
def test_a_broken_batch_is_400_with_its_place_and_nothing_of_it_is_taken(
    service: Service, feed: list[str], body: str
) -> None:
    before = service.items("#ASIDE", "CONFLICT#")
    for text in (body, body.replace("[", f"[{feed[0]},", 1)):
        answer = refused(service.post(text, content_type=BATCH), 400)
        assert " column " in answer.json["detail"]
    assert service.items("#ASIDE", "CONFLICT#") == before


def test_an_empty_batch_has_no_results(service: Service) -> None:
    answer = service.batch()
    assert (answer.status, answer.json) == (200, {"results": []})


def test_an_event_of_a_subject_that_is_full_is_413_quarantined_and_counted_for_the_alarm(
    service: Service,
    visit: Event,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("trial.store.subject_update.PAGE_BYTES", 100)
    monkeypatch.setattr("trial.store.subject_update.SUBJECT_LENGTH", 500)
    full = [service.post(changed(visit, record=f"V-{i}")) for i in range(30)]
    total = sum(answer.status == 201 for answer in full)
    assert 1 < total < 30
    assert {answer.status for answer in full} == {201, 413}
    assert service.queue(changed(visit, record="V-queued")) == []
    assert service.post(changed(visit, record="V-0")).status == 200
    assert len(service.quarantined()) == 30 - total + 1
    assert service.get("summary").json["accepted"] == total
    assert capfd.readouterr().out.count('"EventsTooLarge":[1.0]') == 30 - total + 1


def test_a_hundred_events_are_a_batch_and_one_more_is_413(
    service: Service, feed: list[str]
) -> None:
    refused(service.batch(*feed[:101]), 413)
    assert service.get("summary").json["accepted"] == 0
    assert len(service.batch(*feed[:100]).json["results"]) == 100


def test_a_batch_beyond_a_megabyte_is_413(service: Service, visit: Event) -> None:
    bodies = [padded(visit, 200_000, " ")] * 5
    refused(service.batch(*bodies), 413)
    assert service.get("summary").json["accepted"] == 0


def test_no_address_but_those_described_is_one(service: Service) -> None:
    for method, path in [("GET", "/"), ("GET", f"/studies/{STUDY}"), ("GET", "/studies//events")]:
        refused(service.ask(request(method, path)), 404)
    refused(service.ask(request("DELETE", f"/studies/{STUDY}/events")), 404)


def test_a_definition_is_refused_with_the_paths_at_fault(
    blank: Service, definition: dict[str, Any]
) -> None:
    answer = refused(blank.define(definition | {"design": "guesswork", "shards": 0}), 422)
    assert set(answer.pointers) == {"/design", "/shards"}
    broken = request("PUT", f"/studies/{STUDY}/definition", "{", {"Content-Type": "text/yaml"})
    refused(blank.ask(broken), 415)
    broken["headers"] = broken["multiValueHeaders"] = {}
    broken["headers"] = {"Content-Type": "application/json"}
    refused(blank.ask(broken), 400)
    result = definition | {"study": "OTHER"}
    path = f"/studies/{STUDY}/definition"
    refused(blank.ask(request("PUT", path, result, {"Content-Type": "application/json"})), 422)
    refused(blank.get("definition"), 404)


def test_a_definition_that_names_what_it_does_not_define_is_refused(
    blank: Service, definition: dict[str, Any]
) -> None:
    faulty = deepcopy(definition)
    faulty["sets"]["safety"]["condition"] = "no-such-condition"
    refused(blank.define(faulty), 422)


def test_a_definition_is_replaced_at_once_before_the_first_event_and_filled_after_it(
    service: Service, definition: dict[str, Any], visit: Event
) -> None:
    second_definition = definition | {"title": "Another"}
    assert service.define(second_definition).status == 201
    assert service.define(definition).status == 201
    service.post(visit)
    assert service.define(definition).status == 200
    answer = service.define(second_definition)
    assert (answer.status, answer.json["status"]) == (202, "backfilling")
    standing = service.get("definition").json
    assert standing["backfilling"] == answer.json["definition"] != standing["in_force"]
    assert service.define(definition).json["status"] == "cancelled"
    assert service.define(second_definition).status == 202
    service.invoke("audit", {})
    standing = service.get("definition").json
    assert (standing["in_force"], standing["backfilling"]) == (answer.json["definition"], None)
    assert standing["definition"]["title"] == "Another"
    assert service.get("audit").json["differences"] == []
    refused(service.define(definition | {"shards": 7}), 409)
