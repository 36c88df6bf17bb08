"""What erasing, retiring and removing are to callers, to documents and to whoever proves them."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from invoking import CALLER, STUDY, Answer, Service, forget, request

import wiring
from local.remaking import remake
from local.verify import Options, verify
from trial.events.privacy import ERASED
from trial.store.document_runs import LIVE, DocumentRun
from trial.store.rows import second_text

Event = dict[str, Any]
SUBJECT = "TMB301-007"


@pytest.fixture(scope="session")
def events(feed: list[str]) -> list[Event]:
    """Give some events of one subject, one of each kind."""
    values: dict[str, Event] = {}
    for line in feed:
        event = json.loads(line)
        if event["subject"] == SUBJECT:
            values.setdefault(event["type"], event)
    return list(values.values())


def ask(service: Service, path: str, body: Any, method: str = "POST") -> Answer:
    return service.ask(request(method, f"/studies/{STUDY}{path}", body))


def erase(service: Service, subject: str = SUBJECT, reason: str = "Asked to") -> Answer:
    return ask(service, f"/subjects/{subject}/erase", {"reason": reason})


def post(service: Service, events: list[Event]) -> None:
    for event in events:
        assert service.post(event).status == 201


def wait(monkeypatch: pytest.MonkeyPatch, **by: float) -> None:
    """Let it be later for every process from now on."""
    from datetime import timedelta  # noqa: PLC0415

    now = wiring.now
    monkeypatch.setattr(wiring, "now", lambda: now() + timedelta(**by))
    forget()


def cut(service: Service, **options: str) -> tuple[Event, dict[str, bytes], dict[str, bytes]]:
    """Ask for a report, have it made, and give its row, its files and its audit files."""
    answer = service.report(json.dumps(options))
    assert answer.status == 202, answer.text
    service.stream((f"STUDY#{STUDY}", "REPORT#" + answer.json["report"]))
    row = service.get(f"reports/{answer.json['report']}").json
    assert row["status"] == "ready"
    files = {}
    for place in (f"cuts/{row['cut']}", f"audit/{row['cut']}"):
        prefix = f"studies/{STUDY}/open/{place}/"
        contents = service.s3.list_objects_v2(Bucket=service.bucket, Prefix=prefix)["Contents"]
        files[place] = {
            item["Key"].removeprefix(prefix): service.object(item["Key"]) for item in contents
        }
    return row, files[f"cuts/{row['cut']}"], files[f"audit/{row['cut']}"]


def root(files: dict[str, bytes]) -> str:
    content_root: str = json.loads(files["manifest.json"])["cut"]["content_root"]
    return content_root


def workbook(service: Service) -> str:
    """Give the text of the live workbook."""
    parts = zipfile.ZipFile(io.BytesIO(service.object(f"studies/{STUDY}/open/live/listings.xlsx")))
    return "".join(parts.read(item).decode() for item in parts.namelist())


def proven(folder: Path, *files: dict[str, bytes]) -> int:
    folder.mkdir()
    for name, content in (item for file in files for item in file.items()):
        if "/changes." in name:  # which is a report's
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return verify(folder, Options(keys=folder / "manifest.sig.json"), remake)


def test_history_shows_what_was_received_until_it_is_erased(
    service: Service, events: list[Event]
) -> None:
    post(service, events)
    before = service.get(f"subjects/{SUBJECT}/history").json
    assert [json.loads(event["received"]) for event in before["events"]] == events
    answer = erase(service)
    assert (answer.status, answer.json) == (
        200, {"study": STUDY, "subject": SUBJECT, "status": "erased", "quarantined": 0},
    )  # fmt: skip
    after = service.get(f"subjects/{SUBJECT}/history").json
    assert after["intact"]
    hashes = [event["hash"] for event in after["events"]]
    assert hashes[:-1] == [event["hash"] for event in before["events"]]
    last = after["events"][-1]
    assert (last["principal"], json.loads(last["body"])["data"]["reason"]) == (CALLER, "Asked to")
    assert all(event["received"] == event["body"] for event in after["events"])
    withheld = [event for event in after["events"] if event["texts"]]
    assert withheld
    assert all(ERASED in item["body"] for item in withheld)
    assert erase(service).json["status"] == "already erased"


def test_live_documents_follow_an_erasure(service: Service, events: list[Event]) -> None:
    term = "told by Gunther Zyx"
    item = next(event for event in events if "term" in event["data"])
    post(service, [event for event in events if event is not item])
    post(service, [item | {"data": item["data"] | {"term": term}}])
    shard = (f"STUDY#{STUDY}#0", f"SUBJECT#{SUBJECT}")
    service.stream(shard)
    first = json.loads(service.object(f"studies/{STUDY}/open/latest.json"))
    assert term in workbook(service)
    erase(service)
    service.stream(shard)
    second = json.loads(service.object(f"studies/{STUDY}/open/latest.json"))
    assert second["events"] == first["events"] + 1
    assert second["cut"] != first["cut"]
    assert first["files"]["listings.xlsx"] != second["files"]["listings.xlsx"]
    assert term not in workbook(service)
    assert ERASED in workbook(service)


def test_a_cut_of_before_is_named_for_what_it_lacks_and_still_proven(
    service: Service, events: list[Event], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    post(service, events)
    wait(monkeypatch, minutes=5)
    text = wiring.now().replace(microsecond=0).isoformat()
    wait(monkeypatch, minutes=5)
    before = cut(service, as_of=text)
    assert proven(tmp_path / "before", *before[1:]) == 0
    erase(service)
    after, now = cut(service, as_of=text), cut(service)
    assert after[0]["cut"] != before[0]["cut"]
    assert after[0]["accepted"] == before[0]["accepted"] == len(events)
    assert now[0]["accepted"] == len(events) + 1
    assert root(before[1]) == root(after[1]) != root(now[1])
    assert after[2]["audit.ndjson"] == before[2]["audit.ndjson"]
    assert proven(tmp_path / "after", *after[1:]) == 0
    assert proven(tmp_path / "now", *now[1:]) == 0
    assert cut(service, as_of=text)[1] == after[1]


@pytest.mark.parametrize(
    ("path", "method"),
    [(f"/subjects/{SUBJECT}/erase", "POST"), ("/retire", "POST"), ("", "DELETE")],
)
@pytest.mark.parametrize("body", ["{}", '{"reason": ""}', '{"reason": 1}', '{"why": "x"}'])
def test_a_reason_is_demanded(service: Service, path: str, method: str, body: str) -> None:
    answer = ask(service, path, body, method)
    assert answer.status == 422
    assert "/reason" in answer.pointers


@pytest.mark.parametrize("subject", ["TMB301-999", "no%20id"])
def test_a_subject_that_is_not_there_is_not_erased(service: Service, subject: str) -> None:
    assert erase(service, subject).status == 404


def test_an_erasure_cannot_be_posted_as_an_event(service: Service, events: list[Event]) -> None:
    post(service, events[:1])
    data = {"record": "erasure", "revision": 1, "reason": "x"}
    posted = events[0] | {"type": "org.livetlf.subject.erased.v1", "data": data}
    void = posted | {"data": {**data, "action": "void", "reason_for_change": "x"}}
    void["data"].pop("reason")
    for event in (posted, void):
        answer = service.post(event)
        assert (answer.status, answer.pointers) == (422, ["/type"])


def test_a_retired_study_is_read_and_nothing_else(
    service: Service, events: list[Event], definition: Event
) -> None:
    post(service, events[:2])
    service.post("{")
    before = service.get("tables").json
    answer = ask(service, "/retire", {"reason": "Closed"})
    assert (answer.status, answer.json["reason"]) == (200, "Closed")
    items: list[Callable[[], Answer]] = [
        lambda: service.post(events[2]),
        lambda: service.define(definition | {"title": "Another"}),
        lambda: ask(service, "/quarantine/redrive", ""),
    ]
    for call in items:
        refused = call()
        assert (refused.status, refused.json["title"]) == (409, "Study is retired")
    assert service.queue(events[3]) == []
    assert service.get("summary").json["quarantined"] == 3
    assert service.get("tables").json == before
    assert service.get("definition").json["retired"]["principal"] == CALLER
    assert cut(service)[0]["accepted"] == 2
    assert erase(service).status == 200
    service.invoke("audit", {})
    assert service.get("audit").json["differences"] == []


def test_a_study_is_removed_after_its_retention_and_not_before(
    service: Service, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    post(service, events)
    cut(service)
    early = ask(service, "", {"reason": "Done"}, "DELETE")
    assert early.json["detail"].startswith("the study must be retired first: POST /studies/")
    ask(service, "/retire", {"reason": "Closed"})
    until = f"{wiring.now().year + 25}-{wiring.now():%m-%d}"
    refused = ask(service, "", {"reason": "Done"}, "DELETE")
    assert (refused.status, refused.json["detail"]) == (
        409,
        f"its retention period ends on {until}",
    )
    wait(monkeypatch, days=366 * 25)
    assert ask(service, "", {"reason": "Done"}, "DELETE").status == 202
    assert service.get("summary").status == 404
    current = (f"STUDY#{STUDY}", "CURRENT")
    service.stream(current)  # Publish has nothing to do
    assert wiring.leases().acquire(STUDY, "a publication that began before", None)
    service.invoke("audit", {})
    assert service.get("work").json["work"]
    assert service.versions(f"pieces/{STUDY}/")
    wiring.leases().abandon(STUDY, "a publication that began before")
    now = second_text(wiring.now())
    assert wiring.document_runs().begin(STUDY, DocumentRun("r", LIVE, "", now, now), None)
    service.invoke("audit", {})
    assert service.versions(f"pieces/{STUDY}/")
    wiring.document_runs().close(STUDY, "r")
    service.invoke("audit", {})
    assert service.items().keys() == {current}
    assert service.versions("pieces/") == set()
    assert service.versions(f"studies/{STUDY}/open/cuts/")
    assert ask(service, "", {"reason": "Done"}, "DELETE").status == 404
