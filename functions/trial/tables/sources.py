"""The rows and columns that figures are read from, checked when a definition is put."""

from collections.abc import Mapping
from functools import partial

from trial.definition.design import Visit
from trial.definition.figures import (
    BY_VISIT,
    FIGURE_KINDS,
    INTERACTING,
    OF_SUBJECTS,
    WITH_OR_WITHOUT_VISITS,
    FigureDefinition,
    estimated,
)
from trial.definition.outputs import Table, TableRow
from trial.definition.study import Study
from trial.errors import Rejected
from trial.events.field_errors import not_in_list
from trial.rules.matching import refused, unknown
from trial.rules.registry import FaultCollector
from trial.tables.subjects_drawn import visits_of


def check(study: Study, faults: FaultCollector) -> None:
    """Collect the faults of figures whose source is not defined, or not of the kind they draw."""
    for i, figure in enumerate(study.definition.figures):
        faults.attempt(partial(_check, figure, study, f"/figures/{i}/source"))


def _check(figure: FigureDefinition, study: Study, path: str) -> None:
    source = figure.source
    table = next(
        (candidate for candidate in study.definition.tables if candidate.id == source.table), None
    )
    if table is None:
        raise unknown(f"{path}/table", "table", source.table)
    row = _row(figure, table, source.row, f"{path}/row")
    _check_visits(figure, row, study.visits, f"{path}/row")
    fitting_columns = figure.fitting(table, row)
    if not fitting_columns:
        raise refused(f"{path}/row", f"has no statistics that a figure of {figure.kind} can draw")
    for i, name in enumerate(source.columns):
        if name not in fitting_columns:
            raise _unfit(figure, table, name, fitting_columns, f"{path}/columns/{i}")
    if figure.kind in OF_SUBJECTS:
        _check_joint(figure, row, study, f"{path}/row")
    if figure.differences is not None:
        _check_differences(figure, table, row, path.removesuffix("source") + "differences")
    if figure.kind == "forest":
        _check_forest(figure, table, row, path)


def _row(figure: FigureDefinition, table: Table, name: str, path: str) -> TableRow:
    """Return a row that a figure is read from, of a kind that it draws."""
    row = next((candidate for candidate in table.rows if candidate.id == name), None)
    if row is None:
        raise unknown(path, f"row of table {table.id}", name)
    kinds = FIGURE_KINDS[figure.kind]
    if row.kind not in kinds:
        detail = (
            f"must be a row of kind {' or '.join(kinds)}, which a figure of {figure.kind} draws"
        )
        raise refused(path, detail)
    return row


def _check_forest(figure: FigureDefinition, table: Table, row: TableRow, path: str) -> None:
    """Refuse a forest of several columns, or of estimates that no axis can show together."""
    names = figure.columns_of(table, row)
    if len(names) != 1:
        detail = f"must name the one column that a forest shows: {', '.join(names)}"
        raise refused(f"{path}/columns", detail)
    (column,) = (candidate for candidate in table.columns if candidate.id == names[0])
    first = estimated(table, row, column)
    for i, name in enumerate(figure.source.rows):
        other_row = _row(figure, table, name, f"{path}/rows/{i}")
        estimate = estimated(table, other_row, column)
        if estimate is None:
            detail = f"has no estimate with two limits in column {column.id}"
            raise refused(f"{path}/rows/{i}", detail)
        if first is not None and estimate != first:
            of_each = " and ".join(
                f"{_words(name)} of {row_name}" for name, row_name in (estimate, first)
            )
            raise refused(
                f"{path}/rows/{i}", f"cannot stand on one axis with row {row.id}: {of_each}"
            )
    if figure.interaction and not any(map(_has_interaction, figure.rows_of(table))):
        detail = f"must show a row with `subgroups` and without `visits`: {', '.join(INTERACTING)}"
        raise refused(f"{path.removesuffix('/source')}/interaction", detail)


def _check_joint(figure: FigureDefinition, row: TableRow, study: Study, path: str) -> None:
    """Refuse a row that does not keep what a figure of a mark a subject draws."""
    of_marks = len(figure.marks) if figure.kind == "swimmer" else len(row.joint)
    if (figure.kind == "scatter" and len(row.joint) != 1) or of_marks != len(row.joint):
        detail = f"must keep as `joint` {OF_SUBJECTS[figure.kind]}: it has {len(row.joint)}"
        raise refused(path, detail)
    if figure.kind != "profiles":
        return
    if isinstance(row.summary, dict) or row.summary is None:
        raise refused(path, "must describe one measure in all columns, that at the last visit")
    measures = (*row.joint, row.summary)
    visits = visits_of(measures, study.definition.measures, study.visits)
    days = [visit.day for visit in visits if visit is not None and visit.day is not None]
    if len(days) < len(measures):
        raise refused(path, "must be of measures that are each `at` a visit with a `day`")
    if days != sorted(set(days)):
        raise refused(path, "must keep the measures in the order of their visits, its own last")
    if len({visit.days_from for visit in visits if visit is not None}) > 1:
        raise refused(path, "must have visits whose days all count from one date (`days_from`)")


def _check_differences(figure: FigureDefinition, table: Table, row: TableRow, path: str) -> None:
    """Refuse a column beside dots in which their terms have no estimate with two limits."""
    fitting = [column.id for column in table.columns if estimated(table, row, column) is not None]
    if figure.differences not in fitting:
        detail = f"must be a column that contrasts two, by row {row.id}"
        raise refused(path, f"{detail}: {not_in_list(str(figure.differences), fitting)}")


def _words(statistic: str) -> str:
    return statistic.replace("_", " ")


def _has_interaction(row: TableRow) -> bool:
    """Return whether a row has subgroups whose estimates can be tested for being one."""
    return row.subgroups is not None and row.visits is None and row.kind in INTERACTING


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
    is_misplaced = (row.visits is not None) != (figure.kind in BY_VISIT)
    if is_misplaced and figure.kind not in WITH_OR_WITHOUT_VISITS:
        with_or_without = "with" if row.visits is None else "without"
        raise refused(path, f"must be a row {with_or_without} visits for a figure of {figure.kind}")
    if figure.kind not in BY_VISIT:
        return
    visit_names = visits_by_id if row.visits == "all" else row.visits or ()
    visits = [visits_by_id[name] for name in visit_names if name in visits_by_id]
    if undated := [visit.id for visit in visits if visit.day is None]:
        raise refused(path, f"must not have visits without a `day`: {', '.join(undated)}")
    if len({visit.days_from for visit in visits}) > 1:
        raise refused(path, "must have visits whose days all count from one date (`days_from`)")
