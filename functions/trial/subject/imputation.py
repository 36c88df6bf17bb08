"""The days that dates count as: one rule for partial dates, whoever asks.

Treatment emergence, times to event, incidence, listings, data sets and cut-offs share it. A
complete date is its day. A partial one is imputed within what it can mean:

- a start (onset, start of medication): its first day, or the first dose's if it can mean that;
  never after its own known end;
- an end: its last day, but neither after death or a cut-off nor before its own start;
- a death: its first day, but not before the last day on which the subject was seen alive.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from trial.deferred import dataclass
from trial.events import dates
from trial.events.kinds import DECIDING_DATE, DOSES, date_fields, partial_dates, shows_alive
from trial.events.payloads import KINDS
from trial.subject.fold import Record

DEATH = "death.reported"
_ALIVE: Mapping[str, tuple[str, ...]] = {
    kind: tuple(name for name in date_fields(kind) if name in (DECIDING_DATE[kind], "end"))
    for kind, data_class in KINDS.items()
    if data_class.shows_alive
}
"""The records that show a subject alive, and until when; others may come after its death."""


@dataclass(frozen=True, slots=True)
class Dated:
    """The day (ordinal) that a date counts as, and the last that it can mean."""

    day: int
    latest: int

    def since(self, start: int) -> int | None:
        """Return the day on or after a start, if it can mean such a day."""
        if self.day >= start:
            return self.day
        return start if self.latest >= start else None


class Imputation:
    """What the dates of one subject's records count as."""

    def __init__(self, records: Mapping[str, Sequence[Record]], cutoff: int | None = None) -> None:
        """Take the live records by kind, and the day (ordinal) of a cut-off."""
        self._records = records
        self._cutoff = cutoff

    @cached_property
    def first_dose(self) -> str | None:
        """When treatment began: the local time of the first dose."""
        starts = (dose.data["start"] for dose in self._records.get(DOSES, ()))
        return min(starts, key=lambda start: (*dates.moment(start), start), default=None)

    @cached_property
    def last_alive(self) -> int:
        """The last day (ordinal) on which the subject was seen alive; 0 before that."""
        texts = (
            record.data.get(field)
            for kind, fields in _ALIVE.items()
            for record in self._records.get(kind, ())
            if shows_alive(kind, record.data)
            for field in fields
        )
        return max((dates.earliest(text) for text in texts if text), default=0)

    @cached_property
    def death(self) -> int | None:
        """The day (ordinal) of the death; the earliest where there are several reports."""
        dates_of_death = (
            self.dated(record.kind, "date", record.data) for record in self._records.get(DEATH, ())
        )
        return min((record.day for record in dates_of_death if record), default=None)

    def dated(self, kind: str, field: str, data: Mapping[str, Any]) -> Dated | None:
        """Return what a date of a record counts as; None where there is none."""
        text = data.get(field)
        if not text:
            return None
        if len(text) >= dates.FULL:
            day = dates.earliest(text)
            return Dated(day, day)
        return RULES[kind, field](self, text, data)

    def of_start(self, text: str, data: Mapping[str, Any]) -> Dated:
        """Impute a start: its first day or the first dose's, but not after its own end."""
        first, last = dates.earliest(text), dates.latest(text)
        if end := data.get("end"):
            last = max(first, min(last, dates.latest(end)))
        dosed = dates.earliest(self.first_dose) if self.first_dose else first
        return Dated(dosed if first <= dosed <= last else first, last)

    def of_end(self, text: str, start: Dated | None) -> Dated:
        """Impute an end: its last day, but not after death or cut-off, nor before its start."""
        first, last = dates.earliest(text), dates.latest(text)
        day = min(bound for bound in (last, self.death, self._cutoff) if bound is not None)
        day = min(max(day, first, start.day if start else first), last)
        return Dated(day, day)

    def of_death(self, text: str, _data: Mapping[str, Any]) -> Dated:
        """Impute a death: its first day, but not before the subject was last seen alive."""
        first, last = dates.earliest(text), dates.latest(text)
        return Dated(min(max(first, self.last_alive), last), last)


_Rule = Callable[[Imputation, str, Mapping[str, Any]], Dated]


def _ends(kind: str, start: str) -> _Rule:
    return lambda imputation, text, data: imputation.of_end(
        text, imputation.dated(kind, start, data)
    )


def _rule(kind: str, field: str) -> _Rule:
    """Return what imputes a date: the first of its kind is a start, others are ends."""
    if kind == DEATH:
        return Imputation.of_death
    start = DECIDING_DATE[kind]
    return Imputation.of_start if field == start else _ends(kind, start)


RULES: Mapping[tuple[str, str], _Rule] = {
    (kind, field): _rule(kind, field) for kind in KINDS for field in partial_dates(kind)
}
"""The dates that may be partial, by kind and field, and what imputes each."""
