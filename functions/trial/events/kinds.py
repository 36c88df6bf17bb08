"""What follows from the class of a kind of event: its dates, and what a record of it is about."""

from collections.abc import Mapping
from functools import cache
from typing import Any, get_args

from trial.events.fields import FullDate, LocalTime, PartialDate
from trial.events.payloads import KINDS, NOT_DONE, Identity, field_types, is_not_done

ADVERSE_EVENT = "adverse-event.reported"
DOSES, MISSED_DOSES = "dose.administered", "dose.missed"
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
    stated = field_types(kind) if kind in KINDS else {}
    # By identity: types are compared part by part, which takes long at a start.
    numbers = frozenset(map(id, types))
    return tuple(
        name
        for name, field_type in stated.items()
        if not numbers.isdisjoint(map(id, (field_type, *get_args(field_type))))
    )


DECIDING_DATE: Mapping[str, str] = {
    kind: names[0] for kind in KINDS if (names := date_fields(kind))
}
"""The field that says when a record happened: the first date of its kind; some kinds have none."""


CODINGS: Mapping[str, str] = {
    data_class.about[0]: kind for kind, data_class in KINDS.items() if data_class.about is not None
}
"""By the kind of a record that is coded: the kind of its coding."""


SAID: Mapping[str, tuple[str, ...]] = {
    "screening.failed": ("reason",),
    "subject.randomised": ("arm",),
    "subject.superseded": ("by",),
    "visit.missed": ("visit",),
    "dose.missed": ("visit",),
    "regimen.started": ("regimen",),
    "ecg.recorded": ("interpretation",),
    "physical-examination.recorded": ("system", "result"),
    "questionnaire.recorded": ("questionnaire",),
    "observation.recorded": ("test", "result", "unit"),
    "resistance.reported": ("drug", "susceptibility"),
    "outcome.adjudicated": ("outcome",),
    "death.reported": ("cause",),
    "disposition.recorded": ("of", "status", "reason"),
    "deviation.recorded": ("category", "severity"),
    "medical-history.reported": ("term",),
    "procedure.recorded": ("procedure",),
    "vital-status.recorded": ("status",),
    "device-deficiency.reported": ("category",),
    "pregnancy.reported": ("outcome",),
}
"""Which fields of a record say what it is about, beside what its kind is called."""


@cache
def derived_fields(kind: str) -> Mapping[str, object]:
    """Return what can be asked of a kind's records beside their fields, with the types.

    That is what the study's rules derive of them and, of what is coded, the fields of its coding.
    An adverse event has these by rules of its own.
    """
    derived: dict[str, object] = dict(KINDS[kind].derived)
    coding = CODINGS.get(kind)
    if coding is not None and kind != ADVERSE_EVENT:
        types = field_types(coding)
        derived |= {name: types[name] for name in coded_fields(coding)}
        derived |= KINDS[coding].derived
    return derived


def coded_fields(coding: str) -> tuple[str, ...]:
    """Return the fields of a coding that say how something is coded, in their order."""
    common_fields = {*Identity.model_fields, reference(coding)}
    return tuple(name for name in field_types(coding) if name not in common_fields)


def reference(coding: str) -> str:
    """Return the field of a coding that names what it codes."""
    about = KINDS[coding].about
    assert about is not None, f"{coding} codes nothing"
    return about[1]


@cache
def names_of(kind: str) -> frozenset[str]:
    """Return the names of all that can be asked of a kind's records."""
    return frozenset((*field_types(kind), *KINDS[kind].implied, *derived_fields(kind)))


def implied(kind: str, data: Mapping[str, Any]) -> Mapping[str, str]:
    """Return what a record's own fields imply, by the names that it can be asked for."""
    return dict.fromkeys(KINDS[kind].implied, NOT_DONE) if is_not_done(data) else {}


@cache
def has_measurements(kind: str) -> bool:
    """Return whether a record of a kind holds results of parameters, read on its date."""
    return "measurements" in field_types(kind)


def shows_alive(kind: str, data: Mapping[str, Any]) -> bool:
    """Return whether a record shows the subject alive on its dates."""
    data_class = KINDS[kind]
    return data_class.shows_alive and data_class.is_contact(data)


def is_contact(kind: str, data: Mapping[str, Any]) -> bool:
    """Return whether a record says that there was contact with the subject on its dates."""
    return KINDS[kind].is_contact(data)
