"""What a requested report reads: capacity units a subject of a study like TMB-301.

The study's feed is posted to the double in memory; then a report is requested and made, with its
listing of changes and its audit trail. Units are by the size model. What one invocation of Publish
could do follows from this process's CPU; what it does not end goes on in the next.
"""

import time

from doubles import MemoryClient, MemoryS3
from signing import KeyInMemory

from benchmarks import world
from benchmarks.rows import Measured
from trial.reporting import publishing
from trial.reporting.document_writer import DocumentWriter
from trial.reporting.signing import Signer
from trial.store.bucket.documents import Documents
from trial.store.reports import PENDING, ReportRequest, Reports

UNITS = 8.0
INVOCATION_SECONDS = 880
"""What Publish has, but for its margin."""


def run() -> tuple[float, float, int]:
    """Make a report; return the units and the CPU that it took, and how many subjects there are."""
    calls: list[float] = []
    store = world.open_store(MemoryClient(), lambda _, units: calls.append(units))
    study = world.study()
    world.take(store, world.bodies())
    size = sum(1 for _ in store.subjects(study))
    writer = DocumentWriter(
        store, Documents(MemoryS3(), "bucket"), Signer(KeyInMemory(), "key"), "bench"
    )
    reports = Reports(store._table)
    now = "2026-06-01T00:00:00.000+00:00"
    request = ReportRequest("R-1", PENDING, world.SENDER, now, "Review", "", "")
    reports.request(study.id, request)
    calls.clear()
    began = time.process_time()
    publishing.publish_report(reports, writer, study, "R-1")
    seconds = time.process_time() - began
    assert reports.get(study.id, "R-1").status == "ready"
    return sum(calls), seconds, size


def measure(*, large: bool = False) -> list[Measured]:  # noqa: ARG001 (the same for both)
    """Make one report."""
    units, seconds, size = run()
    events = len(world.bodies())
    detail = f"{units:.0f} units, {size} subjects, {events} events"
    thousands = events / seconds * INVOCATION_SECONDS / 1_000
    return [
        Measured("units a subject of a report", units / size, UNITS, detail),
        Measured(
            "thousand events of a report that one invocation ends", thousands, None,
            f"{seconds:.1f} s of CPU, all documents",
        ),
    ]  # fmt: skip
