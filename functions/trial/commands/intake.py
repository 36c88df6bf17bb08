"""From a posted body to an answer: read, check, record, or quarantine with the reason.

The API and the queue both come through here, so an event gets the same answer by either channel.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from trial.commands.event_warnings import raised_by_event
from trial.commands.intake_context import Channel, IntakeContext
from trial.deferred import dataclass
from trial.definition.study import Study
from trial.errors import FieldError, Rejected, Unavailable, internal_failure
from trial.events import envelope, json_body, wellformed
from trial.events.blinding import is_unblinding
from trial.events.envelope import Entry
from trial.store.dynamodb import Store
from trial.store.quarantine import UNKNOWN_STUDY
from trial.store.rows import Receipt, Result
from trial.store.writing import DefinitionSuperseded
from trial.subject import rights
from trial.subject.acceptance import check_acceptable
from trial.subject.fold import Outcome

_LONGEST_ID = 256
_DEFINITIONS_TRIED = 3  # that come into force, one after the other, while an event waits

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
    """The answer to one event: an HTTP status and, where it was not accepted, the problem.

    `warnings` are the discrepancies that it raised, where the channel answers with them.
    """

    id: str
    status: int
    problem: dict[str, object] | None = None
    warnings: Sequence[Mapping[str, object]] = ()


@dataclass(frozen=True)
class PostedEvent:
    """One event as posted: its text, and its JSON value or why it could not be read."""

    body: str
    value: Any


def take(
    context: IntakeContext, study: Study, posted_events: Sequence[PostedEvent]
) -> list[Answer]:
    """Record events of one study and answer each in order; what is rejected is quarantined.

    But not where the context keeps none: then the answer is all that there is of it.

    Who waits for an answer reads in it which discrepancies an event raised.
    """
    results = _record(context, study, posted_events)
    for _ in range(_DEFINITIONS_TRIED):
        superseded = [
            index
            for index, result in enumerate(results)
            if isinstance(result.outcome, DefinitionSuperseded)
        ]
        if not superseded:
            break
        retried = [posted_events[index] for index in superseded]
        study = context.store.study(study.id)
        for index, result in zip(superseded, _record(context, study, retried), strict=True):
            results[index] = result
    warn = context.channel is Channel.EVENTS
    return [
        replace(
            _answer(context, study.id, posted, result.outcome),
            warnings=_warnings(study, result) if warn else (),
        )
        for posted, result in zip(posted_events, results, strict=True)
    ]


def _warnings(study: Study, result: Result) -> Sequence[Mapping[str, object]]:
    if result.change is None or result.outcome is not Outcome.RECORDED:
        return ()
    change = result.change
    return raised_by_event(study, change.before, change.after, change.share)


def _record(
    context: IntakeContext, study: Study, posted_events: Sequence[PostedEvent]
) -> list[Result]:
    parsed = [_parse(context, study, posted) for posted in posted_events]
    outcomes = _submit(context, study, _authorize(context, study, parsed))
    entries = [outcome for outcome in outcomes if isinstance(outcome, Entry)]
    receipts = [Receipt(entry, context.principal) for entry in entries]
    recorded = context.store.record(study, receipts)
    results = iter(_with_conflicts(context, study, entries, recorded))
    return [
        next(results) if isinstance(outcome, Entry) else Result(outcome) for outcome in outcomes
    ]


def _authorize(
    context: IntakeContext, study: Study, parsed: Sequence[Entry | Rejected]
) -> list[Entry | Rejected]:
    """Reject what the sender may not post; a subject's site is the one its records name.

    Where they name none yet, it is the one named by what was posted with the event.
    """
    senders = rights.senders_matching(context.senders.in_force(study.id), context.principal)
    entries = [entry for entry in parsed if isinstance(entry, Entry)]
    stated_sites, recorded = rights.stated_sites(entries), dict[str, set[str]]()
    authorized: list[Entry | Rejected] = []
    for entry in parsed:
        if isinstance(entry, Rejected):
            authorized.append(entry)
            continue
        able = [sender for sender in senders if sender.may_post(entry.kind)]
        if all(sender.sites is not None for sender in able) and able:
            if entry.subject not in recorded:
                stored = context.store.subject(study, entry.subject)
                recorded[entry.subject] = rights.recorded_sites(stored.subject if stored else None)
            sites = recorded[entry.subject] | stated_sites.get(entry.subject, set())
            able = [sender for sender in able if sender.may_post_of(sites)]
        authorized.append(entry if able else rights.sender_refusal())
    return authorized


def _submit(
    context: IntakeContext, study: Study, authorized: Sequence[Entry | Rejected]
) -> list[Entry | Outcome | Rejected | Unavailable]:
    """Submit the treatment events whose verdict nobody may be told; return them as submitted.

    All others are returned as they are, to be recorded.
    """
    blinded = study.definition.blinded
    submitted = {
        index: entry
        for index, entry in enumerate(authorized)
        if isinstance(entry, Entry)
        and (context.channel is Channel.TREATMENT or (blinded and is_unblinding(entry.kind)))
    }
    outcome: Outcome | Rejected | Unavailable = Outcome.SUBMITTED
    outcomes: list[Entry | Outcome | Rejected | Unavailable] = list(authorized)
    try:
        if submitted:
            context.store.check_open(study.id)
            context.submissions.submit(study.id, list(submitted.values()), context.principal)
    except (Rejected, Unavailable) as error:
        outcome = error
    for index in submitted:
        outcomes[index] = outcome
    return outcomes


def _with_conflicts(
    context: IntakeContext, study: Study, entries: Sequence[Entry], results: Sequence[Result]
) -> list[Result]:
    """Note conflicts, and answer them.

    The study may have become blinded while the entries were recorded. That a treatment event was
    repeated or in conflict would then tell the arm: it is taken in anew, under that definition.
    """
    telling = Outcome.REPEATED, Outcome.CONFLICT
    pairs = list(zip(entries, results, strict=True))
    if any(is_unblinding(entry.kind) and result.outcome in telling for entry, result in pairs):
        context.store.invalidate(study.id)
        if context.store.study(study.id).definition.blinded:
            superseded = Result(DefinitionSuperseded("the study has become blinded"))
            pairs = [
                (entry, superseded if is_unblinding(entry.kind) else result)
                for entry, result in pairs
            ]
    return [
        Result(_dispute(context.store, entry)) if result.outcome is Outcome.CONFLICT else result
        for entry, result in pairs
    ]


def read_posted_events(body: bytes | None) -> list[PostedEvent]:
    """Read a body as it was posted: one event, or a batch of them."""
    if body is None or len(body) > EVENT_BYTES:
        raise event_too_large()
    value = json_body.read_json(body)
    if isinstance(value, list):
        return [PostedEvent(text, value) for value, text in json_body.split_batch(body)]
    return [PostedEvent(json_body.text_of(body), value)]


def _parse(context: IntakeContext, study: Study, posted: PostedEvent) -> Entry | Rejected:
    if isinstance(posted.value, Rejected):
        return posted.value
    if len(posted.body.encode(errors="surrogatepass")) > EVENT_BYTES:
        return event_too_large()
    try:
        wellformed.check_wellformed(posted.body, posted.value)
        entry = envelope.parse(posted.value, posted.body, study.id)
        _check_names(entry)
        _check_channel(context, study, entry)
        check_acceptable(study, entry)
    except Rejected as rejected:
        return rejected
    except Unavailable:
        raise
    except Exception as error:  # noqa: BLE001 (whatever it is, it is of this event alone)
        return internal_failure(error)
    return entry


def _check_channel(context: IntakeContext, study: Study, entry: Entry) -> None:
    """Reject what may not come by this channel, and note who tried."""
    unblinding, path = is_unblinding(entry.kind), f"/studies/{study.id}"
    if context.channel is Channel.TREATMENT and not unblinding:
        error = FieldError("/type", f"is not a treatment event: POST it to {path}/events")
        raise Rejected(422, "Event not accepted", "", error)
    if context.channel is Channel.EVENTS and unblinding and study.definition.blinded:
        detail = f"while the study is blinded, POST this kind to {path}/treatment-events"
        rejected = Rejected(403, "Event not accepted on this route", detail)
        context.submissions.refuse(study.id, entry, context.principal, rejected.problem())
        raise rejected


def _check_names(entry: Entry) -> None:
    fields = ("id", entry.event_id), ("source", entry.source)
    if errors := [
        error
        for field in fields
        if (error := wellformed.control_character_error(*field)) is not None
    ]:
        raise Rejected(422, "Event not accepted", "", *errors)


def event_too_large() -> Rejected:
    """Return the refusal of an event for its size."""
    return Rejected(413, "Event too large", f"an event may have at most {EVENT_BYTES} bytes")


def _answer(
    context: IntakeContext,
    study: str,
    posted: PostedEvent,
    result: Outcome | Rejected | Unavailable,
) -> Answer:
    event_id = _event_id(posted.value)
    match result:
        case Outcome():
            return Answer(event_id, result.value)
        case Rejected():
            rejected = result
        case Unavailable():
            return Answer(event_id, Unavailable.STATUS, result.problem())
    if not context.keeps_refused:
        return Answer(event_id, rejected.status, rejected.problem())
    try:
        quarantine(context.store, study, posted.body, rejected, context.principal)
    except Unavailable as error:  # neither recorded nor quarantined: the sender must retry
        return Answer(event_id, Unavailable.STATUS, error.problem())
    return Answer(event_id, rejected.status, rejected.problem())


def _dispute(store: Store, entry: Entry) -> Rejected | Unavailable:
    """Note the conflict, so that documents name the record until a higher revision corrects it."""
    try:
        store.dispute(entry)
    except Unavailable as error:
        return error
    return conflict_error()


def conflict_error() -> Rejected:
    """Return the refusal of a second content for a revision."""
    return Rejected(
        Outcome.CONFLICT.value,
        "Revision already recorded with other content",
        "the content recorded first stays in force; post the next revision to correct it",
        FieldError("/data/revision", "is already recorded with other content"),
    )


def quarantine(
    store: Store, study: str, body: str | bytes, rejected: Rejected, principal: str
) -> None:
    """Quarantine a rejected body with the reason; once, however often it is posted.

    Where its study has no definition, that is noted first: nobody could find the body by its study.
    """
    if rejected.status == HTTPStatus.NOT_FOUND and study != UNKNOWN_STUDY:
        store.note_undefined_study(study)
    store.quarantine(study, body, rejected.problem(), principal)


def _event_id(value: object) -> str:
    """Return the id that an event has in its answer, whatever it calls itself."""
    posted_id = value.get("id") if isinstance(value, dict) else None
    event_id = posted_id[:_LONGEST_ID] if isinstance(posted_id, str) else ""
    return event_id.encode(errors="replace").decode()
