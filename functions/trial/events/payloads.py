"""The data of each kind of event: one model a kind states its fields.

What a study's definition adds (known visits, parameters, units) is checked in
`subject.acceptance`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from trial.events.fields import (
    FullDate,
    Identifier,
    LocalTime,
    Number,
    PartialDate,
    Personal,
    Text,
    Unblinding,
    Verbatim,
)


class Data(BaseModel):
    """What every event's data carry: which record, in which revision, and why it changed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    record: Identifier
    revision: Annotated[int, Field(ge=1, le=1_000_000)]
    action: Literal["record", "void"] = "record"
    reason_for_change: Personal[Text | None] = None


_IDENTITY = frozenset(Data.model_fields)


class Void(Data):
    """A record taken back: it stays in the journal and counts nowhere."""

    action: Literal["void"]


class SubjectScreened(Data):
    date: FullDate
    site: Identifier | None = None


class ScreeningFailed(Data):
    date: FullDate
    reason: Text
    criteria: list[Text] = []


class ConsentRecorded(Data):
    date: FullDate


class ConsentWithdrawn(Data):
    date: FullDate


class SubjectEnrolled(Data):
    date: FullDate
    site: Identifier
    country: Text | None = None
    investigator: Personal[Text | None] = None
    age: Annotated[int, Field(ge=0, le=130)] | None = None
    sex: Literal["F", "M", "U", "UNDIFFERENTIATED"] | None = None
    race: Text | None = None
    ethnicity: Text | None = None
    characteristics: dict[str, Any] = {}  # which there are, a study's definition says


class SubjectRandomised(Data):
    date: FullDate
    arm: Unblinding[Identifier]
    strata: dict[str, Text] = {}


class SubjectUnblinded(Data):
    date: FullDate
    reason: Unblinding[Personal[Text]]


class SubjectSuperseded(Data):
    by: Identifier


class Circumstances(BaseModel):
    """How a result was obtained: what a measure can select results by."""

    position: Text | None = None
    location: Text | None = None
    laterality: Text | None = None
    method: Text | None = None
    specimen: Text | None = None


class Measurement(Circumstances):
    """One value read at a visit, as it was reported."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    parameter: Identifier
    result: Text
    unit: Text | None = None


class VisitRecorded(Data):
    visit: Identifier
    date: LocalTime
    measurements: list[Measurement] = []


class VisitMissed(Data):
    visit: Identifier
    date: FullDate | None = None
    reason: Personal[Text]


class LabResultReported(Circumstances, Data):
    parameter: Identifier
    collected: LocalTime
    result: Text
    unit: Text
    lloq: Number | None = None
    uloq: Number | None = None
    range_low: Number | None = None
    range_high: Number | None = None
    reported: FullDate | None = None


class DoseAdministered(Data):
    visit: Identifier | None = None
    start: LocalTime
    end: LocalTime | None = None
    treatment: Unblinding[Text | None] = None
    amount: Unblinding[Number]
    unit: Unblinding[Text]
    lot: Unblinding[Text | None] = None


class DoseMissed(Data):
    visit: Identifier
    date: FullDate | None = None
    reason: Personal[Text]


class RegimenStarted(Data):
    date: FullDate
    regimen: Personal[Text]
    agents: list[Text] = []


class AdverseEventReported(Data):
    term: Personal[Verbatim]
    onset: PartialDate | None = None
    end: PartialDate | None = None
    grade: Annotated[int, Field(ge=1, le=5)] | None = None
    severity: Text | None = None
    serious: bool
    seriousness: list[Text] = []
    causality: Text | None = None
    action_taken: Text | None = None
    outcome: Text | None = None
    concomitant_treatment: bool | None = None
    page: Personal[Text | None] = None


class AdverseEventCoded(Data):
    adverse_event: Identifier
    dictionary: Text
    version: Text
    soc: Text
    pt: Text
    llt: Text | None = None


class ResistanceReported(Data):
    collected: FullDate
    drug: Text
    fold_change: Number | None = None
    ec50: Number | None = None
    maximum_inhibition: Number | None = None
    susceptibility: Text | None = None
    mutations: list[Text] = []


class OutcomeAdjudicated(Data):
    outcome: Identifier
    date: FullDate
    committee: Text | None = None


class DeathReported(Data):
    date: PartialDate
    cause: Personal[Text]
    related: bool | None = None
    autopsy: bool | None = None


class DispositionRecorded(Data):
    of: Literal["screening", "treatment", "study"]
    status: Literal["completed", "discontinued"]
    reason: Text | None = None
    specified: Verbatim | None = None
    date: FullDate
    period: Identifier | None = None


class DeviationRecorded(Data):
    date: FullDate
    category: Text
    description: Personal[Text]
    severity: Literal["minor", "major"] | None = None


class ConmedRecorded(Data):
    drug: Personal[Text]
    indication: Personal[Text | None] = None
    start: PartialDate | None = None
    end: PartialDate | None = None


class PregnancyReported(Data):
    date: FullDate
    outcome: Text | None = None


class SubjectErased(Data):
    reason: Text


ERASURE = "subject.erased"
"""The kind that this service records itself, when a subject's personal texts are erased."""


KINDS: Mapping[str, type[Data]] = {
    "subject.screened": SubjectScreened,
    "screening.failed": ScreeningFailed,
    "consent.recorded": ConsentRecorded,
    "consent.withdrawn": ConsentWithdrawn,
    "subject.enrolled": SubjectEnrolled,
    "subject.randomised": SubjectRandomised,
    "subject.unblinded": SubjectUnblinded,
    "subject.superseded": SubjectSuperseded,
    "visit.recorded": VisitRecorded,
    "visit.missed": VisitMissed,
    "lab.result.reported": LabResultReported,
    "dose.administered": DoseAdministered,
    "dose.missed": DoseMissed,
    "regimen.started": RegimenStarted,
    "adverse-event.reported": AdverseEventReported,
    "adverse-event.coded": AdverseEventCoded,
    "resistance.reported": ResistanceReported,
    "outcome.adjudicated": OutcomeAdjudicated,
    "death.reported": DeathReported,
    "disposition.recorded": DispositionRecorded,
    "deviation.recorded": DeviationRecorded,
    "conmed.recorded": ConmedRecorded,
    "pregnancy.reported": PregnancyReported,
    ERASURE: SubjectErased,
}
