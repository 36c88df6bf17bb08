"""Sixteen processes write through every fault, are killed and go on; what is left is exact.

Each is killed twice, at a write and a moment of it that the seed decides; nothing waits for a
time to pass. What the processes do to each other differs from run to run, as it does in life.

On three studies at once: one of eight shards, one of a single shard, one with a single subject.
Beside them a publisher makes documents of what it meets. Afterwards the tables are computed again
from nothing but the events that were sent, and every document from its own listings.

A run has about 3,000 events; `make soak` repeats it with new seeds up to 100,000.
"""

import json
import multiprocessing
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import connection, forkserver
from pathlib import Path
from typing import Any

import clients
import feeds
import proxy as faults
import pytest
import recount
import soak
import writers
from bench import create_table
from counted import check_sums

from local.emulator import Emulator
from trial.definition.study import Study
from trial.events import envelope, json_body
from trial.events.blinding import OPEN
from trial.events.envelope import Entry
from trial.reporting import report
from trial.statistics import cells
from trial.store import Store, verify
from trial.store.rows import JournalRow
from trial.subject.fold import fold_all
from trial.tables.compiled import audience_share

WRITERS = 16
LIVES = 3
EVENTS = soak.size(3_000, 100_000)
SEED = soak.seed(f"{EVENTS:,} events of {WRITERS} writers")
ONE_SHARD, ONE_SUBJECT = 400, 300
PUBLISHED = "EIGHT-SHARDS"
_ENDS_WITHIN = 600.0

WRITE = {"operation": "TransactWriteItems"}
CHAOS: list[faults.Rule] = [
    WRITE | faults.LOST_ANSWER | {"probability": 0.04},
    WRITE | faults.RESET | {"probability": 0.02},
    WRITE | faults.late(clients.TIME_OUT) | {"probability": 0.01},
    WRITE | faults.TIME_OUT | {"probability": 0.01},
    WRITE | faults.SERVER_ERROR | {"probability": 0.02},
    WRITE | faults.THROTTLED | {"probability": 0.02},
    WRITE | faults.CONFLICT | {"probability": 0.01},
    WRITE | faults.IN_PROGRESS | {"probability": 0.01},
    WRITE | faults.cancelled("TransactionConflict") | {"probability": 0.04},
    WRITE | faults.cancelled("None", "ThrottlingError") | {"probability": 0.01},
    WRITE | faults.cancelled("ProvisionedThroughputExceeded") | {"probability": 0.01},
    faults.RESET | {"probability": 0.01},
    faults.UNAVAILABLE | {"probability": 0.01},
    faults.EXCEEDED | {"probability": 0.02},
    {"service": "s3", "probability": 0.03} | faults.SLOW_DOWN,
    {"service": "s3", "probability": 0.02} | faults.LOST_ANSWER,
]

type Key = tuple[str, str, str, str, int]


@dataclass
class Writer:
    """A writer's assignment and the process that is at it, in one of its lives."""

    assignment: writers.Assignment
    process: Any
    life: int = 0


@dataclass
class World:
    """One round: its studies, what was sent, and who is at work."""

    table: str
    endpoint: str
    direct: str
    folder: Path
    rng: random.Random
    sent_entries: dict[Key, dict[str, Entry]] = field(default_factory=dict)
    """Every content sent of every revision, by its digest."""

    @property
    def store(self) -> Store:
        return clients.store(clients.patient("dynamodb", self.direct), self.table)


_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["writers"])


@pytest.fixture(scope="module", autouse=True)
def ready() -> None:
    """Start what processes are forked from, with all they import: each would take seconds.

    It does not take over this process's path by itself, and imports nothing without saying so.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        forkserver.ensure_running()


def test_nothing_is_lost_and_nothing_doubled(local_emulator: Emulator, tmp_path: Path) -> None:
    accepted, number, total = 0, 0, Counter[str]()
    began = time.monotonic()
    while accepted < EVENTS:
        folder = tmp_path / str(number)
        folder.mkdir()
        with faults.running(local_emulator.endpoint) as proxy:
            world = open_world(local_emulator.endpoint, proxy, folder, SEED + number)
            run(world, proxy, total)
        accepted += check(world, total)
        total["documents"] += check_documents(world, total)
        number += 1
        seconds = time.monotonic() - began
        soak.progress(f"{accepted:,} of {EVENTS:,} events, {seconds:.0f} s, {dict(total)}")
    soak.note(f"{accepted:,} events accepted in {number} rounds: {dict(total)}")


def open_world(direct: str, proxy: faults.Proxy, folder: Path, seed: int) -> World:
    """Make a table, a bucket, three studies, and hand their events out to the writers."""
    proxy.set()
    name = f"chaos-{seed}"
    world = World(name, proxy.endpoint, direct, folder, random.Random(seed))  # noqa: S311 (a seed)
    create_table(clients.patient("dynamodb", proxy.endpoint), name)
    s3 = clients.patient("s3", proxy.endpoint)
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    sent_events = {
        "EIGHT-SHARDS": feeds.feed("EIGHT-SHARDS"),
        "ONE-SHARD": feeds.feed("ONE-SHARD")[:ONE_SHARD],
        "ONE-SUBJECT": feeds.one_subject("ONE-SUBJECT", ONE_SUBJECT),
    }
    all_events: list[feeds.Event] = []
    for study, shards in writers.SHARDS.items():
        world.store.put_definition(writers.STUDIES[study], feeds.definition(study, shards))
        all_events += feeds.disturbed(sent_events[study], world.rng)
    world.rng.shuffle(all_events)
    hand_out(world, all_events)
    return world


def hand_out(world: World, all_events: list[feeds.Event]) -> None:
    """Write each writer's events to a file; one event in twenty goes to two of them."""
    lines: list[list[str]] = [[] for _ in range(WRITERS)]
    for i, event in enumerate(all_events):
        body = json.dumps(event)
        entry = envelope.parse(json_body.read_json(body), body)
        world.sent_entries.setdefault(key_of(entry), {}).setdefault(entry.digest.hex(), entry)
        lines[i % WRITERS].append(body)
        if world.rng.random() < 0.05:
            lines[world.rng.randrange(WRITERS)].append(body)
    for i, batch in enumerate(lines):
        (world.folder / f"{i}.ndjson").write_text("\n".join(batch), encoding="utf-8")


def key_of(entry: Entry | JournalRow) -> Key:
    return entry.study, entry.subject, entry.kind, entry.record, entry.revision


def run(world: World, proxy: faults.Proxy, total: Counter[str]) -> None:
    """Let the writers write and the publisher publish; kill writers, and start them again."""
    before = proxy.fired()
    proxy.set(*CHAOS)
    with publisher(world):
        crew = [start(world, i) for i in range(WRITERS)]
        try:
            oversee(world, crew)
        finally:
            for writer in crew:
                writer.process.kill()
                writer.process.join()
        total["kills"] += sum(writer.life for writer in crew)
        total["faults"] += proxy.fired() - before
        proxy.set()


def oversee(world: World, crew: list[Writer]) -> None:
    """Start again whoever was killed, until all have come to their end."""
    deadline = time.monotonic() + _ENDS_WITHIN
    at_work = {writer.process.sentinel: writer for writer in crew}
    while at_work:
        ended = connection.wait(list(at_work), deadline - time.monotonic())
        assert ended, "the writers do not come to an end"
        for writer in map(at_work.pop, ended):
            writer.process.join()
            if writer.process.exitcode != 0:
                errors = writer.assignment.answers.with_suffix(".errors")
                assert writer.process.exitcode == -signal.SIGKILL, errors.read_text(
                    encoding="utf-8"
                )
                writer.life += 1
                writer.process = process_of(writer.assignment, writer.life)
                at_work[writer.process.sentinel] = writer
    kills = sum(writer.life for writer in crew)
    assert kills > WRITERS, "the writers were done before they were killed"


def start(world: World, i: int) -> Writer:
    rng = world.rng
    assignment = writers.Assignment(
        world.endpoint,
        world.table,
        world.folder / f"{i}.ndjson",
        world.folder / f"{i}.answers",
        i,
        tuple(
            writers.Death(rng.randrange(1, 9), rng.choice(writers.MOMENTS))
            for _ in range(LIVES - 1)
        ),
    )
    return Writer(assignment, process_of(assignment, 0))


def process_of(assignment: writers.Assignment, life: int) -> Any:
    process = _CONTEXT.Process(target=writers.write, args=(assignment, life), daemon=True)
    process.start()
    return process


@contextmanager
def publisher(world: World) -> Iterator[None]:
    """Publish the first study for as long as the block lasts, and once more after it."""
    press = writers.Press(
        world.endpoint,
        world.table,
        world.table,
        PUBLISHED,
        world.folder / "stop",
        world.folder / "published",
        1.0,
    )
    process = _CONTEXT.Process(target=writers.publish, args=(press,), daemon=True)
    process.start()
    try:
        yield
        press.stop.touch()
        process.join(_ENDS_WITHIN)
        assert process.exitcode == 0
    finally:
        process.kill()
        process.join()


def check(world: World, total: Counter[str]) -> int:
    """Demand that exactly what was sent is counted; give the number of revisions accepted."""
    answers = [
        answer
        for i in range(WRITERS)
        for answer in writers.read_answers(world.folder / f"{i}.answers")
    ]
    journal: dict[Key, JournalRow] = {}
    for study in writers.STUDIES.values():
        journal |= check_study(world, study)
    assert journal.keys() == world.sent_entries.keys(), "an event is lost, or was never sent"
    check_answers(answers, journal)
    counted = Counter(answer.status for answer in answers)
    total.update({f"answers {status}": n for status, n in counted.items()})
    files = [world.folder / f"{i}.answers" for i in range(WRITERS)]
    total["answers 503"] += sum(map(writers.unavailable, files))
    return len(journal)


def check_answers(answers: list[writers.Answered], journal: dict[Key, JournalRow]) -> None:
    """Demand that every answer is true, and that no two claim to have recorded the same."""
    assert {answer.status for answer in answers} <= {200, 201, 409}
    recorded = Counter(answer.key for answer in answers if answer.status == 201)
    assert set(recorded.values()) <= {1}, "two answers claim to have recorded the same revision"
    for answer in answers:
        in_force = journal[answer.key].digest.hex()
        assert (in_force == answer.digest) == (answer.status != 409), answer


def check_study(world: World, study: Study) -> dict[Key, JournalRow]:
    """Compute a study's sums again from the events that were sent, one content a revision."""
    store = world.store
    rows: dict[Key, JournalRow] = {}
    shares = []
    for stored in store.subjects(study):
        journal = store.journal(study.id, stored.id)
        assert verify(journal, stored.head)
        assert stored.version == len(journal) == stored.subject.accepted
        stamps = [row.stamp for row in journal]
        assert stamps == sorted(set(stamps))
        entries = [world.sent_entries[key_of(row)][row.digest.hex()] for row in journal]
        world.rng.shuffle(entries)
        recomputed = fold_all(stored.id, entries)
        assert stored.subject == recomputed
        shares.append(report.contribute(study, recomputed))
        assert stored.share == shares[-1]
        rows |= {key_of(row): row for row in journal}
    assert store.sums(study) == audience_share(study, cells.total(shares))
    assert set(map(str, check_sums(store, study).values())) == {"{}"}
    return rows


def check_documents(world: World, total: Counter[str]) -> int:
    """Count every document published meanwhile again, from its own listings."""
    s3 = clients.patient("s3", world.direct)
    start = f"studies/{PUBLISHED}/{OPEN}"
    listed = s3.list_object_versions(Bucket=world.table, Prefix=f"{start}/latest.json")["Versions"]

    def get(name: str, version: str) -> bytes:
        answer = s3.get_object(Bucket=world.table, Key=f"{start}/{name}", VersionId=version)
        content: bytes = answer["Body"].read()
        return content

    latest = [json.loads(get("latest.json", version["VersionId"])) for version in listed]
    latest.sort(key=lambda cut: int(cut["events"]))
    for cut in latest:
        files = {name: get(f"live/{name}", version) for name, version in cut["files"].items()}
        numbers, problems = recount.differences(files)
        assert not problems, problems
        total["numbers recounted"] += numbers
        manifest = json.loads(files["manifest.json"])["cut"]
        heads = json.loads(get("audit/live/heads.json", cut["audit"]["heads.json"]))
        assert manifest["id"] == heads["cut"] == cut["cut"]
        versions = sum(subject["version"] for subject in heads["subjects"].values())
        assert manifest["accepted"] == versions == cut["events"]
    last = sum(subject.version for subject in world.store.subjects(writers.STUDIES[PUBLISHED]))
    assert latest[-1]["events"] == last
    return len(latest)
