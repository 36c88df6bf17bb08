"""Confirmatory P values: those of the declared order, until one test in it fails."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from trial.definition.reporting import Look, Testing
from trial.tables.bidi import isolated
from trial.tables.grid import Cell, Grid, Row, Statistic

type _CellKey = tuple[str, str, str]
"""The ids of a table, a row and a column."""

UNDECLARED = "P values are nominal: none is declared as a confirmatory test."


@dataclass(frozen=True)
class _Tests:
    """The confirmatory tests, in order, and the planned look at which they are read, if any."""

    testing: Testing
    look: Look | None
    cell_keys: Sequence[_CellKey]


def mark_nominal(testing: Testing | None, grids: Sequence[Grid], look: str) -> tuple[Grid, ...]:
    """Mark every P value that is not confirmatory as nominal, with a footnote.

    At no planned look (`look` is '') no P value is confirmatory.
    """
    tests = None
    if testing is not None:
        current_look = next((planned for planned in testing.planned if planned.id == look), None)
        cell_keys = _confirmatory(testing, current_look, grids) if current_look else ()
        tests = _Tests(testing, current_look, tuple(cell_keys))
    return tuple(_mark_grid(grid, tests) for grid in grids)


def _confirmatory(testing: Testing, look: Look, grids: Sequence[Grid]) -> Iterable[_CellKey]:
    """Yield the tests in order, up to the first that fails or before one without a P value."""
    p_values = {
        (grid.id, row.id, cell.column): p
        for grid in grids
        if grid.id in {ref.table for ref in testing.order}
        for row in grid.rows
        for cell in row.cells
        if (p := cell.get("p")) is not None
    }
    for ref in testing.order:
        cell_key = ref.table, ref.row, ref.column
        p = p_values.get(cell_key)
        if p is None or p.raw is None:
            return
        yield cell_key
        if Fraction(Decimal(str(p.raw))) > Fraction(look.alpha):
            return


def _mark_grid(grid: Grid, tests: _Tests | None) -> Grid:
    values = [cell for row in grid.rows for cell in row.cells if _has_p(cell)]
    if not values:
        return grid
    cell_keys = tests.cell_keys if tests else ()
    tests_of_grid = [
        (i, cell_key) for i, cell_key in enumerate(cell_keys, 1) if cell_key[0] == grid.id
    ]
    confirmatory = {cell_key[1:] for _, cell_key in tests_of_grid}
    rows = tuple(_mark_row(row, {column for row_id, column in confirmatory if row_id == row.id})
                 for row in grid.rows)  # fmt: skip
    notes = [_test(grid, cell_key, i, tests) for i, cell_key in tests_of_grid if tests]
    if len(values) > len(tests_of_grid):
        notes.append(_nominal(tests) if tests else UNDECLARED)
    return replace(grid, rows=rows, footnotes=(*grid.footnotes, *notes))


def _has_p(cell: Cell) -> bool:
    p = cell.get("p")
    return p is not None and p.raw is not None


def _mark_row(row: Row, confirmatory: set[str]) -> Row:
    cells = tuple(
        _mark_cell(cell) if _has_p(cell) and cell.column not in confirmatory else cell
        for cell in row.cells
    )
    return replace(row, cells=cells)


def _mark_cell(cell: Cell) -> Cell:
    def mark(statistic: Statistic) -> Statistic:
        return replace(statistic, nominal=True) if statistic.name == "p" else statistic

    return replace(cell, statistics=tuple(map(mark, cell.statistics)))


def _nominal(tests: _Tests) -> str:
    if tests.look is None:
        planned = (f"{look.label} (alpha {look.alpha:f})" for look in tests.testing.planned)
        return (
            "P values are nominal: interim, no planned look. They confirm only at"
            f" {', '.join(planned)}."
        )
    return (
        "A P value marked nominal is no confirmatory test: it is not in the declared order of"
        f" tests, or comes after one whose P value is above alpha ({tests.look.alpha:f})."
    )


def _test(grid: Grid, cell_key: _CellKey, number: int, tests: _Tests) -> str:
    _, row, column = cell_key
    labels = [grid.name(row)] if grid.name(row) else []
    labels += [grid_column.name for grid_column in grid.columns if grid_column.id == column]
    number_of_tests, look = len(tests.testing.order), tests.look
    named = f"{look.label}, " if look and tests.testing.looks else ""
    alpha = f"{look.alpha:f}" if look else ""
    name = ", ".join(map(isolated, labels))
    return f"Confirmatory test {number} of {number_of_tests} ({named}alpha {alpha}): {name}."
