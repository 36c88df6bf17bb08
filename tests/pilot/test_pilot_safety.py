"""The pilot's printed safety tables follow from its events: every cell, each difference explained.

Read from one fold of the feed. Tables that take one result of each subject from all visits are
read from the samples of planned visits up to week 24, as the report takes them: the language
cannot bound an extreme by visits. The reasons of what differs:

- half: an exact half at the last place, which the report prints down or to the even digit;
- below-quantification: the report counts such a result as a subject and leaves its value out;
- low: the report leaves out who is below half the lower limit, here nobody is but not high;
- equally-far: of two results that lie equally far to both sides the report takes the earlier;
- limits-rounded: the report's limits of this analyte, converted, have no decimals;
- no-test: the report's program gave no P where a class at baseline has fewer than two subjects;
- program: an error of the report's program, which its authors name, and one that follows from it:
  of each subject it kept the records of one of both criteria;
- no-value-last: the last visit has a record without a value; here the last value counts;
- weight-rounded: here weights are rounded to a decimal before they count, as table 14-2.01 needs.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import builders
import pytest
from pilot import printed_safety, safety
from pilot.feed import feed
from pilot.printed_safety import Key
from pilot.writing import compact

from trial.definition import study
from trial.definition.study import Study
from trial.events import envelope, json_body
from trial.events.envelope import Entry
from trial.reporting import report
from trial.statistics import cells
from trial.subject.fold import Subject
from trial.tables import checking
from trial.tables.grid import Grid

EXPLAINED: Final[Mapping[str, Mapping[str, list[list[str]]]]] = json.loads(
    Path(__file__).with_name("explained_safety.json").read_text(encoding="utf-8")
)
OF_ONE_RESULT = ("14-6.02", "14-6.03", "14-6.05", "14-6.06")
NOT_PLANNED = {"baseline", "unscheduled", "ambul-ecg-removal", "retrieval", "week-26"}
CELLS = {
    "14-6.01": 4770, "14-6.02": 524, "14-6.03": 525, "14-6.04": 4597, "14-6.05": 581,
    "14-6.06": 51, "14-7.01": 486, "14-7.02": 324, "14-7.03": 90, "14-7.04": 225,
}  # fmt: skip
HALVES = {"14-6.01": 5, "14-6.02": 6, "14-6.03": 13, "14-6.04": 1, "14-6.05": 3, "14-7.01": 1}


@pytest.fixture(scope="module")
def entries() -> list[Entry]:
    bodies = map(compact, feed())
    return [envelope.parse(json_body.read_json(body), body) for body in bodies]


@pytest.fixture(scope="module")
def subjects(entries: list[Entry]) -> list[Subject]:
    return builders.subjects(entries)


@pytest.fixture(scope="module")
def grids(entries: list[Entry], subjects: list[Subject]) -> dict[str, Grid]:
    planned = [entry for entry in entries if _is_planned(entry)]
    others = [table for table in CELLS if table not in OF_ONE_RESULT]
    read = {
        **_read(_only(safety.definition(), others), subjects),
        **_read(_only(safety.definition(), OF_ONE_RESULT), builders.subjects(planned)),
    }
    assert set(read) == set(CELLS)
    return read


def _is_planned(entry: Entry) -> bool:
    return entry.kind != "lab.result.reported" or entry.data["visit"] not in NOT_PLANNED


def _only(definition: dict[str, Any], tables: Iterable[str]) -> Study:
    """Leave out the other tables, and what is made of them."""
    kept = [table for table in definition["tables"] if table["id"] in tables]
    parts = {"figures", "key_results", "testing", "consort"}
    rest = {name: part for name, part in definition.items() if name not in parts}
    return study.load(json.dumps(rest | {"tables": kept}))


def _read(defined: Study, subjects: Iterable[Subject]) -> dict[str, Grid]:
    contribute = report.compiled(defined).contribute
    sums = cells.total(contribute(subject) for subject in subjects)
    return {grid.id: grid for grid in report.tables(defined, sums)}


def _is_half(grid: Grid, key: Key) -> bool:
    """Say whether a number lies halfway between two that could be printed."""
    row, column, statistic = key
    value = builders.cell(grid, row, column).get(statistic)
    return value.raw.rstrip("0").endswith("5") and len(value.raw.rstrip("0")) == len(value.text) + (
        1 if "." in value.text else 2
    )


def test_the_whole_definition_is_accepted():
    defined = study.load(json.dumps(safety.definition()))
    checking.check_definition(defined)
    assert set(CELLS) < {table.id for table in defined.definition.tables}


@pytest.mark.parametrize("table", CELLS)
def test_every_cell_is_as_printed_or_differs_for_a_reason(grids, table):
    differ = printed_safety.differences(grids[table])
    assert len(printed_safety.of_printed(table)) == CELLS[table]
    explained = {
        (row, column, statistic): text
        for items in EXPLAINED.get(table, {}).values()
        for row, column, statistic, text in items
    }
    # The exact test of three levels needs a row of levels, which conditions do not make.
    untested = {key for key in differ if key[1] == "p"} if table in OF_ONE_RESULT[:2] else set()
    halves = {key for key in differ if key not in explained.keys() | untested}
    assert {key: differ[key][1] for key in differ.keys() - halves - untested} == explained
    assert [key for key in halves if not _is_half(grids[table], key)] == []
    assert len(halves) == HALVES.get(table, 0)


def test_weights_that_are_not_rounded_are_as_printed(subjects):
    definition = safety.definition()
    weight = definition["parameters"]["weight"] | {"places": 2}
    del weight["rounded"]
    definition["parameters"]["weight"] = weight
    (grid,) = _read(_only(definition, ["14-7.03"]), subjects).values()
    differ = printed_safety.differences(grid)
    assert [key for key in differ if not _is_half(grid, key)] == []
