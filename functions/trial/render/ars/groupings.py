"""What splits subjects and records into groups, as ARS groupings: arms, columns, levels, terms."""

from collections.abc import Iterable, Sequence

from trial.definition.base import Level
from trial.definition.outputs import Levels, Table, TableColumn, TableRow
from trial.render.ars.clauses import (
    EVENTS,
    Clause,
    Clauses,
    Compound,
    Variable,
    Written,
    equal,
    written,
)
from trial.tables.grid import Column, Grid

RECEIVED = "received-arm"


def set_id(name: str) -> str:
    """Name an analysis set."""
    return f"set/{name}"


def grouping_of_columns(table: str) -> str:
    """Name the grouping of a table's columns."""
    return f"grouping/{table}/columns"


def column_id(table: str, column: str) -> str:
    """Name the group that a column shows."""
    return f"{grouping_of_columns(table)}/{column}"


def grouping_of_arms(assigned: str) -> str:
    """Name the grouping of arms as planned, or as received."""
    return f"grouping/arm/{assigned}"


def arm_id(assigned: str, arm: str) -> str:
    """Name the group that an arm is."""
    return f"{grouping_of_arms(assigned)}/{arm}"


def factor_id(table: str, row: str, factor: str) -> str:
    """Name the grouping of what the rows of one rule are levels of."""
    return f"grouping/{table}/{row}/{factor}"


def level_id(grouping: str, place: int) -> str:
    """Name a level that the definition names; a value may be any text, its place is an id."""
    return f"{grouping}/{place}"


def arms(clauses: Clauses, assigned: str) -> Written:
    """Write the arms as a grouping of subjects: as planned, or as received."""
    variable = clauses.variables.characteristic("arm" if assigned == "planned" else RECEIVED)
    groups = [
        _group(arm_id(assigned, arm.id), arm.id, arm.label, order, equal(variable, arm.id))
        for order, arm in enumerate(clauses.definition.arms, 1)
    ]
    return _grouping(grouping_of_arms(assigned), f"Arm as {assigned}", variable, groups)


def columns(grid: Grid, table: Table | None, clauses: Clauses) -> Written:
    """Write a table's columns as a grouping; one that compares is of all subjects it compares."""
    defined = {each.id: each for each in table.columns} if table else {}
    groups = [
        _group(
            column_id(grid.id, column.id),
            column.id,
            _heading(column),
            order,
            _column(grid.id, defined[column.id], clauses) if column.id in defined else None,
        )
        for order, column in enumerate(grid.columns, 1)
    ]
    return _grouping(grouping_of_columns(grid.id), f"Columns of table {grid.id}", None, groups)


def _heading(column: Column) -> str:
    return f"{column.label} {column.size}".strip()


def _column(table: str, column: TableColumn, clauses: Clauses) -> Clause | None:
    if column.compare is not None:
        return Compound("OR", tuple(column_id(table, each) for each in column.compare))
    where = clauses.of(column.where) if column.where else None
    if column.arm is None or column.set is None:
        return where
    arm = arm_id(clauses.definition.sets[column.set].arm, column.arm)
    if where is None:
        variable = "arm" if clauses.definition.sets[column.set].arm == "planned" else RECEIVED
        return equal(clauses.variables.characteristic(variable), column.arm)
    return Compound("AND", (arm, where))


class Factors:
    """The groupings of the rows that rules give: by level, class before and after, term, visit."""

    def __init__(self, clauses: Clauses) -> None:
        """Know what a definition's rows are by."""
        self._clauses = clauses
        self._levels: dict[str, dict[str, str]] = {}

    def result_group(self, grouping: str, value: str) -> Written:
        """Say of which level a result is: its value, and its group where it has one."""
        named = self._levels.get(grouping, {})
        group = {"groupId": named[value]} if value in named else {}
        return {"groupingId": grouping, **group, "groupValue": value}

    def written(self, grouping: str, row: TableRow | None, factor: str) -> Written:
        """Write the grouping of a row's factor; data give the groups that no definition names."""
        variable = self.variable(row, factor) if row else None
        levels = self._named(row, factor) if row else ()
        ids = {each.value: level_id(grouping, i) for i, each in enumerate(levels, 1)}
        self._levels[grouping] = ids
        groups = [
            _group(
                ids[each.value],
                each.value or each.label,
                each.label,
                order,
                equal(variable, each.value) if variable else None,
            )
            for order, each in enumerate(levels, 1)
        ]
        label = row.label if row else ""
        return _grouping(grouping, f"{label or factor}: by {factor}", variable, groups)

    def variable(self, row: TableRow, factor: str) -> Variable | None:
        """Find the variable that a row's factor is; None of a visit, which no variable shows."""
        variables = self._clauses.variables
        if factor in ("soc", "pt"):
            return variables.find(EVENTS, factor)
        if row.levels is not None:
            return self._of_levels(row.levels)
        if row.shift is not None and factor in ("before", "after"):
            return variables.characteristic(getattr(row.shift, factor))
        worst = row.worst or (row.terms.worst if row.terms else None)
        return variables.find(EVENTS, worst.field) if worst else None

    def _of_levels(self, levels: Levels) -> Variable | None:
        if levels.characteristic is not None:
            return self._clauses.variables.characteristic(levels.characteristic)
        if levels.recorded and levels.field:
            return self._clauses.variables.find(levels.recorded, levels.field)
        return None

    def _named(self, row: TableRow, factor: str) -> Sequence[Level]:
        """Give the levels that the definition names, in its order."""
        definition = self._clauses.definition
        if factor == "visit":
            return [Level(value=each.id, label=each.label) for each in definition.visits]
        if row.shift is not None and factor in ("before", "after"):
            return definition.classes[getattr(row.shift, factor)].classes
        if row.levels is not None:
            classes = definition.classes.get(row.levels.characteristic or "")
            return row.levels.values or (classes.classes if classes else ())
        worst = row.worst or (row.terms.worst if row.terms else None)
        return worst.levels if worst and factor == "level" else ()


def _grouping(id_: str, name: str, variable: Variable | None, groups: Iterable[Written]) -> Written:
    found = list(groups)
    where = {"groupingDataset": variable[0], "groupingVariable": variable[1]} if variable else {}
    made: Written = {"id": id_, "name": name, **where, "dataDriven": not found}
    return {**made, "groups": found} if found else made


def _group(id_: str, name: str, label: str, order: int, clause: Clause | None) -> Written:
    return {
        "id": id_,
        "name": name,
        "label": label,
        "level": 1,
        "order": order,
        **written(clause),
    }
