"""From an event posted to the published document that contains it, beside a publication itself.

On the deployed template, the functions in processes of ministack's, which waits no batching window:
it hands the stream on at once, or when it next looks, within a second. On AWS the window is added,
and a burst makes one document a window at most. An event is in a document when the `heads.json`
that `latest.json` names counts it with its subject. What a publication takes by itself is measured
in this process, on the same table and bucket, part by part.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import wiring
from benchmarks import world
from benchmarks.rows import Measured
from local import emulator, stack
from local.client import Client
from local.feed import Line, Lines, read_definition
from local.replay import wait_until_published
from trial.events.blinding import OPEN
from trial.render.documents import render
from trial.reporting.document_writer import DocumentWriter
from trial.reporting.live.contents import ChangedRows, PiecesInUse, contents
from trial.reporting.signing import Signer
from trial.reporting.spool import Spool
from trial.store import Store
from trial.store.bucket.documents import Documents
from trial.store.table import Table
from trial.tables.compiled import contribute

STUDY = "TMB-301"
SINGLES, BURST = 5, 60
_UNTIL_PUBLISHED = 0.5
"""Seconds that may pass beyond the window."""
_LATEST = f"studies/{STUDY}/{OPEN}/latest.json"


@dataclass(frozen=True)
class Service:
    """A deployed stack that knows TMB-301, and the ways to look at it."""

    stack: stack.Stack
    client: Client
    s3: Any

    def post(self, line: Line) -> dict[str, Any]:
        """Post one event by itself."""
        (result,) = self.client.post_events(STUDY, [line])
        assert result.accepted, result.problem
        event: dict[str, Any] = json.loads(line.raw)
        return event

    def version(self, subject: str) -> int:
        """Say how many events of a subject the live documents contain."""
        latest = json.loads(
            self.s3.get_object(Bucket=self.stack.bucket, Key=_LATEST)["Body"].read()
        )
        heads = self.s3.get_object(
            Bucket=self.stack.bucket,
            Key=_LATEST.replace("latest.json", "audit/live/heads.json"),
            VersionId=latest["audit"]["heads.json"],
        )
        subjects = json.loads(heads["Body"].read())["subjects"]
        version: int = subjects.get(subject, {"version": 0})["version"]
        return version

    def publications(self) -> int:
        """Count the versions of `latest.json`: one a publication."""
        pages = self.s3.get_paginator("list_object_versions").paginate(
            Bucket=self.stack.bucket, Prefix=_LATEST
        )
        return sum(len(page.get("Versions", ())) for page in pages)


def _timed[T](work: Callable[[], T]) -> tuple[T, float]:
    began = time.perf_counter()
    return work(), time.perf_counter() - began


def parts(service: Service) -> dict[str, float]:
    """Say what a publication takes by itself, part by part; the best of three."""
    table = Table(world.client(service.stack.endpoint), service.stack.table)
    store = Store(table, contribute, wiring.now)
    documents = Documents(service.s3, service.stack.bucket)
    signer = Signer(service.stack.aws("kms"), service.stack.signing_key)
    writing = DocumentWriter(store, documents, signer, "benchmark")
    study = store.study(STUDY)
    pieces = documents.pieces(STUDY, OPEN)

    def once() -> dict[str, float]:
        with Spool() as spool:
            changes = ChangedRows(store, study, None, spool)
            _, read_seconds = _timed(lambda: changes.all_rows)
            in_use = PiecesInUse(pieces, "", spool)
            live, compute = _timed(lambda: contents(changes, study, in_use, None))
            assert live is not None
            files, rendered = _timed(
                lambda: [
                    replace(file, content=(b"".join(file.content),))
                    for file in render(live.report, study, "benchmark")
                ]
            )
            _, put_seconds = _timed(lambda: writing.write(study, "benchmark", files))
        return {"read": read_seconds, "compute": compute, "render": rendered, "put": put_seconds}

    return min((once() for _ in range(3)), key=lambda seconds_of: sum(seconds_of.values()))


def delays(service: Service, lines: list[Line]) -> list[tuple[float, float]]:
    """Post events one at a time; say when each was answered and when it was in a document."""
    pairs = []
    for line in lines:
        subject = json.loads(line.raw)["subject"]
        before, began = service.version(subject), time.perf_counter()
        service.post(line)
        answer_seconds = time.perf_counter() - began
        while service.version(subject) == before:
            time.sleep(0.02)
        pairs.append((answer_seconds, time.perf_counter() - began))
    return pairs


def burst(service: Service, lines: list[Line]) -> tuple[int, float]:
    """Post events one after the other; say how many documents came of them, in which time."""
    before, began = service.publications(), time.perf_counter()
    for line in lines:
        service.post(line)
    spent = time.perf_counter() - began
    wait_until_published(service.stack, STUDY)
    return service.publications() - before, spent


def _rows(service: Service, lines: list[Line]) -> list[Measured]:
    early, late = lines[: -SINGLES - BURST], lines[-SINGLES - BURST :]
    assert all(post_event.accepted for post_event in service.client.post_events(STUDY, early))
    wait_until_published(service.stack, STUDY)
    singles = delays(service, late[:SINGLES])
    answer_seconds, published = (
        sorted(delays_of)[SINGLES // 2] for delays_of in zip(*singles, strict=True)
    )
    documents, spent = burst(service, late[SINGLES:])
    stages = parts(service)
    itself = sum(stages.values())
    detail = ", ".join(f"{name} {seconds / itself:.0%}" for name, seconds in stages.items())
    median = f"{published:.1f} s and {1000 * answer_seconds:.0f} ms, medians of {SINGLES}"
    waits = sorted(until - answered for answered, until in singles)
    return [
        Measured("seconds from 201 to document, 40 subjects, no window", waits[SINGLES // 2],
                 _UNTIL_PUBLISHED, f"median of {SINGLES}; {waits[0]:.2f} to {waits[-1]:.2f}"),
        Measured("posting to document / posting to 201", published / answer_seconds, None, median),
        Measured("posting to document / publication itself", published / itself, None,
                 f"{1000 * itself:.0f} ms: {detail}"),
        Measured(f"documents per event of a burst of {BURST}", documents / BURST, None,
                 f"{documents} while it was posted, {spent / itself:.0f} times a publication"),
    ]  # fmt: skip


def measure(*, large: bool = False) -> list[Measured]:  # noqa: ARG001 (the same for both)
    """Deploy the template, post TMB-301 and time its last events."""
    template = stack.build()
    with emulator.running(f"bench-{os.getpid()}") as running:
        deployed = stack.deploy(template, running)
        client = Client(deployed.api_url)
        client.put_definition(STUDY, read_definition(world.TMB301 / "definition.yaml"))
        return _rows(Service(deployed, client, deployed.aws("s3")), _unrepeated())


def _unrepeated() -> list[Line]:
    """Give the feed without what it repeats: a repeat makes no document."""
    first: dict[tuple[Any, ...], Line] = {}
    for line in Lines(world.TMB301 / "feed.ndjson"):
        entry = world.read(line.raw.decode())
        first.setdefault((entry.subject, entry.kind, entry.record, entry.revision), line)
    return list(first.values())
