"""What an audit of a shard takes, a subject: CPU, units, memory; and how far one invocation comes.

Subjects like TMB-301's, each with its journal, in one shard; DynamoDB is the double in memory, so
CPU is this process's and units are by the size model. The time that DynamoDB takes to answer is
not in it: a request a subject, some pages of rows.
"""

import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace

from doubles import MemoryClient

from benchmarks import population, world
from benchmarks.rows import Measured
from local.progress import bar
from trial.commands import auditing
from trial.commands.auditing import ShardAudit
from trial.events.envelope import Entry
from trial.store import Receipt

SIZES, LARGE_SIZES = (20, 80), (160, 1_600)
_LARGEST, _MOST_SHARDS = 400_000, 24
_INVOCATION = 880.0  # seconds, but for the margin


def _entries(number: int) -> Iterator[Entry]:
    """Give a subject's feed under another name."""
    models = population.models()
    model = models[number % len(models)].id
    for entry in world.entries():
        if entry.subject == model:
            yield replace(entry, subject=f"A{number:06}")


def run(size: int) -> tuple[float, float, float, int]:
    """Audit a shard of so many subjects: CPU seconds, units, peak of memory (MB), events."""
    calls: list[float] = []
    store = world.open_store(MemoryClient(), lambda _, units: calls.append(units), 1)
    study = world.study(1)
    for number in bar(f"Posting {size:,} subjects", size, range(size)):
        store.record(study, [Receipt(entry, "bench") for entry in _entries(number)])
    calls.clear()
    began = time.process_time()
    audited = auditing.audit_shard(store, study, ShardAudit(0))
    seconds, units = time.process_time() - began, sum(calls)
    assert (audited.subjects, audited.differences, audited.busy) == (size, (), False)
    tracemalloc.start()
    auditing.audit_shard(store, study, ShardAudit(0, after=f"A{size * 3 // 4:06}"))
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return seconds, units, peak, audited.events


def measure(*, large: bool = False) -> list[Measured]:
    """Audit two sizes of a shard; say what 400,000 subjects in 24 shards come to."""
    small, big = LARGE_SIZES if large else SIZES
    (first, _, peak_before, _), (seconds, units, peak, events) = run(small), run(big)
    each = seconds / big
    shard_seconds = _LARGEST / _MOST_SHARDS * each
    return [
        Measured("CPU s a subject, larger / smaller shard", each / (first / small), 1.2,
                 f"{each * 1000:.1f} ms, {units / big:.1f} units, {events / big:.0f} events each"),
        Measured("peak of memory, larger / smaller shard", peak / peak_before, None,
                 f"{peak:.1f} MB, most of it the shard's sums"),
        Measured("invocations a shard, 400,000 subjects in 24 shards",
                 shard_seconds / _INVOCATION, 1,
                 f"{shard_seconds:.0f} s of CPU each, one after the other; eight at a time"),
    ]  # fmt: skip
