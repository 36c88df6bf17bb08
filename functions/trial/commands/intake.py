"""From a posted body to an answer: read, check, record, or quarantined with the reason.

The API and the queue both come through here, so an event meets the same fate by either road.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from trial.commands.intake_context import Channel, IntakeContext
from trial.definition.study import Study
from trial.errors import FieldError, Rejected, Unavailable, internal_failure
from trial.events import envelope, json_body, wellformed
from trial.events.blinding import is_unblinding
from trial.events.envelope import Entry
from trial.reporting import discrepancies
from trial.store.dynamodb import Store
from trial.store.quarantine import UNKNOWN_STUDY
from trial.store.rows import Receipt, Result
from trial.store.writing import DefinitionSuperseded
from trial.subject import rights
from trial.subject.acceptance import check_acceptable
from trial.subject.fold import Outcome

_LONGEST_ID = 256
_LOOKS = 3  # at definitions that come into force, one after the other, while an event waits

EVENT_BYTES = 256 * 1024
METRICS = {
    200: "EventsDuplicated",
    201: "EventsRecorded",
    202: "EventsSubmitted",
    413: "EventsTooLarge",
    500: "RequestsFailed",
    503: "EventsUnavailable",
}
"""What an answer is counted as, by its status; `EventsRejected` where it is not here."""


@dataclass(frozen=True)
class Answer:
    """What became of one event: an HTTP status and, where it was not taken, the problem.

    `warnings` are the discrepancies that it raised, where they were asked for.
    """

    id: str
    status: int
    problem: dict[str, object] | None = None
    warnings: Sequence[Mapping[str, object]] = ()


@dataclass(frozen=True)
class Posted:
    """One event as posted: its text, and its value or, where it could not be read, why."""

    body: str
    value: Any


def take(context: IntakeContext, study: Study, posted: Sequence[Posted]) -> list[Answer]:
    """Record events of one study and answer each in order; what is refused is quarantined.

    Who waits for an answer reads in it which discrepancies an event raised.
    """
    results = _record(context, study, posted)
    for _ in range(_LOOKS):
        moved = [
            index
            for index, each in enumerate(results)
            if isinstance(each.outcome, DefinitionSuperseded)
        ]
        if not moved:
            break
        again = [posted[index] for index in moved]
        study = context.store.study(study.id)
        for index, result in zip(moved, _record(context, study, again), strict=True):
            results[index] = result
    warn = context.channel is Channel.EVENTS
    return [
        replace(
            _answer(context, study.id, each, result.outcome),
            warnings=_warnings(study, result) if warn else (),
        )
        for each, result in zip(posted, results, strict=True)
    ]


def _warnings(study: Study, result: Result) -> Sequence[Mapping[str, object]]:
    if result.change is None or result.outcome is not Outcome.RECORDED:
        return ()
    change = result.change
    return discrepancies.raised(study, change.before, change.after, change.share)


def _record(context: IntakeContext, study: Study, posted: Sequence[Posted]) -> list[Result]:
    read = _of_sender(context, study, [_read(context, study, each) for each in posted])
    entries = _submitted(context, study, read)
    left = [each for each in entries if isinstance(each, Entry)]
    recorded = context.store.record(study, [Receipt(each, context.principal) for each in left])
    checked = iter(_checked(context, study, left, recorded))
    return [next(checked) if isinstance(each, Entry) else Result(each) for each in entries]


def _of_sender(
    context: IntakeContext, study: Study, read: Sequence[Entry | Rejected]
) -> list[Entry | Rejected]:
    """Refuse what the sender may not post; of which site a subject is, its records say.

    Where they say nothing yet, what was posted with the event does.
    """
    mine = rights.senders_matching(context.senders.in_force(study.id), context.principal)
    entries = [each for each in read if isinstance(each, Entry)]
    stated, recorded = rights.stated_sites(entries), dict[str, set[str]]()
    checked: list[Entry | Rejected] = []
    for entry in read:
        if isinstance(entry, Rejected):
            checked.append(entry)
            continue
        able = [each for each in mine if each.may_post(entry.kind)]
        if all(each.sites is not None for each in able) and able:
            if entry.subject not in recorded:
                stored = context.store.subject(study, entry.subject)
                recorded[entry.subject] = rights.recorded_sites(stored.subject if stored else None)
            sites = recorded[entry.subject] | stated.get(entry.subject, set())
            able = [each for each in able if each.may_post_of(sites)]
        checked.append(entry if able else rights.sender_refusal())
    return checked


def _submitted(
    context: IntakeContext, study: Study, read: Sequence[Entry | Rejected]
) -> list[Entry | Outcome | Rejected | Unavailable]:
    """Submit what nobody is to be told of; give what became of it, and the entries left."""
    blinded = study.definition.blinded
    became: Outcome | Rejected | Unavailable = Outcome.SUBMITTED
    apart = {
        index: each
        for index, each in enumerate(read)
        if isinstance(each, Entry)
        and (context.channel is Channel.TREATMENT or (blinded and is_unblinding(each.kind)))
    }
    entries: list[Entry | Outcome | Rejected | Unavailable] = list(read)
    try:
        if apart:
            context.store.check_open(study.id)
            context.submissions.submit(study.id, list(apart.values()), context.principal)
    except (Rejected, Unavailable) as error:
        became = error
    for index in apart:
        entries[index] = became
    return entries


def _checked(
    context: IntakeContext, study: Study, entries: Sequence[Entry], results: Sequence[Result]
) -> list[Result]:
    """Note conflicts; what would tell the arm by a definition of before is looked at once more."""
    known = Outcome.REPEATED, Outcome.CONFLICT
    pairs = list(zip(entries, results, strict=True))
    if any(is_unblinding(entry.kind) and each.outcome in known for entry, each in pairs):
        context.store.invalidate(study.id)
        if context.store.study(study.id).definition.blinded:
            moved = Result(DefinitionSuperseded("the study is blinded by now"))
            pairs = [(of, moved if is_unblinding(of.kind) else each) for of, each in pairs]
    return [
        Result(_dispute(context.store, entry)) if each.outcome is Outcome.CONFLICT else each
        for entry, each in pairs
    ]


def posted(body: bytes | None) -> list[Posted]:
    """Read a body as it was posted: one event, or a batch of them."""
    if body is None or len(body) > EVENT_BYTES:
        raise too_large()
    value = json_body.read_json(body)
    if isinstance(value, list):
        return [Posted(text, each) for each, text in json_body.split_batch(body)]
    return [Posted(json_body.text_of(body), value)]


def _read(context: IntakeContext, study: Study, posted: Posted) -> Entry | Rejected:
    if isinstance(posted.value, Rejected):
        return posted.value
    if len(posted.body.encode(errors="surrogatepass")) > EVENT_BYTES:
        return too_large()
    try:
        wellformed.check_wellformed(posted.body, posted.value)
        entry = envelope.parse(posted.value, posted.body, study.id)
        _check_names(entry)
        _check_road(context, study, entry)
        check_acceptable(study, entry)
    except Rejected as rejected:
        return rejected
    except Unavailable:
        raise
    except Exception as error:  # noqa: BLE001 (whatever it is, it is of this event alone)
        return internal_failure(error)
    return entry


def _check_road(context: IntakeContext, study: Study, entry: Entry) -> None:
    """Refuse what may not come by this road, and keep who tried."""
    telling, at = is_unblinding(entry.kind), f"/studies/{study.id}"
    if context.channel is Channel.TREATMENT and not telling:
        fault = FieldError("/type", f"is not a treatment event: POST it to {at}/events")
        raise Rejected(422, "Event not accepted", "", fault)
    if context.channel is Channel.EVENTS and telling and study.definition.blinded:
        detail = f"while the study is blinded, POST this kind to {at}/treatment-events"
        refused = Rejected(403, "Treatment events have a route of their own", detail)
        context.submissions.refuse(study.id, entry, context.principal, refused.problem())
        raise refused


def _check_names(entry: Entry) -> None:
    named = ("id", entry.event_id), ("source", entry.source)
    if faults := [
        fault for name in named if (fault := wellformed.control_character_error(*name)) is not None
    ]:
        raise Rejected(422, "Event not accepted", "", *faults)


def too_large() -> Rejected:
    """Refuse an event for its size."""
    return Rejected(413, "Event too large", f"an event may have at most {EVENT_BYTES} bytes")


def _answer(
    context: IntakeContext, study: str, posted: Posted, result: Outcome | Rejected | Unavailable
) -> Answer:
    name = _id(posted.value)
    match result:
        case Outcome():
            return Answer(name, result.value)
        case Rejected():
            rejected = result
        case Unavailable():
            return Answer(name, Unavailable.STATUS, result.problem())
    try:
        refuse(context.store, study, posted.body, rejected, context.principal)
    except Unavailable as error:  # it is neither recorded nor quarantined: it must come again
        return Answer(name, Unavailable.STATUS, error.problem())
    return Answer(name, rejected.status, rejected.problem())


def _dispute(store: Store, entry: Entry) -> Rejected | Unavailable:
    """Note the conflict, so that documents name the record until a higher revision settles it."""
    try:
        store.dispute(entry)
    except Unavailable as error:
        return error
    return conflict()


def conflict() -> Rejected:
    """Refuse a second content for a revision."""
    return Rejected(
        Outcome.CONFLICT.value,
        "Revision already recorded with other content",
        "the content recorded first stays in force; post the next revision to correct it",
        FieldError("/data/revision", "is already recorded with other content"),
    )


def refuse(store: Store, study: str, body: str | bytes, rejected: Rejected, principal: str) -> None:
    """Quarantine a body that was refused, with its reason; once, however often it is posted.

    Where its study has no definition, that is noted first: by the study nobody would look for it.
    """
    if rejected.status == HTTPStatus.NOT_FOUND and study != UNKNOWN_STUDY:
        store.note_undefined_study(study)
    store.quarantine(study, body, rejected.problem(), principal)


def _id(value: object) -> str:
    """Name an event in an answer, whatever it calls itself."""
    found = value.get("id") if isinstance(value, dict) else None
    known = found[:_LONGEST_ID] if isinstance(found, str) else ""
    return known.encode(errors="replace").decode()
