"""Write the whole Lambda events that `sam local invoke` takes, from TMB-301's definition and feed.

    python events/generate.py [FOLDER]

Each is what AWS would hand to the function: an API Gateway request, a batch of SQS messages, a
batch of a table's stream. Bodies are lines of the feed, so they are accepted by a stack that knows
the definition (`api/put-definition.json`).
"""

import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
STUDY = "TMB-301"
CALLER = "arn:aws:iam::123456789012:role/upstream"
RUN = "20260301T090000000000Z"
REPORTS = ["0" * 32, "1" * 32]
FIRST_VISIT = "visit.recorded"
FIRST_EVENT = "adverse-event.reported"
FURTHER_KINDS = {
    "conmed.recorded": "CM-1",
    "conmed.coded": "C-CM-1",
    "medical-history.reported": "MH-1",
    "medical-history.coded": "C-MH-1",
    "procedure.recorded": "PR-1",
    "vital-status.recorded": "VS-1",
    "physical-examination.recorded": "PE-1",
    "device-deficiency.reported": "DD-1",
    "observation.recorded": "OB-1",
}
"""The kinds of which the study's own feed has no event, and the id of each record."""
BATCH = "application/cloudevents-batch+json"
SINGLE = "application/cloudevents+json"


def main(folder: Path) -> None:
    """Write every event below `folder`."""
    lines = (HERE / "tmb-301" / "feed.ndjson").read_text().splitlines()
    events = {**api(lines), **ingest(lines), **publish(), **audit()}
    for name, event in events.items():
        path = folder / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(event, indent=2, ensure_ascii=False) + "\n")


def api(lines: list[str]) -> dict[str, Any]:
    """Make the requests of an upstream system and of a reader."""
    visit, adverse_event = first(lines, FIRST_VISIT), first(lines, FIRST_EVENT)
    study = f"/studies/{STUDY}"
    events = f"{study}/events"
    subject = json.loads(adverse_event)["subject"]
    broken = visit[: len(visit) // 2]
    return {
        "api/put-definition": request(
            "PUT", f"{study}/definition", definition(), "application/json"
        ),
        "api/post-visit": request("POST", events, visit, SINGLE),
        "api/post-visit-duplicate": request("POST", events, resent(visit), SINGLE),
        "api/post-adverse-event": request("POST", events, adverse_event, SINGLE),
        "api/post-adverse-event-correction": request("POST", events, closed(adverse_event), SINGLE),
        "api/post-batch": request("POST", events, f"[{','.join(lines[:20])}]", BATCH),
        "api/post-treatment-event": request(
            "POST", f"{study}/treatment-events", first(lines, "dose.administered"), SINGLE
        ),
        "api/post-unreadable": request("POST", events, broken, SINGLE),
        "api/get-summary": request("GET", f"{study}/summary"),
        "api/get-consort-svg": request("GET", f"{study}/consort", accept="image/svg+xml"),
        "api/get-tables": request("GET", f"{study}/tables"),
        "api/get-table": request("GET", f"{study}/tables/14.2.1"),
        "api/get-quarantine": request("GET", f"{study}/quarantine"),
        "api/get-quarantine-of-no-study": request("GET", "/quarantine"),
        "api/get-discrepancies": request("GET", f"{study}/discrepancies"),
        "api/post-report": request(
            "POST", f"{study}/reports", '{"reason": "Data monitoring"}', "application/json"
        ),
        "api/post-audit": request("POST", f"{study}/audit"),
        "api/get-reports": request("GET", f"{study}/reports"),
        "api/get-changes": request(
            "GET", f"{study}/reports/{REPORTS[1]}/changes-since/{REPORTS[0]}"
        ),
        "api/get-history": request("GET", f"{study}/subjects/{subject}/history"),
        "api/post-erase": request(
            "POST",
            f"{study}/subjects/{subject}/erase",
            '{"reason": "The subject asked for it"}',
            "application/json",
        ),
        "api/post-retire": request(
            "POST", f"{study}/retire", '{"reason": "The study is closed"}', "application/json"
        ),
        "api/delete-study": request(
            "DELETE", study, '{"reason": "Its retention is over"}', "application/json"
        ),
    }


def ingest(lines: list[str]) -> dict[str, Any]:
    """Make batches of the queue."""
    visit, adverse_event = first(lines, FIRST_VISIT), first(lines, FIRST_EVENT)
    return {
        "ingest/visit": queued(visit),
        "ingest/adverse-event": queued(adverse_event),
        "ingest/correction": queued(adverse_event, closed(adverse_event)),
        "ingest/duplicate": queued(visit, resent(visit)),
        "ingest/batch": queued(*lines[:20]),
        "ingest/history-and-medication": queued(*of_further_kinds(adverse_event)),
        "ingest/unreadable": queued(visit[: len(visit) // 2], adverse_event),
    }


def publish() -> dict[str, Any]:
    """Make batches of the table's stream, the call of the schedule, and a step of a run."""
    return {
        "publish/subject-changed": streamed((f"STUDY#{STUDY}#0", "SUBJECT#TMB301-007")),
        "publish/sweep": {},
        "publish/report-requested": streamed((f"STUDY#{STUDY}", f"REPORT#{REPORTS[0]}")),
        "publish/step": {"study": STUDY, "run": RUN, "task": "blocks", "shard": 0},
    }


def audit() -> dict[str, Any]:
    """Make what calls for an audit: the schedule, an amendment, a request, a step of a run."""
    return {
        "audit/nightly": {},
        "audit/definition-changed": streamed((f"STUDY#{STUDY}", "CURRENT")),
        "audit/asked-for": streamed((f"STUDY#{STUDY}", "AUDIT#" + "0" * 32)),
        "audit/step": {"study": STUDY, "run": RUN, "task": "audit", "shard": 0},
    }


def of_further_kinds(line: str) -> list[str]:
    """Make an event of each kind that the feed has none of, from the examples of the contract."""
    examples = HERE.parent / "infrastructure" / "local" / "contract" / "events.yaml"
    data_by_kind = yaml.load(examples.read_text(), text_loader())  # noqa: S506 (a safe loader)
    events = []
    for kind, record in FURTHER_KINDS.items():
        event = json.loads(line) | {
            "id": identifier(kind),
            "type": f"org.livetlf.{kind}.v1",
            "time": "2016-12-01T00:00:00Z",
        }
        data = {name: value for name, value in data_by_kind[kind].items() if name != "visit"}
        event["data"] = {"record": record, "revision": 1, **data}
        events.append(json.dumps(event, separators=(",", ":")))
    return events


def first(lines: list[str], kind: str) -> str:
    """Find the feed's first event of a kind, at its first revision."""
    return next(line for line in lines if f".{kind}.v1" in line and '"revision":1' in line)


def resent(line: str) -> str:
    """Send an event again as another system would: new id, new time, keys in another order."""
    event = json.loads(line)
    event |= {"id": identifier(line), "time": "2016-12-01T00:00:00Z"}
    event["data"] = dict(reversed(event["data"].items()))
    return json.dumps(event, separators=(",", ":"))


def closed(line: str) -> str:
    """Close an open adverse event by its next revision."""
    event = json.loads(line)
    event |= {"id": identifier(line + "closed"), "time": "2016-12-01T00:00:00Z"}
    event["data"] |= {
        "revision": 9,
        "reason_for_change": "Event ended",
        "end": "2016-11-30",
        "outcome": "RECOVERED/RESOLVED",
    }
    return json.dumps(event, separators=(",", ":"))


def identifier(text: str) -> str:
    """Derive an id that is the same each time this runs."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def definition() -> str:
    """Read the study's definition as the JSON that is put."""
    text = (HERE / "tmb-301" / "definition.yaml").read_text()
    return json.dumps(yaml.load(text, text_loader()), ensure_ascii=False)  # noqa: S506 (a safe loader)


def text_loader() -> type[yaml.SafeLoader]:
    """Return a loader of YAML for which dates are text."""
    loader = type("Loader", (yaml.SafeLoader,), {})
    loader.yaml_implicit_resolvers = {
        start: [each for each in resolvers if each[0] != "tag:yaml.org,2002:timestamp"]
        for start, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    return loader


def request(
    method: str, path: str, body: str | None = None, content_type: str = "", accept: str = "*/*"
) -> dict[str, Any]:
    """Make what a REST API hands over for one request."""
    headers = {"Accept": accept} | ({"Content-Type": content_type} if content_type else {})
    resource, parts = described(path)
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": parts,
        "stageVariables": None,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "local",
            "stage": "v1",
            "httpMethod": method,
            "path": f"/v1{path}",
            "resourcePath": resource,
            "requestId": "00000000-0000-0000-0000-000000000000",
            "identity": {"userArn": CALLER, "caller": CALLER, "sourceIp": "192.0.2.1"},
        },
        "body": body,
        "isBase64Encoded": False,
    }


def described(path: str) -> tuple[str, dict[str, str]]:
    """Find a path's route in the template, and what its open parts stand for."""
    template = (HERE.parent / "template.yaml").read_text()
    for route in sorted(
        set(re.findall(r'Path: "([^"]+)"', template)), key=lambda it: it.count("{")
    ):
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route)
        if found := re.fullmatch(pattern, path):
            return route, found.groupdict()
    raise ValueError(f"no route is described for {path}")


def queued(*bodies: str) -> dict[str, Any]:
    """Make a batch of SQS messages."""
    return {
        "Records": [
            {
                "messageId": f"00000000-0000-0000-0000-{i:012d}",
                "receiptHandle": "local",
                "body": body,
                "attributes": {"SenderId": CALLER, "ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:livetlf",
                "awsRegion": "us-east-1",
            }
            for i, body in enumerate(bodies, 1)
        ]
    }


def streamed(*keys: tuple[str, str]) -> dict[str, Any]:
    """Make a batch of a DynamoDB stream that carries keys only."""
    return {
        "Records": [
            {
                "eventID": f"{i}",
                "eventName": "MODIFY",
                "eventVersion": "1.1",
                "eventSource": "aws:dynamodb",
                "awsRegion": "us-east-1",
                "dynamodb": {
                    "Keys": {"PK": {"S": partition}, "SK": {"S": sort}},
                    "SequenceNumber": f"{i}",
                    "StreamViewType": "KEYS_ONLY",
                },
                "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/livetlf/stream/1",
            }
            for i, (partition, sort) in enumerate(keys, 1)
        ]
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
