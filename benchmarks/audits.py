"""An audit of 400,000 subjects, step by step: one of its 8 shards, in the time that a step has.

Shards are alike, and an audit takes each by itself, so one of 50,000 subjects tells of all. Its
subjects are like TMB-301's, each with its journal (`cloned`), in a DynamoDB over HTTP in a process
of its own: CPU and memory are the function's, its client's among them. A small shard's steps have a
time in proportion, so that it takes as many.
"""

import json
import sys

from benchmarks import world
from benchmarks.first_publication import apart
from benchmarks.rows import Measured
from benchmarks.steps import MARGIN, MEMORY, large_study, time_for
from trial.events.blinding import OPEN
from trial.store.bucket.object_keys import AUDIT
from trial.tables.file_names import AUDIT_REPORT

SHARD, SHARDS = 50_000, 8
SIZES, LARGE_SIZES = (100, 200), (5_000, SHARD)
_DIFFERENT = 1_000
"""How many subjects are not alike, at most."""


def made(size: int) -> dict[str, float]:
    """Audit a shard of so many subjects; tell what its steps took."""
    seconds = time_for(size, SHARD)
    with large_study(size, min(size, _DIFFERENT), seconds) as study:
        study.carry_out()
        audit = json.loads(study.documents.read(world.study(1).id, OPEN, AUDIT, AUDIT_REPORT))
        steps = study.invocations.steps
        of_shard = study.invocations.of("audit")
    assert (audit["complete"], audit["busy_shards"], audit["differences"]) == (True, [], [])
    assert audit["subjects"] == size
    return {
        "events": audit["events"],
        "steps": len(of_shard),
        "other_steps": len(steps) - len(of_shard),
        "seconds": sum(step.seconds for step in steps),
        "lasted": sum(step.lasted for step in of_shard),
        "late": max(0.0, *(step.lasted - seconds for step in steps)),
        "other": max(step.lasted for step in steps if step.task != "audit"),
        "units": sum(step.units for step in steps),
        "peak": max(step.peak for step in steps),
    }


def measure(*, large: bool = False) -> list[Measured]:
    """Audit two sizes of a shard, the larger one of 400,000 subjects in 8; compare."""
    small, larger = LARGE_SIZES if large else SIZES
    first, result = (apart("audits", size) for size in (small, larger))
    a_subject, before = result["seconds"] / larger, first["seconds"] / small
    scale = SHARD / larger
    return [
        Measured(f"CPU s a subject, shard of {larger:,} / {small:,}", a_subject / before, 1.2,
                 f"{a_subject * 1000:.1f} ms, {result['units'] / larger:.1f} units,"
                 f" {result['events'] / larger:.0f} events"),
        Measured(f"invocations of a shard of {SHARD:,}", result["steps"], None,
                 f"{result['lasted'] * scale / 60:.0f} minutes of CPU and waiting;"
                 f" {SHARDS} side by side are 400,000 subjects"),
        Measured("seconds that a step is late, at most", result["late"] * scale, MARGIN,
                 f"the other {result['other_steps']:.0f} steps last {result['other']:.1f} s"),
        Measured("MB of memory, at most", result["peak"], MEMORY,
                 f"{first['peak']:.0f} MB at {small:,} subjects"),
    ]  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(made(int(sys.argv[1]))))
