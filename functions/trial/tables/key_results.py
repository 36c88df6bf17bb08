"""The summary's key results: each a cell of a table, formatted as its publication does."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from functools import partial

from trial.definition import Definition, available_statistics
from trial.definition.outputs import CellRef, KeyResultDefinition, Terms
from trial.definition.precision import Precision
from trial.definition.references import find_row
from trial.definition.summary_statistics import INTERVALS
from trial.events.field_errors import abbreviated
from trial.rules.matching import refused, unknown
from trial.rules.registry import FaultCollector
from trial.statistics.risks import CONTRAST_STATISTICS
from trial.tables import rounding
from trial.tables.compiled import CompiledStudy
from trial.tables.grid import (
    NOT_REPORTED,
    P_ADJUSTED,
    Cell,
    Column,
    Grid,
    KeyResult,
    Row,
    Statistic,
)
from trial.tables.rows.imputed import ImputedRow
from trial.tables.rows.kinds import CompiledRow, check_printed, row_id
from trial.tables.rows.levels import LevelsRow
from trial.tables.rows.models import AncovaRow
from trial.tables.rows.repeated import RepeatedRow
from trial.tables.rows.subgroups import narrowed_row
from trial.tables.rows.summaries import SummaryRow

_EMPTY, _NO_ROW = Cell(""), Row("", "", 0)
"""A row of terms that did not occur is not there, and counts nobody."""
type _Ends = tuple[str | None, str | None]
_RATIOS = "hazard-ratio", "rate-ratio"
_MEASURED = ("mean", "median", *CONTRAST_STATISTICS, *_RATIOS)
_P_VALUES = ("p", "p-adjusted")
NO_LOOK = "at a planned look only"
"""In place of an adjusted P value, which none of another time has."""
_LIMITS = {
    **dict.fromkeys(("count-percent", "mean", *CONTRAST_STATISTICS, *_RATIOS), INTERVALS["ci"]),
    "median": INTERVALS["median_ci"],
}
"""The limits in a cell by what they are of; a number and a P value have none of their own."""


def key_results(definition: Definition, grids: Iterable[Grid]) -> tuple[KeyResult, ...]:
    """Read the key results out of the tables they come from."""
    by_id = {grid.id: grid for grid in grids}
    return tuple(
        _key_result(
            key_result,
            by_id[key_result.source.table],
            _left_out(definition, key_result.source),
        )
        for key_result in definition.key_results
    )


_STATISTIC = {
    **{name: name for name in ("n", "events", "mean", "median")},
    **CONTRAST_STATISTICS,
    "hazard-ratio": "hazard_ratio",
    "rate-ratio": "rate_ratio",
    "p": "p",
    "p-adjusted": P_ADJUSTED,
    "count-percent": "percent",
}
"""What a cell must hold for a key result to show it."""


def check(compiled_study: CompiledStudy, faults: FaultCollector) -> None:
    """Collect the faults of key results: no such statistic, or more decimals than are kept."""
    for i, key_result in enumerate(compiled_study.study.definition.key_results):
        faults.attempt(partial(_check_shown, compiled_study, key_result, f"/key_results/{i}"))
        faults.attempt(partial(_check_decimals, compiled_study, key_result, f"/key_results/{i}"))


def _check_shown(compiled_study: CompiledStudy, key_result: KeyResultDefinition, path: str) -> None:
    ref, definition = key_result.source, compiled_study.study.definition
    if find_row(ref, definition.tables) is None:
        raise unknown(f"{path}/source", "cell", ref.row)
    statistics = available_statistics.available_statistics(ref, definition.tables)
    if (order := definition.testing) and order.procedure is not None and ref in order.order:
        statistics |= {P_ADJUSTED}
    if _STATISTIC[key_result.show] not in statistics:
        showable = [show for show, name in _STATISTIC.items() if name in statistics] or ["nothing"]
        where = f"row {ref.row} in column {ref.column} of table {ref.table}"
        detail = (
            f"is not a statistic of {where}: a key result of it can show {abbreviated(showable)}"
        )
        raise refused(f"{path}/show", detail)
    if key_result.show in CONTRAST_STATISTICS:
        _check_level(compiled_study, ref, path)


def _check_level(compiled_study: CompiledStudy, ref: CellRef, path: str) -> None:
    """Refuse the difference of several levels together: each has its own."""
    for row in _rows(compiled_study, ref):
        if isinstance(row, LevelsRow) and row.id == ref.row and not row.contrasts_first:
            row_ids = [row_id(row.id, level) for level in row.levels.labels]
            choices = abbreviated(row_ids or [f"{row.id}/<level>"])
            detail = f"has a difference for each level: name one of {choices}"
            raise refused(f"{path}/source/row", detail)


def _check_decimals(
    compiled_study: CompiledStudy, key_result: KeyResultDefinition, path: str
) -> None:
    if key_result.decimals is not None:
        for precision in _precisions(compiled_study, key_result.source):
            check_printed(precision, key_result.decimals, f"{path}/decimals")


def _precisions(compiled_study: CompiledStudy, ref: CellRef) -> Iterator[Precision]:
    """Return how finely that is kept of which a cell shows a mean, a median or a difference."""
    for row in _rows(compiled_study, ref):
        if isinstance(row, AncovaRow | SummaryRow) and row.id == ref.row:
            yield from row.precisions
        if isinstance(row, RepeatedRow | ImputedRow) and ref.row.startswith(f"{row.id}/"):
            yield from row.precisions


def _rows(compiled_study: CompiledStudy, ref: CellRef) -> Iterator[CompiledRow | None]:
    """Yield the compiled rows of a cell's table, as they are outside a subgroup."""
    tables = compiled_study.tables
    yield from map(narrowed_row, tables[ref.table].rows if ref.table in tables else ())


def _left_out(definition: Definition, ref: CellRef) -> str | None:
    """Return why a table may leave a term out, where a cell is of terms; None where it does not."""
    table_and_row = find_row(ref, definition.tables)
    row = table_and_row[1] if table_and_row else None
    terms = (row.terms or row.record_terms) if row else None
    if terms is None:
        return None
    if terms.minimum_percent is not None:
        return f"below {terms.minimum_percent:f} %"
    excess = terms.minimum_excess if isinstance(terms, Terms) else None
    return None if excess is None else f"not {excess.percent:f} % more"


def _key_result(definition: KeyResultDefinition, grid: Grid, left_out: str | None) -> KeyResult:
    source = definition.source
    row = next((row for row in grid.rows if row.id == source.row), _NO_ROW)
    cell = next((row_cell for row_cell in row.cells if row_cell.column == source.column), _EMPTY)
    column = next(grid_column for grid_column in grid.columns if grid_column.id == source.column)
    counts = definition.show not in (*_MEASURED, *_P_VALUES)
    nobody = not any(grid_column.n for grid_column in grid.columns)
    not_printed = left_out is not None and row is _NO_ROW  # in nobody, or in too few to be shown
    value, text = (None, NOT_REPORTED) if nobody else _shown(definition, cell)
    if not_printed and counts and not nobody:
        value, text = None, left_out or ""
    ci, ci_text = _interval(definition, cell)
    return KeyResult(
        id=definition.id,
        label=definition.label,
        population=definition.population or grid.population,
        n=None if nobody or not_printed else _n(definition, cell),
        N=_size(cell, column) if counts else None,
        value=value,
        unit=definition.unit or _unit(definition, row),
        text=text,
        ci=ci,
        ci_text=ci_text,
        interval=cell.interval,
        method=cell.method,
        rule=definition.rule,
        observed=_count(cell, "observed"),
        imputed=_count(cell, "imputed"),
        primary=definition.primary,
        not_due=_count(cell, "not_due") if counts else None,
        missing=_count(cell, "missing") if counts else None,
        without_row="" if nobody or row is not _NO_ROW else f"{source.row} of table {source.table}",
        direction=row.direction if definition.show in _MEASURED else "",
        nominal=definition.show == "p" and (p := cell.get("p")) is not None and p.nominal,
    )


def _size(cell: Cell, column: Column) -> int | None:
    """Return the denominator of a count: the cell's, or the column's where nobody is counted."""
    size = _count(cell, "N")
    return column.n if size is None else size


def _n(definition: KeyResultDefinition, cell: Cell) -> int | None:
    """Return the number behind a key result: subjects, events, values, or a test's subjects."""
    count = _count(cell, "events" if definition.show == "events" else "n")
    return count if count is not None or definition.show in (*_MEASURED, *_P_VALUES) else 0


def _unit(definition: KeyResultDefinition, row: Row) -> str:
    if definition.show == "count-percent":
        return "%"
    return row.unit if definition.show in _MEASURED else ""


def _shown(definition: KeyResultDefinition, cell: Cell) -> tuple[str | None, str]:
    match definition.show:
        case "n" | "events" as name:
            count = _count(cell, name) or 0
            return str(count), str(count)
        case "count-percent":
            percent = cell.get("percent")
            raw = None if percent is None or percent.raw is None else str(percent.raw)
            return raw, _count_percent(definition, cell)
        case name:
            return _measured(definition, cell.get(_STATISTIC[name]))


def _count_percent(definition: KeyResultDefinition, cell: Cell) -> str:
    n, percent = _count(cell, "n") or 0, cell.get("percent")
    if definition.decimals is not None:
        return rounding.count_percent(n, _count(cell, "N") or 0, definition.decimals)
    return f"{n} ({percent.text}%)" if percent is not None and percent.text else str(n)


def _measured(
    definition: KeyResultDefinition, statistic: Statistic | None
) -> tuple[str | None, str]:
    if statistic is None or statistic.raw is None:
        absent = NO_LOOK if definition.show == "p-adjusted" else ""
        return None, statistic.text if statistic else absent
    if definition.show == "p-adjusted":
        return str(statistic.raw), statistic.text
    if definition.show != "p":
        return str(statistic.raw), _text(statistic, definition.decimals)
    if definition.floor is None:
        return str(statistic.raw), statistic.text
    exact = Fraction(Decimal(str(statistic.raw)))  # which may have thousands of digits
    return str(statistic.raw), rounding.p_text(exact, definition.floor)


def _text(statistic: Statistic, decimals: int | None) -> str:
    """Show a statistic as its table does, unless the key result names its decimals."""
    if decimals is None:
        return statistic.text
    return rounding.decimal_text(Fraction(Decimal(str(statistic.raw))), decimals)


def _count(cell: Cell, name: str) -> int | None:
    statistic = cell.get(name)
    return statistic.raw if statistic is not None and isinstance(statistic.raw, int) else None


def _interval(definition: KeyResultDefinition, cell: Cell) -> tuple[_Ends | None, _Ends | None]:
    """Return the ends of an interval, exactly and with the decimals of what it is about."""
    if definition.show not in _LIMITS:
        return None, None
    low, high = (cell.get(name) for name in _LIMITS[definition.show])
    if low is None and high is None:
        return None, None
    texts = [_text(limit, definition.decimals) if limit else None for limit in (low, high)]
    exact = (str(low.raw) if low else None, str(high.raw) if high else None)
    return exact, (texts[0], texts[1])
