"""What splits subjects and records into groups, as ARS groupings: arms, columns, levels, terms."""

from collections.abc import Mapping, Sequence

from trial.definition import Definition
from trial.definition.base import Level
from trial.definition.outputs import Table, TableColumn, TableRow
from trial.render.ars.clauses import Clause, combined, equal, written
from trial.render.tables_json import Document
from trial.tables.analysis_plan import AnalysisPlan, Variable
from trial.tables.grid import Column, Grid
from trial.tables.rows.subgroups import SUBGROUP


def set_id(name: str) -> str:
    """Return the id of an analysis set."""
    return f"set/{name}"


def grouping_of_columns(table: str) -> str:
    """Return the id of the grouping of a table's columns."""
    return f"grouping/{table}/columns"


def column_id(table: str, column: str) -> str:
    """Return the id of the group that a column shows."""
    return f"{grouping_of_columns(table)}/{column}"


def grouping_of_arms(assigned: str) -> str:
    """Return the id of the grouping of arms as planned, or as received."""
    return f"grouping/arm/{assigned}"


def arm_id(assigned: str, arm: str) -> str:
    """Return the id of the group that an arm is."""
    return f"{grouping_of_arms(assigned)}/{arm}"


def factor_id(table: str, row: str, factor: str) -> str:
    """Return the id of the grouping of what the rows of one rule are levels of."""
    return f"grouping/{table}/{row}/{factor}"


def level_id(grouping: str, place: int) -> str:
    """Return the id of a level: its place, as a value may be any text."""
    return f"{grouping}/{place}"


def arms(definition: Definition, name: str, variable: Variable | None) -> Document:
    """Write the arms as a grouping of subjects: as planned, as received, or as in a model."""
    groups = [
        _group(
            arm_id(name, arm.id),
            arm.id,
            arm.label,
            order,
            equal(variable, arm.id) if variable else None,
        )
        for order, arm in enumerate(definition.arms, 1)
    ]
    return _grouping(grouping_of_arms(name), f"Arm ({name})", variable, groups)


def columns(
    grid: Grid, table: Table | None, definition: Definition, plan: AnalysisPlan
) -> Document:
    """Write a table's columns as a grouping; one that compares is of all subjects it compares."""
    definitions = {column.id: column for column in table.columns} if table else {}
    groups = []
    for order, column in enumerate(grid.columns, 1):
        defined = definitions.get(column.id)
        clause = _column(defined, definitions, definition, plan) if defined else None
        id_ = column_id(grid.id, column.id)
        groups.append(_group(id_, column.id, _heading(column), order, clause))
    return _grouping(grouping_of_columns(grid.id), f"Columns of table {grid.id}", None, groups)


def _heading(column: Column) -> str:
    return f"{column.name} {column.size}".strip()


def _column(
    column: TableColumn,
    columns: Mapping[str, TableColumn],
    definition: Definition,
    plan: AnalysisPlan,
) -> Clause | None:
    """Return whom a column compares; of another its arm, and the analysis data, say all."""
    if column.compare is None:
        several = len(column.arms_counted) > 1
        return _of_arms(column, definition, plan) if several else None
    compared = [columns[name] for name in column.compare]
    arms = [clause for comparison in compared if (clause := _of_arms(comparison, definition, plan))]
    return combined("OR", *arms) if arms and len(arms) == len(compared) else None


def _of_arms(column: TableColumn, definition: Definition, plan: AnalysisPlan) -> Clause | None:
    arms = column.arms_counted
    variable = plan.arms.get(definition.sets[column.set].arm) if column.set else None
    return equal(variable, *arms) if arms and variable else None


class Factors:
    """The groupings of the rows that rules give: by level, class before and after, term, visit."""

    def __init__(self, definition: Definition, plan: AnalysisPlan) -> None:
        """Know what a definition's rows are by."""
        self._definition = definition
        self._plan = plan
        self._levels: dict[str, dict[str, str]] = {}

    def result_group(self, grouping: str, value: str) -> Document:
        """Return the level that a result is of: its value, and its group where it has one."""
        group_ids = self._levels.get(grouping, {})
        group = {"groupId": group_ids[value]} if value in group_ids else {}
        return {"groupingId": grouping, **group, "groupValue": value}

    def written(
        self, grouping: str, row: TableRow | None, factor: str, variable: Variable | None
    ) -> Document:
        """Write the grouping of a row's factor; data give the groups that no definition names."""
        levels = self._named(row, factor) if row else ()
        self._levels[grouping] = {
            level.value: level_id(grouping, i) for i, level in enumerate(levels, 1)
        }
        groups = [
            _group(
                level_id(grouping, order),
                level.value or level.label,
                level.label,
                order,
                equal(variable, self._text(factor, level.value)) if variable else None,
            )
            for order, level in enumerate(levels, 1)
        ]
        name = f"{row.label if row and row.label else factor}: by {factor}"
        return _grouping(grouping, name, variable, groups, driven=not levels)

    def _text(self, factor: str, value: str) -> str:
        """Return what a level is called in the data."""
        return self._plan.visits.get(value, value) if factor == "visit" else value

    def _named(self, row: TableRow, factor: str) -> Sequence[Level]:
        """Return the levels that the definition names, in its order."""
        definition = self._definition
        if factor == "visit" and row.visits is not None:
            return [Level(value=visit.id, label=visit.label) for visit in definition.visits]
        if row.subgroups is not None and factor == SUBGROUP:
            classes = definition.classes.get(row.subgroups.characteristic)
            return row.subgroups.values or (classes.classes if classes else ())
        if (category := _crossed(row, factor)) is not None:
            classes = definition.classes.get(category)
            return classes.classes if classes else ()
        if row.levels is not None:
            classes = definition.classes.get(row.levels.characteristic or "")
            return row.levels.values or (classes.classes if classes else ())
        worst = row.worst or (row.terms.worst if row.terms else None)
        return worst.levels if worst and factor == "level" else ()


def _crossed(row: TableRow, factor: str) -> str | None:
    """Return the classification that a factor of a shift or of a cross table is."""
    part = row.shift or row.cross
    return getattr(part, factor, None) if part is not None and factor != "visit" else None


def _grouping(
    id_: str,
    name: str,
    variable: Variable | None,
    groups: Sequence[Document],
    *,
    driven: bool = False,
) -> Document:
    variables = (
        {"groupingDataset": variable[0], "groupingVariable": variable[1]} if variable else {}
    )
    document: Document = {"id": id_, "name": name, **variables, "dataDriven": driven}
    return {**document, "groups": groups} if groups else document


def _group(id_: str, name: str, label: str, order: int, clause: Clause | None) -> Document:
    return {
        "id": id_,
        "name": name,
        "label": label,
        "level": 1,
        "order": order,
        **written(clause),
    }
