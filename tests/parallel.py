"""A tiny study of two arms, for what a definition says of arms, comparisons and classes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from builders import TINY, cell, day, entry, tables_of, tiny

from trial.definition.study import Study
from trial.events.envelope import Entry
from trial.tables.grid import Grid

A: dict[str, Any] = {"id": "a", "label": "Drug", "set": "randomised", "arm": "a"}
B: dict[str, Any] = {"id": "b", "label": "Placebo", "set": "randomised", "arm": "b"}
TOTAL: dict[str, Any] = {"id": "total", "label": "Total", "set": "randomised"}
ARMS = (A, B, TOTAL)

PARALLEL: Mapping[str, Any] = {
    "design": "parallel",
    "arms": [
        {"id": "a", "label": "Drug", "treatments": ["drug"]},
        {"id": "b", "label": "Placebo", "treatments": ["placebo"]},
    ],
    "placebo": ["placebo"],
    "strata": {"region": ["north", "south"]},
    "conditions": TINY["conditions"] | {"randomised": {"recorded": "subject.randomised"}},
    "sets": TINY["sets"]
    | {
        "randomised": {"label": "Randomised", "condition": "randomised"},
        "received": {"label": "As treated", "condition": "treated", "arm": "received"},
    },
    "key_results": [],
}


def parallel(
    rows: Sequence[Mapping[str, Any]] = (),
    columns: Sequence[Mapping[str, Any]] = ARMS,
    **changes: Any,
) -> Study:
    """Load the study with one table of these rows and columns; other parts are added to its own.

    Parts that are objects are added to, others replaced.
    """
    definition: dict[str, Any] = {**TINY, **PARALLEL}
    for name, part in changes.items():
        earlier = definition.get(name)
        whole = isinstance(earlier, dict) and isinstance(part, dict)
        definition[name] = earlier | part if whole else part
    if rows and "tables" not in changes:
        table = {"id": "t", "title": "T", "population": "P", "columns": columns}
        if "percent_decimals" in changes:
            table["percent_decimals"] = definition.pop("percent_decimals")
        identified_rows = [{"id": "row", "label": "Row", **row} for row in rows]
        definition["tables"] = [table | {"rows": identified_rows}]
    return tiny(**definition)


def table_of(
    entries: Iterable[Entry],
    *rows: Mapping[str, Any],
    columns: Sequence[Mapping[str, Any]] = ARMS,
    **changes: Any,
) -> Grid:
    """Read one table of these rows and columns, of these events."""
    return tables_of(parallel(rows, columns, **changes), entries)["t"]


def randomised(arm: str, subject: str = "S-1", at: int = 1, **data: Any) -> Entry:
    return entry("subject.randomised", subject, **({"date": day(at), "arm": arm} | data))


def raws(grid: Grid, row: str, name: str) -> dict[str, Any]:
    """Give one statistic of a row as it is counted, by column."""
    return {column: statistic.raw for column, statistic in _of_row(grid, row, name).items()}


def texts(grid: Grid, row: str, name: str) -> dict[str, str]:
    """Give one statistic of a row as it is printed, by column."""
    return {column: statistic.text for column, statistic in _of_row(grid, row, name).items()}


def printed(grid: Grid, row: str, column: str = "total") -> dict[str, str]:
    """Give all statistics of a cell as they are printed, by name."""
    return {statistic.name: statistic.text for statistic in cell(grid, row, column).statistics}


def _of_row(grid: Grid, row: str, name: str) -> dict[str, Any]:
    (grid_row,) = (candidate for candidate in grid.rows if candidate.id == row)
    return {
        row_cell.column: number
        for row_cell in grid_row.cells
        if (number := row_cell.get(name)) is not None
    }
