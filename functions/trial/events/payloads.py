"""The data of each kind of event: one model a kind states its fields.

What a study's definition adds (known visits, parameters, units) is checked in
`subject.acceptance`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

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
    """What every event's data carry: which record, in which revision, and why it changed.

    A kind's model says all that the service knows of the kind: its fields, and what is stated
    beside them here. Its first field that is a date is when a record happened (`kinds`).
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    noun: ClassVar[str] = "a record"
    """What one is called in a sentence, with its article."""
    shows_alive: ClassVar[bool] = False
    """Whether a record shows the subject alive on its dates; others may follow a death."""
    began_before: ClassVar[bool] = False
    """Whether it can have begun before the study's calendar."""
    about: ClassVar[tuple[str, str] | None] = None
    """The kind of record that it is about, and its field that names it: no date of its own."""

    record: Identifier
    revision: Annotated[int, Field(ge=1, le=1_000_000)]
    action: Literal["record", "void"] = "record"
    reason_for_change: Personal[Text | None] = None

    @classmethod
    def is_contact(cls, data: Mapping[str, Any]) -> bool:  # noqa: ARG003 (kinds differ)
        """Return whether a record says that there was contact with the subject on its dates."""
        return True


_IDENTITY = frozenset(Data.model_fields)


class Void(Data):
    """A record taken back: it stays in the journal and counts nowhere."""

    action: Literal["void"]


class SubjectScreened(Data):
    noun: ClassVar[str] = "a screening"
    shows_alive: ClassVar[bool] = True

    date: FullDate
    site: Identifier | None = None


class ScreeningFailed(Data):
    noun: ClassVar[str] = "a failure of screening"

    date: FullDate
    reason: Text
    criteria: list[Text] = []


class ConsentRecorded(Data):
    noun: ClassVar[str] = "a consent"
    shows_alive: ClassVar[bool] = True

    date: FullDate


class ConsentWithdrawn(Data):
    noun: ClassVar[str] = "a withdrawal of consent"
    shows_alive: ClassVar[bool] = True

    date: FullDate


class SubjectEnrolled(Data):
    noun: ClassVar[str] = "an enrolment"
    shows_alive: ClassVar[bool] = True

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
    noun: ClassVar[str] = "a randomisation"
    shows_alive: ClassVar[bool] = True

    date: FullDate
    arm: Unblinding[Identifier]
    strata: dict[str, Text] = {}


class SubjectUnblinded(Data):
    noun: ClassVar[str] = "an unblinding"

    date: FullDate
    reason: Unblinding[Personal[Text]]


class SubjectSuperseded(Data):
    noun: ClassVar[str] = "that another id stands for the subject"

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
    noun: ClassVar[str] = "a visit"
    shows_alive: ClassVar[bool] = True

    visit: Identifier
    date: LocalTime
    measurements: list[Measurement] = []


class VisitMissed(Data):
    noun: ClassVar[str] = "a missed visit"

    visit: Identifier
    date: FullDate | None = None
    reason: Personal[Text]

    @classmethod
    def is_contact(cls, data: Mapping[str, Any]) -> bool:  # noqa: ARG003 (none ever is)
        """Return that nobody was met."""
        return False


class LabResultReported(Circumstances, Data):
    noun: ClassVar[str] = "a laboratory result"
    shows_alive: ClassVar[bool] = True

    visit: Identifier | None = None
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
    noun: ClassVar[str] = "a dose"
    shows_alive: ClassVar[bool] = True

    visit: Identifier | None = None
    start: LocalTime
    end: LocalTime | None = None
    treatment: Unblinding[Text | None] = None
    amount: Unblinding[Number]
    unit: Unblinding[Text]
    lot: Unblinding[Text | None] = None


class DoseMissed(Data):
    noun: ClassVar[str] = "a missed dose"

    visit: Identifier
    date: FullDate | None = None
    reason: Personal[Text]

    @classmethod
    def is_contact(cls, data: Mapping[str, Any]) -> bool:  # noqa: ARG003 (none ever is)
        """Return that nobody was met."""
        return False


class RegimenStarted(Data):
    noun: ClassVar[str] = "the start of a regimen"
    shows_alive: ClassVar[bool] = True

    date: FullDate
    regimen: Personal[Text]
    agents: list[Text] = []


class AdverseEventReported(Data):
    noun: ClassVar[str] = "an adverse event"
    shows_alive: ClassVar[bool] = True

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
    noun: ClassVar[str] = "the coding of an adverse event"
    about: ClassVar[tuple[str, str] | None] = ("adverse-event.reported", "adverse_event")

    adverse_event: Identifier
    dictionary: Text
    version: Text
    soc: Text
    hlgt: Text | None = None
    hlt: Text | None = None
    pt: Text
    llt: Text | None = None


class ResistanceReported(Data):
    noun: ClassVar[str] = "a test of resistance"
    shows_alive: ClassVar[bool] = True

    collected: FullDate
    drug: Text
    fold_change: Number | None = None
    ec50: Number | None = None
    maximum_inhibition: Number | None = None
    susceptibility: Text | None = None
    mutations: list[Text] = []


class OutcomeAdjudicated(Data):
    noun: ClassVar[str] = "an adjudicated outcome"

    outcome: Identifier
    date: FullDate
    committee: Text | None = None


class DeathReported(Data):
    noun: ClassVar[str] = "a death"

    date: PartialDate
    cause: Personal[Text]
    related: bool | None = None
    autopsy: bool | None = None


class DispositionRecorded(Data):
    noun: ClassVar[str] = "a disposition"

    of: Literal["screening", "treatment", "study"]
    status: Literal["completed", "discontinued"]
    reason: Text | None = None
    specified: Verbatim | None = None
    date: FullDate
    period: Identifier | None = None


class DeviationRecorded(Data):
    noun: ClassVar[str] = "a deviation"

    date: FullDate
    category: Text
    description: Personal[Text]
    severity: Literal["minor", "major"] | None = None


class ConmedRecorded(Data):
    noun: ClassVar[str] = "a concomitant medication"
    shows_alive: ClassVar[bool] = True
    began_before: ClassVar[bool] = True

    drug: Personal[Text]
    indication: Personal[Text | None] = None
    start: PartialDate | None = None
    end: PartialDate | None = None


class PregnancyReported(Data):
    noun: ClassVar[str] = "a pregnancy"
    shows_alive: ClassVar[bool] = True

    date: FullDate
    outcome: Text | None = None


class SubjectErased(Data):
    noun: ClassVar[str] = "the erasure of the subject's personal texts"

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
