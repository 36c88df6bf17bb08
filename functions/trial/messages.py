"""CloudEvents as upstream systems post them, and the entries they become.

One model per kind of event states its fields; what a study's definition adds (known visits,
parameters, units) is checked in `acceptance`. Clinical dates stay the text that was collected:
they are site-local and may be partial.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
)

from trial import content, wellformed
from trial.complaints import IDENTIFIER, worded
from trial.errors import Fault, Rejected

_T = TypeVar("_T")
TYPE_PREFIX = "org.livetlf."
DIGEST_BYTES = 16  # of a content's SHA-256: 128 bits tell any two contents of a study apart
AS_WRITTEN, NORMAL = 1, 2
"""How the content of a journal row is read: as it was written, or in its normal form."""

_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?", re.ASCII)
_FULL_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_LOCAL_TIME = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?)?", re.ASCII)
_INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})", re.ASCII | re.IGNORECASE
)


def _partial_date(text: str) -> str:
    if not _DATE.fullmatch(text):
        raise ValueError("is not a date: expected YYYY-MM-DD, YYYY-MM or YYYY")
    try:
        date.fromisoformat((text + "-01-01")[:10])
    except ValueError:
        raise ValueError("is not a date of the calendar") from None
    return text


def _full_date(text: str) -> str:
    if not _FULL_DATE.fullmatch(text):
        raise ValueError("must be a complete date, YYYY-MM-DD")
    return _partial_date(text)


def _local_time(text: str) -> str:
    if not _LOCAL_TIME.fullmatch(text):
        raise ValueError("is not a local date or time: expected YYYY-MM-DD or YYYY-MM-DDThh:mm")
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("is not a time of the calendar") from None
    return text


def _instant(text: str) -> str:
    try:
        if _INSTANT.fullmatch(text) and datetime.fromisoformat(text.upper()):
            return text
    except ValueError:
        pass
    raise ValueError("is not an instant: expected an RFC 3339 time with its offset")


def _not_blank(text: str, info: ValidationInfo) -> str:
    """Refuse a text of nothing visible; journals of before that was refused stay readable."""
    shown = any(each.isprintable() and not each.isspace() for each in text)
    if not shown and info.context != AS_WRITTEN:
        raise ValueError("must not be blank")
    return text


def _not_text(value: object) -> object:
    if isinstance(value, str):
        raise ValueError("must be a number, not text")  # noqa: TRY004 (pydantic wants ValueError)
    return value


def is_ordinary(number: int | Decimal) -> bool:
    """Say whether a number is one that people write: up to 18 digits before the point, 9 after."""
    exponent = Decimal(number).as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -_PLACES and abs(number) < 10**_DIGITS


def _ordinary(number: Decimal) -> Decimal:
    if not is_ordinary(number):
        raise ValueError("must have at most 18 digits before the point and 9 after it")
    return number


_DIGITS, _PLACES = 18, 9
Identifier = Annotated[str, Field(pattern=IDENTIFIER)]
Text = Annotated[str, Field(min_length=1, max_length=4_000), AfterValidator(_not_blank)]
Verbatim = Annotated[str, Field(min_length=1, max_length=32_767), AfterValidator(_not_blank)]
PERSONAL = "personal"
"""Marks a field that may hold a person's free text or identifiers: it can be erased."""
Personal = Annotated[_T, PERSONAL]
TELLING = "telling"
"""Marks a field that tells the arm: while a study is blinded, it is hidden."""
Telling = Annotated[_T, TELLING]
PartialDate = Annotated[str, AfterValidator(_partial_date)]
FullDate = Annotated[str, AfterValidator(_full_date)]
LocalTime = Annotated[str, AfterValidator(_local_time)]
Instant = Annotated[str, AfterValidator(_instant)]
Number = Annotated[
    Decimal,
    BeforeValidator(_not_text),
    Field(strict=False, allow_inf_nan=False),
    AfterValidator(_ordinary),
]


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
    arm: Telling[Identifier]
    strata: dict[str, Text] = {}


class SubjectUnblinded(Data):
    date: FullDate
    reason: Telling[Personal[Text]]


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
    treatment: Telling[Text | None] = None
    amount: Telling[Number]
    unit: Telling[Text]
    lot: Telling[Text | None] = None


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


class Envelope(BaseModel):
    """The CloudEvents 1.0 attributes this service reads; others pass."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True, defer_build=True)

    specversion: Literal["1.0"]
    id: Annotated[str, Field(min_length=1, max_length=256)]
    source: Annotated[str, Field(min_length=1, max_length=1_024)]
    type: str
    subject: Identifier
    time: Instant
    study: Identifier | None = None
    data: dict[str, Any]


STANDARD = frozenset({*Envelope.model_fields, "datacontenttype", "dataschema"})
"""The attributes of an envelope that hold no person's data."""


@dataclass(frozen=True)
class Entry:
    """One revision of one record, read and well-formed: what the store folds and journals.

    `data` are the fields posted, in their normal form (`content`); `digest` identifies the content:
    kind, record, revision, action, reason and data, but neither the event's id, source and time
    nor any other spelling of the same.
    """

    study: str
    subject: str
    kind: str
    record: str
    revision: int
    void: bool
    reason: str | None
    data: Mapping[str, Any]
    digest: bytes
    event_id: str
    source: str
    time: str
    body: str
    extended: bool = False
    """Whether the envelope has attributes that are not `STANDARD`."""


def term(text: str) -> str:
    """Give a term or reason in the one form in which it is compared: NFC, without outer blanks."""
    if text.isascii():
        return text.strip()
    from unicodedata import normalize  # noqa: PLC0415 (few texts need it)

    return normalize("NFC", text).strip()


def is_identifier(text: str) -> bool:
    """Say whether a text can name a study, a subject or a record."""
    return re.fullmatch(IDENTIFIER, text) is not None


def canonical(value: object) -> str:
    """Write JSON in the one form that digests are taken of: keys sorted, numbers as written."""
    try:
        return _CANONICAL.encode(value)
    except TypeError:  # it holds a Decimal, which must stay as it was written
        return _as_written(value)


_CANONICAL = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _as_written(value: object) -> str:
    match value:
        case dict():
            members = (f"{_text(name)}:{_as_written(value[name])}" for name in sorted(value))
            return "{" + ",".join(members) + "}"
        case list():
            return "[" + ",".join(map(_as_written, value)) + "]"
        case str():
            return _text(value)
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


def _text(value: str) -> str:
    return _CANONICAL.encode(value)


def digest(value: object) -> bytes:
    """Identify a JSON value by its canonical form."""
    return hashlib.sha256(canonical(value).encode()).digest()[:DIGEST_BYTES]


def integer(text: str) -> int | Decimal:
    """Read an integer; one of absurd length stays decimal, for reading it takes too long."""
    return int(text) if len(text) < 40 else Decimal(text)  # noqa: PLR2004 (int() is quadratic)


class _ConstantError(ValueError):
    pass


class _DuplicateError(ValueError):
    pass


def _no_constant(text: str) -> None:
    raise _ConstantError(text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _DuplicateError
    return members


DECODER = json.JSONDecoder(
    parse_float=Decimal,
    parse_int=integer,
    parse_constant=_no_constant,
    object_pairs_hook=_unique,
)


def read_json(body: bytes | str) -> Any:  # noqa: ANN401 (any JSON value)
    """Parse a body, keeping numbers as written; broken JSON is a 400 with its line and column."""
    text = _decode(body)
    value, end = _scan(text, skip(text, 0))
    if (end := skip(text, end)) < len(text):
        raise _broken("more follows the value", text, end)
    return value


def read_posted(body: bytes | str) -> Any:  # noqa: ANN401 (any JSON value)
    """Parse a body that is no event; refused (400) too where what it says could not be kept."""
    value = read_json(body)
    wellformed.check(text_of(body), value)
    return value


def split_batch(body: bytes | str) -> list[tuple[Any, str]]:
    """Take a JSON array apart into its elements and the text each was written as.

    An element that cannot be read, though it is plain where it ends, has a `Rejected` for a value:
    its neighbours are read all the same. Its places are those in its own text.
    """
    text = text_of(body)
    start = skip(text, 0)
    if text[start : start + 1] != "[":
        raise _broken("a batch is a JSON array", text, start)
    return list(_elements(text, skip(text, start + 1)))


def _elements(text: str, at: int) -> Iterator[tuple[Any, str]]:
    if text[at : at + 1] == "]":
        _end_of(text, at + 1)
        return
    while True:
        value, end = _element(text, at)
        yield value, text[at:end]
        at = skip(text, end)
        match text[at : at + 1]:
            case ",":
                at = skip(text, at + 1)
            case "]":
                _end_of(text, at + 1)
                return
            case _:
                raise _broken("expected a comma or the end of the batch", text, at)


def _element(text: str, at: int) -> tuple[Any, int]:
    try:
        return _scan(text, at)
    except _IllegibleError as error:
        end = _past(text, at)
        try:
            _scan(text[at:end], 0)
        except _IllegibleError as alone:
            return alone, end
        return error, end


_NESTING = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]|[^"{}\[\]]+', re.DOTALL)
_SCALAR = re.compile(r"[^\s,\]]*")


def _past(text: str, at: int) -> int:
    """Find where a value ends that is JSON but for what cannot be read of it."""
    depth = 0
    if text[at] in "{[":
        for found in _NESTING.finditer(text, at):
            depth += (found[0] in "{[") - (found[0] in "}]")
            if not depth:
                return found.end()
        return len(text)
    scalar = _SCALAR.match(text, at)
    return scalar.end() if scalar else at


def _end_of(text: str, at: int) -> None:
    if (end := skip(text, at)) < len(text):
        raise _broken("more follows the batch", text, end)


_SPACE = re.compile(r"[ \t\r\n]*")


def skip(text: str, at: int) -> int:
    """Give the next place that holds no white space."""
    match = _SPACE.match(text, at)
    return match.end() if match else at


class _IllegibleError(Rejected):
    """JSON whose parts are in order, and which cannot be read all the same."""


def _scan(text: str, at: int) -> tuple[Any, int]:
    try:
        return DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise _broken(error.msg, text, error.pos) from error
    except _ConstantError as error:
        place = _token_at(text, at, str(error))
        raise _illegible(f"{error} is not a JSON value", text, place) from error
    except InvalidOperation as error:
        raise _illegible("a number is beyond all bounds", text, at) from error
    except _DuplicateError as error:
        place = _second_of_a_name(text, at)
        raise _illegible("an object names a member twice", text, place) from error
    except RecursionError as error:
        raise _illegible("nested too deeply", text, at) from error


def _illegible(what: str, text: str, at: int) -> _IllegibleError:
    return _IllegibleError(400, "Not JSON", f"{what} at {wellformed.place(text, at)}")


_STRING_OR_CONSTANT = re.compile(r'"(?:[^"\\]|\\.)*"|-?Infinity|NaN', re.DOTALL)


def _token_at(text: str, at: int, token: str) -> int:
    found = _STRING_OR_CONSTANT.finditer(text, at)
    return next((each.start() for each in found if each.group() == token), at)


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]', re.DOTALL)


def _second_of_a_name(text: str, at: int) -> int:
    """Find where an object names a member again; the parser only tells that one does."""
    open_objects: list[set[str] | None] = []
    before = ""
    for found in _TOKEN.finditer(text, at):
        mark = found.group()
        names = open_objects[-1] if open_objects else None
        if mark in "{[":
            open_objects.append(set() if mark == "{" else None)
        elif mark in "}]":
            if not open_objects:
                break
            open_objects.pop()
        elif mark[0] == '"' and names is not None and before in "{,":
            name = json.loads(mark, strict=False)
            if name in names:
                return found.start()
            names.add(name)
        before = mark
    return at


def _broken(what: str, text: str, at: int) -> Rejected:
    return Rejected(400, "Not JSON", f"{what} at {wellformed.place(text, at)}")


def _decode(body: bytes | str) -> str:
    try:
        text = body.decode() if isinstance(body, bytes) else body
        text.encode()
    except UnicodeError as error:
        raise Rejected(400, "Not JSON", f"not UTF-8 at byte {error.start}") from error  # type: ignore[attr-defined]
    return text


def text_of(body: bytes | str) -> str:
    """Read a body as text; bytes that are no UTF-8 stay in it, as `surrogateescape` has them."""
    return body.decode(errors="surrogateescape") if isinstance(body, bytes) else body


def parse(value: object, body: str, study: str | None = None, form: int = NORMAL) -> Entry:
    """Read one CloudEvent; `body` is its text as received, `study` the one it was posted to.

    Raises `Rejected` (422) naming every field at fault. `form` is that of the journal it is read
    from, `NORMAL` for whatever is new.
    """
    envelope = _envelope(value, form)
    kind = _kind(envelope.type)
    named = envelope.study or study
    if named is None or (study is not None and named != study):
        fault = Fault("/study", "must name the study the event is posted to")
        raise Rejected(422, "Event not accepted", "", fault)
    data = validate(_model(kind, envelope.data), envelope.data, "/data", context=form)
    if data.reason_for_change is None and (data.revision > 1 or data.action == "void"):
        detail = "is required from revision 2 on and for a void"
        raise Rejected(422, "Event not accepted", "", Fault("/data/reason_for_change", detail))
    own = {name: v for name, v in envelope.data.items() if name not in _IDENTITY}
    if form == NORMAL:
        own = content.present(own)
    whole = {
        "kind": kind,
        "record": data.record,
        "revision": data.revision,
        "action": data.action,
        "reason": data.reason_for_change,
        "data": own,
    }
    return Entry(
        study=named,
        subject=envelope.subject,
        kind=kind,
        record=data.record,
        revision=data.revision,
        void=data.action == "void",
        reason=data.reason_for_change,
        data=own,
        digest=_digest_of(whole),
        event_id=envelope.id,
        source=envelope.source,
        time=envelope.time,
        body=body,
        extended=not STANDARD.issuperset(envelope.model_extra or ()),
    )


def _envelope(value: object, form: int) -> Envelope:
    """Read an event's attributes, its numbers in one spelling: 3.0 is as good an integer as 3."""
    envelope = validate(Envelope, value, "")
    if form == AS_WRITTEN:
        return envelope
    try:
        return envelope.model_copy(update={"data": content.numbers(envelope.data)})
    except RecursionError as error:
        raise _too_deep() from error


def _digest_of(whole: dict[str, Any]) -> bytes:
    try:
        return digest(whole)
    except UnicodeEncodeError as error:
        raise Rejected(400, "Not JSON", "a text holds half of a surrogate pair") from error
    except RecursionError as error:
        raise _too_deep() from error


def _too_deep() -> Rejected:
    return Rejected(400, "Not JSON", "nested too deeply")


def as_written(entry: Entry) -> bytes | None:
    """Give the digest that an entry's content had while it was taken as it was written.

    None where it was refused then, as a revision of 1.0.
    """
    try:
        return parse(read_json(entry.body), entry.body, entry.study, AS_WRITTEN).digest
    except Rejected:
        return None


def kind_of(name: str) -> str:
    """Take an event's type for its kind, if it is one."""
    return name.removeprefix(TYPE_PREFIX).removesuffix(".v1")


def _kind(name: str) -> str:
    kind = kind_of(name)
    if name != f"{TYPE_PREFIX}{kind}.v1" or kind not in KINDS:
        detail = (
            f"is unknown: expected {TYPE_PREFIX}<kind>.v1 with a kind that docs/events.md lists"
        )
        raise Rejected(422, "Event not accepted", "", Fault("/type", detail))
    return kind


def _model(kind: str, data: Mapping[str, Any]) -> type[Data]:
    return Void if data.get("action") == "void" else KINDS[kind]


def validate[Model: BaseModel](
    model: type[Model],
    value: object,
    at: str,
    title: str = "Event not accepted",
    context: object = None,
) -> Model:
    """Read a value as a model; raises `Rejected` (422) with a pointer to each field at fault.

    `context` is what the model's validators are told beside the value.
    """
    try:
        return model.model_validate(value, context=context)
    except ValidationError as error:
        faults = tuple(
            Fault(at + "".join(f"/{_token(part)}" for part in each["loc"]), worded(each))
            for each in error.errors(include_input=False, include_url=False)
        )
        raise Rejected(422, title, "", *faults) from None


def _token(part: str | int) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")
