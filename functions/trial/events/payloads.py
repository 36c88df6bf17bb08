"""The data of each kind of event: one class a kind states its fields.

What a study's definition adds (known visits, parameters, units) is checked in
`subject.acceptance`.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from inspect import get_annotations
from typing import Annotated, Any, ClassVar, Literal, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, create_model
from pydantic_core import PydanticKnownError

from trial.events.field_errors import ATC
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


class Identity(BaseModel):
    """What every event's data carry: which record, in which revision, and why it changed."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        defer_build=True,
        protected_namespaces=(),  # no field begins so; looking takes as long as many a field
    )

    record: Identifier
    revision: Annotated[int, Field(ge=1, le=1_000_000)]
    action: Literal["record", "void"] = "record"
    reason_for_change: Personal[Text | None] = None


class Void(Identity):
    """A record taken back: it stays in the journal and counts nowhere."""

    action: Literal["void"]


class Data:
    """What the data of a kind of event carry beside what identifies the record.

    A kind's class says all that the service knows of the kind: its fields, and what is stated
    beside them here. Its first field that is a date is when a record happened (`kinds`). It is a
    plain class: an event needs the model of its own kind alone (`model_of`), and to make those of
    all kinds is a twentieth of a start.
    """

    noun: ClassVar[str] = "a record"
    """What one is called in a sentence, with its article."""
    shows_alive: ClassVar[bool] = False
    """Whether a record shows the subject alive on its dates; others may follow a death."""
    began_before: ClassVar[bool] = False
    """Whether it can have begun before the study's calendar."""
    about: ClassVar[tuple[str, str] | None] = None
    """The kind of record that it is about, and its field that names it: no date of its own."""
    derived: ClassVar[Mapping[str, type]] = {}
    """What is derived of a record by the study's rules, and can be asked for like its fields."""
    implied: ClassVar[Mapping[str, object]] = {}
    """What a record's own fields imply, whatever the study, and can be asked for like these."""
    required_together: ClassVar[dict[str, Any] | None] = None
    """Which fields require or exclude each other, as JSON Schema; the fields' types do not say."""

    @classmethod
    def is_contact(cls, data: Mapping[str, Any]) -> bool:  # noqa: ARG003 (kinds differ)
        """Return whether a record says that there was contact with the subject on its dates."""
        return True


NOT_DONE = "NOT DONE"
"""The completion status (CDISC's --STAT) of what was to be done and was not."""
_COMPLETION: Mapping[str, object] = {"completion_status": Literal["NOT DONE"]}


def is_not_done(item: Mapping[str, Any]) -> bool:
    """Return whether a record, or one of its measurements, says that it was not done."""
    # Asked of every record at every event: not in a loop.
    return bool(item.get("not_done") or item.get("reason_not_done"))


def _unless_not_done(value: str | None, info: ValidationInfo) -> str | None:
    """Require a field, unless the fields before it say that there is no result."""
    if value is None and not is_not_done(info.data):
        raise PydanticKnownError("missing")
    return value


def _result_unless_not_done(value: str | None, info: ValidationInfo) -> str | None:
    """Require a result or that there is none, and refuse both."""
    if value is not None and is_not_done(info.data):
        raise ValueError("must be left out of what was not done")
    return _unless_not_done(value, info)


Result = Annotated[
    Text | None, Field(validate_default=True), AfterValidator(_result_unless_not_done)
]
RequiredIfDone = Annotated[
    Text | None, Field(validate_default=True), AfterValidator(_unless_not_done)
]


def _done_or_not(says_so: str, *required: str) -> dict[str, Any]:
    """Return, as JSON Schema, that there is either a result or that it was not done."""
    absent: dict[str, Any] = {"type": "null"}
    texts: dict[str, Any] = {name: {"type": "string"} for name in required}
    performed = {"required": [*required]}, {"properties": {**texts, says_so: absent}}
    not_done = {"required": [says_so]}, {"properties": {says_so: {"not": absent}, "result": absent}}
    return {"oneOf": [{"allOf": [*performed]}, {"allOf": [*not_done]}]}


class SubjectScreened(Data):
    noun = "a screening"
    shows_alive = True

    date: FullDate
    site: Identifier | None = None


class ScreeningFailed(Data):
    noun = "a failure of screening"

    date: FullDate
    reason: Text
    criteria: list[Text] = []


class ConsentRecorded(Data):
    noun = "a consent"
    shows_alive = True

    date: FullDate


class ConsentWithdrawn(Data):
    noun = "a withdrawal of consent"
    shows_alive = True

    date: FullDate


class SubjectEnrolled(Data):
    noun = "an enrolment"
    shows_alive = True

    date: FullDate
    site: Identifier
    country: Text | None = None
    investigator: Personal[Text | None] = None
    age: Annotated[int, Field(ge=0, le=130)] | None = None
    age_in_days: Annotated[int, Field(ge=0, le=365)] | None = None  # on `date`, of infants alone
    sex: Literal["F", "M", "U", "UNDIFFERENTIATED"] | None = None
    race: Text | None = None
    ethnicity: Text | None = None
    characteristics: dict[str, Any] = {}  # which there are, a study's definition says


class SubjectRandomised(Data):
    noun = "a randomisation"
    shows_alive = True

    date: FullDate
    arm: Unblinding[Identifier]
    strata: dict[str, Text] = {}


class SubjectUnblinded(Data):
    noun = "an unblinding"

    date: FullDate
    reason: Unblinding[Personal[Text]]


class SubjectSuperseded(Data):
    noun = "that another id stands for the subject"

    by: Identifier


class Circumstances:
    """How a result was obtained: what a measure can select results by."""

    position: Text | None = None
    location: Text | None = None
    laterality: Text | None = None
    method: Text | None = None
    specimen: Text | None = None


def _stated(part: type) -> Iterator[tuple[str, Any]]:
    """Yield the fields that a class states itself, with their types."""
    for name, field_type in get_annotations(part).items():
        origin: object = get_origin(field_type)
        if origin is not ClassVar:
            yield name, field_type


CIRCUMSTANCES = tuple(name for name, _ in _stated(Circumstances))


class Measurement(Circumstances, BaseModel):
    """One value read at a visit, as it was reported; or that it was not read."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        defer_build=True,
        json_schema_extra=_done_or_not("not_done", "result"),
    )

    parameter: Identifier
    not_done: Literal[True] | None = None
    result: Result = None
    unit: Text | None = None
    range_low: Number | None = None
    range_high: Number | None = None


class VisitRecorded(Data):
    noun = "a visit"
    shows_alive = True

    visit: Identifier
    date: LocalTime
    measurements: list[Measurement] = []
    reason_not_done: Personal[Text | None] = None  # of the measurements that were not done


class Missed(Data):
    """What should have happened at a visit, and why it did not."""

    visit: Identifier
    date: FullDate | None = None
    reason: Personal[Text]

    @classmethod
    def is_contact(cls, data: Mapping[str, Any]) -> bool:  # noqa: ARG003 (none ever is)
        """Return that nobody was met."""
        return False


class VisitMissed(Missed):
    noun = "a missed visit"


class LabResultReported(Circumstances, Data):
    noun = "a laboratory result"
    shows_alive = True
    implied: ClassVar[Mapping[str, object]] = _COMPLETION
    required_together: ClassVar[dict[str, Any]] = _done_or_not("reason_not_done", "result", "unit")

    visit: Identifier | None = None
    parameter: Identifier
    collected: LocalTime
    reason_not_done: Personal[Text | None] = None
    result: Result = None
    unit: RequiredIfDone = None
    lloq: Number | None = None
    uloq: Number | None = None
    range_low: Number | None = None
    range_high: Number | None = None
    reported: FullDate | None = None

    @classmethod
    def is_contact(cls, data: Mapping[str, Any]) -> bool:
        """Return whether a sample was taken."""
        return not is_not_done(data)


class Assessment(Data):
    """Something done with the subject on a day, of a visit or not; or the reason it was not done.

    A result of a parameter counts like one of a visit, and belongs to the visit named.
    """

    shows_alive = True
    implied: ClassVar[Mapping[str, object]] = _COMPLETION

    date: LocalTime
    visit: Identifier | None = None
    reason_not_done: Personal[Text | None] = None

    @classmethod
    def is_contact(cls, data: Mapping[str, Any]) -> bool:
        """Return whether it was done."""
        return not is_not_done(data)


class EcgRecorded(Assessment):
    noun = "an electrocardiogram"

    timepoint: Text | None = None
    measurements: list[Measurement] = []
    interpretation: Text | None = None
    clinically_significant: bool | None = None


class PhysicalExaminationRecorded(Assessment):
    """The examination of one body system."""

    noun = "a physical examination"

    system: Text
    result: Text | None = None
    clinically_significant: bool | None = None
    description: Personal[Text | None] = None


class QuestionnaireRecorded(Assessment):
    """A questionnaire as answered: its items and scores are parameters of the study."""

    noun = "a questionnaire"

    questionnaire: Text
    measurements: list[Measurement] = []
    evaluator: Text | None = None


class ObservationRecorded(Circumstances, Assessment):
    """Whatever no other kind is for: a test and its result, as text or as a number with its unit.

    A test that is a parameter of the study is a result of it.
    """

    noun = "an observation"

    category: Text | None = None
    test: Text
    result: Text | None = None
    unit: Text | None = None


class DoseAdministered(Data):
    noun = "a dose"
    shows_alive = True

    visit: Identifier | None = None
    start: LocalTime
    end: LocalTime | None = None
    treatment: Unblinding[Text | None] = None
    amount: Unblinding[Number]
    unit: Unblinding[Text]
    lot: Unblinding[Text | None] = None
    planned: Unblinding[Number | None] = None
    adjustment: Unblinding[Text | None] = None


class DoseMissed(Missed):
    noun = "a missed dose"


class RegimenStarted(Data):
    noun = "the start of a regimen"
    shows_alive = True

    date: FullDate
    regimen: Personal[Text]
    agents: list[Text] = []


class AdverseEventReported(Data):
    noun = "an adverse event"
    shows_alive = True

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


class TermCoded(Data):
    """The levels of a dictionary of terms, as MedDRA has them, that something is coded to."""

    dictionary: Text
    version: Text
    soc: Text
    hlgt: Text | None = None
    hlt: Text | None = None
    pt: Text
    llt: Text | None = None


class AdverseEventCoded(TermCoded):
    noun = "the coding of an adverse event"
    about = ("adverse-event.reported", "adverse_event")

    adverse_event: Identifier


class ResistanceReported(Data):
    noun = "a test of resistance"
    shows_alive = True

    collected: FullDate
    drug: Text
    fold_change: Number | None = None
    ec50: Number | None = None
    maximum_inhibition: Number | None = None
    susceptibility: Text | None = None
    mutations: list[Text] = []


class OutcomeAdjudicated(Data):
    noun = "an adjudicated outcome"

    outcome: Identifier
    date: FullDate
    committee: Text | None = None


class DeathReported(Data):
    noun = "a death"

    date: PartialDate
    cause: Personal[Text]
    related: bool | None = None
    autopsy: bool | None = None


class DispositionRecorded(Data):
    noun = "a disposition"

    of: Literal["screening", "treatment", "study"]
    status: Literal["completed", "discontinued"]
    reason: Text | None = None
    specified: Verbatim | None = None
    date: FullDate
    period: Identifier | None = None


class DeviationRecorded(Data):
    noun = "a deviation"

    date: FullDate
    category: Text
    description: Personal[Text]
    severity: Literal["minor", "major"] | None = None


ATC_LEVELS = (1, 2, 3, 4, 5)
"""The levels of the ATC classification: anatomical group to chemical substance."""


class AtcClass(BaseModel):
    """One class of a medication: the code of a level, and the names of the levels down to it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    code: Annotated[str, Field(pattern=ATC)]
    atc1: Text | None = None
    atc2: Text | None = None
    atc3: Text | None = None
    atc4: Text | None = None
    atc5: Text | None = None


class ConmedRecorded(Data):
    noun = "a concomitant medication"
    shows_alive = True
    began_before = True

    derived: ClassVar[Mapping[str, type]] = {"prior": bool, "concomitant": bool}

    drug: Personal[Text]
    indication: Personal[Text | None] = None
    start: PartialDate | None = None
    end: PartialDate | None = None
    ongoing: bool | None = None
    category: Text | None = None
    amount: Number | None = None
    unit: Text | None = None
    form: Text | None = None
    frequency: Text | None = None
    route: Text | None = None


class ConmedCoded(Data):
    """The coding of a medication: its preferred name, and its classes, which may be several.

    Each class is a code of the ATC classification and, where they are sent, the names of its
    levels; the codes of the levels above are the beginnings of the code.
    """

    noun = "the coding of a medication"
    about = ("conmed.recorded", "medication")
    derived: ClassVar[Mapping[str, type]] = {f"atc{level}": str for level in ATC_LEVELS}

    medication: Identifier
    dictionary: Text
    version: Text
    preferred_name: Text
    atc: list[AtcClass] = []


class MedicalHistoryReported(Data):
    noun = "an entry of medical history"
    began_before = True

    term: Personal[Verbatim]
    start: PartialDate | None = None
    end: PartialDate | None = None
    ongoing: bool | None = None
    category: Text | None = None
    prespecified: bool | None = None
    occurred: bool | None = None


class MedicalHistoryCoded(TermCoded):
    noun = "the coding of an entry of medical history"
    about = ("medical-history.reported", "medical_history")

    medical_history: Identifier


class ProcedureRecorded(Data):
    noun = "a procedure"
    shows_alive = True
    began_before = True

    procedure: Personal[Verbatim]
    start: PartialDate | None = None
    end: PartialDate | None = None
    coded: Text | None = None
    category: Text | None = None
    indication: Personal[Text | None] = None
    location: Text | None = None
    laterality: Text | None = None


class VitalStatusRecorded(Data):
    """Whether the subject was alive on a day, whoever said so: only then it was a contact."""

    noun = "a vital status"
    shows_alive = True

    date: FullDate
    status: Literal["ALIVE", "DEAD", "UNKNOWN"]
    source: Text | None = None

    @classmethod
    def is_contact(cls, data: Mapping[str, Any]) -> bool:
        """Return whether the subject was alive."""
        return data.get("status") == "ALIVE"


class DeviceDeficiencyReported(Data):
    noun = "a deficiency of a device"

    date: FullDate
    device: Unblinding[Text]
    lot: Unblinding[Text | None] = None
    category: Text | None = None
    description: Personal[Verbatim]
    serious_potential: bool | None = None
    adverse_event: Identifier | None = None
    action_taken: Text | None = None


class PregnancyReported(Data):
    noun = "a pregnancy"
    shows_alive = True

    date: FullDate
    outcome: Text | None = None


class SubjectErased(Data):
    noun = "the erasure of the subject's personal texts"

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
    "conmed.coded": ConmedCoded,
    "medical-history.reported": MedicalHistoryReported,
    "medical-history.coded": MedicalHistoryCoded,
    "procedure.recorded": ProcedureRecorded,
    "vital-status.recorded": VitalStatusRecorded,
    "ecg.recorded": EcgRecorded,
    "physical-examination.recorded": PhysicalExaminationRecorded,
    "questionnaire.recorded": QuestionnaireRecorded,
    "device-deficiency.reported": DeviceDeficiencyReported,
    "observation.recorded": ObservationRecorded,
    "pregnancy.reported": PregnancyReported,
    ERASURE: SubjectErased,
}


@cache
def field_types(kind: str) -> Mapping[str, Any]:
    """Return the fields of a kind's data, what identifies the record first, with their types."""
    return {name: field_type for part in _parts(kind) for name, field_type in _stated(part)}


@cache
def model_of(kind: str) -> type[Identity]:
    """Return the model that validates the data of a kind: made for the first event of it."""
    data = KINDS[kind]
    fields: dict[str, Any] = {
        name: (field_type, part.__dict__.get(name, ...))
        for part in _parts(kind)
        if part is not Identity
        for name, field_type in _stated(part)
    }
    return create_model(
        data.__name__, __base__=Identity, __doc__=data.__doc__, __module__=data.__module__,
        __cls_kwargs__={"json_schema_extra": data.required_together}, **fields,
    )  # fmt: skip


def _parts(kind: str) -> tuple[type, ...]:
    """Return the classes that state fields of a kind, in the order of these."""
    return (Identity, *reversed(KINDS[kind].__mro__))
