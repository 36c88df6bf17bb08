"""AIRWAY-2X2's tables, recomputed from its records: a function a table."""

from collections.abc import Callable, Mapping

from airway import efficacy, safety, subjects
from airway.oracle import Table
from airway.records import Trial

TABLES: Mapping[str, Callable[[Trial], Table]] = {
    "14.1.1": subjects.disposition,
    "14.1.2": subjects.analysis_sets,
    "14.1.3": subjects.demographics,
    "14.2.1": efficacy.within_subjects,
    "14.2.2": efficacy.effects,
    "14.2.3": efficacy.responders,
    "14.2.4": efficacy.between_sequences,
    "14.2.5": efficacy.time_to_event,
    "14.2.6": efficacy.visits,
    "14.3.1.1": safety.adverse_events_by_drug,
    "14.3.1.2a": safety.adverse_events_on("a"),
    "14.3.1.2b": safety.adverse_events_on("b"),
    "14.3.1.3": safety.adverse_events_by_sequence,
    "14.3.4.1": safety.shifts,
    "14.3.4.2": safety.eosinophils,
    "14.4.1": safety.exposure,
}
