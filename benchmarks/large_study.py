"""All documents of a study made from memory: what a publication of many subjects takes.

Subjects like TMB-301's, each with its journal's records, are held as Publish holds them; every file
is made and read to its end, and goes nowhere. Each size runs in a process of its own: the peak is
that process's, its interpreter and the generated subjects' own making included.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import population, world
from benchmarks.rows import Measured
from local.progress import bar
from trial.render.documents import render
from trial.reporting import report
from trial.reporting.snapshot import JournalPosition, StudySnapshot

SIZES = (40, 400)
LARGE_SIZES = (40, 4_000)
_PATHS = ("functions", "infrastructure", "tests", "")
_ROOT = Path(__file__).parents[1]


def made(size: int) -> dict[str, float]:
    """Publish so many subjects; tell listed rows, bytes, CPU time and the peak of memory (MB)."""
    study, state = world.study(), StudySnapshot()
    for number in bar(f"Making {size:,} subjects", size, range(size)):
        subject = population.jittered(number)
        state.add(subject, report.contribute(study, subject), JournalPosition(1, b""))
    began, n_bytes = time.process_time(), 0
    study_report = report.report(study, state, state.sums)
    for file in render(study_report, study.definition):
        n_bytes += sum(map(len, file.content))
    seconds = time.process_time() - began
    rows = sum(1 for listing in study_report.listings for _ in listing.rows)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"rows": rows, "bytes": n_bytes, "seconds": seconds, "peak": peak}


def _apart(size: int) -> dict[str, float]:
    path = ":".join(str(_ROOT / path) for path in _PATHS)
    command = [sys.executable, "-m", "benchmarks.large_study", str(size)]
    process = subprocess.run(  # noqa: S603 (this module itself)
        command, cwd=_ROOT, env={"PYTHONPATH": path}, check=True, stdout=subprocess.PIPE, text=True
    )
    result: dict[str, float] = json.loads(process.stdout)
    return result


def measure(*, large: bool = False) -> list[Measured]:
    """Publish a small and a larger study; compare memory, and the time a row takes."""
    sizes = LARGE_SIZES if large else SIZES
    small, big = map(_apart, sizes)
    detail = (
        f"{small['peak']:.0f} MB with {small['rows']:,.0f} listed rows, {big['peak']:.0f} MB with"
        f" {big['rows']:,.0f}; {big['bytes'] / 1e6:.1f} MB of documents"
    )
    growth = (big["seconds"] / big["rows"]) / (small["seconds"] / small["rows"])
    return [
        Measured("memory, larger / smaller study", big["peak"] / small["peak"], None, detail),
        Measured("CPU per listed row, larger / smaller study", growth, None,
                 f"{big['seconds']:.1f} s for the larger one"),
    ]  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(made(int(sys.argv[1]))))
