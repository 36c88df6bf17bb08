"""Adverse events, their codings, and deaths."""

from collections.abc import Iterator

from trial.events import dates
from trial.events.fields import term
from trial.events.kinds import DECIDING_DATE, is_contact
from trial.subject.adverse_events import FATAL, GRADE_OF_DEATH, AdverseEvent
from trial.subject.derivation import Derivation
from trial.subject.fold import Record
from trial.tables.discrepancies.evidence import (
    EVENTS,
    MAX_RECORDS_NAMED,
    Evidence,
    by_id,
    event_key,
    record_keys,
)
from trial.tables.discrepancies.treatment import DISPOSITION

CODINGS, DEATHS = "adverse-event.coded", "death.reported"
UNRESOLVED = "NOT RECOVERED/NOT RESOLVED"
_OF_THE_LIVING = (
    "lab.result.reported", "dose.administered", "visit.recorded", "resistance.reported",
    "regimen.started", "subject.enrolled", "subject.randomised", EVENTS,
    "procedure.recorded", "vital-status.recorded", "ecg.recorded",
    "physical-examination.recorded", "questionnaire.recorded", "observation.recorded",
)  # fmt: skip


def coding_without_event(derivation: Derivation) -> Iterator[Evidence]:
    """Find codings of an event that is not there: void, or never reported.

    Which of the two is not told: before a cut-off date the one may look like the other.
    """
    codings = derivation.records(CODINGS)
    if not codings:
        return
    reported = {record.record for record in derivation.records(EVENTS)}
    for coding in by_id(codings):
        event = coding.data["adverse_event"]
        if event not in reported:
            yield record_keys(coding), f"adverse event {event} is not there"


def grade_and_outcome(derivation: Derivation) -> Iterator[Evidence]:
    """Find fatal events of another grade than 5, and events of grade 5 that are not fatal."""
    for event in derivation.adverse_events:
        fatal = event.data.get("outcome") == FATAL
        grade = event.data.get("grade")
        if grade is not None and fatal != (grade == GRADE_OF_DEATH):
            yield event_key(event), f"grade {grade}, outcome {'' if fatal else 'not '}{FATAL}"


def seriousness(derivation: Derivation) -> Iterator[Evidence]:
    """Find events with criteria of seriousness that are not serious."""
    for event in derivation.adverse_events:
        criteria = event.data.get("seriousness") or []
        if criteria and not event.data["serious"]:
            yield event_key(event), f"not serious, and criteria are given: {len(criteria)}"


def serious_without_criterion(derivation: Derivation) -> Iterator[Evidence]:
    """Find serious events that do not say by which criterion."""
    for event in derivation.adverse_events:
        if event.data["serious"] and not event.data.get("seriousness"):
            yield event_key(event), "serious, and no criterion is given"


def event_twice(derivation: Derivation) -> Iterator[Evidence]:
    """Find adverse events of one verbatim term, whatever its case, and one onset."""
    alike: dict[tuple[str, str], list[AdverseEvent]] = {}
    for event in derivation.adverse_events:
        if onset := event.data.get("onset"):
            words = term(event.data["term"]).casefold()
            alike.setdefault((words, onset[: dates.FULL]), []).append(event)
    for (_, onset), events in alike.items():
        if len(events) > 1:
            records_named = sorted(event.record for event in events)[:MAX_RECORDS_NAMED]
            yield tuple((EVENTS, record) for record in records_named), f"one term, onset {onset}"


def unresolved_with_end(derivation: Derivation) -> Iterator[Evidence]:
    """Find events that have ended and are not resolved."""
    for event in derivation.adverse_events:
        if event.data.get("outcome") == UNRESOLVED and event.data.get("end"):
            yield event_key(event), f"ended {event.data['end']}, outcome {UNRESOLVED}"


def died_twice(derivation: Derivation) -> Iterator[Evidence]:
    """Find every report of a death but the earliest."""
    if len(derivation.records(DEATHS)) > 1:
        first, *later_deaths = derivation.ordered(DEATHS)
        for death in later_deaths:
            yield record_keys(first, death), f"dated {first.data['date']} and {death.data['date']}"


def death_date_differs(derivation: Derivation) -> Iterator[Evidence]:
    """Find fatal events that ended, and dispositions for death dated, on another day."""
    death = derivation.death
    if death is None:
        return
    died = death.data["date"]
    for event in _fatal(derivation):
        end = event.data.get("end")
        if end and not _same_day(end, died):
            yield (
                (*record_keys(death), *event_key(event)),
                f"event ended {end}, death is dated {died}",
            )
    for disposition in _for_death(derivation):
        if not _same_day(disposition.data["date"], died):
            detail = f"disposition dated {disposition.data['date']}, death {died}"
            yield record_keys(death, disposition), detail


def _fatal(derivation: Derivation) -> list[AdverseEvent]:
    return [event for event in derivation.adverse_events if event.data.get("outcome") == FATAL]


def _for_death(derivation: Derivation) -> list[Record]:
    return [
        disposition
        for disposition in by_id(derivation.records(DISPOSITION))
        if "DEATH" in (disposition.data.get("reason") or "").upper()
    ]


def _same_day(first: str, second: str) -> bool:
    return dates.earliest(first) <= dates.latest(second) and dates.earliest(second) <= dates.latest(
        first
    )


def after_death(derivation: Derivation) -> Iterator[Evidence]:
    """Find what only the living can have, dated after the death."""
    death = derivation.death
    if death is None:
        return
    died = dates.latest(death.data["date"])
    for kind in _OF_THE_LIVING:
        for record in derivation.ordered(kind):
            dated = record.data.get(DECIDING_DATE.get(kind, "date"))
            alive = is_contact(kind, record.data)
            if dated and alive and dates.earliest(dated) > died:
                detail = f"dated {dated[: dates.FULL]}, death {death.data['date']}"
                yield record_keys(death, record), detail


def death_without_fatal_event(derivation: Derivation) -> Iterator[Evidence]:
    """Find a death that no adverse event ended in."""
    if derivation.death is not None and not _fatal(derivation):
        yield record_keys(derivation.death), "no adverse event has a fatal outcome"


def death_without_disposition(derivation: Derivation) -> Iterator[Evidence]:
    """Find a death that no disposition gives as its reason."""
    if derivation.death is not None and not _for_death(derivation):
        yield record_keys(derivation.death), "no disposition gives death as its reason"


def fatal_without_death(derivation: Derivation) -> Iterator[Evidence]:
    """Find a fatal event of a subject whose death is not reported."""
    if derivation.death is None:
        for event in _fatal(derivation):
            yield event_key(event), "no death is reported"
