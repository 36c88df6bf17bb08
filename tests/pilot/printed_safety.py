"""The printed safety tables of the pilot, cell by cell, and the service's cells in their place.

`printed_safety.json` holds numbers of public tables, with their source; no data. A cell is known
by its row and column as the definition names them, and by its statistic.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from pilot.recompute import printed
from pilot.safety import ARMS

from trial.tables.grid import Cell, Grid

Key = tuple[str, str, str]
Texts = Mapping[Key, str]

TABLES: Final[dict[str, Any]] = json.loads(
    Path(__file__).with_name("printed_safety.json").read_text(encoding="utf-8")
)
DESCRIBED = ("n", "mean", "sd", "median", "min", "max")
CLASSES = ("normal", "high")


def of_printed(table: str) -> Texts:
    """Give the printed cells of a table."""
    reader = {
        "14-6.01": _by_visit, "14-6.02": _levels, "14-6.03": _levels, "14-6.04": _shifts,
        "14-6.05": _worst, "14-6.06": _worst, "14-7.04": _terms,
    }.get(table, _described)  # fmt: skip
    return dict(reader(TABLES[table]))


def of_service(grid: Grid, keys: Iterable[Key]) -> Texts:
    """Give what the service prints in these cells; a row that nobody has is one of zeros."""
    rows = {row.id: {cell.column: cell for cell in row.cells} for row in grid.rows}
    return {key: _text(rows.get(key[0], {}).get(key[1]), key[2]) for key in keys}


def differences(grid: Grid) -> dict[Key, tuple[str, str]]:
    """Give the cells in which what is printed and what the service gives are not the same."""
    published_cells = of_printed(grid.id)
    service_cells = of_service(grid, published_cells)
    return {
        key: (published_cells[key], service_cells[key])
        for key in published_cells
        if published_cells[key] != service_cells[key]
    }


def _text(cell: Cell | None, name: str) -> str:
    value = cell.get(name) if cell else None
    if value is None or value.raw is None:
        return "0" if name in ("n", "percent") else ""
    if name == "p":
        return printed(Decimal(str(value.raw)), 3)
    return value.text or "0"


def _by_visit(rows: Any) -> Iterator[tuple[Key, str]]:
    for analyte, visit, *arms in rows:
        end = visit == "end"
        value = f"{analyte}-end" if end else f"{analyte}/{visit}"
        change = f"{analyte}-change-end" if end else f"{analyte}-change/{visit}"
        for arm, (n, mean, sd, *changes) in zip(ARMS, arms, strict=True):
            yield (value, arm, "n"), str(n)
            yield (value, arm, "mean"), mean
            yield (value, arm, "sd"), sd
            for name, text in zip(("mean", "sd"), changes, strict=False):
                yield (change, arm, name), text


def _levels(rows: Any) -> Iterator[tuple[Key, str]]:
    for analyte, *arms, p in rows:
        for arm, levels in zip(ARMS, arms, strict=True):
            for level, cell in zip(("low", "normal", "high"), levels, strict=True):
                yield from _counted(f"{analyte}/{level}", arm, cell)
        if p:
            yield (analyte, "p", "p"), p


def _shifts(rows: Any) -> Iterator[tuple[Key, str]]:
    for analyte, visit, after, *cells in rows:
        yield from _shift(f"{analyte}/{visit}", after, cells)


def _worst(rows: Any) -> Iterator[tuple[Key, str]]:
    for name, after, *cells, p in rows:
        yield from _shift(name, after, cells)
        if after == "n":
            yield (f"{name}-raised", "p", "p"), p or ""


def _shift(name: str, after: str, cells: Any) -> Iterator[tuple[Key, str]]:
    columns = [(arm, before) for arm in ARMS for before in CLASSES]
    for (arm, before), cell in zip(columns, cells, strict=True):
        row = f"{name}/{before}" + ("" if after == "n" else f"/{after}")
        yield from _counted(row, arm, cell)


def _terms(rows: Any) -> Iterator[tuple[Key, str]]:
    for row, *cells in rows:
        for arm, cell in zip(ARMS, cells, strict=True):
            yield from _counted(row, arm, cell)


def _counted(row: str, arm: str, cell: list[int]) -> Iterator[tuple[Key, str]]:
    for name, number in zip(("n", "percent"), cell, strict=False):
        yield (row, arm, name), str(number)


def _described(rows: Any) -> Iterator[tuple[Key, str]]:
    for row, arm, *values in rows:
        for name, text in zip(DESCRIBED, values, strict=True):
            yield (row, arm, name), text
