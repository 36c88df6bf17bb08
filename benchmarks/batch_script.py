"""CPU for one new event / of a batch script (pandas, XlsxWriter): tables 0.01, workbook 0.1.

An event: from its text to its commit, over HTTP as in `client_cpu`; for the workbook, the
publication that follows as well, with all other documents. The script (`script`) is a process that
makes all anew: it reads the records as columns, computes every count and description of TMB-301's
tables, and writes the cells of the published workbook. It joins no listing, derives no interval or
P value, draws no figure and formats no cell, which is in its favour. Each is the least of some.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from python_calamine import CalamineWorkbook

from benchmarks import ROOT, frames, recomputation, world
from benchmarks.live_documents import SHARDS, Trial, visit
from benchmarks.rows import Measured
from benchmarks.script import Sheets
from benchmarks.tmb301 import Cell
from trial.reporting import report
from trial.statistics import cells
from trial.statistics.cells import Share
from trial.store import Store
from trial.tables.file_names import is_workbook

SIZES = (254, 4_000)
"""The CDISC pilot's size, and a large trial's."""
_WARMING, _EVENTS, _REPEATS = 10, 40, 3
_TABLES, _WORKBOOK = 0.01, 0.1


@dataclass
class Script:
    """What a run of the script found and took."""

    cells: dict[Cell, float]
    seconds: float
    tables: float
    """Seconds for the tables alone, the frames being in memory."""


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _least(work: Callable[[], object]) -> float:
    return min(_cpu(work) for _ in range(_REPEATS))


def event_seconds(trial: Trial) -> float:
    """Give the client's CPU seconds for an event, from its text to its commit."""
    with world.server(trial.dynamodb) as endpoint:
        store: Store = world.store(world.client(endpoint))
        posted = [
            visit(f"J{number % trial.size:06}", f"single-{number}")
            for number in range(_WARMING + _EVENTS)
        ]
        seconds = [_cpu(partial(world.take, store, [body], SHARDS)) for body in posted]
    return sum(seconds[_WARMING:]) / _EVENTS


def workbooks(trial: Trial) -> Iterator[Sheets]:
    """Read the cells of the workbooks that the last publication wrote."""
    for key, versions in trial.s3.versions.items():
        if is_workbook(key.rpartition("/live/")[2]):
            book = CalamineWorkbook.from_filelike(BytesIO(bytes(versions[-1][1])))
            yield {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}


def run_script(*files: Path) -> Script:
    """Run the script on files; give the run that took least."""
    command = [sys.executable, "-m", "benchmarks.script", *map(str, files)]
    runs = []
    for _ in range(_REPEATS):
        process = subprocess.run(  # noqa: S603 (of this package)
            command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, check=True, stdout=subprocess.PIPE
        )
        result: dict[str, Any] = json.loads(process.stdout)
        values = {tuple(cell): value for *cell, value in result["cells"]}
        runs.append(Script(values, result["seconds"], result["tables"]))
    return min(runs, key=lambda script: script.seconds)


def scripts(trial: Trial) -> tuple[Script, Script, Share]:
    """Run the script for the tables, and with the workbook; give the study's sums as well."""
    rows = list(trial.store.subjects(trial.study))
    columns = frames.empty()
    frames.lay_out(columns, [row.subject for row in rows])
    with TemporaryDirectory() as directory:
        records, books = (Path(directory) / name for name in ("records.json", "workbooks.json"))
        records.write_text(json.dumps(columns), "utf-8")
        books.write_text(json.dumps(list(workbooks(trial)), default=str), "utf-8")
        tables, workbook = run_script(records), run_script(records, books)
    return tables, workbook, cells.total(row.share for row in rows)


def rows(size: int) -> list[Measured]:
    """Compare for a study of so many subjects."""
    trial = Trial(size)
    trial.publish(None)
    event = event_seconds(trial)
    publication = min(
        trial.publish([trial.post(f"visit-{number}")]).seconds for number in range(_REPEATS)
    )
    tables, workbook, sums = scripts(trial)
    read = _least(lambda: report.tables(trial.study, sums))
    different = recomputation.differing(recomputation.expected(sums), tables.cells)
    whole, title = event + publication, f"{size:,} subjects"
    return [
        Measured(f"one event / the script, tables, {title}", event / tables.seconds, _TABLES,
                 f"{1000 * event:.1f} / {1000 * tables.seconds:,.0f} ms"),
        Measured(f"the same, all tables read as well, {title}",
                 (event + read) / tables.seconds, None, "with all that follows from counts"),
        Measured(f"the same / the script's tables alone, {title}", event / tables.tables, None,
                 f"{1000 * tables.tables:,.0f} ms of CPU, from frames in memory"),
        Measured(f"one event / the script, workbook, {title}", whole / workbook.seconds, _WORKBOOK,
                 f"{1000 * whole:,.0f} ms, all documents / {1000 * workbook.seconds:,.0f} ms"),
        Measured(f"cells that the script has otherwise, {title}", len(different), 0,
                 f"{different[:3] or ''}"),
    ]  # fmt: skip


def measure(*, large: bool = False) -> list[Measured]:
    """Compare at the size of the CDISC pilot, and beyond."""
    return [row for size in (SIZES if large else SIZES[:1]) for row in rows(size)]
