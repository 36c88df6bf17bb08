"""The pilot's printed safety tables follow from its events: every cell, each difference explained.

Read from one fold of the whole feed. The reasons of what differs:

- half: an exact half at the last place, which the report prints down or to the even digit;
- below-quantification: the report counts such a result as a subject and leaves its value out;
- no-test: the report's program gave no P where a class at baseline has fewer than two subjects;
- program: an error of the report's program, which its authors name, and one that follows from it:
  of each subject it kept the records of one of both criteria;
- no-value-last: the last visit has a record without a value; here the last value counts.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import builders
import pytest
from pilot import printed_safety, reading, safety
from pilot.printed_safety import Key

from trial.definition import study
from trial.definition.study import Study
from trial.reporting import report
from trial.statistics import cells
from trial.subject.fold import Subject
from trial.tables import checking
from trial.tables.grid import Grid

EXPLAINED: Final[Mapping[str, Mapping[str, list[list[str]]]]] = json.loads(
    Path(__file__).with_name("explained_safety.json").read_text(encoding="utf-8")
)
CELLS = {
    "14-6.01": 4770, "14-6.02": 524, "14-6.03": 525, "14-6.04": 4597, "14-6.05": 581,
    "14-6.06": 51, "14-7.01": 486, "14-7.02": 324, "14-7.03": 90, "14-7.04": 225,
}  # fmt: skip
HALVES = {"14-6.01": 5, "14-6.02": 6, "14-6.03": 15, "14-6.04": 1, "14-6.05": 3, "14-7.01": 1}


@pytest.fixture(scope="module")
def grids() -> dict[str, Grid]:
    tables_read = _read(_only(safety.definition(), CELLS), builders.subjects(reading.entries()))
    assert set(tables_read) == set(CELLS)
    return tables_read


def _only(definition: dict[str, Any], tables: Iterable[str]) -> Study:
    """Leave out the other tables, and what is made of them."""
    selected_tables = [table for table in definition["tables"] if table["id"] in tables]
    parts = {"figures", "key_results", "testing", "consort", "listings"}
    rest = {name: part for name, part in definition.items() if name not in parts}
    alone = {"tables": selected_tables, "listings": [], "discrepancies": {"only": []}}
    return study.load(json.dumps(rest | alone))


def _read(defined: Study, subjects: Iterable[Subject]) -> dict[str, Grid]:
    contribute = report.compiled(defined).contribute
    sums = cells.total(contribute(subject) for subject in subjects)
    return {grid.id: grid for grid in report.tables(defined, sums)}


def _is_half(grid: Grid, key: Key) -> bool:
    """Say whether a number lies halfway between two that could be printed."""
    row, column, statistic = key
    value = builders.cell(grid, row, column).get(statistic)
    exact, decimals = str(value.raw).rstrip("0"), len(value.text.partition(".")[2])
    return exact.endswith("5") and len(exact.partition(".")[2]) == decimals + 1


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
    halves = {key for key in differ if key not in explained}
    assert {key: differ[key][1] for key in differ.keys() - halves} == explained
    assert [key for key in halves if not _is_half(grids[table], key)] == []
    assert len(halves) == HALVES.get(table, 0)
