"""A subject's adverse events: coded, and judged by the rules of the study's definition."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from trial import dates
from trial.definition.conditions import AdverseEvents
from trial.messages import canonical
from trial.subject import Record

NOT_CODED = "Not coded"
FATAL, GRADE_OF_DEATH = "FATAL", 5
"""The outcome and the grade of an adverse event that ended in death."""
_NUMBER = re.compile(r"\d{1,9}")


@dataclass(frozen=True, slots=True)
class AdverseEvent:
    """An adverse event with its coding and what the study's rules say of it."""

    record: str
    data: Mapping[str, Any]
    soc: str
    pt: str
    emergent: bool
    related: bool
    treatment: str
    """That of the last dose before its onset; '' where there was none."""


@dataclass(frozen=True)
class Treatment:
    """When a subject was treated: the first dose as given, and the day (ordinal) of the last."""

    first_dose: str
    last_day: int
    given_at: Callable[[int], str]


def judge(
    rules: AdverseEvents,
    reports: Iterable[Record],
    codings: Iterable[Record],
    treatment: Treatment | None,
) -> list[AdverseEvent]:
    """Judge each report by the rules; what is not coded says so."""
    coded = _latest(codings)
    return [_judge(rules, each, coded.get(each.record), treatment) for each in reports]


def imputed_onset(onset: str, first_dose: str | None) -> int:
    """Give the day (ordinal) a partial onset counts as.

    The first it can mean, or the first dose's where that lies in the same month or year.
    """
    if len(onset) < dates.FULL and first_dose and first_dose.startswith(onset):
        return dates.earliest(first_dose)
    return dates.earliest(onset)


def imputed_end(end: str, *last_days: int | None) -> int:
    """Give the day (ordinal) a partial end counts as.

    The last it can mean; or, where that lies earlier and it can mean that too, the day of the
    death or of a cut-off (`last_days`).
    """
    days = [day for day in last_days if day is not None]
    return max(dates.earliest(end), min([dates.latest(end), *days]))


def _latest(codings: Iterable[Record]) -> dict[str, Mapping[str, Any]]:
    chosen: dict[str, Record] = {}
    for each in codings:
        event = each.data["adverse_event"]
        if event not in chosen or _coding_order(each) > _coding_order(chosen[event]):
            chosen[event] = each
    return {event: record.data for event, record in chosen.items()}


def _coding_order(record: Record) -> tuple[list[int], str, str]:
    version = [int(part) for part in _NUMBER.findall(record.data["version"])]
    return version, canonical(record.data), record.record


def _judge(
    rules: AdverseEvents,
    record: Record,
    coding: Mapping[str, Any] | None,
    treatment: Treatment | None,
) -> AdverseEvent:
    causality, onset = record.data.get("causality"), record.data.get("onset")
    related = (
        rules.missing_causality == "related" if causality is None else causality in rules.related
    )
    return AdverseEvent(
        record.record,
        record.data,
        coding["soc"] if coding else NOT_CODED,
        coding["pt"] if coding else NOT_CODED,
        treatment is not None and _emergent(rules, record.data, treatment),
        related,
        treatment.given_at(imputed_onset(onset, treatment.first_dose))
        if treatment and onset
        else "",
    )


def _emergent(rules: AdverseEvents, data: Mapping[str, Any], treatment: Treatment) -> bool:
    """Tell whether an event began under treatment (after admiral's derive_var_trtemfl)."""
    first = dates.earliest(treatment.first_dose)
    end, onset = data.get("end"), data.get("onset")
    if end and dates.latest(end) < first:
        return False
    if not onset:
        return rules.missing_onset == "emergent"
    began = imputed_onset(onset, treatment.first_dose)
    window = rules.days_after_last_dose
    return began >= first and (window is None or began <= treatment.last_day + window)
