"""The handlers as Lambda's runtime calls them, before DynamoDB in memory."""

import contextlib
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from doubles import MemoryClient
from invoking import Context, forget, queued, request

import wiring
from trial.events import envelope, json_body
from trial.store.submissions import Submissions
from trial.store.table import Table

SUBMISSIONS = "submissions"
LAMBDA_BYTES = 6 * 1024 * 1024


class Road:
    """The handlers before a table in memory, and what became of each body."""

    def __init__(self, handlers: dict[str, ModuleType], patch: pytest.MonkeyPatch) -> None:
        self.handlers = handlers
        self.counts: Counter[str] = Counter()
        self.patch = patch
        self.sent: list[str] = []

    def open(self, definitions: list[Any]) -> None:
        """Begin a new table with its studies."""
        self.client = MemoryClient(page=100)
        table = Table(self.client, "t")
        self.patch.setattr(wiring, "table", lambda: table)
        forget()
        submissions = Submissions(table, self.sent.append, wiring.now)
        self.patch.setattr(wiring, "submissions", lambda: submissions)
        self.patch.setattr(wiring, "submission_queue_name", lambda: SUBMISSIONS)
        for definition in definitions:
            path = f"/studies/{definition['study']}/definition"
            answer = request("PUT", path, definition, {"Content-Type": "application/json"})
            assert self.api(answer)["statusCode"] == 201

    def api(self, event: dict[str, Any]) -> Any:
        return self._invoked("api", event)

    def settle(self) -> None:
        """Deliver word of what was submitted, as the queue of it does."""
        event = queued(*self.sent)
        for record in event["Records"]:
            record["eventSourceARN"] = f"arn:aws:sqs:us-east-1:123456789012:{SUBMISSIONS}"
        if self.sent:
            assert self._invoked("ingest", event) == {"batchItemFailures": []}
        self.sent.clear()

    def queue(self, *bodies: str) -> list[str]:
        answer = self._invoked("ingest", queued(*bodies))
        return [item["itemIdentifier"] for item in answer["batchItemFailures"]]

    def get(self, path: str) -> Any:
        answer = self.api(request("GET", path))
        assert answer["statusCode"] == 200, (path, answer["body"][:300])
        return json.loads(answer["body"])

    def _invoked(self, name: str, event: dict[str, Any]) -> Any:
        """Call a handler with what its runtime reads, and write its answer as that does."""
        marshalled = json.loads(json.dumps(event))
        with contextlib.redirect_stdout(io.StringIO()):
            answer = self.handlers[name].handler(marshalled, Context())
        assert len(json.dumps(answer, ensure_ascii=False).encode()) < LAMBDA_BYTES
        return answer

    @property
    def keys(self) -> dict[tuple[str, str], Any]:
        return self.client.tables["t"]

    def kept(self, body: bytes, study: str) -> bool:
        """Say whether a body is quarantined under a study, or under none."""
        digest = hashlib.sha256(body).hexdigest()
        partitions = (f"STUDY#{item}#ASIDE" for item in (study, "unknown-study"))
        return any((partition, digest) in self.keys for partition in partitions)

    def submitted(self, body: bytes, study: str) -> bool:
        """Say whether a body was submitted as a treatment event, and settled."""
        self.settle()
        digest = {"S": hashlib.sha256(body).hexdigest()}
        partition = f"STUDY#{study}#SUBMITTED"
        items = (item for (result, _), item in self.keys.items() if result == partition)
        return any(item["sha256"] == digest and "verdict" in item for item in items)

    def recorded(self, body: bytes, study: str) -> bool:
        """Say whether what a body says is in the journal."""
        event = json_body.read_json(body)
        data, kind = event["data"], envelope.kind_of(event["type"])
        revision = f"{kind}#{data['record']}#{int(data['revision'])}"
        return (f"STUDY#{study}#JOURNAL#{event['subject']}", revision) in self.keys


def pages(road: Road, path: str | None, rows: str) -> Iterator[Any]:
    """Follow an answer from page to page, and give its rows."""
    while path:
        answer = road.get(path)
        yield from answer[rows]
        path = answer["next"]
