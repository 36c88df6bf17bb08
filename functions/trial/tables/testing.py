"""Which P values are confirmatory: those of the declared order, until one test in it fails."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from trial.definition.reporting import Look, Testing
from trial.tables.bidi import isolated
from trial.tables.grid import Cell, Grid, Row, Statistic

type _Place = tuple[str, str, str]
"""The ids of a table, a row and a column."""

UNDECLARED = "P values are nominal: none is declared as a confirmatory test."


@dataclass(frozen=True)
class _Tests:
    """The tests that are confirmatory, in order, and the look that they are read at, if any."""

    testing: Testing
    look: Look | None
    places: Sequence[_Place]


def mark_nominal(testing: Testing | None, grids: Sequence[Grid], look: str) -> tuple[Grid, ...]:
    """Mark every P value that is not confirmatory as nominal, and say so under its table.

    At no planned look (`look` is '') none is.
    """
    tests = None
    if testing is not None:
        found = next((each for each in testing.planned if each.id == look), None)
        places = _confirmatory(testing, found, grids) if found else ()
        tests = _Tests(testing, found, tuple(places))
    return tuple(_marked(grid, tests) for grid in grids)


def _confirmatory(testing: Testing, look: Look, grids: Sequence[Grid]) -> Iterable[_Place]:
    """Follow the order: it ends with a test that fails, and before one that cannot be made."""
    found = {
        (grid.id, row.id, cell.column): p
        for grid in grids
        if grid.id in {ref.table for ref in testing.order}
        for row in grid.rows
        for cell in row.cells
        if (p := cell.get("p")) is not None
    }
    for ref in testing.order:
        place = ref.table, ref.row, ref.column
        p = found.get(place)
        if p is None or p.raw is None:
            return
        yield place
        if Fraction(Decimal(str(p.raw))) > Fraction(look.alpha):
            return


def _marked(grid: Grid, tests: _Tests | None) -> Grid:
    values = [cell for row in grid.rows for cell in row.cells if _has_p(cell)]
    if not values:
        return grid
    places = tests.places if tests else ()
    own = [(i, place) for i, place in enumerate(places, 1) if place[0] == grid.id]
    kept = {place[1:] for _, place in own}
    rows = tuple(_marked_row(row, {column for of, column in kept if of == row.id})
                 for row in grid.rows)  # fmt: skip
    notes = [_test(grid, place, i, tests) for i, place in own if tests]
    if len(values) > len(own):
        notes.append(_nominal(tests) if tests else UNDECLARED)
    return replace(grid, rows=rows, footnotes=(*grid.footnotes, *notes))


def _has_p(cell: Cell) -> bool:
    p = cell.get("p")
    return p is not None and p.raw is not None


def _marked_row(row: Row, confirmatory: set[str]) -> Row:
    cells = tuple(
        _marked_cell(cell) if _has_p(cell) and cell.column not in confirmatory else cell
        for cell in row.cells
    )
    return replace(row, cells=cells)


def _marked_cell(cell: Cell) -> Cell:
    def mark(each: Statistic) -> Statistic:
        return replace(each, nominal=True) if each.name == "p" else each

    return replace(cell, statistics=tuple(map(mark, cell.statistics)))


def _nominal(tests: _Tests) -> str:
    if tests.look is None:
        planned = (f"{each.label} (alpha {each.alpha:f})" for each in tests.testing.planned)
        return (
            "P values are nominal: interim, no planned look. They confirm only at"
            f" {', '.join(planned)}."
        )
    return (
        "A P value marked nominal is no confirmatory test: it is not in the declared order of"
        f" tests, or comes after one whose P value is above alpha ({tests.look.alpha:f})."
    )


def _test(grid: Grid, place: _Place, number: int, tests: _Tests) -> str:
    _, row, column = place
    labels = [grid.name(row)] if grid.name(row) else []
    labels += [each.label for each in grid.columns if each.id == column]
    of, look = len(tests.testing.order), tests.look
    named = f"{look.label}, " if look and tests.testing.looks else ""
    alpha = f"{look.alpha:f}" if look else ""
    told = ", ".join(map(isolated, labels))
    return f"Confirmatory test {number} of {of} ({named}alpha {alpha}): {told}."
