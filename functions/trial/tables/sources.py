"""The rows and columns that figures are read from, checked when a definition is put."""

from collections.abc import Mapping
from functools import partial

from trial.definition.design import Visit
from trial.definition.figures import BY_VISIT, FIGURE_KINDS, FigureDefinition
from trial.definition.outputs import Table, TableRow
from trial.definition.study import Study
from trial.errors import Rejected
from trial.events.field_errors import not_in_list
from trial.rules.matching import refused, unknown
from trial.rules.registry import FaultCollector


def check(study: Study, faults: FaultCollector) -> None:
    """Collect the faults of figures whose source is not defined, or not of the kind they draw."""
    for i, figure in enumerate(study.definition.figures):
        faults.attempt(partial(_check, figure, study, f"/figures/{i}/source"))


def _check(figure: FigureDefinition, study: Study, path: str) -> None:
    source, kind = figure.source, FIGURE_KINDS[figure.kind]
    table = next(
        (candidate for candidate in study.definition.tables if candidate.id == source.table), None
    )
    if table is None:
        raise unknown(f"{path}/table", "table", source.table)
    row = next((candidate for candidate in table.rows if candidate.id == source.row), None)
    if row is None:
        raise unknown(f"{path}/row", f"row of table {table.id}", source.row)
    if row.kind != kind:
        raise refused(
            f"{path}/row", f"must be a row of kind {kind}, which a figure of {figure.kind} draws"
        )
    _check_visits(figure, row, study.visits, f"{path}/row")
    fitting_columns = figure.fitting(table, row)
    if not fitting_columns:
        raise refused(f"{path}/row", f"has no statistics that a figure of {figure.kind} can draw")
    for i, name in enumerate(source.columns):
        if name not in fitting_columns:
            raise _unfit(figure, table, name, fitting_columns, f"{path}/columns/{i}")


def _unfit(
    figure: FigureDefinition, table: Table, name: str, fitting_columns: list[str], path: str
) -> Rejected:
    if name not in {column.id for column in table.columns}:
        return unknown(path, f"column of table {table.id}", name)
    detail = f"has nothing that a figure of {figure.kind} can draw from row {figure.source.row}"
    return refused(path, f"{detail}: {not_in_list(name, fitting_columns)}")


def _check_visits(
    figure: FigureDefinition, row: TableRow, visits_by_id: Mapping[str, Visit], path: str
) -> None:
    if (row.visits is not None) != (figure.kind in BY_VISIT):
        with_or_without = "with" if row.visits is None else "without"
        raise refused(path, f"must be a row {with_or_without} visits for a figure of {figure.kind}")
    named = visits_by_id if row.visits == "all" else row.visits or ()
    visits = [visits_by_id[name] for name in named if name in visits_by_id]
    if without := [visit.id for visit in visits if visit.day is None]:
        raise refused(path, f"must not have visits without a `day`: {', '.join(without)}")
    if len({visit.days_from for visit in visits}) > 1:
        raise refused(path, "must have visits whose days all count from one date (`days_from`)")
