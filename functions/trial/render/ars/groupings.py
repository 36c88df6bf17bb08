"""What splits subjects and records into groups, as ARS groupings: arms, columns, levels, terms."""

from collections.abc import Mapping, Sequence

from trial.definition.base import Level
from trial.definition.design import ARM
from trial.definition.outputs import Levels, Table, TableColumn, TableRow
from trial.render.ars.clauses import (
    Clause,
    Clauses,
    Compound,
    Variable,
    equal,
    written,
)
from trial.render.tables_json import Document
from trial.tables.grid import Column, Grid
from trial.tables.listings.items import SUBJECTS
from trial.tables.rows.subgroups import SUBGROUP

ARM_SOURCES = {"planned": ARM, "received": "received-arm"}
"""What listings show the arm as, by how a set sorts its subjects."""


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


def arms(clauses: Clauses, assigned: str) -> Document:
    """Write the arms as a grouping of subjects: as planned, or as received."""
    variable = _arm(assigned, clauses)
    groups = [
        _group(arm_id(assigned, arm.id), arm.id, arm.label, order, equal(variable, arm.id))
        for order, arm in enumerate(clauses.definition.arms, 1)
    ]
    return _grouping(grouping_of_arms(assigned), f"Arm as {assigned}", variable, groups)


def columns(grid: Grid, table: Table | None, clauses: Clauses) -> Document:
    """Write a table's columns as a grouping; one that compares is of all subjects it compares."""
    definitions = {column.id: column for column in table.columns} if table else {}
    groups = [
        _group(
            column_id(grid.id, column.id),
            column.id,
            _heading(column),
            order,
            _column(grid.id, definitions[column.id], clauses) if column.id in definitions else None,
        )
        for order, column in enumerate(grid.columns, 1)
    ]
    return _grouping(grouping_of_columns(grid.id), f"Columns of table {grid.id}", None, groups)


def _heading(column: Column) -> str:
    return f"{column.name} {column.size}".strip()


def _column(table: str, column: TableColumn, clauses: Clauses) -> Clause | None:
    if column.compare is not None:
        return Compound("OR", tuple(column_id(table, compared) for compared in column.compare))
    where = clauses.of(column.where) if column.where else None
    arms = column.arms_counted
    if not arms or column.set is None:
        return where
    assigned = clauses.definition.sets[column.set].arm
    of_arms = equal(_arm(assigned, clauses), *arms)
    if where is None:
        return of_arms
    return Compound("AND", (arm_id(assigned, arms[0]) if len(arms) == 1 else of_arms, where))


def _arm(assigned: str, clauses: Clauses) -> Variable:
    return clauses.variables.find(SUBJECTS, ARM_SOURCES[assigned])


class Factors:
    """The groupings of the rows that rules give: by level, class before and after, term, visit."""

    def __init__(self, clauses: Clauses) -> None:
        """Keep what a definition's rows are grouped by."""
        self._clauses = clauses
        self._levels: dict[str, dict[str, str]] = {}

    def result_group(self, grouping: str, value: str) -> Document:
        """Return the level that a result is of: its value, and its group where it has one."""
        group_ids = self._levels.get(grouping, {})
        group = {"groupId": group_ids[value]} if value in group_ids else {}
        return {"groupingId": grouping, **group, "groupValue": value}

    def written(self, grouping: str, row: TableRow | None, factor: str) -> Document:
        """Write the grouping of a row's factor; data give the groups that no definition names."""
        variable = self.variable(row, factor) if row else None
        levels = self._named(row, factor) if row else ()
        pooled = self._groups_of_terms(row, factor) if row else {}
        named: list[tuple[str, str, tuple[str, ...]]] = [
            (level.value, level.label, (level.value,)) for level in levels
        ]
        named += [(label, label, tuple(terms)) for label, terms in pooled.items()]
        ids = {value: level_id(grouping, i) for i, (value, *_) in enumerate(named, 1)}
        self._levels[grouping] = ids
        groups = [
            _group(
                ids[value],
                value or label,
                label,
                order,
                equal(variable, *values) if variable else None,
            )
            for order, (value, label, values) in enumerate(named, 1)
        ]
        name = f"{row.label if row and row.label else factor}: by {factor}"
        return _grouping(grouping, name, variable, groups, driven=not levels)

    def _groups_of_terms(self, row: TableRow, factor: str) -> Mapping[str, Sequence[str]]:
        """Return the terms that a row counts as one; all others stand for themselves."""
        terms = row.by_term
        if terms is None or not (factor == "group" or (factor == "pt" and terms.pooled)):
            return {}
        scope = terms.filter.scope
        return {label: group.of_scope(scope) for label, group in self._clauses.groups.items()}

    def variable(self, row: TableRow, factor: str) -> Variable | None:
        """Find the variable that a row's factor is; None of a visit, which no variable shows."""
        variables = self._clauses.variables
        if row.by_term is not None and factor in row.by_term.levels:
            return self._clauses.of_row(row)["pt" if factor == "group" else factor]
        if (terms := row.record_terms) is not None:
            sources = [*terms.by, *terms.where]
            return variables.together(terms.recorded, sources)[factor]
        if row.levels is not None:
            return self._of_levels(row.levels)
        if row.subgroups is not None and factor == SUBGROUP:
            return variables.characteristic(row.subgroups.characteristic)
        if (category := _crossed(row, factor)) is not None:
            return variables.characteristic(category)
        worst = row.worst or (row.terms.worst if row.terms else None)
        return self._clauses.of_row(row)[worst.field] if worst else None

    def _of_levels(self, levels: Levels) -> Variable | None:
        if levels.characteristic is not None:
            return self._clauses.variables.characteristic(levels.characteristic)
        if levels.recorded and levels.field:
            kind, field = levels.recorded, levels.field
            return self._clauses.variables.together(kind, [field, *levels.where])[field]
        return None

    def _named(self, row: TableRow, factor: str) -> Sequence[Level]:
        """Return the levels that the definition names, in its order."""
        definition = self._clauses.definition
        if factor == "visit":
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
    where = {"groupingDataset": variable[0], "groupingVariable": variable[1]} if variable else {}
    document: Document = {"id": id_, "name": name, **where, "dataDriven": driven}
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
