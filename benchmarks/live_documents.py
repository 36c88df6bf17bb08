"""What a publication takes after one event, at several sizes of a study: CPU, units, bytes.

Subjects like TMB-301's are put into the table as rows, with their shares and the headers' counts;
then all documents are published once, one visit of one subject is posted, and they are published
again, as the stream's call does it. DynamoDB and S3 are the doubles in memory: CPU is this
process's, units are by the size model. The check of the sums is part of it. What a day leaves is
what is there of its former versions once their grace is over.
"""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from doubles import Clock, MemoryClient, MemoryS3
from signing import KeyInMemory

from benchmarks import population, world
from benchmarks.rows import Measured
from local.progress import bar
from trial.reporting.document_writer import DocumentWriter
from trial.reporting.live import publishing as live
from trial.reporting.live.former import GRACE
from trial.reporting.signing import Signer
from trial.statistics import cells
from trial.statistics.cells import Cells
from trial.store import Store, keys
from trial.store.bucket.documents import Documents
from trial.store.encoding import subjects
from trial.store.encoding.shares import encode_share
from trial.store.generations import HEADER_ROW
from trial.tables.compiled import contribute
from trial.tables.file_names import LATEST

SHARDS = 8
_MIDNIGHT = datetime(2026, 1, 2, tzinfo=UTC)
_SHORTLY_BEFORE_MIDNIGHT = _MIDNIGHT - timedelta(minutes=2)
SIZES, LARGE_SIZES = (40, 400), (40, 4_000)
TARGETS = {40: (0.7, 20.0), 4_000: (5.0, 60.0)}
"""Seconds and units that one changed event may take, by the size of the study."""


@dataclass
class Cost:
    """What one publication took."""

    seconds: float = 0.0
    units: float = 0.0
    requests: int = 0
    bytes_written: int = 0
    files: list[str] = field(default_factory=list)


class SeededRow(NamedTuple):
    """A subject's row as the service writes it, and what the header counts for it."""

    shard: int
    item: dict[str, Any]
    counted: Cells


def seeded(number: int) -> SeededRow:
    """Make the row of a subject, with its share."""
    study, subject = world.study(SHARDS), population.jittered(number)
    share, version = contribute(study, subject), subject.accepted
    shard = keys.shard_of(subject.id, SHARDS)
    partition, sort_key = keys.subject_row(study.id, shard, subject.id)
    item = {
        "PK": {"S": partition},
        "SK": {"S": sort_key},
        "version": {"N": str(version)},
        "head": {"B": bytes(32)},
        "stamp": {"S": "2026-01-01T00:00:00.000000+00:00"},
        "format": {"N": str(subjects.FORMAT)},
        "body": {"B": subjects.encode(subject)},
        "cipher_key": {"B": bytes(32)},
        "shares": {"M": {study.generation: {"B": encode_share(share, version)}}},
    }
    return SeededRow(shard, item, share[HEADER_ROW])


class Trial:
    """A study of so many subjects, and what publishes it."""

    def __init__(
        self,
        size: int,
        rows: Iterable[SeededRow] | None = None,
        dynamodb: MemoryClient | None = None,
        s3: MemoryS3 | None = None,
    ) -> None:
        self.size = size
        self.dynamodb, self.clock = dynamodb or MemoryClient(), Clock(_SHORTLY_BEFORE_MIDNIGHT)
        self.s3 = s3 or MemoryS3()
        self.s3.now = self.clock
        self.calls: list[float] = []
        self.store: Store = world.open_store(
            self.dynamodb, lambda _, units: self.calls.append(units), SHARDS
        )
        self.study = world.study(SHARDS)
        rows = map(seeded, range(size)) if rows is None else rows
        self._put(bar(f"Making {size:,} subjects", size, rows))
        documents = Documents(self.s3, "bucket")
        self.writer = DocumentWriter(self.store, documents, Signer(KeyInMemory(), "key"), "bench")

    def _put(self, seeded_rows: Iterable[SeededRow]) -> None:
        """Put rows of subjects in, and what the headers count."""
        headers: dict[int, Cells] = {}
        rows = self.dynamodb.tables[world.TABLE]
        for row in seeded_rows:
            cells.add(headers.setdefault(row.shard, {}), row.counted)
            rows[row.item["PK"]["S"], row.item["SK"]["S"]] = row.item
        sums = {(shard, HEADER_ROW): counted for shard, counted in headers.items()}
        population.seed(self.dynamodb, SHARDS, sums)

    def publish(self, changed: Iterable[str] | None) -> Cost:
        """Publish what changed; tell what that took."""
        self.calls.clear()
        self.s3.written.clear()
        began = time.process_time()
        outcome = live.publish(
            self.writer, self.study, None if changed is None else frozenset(changed)
        )
        seconds = time.process_time() - began
        assert outcome.sums_agree
        return Cost(
            seconds,
            sum(self.calls),
            len(self.calls),
            sum(size for _, size in self.s3.written),
            [name for name, _ in self.s3.written],
        )

    def left_of_day(self) -> int:
        """Publish until the grace is over; return the bytes of the day's former versions."""
        for number in range(3):
            self.clock.pause((GRACE + timedelta(minutes=1)).total_seconds())
            self.publish([self.post(f"day-{number + 2}")])
        return sum(
            len(body)
            for key, versions in self.s3.versions.items()
            for version, body in versions[:-1]
            if self.s3.written_at[version] < _MIDNIGHT and not key.endswith(LATEST)
        )

    def post(self, record: str = "day-1") -> str:
        """Post a visit of a subject in the middle; return its id."""
        subject = f"J{self.size // 2:06}"
        world.take(self.store, [visit(subject, record)], SHARDS)
        return subject


def visit(subject: str, record: str) -> str:
    """Write a visit of a subject as it is posted."""
    body = next(json.loads(text) for text in world.bodies() if ".visit.recorded." in text)
    data = {**body["data"], "record": record}
    return json.dumps({**body, "id": f"bench-{record}", "subject": subject, "data": data})


def run(size: int) -> tuple[Cost, Cost, Cost, int]:
    """Publish a study once, with one event more, and when nothing changed; and to a day's end."""
    trial = Trial(size)
    first = trial.publish(None)
    changed = trial.post()
    second, idle = trial.publish([changed]), trial.publish([changed])
    return first, second, idle, trial.left_of_day()


def measure(*, large: bool = False) -> list[Measured]:
    """Publish two sizes of a study."""
    small, larger = LARGE_SIZES if large else SIZES
    rows = []
    for size in (small, larger):
        first, second, idle, left_bytes = run(size)
        detail = (
            f"{second.units:.0f} units in {second.requests} requests,"
            f" {second.bytes_written / 1e6:.2f} MB; the first publication"
            f" {first.seconds:.1f} s, {first.units:.0f} units, {first.bytes_written / 1e6:.1f} MB;"
            f" one that finds nothing {1000 * idle.seconds:.0f} ms"
        )
        seconds, units = TARGETS.get(size, (None, None))
        title = f"one event of {size:,} subjects"
        rows += [
            Measured(f"CPU seconds, {title}", second.seconds, seconds, detail),
            Measured(f"units, {title}", second.units, units),
            Measured(
                f"MB that a day leaves, {size:,} subjects",
                left_bytes / 1e6,
                None,
                f"an event a minute writes {second.bytes_written * 1440 / 1e9:.0f} GB",
            ),
        ]
    return rows
