"""The summary's figures: each one cell of a table, shown the way its publication shows it."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction

from trial import numbers
from trial.errors import Fault, Rejected
from trial.study import Definition, FigureDefinition
from trial.tables.grid import Cell, Figure, Grid, Row

_EMPTY = Cell("")


def figures(definition: Definition, grids: Iterable[Grid]) -> tuple[Figure, ...]:
    """Read the figures out of the tables they come from."""
    by_id = {grid.id: grid for grid in grids}
    return tuple(_figure(each, by_id[each.source.table]) for each in definition.figures)


def check(definition: Definition) -> None:
    """Refuse figures that name a table or a column that is not there."""
    columns = {table.id: {column.id for column in table.columns} for table in definition.tables}
    for i, figure in enumerate(definition.figures):
        if figure.source.column not in columns.get(figure.source.table, ()):
            fault = Fault(f"/figures/{i}/source", "names no table and column of this definition")
            raise Rejected(422, "Definition not accepted", "", fault)


def _figure(definition: FigureDefinition, grid: Grid) -> Figure:
    cell = _cell(grid.rows, definition)
    size = next(each.n for each in grid.columns if each.id == definition.source.column)
    value, text = _shown(definition, cell)
    return Figure(
        id=definition.id,
        label=definition.label,
        population=grid.population,
        n=_count(cell, "events" if definition.show == "events" else "n") or 0,
        N=size,
        value=value,
        unit=definition.unit or ("%" if definition.show == "count-percent" else ""),
        text=text,
        ci=_interval(cell),
        method=cell.method,
        rule=definition.rule,
        observed=_count(cell, "observed"),
        imputed=_count(cell, "imputed"),
    )


def _cell(rows: Sequence[Row], definition: FigureDefinition) -> Cell:
    """Find the cell; a row of terms that did not occur has none, and counts nobody."""
    for row in rows:
        if row.id == definition.source.row:
            return next((c for c in row.cells if c.column == definition.source.column), _EMPTY)
    return _EMPTY


def _shown(definition: FigureDefinition, cell: Cell) -> tuple[str | None, str]:
    n = _count(cell, "n") or 0
    match definition.show:
        case "n":
            return str(n), str(n)
        case "events":
            events = _count(cell, "events") or 0
            return str(events), str(events)
        case "count-percent":
            percent = cell.get("percent")
            raw = None if percent is None or percent.raw is None else str(percent.raw)
            return raw, numbers.count_percent(n, _count(cell, "N") or 0)
        case "p":
            p = cell.get("p")
            if p is None or p.raw is None:
                return None, ""
            floor = definition.floor or Decimal("0.001")
            return str(p.raw), numbers.p_text(Fraction(str(p.raw)), floor)
        case show:
            statistic = cell.get(show)
            if statistic is None or statistic.raw is None:
                return None, ""
            exact = Fraction(str(statistic.raw))
            return str(statistic.raw), numbers.decimal_text(exact, definition.decimals)


def _count(cell: Cell, name: str) -> int | None:
    statistic = cell.get(name)
    return statistic.raw if statistic is not None and isinstance(statistic.raw, int) else None


def _interval(cell: Cell) -> tuple[str, str] | None:
    low, high = cell.get("ci_low"), cell.get("ci_high")
    return (str(low.raw), str(high.raw)) if low and high else None
