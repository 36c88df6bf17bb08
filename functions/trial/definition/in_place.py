"""Classes written in place, in a row of a table, under a name of their own.

Everything that reads a definition finds classes by name: so those in a row get the row's place as
their name, `<table>/<row>/<field>`, which no name of a definition can be. Where the row has
`visits` and a measure in the classes says not when, there are classes for each visit.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from trial.definition import Definition
from trial.definition.conditions import Classes
from trial.definition.outputs import Table, TableRow

FIELDS: Mapping[str, tuple[str, ...]] = {
    "levels": ("characteristic",),
    "shift": ("before", "after"),
    "cross": ("first", "second"),
}
"""The kinds of row, and their fields, that take classes by name or written in place."""


def named(definition: Definition) -> Definition:
    """Return a definition whose rows refer to all classes by name."""
    classes: dict[str, Classes] = dict(definition.classes)
    tables = []
    for i, table in enumerate(definition.tables):
        rows = []
        for j, row in enumerate(table.rows):
            changes: dict[str, str] = {}
            for field, part in _written(row):
                name = f"{table.id}/{row.id}/{field}"
                definition.in_place[name] = (part, f"/tables/{i}/rows/{j}/{row.kind}/{field}")
                by_visit = _by_visit(part, row, definition)
                classes |= {f"{name}/{visit}": filled for visit, filled in by_visit.items()}
                classes |= {} if by_visit else {name: part}
                changes[field] = f"{name}/{next(iter(by_visit))}" if by_visit else name
            rows.append(_changed(row, changes))
        tables.append(table.model_copy(update={"rows": rows}))
    if not definition.in_place:
        return definition
    return definition.model_copy(update={"classes": classes, "tables": tables})


def of_rows(classes: Mapping[str, Classes], tables: Iterable[Table]) -> dict[str, Classes]:
    """Return classes without those in place of rows that none of the tables has."""
    rows = {f"{table.id}/{row.id}" for table in tables for row in table.rows}
    return {
        name: part
        for name, part in classes.items()
        if "/" not in name or "/".join(name.split("/")[:2]) in rows
    }


def as_written(definition: Definition) -> Definition:
    """Return the definition with classes in place, where they were written so."""
    if not definition.in_place:
        return definition
    tables = [
        table.model_copy(update={"rows": [_restored(row, definition) for row in table.rows]})
        for table in definition.tables
    ]
    classes = {
        name: part
        for name, part in definition.classes.items()
        if definition.written_in_place(name) is None
    }
    return definition.model_copy(update={"classes": classes, "tables": tables})


def _written(row: TableRow) -> Iterator[tuple[str, Classes]]:
    """Yield the classes that a row has in place, by field."""
    part: Any = getattr(row, str(row.kind)) if row.kind in FIELDS else None
    for field in FIELDS.get(str(row.kind), ()):
        if isinstance(value := getattr(part, field), Classes):
            yield field, value


def _by_visit(classes: Classes, row: TableRow, definition: Definition) -> dict[str, Classes]:
    """Return the classes at each visit of a row, if a measure of theirs says not when."""
    if row.visits is None or classes.at_visit("") is classes:
        return {}
    visits = [visit.id for visit in definition.visits]
    return {
        visit: classes.at_visit(visit)
        for visit in (visits if row.visits == "all" else row.visits)
        if visit in visits
    }


def _restored(row: TableRow, definition: Definition) -> TableRow:
    part: Any = getattr(row, str(row.kind)) if row.kind in FIELDS else None
    changes = {
        field: written[0]
        for field in FIELDS.get(str(row.kind), ())
        if (written := definition.written_in_place(str(getattr(part, field)))) is not None
    }
    return _changed(row, changes)


def _changed(row: TableRow, changes: Mapping[str, object]) -> TableRow:
    if not changes:
        return row
    kind = str(row.kind)
    return row.model_copy(update={kind: getattr(row, kind).model_copy(update=changes)})
