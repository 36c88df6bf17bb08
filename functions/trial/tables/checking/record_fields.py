"""The fields of the records of a kind, and what each may hold in a study.

As the events' models have them; what a study adds is read from its definition as posted.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from trial.deferred import dataclass
from trial.definition.reference_walk import JsonObject
from trial.definition.vocabularies import words
from trial.events.fields import FullDate, Identifier, LocalTime, PartialDate
from trial.events.kinds import derived_fields, has_measurements
from trial.events.payloads import KINDS, Identity, Measurement, model_of

_DATES = tuple(get_args(date_type)[1] for date_type in (PartialDate, FullDate, LocalTime))
_IDENTIFIER = get_args(Identifier)[1]


type Limits = tuple[Decimal | None, Decimal | None]


@dataclass(frozen=True)
class Field:
    """A field of a record: what its values are, and the ones it is limited to by itself."""

    form: Literal["text", "name", "truth", "number", "date", "parts"]
    choices: Sequence[str] = ()
    limits: Limits = (None, None)
    optional: bool = False


@cache
def fields_of_kind(kind: str) -> Mapping[str, Field]:
    """Return what can be asked of a kind's records by name; without what identifies a record."""
    hints = {**KINDS[kind].implied, **derived_fields(kind)}
    derived = {name: _field(hint, optional=True) for name, hint in hints.items()}
    return {**_reported_fields(kind), **derived}


def _reported_fields(kind: str) -> Mapping[str, Field]:
    return _fields(model_of(kind), frozenset(Identity.model_fields))


@cache
def measured_fields() -> Mapping[str, Field]:
    """Return the fields of what was measured, at a visit or by a laboratory."""
    return {**fields_of_kind("lab.result.reported"), **_fields(Measurement, frozenset())}


def _fields(model: type[Any], omitted: frozenset[str]) -> Mapping[str, Field]:
    hints = get_type_hints(model, include_extras=True)
    return {
        name: _field(hints[name], optional=not field.is_required())
        for name, field in model.model_fields.items()
        if name not in omitted
    }


def _field(hint: Any, *, optional: bool) -> Field:  # noqa: ANN401 (a type's form)
    kinds, marks = _bare(hint)
    value_type = kinds[0] if len(kinds) == 1 else None
    if get_origin(value_type) is Literal:
        return Field("text", get_args(value_type), optional=optional)
    if value_type is bool:
        return Field("truth", ("True", "False"), optional=optional)
    if value_type in (int, Decimal):
        return Field("number", limits=(_limit(marks, "ge"), _limit(marks, "le")), optional=optional)
    return Field(_form_of_text(marks) if value_type is str else "parts", optional=optional)


def _form_of_text(marks: Iterable[Any]) -> Literal["text", "name", "date"]:
    if any(mark in _DATES for mark in marks):
        return "date"
    return "name" if any(mark is _IDENTIFIER for mark in marks) else "text"


def _limit(marks: list[Any], name: str) -> Decimal | None:
    limits = (limit for mark in marks if (limit := getattr(mark, name, None)) is not None)
    return next((Decimal(str(limit)) for limit in limits), None)


def _bare(hint: Any) -> tuple[list[Any], list[Any]]:  # noqa: ANN401 (a type's form)
    """Return the types of a type's values, or of those of its list, and their annotations."""
    if get_origin(hint) is Annotated:
        kinds, marks = _bare(get_args(hint)[0])
        metadata = [
            part for mark in hint.__metadata__ for part in (mark, *getattr(mark, "metadata", ()))
        ]
        return kinds, [*marks, *metadata]
    if get_origin(hint) in (Union, UnionType):
        parts = [_bare(part) for part in get_args(hint) if part is not NoneType]
        return [kind for kinds, _ in parts for kind in kinds], [m for _, ms in parts for m in ms]
    if get_origin(hint) is list:
        return _bare(get_args(hint)[0])
    return [hint], []


def members(part: JsonObject, name: str) -> Mapping[str, Any]:
    """Return a part's object of that name; an empty one where it is none."""
    value = part.get(name)
    return value if isinstance(value, dict) else {}


def parts(part: JsonObject, name: str) -> list[JsonObject]:
    """Return the objects in a part's list of that name."""
    return [item for item in values(part, name) if isinstance(item, dict)]


def texts(part: JsonObject, name: str) -> list[str]:
    """Return the texts in a part's list of that name."""
    return [item for item in values(part, name) if isinstance(item, str)]


def values(part: JsonObject, name: str) -> list[Any]:
    """Return a part's list of that name; an empty one where it is none."""
    value = part.get(name)
    return value if isinstance(value, list) else []


def ids(part: JsonObject, name: str) -> list[str]:
    """Return the ids of the parts in a list."""
    return [item["id"] for item in parts(part, name) if isinstance(item.get("id"), str)]


def treatments(definition: JsonObject) -> list[str] | None:
    """Return what a dose may be of; None where no arm says what it gives."""
    names = [
        treatment for arm in parts(definition, "arms") for treatment in texts(arm, "treatments")
    ]
    return [*dict.fromkeys([*names, *texts(definition, "placebo")])] if names else None


def reported_parameters(definition: JsonObject) -> list[str]:
    """Return the parameters that are reported, and not derived from another."""
    return [
        name
        for name, parameter in members(definition, "parameters").items()
        if not isinstance(parameter, dict) or not any(parameter.get(source) for source in _DERIVES)
    ]


_DERIVES = ("log10_of", "upper_limits_of", "lower_limits_of", "formula", "grades")
"""The fields of a parameter that make it of others."""


def _units(definition: JsonObject) -> list[str]:
    parameters = members(definition, "parameters").values()
    units = [
        unit
        for parameter in parameters
        if isinstance(parameter, dict)
        for unit in (parameter.get("unit"), *members(parameter, "units"))
    ]
    return [*dict.fromkeys(unit for unit in units if isinstance(unit, str))]


_NAMED: Mapping[str, Callable[[JsonObject], list[str]]] = {
    "arm": lambda definition: ids(definition, "arms"),
    "parameter": reported_parameters,
    "period": lambda definition: ids(definition, "periods"),
    "visit": lambda definition: ids(definition, "visits"),
}
"""Fields that name a part of the definition, whatever the kind of record."""


_OF_A_KIND: Mapping[tuple[str, str], Callable[[JsonObject], Sequence[str] | None]] = {
    ("adverse-event.reported", "causality"): lambda definition: (
        texts(members(definition, "adverse_events"), "causality") or None
    ),
    ("dose.administered", "treatment"): treatments,
    ("lab.result.reported", "unit"): _units,
    ("outcome.adjudicated", "outcome"): lambda definition: texts(definition, "outcomes"),
    ("visit.recorded", "unit"): _units,
}
"""Fields whose values other sections of the definition name."""


def field_of(kind: str, name: str) -> Field:
    """Find a field of a kind's records, or of what is measured at a visit."""
    fields_by_name = measured_fields() if kind == "measurement" else fields_of_kind(kind)
    return fields_by_name[name] if name in fields_by_name else measured_fields()[name]


def allowed_values(kind: str, name: str, definition: JsonObject) -> Sequence[str] | None:
    """List the values that a field of a kind's records may have; None where any may come."""
    field = field_of(kind, name)
    if field.choices:
        return field.choices
    if (kind, name) in _OF_A_KIND:
        return _OF_A_KIND[kind, name](definition)
    if field.form == "name" and name in _NAMED:
        return _NAMED[name](definition)
    if field.form != "text":
        return None
    return _words(kind, name, definition)


def _words(kind: str, name: str, definition: JsonObject) -> Sequence[str] | None:
    declared = members(definition, "vocabularies")
    vocabularies = [
        words(vocabulary, name, members(declared, vocabulary).get(name))
        for vocabulary in _MEASURED.get(kind, [kind])
    ]
    lists = [vocabulary for vocabulary in vocabularies if vocabulary is not None]
    return [*dict.fromkeys(word for vocabulary in lists for word in vocabulary)] if lists else None


_MEASURED = {"measurement": (*filter(has_measurements, KINDS), "lab.result.reported")}
"""What is measured is of records of several kinds, and may use the words of all."""


def value_error(kind: str, name: str, value: object) -> str | None:
    """Return why a field can never have a value, whatever the study; None where it can."""
    field, text = field_of(kind, name), str(value)
    if field.form == "parts":
        return "is a list or an object: it cannot be compared with a value"
    if text == "" and field.optional:
        return None
    if field.form == "number":
        return number_error(text, field.limits)
    if field.form == "date":
        return None if _is_date(text) else "must be a date, such as 2024-03-31"
    return None


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat((text[:10] + "-01-01")[:10])
    except ValueError:
        return False
    return True


def number_error(text: str, limits: Limits) -> str | None:
    """Return why a text is not a number within limits; None where it is."""
    low, high = limits
    try:
        number = Decimal(text)
    except InvalidOperation:
        return "must be a number"
    if low is not None and number < low:
        return f"is below {low}, the minimum of this field"
    if high is not None and number > high:
        return f"is above {high}, the maximum of this field"
    return None


def vocabulary_fields(kind: str) -> Iterator[str]:
    """Yield the fields of a kind's records that hold words, so that they may have a vocabulary."""
    fields_by_name = {
        **_reported_fields(kind),
        **(measured_fields() if has_measurements(kind) else {}),
    }
    for name, field in fields_by_name.items():
        if field.form == "text" and not field.choices and name not in ("result", "causality"):
            yield name
