"""What figures are read out of: checked before anything is counted."""

from collections.abc import Mapping
from functools import partial

from trial.definition.design import Visit
from trial.definition.figures import BY_VISIT, FIGURE_KINDS, FigureDefinition
from trial.definition.outputs import TableRow
from trial.definition.study import Study
from trial.rules.matching import refused, unknown
from trial.rules.registry import FaultCollector


def check(study: Study, faults: FaultCollector) -> None:
    """Note figures of what is not there, or is of another kind than they draw."""
    for i, figure in enumerate(study.definition.figures):
        faults.attempt(partial(_check, figure, study, f"/figures/{i}/source"))


def _check(figure: FigureDefinition, study: Study, path: str) -> None:
    source, kind = figure.source, FIGURE_KINDS[figure.kind]
    table = next((each for each in study.definition.tables if each.id == source.table), None)
    if table is None:
        raise unknown(f"{path}/table", "table", source.table)
    row = next((each for each in table.rows if each.id == source.row), None)
    if row is None:
        raise unknown(f"{path}/row", f"row of table {table.id}", source.row)
    if row.kind != kind:
        raise refused(f"{path}/row", f"is no {kind}, which a figure of {figure.kind} shows")
    _check_visits(figure, row, study.visits, f"{path}/row")
    there = figure.fitting(table, row)
    if not there:
        raise refused(f"{path}/row", f"holds nothing that a figure of {figure.kind} could show")
    for i, name in enumerate(source.columns):
        if name not in there:
            what = f"column in which row {row.id} holds what a figure of {figure.kind} shows"
            raise unknown(f"{path}/columns/{i}", what, name)


def _check_visits(
    figure: FigureDefinition, row: TableRow, known: Mapping[str, Visit], path: str
) -> None:
    if (row.visits is not None) != (figure.kind in BY_VISIT):
        which = "with" if row.visits is None else "without"
        raise refused(path, f"a figure of {figure.kind} takes a row {which} visits")
    named = known if row.visits == "all" else row.visits or ()
    visits = [known[name] for name in named if name in known]
    if without := [each.id for each in visits if each.day is None]:
        raise refused(path, f"has no place for visits without a day: {', '.join(without)}")
    if len({each.days_from for each in visits}) > 1:
        raise refused(path, "has no axis for visits whose days count from different dates")
