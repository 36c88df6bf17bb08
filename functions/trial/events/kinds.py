"""What follows from the model of a kind of event: its dates, and what a record of it is about."""

from collections.abc import Mapping
from functools import cache
from typing import Any, get_args, get_type_hints

from trial.events.fields import FullDate, LocalTime, PartialDate
from trial.events.payloads import KINDS

_DATES = (PartialDate, FullDate, LocalTime)


@cache
def date_fields(kind: str) -> tuple[str, ...]:
    """Return the names of the fields of a kind's data that hold a date, in their order."""
    return _fields_of(kind, *_DATES)


@cache
def partial_dates(kind: str) -> tuple[str, ...]:
    """Return the names of the fields whose dates may be partial."""
    return _fields_of(kind, PartialDate)


def _fields_of(kind: str, *types: object) -> tuple[str, ...]:
    hints = get_type_hints(KINDS[kind], include_extras=True) if kind in KINDS else {}
    forms = {name: (hint, *get_args(hint)) for name, hint in hints.items()}
    return tuple(
        name for name, form in forms.items() if any(date_type in form for date_type in types)
    )


DECIDING_DATE: Mapping[str, str] = {
    kind: names[0] for kind in KINDS if (names := date_fields(kind))
}
"""The field that says when a record happened: the first date of its kind; some kinds have none."""


def shows_alive(kind: str, data: Mapping[str, Any]) -> bool:
    """Return whether a record shows the subject alive on its dates."""
    model = KINDS[kind]
    return model.shows_alive and model.is_contact(data)


def is_contact(kind: str, data: Mapping[str, Any]) -> bool:
    """Return whether a record says that there was contact with the subject on its dates."""
    return KINDS[kind].is_contact(data)
