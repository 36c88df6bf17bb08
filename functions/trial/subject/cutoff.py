"""A subject as of a clinical cut-off date: what had happened by then, as far as is known now."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from trial.events import dates
from trial.events.kinds import DECIDING_DATE
from trial.events.payloads import KINDS, field_types
from trial.subject.adverse_events import FATAL, GRADE_OF_DEATH
from trial.subject.fold import Record, Subject
from trial.subject.imputation import Imputation

ONGOING = "NOT RECOVERED/NOT RESOLVED"
DEATH = "DEATH"


def records_until(subject: Subject, cutoff: int) -> Subject:
    """Keep the records whose deciding date lies on or before a day (ordinal).

    A partial date is imputed as everywhere else (`imputation`); a record without a date stays.
    What ended later reads as ongoing, and of an event that ended in a later death nothing tells
    of it.
    """
    imputation = Imputation(_live(subject))
    records = {
        key: _as_known(record, cutoff, imputation.death)
        for key, record in subject.records.items()
        if _happened(record, subject, imputation, cutoff)
    }
    return replace(subject, records=records)


def _live(subject: Subject) -> Mapping[str, Sequence[Record]]:
    """Return the live records by kind."""
    by_kind: dict[str, list[Record]] = {}
    for record in subject.records.values():
        if not record.void:
            by_kind.setdefault(record.kind, []).append(record)
    return by_kind


def _happened(record: Record, subject: Subject, imputation: Imputation, cutoff: int) -> bool:
    if record.void:
        return True
    if (reference := KINDS[record.kind].about) is not None:
        kind, field = reference  # without a date of its own: it stands or falls with that record
        about = subject.records.get((kind, record.data[field]))
        return about is None or about.void or _happened(about, subject, imputation, cutoff)
    field = DECIDING_DATE.get(record.kind, "date")
    dated = imputation.dated(record.kind, field, record.data)
    return dated is None or dated.day <= cutoff


def _as_known(record: Record, cutoff: int, died: int | None) -> Record:
    """Return a record without an end after the cut-off; a fatal event ends with death."""
    fatal, end = record.data.get("outcome") == FATAL, record.data.get("end")
    ended = dates.earliest(end) if end else died if fatal else None
    if ended is None or ended <= cutoff:
        return record
    data = {name: value for name, value in record.data.items() if name != "end"}
    if "outcome" in data:
        data["outcome"] = ONGOING
    if "ongoing" in field_types(record.kind):
        data["ongoing"] = True
    return replace(record, data=_not_yet_fatal(data) if fatal else data)


def _not_yet_fatal(data: dict[str, Any]) -> dict[str, Any]:
    """Return an event's data without the grade and the criterion that only the death gave.

    The grade before it is not known, so there is none. Whether the event is serious stays as it
    was judged: a cut must not make it harmless.
    """
    if data.get("grade") == GRADE_OF_DEATH:
        data = {name: value for name, value in data.items() if name != "grade"}
    if criteria := data.get("seriousness"):
        data = {**data, "seriousness": [criterion for criterion in criteria if criterion != DEATH]}
    return data
