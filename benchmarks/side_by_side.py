"""A first publication and a report's journals made side by side: CPU of each step of their runs.

Live documents are of subjects like TMB-301's, as in `first_publication`, in a process of its own; a
report is of TMB-301's feed. What one process took is held against the longest way through the steps
of a run, eight at a time: Lambda gives each a processor of its own. Nothing is waited for.
"""

import copy
import json
import sys
import time
from collections.abc import Callable
from functools import partial

from doubles import MemoryClient, MemoryS3, Rows
from signing import KeyInMemory

from benchmarks import world
from benchmarks.first_publication import RowsOnDisk, S3OnDisk, apart, seeded_rows
from benchmarks.live_documents import SHARDS, Trial
from benchmarks.rows import Measured
from trial.reporting import publishing
from trial.reporting.document_writer import DocumentWriter
from trial.reporting.live import publishing as live
from trial.reporting.live.parts import LiveParts
from trial.reporting.signing import Signer
from trial.store.bucket.documents import Documents
from trial.store.reports import PENDING, READY, ReportRequest, Reports

SIZE, LARGE_SIZE = 400, 4_000
_AT_A_TIME = 8


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def longest_way(*tasks: list[float]) -> float:
    """Return how long tasks take one after the other, of each so many parts at a time."""
    total = 0.0
    for parts in tasks:
        ends = [0.0] * _AT_A_TIME
        for seconds in parts:
            ends[ends.index(min(ends))] += seconds
        total += max(ends)
    return total


def made(size: int) -> dict[str, float]:
    """Publish so many subjects by one process, and then by a run and what follows it."""
    dynamodb = MemoryClient(page=150)
    dynamodb.tables[world.TABLE] = Rows(RowsOnDisk())
    trial = Trial(size, seeded_rows(size), dynamodb, S3OnDisk())
    alone = trial.publish(None).seconds
    trial.s3.versions.clear()
    making = LiveParts(trial.writer, trial.study, trial.store.epoch(trial.study.id))
    survey = [_seconds(partial(making.survey, shard)) for shard in range(SHARDS)]
    surveyed = making.surveyed()
    assert surveyed is not None
    blocks = [
        _seconds(partial(making.make_blocks, part, surveyed.parts, lambda: None))
        for part in range(surveyed.parts)
    ]
    last = _seconds(lambda: live.publish(trial.writer, trial.study))
    return {
        "alone": alone,
        "survey": sum(survey),
        "blocks": sum(blocks),
        "parts": surveyed.parts,
        "last": last,
        "way": longest_way(survey, blocks) + last,
    }


def report() -> dict[str, float]:
    """Make a report of TMB-301 by one process, and by a run and what follows it."""
    filled = MemoryClient()
    world.take(world.open_store(filled, shards=SHARDS), world.bodies(), SHARDS)
    alone = _seconds(_Asked(filled).make)
    asked = _Asked(filled)
    journals = [
        _seconds(partial(asked.read_shard, shard)) for shard in range(asked.study.definition.shards)
    ]
    last = _seconds(asked.make)
    return {
        "alone": alone,
        "journals": sum(journals),
        "parts": len(journals),
        "last": last,
        "way": longest_way(journals) + last,
    }


class _Asked:
    """A report that is asked for, of a copy of a table, with a bucket of its own."""

    def __init__(self, filled: MemoryClient) -> None:
        dynamodb = MemoryClient()
        dynamodb.tables = copy.deepcopy(filled.tables)
        store, documents = world.store(dynamodb), Documents(MemoryS3(), "bucket")
        self.study, self.reports = world.study(SHARDS), Reports(store._table)
        self.writer = DocumentWriter(store, documents, Signer(KeyInMemory(), "key"), "bench")
        now = "2026-06-01T00:00:00.000+00:00"
        asked = ReportRequest("R-1", PENDING, world.SENDER, now, "Review", "", "")
        self.reports.request(self.study.id, asked)

    def make(self) -> None:
        publishing.publish_report(self.reports, self.writer, self.study, "R-1")
        assert self.reports.get(self.study.id, "R-1").status == READY

    def read_shard(self, shard: int) -> None:
        asked = self.reports.get(self.study.id, "R-1")
        publishing.read_shard(self.reports, self.writer, self.study, asked, shard, lambda: None)


def measure(*, large: bool = False) -> list[Measured]:
    """Compare both ways of a first publication, and of a report."""
    size = LARGE_SIZE if large else SIZE
    live_times, report_times = apart("side_by_side", size), report()
    names = {f"first publication, {size:,} subjects": live_times, "report": report_times}
    rows = []
    for name, times in names.items():
        detail = ", ".join(f"{step} {seconds:.1f}" for step, seconds in times.items())
        rows.append(
            Measured(f"side by side / alone, {name}", times["way"] / times["alone"], None, detail)
        )
    return rows


if __name__ == "__main__":
    print(json.dumps(made(int(sys.argv[1]))))
