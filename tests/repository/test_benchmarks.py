"""The budgets that are cheap to count, so that a change that breaks one fails at once."""

import os
import subprocess
import sys
from importlib import import_module
from inspect import signature
from types import ModuleType

import pytest
from benchmarks import (
    ROOT,
    by_pandas,
    by_polars,
    frames,
    history,
    live_documents,
    recomputation,
    requests,
    start,
    world,
)
from benchmarks.__main__ import COUNTED, LARGE, TIMED
from benchmarks.small import NOT_SMALL

from trial.reporting import report
from trial.statistics import cells
from trial.subject.fold import fold_all

EVENTS = 400
RUN = sorted({*COUNTED, *TIMED, *LARGE})


@pytest.mark.parametrize("name", RUN)
def test_what_bench_runs_can_be_asked_to_measure(name: str) -> None:
    module = import_module(f"benchmarks.{name}")
    assert module.__doc__
    expected = "(*, large: bool = False) -> list[benchmarks.rows.Measured]"
    assert str(signature(module.measure)) == expected


def test_every_benchmark_is_run() -> None:
    modules = (ROOT / "benchmarks").glob("*.py")
    assert {file.stem for file in modules if "def measure(" in file.read_text("utf-8")} == {*RUN}


def test_each_benchmark_runs_in_a_small_world() -> None:
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks.small"],
        cwd=ROOT, timeout=600, text=True, capture_output=True, check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [ROOT, *sys.path]))},
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    titles = [line for line in process.stdout.splitlines() if not line.startswith(" ")]
    assert [title for title in titles if " " not in title] == sorted({*RUN} - NOT_SMALL.keys())


def test_an_event_over_the_api_takes_two_requests_and_twelve_units() -> None:
    cost = requests.modelled(1)  # all of them: rows of sums grow as the study goes on
    assert max(cost.requests[1:]) <= 2  # a process's first event reads the definition as well
    assert cost.mean(cost.units) <= 12


@pytest.mark.parametrize("shards", [None, 8])
def test_a_batch_of_fifty_takes_a_fifth_of_a_request_an_event(shards: int | None) -> None:
    cost = requests.modelled(requests.BATCH, EVENTS, shards)
    assert cost.mean(cost.requests) <= 0.2
    assert cost.mean(cost.units) <= 7


def test_a_subjects_three_hundredth_record_costs_at_most_twice_its_tenth() -> None:
    cost, _ = history.run(320)
    assert len(cost.requests) == 320
    assert max(cost.requests[1:]) <= 3  # its pages are read as well
    assert sum(cost.units[300:]) <= 2 * sum(cost.units[:20])


def test_a_publication_reads_who_changed_and_writes_what_changed() -> None:
    first, repeated, idle, left = live_documents.run(80)
    assert first.units > 50
    assert repeated.units <= 20
    assert repeated.requests <= 8
    assert not [name for name in repeated.files if name.endswith("/adae.ndjson")]
    assert [name for name in repeated.files if name.endswith("/advs.ndjson")]
    assert sum("/block-" in name for name in repeated.files) == 1
    assert (idle.bytes_written, idle.files) == (0, [])
    assert idle.units <= 4
    assert 0 < left <= repeated.bytes_written


@pytest.mark.parametrize("handler", ["api", "ingest"])
def test_no_handler_of_events_loads_what_only_others_need(handler: str) -> None:
    assert start.unwanted(handler) == []


@pytest.mark.parametrize("events", [500, 1_200, None])
@pytest.mark.parametrize("engine", [by_pandas, by_polars])
def test_data_frames_find_every_cell_of_the_tables(engine: ModuleType, events: int | None) -> None:
    entries = world.entries()[:events]
    names = sorted({entry.subject for entry in entries if entry.kind == "subject.enrolled"})
    people = [
        fold_all(name, (entry for entry in entries if entry.subject == name)) for name in names
    ]
    columns = frames.empty()
    frames.lay_out(columns, people)
    sums = cells.total(report.contribute(world.study(), person) for person in people)
    result = recomputation.expected(sums)
    assert len(result) > 300
    assert recomputation.differing(result, engine.tables(engine.load(columns))) == []
