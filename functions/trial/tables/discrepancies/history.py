"""Medication, medical history, assessments that were not done, and vital status."""

from collections.abc import Iterator, Mapping
from typing import Any

from trial.events import dates
from trial.events.kinds import ADVERSE_EVENT, CODINGS, reference
from trial.events.payloads import KINDS, Assessment, field_types, is_not_done
from trial.subject.derivation import Derivation
from trial.tables.discrepancies.evidence import Evidence, by_id, record_keys

HISTORY, VITAL_STATUS = "medical-history.reported", "vital-status.recorded"
CODED = {kind: coding for kind, coding in CODINGS.items() if kind != ADVERSE_EVENT}
GO_ON = tuple(kind for kind in KINDS if {"end", "ongoing"} <= field_types(kind).keys())
ASSESSMENTS = tuple(
    kind for kind, data_class in KINDS.items() if issubclass(data_class, Assessment)
)
_RESULTS = ("result", "interpretation")


def coding_without_record(derivation: Derivation) -> Iterator[Evidence]:
    """Find codings of a medication or of history that is not there: void, or never reported."""
    for kind, coding in CODED.items():
        if not (codings := derivation.records(coding)):
            continue
        reported = {record.record for record in derivation.records(kind)}
        for record in by_id(codings):
            if (name := record.data[reference(coding)]) not in reported:
                yield record_keys(record), f"{name} is not there"


def ended_and_ongoing(derivation: Derivation) -> Iterator[Evidence]:
    """Find what has an end and is said to go on."""
    for kind in GO_ON:
        for record in by_id(derivation.records(kind)):
            if record.data.get("ongoing") and record.data.get("end"):
                yield record_keys(record), f"ended {record.data['end']}, and is ongoing"


def history_after_first_dose(derivation: Derivation) -> Iterator[Evidence]:
    """Find history that certainly began on or after the day of the first dose."""
    if derivation.first_dose is None:
        return
    first_dose = dates.earliest(derivation.first_dose)
    for record in by_id(derivation.records(HISTORY)):
        start = record.data.get("start")
        if start and dates.earliest(start) >= first_dose:
            yield record_keys(record), f"began {start}, first dose {dates.iso(first_dose)}"


def result_of_not_done(derivation: Derivation) -> Iterator[Evidence]:
    """Find assessments that say why they were not done, and have a result."""
    for kind in ASSESSMENTS:
        for record in by_id(derivation.records(kind)):
            if record.data.get("reason_not_done") and _has_result(record.data):
                day = record.data["date"][: dates.FULL]
                yield record_keys(record), f"dated {day}: not done, and has a result"


def _has_result(data: Mapping[str, Any]) -> bool:
    measured = data.get("measurements", ())
    return any(map(data.get, _RESULTS)) or not all(map(is_not_done, measured))


def dead_without_death(derivation: Derivation) -> Iterator[Evidence]:
    """Find that the subject is known to be dead, and no death is reported."""
    if derivation.death is None:
        for record in by_id(derivation.records(VITAL_STATUS)):
            if record.data["status"] == "DEAD":
                yield record_keys(record), f"dated {record.data['date']}, and no death is reported"
