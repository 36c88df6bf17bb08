"""Names of a definition that match nothing: each is a fault at its place, with those known."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from trial.definition.outputs import ListingDefinition
from trial.errors import FieldError, UnknownName
from trial.events import json_pointer
from trial.events.field_errors import known_names_hint
from trial.events.payloads import KINDS
from trial.rules.matching import undefined
from trial.tables.checking.known_names import (
    KNOWN_NAMES,
    categories,
    fields_of,
    levels_of,
    limits_of,
    table_of,
)
from trial.tables.checking.record_fields import (
    allowed_values,
    fields_of_kind,
    ids,
    members,
    number_error,
    parts,
    value_error,
    vocabulary_fields,
)
from trial.tables.checking.reference_walk import (
    UNKNOWN_FIELD,
    JsonObject,
    NamedReference,
    find_references,
)
from trial.tables.listings import facts, items
from trial.tables.listings.sources import DERIVED
from trial.tables.rows.events import OTHER_LEVEL
from trial.tables.rows.levels import NOT_YET_DUE_LEVEL


def reference_errors(definition: Any) -> Iterator[FieldError]:  # noqa: ANN401 (any JSON)
    """Find every name that matches nothing."""
    for named in find_references(definition):
        yield from _CHECKS.get(named.what, _known)(named)


_OWN = "this definition"


def unknown_name(
    path: str, what: str, name: str, there: Iterable[str], of: str = _OWN
) -> FieldError:
    """Say of a name that it matches nothing, which are known, and which was perhaps meant."""
    return UnknownName(path, f"{undefined(what, name, of)}{known_names_hint(name, there)}")


def _known(named: NamedReference) -> Iterator[FieldError]:
    """Refuse a name that is none of those known."""
    there = KNOWN_NAMES[named.what](named.scope)
    if isinstance(named.value, str) and there is not None and named.value not in there:
        what = named.what.removesuffix(" of its own")
        yield unknown_name(named.path, what, named.value, there, _whose(named))


def _whose(named: NamedReference) -> str:
    """Say whose part a name should be: a table's, or the definition's."""
    in_table = named.what.startswith(("column", "row"))
    return f"table {table_of(named.scope).get('id')}" if in_table else _OWN


def _fields(named: NamedReference) -> Iterator[FieldError]:
    """Refuse what a `where` asks: a field that no such record has, a value that it never has."""
    names = fields_of(named.scope)
    asked = named.value if isinstance(named.value, dict) else {}
    records = named.scope.own.get("recorded", named.scope.own.get("records"))
    if names is None:
        if asked and isinstance(records, str) and _is_no_kind(records):
            yield FieldError(named.path, f"asks for fields, which {records} do not have")
        return
    kind = records if isinstance(records, str) and records in KINDS else "measurement"
    for name, wanted in asked.items():
        at = f"{named.path}/{json_pointer.escape(name)}"
        if name not in names:
            yield unknown_name(at, f"field of {kind}", name, names)
        elif isinstance(wanted, list):
            for i, each in enumerate(wanted):
                yield from _asked(kind, name, each, named.scope.definition, f"{at}/{i}")
        else:
            yield from _asked(kind, name, wanted, named.scope.definition, at)


def _is_no_kind(records: str) -> bool:
    """Say whether a listing shows something else than the records of a kind."""
    return records in (items.SUBJECTS, items.FINDINGS) or bool(items.parameters_of(records))


def _asked(
    kind: str, field: str, value: object, definition: JsonObject, path: str
) -> Iterator[FieldError]:
    """Refuse a value that a `where` asks for; a truth may be written as YAML and JSON have it."""
    truth = isinstance(value, str) and value in ("true", "false")
    asked = str(value).capitalize() if truth or isinstance(value, bool) else value
    yield from _value(kind, field, asked, definition, path)


def _value(
    kind: str, field: str, value: object, definition: JsonObject, path: str
) -> Iterator[FieldError]:
    if (detail := value_error(kind, field, value)) is not None:
        yield FieldError(path, detail)
        return
    there = allowed_values(kind, field, definition)
    if there is None or value == "" or not isinstance(value, str):
        return
    if value not in there:
        yield UnknownName(
            path, f"is not a value of the field {field}: {value}{known_names_hint(value, there)}"
        )


def _values(named: NamedReference) -> Iterator[FieldError]:
    """Refuse a level that a row of levels names and that nothing can be at."""
    own, definition = named.scope.own, named.scope.definition
    name, kind, field = (own.get(each) for each in ("characteristic", "recorded", "field"))
    for path, value in _level_values(named):
        if isinstance(name, str):
            yield from _level(name, value, definition, path)
        elif isinstance(kind, str) and kind in KINDS and isinstance(field, str):
            if field not in fields_of_kind(kind):
                continue  # which is refused itself
            yield from _value(kind, field, value, definition, path)


def _level(name: str, value: str, definition: JsonObject, path: str) -> Iterator[FieldError]:
    there = levels_of(name, definition)
    if value == "":
        return
    if there is not None and value not in there:
        yield unknown_name(path, f"level of {name}", value, there)
    limits = limits_of(name, definition) if there is None else None
    if limits is not None and (detail := number_error(value, limits)) is not None:
        yield FieldError(path, detail)


def _level_of(named: NamedReference) -> Iterator[FieldError]:
    name = named.scope.own.get("characteristic")
    if isinstance(name, str) and isinstance(named.value, str):
        yield from _level(name, named.value, named.scope.definition, named.path)


def _worst(named: NamedReference) -> Iterator[FieldError]:
    """Refuse a level of severity or grade that no adverse event can have."""
    field = named.scope.own.get("field")
    for path, value in _level_values(named):
        if field in ("severity", "grade"):
            yield from _value(items.EVENTS, field, value, named.scope.definition, path)


def _level_values(named: NamedReference) -> Iterator[tuple[str, str]]:
    for i, each in enumerate(named.value if isinstance(named.value, list) else ()):
        if isinstance(each, dict) and isinstance(each.get("value"), str):
            yield f"{named.path}/{i}/value", each["value"]


def _grade(named: NamedReference) -> Iterator[FieldError]:
    if isinstance(named.value, int):
        yield from _value(items.EVENTS, "grade", named.value, named.scope.definition, named.path)


def _field(named: NamedReference) -> Iterator[FieldError]:
    kind = named.scope.own.get("recorded")
    if isinstance(kind, str) and kind in KINDS and isinstance(named.value, str):
        there = fields_of(named.scope) or ()
        if named.value not in there:
            yield unknown_name(named.path, f"field of {kind}", named.value, there)


def _words(named: NamedReference) -> Iterator[FieldError]:
    """Refuse a vocabulary of a field that holds no words."""
    kind = named.path.split("/")[-2]
    if kind in KINDS and named.value not in (there := list(vocabulary_fields(kind))):
        yield unknown_name(named.path, f"field of words of {kind}", named.value, there)


def _row(named: NamedReference) -> Iterator[FieldError]:
    """Refuse a row that its table does not have; of those that come with the data any may."""
    table = table_of(named.scope)
    if not table or not isinstance(named.value, str):
        return
    there = [*_rows(table, named.scope.definition)]
    for row in parts(table, "rows"):
        open_ended = _given_by(row, named.scope.definition) is None
        if open_ended and named.value.startswith(f"{row.get('id')}/"):
            return
    of, _, last = named.value.rpartition("/")
    if named.value not in there and not (of in there and last in _OF_NOBODY_ELSE):
        yield unknown_name(named.path, "row", named.value, there, f"table {table.get('id')}")


_OF_NOBODY_ELSE = ("", NOT_YET_DUE_LEVEL, OTHER_LEVEL, "Other")
"""Rows of who is at none of the levels: missing, not yet due, at another."""


def _rows(table: JsonObject, definition: JsonObject) -> Iterator[str]:
    for row in parts(table, "rows"):
        if isinstance(row.get("id"), str):
            yield row["id"]
            for inner in _given_by(row, definition) or ():
                yield f"{row['id']}/{inner}"


def _given_by(row: JsonObject, definition: JsonObject) -> Sequence[str] | None:
    """Name the rows that a row gives beside itself; None where they come with the data."""
    if row.get("visits") is not None:
        there = ids(definition, "visits")
        return there if row["visits"] == "all" else [str(each) for each in row["visits"]]
    for kind, given in _GIVES.items():
        if isinstance(row.get(kind), dict):
            return given(row[kind], definition)
    return ()


def _shift(shift: JsonObject, definition: JsonObject) -> Sequence[str] | None:
    before, after = (levels_of(str(shift.get(each)), definition) for each in ("before", "after"))
    both = [f"{one}/{other}" for one in before or () for other in after or ()]
    return None if before is None or after is None else [*before, *both]


def _levels(row: JsonObject, definition: JsonObject) -> Sequence[str] | None:
    named = [str(each.get("value")) for each in parts(row, "values")]
    name, kind, field = (row.get(each) for each in ("characteristic", "recorded", "field"))
    if isinstance(name, str):
        there = levels_of(name, definition)
    else:
        asked = isinstance(kind, str) and kind in KINDS and field in fields_of_kind(kind)
        there = allowed_values(str(kind), str(field), definition) if asked else None
    return None if there is None else [*dict.fromkeys([*there, *named])]


_GIVES: Mapping[str, Callable[[JsonObject, JsonObject], Sequence[str] | None]] = {
    "levels": _levels,
    "terms": lambda _row, _: None,
    "worst": lambda row, _: [str(each.get("value")) for each in parts(row, "levels")],
    "shift": _shift,
    "survival": lambda row, _: [
        "q1",
        "median",
        "q3",
        *(f"day-{day}" for day in row.get("at") or ()),
    ],
    "ancova": lambda row, _: ["trend"] if row.get("scores") else [],
}


def _records(named: NamedReference) -> Iterator[FieldError]:
    """Refuse what a listing cannot show."""
    value = named.value
    if not isinstance(value, str):
        return
    if of := items.parameters_of(value):
        there = list(members(named.scope.definition, "parameters"))
        for name in of:
            if name not in there:
                yield unknown_name(named.path, "parameter", name, there)
    elif value not in KINDS and value not in (items.SUBJECTS, items.FINDINGS):
        there = [items.SUBJECTS, items.FINDINGS, f"{items.OBSERVATIONS}:<parameters>", *KINDS]
        yield unknown_name(named.path, "kind of record", value, there)


def _source(named: NamedReference) -> Iterator[FieldError]:
    """Refuse a column of what is not known of a listing's records."""
    records = named.scope.nearest(ListingDefinition).get("records")
    value = named.value
    if not isinstance(value, str) or not isinstance(records, str):
        return
    if not _is_no_kind(records) and records not in KINDS:
        return  # which is refused itself
    what, colon, name = value.partition(":")
    if colon:
        yield from _named_source(named, what, name)
        return
    there, dates = _sources(records)
    field, point, derived = value.partition(".")
    if point and field in dates:
        if derived not in DERIVED:
            yield unknown_name(named.path, f"value derived of {field}", derived, DERIVED)
    elif value not in there:
        every = [*there, *(f"{each}.{of}" for each in dates for of in DERIVED)]
        yield unknown_name(named.path, "source of a listing of " + records, value, every)


def _sources(records: str) -> tuple[Sequence[str], Sequence[str]]:
    """Name what a listing of some records can show, and which of that are their dates."""
    if records not in KINDS:
        own = list(items.fields(records))
        observed = list(facts.OBSERVATION) if items.parameters_of(records) else []
        dates = [each for each in own if each == "collected"]
        return [*own, *observed, *_OF_ALL], dates
    found = fields_of_kind(records)
    own = list(found)
    judged = list(facts.ADVERSE_EVENT) if records == items.EVENTS else []
    dates = [name for name, field in found.items() if field.form == "date"]
    return [*own, *judged, *_OF_ALL], dates


_OF_ALL = [*facts.SUBJECT, *categories({}), "record"]


def _named_source(named: NamedReference, what: str, name: str) -> Iterator[FieldError]:
    if what not in _NAMED:
        yield unknown_name(named.path, "source", f"{what}:", [f"{each}:" for each in _NAMED])
        return
    kind = _NAMED[what]
    there = KNOWN_NAMES[kind](named.scope) or ()
    if what == "characteristic":
        there = [each for each in there if each not in members(named.scope.definition, "classes")]
    if name not in there:
        yield unknown_name(named.path, kind, name, there)


_NAMED = {
    "characteristic": "characteristic, stratum or class",
    "class": "classes",
    "measure": "measure",
    "condition": "condition",
    "set": "analysis set",
    "as": "parameter",
    "last": "parameter",
}
"""What a source with a colon begins with, and what it then names."""


def _stray(named: NamedReference) -> Iterator[FieldError]:
    """Say of a field that a part does not have which ones it has."""
    model, _ = named.scope.parts[-1]
    there = known_names_hint(named.value, model.model_fields)
    yield FieldError(named.path, f"is not a field here{there}")


_CHECKS: Mapping[str, Callable[[NamedReference], Iterator[FieldError]]] = {
    UNKNOWN_FIELD: _stray,
    "field": _field,
    "field of words": _words,
    "fields": _fields,
    "grade": _grade,
    "level": _level_of,
    "records": _records,
    "row": _row,
    "source": _source,
    "values": _values,
    "values of the field": _worst,
}
