"""Confirmatory P values: those of the declared order, until one test in it fails."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from trial.definition import Definition
from trial.definition.references import find_row
from trial.definition.reporting import Look, Testing
from trial.tables.bidi import isolated
from trial.tables.grid import CONCLUSION, P_MARGIN, TESTED, Cell, Grid, Row

type _CellKey = tuple[str, str, str]
"""The ids of a table, a row and a column."""

UNDECLARED = "P values are nominal: none is declared as a confirmatory test."


@dataclass(frozen=True)
class _Tests:
    """The confirmatory tests, in order, and the planned look at which they are read, if any."""

    testing: Testing
    look: Look | None
    cell_keys: Sequence[_CellKey]
    failed: _CellKey | None = None
    """The last of them, where it is above its alpha."""


def mark_nominal(
    testing: Testing | None,
    grids: Sequence[Grid],
    look: str,
    alphas: Mapping[_CellKey, Decimal] | None = None,
) -> tuple[Grid, ...]:
    """Mark every P value that is not confirmatory as nominal, with a footnote.

    At no planned look (`look` is '') no P value is confirmatory. `alphas` are those of margins.
    """
    tests = None
    if testing is not None:
        current_look = next((planned for planned in testing.planned if planned.id == look), None)
        cell_keys = (
            _confirmatory(testing, current_look, grids, alphas or {}) if current_look else ()
        )
        results = list(cell_keys)
        failed = next((cell_key for cell_key, succeeded in results if not succeeded), None)
        tests = _Tests(testing, current_look, [cell_key for cell_key, _ in results], failed)
    return tuple(_mark_grid(grid, tests) for grid in grids)


def _confirmatory(
    testing: Testing, look: Look, grids: Sequence[Grid], alphas: Mapping[_CellKey, Decimal]
) -> Iterable[tuple[_CellKey, bool]]:
    """Yield the tests in order, up to the first that fails or before one without a P value.

    The test of a margin has an alpha of its own, of which a look spends as large a part.
    """
    p_values = {
        (grid.id, row.id, cell.column): p
        for grid in grids
        if grid.id in {ref.table for ref in testing.order}
        for row in grid.rows
        for cell in row.cells
        if (p := cell.tested) is not None
    }
    for ref in testing.order:
        cell_key = ref.table, ref.row, ref.column
        p = p_values.get(cell_key)
        if p is None or p.raw is None:
            return
        own_alpha = alphas.get(cell_key, testing.alpha) if p.name == P_MARGIN else testing.alpha
        part = Fraction(look.alpha) / Fraction(testing.alpha)
        succeeded = Fraction(Decimal(str(p.raw))) <= Fraction(own_alpha) * part
        yield cell_key, succeeded
        if not succeeded:
            return


def alphas_of_margins(definition: Definition) -> Mapping[_CellKey, Decimal]:
    """Return the alpha of each test in the order whose row has a margin."""
    order = definition.testing.order if definition.testing else ()
    rows = {(ref.table, ref.row, ref.column): find_row(ref, definition.tables) for ref in order}
    return {
        cell_key: match[1].margin.alpha
        for cell_key, match in rows.items()
        if match is not None and match[1].margin is not None
    }


def _mark_grid(grid: Grid, tests: _Tests | None) -> Grid:
    if not any(_has_p(cell) for row in grid.rows for cell in row.cells):
        return grid
    cell_keys = tests.cell_keys if tests else ()
    tests_of_grid = [
        (i, cell_key) for i, cell_key in enumerate(cell_keys, 1) if cell_key[0] == grid.id
    ]
    results = {
        cell_key[1:]: tests is not None and cell_key != tests.failed
        for _, cell_key in tests_of_grid
    }
    rows = tuple(
        _mark_row(row, {column: ok for (row_id, column), ok in results.items() if row_id == row.id})
        for row in grid.rows
    )
    notes = [_test(grid, cell_key, i, tests) for i, cell_key in tests_of_grid if tests]
    if any(statistic.nominal and statistic.raw is not None
           for row in rows for cell in row.cells for statistic in cell.statistics):  # fmt: skip
        notes.append(_nominal(tests) if tests else UNDECLARED)
    return replace(grid, rows=rows, footnotes=(*grid.footnotes, *notes))


def _has_p(cell: Cell) -> bool:
    return any(
        statistic.name in TESTED and statistic.raw is not None for statistic in cell.statistics
    )


def _mark_row(row: Row, results: Mapping[str, bool]) -> Row:
    """Mark a row, by column whether its confirmatory test succeeded."""
    cells = tuple(
        _mark_cell(cell, results.get(cell.column)) if _has_p(cell) else cell for cell in row.cells
    )
    return replace(row, cells=cells)


def _mark_cell(cell: Cell, succeeded: bool | None) -> Cell:  # noqa: FBT001 (or it is no test)
    """Mark what is nominal.

    Of a confirmatory test of a margin that is the other P value; and that the margin is kept, where
    the test is above the alpha of its look.
    """
    names = set(TESTED)
    if succeeded is not None:
        names = {"p"} if cell.get(P_MARGIN) else set()
        conclusion = cell.get(CONCLUSION)
        if not succeeded and conclusion is not None and "not shown" not in conclusion.text:
            names.add(CONCLUSION)
    statistics = (
        replace(statistic, nominal=True) if statistic.name in names else statistic
        for statistic in cell.statistics
    )
    return replace(cell, statistics=tuple(statistics))


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
