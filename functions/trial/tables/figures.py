"""The summary's figures: each one cell of a table, shown the way its publication shows it."""

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

from trial import numbers
from trial.definition import Definition
from trial.definition.outputs import FigureDefinition
from trial.definition.references import row_of
from trial.errors import Fault, Rejected
from trial.tables.grid import Cell, Figure, Grid, Row, Statistic

_EMPTY, _NO_ROW = Cell(""), Row("", "", 0)
"""A row of terms that did not occur is not there, and counts nobody."""
_MEASURED = ("mean", "median", "difference")


def figures(definition: Definition, grids: Iterable[Grid]) -> tuple[Figure, ...]:
    """Read the figures out of the tables they come from."""
    by_id = {grid.id: grid for grid in grids}
    return tuple(_figure(each, by_id[each.source.table]) for each in definition.figures)


def check(definition: Definition) -> None:
    """Refuse figures that name a table, a row or a column that is not there."""
    for i, figure in enumerate(definition.figures):
        if row_of(figure.source, definition.tables) is None:
            detail = "names no table, row and column of this definition"
            fault = Fault(f"/figures/{i}/source", detail)
            raise Rejected(422, "Definition not accepted", "", fault)


def _figure(definition: FigureDefinition, grid: Grid) -> Figure:
    row = next((row for row in grid.rows if row.id == definition.source.row), _NO_ROW)
    cell = next((each for each in row.cells if each.column == definition.source.column), _EMPTY)
    size = next(each.n for each in grid.columns if each.id == definition.source.column)
    value, text = _shown(definition, cell)
    return Figure(
        id=definition.id,
        label=definition.label,
        population=definition.population or grid.population,
        n=_n(definition, cell),
        N=None if definition.show in (*_MEASURED, "p") else size,
        value=value,
        unit=definition.unit or _unit(definition, row),
        text=text,
        ci=None if definition.show == "p" else _interval(cell),
        method=cell.method,
        rule=definition.rule,
        observed=_count(cell, "observed"),
        imputed=_count(cell, "imputed"),
        primary=definition.primary,
        direction=row.direction if definition.show in _MEASURED else "",
        nominal=definition.show == "p" and (p := cell.get("p")) is not None and p.nominal,
    )


def _n(definition: FigureDefinition, cell: Cell) -> int | None:
    """Count who or what is shown: subjects, events, those with a value; of a test whom it is of."""
    found = _count(cell, "events" if definition.show == "events" else "n")
    return found if found is not None or definition.show in (*_MEASURED, "p") else 0


def _unit(definition: FigureDefinition, row: Row) -> str:
    if definition.show == "count-percent":
        return "%"
    return row.unit if definition.show in _MEASURED else ""


def _shown(definition: FigureDefinition, cell: Cell) -> tuple[str | None, str]:
    match definition.show:
        case "n" | "events" as name:
            count = _count(cell, name) or 0
            return str(count), str(count)
        case "count-percent":
            percent = cell.get("percent")
            raw = None if percent is None or percent.raw is None else str(percent.raw)
            return raw, numbers.count_percent(_count(cell, "n") or 0, _count(cell, "N") or 0)
        case name:
            return _measured(definition, cell.get(name))


def _measured(definition: FigureDefinition, statistic: Statistic | None) -> tuple[str | None, str]:
    if statistic is None or statistic.raw is None:
        return None, statistic.text if statistic else ""
    exact = Fraction(Decimal(str(statistic.raw)))  # which may have thousands of digits
    if definition.show == "p":
        return str(statistic.raw), numbers.p_text(exact, definition.floor or Decimal("0.001"))
    return str(statistic.raw), numbers.decimal_text(exact, definition.decimals)


def _count(cell: Cell, name: str) -> int | None:
    statistic = cell.get(name)
    return statistic.raw if statistic is not None and isinstance(statistic.raw, int) else None


def _interval(cell: Cell) -> tuple[str, str] | None:
    low, high = cell.get("ci_low"), cell.get("ci_high")
    return (str(low.raw), str(high.raw)) if low and high else None
