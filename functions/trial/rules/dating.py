"""The dates that measures and times to event count from and to, as days (ordinals)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from trial.definition.conditions import (
    DateRef,
    EventDate,
    RecordDate,
    ResultDate,
    TimeToEvent,
    selection,
)
from trial.definition.study import Study
from trial.events import dates
from trial.rules.matching import (
    adverse_event_matcher,
    bounded,
    check_dated,
    check_kind,
    matcher,
    memoised,
    optional_fields,
    unknown,
)
from trial.subject.derivation import Derivation
from trial.subject.fold import Record
from trial.subject.imputation import Dated

Find = Callable[[Derivation, int], int | None]


@dataclass(frozen=True, slots=True)
class Date:
    """A date of a subject.

    `find` gives its day on or after another (0 where any will do): of records the first or last
    that is, of a partial date such a day if it can mean one. `named` is a date of its own, not that
    of one of several records. `undated` tells whether there is such a record whose date is not
    known, `open` whether there is an adverse event on or after a day that may be meant: what is
    asked of it was not reported.
    """

    find: Find
    undated: Callable[[Derivation], bool] = lambda _: False
    undetermined: Callable[[Derivation, int], bool] = lambda *_: False
    named: bool = False


@dataclass(frozen=True, slots=True)
class Time:
    """Days to an event, or to where a subject was last known to be free of it.

    It is `undated` where there is an event whose date is not known, and none that counts; `open`
    where, likewise, there is one of which it is not known whether it is meant.
    """

    days: int
    event: bool
    undated: bool = False
    undetermined: bool = False


def date(study: Study, ref: DateRef, path: str) -> Date:
    """Return the finder of a date; partial ones are imputed (`imputation`)."""
    match ref:
        case RecordDate():
            return _of_record(ref, path)
        case EventDate():
            return _of_event(study, ref, path)
        case ResultDate():
            return _of_result(study, ref, path)
        case _:
            return Date(_NAMED[ref], named=True)


def time(study: Study, definition: TimeToEvent, path: str) -> Callable[[Derivation], Time | None]:
    """Return the finder of a subject's time to event; None while it has not started.

    Both days count, so an event on the first day is at 1. What lies before the start is no event.
    Every subject is censored at the last contact, or at a cut-off before that.
    """
    start = date(study, definition.start, f"{path}/start")
    ended_by = [date(study, ref, f"{path}/events/{i}") for i, ref in enumerate(definition.events)]
    ends = [date(study, ref, f"{path}/censored/{i}") for i, ref in enumerate(definition.censored)]
    ends.append(Date(_last_contact))

    def compute(derivation: Derivation) -> Time | None:
        began = start.find(derivation, 0)
        if began is None:
            return None
        event, end = (_first(derivation, dates, began) for dates in (ended_by, ends))
        if event is not None and (end is None or event <= end):
            return Time(event - began + 1, event=True)
        if end is None:
            return None
        undated = any(event_date.undated(derivation) for event_date in ended_by)
        may_be_meant = any(event_date.undetermined(derivation, began) for event_date in ended_by)
        return Time(end - began + 1, event=False, undated=undated, undetermined=may_be_meant)

    return memoised(compute)


def optional_event_fields(definition: TimeToEvent) -> list[str]:
    """Name what a time to event asks of adverse events and some may lack."""
    filters = [ref.adverse_event for ref in definition.events if isinstance(ref, EventDate)]
    return list(
        dict.fromkeys(name for event_filter in filters for name in optional_fields(event_filter))
    )


def _first(derivation: Derivation, event_dates: Sequence[Date], began: int) -> int | None:
    days = (event_date.find(derivation, began) for event_date in event_dates)
    return min((day for day in days if day is not None), default=None)


def days_between(start: Date, end: Date) -> Callable[[Derivation], int | None]:
    """Return the finder of the days from one date to another, both counted.

    Of records the end is the first or last on or after the start. An end that has a name may lie
    before it: the day before counts as -1, as study days do.
    """

    def compute(derivation: Derivation) -> int | None:
        first = start.find(derivation, 0)
        if first is None:
            return None
        last = end.find(derivation, first)
        if last is None and end.named:
            last = end.find(derivation, 0)
        return None if last is None else last - first + (last >= first)

    return compute


def _chosen(first_or_last: str, candidates: Iterable[Dated | None], since: int) -> int | None:
    days = [day for dated in candidates if dated and (day := dated.since(since)) is not None]
    return (min if first_or_last == "first" else max)(days, default=None)


def _of_record(ref: RecordDate, path: str) -> Date:
    kind = ref.recorded
    check_kind(kind, path)
    field, matches = check_dated(kind, path), matcher(ref.where)

    def find(derivation: Derivation, since: int) -> int | None:
        meant = (record for record in derivation.records(kind) if matches(record.data))
        return _chosen(ref.which, map(derivation.dated, meant), since)

    def undated(derivation: Derivation) -> bool:
        records = derivation.records(kind)
        return any(matches(record.data) and not record.data.get(field) for record in records)

    return Date(find, undated)


def _of_event(study: Study, ref: EventDate, path: str) -> Date:
    matches = adverse_event_matcher(study, ref.adverse_event, f"{path}/adverse_event")

    def find(derivation: Derivation, since: int) -> int | None:
        meant = (event.onset for event in derivation.adverse_events if matches(event))
        return _chosen(ref.which, meant, since)

    def undated(derivation: Derivation) -> bool:
        return any(matches(event) and event.onset is None for event in derivation.adverse_events)

    def may_be_meant(derivation: Derivation, since: int) -> bool:
        undetermined_onsets = (
            event.onset for event in derivation.adverse_events if matches(event) is None
        )
        return any(onset is None or onset.since(since) is not None for onset in undetermined_onsets)

    return Date(find, undated, may_be_meant)


def _of_result(study: Study, ref: ResultDate, path: str) -> Date:
    if ref.parameter not in study.definition.parameters:
        raise unknown(f"{path}/parameter", "parameter", ref.parameter)
    holds = bounded(study.definition.parameters[ref.parameter].precision, ref, path)
    where = selection(ref.where)

    def find(derivation: Derivation, since: int) -> int | None:
        first = derivation.first_dose
        if first is None:
            return None
        days = (
            observation.day
            for observation in derivation.series(ref.parameter, where).observations
            if observation.day >= since
            and not dates.not_after(observation.collected, first)
            and holds(observation.value)
        )
        return next(days, None)

    return Date(find)


def _last_contact(derivation: Derivation, since: int) -> int | None:
    cutoff = derivation.cutoff
    day = derivation.last_contact if cutoff is None else min(derivation.last_contact, cutoff)
    return _since(day or None, since)


def _since(day: int | None, since: int) -> int | None:
    return None if day is None or day < since else day


def _first_dose(derivation: Derivation, since: int) -> int | None:
    first = derivation.first_dose
    return _since(dates.earliest(first), since) if first else None


def _of(record: Callable[[Derivation], Record | None]) -> Find:
    def find(derivation: Derivation, since: int) -> int | None:
        subject_record = record(derivation)
        dated = derivation.dated(subject_record) if subject_record else None
        return dated.since(since) if dated else None

    return find


_NAMED: dict[str, Find] = {
    "enrolment": _of(lambda derivation: derivation.enrolment),
    "randomisation": _of(lambda derivation: derivation.randomisation),
    "first-dose": _first_dose,
    "last-dose": lambda derivation, since: _since(derivation.last_dose_day, since),
    "end-of-study": _of(lambda derivation: derivation.end_of_study),
    "death": _of(lambda derivation: derivation.death),
    "last-contact": _last_contact,
}
