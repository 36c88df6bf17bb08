"""Where a definition that pydantic refuses is wrong: pointers into it, as its sponsor wrote it."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from trial.errors import FieldError
from trial.events import json_pointer
from trial.events.field_errors import message_for


class _Failure(NamedTuple):
    place: Sequence[int | str]
    type: str
    text: str


def validation_errors(error: ValidationError, value: object) -> tuple[FieldError, ...]:
    """Name each fault by its pointer.

    Where one of several forms may stand, pydantic complains of each; the one that comes closest to
    what was written is meant.
    """
    failures = [
        _Failure(each["loc"], each["type"], message_for(each))
        for each in error.errors(include_input=False, include_url=False)
    ]
    return tuple(_found(failures, value, ""))


def _found(failures: Sequence[_Failure], value: Any, path: str) -> Iterator[FieldError]:  # noqa: ANN401
    inside: dict[int | str, list[_Failure]] = {}
    forms: dict[int | str, list[_Failure]] = {}
    for each in failures:
        if not each.place:
            yield FieldError(path, each.text)
            continue
        first, *rest = each.place
        if _holds(value, first):
            inside.setdefault(first, []).append(each._replace(place=rest))
        elif not rest and first == "[key]":  # the name under which the value stands
            yield FieldError(path, each.text)
        elif not rest and each.type == "missing":
            yield FieldError(f"{path}/{first}", each.text)
        else:
            forms.setdefault(first, []).append(each._replace(place=rest))
    for name, theirs in inside.items():
        yield from _found(theirs, value[name], f"{path}/{json_pointer.escape(name)}")
    if forms:
        yield from min((_tried(each, value, path) for each in forms.values()), key=_distance).found


class _Tried(NamedTuple):
    """A form that what was written might be of, and what is wrong with it then."""

    other_shape: bool
    found: Sequence[FieldError]


def _tried(failures: Sequence[_Failure], value: object, path: str) -> _Tried:
    return _Tried(_other_shape(failures, value), tuple(_found(failures, value, path)))


def _distance(tried: _Tried) -> tuple[bool, int, int]:
    """Order forms by how far they are: a fault deep inside means that all around it is right."""
    return (
        tried.other_shape,
        len(tried.found),
        -min(fault.pointer.count("/") for fault in tried.found),
    )


def _holds(value: object, name: int | str) -> bool:
    if isinstance(value, dict):
        return name in value
    return isinstance(value, list) and isinstance(name, int) and name < len(value)


def _other_shape(failures: Sequence[_Failure], value: object) -> bool:
    """Say whether a form is of another shape than what was written: text, an object, a list."""
    return any(
        not each.place
        and (
            each.type.endswith("_type")
            or (each.type == "literal_error" and not isinstance(value, str))
        )
        for each in failures
    )
