"""Sixteen processes write through every fault, are killed and go on; what is left is exact.

On three studies at once: one of eight shards, one of a single shard, one with a single subject.
Beside them a publisher makes documents of what it meets. Afterwards the tables are computed again
from nothing but the events that were sent, and every document from its own listings.

A run has about 3,000 events; `make soak` repeats it with new seeds up to 100,000.
"""

import json
import multiprocessing
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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

from local.emulator import Emulator
from trial import cells, messages, report
from trial.messages import Entry
from trial.store import Store, verify
from trial.store.rows import JournalRow
from trial.study import Study, load
from trial.subject import gather

WRITERS = 16
EVENTS = soak.size(3_000, 100_000)
SEED = soak.seed(f"{EVENTS:,} events of {WRITERS} writers")
ONE_SHARD, ONE_SUBJECT = 400, 300
_ENDS_WITHIN = 600.0

WRITE = {"operation": "TransactWriteItems"}
CHAOS: list[faults.Rule] = [
    WRITE | faults.LOST_ANSWER | {"probability": 0.04},
    WRITE | faults.RESET | {"probability": 0.02},
    WRITE | faults.LATE | {"probability": 0.01},
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
    """A writer's assignment and the process that is at it."""

    assignment: writers.Assignment
    process: Any
    kills: int = 0


@dataclass
class World:
    """One round: its studies, what was sent, and who is at work."""

    table: str
    endpoint: str
    direct: str
    folder: Path
    rng: random.Random
    studies: list[Study] = field(default_factory=list)
    definitions: list[str] = field(default_factory=list)
    sent: dict[Key, dict[str, Entry]] = field(default_factory=dict)
    """Every content sent of every revision, by its digest."""

    @property
    def store(self) -> Store:
        return clients.store(clients.patient("dynamodb", self.direct), self.table)


_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["writers"])


@pytest.mark.skipif(
    bool(os.environ.get("CI")) and not soak.LONG,
    reason="sixteen writers killed at random: `make test` and `make soak` run it, CI does not",
)
def test_nothing_is_lost_and_nothing_doubled(local_emulator: Emulator, tmp_path: Path) -> None:
    accepted, number, total = 0, 0, Counter[str]()
    began = time.monotonic()
    with faults.running(local_emulator.endpoint) as proxy:
        while accepted < EVENTS:
            folder = tmp_path / str(number)
            folder.mkdir()
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
    sources = [
        (8, feeds.feed("EIGHT-SHARDS")),
        (1, feeds.feed("ONE-SHARD")[:ONE_SHARD]),
        (1, feeds.one_subject("ONE-SUBJECT", ONE_SUBJECT)),
    ]
    everything: list[feeds.Event] = []
    for shards, feed in sources:
        source = feeds.definition(feed[0]["study"], shards)
        world.definitions.append(source)
        world.studies.append(load(source))
        world.store.put_definition(world.studies[-1], source)
        everything += feeds.disturbed(feed, world.rng)
    world.rng.shuffle(everything)
    hand_out(world, everything)
    return world


def hand_out(world: World, everything: list[feeds.Event]) -> None:
    """Write each writer's events to a file; one event in twenty goes to two of them."""
    lines: list[list[str]] = [[] for _ in range(WRITERS)]
    for i, event in enumerate(everything):
        body = json.dumps(event)
        entry = messages.parse(messages.read_json(body), body)
        world.sent.setdefault(key_of(entry), {}).setdefault(entry.digest.hex(), entry)
        lines[i % WRITERS].append(body)
        if world.rng.random() < 0.05:
            lines[world.rng.randrange(WRITERS)].append(body)
    for i, each in enumerate(lines):
        (world.folder / f"{i}.ndjson").write_text("\n".join(each), encoding="utf-8")


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
            for each in crew:
                each.process.kill()
                each.process.join()
        total["kills"] += sum(each.kills for each in crew)
        total["faults"] += proxy.fired() - before
        proxy.set()


def oversee(world: World, crew: list[Writer]) -> None:
    deadline = time.monotonic() + _ENDS_WITHIN
    while alive := [each for each in crew if each.process.is_alive()]:
        assert time.monotonic() < deadline, "the writers do not come to an end"
        errors = [path.read_text(encoding="utf-8") for path in world.folder.glob("*.errors")]
        assert not any(errors), "\n".join(errors)
        time.sleep(world.rng.uniform(0.2, 1.0))
        victim = world.rng.choice(alive)
        if victim.process.is_alive() and victim.kills < 2:
            victim.process.kill()
            victim.process.join()
            if victim.process.exitcode != 0:  # it was not done a moment before
                victim.kills += 1
                victim.process = process_of(victim.assignment)
    assert [each.process.exitcode for each in crew] == [0] * WRITERS


def start(world: World, i: int) -> Writer:
    assignment = writers.Assignment(
        world.endpoint,
        world.table,
        tuple(world.definitions),
        world.folder / f"{i}.ndjson",
        world.folder / f"{i}.answers",
        i,
    )
    return Writer(assignment, process_of(assignment))


def process_of(assignment: writers.Assignment) -> Any:
    process = _CONTEXT.Process(target=writers.write, args=(assignment,), daemon=True)
    process.start()
    return process


@contextmanager
def publisher(world: World) -> Iterator[None]:
    """Publish the first study for as long as the block lasts, and once more after it."""
    press = writers.Press(
        world.endpoint,
        world.table,
        world.table,
        world.definitions[0],
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
        each for i in range(WRITERS) for each in writers.read_answers(world.folder / f"{i}.answers")
    ]
    journal: dict[Key, JournalRow] = {}
    for study in world.studies:
        journal |= check_study(world, study)
    assert journal.keys() == world.sent.keys(), "an event is lost, or was never sent"
    check_answers(answers, journal)
    counted = Counter(each.status for each in answers)
    total.update({f"answers {status}": n for status, n in counted.items()})
    files = [world.folder / f"{i}.answers" for i in range(WRITERS)]
    total["answers 503"] += sum(map(writers.unavailable, files))
    return len(journal)


def check_answers(answers: list[writers.Answered], journal: dict[Key, JournalRow]) -> None:
    """Demand that every answer is true, and that no two claim to have recorded the same."""
    assert {each.status for each in answers} <= {200, 201, 409}
    recorded = Counter(each.key for each in answers if each.status == 201)
    assert set(recorded.values()) <= {1}, "two answers claim to have recorded the same revision"
    for each in answers:
        in_force = journal[each.key].digest.hex()
        assert (in_force == each.digest) == (each.status != 409), each


def check_study(world: World, study: Study) -> dict[Key, JournalRow]:
    """Compute a study's sums again from the events that were sent, one content a revision."""
    store = world.store
    found: dict[Key, JournalRow] = {}
    shares = []
    for stored in store.subjects(study):
        journal = store.journal(study.id, stored.id)
        assert verify(journal, stored.head)
        assert stored.version == len(journal) == stored.subject.accepted
        stamps = [row.stamp for row in journal]
        assert stamps == sorted(set(stamps))
        entries = [world.sent[key_of(row)][row.digest.hex()] for row in journal]
        world.rng.shuffle(entries)
        recomputed = gather(stored.id, entries)
        assert stored.subject == recomputed
        shares.append(report.contribute(study, recomputed))
        assert stored.share == shares[-1]
        found |= {key_of(row): row for row in journal}
    assert store.sums(study) == cells.total(shares)
    assert set(map(str, store.check(study).values())) == {"{}"}
    return found


def check_documents(world: World, total: Counter[str]) -> int:
    """Count every document published meanwhile again, from its own listings."""
    s3 = clients.patient("s3", world.direct)
    start = f"studies/{world.studies[0].id}/{report.AUDIENCE}"
    listed = s3.list_object_versions(Bucket=world.table, Prefix=f"{start}/latest.json")["Versions"]

    def get(name: str, version: str) -> bytes:
        answer = s3.get_object(Bucket=world.table, Key=f"{start}/{name}", VersionId=version)
        content: bytes = answer["Body"].read()
        return content

    latest = [json.loads(get("latest.json", each["VersionId"])) for each in listed]
    latest.sort(key=lambda each: int(each["events"]))
    for each in latest:
        files = {name: get(f"live/{name}", version) for name, version in each["files"].items()}
        numbers, wrong = recount.differences(files)
        assert not wrong, wrong
        total["numbers recounted"] += numbers
        manifest = json.loads(files["manifest.json"])["cut"]
        heads = json.loads(get("audit/live/heads.json", each["audit"]["heads.json"]))
        assert manifest["id"] == heads["cut"] == each["cut"]
        versions = sum(subject["version"] for subject in heads["subjects"].values())
        assert manifest["accepted"] == versions == each["events"]
    last = sum(each.version for each in world.store.subjects(world.studies[0]))
    assert latest[-1]["events"] == last
    return len(latest)
