"""Names of a definition that match nothing: each is a fault at its place, with those known."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from trial.definition import formulas
from trial.definition.narratives import SUBJECTS
from trial.definition.outputs import RecordSelection
from trial.definition.reference_walk import (
    UNKNOWN_FIELD,
    JsonObject,
    NamedReference,
    find_references,
    sources_named,
)
from trial.errors import FieldError, UnknownName
from trial.events import json_pointer
from trial.events.field_errors import known_names_hint
from trial.events.payloads import KINDS
from trial.rules.matching import undefined
from trial.tables.checking.known_names import (
    KNOWN_NAMES,
    NameLister,
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
    texts,
    value_error,
    values,
    vocabulary_fields,
)
from trial.tables.listings import facts, items
from trial.tables.listings.sources import DERIVED
from trial.tables.rows.levels import NOT_YET_DUE_LEVEL
from trial.tables.rows.terms import OTHER_LEVEL


def reference_errors(definition: Any) -> Iterator[FieldError]:  # noqa: ANN401 (any JSON)
    """Find every name that matches nothing."""
    for reference in find_references(definition):
        yield from _CHECKS.get(reference.target, _known)(reference)


_OWN = "this definition"


def unknown_name(
    path: str, target: str, name: str, known_names: Iterable[str], owner: str = _OWN
) -> FieldError:
    """Return the error for a name that is not defined: the known names, and a close match."""
    return UnknownName(
        path, f"{undefined(target, name, owner)}{known_names_hint(name, known_names)}"
    )


def _known(reference: NamedReference) -> Iterator[FieldError]:
    """Refuse a name that is none of those known."""
    known_names = KNOWN_NAMES[reference.target](reference.scope)
    if (
        isinstance(reference.value, str)
        and known_names is not None
        and reference.value not in known_names
    ):
        target = reference.target.removesuffix(" of its own")
        yield unknown_name(reference.path, target, reference.value, known_names, _whose(reference))


def _whose(reference: NamedReference) -> str:
    """Return what should define a name: a table, or the definition."""
    in_table = reference.target.startswith(("column", "row"))
    return f"table {table_of(reference.scope).get('id')}" if in_table else _OWN


def _fields(reference: NamedReference) -> Iterator[FieldError]:
    """Refuse what a `where` asks: a field that no such record has, a value that it never has."""
    names = fields_of(reference.scope)
    conditions = reference.value if isinstance(reference.value, dict) else {}
    records = reference.scope.own.get("recorded", reference.scope.own.get("records"))
    if names is None:
        if conditions and isinstance(records, str) and _is_no_kind(records):
            yield FieldError(
                reference.path,
                f"cannot be used: {records} have no record fields to filter by",
            )
        return
    kind = records if isinstance(records, str) and records in KINDS else "measurement"
    for name, value in conditions.items():
        pointer = f"{reference.path}/{json_pointer.escape(name)}"
        if name not in names:
            yield unknown_name(pointer, f"field of {kind}", name, names)
        elif isinstance(value, list):
            for i, item in enumerate(value):
                yield from _asked(kind, name, item, reference.scope.definition, f"{pointer}/{i}")
        else:
            yield from _asked(kind, name, value, reference.scope.definition, pointer)


def _is_no_kind(records: str) -> bool:
    """Return whether a listing shows something else than the records of a kind."""
    return records in (items.SUBJECTS, items.DISCREPANCIES) or bool(items.parameters_of(records))


def _asked(
    kind: str, field: str, value: object, definition: JsonObject, path: str
) -> Iterator[FieldError]:
    """Refuse a value that a `where` asks for; a truth may be written as YAML and JSON have it."""
    truth = isinstance(value, str) and value in ("true", "false")
    value_as_text = str(value).capitalize() if truth or isinstance(value, bool) else value
    yield from _value(kind, field, value_as_text, definition, path)


def _value(
    kind: str, field: str, value: object, definition: JsonObject, path: str
) -> Iterator[FieldError]:
    if (detail := value_error(kind, field, value)) is not None:
        yield FieldError(path, detail)
        return
    allowed = allowed_values(kind, field, definition)
    if allowed is None or value == "" or not isinstance(value, str):
        return
    if value not in allowed:
        yield UnknownName(
            path, f"is not a value of the field {field}: {value}{known_names_hint(value, allowed)}"
        )


def _values(reference: NamedReference) -> Iterator[FieldError]:
    """Refuse a level that a row of levels names and that nothing can be at."""
    part, definition = reference.scope.own, reference.scope.definition
    name, kind, field = (part.get(member) for member in ("characteristic", "recorded", "field"))
    for path, value in _level_values(reference):
        if isinstance(name, str):
            yield from _level(name, value, definition, path)
        elif isinstance(kind, str) and kind in KINDS and isinstance(field, str):
            if field not in fields_of_kind(kind):
                continue  # which is refused itself
            yield from _value(kind, field, value, definition, path)


def _level(name: str, value: str, definition: JsonObject, path: str) -> Iterator[FieldError]:
    known_levels = levels_of(name, definition)
    if value == "":
        return
    if known_levels is not None and value not in known_levels:
        yield unknown_name(path, f"level of {name}", value, known_levels)
    limits = limits_of(name, definition) if known_levels is None else None
    if limits is not None and (detail := number_error(value, limits)) is not None:
        yield FieldError(path, detail)


def _level_of(reference: NamedReference) -> Iterator[FieldError]:
    name = reference.scope.own.get("characteristic")
    if isinstance(name, str) and isinstance(reference.value, str):
        yield from _level(name, reference.value, reference.scope.definition, reference.path)


def _worst(reference: NamedReference) -> Iterator[FieldError]:
    """Refuse a level of severity or grade that no adverse event can have."""
    field = reference.scope.own.get("field")
    for path, value in _level_values(reference):
        if field in ("severity", "grade"):
            yield from _value(items.EVENTS, field, value, reference.scope.definition, path)


def _level_values(reference: NamedReference) -> Iterator[tuple[str, str]]:
    for i, level in enumerate(reference.value if isinstance(reference.value, list) else ()):
        if isinstance(level, dict) and isinstance(level.get("value"), str):
            yield f"{reference.path}/{i}/value", level["value"]


def _formula(reference: NamedReference) -> Iterator[FieldError]:
    """Refuse a formula of parameters or facts that are not there."""
    try:
        node = formulas.parsed(str(reference.value))
    except ValueError:
        return  # which is refused itself
    for part in formulas.nodes(node):
        match part:
            case formulas.Operand():
                yield from _operand(part, reference)
            case formulas.Fact(name):
                yield from _one_of(reference, _NUMERIC, name, KNOWN_NAMES[_NUMERIC])
            case formulas.Case():
                yield from _case(part, reference)


_NUMERIC, _LEVELLED = "characteristic that is a number", "characteristic with levels"


def _operand(operand: formulas.Operand, reference: NamedReference) -> Iterator[FieldError]:
    """Refuse a parameter that is not there; limits are reported beside a result alone."""
    limits = operand.taken in (formulas.UPPER, formulas.LOWER)
    target = "reported parameter" if limits else "parameter"
    hint = "; blanks go around a minus" if "-" in operand.parameter else ""
    for fault in _one_of(reference, target, operand.parameter, KNOWN_NAMES[target]):
        yield UnknownName(fault.pointer, fault.detail + hint)


def _case(case: formulas.Case, reference: NamedReference) -> Iterator[FieldError]:
    """Refuse levels that are not there of a characteristic."""
    definition, name = reference.scope.definition, case.characteristic
    yield from _one_of(reference, _LEVELLED, name, lambda scope: _with_levels(scope.definition))
    if name in _with_levels(definition):
        for level, _ in case.numbers:
            yield from _level(name, level, definition, reference.path)


def _one_of(
    reference: NamedReference, target: str, name: str, lister: NameLister
) -> Iterator[FieldError]:
    known_names = lister(reference.scope) or ()
    if name not in known_names:
        yield unknown_name(reference.path, target, name, known_names)


def _with_levels(definition: JsonObject) -> list[str]:
    """Return the names of the facts of enrolment that are one of some levels."""
    characteristics = [*_CODED, *sorted(members(definition, "characteristics"))]
    return [name for name in characteristics if levels_of(name, definition) is not None]


_CODED = ("sex", "race", "ethnicity", "country")


def _grade(reference: NamedReference) -> Iterator[FieldError]:
    if isinstance(reference.value, int):
        yield from _value(
            items.EVENTS, "grade", reference.value, reference.scope.definition, reference.path
        )


def _field(reference: NamedReference) -> Iterator[FieldError]:
    kind = reference.scope.own.get("recorded")
    if isinstance(kind, str) and kind in KINDS and isinstance(reference.value, str):
        known_names = fields_of(reference.scope) or ()
        if reference.value not in known_names:
            yield unknown_name(reference.path, f"field of {kind}", reference.value, known_names)


def _words(reference: NamedReference) -> Iterator[FieldError]:
    """Refuse a vocabulary of a field that holds no words."""
    kind = reference.path.split("/")[-2]
    if kind in KINDS and reference.value not in (known_fields := list(vocabulary_fields(kind))):
        yield unknown_name(
            reference.path, f"field of words of {kind}", reference.value, known_fields
        )


def _row(reference: NamedReference) -> Iterator[FieldError]:
    """Refuse a row that its table does not have; of those that come with the data any may."""
    table = table_of(reference.scope)
    if not table or not isinstance(reference.value, str):
        return
    known_rows = [*_rows(table, reference.scope.definition)]
    for row in parts(table, "rows"):
        open_ended = _given_by(row, reference.scope.definition) is None
        if open_ended and reference.value.startswith(f"{row.get('id')}/"):
            return
    parent, _, last = reference.value.rpartition("/")
    if reference.value not in known_rows and not (parent in known_rows and last in _OF_NOBODY_ELSE):
        yield unknown_name(
            reference.path, "row", reference.value, known_rows, f"table {table.get('id')}"
        )


_OF_NOBODY_ELSE = ("", NOT_YET_DUE_LEVEL, OTHER_LEVEL, "Other")
"""Rows of who is at none of the levels: missing, not yet due, at another."""


def _rows(table: JsonObject, definition: JsonObject) -> Iterator[str]:
    for row in parts(table, "rows"):
        if isinstance(row.get("id"), str):
            yield row["id"]
            for inner in _given_by(row, definition) or ():
                yield f"{row['id']}/{inner}"


def _given_by(row: JsonObject, definition: JsonObject) -> Sequence[str] | None:
    """Return the rows that a row gives beside itself; None where they come with the data."""
    inner: Sequence[str] | None = ()
    for kind, list_rows in _GIVES.items():
        if isinstance(row.get(kind), dict):
            inner = list_rows(row[kind], definition)
    if row.get("visits") is None or inner is None:
        return _in_subgroups(row, inner, definition)
    all_visits = ids(definition, "visits")
    visits = all_visits if row["visits"] == "all" else texts(row, "visits")
    by_visit = [*visits, *(f"{visit}/{name}" for visit in visits for name in inner)]
    return _in_subgroups(row, by_visit, definition)


def _in_subgroups(
    row: JsonObject, inner: Sequence[str] | None, definition: JsonObject
) -> Sequence[str] | None:
    """Return the names of the rows of each subgroup; None where they come with the data."""
    subgroups = row.get("subgroups")
    if not isinstance(subgroups, dict) or inner is None:
        return inner
    levels = [str(level.get("value")) for level in parts(subgroups, "values")]
    levels = levels or list(levels_of(str(subgroups.get("characteristic")), definition) or ())
    return [*levels, *(f"{level}/{name}" for level in levels for name in inner)]


def _crossed(*fields: str) -> Callable[[JsonObject, JsonObject], Sequence[str] | None]:
    """Return what lists the levels of two classifications, and their pairs."""

    def found(part: JsonObject, definition: JsonObject) -> Sequence[str] | None:
        firsts, seconds = (_levels_of(part.get(field), definition) for field in fields)
        pairs = [f"{first}/{second}" for first in firsts or () for second in seconds or ()]
        return None if firsts is None or seconds is None else [*firsts, *pairs]

    return found


def _levels_of(category: Any, definition: JsonObject) -> Sequence[str] | None:  # noqa: ANN401 (JSON)
    """List the levels of a category, by its name or of classes written in place."""
    if isinstance(category, dict):
        return [str(level.get("value")) for level in parts(category, "classes")]
    return levels_of(str(category), definition)


def _levels(row: JsonObject, definition: JsonObject) -> Sequence[str] | None:
    own_levels = [str(level.get("value")) for level in parts(row, "values")]
    name, kind, field = (row.get(key) for key in ("characteristic", "recorded", "field"))
    if name is not None:
        known_levels = _levels_of(name, definition)
    else:
        is_recorded = isinstance(kind, str) and kind in KINDS and str(field) in fields_of_kind(kind)
        known_levels = allowed_values(str(kind), str(field), definition) if is_recorded else None
    return None if known_levels is None else [*dict.fromkeys([*known_levels, *own_levels])]


def _of_curve(row: JsonObject) -> Sequence[str]:
    """List the rows of a curve: its quartiles, and its days."""
    return ["q1", "median", "q3", *(f"day-{day}" for day in values(row, "at"))]


def _of_times(row: JsonObject) -> Sequence[str]:
    """List the rows of a curve; one of cumulative incidence has no quartiles."""
    rows = _of_curve(row)
    return rows[3:] if row.get("estimate") == "cumulative-incidence" else rows


def _of_restricted_means(row: JsonObject) -> Iterator[str]:
    """Yield the rows of restricted means, and of their ratios."""
    restricted_mean = members(row, "restricted_mean")
    for day in values(restricted_mean, "to"):
        yield f"mean-{day}"
        if "ratio" in values(restricted_mean, "contrasts"):
            yield f"mean-{day}-ratio"


def _of_hazards(row: JsonObject) -> Iterator[str]:
    """Yield the rows of a model of hazards."""
    hazards = row.get("hazard_ratio")
    if hazards:
        yield "hazard-ratio"
    if isinstance(hazards, dict) and hazards.get("proportional_hazards"):
        yield "proportional-hazards"


def _of_deltas(row: JsonObject) -> Sequence[str] | None:
    """List the rows below the last visit; None where what tips depends on other arms' deltas."""
    by_arm = members(members(row, "deltas"), "by_arm")
    if not by_arm:
        return []
    if len(by_arm) != 1:
        return None
    (arm,) = by_arm
    return ["tipping", *(f"delta/{_plain(delta)}" for delta in values(by_arm, arm))]


def _plain(number: Any) -> str:  # noqa: ANN401 (JSON)
    """Write a number as ids of rows have it, however it is spelt: 1e1 is 10."""
    try:
        return f"{Decimal(str(number)):f}"
    except InvalidOperation:
        return str(number)


def _of_interaction(row: JsonObject, definition: JsonObject) -> Sequence[str] | None:
    """List the rows of a regression's interaction: its test, and those of the levels."""
    if (name := row.get("interaction")) is None:
        return []
    levels = _levels_of(name, definition)
    return None if levels is None else ["interaction", *(f"interaction/{x}" for x in levels)]


def _of_covariance(row: JsonObject, definition: JsonObject) -> Sequence[str] | None:
    """List the rows of an analysis of covariance: those of its interaction, and its trend."""
    crossed = _of_interaction(row, definition)
    trend = ["trend"] if row.get("scores") else []
    return None if crossed is None else [*crossed, *trend]


_GIVES: Mapping[str, Callable[[JsonObject, JsonObject], Sequence[str] | None]] = {
    "levels": _levels,
    "terms": lambda _row, _: None,
    "record_terms": lambda _row, _: None,
    "worst": lambda row, _: [str(level.get("value")) for level in parts(row, "levels")],
    "shift": _crossed("before", "after"),
    "cross": _crossed("first", "second"),
    "survival": lambda row, _: [*_of_times(row), *_of_restricted_means(row), *_of_hazards(row)],
    "resolution": lambda row, _: None if row.get("by") is not None else _of_curve(row),
    "incidence": lambda row, _: None if row.get("by") is not None else [],
    "mmrm": lambda _row, _: [],
    "multiple_imputation": lambda row, _: _of_deltas(row),
    "logistic": _of_interaction,
    "event_rate": _of_interaction,
    "ancova": _of_covariance,
}


def _records(reference: NamedReference) -> Iterator[FieldError]:
    """Refuse what a listing cannot show."""
    value = reference.value
    if not isinstance(value, str):
        return
    if parameters := items.parameters_of(value):
        known_names = list(members(reference.scope.definition, "parameters"))
        for name in parameters:
            if name not in known_names:
                yield unknown_name(reference.path, "parameter", name, known_names)
    elif value not in KINDS and value not in (items.SUBJECTS, items.DISCREPANCIES):
        known_names = [
            items.SUBJECTS,
            items.DISCREPANCIES,
            f"{items.OBSERVATIONS}:<parameters>",
            *KINDS,
        ]
        yield unknown_name(reference.path, "kind of record", value, known_names)


def _source(reference: NamedReference) -> Iterator[FieldError]:
    """Refuse a column, or a placeholder, of what is not known of the records shown."""
    records = reference.scope.nearest(RecordSelection).get("records", SUBJECTS)
    if not isinstance(records, str) or (not _is_no_kind(records) and records not in KINDS):
        return  # which is refused itself
    for value in sources_named(reference):
        yield from _source_of(reference, records, value)


def _source_of(reference: NamedReference, records: str, value: str) -> Iterator[FieldError]:
    prefix, colon, name = value.partition(":")
    if colon:
        yield from _named_source(reference, prefix, name)
        return
    sources, dates = _sources(records)
    field, point, derived = value.partition(".")
    if point and field in dates:
        if derived not in DERIVED:
            yield unknown_name(reference.path, f"value derived of {field}", derived, DERIVED)
    elif value not in sources:
        all_sources = [
            *sources,
            *(f"{field_name}.{suffix}" for field_name in dates for suffix in DERIVED),
        ]
        target = f"{_SHOWN_BY[reference.target]} of {records}"
        yield unknown_name(reference.path, target, value, all_sources)


_SHOWN_BY = {"source": "source of a listing", "placeholders": "placeholder"}


def _sources(records: str) -> tuple[Sequence[str], Sequence[str]]:
    """Return what a listing of some records can show, and which of that are their dates."""
    if records not in KINDS:
        field_names = list(items.fields(records))
        observed = list(facts.OBSERVATION) if items.parameters_of(records) else []
        dates = [field_name for field_name in field_names if field_name == "collected"]
        return [*field_names, *observed, *_OF_ALL], dates
    record_fields = fields_of_kind(records)
    field_names = list(record_fields)
    judged = list(facts.ADVERSE_EVENT) if records == items.EVENTS else []
    dates = [name for name, field in record_fields.items() if field.form == "date"]
    return [*field_names, *judged, *_OF_ALL], dates


_OF_ALL = [*facts.SUBJECT, *categories({}), "record"]


def _named_source(reference: NamedReference, prefix: str, name: str) -> Iterator[FieldError]:
    if prefix not in _NAMED:
        yield unknown_name(reference.path, "source", f"{prefix}:", [f"{kind}:" for kind in _NAMED])
        return
    kind = _NAMED[prefix]
    known_names = KNOWN_NAMES[kind](reference.scope) or ()
    if prefix == "characteristic":
        known_names = [
            known_name
            for known_name in known_names
            if known_name not in members(reference.scope.definition, "classes")
        ]
    if name not in known_names:
        yield unknown_name(reference.path, kind, name, known_names)


_NAMED = {
    "characteristic": "characteristic, stratum or class",
    "class": "classes",
    "measure": "measure",
    "condition": "condition",
    "set": "analysis set",
    "as": "parameter",
    "last": "parameter",
    "baseline": "named baseline",
    "change": "named baseline",
}
"""What a source with a colon begins with, and what it then names."""


def _stray(reference: NamedReference) -> Iterator[FieldError]:
    """Return the error for a field that a part does not have, with those that it has."""
    model, _ = reference.scope.parts[-1]
    hint = known_names_hint(reference.value, model.model_fields)
    yield FieldError(reference.path, f"is not a field here{hint}")


_CHECKS: Mapping[str, Callable[[NamedReference], Iterator[FieldError]]] = {
    UNKNOWN_FIELD: _stray,
    "field": _field,
    "field of words": _words,
    "fields": _fields,
    "formula": _formula,
    "grade": _grade,
    "level": _level_of,
    "placeholders": _source,
    "records": _records,
    "row": _row,
    "source": _source,
    "values": _values,
    "values of the field": _worst,
}
