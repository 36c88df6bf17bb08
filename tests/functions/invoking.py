"""The three handlers in this process: what is handed to them and what they answer."""

import base64
import io
import json
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl

import contract
from botocore.exceptions import EndpointConnectionError

import wiring
from trial.events import blinding, envelope

EVENTS = Path(__file__).resolve().parents[2] / "events"
TEMPLATE = EVENTS.parent / "template.yaml"
STUDY = "TMB-301"
CALLER = "arn:aws:iam::123456789012:role/upstream"
SINGLE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
JSON_TYPE = "application/json"
PROBLEM = "application/problem+json"
CACHED = (
    wiring.settings, wiring.table, wiring.store, wiring.reports, wiring.documents, wiring.leases,
    wiring.audits, wiring.signer, wiring.submissions, wiring._queue, wiring.activities,
    wiring.senders, wiring.discrepancy_states, wiring.document_runs,
)  # fmt: skip


@dataclass(frozen=True)
class Context:
    """What Lambda tells a function about its invocation."""

    function_name: str = "livetlf"
    memory_limit_in_mb: int = 1024
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:livetlf"
    aws_request_id: str = "00000000-0000-0000-0000-000000000000"
    left: Callable[[], int] = lambda: 900_000

    def get_remaining_time_in_millis(self) -> int:
        return self.left()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def media_type(self) -> str:
        return self.headers["Content-Type"].split(";")[0]

    @property
    def pointers(self) -> list[str]:
        return [error["pointer"] for error in self.json.get("errors", [])]


@dataclass
class Service:
    """The handlers and what they keep."""

    handlers: dict[str, ModuleType]
    table: str
    bucket: str
    dynamodb: Any
    s3: Any
    sqs: Any
    submissions: str
    log: io.StringIO = field(default_factory=io.StringIO)
    streamed_versions: dict[tuple[str, str], str] = field(default_factory=dict)

    def invoke(self, function: str, event: dict[str, Any]) -> Any:
        with warnings.catch_warnings():  # powertools says so of every request that counts nothing
            warnings.filterwarnings("ignore", "No application metrics to publish")
            return self.handlers[function].handler(event, Context())

    def ask(self, event: dict[str, Any]) -> Answer:
        """Hand an API Gateway event to the API; demand an answer that its contract promises."""
        answer = self.invoke("api", event)
        json.dumps(answer)
        headers = {name: value for name, (value,) in answer["multiValueHeaders"].items()}
        body = answer["body"]
        if answer["isBase64Encoded"]:
            body = base64.b64decode(body).decode()
        route = event["httpMethod"], event["resource"]
        contract.check(*route, answer["statusCode"], headers, body)
        return Answer(answer["statusCode"], headers, body)

    def get(self, path: str, study: str = STUDY, accept: str = "*/*") -> Answer:
        return self.ask(request("GET", f"/studies/{study}/{path}", headers={"Accept": accept}))

    def post(self, body: Any, study: str = STUDY, content_type: str = SINGLE) -> Answer:
        path = f"/studies/{study}/events"
        return self.ask(request("POST", path, body, {"Content-Type": content_type}))

    def batch(self, *bodies: Any, study: str = STUDY) -> Answer:
        return self.post(f"[{','.join(map(as_text, bodies))}]", study, BATCH)

    def submit(self, body: Any, study: str = STUDY, content_type: str = SINGLE) -> Answer:
        """Post treatment events; they wait to be settled."""
        path = f"/studies/{study}/treatment-events"
        return self.ask(request("POST", path, body, {"Content-Type": content_type}))

    def record(self, body: Any, study: str = STUDY) -> Answer:
        """Post an event by whichever route takes it, and have it settled."""
        kind = envelope.kind_of(json.loads(as_text(body))["type"])
        if not (blinding.is_unblinding(kind) and wiring.store().study(study).definition.blinded):
            return self.post(body, study)
        answer = self.submit(body, study)
        assert self.settle() == []
        return answer

    def settle(self) -> list[str]:
        """Deliver word of what was submitted; give the ids of messages that come again."""
        parameters = dict[str, Any](QueueUrl=self.submissions, MaxNumberOfMessages=10)
        unfinished = []
        while messages := self.sqs.receive_message(**parameters).get("Messages"):
            arn = f"arn:aws:sqs:us-east-1:000000000000:{self.submissions.rpartition('/')[2]}"
            event = queued(*(message["Body"] for message in messages))
            for delivery in event["Records"]:
                delivery["eventSourceARN"] = arn
            failed = self.invoke("ingest", event)["batchItemFailures"]
            unfinished += [failure["itemIdentifier"] for failure in failed]
            for delivery in messages:
                self.sqs.delete_message(
                    QueueUrl=self.submissions, ReceiptHandle=delivery["ReceiptHandle"]
                )
        return unfinished

    def report(self, body: str = "", study: str = STUDY) -> Answer:
        return self.ask(request("POST", f"/studies/{study}/reports", body))

    def made(self, study: str = STUDY, **options: str) -> dict[str, Any]:
        """Ask for a report, have it made, and give its row."""
        answer = self.report(json.dumps(options), study)
        assert answer.status == 202, answer.text
        name = answer.json["report"]
        self.stream((f"STUDY#{study}", f"REPORT#{name}"))
        row: dict[str, Any] = self.get(f"reports/{name}", study).json
        assert row["status"] == "ready"
        return row

    def fetched(
        self, row: dict[str, Any], study: str = STUDY, prefix: str = ""
    ) -> dict[str, bytes]:
        """Fetch all that a reader may have of a report; `seen` is the start of the path."""
        files = {}
        for name in row["files"]:
            answer = self.get(f"{prefix}reports/{row['id']}/{name}", study)
            if answer.status == 303:
                path = answer.headers["Location"].partition("?")[0]
                files[name] = self.object(path[path.index("studies/") :])
        return files

    def define(self, definition: dict[str, Any]) -> Answer:
        path = f"/studies/{definition['study']}/definition"
        return self.ask(request("PUT", path, definition, {"Content-Type": "application/json"}))

    def queue(self, *bodies: Any) -> list[str]:
        """Deliver messages; give the ids of those that the queue must deliver again."""
        answer = self.invoke("ingest", queued(*bodies))
        assert answer.keys() == {"batchItemFailures"}
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def stream(self, *keys: tuple[str, str]) -> Any:
        """Tell Publish of items that changed, and of the subjects that did since the last time."""
        versions = self._subject_versions()
        changed = [
            key for key, version in versions.items() if self.streamed_versions.get(key) != version
        ]
        answer = self.invoke("publish", streamed(*dict.fromkeys((*keys, *changed))))
        self.streamed_versions = versions  # what fails comes again
        return answer

    def _subject_versions(self) -> dict[tuple[str, str], str]:
        pages = self.dynamodb.get_paginator("scan").paginate(
            TableName=self.table,
            ConsistentRead=True,
            FilterExpression="begins_with(SK, :subject) AND attribute_exists(version)",
            ExpressionAttributeValues={":subject": {"S": "SUBJECT#"}},
            ProjectionExpression="PK, SK, version",
        )
        return {
            (item["PK"]["S"], item["SK"]["S"]): item["version"]["N"]
            for page in pages
            for item in page["Items"]
        }

    def quarantined(self, study: str = STUDY) -> list[dict[str, Any]]:
        listing = self.get("quarantine", study).json
        assert listing["count"] == len(listing["quarantined"])
        rows: list[dict[str, Any]] = listing["quarantined"]
        return rows

    def items(self, *suffixes: str) -> dict[tuple[str, str], Any]:
        """Read the whole table, but for sort keys that start or partitions that end so."""
        pages = self.dynamodb.get_paginator("scan").paginate(
            TableName=self.table, ConsistentRead=True
        )
        items = {(i["PK"]["S"], i["SK"]["S"]): i for page in pages for i in page["Items"]}
        return {
            key: item
            for key, item in items.items()
            if not any(key[0].endswith(suffix) or key[1].startswith(suffix) for suffix in suffixes)
        }

    def object(self, key: str) -> bytes:
        content: bytes = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return content

    def versions(self, prefix: str = "") -> set[tuple[str, str]]:
        versions_listed = self.s3.list_object_versions(Bucket=self.bucket, Prefix=prefix)
        return {
            (version["Key"], version["VersionId"])
            for version in versions_listed.get("Versions", [])
        }


def request(
    method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """Make what a REST API hands over; bytes come in base 64."""
    headers = headers or {}
    path, _, query = path.partition("?")
    resource, parts = described(path)
    parameters = dict(parse_qsl(query)) or None
    encoded = isinstance(body, bytes)
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": parameters,
        "multiValueQueryStringParameters": None,
        "pathParameters": parts or None,
        "stageVariables": None,
        "requestContext": {"identity": {"userArn": CALLER, "caller": CALLER}, "stage": "v1"},
        "body": base64.b64encode(body).decode() if encoded else as_text(body),
        "isBase64Encoded": encoded,
    }


def described(path: str) -> tuple[str, dict[str, str]]:
    """Find a path's route in the template as API Gateway does; the path itself if there is none."""
    routes = set(re.findall(r'Path: "([^"]+)"', TEMPLATE.read_text(encoding="utf-8")))
    for route in sorted(routes, key=lambda route_text: route_text.count("{")):
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route)
        if match := re.fullmatch(pattern, path.rstrip("/")):
            return route, match.groupdict()
    return path, {}


def queued(*bodies: Any) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": f"message-{number}",
                "body": as_text(body),
                "attributes": {"SenderId": CALLER, "ApproximateReceiveCount": "1"},
                "eventSource": "aws:sqs",
            }
            for number, body in enumerate(bodies, 1)
        ]
    }


def streamed(*keys: tuple[str, str]) -> dict[str, Any]:
    return {
        "Records": [
            {
                "eventName": "MODIFY",
                "eventSource": "aws:dynamodb",
                "dynamodb": {
                    "Keys": {"PK": {"S": partition}, "SK": {"S": sort}},
                    "SequenceNumber": str(number),
                },
            }
            for number, (partition, sort) in enumerate(keys, 101)
        ]
    }


def as_text(body: Any) -> Any:
    return body if isinstance(body, str) or body is None else json.dumps(body)


class Failing:
    """A client that cannot reach the service for the calls that `when` names."""

    def __init__(self, client: Any, when: Callable[[str, str], bool]) -> None:
        self._client = client
        self._when = when

    def __getattr__(self, name: str) -> Any:
        def call(**parameters: Any) -> Any:
            if self._when(name, str(parameters)):
                raise EndpointConnectionError(endpoint_url="dynamodb")
            return getattr(self._client, name)(**parameters)

        return call


def unreachable(service: Service, when: Callable[[str, str], bool]) -> None:
    """Let calls of the table fail, for as long as this process keeps its client; wait for none."""
    wiring.table()._client = Failing(service.dynamodb, when)
    wiring.store()._pause = lambda _seconds: None


def forget() -> None:
    """Start as a new process would: with no client, no store and no definition in hand."""
    for cache in CACHED:
        cache.cache_clear()
