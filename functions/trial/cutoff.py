"""A subject as of a clinical cut-off date: what had happened by then, as far as is known now."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from trial import dates
from trial.derivation import DECIDING_DATE
from trial.subject import Record, Subject

ONGOING = "NOT RECOVERED/NOT RESOLVED"
_FOLLOWS = {"adverse-event.coded": ("adverse-event.reported", "adverse_event")}
"""Kinds without a date of their own: they stand or fall with the record they are about."""


def until(subject: Subject, cutoff: int) -> Subject:
    """Keep the records whose deciding date lies on or before a day (ordinal).

    Of a partial date the earliest day counts, so that nothing that may have happened is left out;
    a record without a date stays. What ended later reads as ongoing.
    """
    records = {
        key: _ongoing(record, cutoff)
        for key, record in subject.records.items()
        if _happened(record, subject, cutoff)
    }
    return replace(subject, records=records)


def _happened(record: Record, subject: Subject, cutoff: int) -> bool:
    if record.void:
        return True
    if record.kind in _FOLLOWS:
        kind, field = _FOLLOWS[record.kind]
        about = subject.records.get((kind, record.data[field]))
        return about is None or about.void or _happened(about, subject, cutoff)
    text = record.data.get(DECIDING_DATE.get(record.kind, "date"))
    return not text or dates.earliest(text) <= cutoff


def _ongoing(record: Record, cutoff: int) -> Record:
    end = record.data.get("end")
    if not end or dates.earliest(end) <= cutoff:
        return record
    data: Mapping[str, Any] = {name: value for name, value in record.data.items() if name != "end"}
    if "outcome" in data:
        data = {**data, "outcome": ONGOING}
    return replace(record, data=data)
