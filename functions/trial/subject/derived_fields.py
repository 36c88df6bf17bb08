"""Records with what the study's rules derive of them beside their fields.

A coded record has the fields of its coding, a medication says whether it is prior or concomitant.
So whatever can ask for a field of a record (a condition, a level, a listing) can ask for these.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from trial.definition.medications import Medications
from trial.events import dates
from trial.events.kinds import ADVERSE_EVENT, CODINGS, coded_fields, derived_fields, reference
from trial.events.payloads import ATC_LEVELS, KINDS
from trial.subject import codings, medications
from trial.subject.adverse_events import LEVELS
from trial.subject.codings import NOT_CODED
from trial.subject.fold import Record

MEDICATION, MEDICATION_CODING = "conmed.recorded", "conmed.coded"


class Unknown(str):
    """A value that is not known: whether it is one that is asked for, is not known either.

    Its text is what stands for it where it is shown.
    """

    __slots__ = ()


UNKNOWN, UNCODED = Unknown(), Unknown(NOT_CODED)

HAVE_DERIVED = frozenset(kind for kind in KINDS if derived_fields(kind))
"""The kinds whose records have more than their fields."""


def with_derived_fields(
    kind: str,
    records: Sequence[Record],
    coding_records: Sequence[Record],
    rules: Medications,
    treated: tuple[int, int] | None,
) -> list[Record]:
    """Return records of a kind with what is derived of them.

    `treated` are the days (ordinals) of the first and the last dose, if there is one.
    """
    derivers: list[Callable[[Record], Mapping[str, Any]]] = []
    if kind == MEDICATION:
        derivers.append(partial(_timing, rules, treated))
    if kind == MEDICATION_CODING:
        derivers.append(lambda record: _classes(rules, record.data))
    if kind in CODINGS and kind != ADVERSE_EVENT:
        derivers.append(_coded(CODINGS[kind], coding_records, rules))
    return [
        replace(record, data={**record.data, **_joined(derive(record) for derive in derivers)})
        for record in records
    ]


def _joined(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {name: value for part in parts for name, value in part.items()}


def _timing(
    rules: Medications, treated: tuple[int, int] | None, record: Record
) -> Mapping[str, bool | Unknown]:
    """Return whether a medication is prior and concomitant; unknown while nothing was given."""
    if treated is None:
        return {"prior": UNKNOWN, "concomitant": UNKNOWN}
    span, (first_dose, last_dose) = medications.Span.of(record.data), treated
    prior = medications.is_prior(rules, span, first_dose)
    concomitant = medications.is_concomitant(rules, span, first_dose, last_dose)
    return {
        "prior": UNKNOWN if prior is None else prior,
        "concomitant": UNKNOWN if concomitant is None else concomitant,
    }


def _classes(rules: Medications, coding: Mapping[str, Any]) -> Mapping[str, list[str]]:
    """Return the classes of a medication by level, each once; Not coded at a level without any."""
    by_level: dict[str, dict[str, None]] = {f"atc{level}": {} for level in ATC_LEVELS}
    for path in medications.classes(rules, coding):
        for level, name in path.items():
            by_level.setdefault(level, {})[name] = None
    return {level: list(names) or [NOT_CODED] for level, names in by_level.items()}


def _coded(
    coding_kind: str, coding_records: Sequence[Record], rules: Medications
) -> Callable[[Record], Mapping[str, Any]]:
    """Return what gives the fields of a record's coding; of one without any they are unknown."""
    field = reference(coding_kind)
    latest = {
        record: record_codings[-1].data
        for record, record_codings in codings.by_record(coding_records, field).items()
    }
    own_fields = KINDS[coding_kind].derived
    names = coded_fields(coding_kind)

    def coded(record: Record) -> Mapping[str, Any]:
        coding = latest.get(record.record)
        if coding is None:
            return dict.fromkeys([*names, *own_fields], UNCODED)
        fields = {name: coding[name] for name in names if name in coding}
        fields |= {level: NOT_CODED for level in LEVELS if level in names and level not in fields}
        if not own_fields:
            return fields
        unclassed = {} if coding.get("atc") else {"atc": UNCODED}
        return {**fields, **unclassed, **_classes(rules, coding)}

    return coded


def treated_days(first_dose: str | None, last_dose_day: int | None) -> tuple[int, int] | None:
    """Return the days (ordinals) of the first and the last dose; None where nothing was given."""
    if first_dose is None or last_dose_day is None:
        return None
    return dates.earliest(first_dose), last_dose_day
