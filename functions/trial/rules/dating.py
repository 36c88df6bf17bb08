"""The dates that measures and times to event count from and to, as days (ordinals)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trial import dates
from trial.definition.conditions import DateRef, RecordDate, ResultDate, TimeToEvent
from trial.derivation import DECIDING_DATE, Derivation
from trial.rules.matching import check_kind, matcher, memoised, unknown, within
from trial.study import Study

Date = Callable[[Derivation], int | None]


@dataclass(frozen=True, slots=True)
class Time:
    """Days to an event, or to where a subject was last known to be free of it."""

    days: int
    event: bool


def date(study: Study, ref: DateRef, path: str) -> Date:
    """Make a finder of a date; of a partial one the first day that it can mean."""
    match ref:
        case RecordDate():
            return _of_record(ref, path)
        case ResultDate():
            return _of_result(study, ref, path)
        case _:
            return _NAMED[ref]


def time(study: Study, definition: TimeToEvent, path: str) -> Callable[[Derivation], Time | None]:
    """Make a finder of a subject's time to event; None while it has not started.

    Both days count, so an event on the first day is at 1. What lies before the start is no event.
    Every subject is censored at the last contact, or at a cut-off before that.
    """
    start = date(study, definition.start, f"{path}/start")
    events = [date(study, ref, f"{path}/events/{i}") for i, ref in enumerate(definition.events)]
    ends = [date(study, ref, f"{path}/censored/{i}") for i, ref in enumerate(definition.censored)]

    def found(derivation: Derivation) -> Time | None:
        began = start(derivation)
        if began is None:
            return None
        event = _first(derivation, events, began)
        end = _first(derivation, [*ends, _last_contact], began)
        if event is not None and (end is None or event <= end):
            return Time(event - began + 1, event=True)
        return None if end is None else Time(end - began + 1, event=False)

    return memoised(found)


def _first(derivation: Derivation, finders: Sequence[Date], began: int) -> int | None:
    found = [day for each in finders if (day := each(derivation)) is not None and day >= began]
    return min(found, default=None)


def _of_record(ref: RecordDate, path: str) -> Date:
    check_kind(ref.recorded, ref.where, path)
    matches = matcher(ref.where)
    field = DECIDING_DATE.get(ref.recorded, "date")
    choose = min if ref.which == "first" else max

    def found(derivation: Derivation) -> int | None:
        days = [
            dates.earliest(text)
            for each in derivation.records(ref.recorded)
            if matches(each.data) and (text := each.data.get(field))
        ]
        return choose(days, default=None)

    return found


def _of_result(study: Study, ref: ResultDate, path: str) -> Date:
    if ref.parameter not in study.definition.parameters:
        raise unknown(f"{path}/parameter", "parameter", ref.parameter)
    holds = within(ref, study.definition.parameters[ref.parameter].places)

    def found(derivation: Derivation) -> int | None:
        first = derivation.first_dose
        if first is None:
            return None
        days = (
            each.day
            for each in derivation.observations(ref.parameter)
            if not dates.not_after(each.collected, first) and holds(each.value)
        )
        return next(days, None)

    return found


def _last_contact(derivation: Derivation) -> int | None:
    if derivation.cutoff is not None:
        return min(derivation.last_contact, derivation.cutoff) or None
    return derivation.last_contact or None


_NAMED: dict[str, Date] = {
    "enrolment": lambda derivation: derivation.day_zero,
    "randomisation": lambda derivation: (
        dates.earliest(derivation.randomisation.data["date"]) if derivation.randomisation else None
    ),
    "first-dose": lambda derivation: (
        dates.earliest(derivation.first_dose) if derivation.first_dose else None
    ),
    "last-dose": lambda derivation: derivation.last_dose_day,
    "end-of-study": lambda derivation: (
        dates.earliest(derivation.end_of_study.data["date"]) if derivation.end_of_study else None
    ),
    "death": lambda derivation: (
        dates.earliest(derivation.death.data["date"]) if derivation.death else None
    ),
    "last-contact": _last_contact,
}
