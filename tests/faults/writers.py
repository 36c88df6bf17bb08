"""A writer in a process of its own: it sends its events until each is answered, and says so.

What it has been answered stands in a file, a line an event, written after every call. Killed at
any point and started again it goes on with the events that have no answer there: as a queue would
deliver them again. At which write it is killed is part of what it is told to do.
"""

import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import clients
import feeds
from botocore.exceptions import ClientError

from trial.definition.study import load
from trial.errors import Rejected, Unavailable
from trial.events import envelope, json_body
from trial.events.envelope import Entry
from trial.store.rows import Receipt
from trial.subject.acceptance import check_acceptable
from trial.subject.fold import Outcome

_BATCHES = (1, 1, 1, 2, 7, 25, 50)

SHARDS = {"EIGHT-SHARDS": 8, "ONE-SHARD": 1, "ONE-SUBJECT": 1}
"""The studies written to, and how many shards each has."""

# Made once, before the processes are: forking copies them, and what boto3 reads from many files.
STUDIES = {name: load(feeds.definition(name, shards)) for name, shards in SHARDS.items()}
clients.dynamodb("http://127.0.0.1:1", clients.TIME_OUT)
clients.patient("s3", "http://127.0.0.1:1")


BEFORE, DURING, AFTER, ANSWERING = MOMENTS = ("before", "during", "after", "answering")


@dataclass(frozen=True)
class Death:
    """Which of its writes a process does not outlive, and what of that write is still done."""

    write: int
    moment: str


@dataclass(frozen=True)
class Assignment:
    """What a writer is to do; the lines of `events` are sent in an order of its own.

    `deaths` are those of its first lives; after them it lives until it is done.
    """

    endpoint: str
    table: str
    events: Path
    answers: Path
    seed: int
    deaths: tuple[Death, ...] = ()


class Mortal:
    """A client whose process is killed at one of its writes."""

    def __init__(self, client: Any, death: Death | None) -> None:
        self._client, self._death, self._writes = client, death, 0
        self.dies_answering = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def transact_write_items(self, **request: Any) -> Any:
        self._writes += 1
        moment = ""
        if self._death is not None and self._writes == self._death.write:
            moment = self._death.moment
        if moment == BEFORE:
            end()
        if moment == DURING:
            threading.Timer(0.004, end).start()
        try:
            return self._client.transact_write_items(**request)
        finally:
            if moment == AFTER:
                end()
            self.dies_answering = self.dies_answering or moment == ANSWERING


def end() -> NoReturn:
    """End this process as nothing can be done about."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


@dataclass(frozen=True)
class Answered:
    """What became of one event of one writer."""

    line: int
    status: int
    key: tuple[str, str, str, str, int]
    digest: str


def write(assignment: Assignment, life: int) -> None:
    """Send what has no answer yet, one by one and in batches, until everything has one."""
    sys.stderr = assignment.answers.with_suffix(".errors").open("a", encoding="utf-8")
    entries = _entries(assignment.events)
    for answer in read_answers(assignment.answers):
        entries.pop(answer.line, None)
    rng = random.Random(f"{assignment.seed} {len(entries)}")  # noqa: S311 (an order)
    items = list(entries)
    rng.shuffle(items)
    death = assignment.deaths[life] if life < len(assignment.deaths) else None
    client = Mortal(clients.dynamodb(assignment.endpoint, clients.TIME_OUT), death)
    store = clients.store(client, assignment.table)
    with assignment.answers.open("a", encoding="utf-8") as answers:
        answers.write("\n")  # a killed writer may have left half a line
        while items:
            study = STUDIES[entries[items[-1]].study]
            of_study = [line for line in items if entries[line].study == study.id]
            batch = of_study[-rng.choice(_BATCHES) :]
            outcome = set(batch)
            items = [line for line in items if line not in outcome]
            receipts = [Receipt(entries[line], f"writer-{assignment.seed}") for line in batch]
            try:
                results = store.record(study, receipts)
            except Unavailable:  # not even the definition could be read: the API answers 503
                items[:0] = batch
                continue
            for line, result in zip(batch, results, strict=True):
                if (status := _status(result.outcome)) == Unavailable.STATUS:
                    items.insert(0, line)
                answers.write(json.dumps([line, status, *_identity(entries[line])]) + "\n")
                if client.dies_answering:
                    answers.write("[7, 20")
                    answers.flush()
                    end()
            answers.flush()


def _entries(path: Path) -> dict[int, Entry]:
    entries = {}
    for number, body in enumerate(path.read_text(encoding="utf-8").splitlines()):
        entry = envelope.parse(json_body.read_json(body), body)
        check_acceptable(STUDIES[entry.study], entry)
        entries[number] = entry
    return entries


def _identity(entry: Entry) -> list[Any]:
    return [
        entry.study, entry.subject, entry.kind, entry.record, entry.revision, entry.digest.hex()
    ]  # fmt: skip


def _status(outcome: Outcome | Rejected | Unavailable) -> int:
    match outcome:
        case Outcome():
            return outcome.value
        case Rejected():
            return outcome.status
        case _:
            return outcome.STATUS


def read_answers(path: Path) -> Iterator[Answered]:
    """Read the answers that settle an event; half a line is none."""
    for line in _lines(path):
        if line.status != Unavailable.STATUS:
            yield line


def unavailable(path: Path) -> int:
    """Count the times a writer was told to send again."""
    return sum(line.status == Unavailable.STATUS for line in _lines(path))


def _lines(path: Path) -> Iterator[Answered]:
    if not path.exists():
        return
    for text in path.read_text(encoding="utf-8").split("\n"):
        try:
            line, status, study, subject, kind, record, revision, digest = json.loads(text)
        except ValueError:
            continue
        yield Answered(line, status, (study, subject, kind, record, revision), digest)


@dataclass(frozen=True)
class Press:
    """What a publisher is to do: publish a study again and again until `stop` is there."""

    endpoint: str
    table: str
    bucket: str
    study: str
    stop: Path
    log: Path
    pause: float


def publish(press: Press) -> None:
    """Publish as the function does; what fails is tried again, as the stream would."""
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    from trial.reporting.document_writer import DocumentWriter  # noqa: PLC0415
    from trial.reporting.live import publishing as live  # noqa: PLC0415
    from trial.store.bucket.documents import Documents  # noqa: PLC0415

    study = STUDIES[press.study]
    store = clients.store(clients.patient("dynamodb", press.endpoint), press.table)
    documents = Documents(clients.patient("s3", press.endpoint), press.bucket)
    writing = DocumentWriter(store, documents, clients.signer(press.endpoint), "test")
    exists = False
    with press.log.open("a", encoding="utf-8") as log:
        while not exists:
            exists = press.stop.exists()
            try:
                cut = live.publish(writing, study).cut
            except (Unavailable, ClientError, BotoCoreError) as error:
                exists = False
                log.write(f"failed {type(error).__name__}\n")
            else:
                log.write(f"published {cut.accepted if cut else '-'}\n")
            log.flush()
            time.sleep(press.pause)
