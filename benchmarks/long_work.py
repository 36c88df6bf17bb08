"""Other long work of 400,000 subjects: fill, report, removal; and what is asked of one of them.

By a tenth of a shard of 50,000 subjects and by half of that, as in `audits`: the time of a step is
an invocation's in proportion. A report is as of an instant, with a cut-off date. Its journals are
read shard by shard, side by side; then one invocation after the other makes it, of which each ends
a file. What one file and the temporary storage take is therefore told for the whole study. Of one
subject an erasure and a page of its history cost the same, however many others there are.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from math import ceil
from typing import Any
from unittest.mock import patch

from doubles import MemoryClient
from signing import KeyInMemory

from benchmarks import cloned, population, world
from benchmarks.first_publication import apart
from benchmarks.requests import Cost
from benchmarks.rows import Measured
from benchmarks.steps import INVOCATION, MARGIN, MEMORY, LargeStudy, Step, large_study, time_for
from trial.commands import erasure
from trial.definition import study as studies
from trial.definition.study import Study
from trial.render.documents import File
from trial.render.workbook import parts
from trial.reporting import changelog, publishing
from trial.reporting.document_writer import DocumentWriter
from trial.reporting.signing import Signer
from trial.reporting.snapshot import KEPT_RECORDS
from trial.reporting.spool import Spool
from trial.store.reports import PENDING, READY, ReportRequest, Reports

SHARD, SHARDS = 50_000, 8
SIZES, LARGE_SIZES = (100, 200), (2_500, 5_000)
ERASURE_SIZES, LARGE_ERASURE_SIZES = (40, 400), (4_000, 400_000)
_SUBJECTS = SHARD * SHARDS
_DIFFERENT = 500
"""How many subjects are not alike, at most."""
_ROOM = 10_240.0
"""MB of temporary storage that Publish has: no function has more."""
_RETENTION = timedelta(days=366 * 26)

type _Costs = dict[str, float]


def fill(study: LargeStudy) -> None:
    """Bring an amended definition into force."""
    amended = json.dumps(json.loads(world.definition(1)) | {"title": "Amended"})
    study.store.put_definition(studies.load(amended), amended)
    study.carry_out(until="audit")
    study.store.invalidate(world.study(1).id)
    assert study.store.study(world.study(1).id).definition.title == "Amended"


def removal(study: LargeStudy) -> None:
    """Delete the study, as after its retention."""
    name = world.study(1).id
    study.store.retire(name, world.SENDER, "Reported")
    study.store._now.at += _RETENTION  # type: ignore[attr-defined]
    study.store.remove(name, world.SENDER, "Its retention is over")
    study.carry_out()


_WORK: Mapping[str, Callable[[LargeStudy], None]] = {"fill": fill, "removal": removal}


def _costs(what: str, steps: list[Step], seconds: float) -> _Costs:
    costs = {
        "steps": len(steps),
        "seconds": sum(step.seconds for step in steps),
        "lasted": sum(step.lasted for step in steps),
        "units": sum(step.units for step in steps),
        "late": max(0.0, *(step.lasted - seconds for step in steps)),
        "peak": max(step.peak for step in steps),
    }
    return {f"{what} {name}": cost for name, cost in costs.items()}


@contextmanager
def _timed_files() -> Iterator[dict[str, float]]:
    """Note how long each file takes that is written."""
    seconds, send = dict[str, float](), DocumentWriter._send

    def timed(writer: DocumentWriter, study: Study, prefix: str, file: File, *rest: Any) -> Any:  # noqa: ANN401 (as it is)
        began = time.process_time()
        sending = send(writer, study, prefix, file, *rest)
        seconds[file.name] = time.process_time() - began
        return sending

    with patch.object(DocumentWriter, "_send", timed):
        yield seconds


@contextmanager
def _noted_spools() -> Iterator[list[int]]:
    """Note how many bytes each spool held when it was closed."""
    sizes, close = list[int](), Spool.close

    def noted(spool: Spool) -> None:
        sizes.append(spool._size)
        close(spool)

    with patch.object(Spool, "close", noted):
        yield sizes


def report(study: LargeStudy, size: int) -> _Costs:
    """Read the journals of a report as the shard's steps do; then make it; tell what both took.

    A workbook is for as large a part of these subjects as it is of all.
    """
    most = ceil(parts.MOST_RECORDS * size / _SUBJECTS)
    with patch.object(parts, "MOST_RECORDS", most), patch.object(changelog, "MOST_RECORDS", most):
        return _report(study)


def _report(study: LargeStudy) -> _Costs:
    store, defined, invocations = study.store, world.study(1), study.invocations
    signer = Signer(KeyInMemory(), "key")
    writer = DocumentWriter(store, study.documents, signer, "bench", invocations.beat)
    reports, moment = Reports(store._table), "2026-06-01T00:00:00.000+00:00"
    request = ReportRequest("R-1", PENDING, world.SENDER, moment, "Review", moment, "2016-01-31")
    reports.request(defined.id, request)

    def read() -> bool:
        publishing.read_shard(reports, writer, defined, request, 0, lambda: None)
        return True

    invocations.until_ended("journals", read)
    costs = _costs("journals", invocations.of("journals"), invocations.seconds)
    invocations.seconds = float("inf")
    with _noted_spools() as sizes, _timed_files() as times:
        invocations.call(
            "report", lambda: publishing.publish_report(reports, writer, defined, "R-1")
        )
    assert reports.get(defined.id, "R-1").status == READY
    files = {f"file {name}": seconds for name, seconds in times.items()}
    return {**costs, **_costs("report", invocations.of("report"), 1e9), **files,
            "spooled": sum(sizes) / 1e6}  # fmt: skip


def history(study: LargeStudy) -> _Costs:
    """Read a subject's history as its route does; tell the units."""
    store, invocations, defined = study.store, study.invocations, world.study(1)

    def read() -> int:
        name = cloned.name_of(0)
        stored = store.subject(defined, name)
        chain = store.chain(defined.id, name)
        assert stored is not None
        assert chain is not None
        sort_keys = [sort_key for _, sort_key in chain.sort_keys]
        return len(list(store.journal_rows(defined.id, name, stored.cipher_key, sort_keys)))

    assert invocations.until_ended("history", read) > 1
    return _costs("history", invocations.of("history"), invocations.seconds)


def made(size: int) -> _Costs:
    """Do all of it with a shard of so many subjects; tell what each took."""
    costs, seconds = dict[str, float](), time_for(size, SHARD)
    with large_study(size, min(size, _DIFFERENT), seconds) as study:
        costs |= history(study)
        costs |= report(study, size)
    for what, work in _WORK.items():
        with large_study(size, min(size, _DIFFERENT), seconds) as study:
            work(study)
            costs |= _costs(what, study.invocations.steps, seconds)
    return costs


def erased(size: int) -> tuple[float, int]:
    """Erase one subject of so many, as their sums are; tell the units and requests."""
    client, cost = MemoryClient(page=150), Cost(1)
    store, study = world.open_store(client, cost.meter, SHARDS), world.study(SHARDS)
    name = json.loads(world.bodies()[0])["subject"]
    world.take(
        store, [body for body in world.bodies() if json.loads(body)["subject"] == name], SHARDS
    )
    population.seed(client, SHARDS, population.sums(size, SHARDS))
    entry = erasure.entry_of(study, name, "Asked for", "request-1", store._now())
    cost.start()
    assert erasure.erase(store, study, entry, world.SENDER).first
    return cost.units[-1], cost.requests[-1]


def _of_steps(what: str, small: int, larger: int, first: _Costs, result: _Costs) -> list[Measured]:
    """Say what work took that is spread over shards."""
    a_subject, before = result[f"{what} seconds"] / larger, first[f"{what} seconds"] / small
    scale = SHARD / larger
    return [
        Measured(f"{what}: CPU s a subject, {larger:,} / {small:,}", a_subject / before, 1.2,
                 f"{a_subject * 1000:.1f} ms, {result[f'{what} units'] / larger:.1f} units"),
        Measured(f"{what}: invocations of a shard of {SHARD:,}", result[f"{what} steps"], None,
                 f"{result[f'{what} lasted'] * scale / 60:.0f} minutes of CPU and waiting"),
        Measured(f"{what}: seconds that a step is late, at most", result[f"{what} late"] * scale,
                 MARGIN),
        Measured(f"{what}: MB of memory, at most", result[f"{what} peak"], MEMORY,
                 f"{first[f'{what} peak']:.0f} MB at {small:,} subjects"),
    ]  # fmt: skip


def _of_report(small: int, larger: int, first: _Costs, result: _Costs) -> list[Measured]:
    """Say what the whole of a report takes, once its journals are read."""

    def whole(name: str) -> float:
        """Return what all subjects take: what does not grow with them, and what does."""
        growth = (result[name] - first.get(name, 0.0)) / (larger - small)
        return result[name] + growth * (_SUBJECTS - larger)

    files = [name for name in result if name.startswith("file ")]
    longest = max(files, key=whole)
    lasts = whole("report lasted")
    return [
        Measured(f"report: CPU s a subject, {larger:,} / {small:,}",
                 result["report seconds"] / larger / (first["report seconds"] / small), 1.2,
                 f"{1000 * result['report seconds'] / larger:.1f} ms"),
        Measured(f"report: invocations of {_SUBJECTS:,}", ceil(lasts / (INVOCATION - MARGIN)), None,
                 f"{lasts / 60:.0f} minutes, one after the other"),
        Measured("report: its longest file / an invocation",
                 whole(longest) / (INVOCATION - MARGIN), 1, longest.removeprefix("file ")),
        Measured("report: MB of temporary storage", whole("spooled"), _ROOM,
                 f"{1000 * result['spooled'] / larger:.1f} KB a subject"),
        Measured("report: MB of memory, at most", result["report peak"], MEMORY,
                 f"{first['report peak']:.0f} MB at {small:,}; it holds {KEPT_RECORDS:,} records"),
    ]  # fmt: skip


def measure(*, large: bool = False) -> list[Measured]:
    """Compare two sizes; say what 400,000 subjects come to."""
    small, larger = LARGE_SIZES if large else SIZES
    first, result = (apart("long_work", size) for size in (small, larger))
    few, many = map(erased, LARGE_ERASURE_SIZES if large else ERASURE_SIZES)
    rows = [
        row
        for what in ("journals", *_WORK)
        for row in _of_steps(what, small, larger, first, result)
    ]
    return [
        *rows,
        *_of_report(small, larger, first, result),
        Measured("erasure: units, of many / of few subjects", many[0] / few[0], 1.2,
                 f"{many[0]:.0f} units of {many[1]} requests"),
        Measured(f"history: units, of {larger:,} / of {small:,} subjects",
                 result["history units"] / first["history units"], 1,
                 f"{result['history units']:.0f} units"),
    ]  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(made(int(sys.argv[1]))))
