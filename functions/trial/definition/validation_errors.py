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
    """Return each fault with its pointer.

    Where one of several forms may stand, pydantic complains of each; the one that comes closest to
    what was written is meant.
    """
    failures = [
        _Failure(failure["loc"], failure["type"], message_for(failure))
        for failure in error.errors(include_input=False, include_url=False)
    ]
    return tuple(_field_errors(failures, value, ""))


def _field_errors(failures: Sequence[_Failure], value: Any, path: str) -> Iterator[FieldError]:  # noqa: ANN401
    inside: dict[int | str, list[_Failure]] = {}
    forms: dict[int | str, list[_Failure]] = {}
    for failure in failures:
        if not failure.place:
            yield FieldError(path, failure.text)
            continue
        first, *inner_place = failure.place
        if _holds(value, first):
            inside.setdefault(first, []).append(failure._replace(place=inner_place))
        elif not inner_place and first == "[key]":  # the name under which the value stands
            yield FieldError(path, failure.text)
        elif not inner_place and failure.type == "missing":
            yield FieldError(f"{path}/{first}", failure.text)
        else:
            forms.setdefault(first, []).append(failure._replace(place=inner_place))
    for name, inner_failures in inside.items():
        yield from _field_errors(inner_failures, value[name], f"{path}/{json_pointer.escape(name)}")
    if forms:
        attempts = (_attempt(form_failures, value, path) for form_failures in forms.values())
        yield from min(attempts, key=_distance).errors


class _Attempt(NamedTuple):
    """One of the forms that the value may have, and its errors if that is what it is."""

    other_shape: bool
    errors: Sequence[FieldError]


def _attempt(failures: Sequence[_Failure], value: object, path: str) -> _Attempt:
    return _Attempt(_other_shape(failures, value), tuple(_field_errors(failures, value, path)))


def _distance(attempt: _Attempt) -> tuple[bool, int, int]:
    """Order forms by how far they are: a fault deep inside means that all around it is right."""
    return (
        attempt.other_shape,
        len(attempt.errors),
        -min(fault.pointer.count("/") for fault in attempt.errors),
    )


def _holds(value: object, name: int | str) -> bool:
    if isinstance(value, dict):
        return name in value
    return isinstance(value, list) and isinstance(name, int) and name < len(value)


def _other_shape(failures: Sequence[_Failure], value: object) -> bool:
    """Return whether a form is of another shape than what was written: text, an object, a list."""
    return any(
        not failure.place
        and (
            failure.type.endswith("_type")
            or (failure.type == "literal_error" and not isinstance(value, str))
        )
        for failure in failures
    )
