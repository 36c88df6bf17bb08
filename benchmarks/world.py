"""What the benchmarks work on: TMB-301's definition and feed, and a DynamoDB over HTTP.

`server` speaks DynamoDB's JSON in a process of its own, so that only the client's side of a call
is measured; behind it stands the double that the store's contract tests hold against ministack.
"""

import json
import multiprocessing
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
from botocore.exceptions import ClientError
from doubles import Clock, MemoryClient

import wiring
from benchmarks import ROOT
from local.feed import read_definition
from trial.commands import intake
from trial.commands.intake_context import Channel, IntakeContext
from trial.definition import study as studies
from trial.definition.study import Study
from trial.events import envelope, json_body
from trial.events.envelope import Entry
from trial.store import Receipt, Store
from trial.store.senders import Senders
from trial.store.submissions import Submissions
from trial.store.table import Meter, Table
from trial.tables.compiled import contribute

TMB301 = ROOT / "events" / "tmb-301"
TABLE = "benchmark"


@cache
def definition(shards: int | None = None) -> str:
    """Give TMB-301's definition as JSON, with another number of shards if one is named."""
    document = read_definition(TMB301 / "definition.yaml")
    return json.dumps(document | ({"shards": shards} if shards else {}))


@cache
def study(shards: int | None = None) -> Study:
    """Give TMB-301's definition ready for use."""
    return studies.load(definition(shards))


@cache
def bodies() -> tuple[str, ...]:
    """Give the feed's events as posted, in the order of their times."""
    return tuple((TMB301 / "feed.ndjson").read_text(encoding="utf-8").splitlines())


def read(body: str) -> Entry:
    """Read an event of TMB-301."""
    return envelope.parse(json_body.read_json(body), body, "TMB-301")


@cache
def entries() -> tuple[Entry, ...]:
    """Give the feed's events, read."""
    return tuple(map(read, bodies()))


def _told_nobody(_message: str) -> None:
    """Nothing here is blinded, so nothing is submitted."""


SENDER = "arn:aws:iam::000000000000:user/edc"


def take(store: Store, posted: Iterable[str], shards: int | None = None) -> None:
    """Take events in as the functions do, from their text to their answers.

    The study is the store's own: another object of the same definition would be compared with it.
    """
    read_as = [intake.PostedEvent(body, json_body.read_json(body)) for body in posted]
    answers = intake.take(_intake_context(store), store.study(study(shards).id), read_as)
    assert {answer.status for answer in answers} <= {200, 201}


@cache
def _intake_context(store: Store) -> IntakeContext:
    """Make it once, as a process of the functions does: who may post is then known."""
    table, now = store._table, store._now
    submissions = Submissions(table, _told_nobody, now)
    return IntakeContext(store, submissions, Senders(table, now), SENDER, Channel.QUEUE)


def receipts(feed: Iterable[Entry]) -> list[Receipt]:
    """Say that the benchmark sent these."""
    return [Receipt(entry, SENDER) for entry in feed]


def open_store(client: Any, meter: Meter | None = None, shards: int | None = None) -> Store:  # noqa: ANN401
    """Open a store on a table, and put TMB-301's definition into it."""
    opened = store(client, meter)
    opened.put_definition(study(shards), definition(shards))
    return opened


def store(client: Any, meter: Meter | None = None) -> Store:  # noqa: ANN401
    """Open a store on a table as it is."""
    clock = Clock()
    return Store(Table(client, TABLE, meter), contribute, clock, clock.pause)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    memory: MemoryClient
    wbufsize = -1
    disable_nagle_algorithm = True  # or the end of an answer waits for what was before it, 40 ms

    def do_POST(self) -> None:
        content_length = int(self.headers["Content-Length"])
        request = json.loads(self.rfile.read(content_length), object_hook=_with_bytes)
        operation = self.headers["X-Amz-Target"].partition(".")[2]
        status, answer = 200, _CALLS.get(operation, _unknown)
        try:
            content = answer(self.memory, request)
        except ClientError as error:
            status = 400
            content = {"__type": error.response["Error"]["Code"], "message": ""} | {
                name: item for name, item in error.response.items() if name == "CancellationReasons"
            }
        body = json.dumps(content, default=_in_base_64).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its parameter)
        """Say nothing."""


def _with_bytes(value: dict[str, Any]) -> dict[str, Any]:
    """Read a binary value as the double keeps it."""
    return {"B": b64decode(value["B"])} if value.keys() == {"B"} else value


def _in_base_64(binary: bytes) -> str:
    return b64encode(binary).decode()


def _unknown(_memory: MemoryClient, request: dict[str, Any]) -> Any:  # noqa: ANN401
    raise NotImplementedError(sorted(request))


_CALLS: dict[str, Callable[[MemoryClient, dict[str, Any]], Any]] = {
    "GetItem": lambda memory, request: memory.get_item(**request),
    "BatchGetItem": lambda memory, request: memory.batch_get_item(**request),
    "Query": lambda memory, request: memory.query(**request),
    "PutItem": lambda memory, request: memory.put_item(**request),
    "TransactGetItems": lambda memory, request: memory.transact_get_items(**request),
    "TransactWriteItems": lambda memory, request: memory.transact_write_items(**request),
}


def _serve(port: Any, make: Callable[[], MemoryClient]) -> None:  # noqa: ANN401 (a queue)
    _Handler.memory = make()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    port.put(server.server_address[1])
    server.serve_forever()


def server(memory: MemoryClient | None = None) -> AbstractContextManager[str]:
    """Serve a DynamoDB for as long as the block lasts: an empty one, or a copy of another."""
    return server_of(lambda: memory or MemoryClient())


@contextmanager
def server_of(make: Callable[[], MemoryClient], patience: float = 20) -> Iterator[str]:
    """Serve a DynamoDB that is made where it is served, within so many seconds."""
    context = multiprocessing.get_context("fork")
    port = context.Queue()
    process = context.Process(target=_serve, args=(port, make), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{port.get(timeout=patience)}"
    finally:
        process.terminate()
        process.join()


def client(endpoint: str) -> Any:  # noqa: ANN401 (botocore's class)
    """Make a client as a function does."""
    return wiring.client("dynamodb", wiring.CLIENT, **_account(endpoint))


def plain_client(endpoint: str) -> Any:  # noqa: ANN401 (botocore's class)
    """Make a client as anybody does."""
    return boto3.session.Session().client("dynamodb", **_account(endpoint))


def _account(endpoint: str) -> dict[str, Any]:
    return {
        "endpoint_url": endpoint,
        "region_name": "us-east-1",
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
    }
