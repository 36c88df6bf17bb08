"""CloudEvents as upstream systems post them, and the entries they become."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from trial.deferred import dataclass
from trial.errors import FieldError, Rejected
from trial.events import content
from trial.events.fields import AS_WRITTEN, NORMAL, Identifier, Instant, validate
from trial.events.json_body import digest, read_json
from trial.events.payloads import KINDS, Identity, Void, model_of

TYPE_PREFIX = "org.livetlf."


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


def parse(value: object, body: str, study: str | None = None, form: int = NORMAL) -> Entry:
    """Read one CloudEvent; `body` is its text as received, `study` the one it was posted to.

    Raises `Rejected` (422) naming every field at fault. `form` is that of the journal it is read
    from, `NORMAL` for whatever is new.
    """
    envelope, posted = _envelope(value, form)
    kind = _kind(envelope.type)
    study_id = envelope.study or study
    if study_id is None or (study is not None and study_id != study):
        fault = FieldError("/study", "must name the study the event is posted to")
        raise Rejected(422, "Event not accepted", "", fault)
    data = validate(_model(kind, posted), posted, "/data", context=form)
    if data.reason_for_change is None and (data.revision > 1 or data.action == "void"):
        detail = "is required from revision 2 on and for a void"
        raise Rejected(422, "Event not accepted", "", FieldError("/data/reason_for_change", detail))
    identity = Identity.model_fields
    data_fields = {name: v for name, v in posted.items() if name not in identity}
    if form == NORMAL:
        data_fields = content.without_empty(data_fields)
    content_members = {
        "kind": kind,
        "record": data.record,
        "revision": data.revision,
        "action": data.action,
        "reason": data.reason_for_change,
        "data": data_fields,
    }
    return Entry(
        study=study_id,
        subject=envelope.subject,
        kind=kind,
        record=data.record,
        revision=data.revision,
        void=data.action == "void",
        reason=data.reason_for_change,
        data=data_fields,
        digest=_digest_of(content_members),
        event_id=envelope.id,
        source=envelope.source,
        time=envelope.time,
        body=body,
        extended=not STANDARD.issuperset(envelope.model_extra or ()),
    )


def _envelope(value: object, form: int) -> tuple[Envelope, dict[str, Any]]:
    """Read an event's attributes, and its data with numbers in one spelling: 3.0 is 3 then."""
    envelope = validate(Envelope, value, "")
    if form == AS_WRITTEN:
        return envelope, envelope.data
    try:
        return envelope, content.normal_numbers(envelope.data)
    except RecursionError as error:
        raise _too_deep() from error


def _digest_of(content_members: dict[str, Any]) -> bytes:
    try:
        return digest(content_members)
    except UnicodeEncodeError as error:
        raise Rejected(400, "Invalid JSON", "a text contains an unpaired surrogate") from error
    except RecursionError as error:
        raise _too_deep() from error


def _too_deep() -> Rejected:
    return Rejected(400, "Invalid JSON", "nested too deeply")


def as_written(entry: Entry) -> bytes | None:
    """Return the digest that an entry's content had while it was taken as it was written.

    None where it was refused then, as a revision of 1.0.
    """
    try:
        return parse(read_json(entry.body), entry.body, entry.study, AS_WRITTEN).digest
    except Rejected:
        return None


def kind_of(name: str) -> str:
    """Return the kind that an event's type names; refuse any other type."""
    return name.removeprefix(TYPE_PREFIX).removesuffix(".v1")


def _kind(name: str) -> str:
    kind = kind_of(name)
    if name != f"{TYPE_PREFIX}{kind}.v1" or kind not in KINDS:
        detail = (
            f"is unknown: expected {TYPE_PREFIX}<kind>.v1 with a kind that docs/events.md lists"
        )
        raise Rejected(422, "Event not accepted", "", FieldError("/type", detail))
    return kind


def _model(kind: str, data: Mapping[str, Any]) -> type[Identity]:
    return Void if data.get("action") == "void" else model_of(kind)
