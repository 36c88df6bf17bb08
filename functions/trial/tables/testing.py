"""Confirmatory P values: those of the declared order, until one test in it fails."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from trial.deferred import dataclass
from trial.definition import Definition
from trial.definition.references import find_row
from trial.definition.reporting import Look, Testing
from trial.statistics.multiplicity import GRAPH, ONE, PROCEDURES, graph
from trial.statistics.sequential import LEAST_STEP, SPENDING, boundary
from trial.tables.bidi import isolated
from trial.tables.grid import (
    CONCLUSION,
    P_ADJUSTED,
    P_MARGIN,
    TESTED,
    Cell,
    Grid,
    Row,
    Statistic,
)
from trial.tables.rounding import decimal_text, exact_text, p_text

type _CellKey = tuple[str, str, str]
"""The ids of a table, a row and a column."""

_ALPHA_PLACES, _Z_PLACES = 5, 4
UNDECLARED = "P values are nominal: none is declared as a confirmatory test."


@dataclass(frozen=True)
class LookAlpha:
    """What is spent at a look, and what a reader sees of it; None where no boundary can be."""

    alpha: Fraction | None
    text: str


@dataclass(frozen=True)
class _Decision:
    """What a procedure makes of a confirmatory test."""

    succeeded: bool
    adjusted: Fraction | None
    """Its adjusted P value, where a procedure is named."""


@dataclass(frozen=True)
class _Tests:
    """The confirmatory tests, in order, and the planned look at which they are read, if any."""

    testing: Testing
    look: Look | None
    spent: LookAlpha
    decisions: Mapping[_CellKey, _Decision]


def mark_nominal(
    testing: Testing | None,
    grids: Sequence[Grid],
    look: str,
    alphas: Mapping[_CellKey, Decimal] | None = None,
    information: int | None = None,
) -> tuple[Grid, ...]:
    """Mark every P value that is not confirmatory as nominal, with a footnote.

    At no planned look (`look` is '') no P value is confirmatory. `alphas` are those of margins,
    `information` is how much there is, if a cell counts it. Where a procedure is named, adjusted P
    values stand beside.
    """
    tests = None
    if testing is not None:
        current_look = next((planned for planned in testing.planned if planned.id == look), None)
        spent = LookAlpha(None, "")
        decisions: Mapping[_CellKey, _Decision] = {}
        if current_look is not None:
            spent = look_alpha(testing, current_look, information)
            decisions = _decisions(testing, spent, grids, alphas or {})
        tests = _Tests(testing, current_look, spent, decisions)
    return tuple(_mark_grid(grid, tests) for grid in grids)


def look_alpha(testing: Testing, look: Look, information: int | None) -> LookAlpha:
    """Return the two-sided alpha of a look: as planned, or by what there is of the information."""
    if testing.spending is None:
        return LookAlpha(Fraction(look.alpha or testing.alpha), f"{look.alpha:f}")
    spending, place = testing.spending, testing.planned.index(look)
    last = place == len(testing.planned) - 1
    amount = look.information if information is None else information
    amount = spending.planned if amount is None and last else amount
    amounts = [*(before.information for before in testing.planned[:place]), amount]
    shares = tuple(Fraction(part or 0, spending.planned) for part in amounts)
    if any(after - before < LEAST_STEP for before, after in pairwise((Fraction(0), *shares))):
        return LookAlpha(
            None, f"none: information {amount} of {spending.planned} is no more than before"
        )
    side = Fraction(testing.alpha) / 2
    limit = boundary(spending.function, side, shares, last=last)
    name = SPENDING[spending.function]
    if not limit.nominal:
        return LookAlpha(None, f"none: all of {testing.alpha:f} was spent before")
    return LookAlpha(
        2 * Fraction(limit.nominal),
        f"{decimal_text(2 * limit.nominal, _ALPHA_PLACES)} by {name} at information {amount} of"
        f" {spending.planned}: two-sided, boundary |Z| {decimal_text(limit.z, _Z_PLACES)},"
        f" {decimal_text(2 * limit.spent, _ALPHA_PLACES)} of {testing.alpha:f} spent",
    )


def _decisions(
    testing: Testing,
    spent: LookAlpha,
    grids: Sequence[Grid],
    alphas: Mapping[_CellKey, Decimal],
) -> dict[_CellKey, _Decision]:
    """Decide on the tests in order: in a sequence up to the first that fails or has no P value.

    The test of a margin has an alpha of its own: its P value counts as the same part of the whole
    alpha as it is of that one.
    """
    tested = {
        (grid.id, row.id, cell.column): p
        for grid in grids
        if grid.id in {ref.table for ref in testing.order}
        for row in grid.rows
        for cell in row.cells
        if (p := cell.tested) is not None and p.raw is not None
    }
    cell_keys = [(ref.table, ref.row, ref.column) for ref in testing.order]
    p_values = []
    for cell_key in cell_keys:
        p = tested.get(cell_key)
        own_alpha = alphas.get(cell_key) if p is not None and p.name == P_MARGIN else None
        part = Fraction(testing.alpha) / Fraction(own_alpha or testing.alpha)
        p_values.append(min(ONE, Fraction(Decimal(str(p.raw))) * part) if p else ONE)
    adjusted = _adjusted(testing, p_values)
    decisions: dict[_CellKey, _Decision] = {}
    for cell_key, p_adjusted in zip(cell_keys, adjusted, strict=True):
        if spent.alpha is None or (cell_key not in tested and not testing.tests_all):
            break
        succeeded = p_adjusted <= spent.alpha
        if cell_key in tested:
            p_value = None if testing.procedure is None else p_adjusted
            decisions[cell_key] = _Decision(succeeded, p_value)
        if not succeeded and not testing.tests_all:
            break
    return decisions


def _adjusted(testing: Testing, p_values: Sequence[Fraction]) -> list[Fraction]:
    """Return the adjusted P values by the procedure; without one the order decides."""
    if testing.graph is not None:
        weights = list(map(Fraction, testing.graph.weights))
        transitions = [list(map(Fraction, row)) for row in testing.graph.transitions]
        return graph(p_values, weights, transitions)
    _, adjust = PROCEDURES[testing.procedure or "fixed-sequence"]
    return adjust(p_values)


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
    decisions = {
        cell_key[1:]: decision
        for cell_key, decision in (tests.decisions.items() if tests else ())
        if cell_key[0] == grid.id
    }
    rows = tuple(
        _mark_row(
            row,
            {column: decision for (name, column), decision in decisions.items() if name == row.id},
        )
        for row in grid.rows
    )
    notes = [] if tests is None else [_test(grid, place, tests) for place in decisions]
    if any(statistic.nominal and statistic.raw is not None
           for row in rows for cell in row.cells for statistic in cell.statistics):  # fmt: skip
        notes.append(_nominal(tests) if tests else UNDECLARED)
    return replace(grid, rows=rows, footnotes=(*grid.footnotes, *notes))


def _has_p(cell: Cell) -> bool:
    return any(
        statistic.name in TESTED and statistic.raw is not None for statistic in cell.statistics
    )


def _mark_row(row: Row, decisions: Mapping[str, _Decision]) -> Row:
    """Mark a row, by column what was decided of its confirmatory test."""
    cells = tuple(
        _mark_cell(cell, decisions.get(cell.column)) if _has_p(cell) else cell for cell in row.cells
    )
    return replace(row, cells=cells)


def _mark_cell(cell: Cell, decision: _Decision | None) -> Cell:
    """Mark what is nominal, and show the adjusted P value of a confirmatory test.

    Of a confirmatory test of a margin nominal is the other P value; and that the margin is kept,
    where the test is above the alpha of its look.
    """
    names, adjusted = set(TESTED), None
    if decision is not None:
        names, adjusted = {"p"} if cell.get(P_MARGIN) else set(), decision.adjusted
        conclusion = cell.get(CONCLUSION)
        if not decision.succeeded and conclusion and "not shown" not in conclusion.text:
            names.add(CONCLUSION)
    statistics = [
        replace(statistic, nominal=True) if statistic.name in names else statistic
        for statistic in cell.statistics
    ]
    if adjusted is not None:
        text = p_text(adjusted)
        statistics.append(Statistic(P_ADJUSTED, exact_text(adjusted), text))
    return replace(cell, statistics=tuple(statistics))


def _nominal(tests: _Tests) -> str:
    if tests.look is None:
        planned = (
            look.label if look.alpha is None else f"{look.label} (alpha {look.alpha:f})"
            for look in tests.testing.planned
        )
        return (
            "P values are nominal: interim, no planned look. They confirm only at"
            f" {', '.join(planned)}."
        )
    if tests.testing.tests_all:
        return (
            "A P value marked nominal is no confirmatory test: it is not among the declared tests."
        )
    return (
        "A P value marked nominal is no confirmatory test: it is not in the declared order of"
        f" tests, or comes after one whose P value is above alpha ({tests.spent.text})."
    )


def _test(grid: Grid, place: tuple[str, str], tests: _Tests) -> str:
    row, column = place
    labels = [grid.name(row)] if grid.name(row) else []
    labels += [grid_column.name for grid_column in grid.columns if grid_column.id == column]
    order = [(ref.table, ref.row, ref.column) for ref in tests.testing.order]
    number, look = order.index((grid.id, row, column)) + 1, tests.look
    look_words = f"{look.label}, " if look and tests.testing.looks else ""
    name, decision = ", ".join(map(isolated, labels)), tests.decisions[grid.id, row, column]
    text = (
        f"Confirmatory test {number} of {len(order)} ({look_words}alpha {tests.spent.text}): {name}"
    )
    if decision.adjusted is None:
        return f"{text}."
    p = p_text(decision.adjusted)
    rejected = "rejected" if decision.succeeded else "not rejected"
    return f"{text}; adjusted P {p} ({procedure_name(tests.testing)}), {rejected}."


def procedure_name(testing: Testing) -> str:
    """Return what the procedure is called."""
    procedure = testing.procedure or "fixed-sequence"
    return GRAPH if testing.graph is not None else PROCEDURES[procedure][0]
