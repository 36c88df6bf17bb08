"""A subject's adverse events: coded, and judged by the rules of the study's definition."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from trial.deferred import dataclass
from trial.definition.conditions import AdverseEvents
from trial.events import dates
from trial.events.fields import term
from trial.subject.codings import NOT_CODED, by_record
from trial.subject.fold import Record
from trial.subject.imputation import Dated

LEVELS = ("soc", "hlgt", "hlt", "pt", "llt")
"""The levels of the dictionary that a coding may name, from the highest down."""
FATAL, GRADE_OF_DEATH = "FATAL", 5
"""The outcome and the grade of an adverse event that ended in death."""
CODED_FIELDS = ("soc", "hlgt", "hlt", "pt")
"""The levels of which two codings of one version may not name two terms; also `llt` if asked."""


@dataclass(frozen=True, slots=True)
class AdverseEvent:
    """An adverse event with its coding and what the study's rules say of it."""

    record: str
    data: Mapping[str, Any]
    soc: str
    pt: str
    coded: Mapping[str, str]
    """The terms by level of the dictionary; a level that the coding does not name is not there."""
    emergent: bool
    related: bool
    treatment: str
    """That of the last dose before its onset; '' where there was none."""
    onset: Dated | None
    """What its onset counts as; None where that is not known."""
    study_day: int | None
    """The study day of the onset; None where that is not known, or without a first dose."""


@dataclass(frozen=True)
class Treatment:
    """When a subject was treated: the first dose as given, and the day (ordinal) of the last."""

    first_dose: str
    last_day: int
    given_at: Callable[[int], str]


def classify(
    rules: AdverseEvents,
    reports: Iterable[Record],
    codings: Iterable[Record],
    treatment: Treatment | None,
    onset: Callable[[Record], Dated | None],
) -> list[AdverseEvent]:
    """Judge each report by the rules; what is not coded says so."""
    coded = {
        event: event_codings[-1].data
        for event, event_codings in by_record(codings, "adverse_event").items()
    }
    return [
        _judge(rules, report, coded.get(report.record), treatment, onset(report))
        for report in reports
    ]


def _judge(
    rules: AdverseEvents,
    record: Record,
    coding: Mapping[str, Any] | None,
    treatment: Treatment | None,
    onset: Dated | None,
) -> AdverseEvent:
    causality = record.data.get("causality")
    related = (
        rules.missing_causality == "related" if causality is None else causality in rules.related
    )
    coded = {level: term(text) for level in LEVELS if (text := (coding or {}).get(level))}
    return AdverseEvent(
        record.record,
        record.data,
        coded.get("soc", NOT_CODED),
        coded.get("pt", NOT_CODED),
        coded,
        treatment is not None and _emergent(rules, record.data, treatment, onset),
        related,
        treatment.given_at(onset.day) if treatment and onset else "",
        onset,
        _study_day(treatment, onset),
    )


def _study_day(treatment: Treatment | None, onset: Dated | None) -> int | None:
    if treatment is None or onset is None:
        return None
    days = onset.day - dates.earliest(treatment.first_dose)
    return days + (days >= 0)


def _emergent(
    rules: AdverseEvents, data: Mapping[str, Any], treatment: Treatment, onset: Dated | None
) -> bool:
    """Return whether an event began under treatment (after admiral's derive_var_trtemfl)."""
    first, end = dates.earliest(treatment.first_dose), data.get("end")
    if end and dates.latest(end) < first:
        return False
    if onset is None:
        return rules.missing_onset == "emergent"
    window = rules.days_after_last_dose
    return onset.day >= first and (window is None or onset.day <= treatment.last_day + window)
