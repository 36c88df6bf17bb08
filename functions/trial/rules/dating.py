"""Dates that measures and times to event count from and to, as day numbers (ordinals)."""

from collections.abc import Callable, Iterable, Sequence

from trial.deferred import dataclass
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

    `find` returns its day on or after a given day (0: any day): of several records the first or
    the last such day, of a partial date a day that it can mean. `named` marks a date by itself,
    not of one of several records. `undated` tells whether a matching record has no date, and
    `undetermined` whether an adverse event on or after a day may match or not, because it lacks a
    field that the filter asks for.
    """

    find: Find
    undated: Callable[[Derivation], bool] = lambda _: False
    undetermined: Callable[[Derivation, int], bool] = lambda *_: False
    named: bool = False


@dataclass(frozen=True, slots=True)
class Time:
    """Days to an event, or to the day on which a subject was last known to be free of it.

    A censored time is `undated` where there is an event without a date, and `undetermined` where
    there is an adverse event that may match or not, because it lacks a field. It is `competing`
    where another event ended it that keeps the event from coming.
    """

    days: int
    event: bool
    undated: bool = False
    undetermined: bool = False
    competing: bool = False


def date(study: Study, ref: DateRef, path: str) -> Date:
    """Return the finder of a date; partial ones are imputed (`imputation`)."""
    match ref:
        case RecordDate():
            return _record_date(ref, path)
        case EventDate():
            return _event_date(study, ref, path)
        case ResultDate():
            return _result_date(study, ref, path)
        case _:
            return Date(_NAMED[ref], named=True)


def time(study: Study, definition: TimeToEvent, path: str) -> Callable[[Derivation], Time | None]:
    """Return the finder of a subject's time to event; None while it has not started.

    Both days count, so an event on the first day is at 1. An event before the start does not
    count. Every subject is censored at the last contact, or at a cut-off before that.
    """
    start = date(study, definition.start, f"{path}/start")
    event_finders = [
        date(study, ref, f"{path}/events/{i}") for i, ref in enumerate(definition.events)
    ]
    censoring_finders = [
        date(study, ref, f"{path}/censored/{i}") for i, ref in enumerate(definition.censored)
    ]
    censoring_finders.append(Date(_last_contact))
    competing_finders = [
        date(study, ref, f"{path}/competing/{i}") for i, ref in enumerate(definition.competing)
    ]
    all_finders = [*event_finders, *competing_finders]

    def compute(derivation: Derivation) -> Time | None:
        start_day = start.find(derivation, 0)
        if start_day is None:
            return None
        event, competing, end = (
            _first(derivation, dates, start_day)
            for dates in (event_finders, competing_finders, censoring_finders)
        )
        ends = [day for day in (competing, end) if day is not None]
        if event is not None and all(event <= day for day in ends):
            return Time(event - start_day + 1, event=True)
        if not ends:
            return None
        undated = any(event_date.undated(derivation) for event_date in all_finders)
        may_be_meant = any(
            event_date.undetermined(derivation, start_day) for event_date in all_finders
        )
        return Time(
            min(ends) - start_day + 1,
            event=False,
            undated=undated,
            undetermined=may_be_meant,
            competing=competing is not None and competing == min(ends),
        )

    return memoised(compute)


def optional_event_fields(definition: TimeToEvent) -> list[str]:
    """Return the fields of adverse events that a time to event asks for and that may be missing."""
    refs = (*definition.events, *definition.competing)
    filters = [ref.adverse_event for ref in refs if isinstance(ref, EventDate)]
    return list(
        dict.fromkeys(name for event_filter in filters for name in optional_fields(event_filter))
    )


def _first(derivation: Derivation, event_dates: Sequence[Date], start_day: int) -> int | None:
    days = (event_date.find(derivation, start_day) for event_date in event_dates)
    return min((day for day in days if day is not None), default=None)


def days_between(start: Date, end: Date) -> Callable[[Derivation], int | None]:
    """Return the finder of the days from one date to another, both counted.

    Of records the end is the first or last on or after the start. An end that is a date by itself
    may lie before the start: the day before counts as -1, as study days do.
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


def _first_or_last(
    first_or_last: str, candidates: Iterable[Dated | None], since: int
) -> int | None:
    days = [day for dated in candidates if dated and (day := dated.since(since)) is not None]
    return (min if first_or_last == "first" else max)(days, default=None)


def _record_date(ref: RecordDate, path: str) -> Date:
    kind = ref.recorded
    check_kind(kind, path)
    field, matches = check_dated(kind, path), matcher(ref.where)

    def find(derivation: Derivation, since: int) -> int | None:
        matching = (record for record in derivation.records(kind) if matches(record.data))
        return _first_or_last(ref.which, map(derivation.dated, matching), since)

    def undated(derivation: Derivation) -> bool:
        records = derivation.records(kind)
        return any(matches(record.data) and not record.data.get(field) for record in records)

    def may_be_meant(derivation: Derivation, since: int) -> bool:
        undetermined_dates = (
            derivation.dated(record)
            for record in derivation.records(kind)
            if matches(record.data) is None
        )
        return any(dated is None or dated.since(since) for dated in undetermined_dates)

    return Date(find, undated, may_be_meant)


def _event_date(study: Study, ref: EventDate, path: str) -> Date:
    matches = adverse_event_matcher(study, ref.adverse_event, f"{path}/adverse_event")

    def find(derivation: Derivation, since: int) -> int | None:
        matching = (event.onset for event in derivation.adverse_events if matches(event))
        return _first_or_last(ref.which, matching, since)

    def undated(derivation: Derivation) -> bool:
        return any(matches(event) and event.onset is None for event in derivation.adverse_events)

    def may_be_meant(derivation: Derivation, since: int) -> bool:
        undetermined_onsets = (
            event.onset for event in derivation.adverse_events if matches(event) is None
        )
        return any(onset is None or onset.since(since) is not None for onset in undetermined_onsets)

    return Date(find, undated, may_be_meant)


def _result_date(study: Study, ref: ResultDate, path: str) -> Date:
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


def _date_of(record: Callable[[Derivation], Record | None]) -> Find:
    def find(derivation: Derivation, since: int) -> int | None:
        subject_record = record(derivation)
        dated = derivation.dated(subject_record) if subject_record else None
        return dated.since(since) if dated else None

    return find


_NAMED: dict[str, Find] = {
    "enrolment": _date_of(lambda derivation: derivation.enrolment),
    "randomisation": _date_of(lambda derivation: derivation.randomisation),
    "first-dose": _first_dose,
    "last-dose": lambda derivation, since: _since(derivation.last_dose_day, since),
    "end-of-study": _date_of(lambda derivation: derivation.end_of_study),
    "death": _date_of(lambda derivation: derivation.death),
    "last-contact": _last_contact,
}
