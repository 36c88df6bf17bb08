"""One event's increment against computing the same tables anew: by the core, pandas and polars.

CPU time of this process, storing left out. The increment is fold, contribute what the event can
have changed, and difference, the mean over TMB-301's feed; "anew" is every subject's share and
their sum. pandas and polars compute every count and description of TMB-301's tables from frames in
memory that hold the same records, and each cell is compared. What follows from counts alone
(percentages, exact intervals, P values) is left out of all three; reading the tables out of the
sums, all of that included, stands apart. `batch_script` compares a whole event and a whole script.
"""

import time
from collections.abc import Callable
from functools import partial
from itertools import batched
from math import isclose

from benchmarks import by_pandas, by_polars, frames, population, world
from benchmarks.rows import Measured
from benchmarks.tmb301 import Cell, Columns
from local.progress import bar
from trial.reporting import report
from trial.statistics import cells
from trial.statistics.cells import Share
from trial.subject.changed_inputs import Former
from trial.subject.fold import Subject, fold
from trial.tables.compiled import contribute

SIZES = (40, 4_000, 40_000)
_CHUNK = 500
_FROM_COUNTS = {"N", "not_due", "missing", "percent", "ci_low", "ci_high", "p", "difference"}
"""What follows from counts: `tests/recounting` counts denominators from the listings."""


def _cpu[T](work: Callable[[], T]) -> tuple[T, float]:
    began = time.process_time()
    return work(), time.process_time() - began


def increment() -> float:
    """Give the CPU time of one event's increment."""
    study, spent = world.study(), 0.0
    subjects: dict[str, Subject] = {}
    shares: dict[str, Share] = {}
    for entry in world.entries():
        before = subjects.get(entry.subject) or Subject(entry.subject)
        former = Former(before, shares[entry.subject]) if entry.subject in shares else None
        began = time.process_time()
        subject, _ = fold(before, entry)
        share = contribute(study, subject, former=former)
        cells.difference(share, former.share if former else {})
        spent += time.process_time() - began
        subjects[entry.subject], shares[entry.subject] = subject, share
    return spent / len(world.entries())


def anew(size: int) -> tuple[Share, float, dict[str, Columns]]:
    """Sum so many subjects' shares; give the sums, the CPU time and the records laid out."""
    study, spent, columns = world.study(), 0.0, frames.empty()
    sums: Share = {}
    spans = list(batched(range(size), _CHUNK, strict=False))
    long = size > SIZES[1]
    for span in bar(f"Contributing {size:,} subjects", len(spans), spans) if long else spans:
        people = [population.jittered(number) for number in span]
        began = time.process_time()
        for subject in people:
            for row, of_row in contribute(study, subject).items():
                cells.add(sums.setdefault(row, {}), of_row)
        spent += time.process_time() - began
        frames.lay_out(columns, people)
    return sums, spent, columns


def expected(sums: Share) -> dict[Cell, float]:
    """Read out of the sums what data frames must find: all but what follows from counts alone."""
    study = world.study()
    expected_cells: dict[Cell, float] = {}
    for grid, table in zip(report.tables(study, sums), study.definition.tables, strict=True):
        for column, definition in zip(grid.columns, table.columns, strict=True):
            assert column.n is not None
            assert definition.set is not None  # no column compares
            expected_cells["sets", "", definition.set, "N"] = column.n
        expected_cells |= {
            (grid.id, row.id, cell.column, statistic.name): float(statistic.raw)
            for row in grid.rows
            for cell in row.cells
            for statistic in cell.statistics
            if statistic.raw is not None and statistic.name not in _FROM_COUNTS
        }
    return expected_cells


def differing(expected_cells: dict[Cell, float], actual: dict[Cell, float]) -> list[Cell]:
    """Name the cells that are not the same; an absent one is 0."""
    return [
        cell
        for cell in expected_cells.keys() | actual.keys()
        if not isclose(expected_cells.get(cell, 0), actual.get(cell, 0), rel_tol=1e-9, abs_tol=1e-9)
    ]


def rows(size: int) -> list[Measured]:
    """Compare for a study of so many subjects, the increment being that of one event."""
    increment_seconds, (sums, spent, columns) = increment(), anew(size)
    _, read_seconds = _cpu(lambda: report.tables(world.study(), sums))
    expected_cells, works = (
        expected(sums),
        {"anew by the core": spent, "reading the sums": read_seconds},
    )
    differ: list[Cell] = []
    for name, engine in (("pandas", by_pandas), ("polars", by_polars)):
        loaded = engine.load(columns)
        engine.tables(loaded)  # the first time, its libraries are loaded
        actual, works[f"anew by {name}"] = _cpu(partial(engine.tables, loaded))
        differ += differing(expected_cells, actual)
    return [
        *(
            Measured(
                f"{name} / one increment, {size:,} subjects",
                seconds / increment_seconds,
                None,
                f"{1000 * seconds:,.0f} ms / {1000 * increment_seconds:.2f} ms",
            )
            for name, seconds in works.items()
        ),
        Measured(
            "cells that pandas or polars have otherwise",
            len(differ),
            0,
            f"of {len(expected_cells)} {differ[:3] or ''}",
        ),
    ]


def measure(*, large: bool = False) -> list[Measured]:
    """Compare at the size of TMB-301 and beyond."""
    return [row for size in (SIZES if large else SIZES[:-1]) for row in rows(size)]
