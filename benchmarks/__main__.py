"""Run the benchmarks: all that are cheap, those named, or with `--large` the long ones."""

import importlib
import os
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from benchmarks.rows import Measured

COUNTED = (
    "conflicts",
    "requests",
    "wide",
    "inference",
    "listing_rows",
    "start",
    "client_instructions",
    "study_size",
    "history",
    "reports",
)
"""Counts, which a busy machine does not change (conflicts wait, and would only become more)."""
TIMED = (
    "client_cpu",
    "room_listing",
    "queries",
    "recomputation",
    "publication",
    "live_documents",
    "batch_script",
)
LARGE = (
    "study_size", "queries", "conflicts", "recomputation", "listing_rows", "live_documents",
    "batch_script",
    "first_publication", "side_by_side", "audits", "long_work",
)  # fmt: skip

MINUTES = 10
"""How long the cheap ones may take in all."""

type Found = tuple[str, list[Measured]]


def run(name: str, *, large: bool) -> Found:
    """Run one; give its title and its rows."""
    module = importlib.import_module(f"benchmarks.{name}")
    began, cpu_began = time.monotonic(), _cpu_seconds()
    rows = module.measure(large=large)
    seconds, cpu_seconds = time.monotonic() - began, _cpu_seconds() - cpu_began
    subject = str(module.__doc__).partition("\n")[0]
    return f"{name}: {subject}  [{seconds:.0f} s, {cpu_seconds:.0f} s of CPU]", rows


def _cpu_seconds() -> float:
    """Give what this process has taken, and those that it has seen end."""
    own, children = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def cheap() -> Iterator[Found]:
    """Run what counts side by side, then what takes times by itself."""
    with ProcessPoolExecutor((os.cpu_count() or 1) + 1) as pool:
        yield from pool.map(partial(run, large=False), COUNTED)
    yield from (run(name, large=False) for name in TIMED)


def told(results: Iterable[Found]) -> int:
    """Print as it comes; say how many targets were missed."""
    missed = 0
    for title, rows in results:
        print(title, *rows, sep="\n", flush=True)
        missed += sum(not row.met for row in rows)
    return missed


def main(arguments: list[str]) -> int:
    """Run and print; a target missed is no failure."""
    large = "--large" in arguments
    names_asked = [argument for argument in arguments if not argument.startswith("--")] or (
        LARGE if large else []
    )
    began = time.monotonic()
    missed = told((run(name, large=large) for name in names_asked) if names_asked else cheap())
    minutes = (time.monotonic() - began) / 60
    limit = "" if names_asked else f", of {MINUTES} on two free processors"
    print(f"{missed} target{'s' * (missed != 1)} missed; {minutes:.1f} minutes{limit}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
