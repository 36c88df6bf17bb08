"""The deployed service from outside: signed requests, a queue, and documents in a bucket."""

import hashlib
import json
import time
from collections.abc import Callable
from itertools import count, islice
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3
from builders import tmb301_documents

from local.client import Answer, Client
from local.feed import Line, Lines, read_definition
from local.stack import aws, publishing_paused

EVENTS = Path(__file__).resolve().parents[2] / "events" / "tmb-301"
EXAMPLE = EVENTS.parent / "example"
"""The guide's study, whose documents are made in a tenth of the time."""
SINGLE = "application/cloudevents+json"
PROBLEM = "application/problem+json"
MARK = "QZXMARK"
WITHIN = 60.0
_NUMBER = count(1)


class Trial:
    """A study of this session's own on the deployed stack, with the definition of another."""

    def __init__(self, stack: Any, folder: Path = EXAMPLE, **changes: Any) -> None:
        # As long as the name of TMB-301: places in broken JSON stay where they are.
        self.id = f"E2E-{next(_NUMBER):03}"
        self.stack = stack
        self.client: Client = stack.client
        self.path = f"/studies/{self.id}"
        self.folder = folder
        self.original = read_definition(folder / "definition.yaml") | changes
        self.client.put_definition(self.id, self.original | {"study": self.id})

    def lines(self, name: str, stop: int | None = None) -> list[Line]:
        """Read a file of events as this study's."""
        return [self.renamed(line) for line in islice(Lines(self.folder / name), stop)]

    def renamed(self, line: Line) -> Line:
        original = f'"study":"{self.original["study"]}"'.encode()
        return Line(line.number, line.raw.replace(original, f'"study":"{self.id}"'.encode()))

    def get(self, path: str, accept: str = "*/*") -> Answer:
        return self.client.request("GET", f"{self.path}/{path}", headers={"Accept": accept})

    def post(self, raw: bytes, content_type: str = SINGLE) -> Answer:
        headers = {"Content-Type": content_type}
        return self.client.request("POST", f"{self.path}/events", raw, headers=headers)

    def accepted(self) -> int:
        accepted: int = self.get("summary").json()["accepted"]
        return accepted

    def latest(self) -> dict[str, Any] | None:
        """Give what is published now."""
        live: dict[str, Any] | None = self.get("reports").json()["live"]
        return live

    def published(self, events: int) -> dict[str, Any]:
        """Wait until the documents count so many events."""
        return until(lambda: live if (live := self.latest()) and live["events"] == events else None)

    def document(self, name: str, place: str = "live") -> bytes:
        return self.client.get(f"{self.path}/reports/{place}/{name}", "*/*").body


def until[T](look: Callable[[], T | None], seconds: float = WITHIN) -> T:
    deadline = time.monotonic() + seconds
    while (result := look()) is None:
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.1)
    return result


@pytest.fixture
def trial(stack: Any) -> Trial:
    """Give a study without events."""
    return Trial(stack)


@pytest.fixture(scope="module")
def whole(stack: Any) -> Trial:
    """Give TMB-301 by another name, with its whole feed."""
    trial = Trial(stack, EVENTS)
    lines = trial.lines("feed.ndjson")
    with publishing_paused(stack.endpoint):
        statuses = [event.status for event in trial.client.post_events(trial.id, lines)]
    assert set(statuses) == {200, 201}
    assert trial.accepted() == statuses.count(201)
    return trial


@pytest.fixture(scope="module")
def logs(stack: Any) -> Callable[[], str]:
    """Give a look at all that the functions have logged."""

    def read() -> str:
        client = aws("logs", stack.endpoint)
        groups = client.describe_log_groups()["logGroups"]
        return "\n".join(
            event["message"]
            for group in groups
            for event in client.filter_log_events(logGroupName=group["logGroupName"])["events"]
        )

    return read


def test_an_unsigned_request_is_403_on_every_route(trial: Trial) -> None:
    http = urllib3.PoolManager(retries=False)
    routes = [
        ("PUT", "definition"),
        ("GET", "definition"),
        ("POST", "events"),
        ("GET", "summary"),
        ("GET", "consort"),
        ("GET", "tables"),
        ("GET", "tables/14.2.1"),
        ("GET", "quarantine"),
        ("GET", "subjects/TMB301-007/history"),
        ("POST", "reports"),
        ("POST", "audit"),
        ("GET", "audit"),
        ("GET", "reports"),
        ("GET", "reports/live"),
        ("GET", "reports/live/summary.json"),
    ]
    for method, path in routes:
        answer = http.request(method, f"{trial.stack.api_url}{trial.path}/{path}")
        assert answer.status == 403, (method, path)
    assert trial.accepted() == 0


def test_a_signed_event_is_recorded_counted_and_known_again(trial: Trial) -> None:
    (line,) = trial.lines("feed.ndjson", 1)
    answers = [trial.post(line.raw) for _ in range(2)]
    assert [answer.status for answer in answers] == [201, 200]
    assert answers[0].headers["content-type"] == "application/json"
    assert trial.accepted() == 1


def test_the_published_key_results_come_out(whole: Trial) -> None:
    published = json.loads((EVENTS / "published.json").read_text(encoding="utf-8"))
    key_results = whole.get("summary").json()["key_results"]
    assert [(result["id"], result["text"]) for result in key_results] == [
        (item["id"], item["text"]) for item in published
    ]


def test_every_wrong_event_is_answered_kept_and_moves_no_total(whole: Trial) -> None:
    refused_lines = whole.lines("wrong.ndjson")
    verdicts = json.loads((EVENTS / "wrong.expected.json").read_text(encoding="utf-8"))
    assert [line.number for line in refused_lines] == [verdict["line"] for verdict in verdicts]
    before, accepted = whole.get("tables").json(), whole.accepted()
    problems = []
    for line, verdict in zip(refused_lines, verdicts, strict=True):
        answer = whole.post(line.raw)
        assert answer.status == verdict["status"], (verdict, answer.body)
        assert answer.headers["content-type"] == PROBLEM
        problem = answer.json()
        assert problem["status"] == verdict["status"]
        if "pointer" in verdict:
            assert [error["pointer"] for error in problem["errors"]] == [verdict["pointer"]]
        elif answer.status == 400:
            assert verdict.get("place", " column ") in problem["detail"] or "twice" in str(problem)
        problems.append((line.raw.decode(), problem))
    document = whole.get("quarantine").json()
    assert document["count"] == len(refused_lines)
    by_body = {row["body"]: row["problem"] for row in document["quarantined"]}
    assert by_body == dict(problems)
    list(whole.client.post_events(whole.id, refused_lines))
    assert whole.get("quarantine").json() == document
    assert whole.get("tables").json() == before
    assert whole.accepted() == accepted
    assert whole.get("summary").json()["quarantined"] == len(refused_lines)


def test_events_through_the_queue_arrive_and_count(trial: Trial) -> None:
    lines = trial.lines("feed.ndjson", 20)
    bodies = [line.raw.decode() for line in lines]
    refused_body = json.dumps({"study": trial.id, "specversion": "1.0"})
    messages = [*bodies[:10], refused_body, "{", *bodies[10:], *bodies[:5]]
    sqs, queue = trial.stack.sqs, trial.stack.queue_url
    for start in range(0, len(messages), 10):
        entries = [
            {"Id": str(number), "MessageBody": body}
            for number, body in enumerate(messages[start : start + 10])
        ]
        assert not sqs.send_message_batch(QueueUrl=queue, Entries=entries).get("Failed")
    events = [json.loads(body) for body in bodies]
    records = {
        (e["type"], e["subject"], e["data"]["record"], e["data"]["revision"]) for e in events
    }
    until(lambda: True if trial.accepted() == len(records) else None)
    until(lambda: True if trial.get("quarantine").json()["count"] == 1 else None)
    assert trial.post(lines[0].raw).status == 200
    assert trial.published(len(records))["study"] == trial.id
    waiting = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert int(waiting["ApproximateNumberOfMessages"]) == 0


def test_documents_follow_the_events_and_vouch_for_each_other(whole: Trial) -> None:
    live = whole.published(whole.accepted())
    assert {*live["files"]} == {*tmb301_documents()}
    manifest = json.loads(whole.document("manifest.json"))
    assert manifest["cut"]["content_root"] == live["content_root"]
    for entry in manifest["files"]:
        content = whole.document(entry["name"])
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]
        assert len(content) == entry["size"]
    tables = json.loads(whole.document("tables.json"))
    assert tables["tables"] == whole.get("tables").json()["tables"]
    key_results = json.loads(whole.document("summary.json"))["key_results"]
    assert key_results == whole.get("summary").json()["key_results"]
    last = whole.get("reports").json()["last_rendering"]
    assert last["status"] == "published"


def test_documents_come_by_themselves_for_a_definition_and_for_each_change(trial: Trial) -> None:
    first = trial.published(0)
    trial.post(trial.lines("feed.ndjson", 1)[0].raw)
    second = trial.published(1)
    assert first["cut"] != second["cut"]


def test_the_flow_comes_as_data_or_as_a_picture(whole: Trial) -> None:
    data = whole.get("consort", "application/json")
    picture = whole.get("consort", "image/svg+xml")
    assert data.headers["content-type"] == "application/json"
    assert picture.headers["content-type"] == "image/svg+xml"
    assert picture.body.decode().lstrip().startswith(("<svg", "<?xml"))
    assert "40" in data.body.decode()
    assert "40" in picture.body.decode()
    assert whole.get("consort", "text/html").status == 406


def test_every_table_is_found_by_its_id(whole: Trial) -> None:
    tables = whole.get("tables").json()["tables"]
    assert len(tables) >= 12
    for table in tables[:3] + tables[-1:]:
        assert whole.get(f"tables/{table['id']}").json()["tables"] == [table]


def test_a_report_is_asked_for_made_and_handed_out(whole: Trial) -> None:
    body = b'{"reason": "Data monitoring"}'
    answer = whole.client.request("POST", f"{whole.path}/reports", body)
    assert answer.status == 202
    place = answer.headers["location"].removeprefix(whole.path + "/")
    assert place.startswith("reports/")

    def ready() -> Any:
        row = whole.get(place).json()
        return row if row["status"] == "ready" else None

    report = until(ready)
    assert report["reason"] == "Data monitoring"
    assert report["accepted"] == whole.accepted()
    assert report in whole.get("reports").json()["reports"]
    for cut in (report["cut"], report["id"]):
        manifest = json.loads(whole.document("manifest.json", cut))
        assert manifest["cut"]["id"] == report["cut"]
        for entry in manifest["files"]:
            content = whole.document(entry["name"], cut)
            assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    keys = whole.stack.s3.list_objects_v2(
        Bucket=whole.stack.bucket, Prefix=f"studies/{whole.id}/open/cuts/"
    )["Contents"]
    assert {key["Key"].split("/")[4] for key in keys} == {report["cut"]}


def test_a_link_is_good_for_a_minute(whole: Trial) -> None:
    whole.published(whole.accepted())
    answer = whole.get("reports/live/summary.json")
    assert answer.status == 303
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert query["X-Amz-Expires"] == ["60"]
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]


def test_a_link_needs_no_signature_of_the_reader(whole: Trial) -> None:
    whole.published(whole.accepted())
    answer = whole.get("reports/live/consort.svg")
    assert (answer.status, answer.body) == (303, b"")
    result = urllib3.PoolManager().request("GET", answer.headers["location"])
    assert result.status == 200
    assert result.headers["content-type"] == "image/svg+xml"


@pytest.mark.parametrize(
    "path",
    ["tables/99.9", "reports/none", "reports/live/none.txt", "reports/none/summary.json"],
)
def test_what_is_not_there_is_404(whole: Trial, path: str) -> None:
    answer = whole.get(path)
    assert (answer.status, answer.headers["content-type"]) == (404, PROBLEM)


def test_a_study_that_is_not_there_is_404(trial: Trial) -> None:
    for path in ("summary", "consort", "tables", "quarantine", "reports", "definition"):
        answer = trial.client.request("GET", f"/studies/NOBODY/{path}")
        assert (answer.status, answer.headers["content-type"]) == (404, PROBLEM)
    headers = {"Content-Type": SINGLE}
    assert (
        trial.client.request("POST", "/studies/NOBODY/events", b"{}", headers=headers).status == 404
    )


def test_a_study_with_another_name_than_its_address_is_refused(trial: Trial) -> None:
    body = json.dumps(trial.original).encode()
    headers = {"Content-Type": "application/json"}
    answer = trial.client.request("PUT", f"{trial.path}/definition", body, headers=headers)
    assert (answer.status, answer.headers["content-type"]) == (422, PROBLEM)


def test_an_amendment_fills_takes_over_and_is_published(trial: Trial) -> None:
    statuses = [
        event.status for event in trial.client.post_events(trial.id, trial.lines("feed.ndjson"))
    ]
    first = trial.published(statuses.count(201))
    before = trial.get("definition").json()
    amended = trial.original | {"study": trial.id, "title": "Amended"}
    body, headers = json.dumps(amended).encode(), {"Content-Type": "application/json"}
    answer = trial.client.request("PUT", f"{trial.path}/definition", body, headers=headers)
    assert (answer.status, answer.json()["status"]) == (202, "backfilling")
    until(lambda: True if trial.get("definition").json()["backfilling"] is None else None)
    after = trial.get("definition").json()
    assert after["in_force"] == answer.json()["definition"] != before["in_force"]
    assert after["definition"]["title"] == "Amended"
    assert after["epoch"] == before["epoch"] + 1
    live = until(lambda: live if (live := trial.latest()) and live["cut"] != first["cut"] else None)
    assert (live["epoch"], live["events"]) == (after["epoch"], first["events"])
    result = trial.client.request("POST", f"{trial.path}/audit", b"")
    assert result.status == 202
    report = until(
        lambda: value.json() if (value := trial.get("audit")).status == 200
        and value.json()["events"] == first["events"] else None
    )  # fmt: skip
    assert (report["differences"], report["complete"]) == ([], True)
    assert report["definition"] == after["in_force"]


def test_nothing_of_an_event_is_found_in_the_logs(trial: Trial, logs: Callable[[], str]) -> None:
    event = json.loads(trial.lines("feed.ndjson", 1)[0].raw)
    event["data"] |= {"investigator": MARK}
    marked = event | {"data": dict.fromkeys(event["data"], MARK) | {MARK: MARK}}
    accepted = trial.post(json.dumps(event).encode())
    assert accepted.status == 201
    for body in (json.dumps(marked), json.dumps(event | {"type": MARK}), f'{{"data": "{MARK}'):
        assert trial.post(body.encode()).status in {400, 422}
        trial.stack.sqs.send_message(QueueUrl=trial.stack.queue_url, MessageBody=body)
    trial.published(1)
    until(lambda: True if "Message quarantined" in logs() else None)
    assert MARK not in logs()
