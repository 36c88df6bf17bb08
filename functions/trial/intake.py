"""From a posted body to an answer: read, check, record, or set aside with the reason.

The API and the queue both come through here, so an event meets the same fate by either road.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from trial import discrepancies, messages
from trial.acceptance import accept
from trial.errors import Fault, Rejected, Unavailable
from trial.messages import Entry
from trial.store.dynamodb import Store
from trial.store.rows import Receipt, Result
from trial.store.writing import Moved
from trial.study import Study
from trial.subject import Outcome

_LOOKS = 3  # at definitions that come into force, one after the other, while an event waits

EVENT_BYTES = 256 * 1024
METRICS = {
    200: "EventsRepeated",
    201: "EventsRecorded",
    413: "EventsTooLarge",
    503: "EventsNotRecorded",
}
"""What an answer is counted as, by its status; `EventsRefused` where it is not here."""


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
    """One event as posted: its text and, where it could be read, its value."""

    body: str
    value: Any


def take(
    store: Store, study: Study, posted: Sequence[Posted], principal: str, *, warn: bool = False
) -> list[Answer]:
    """Record events of one study and answer each in order; what is refused is set aside.

    With `warn` answers name the discrepancies that an event raised: who waits for one reads it.
    """
    results = _record(store, study, posted, principal)
    for _ in range(_LOOKS):
        moved = [index for index, each in enumerate(results) if isinstance(each.outcome, Moved)]
        if not moved:
            break
        again = [posted[index] for index in moved]
        study = store.study(study.id)
        for index, result in zip(moved, _record(store, study, again, principal), strict=True):
            results[index] = result
    return [
        replace(
            _answer(store, study.id, each, result.outcome, principal),
            warnings=_warnings(study, result) if warn else (),
        )
        for each, result in zip(posted, results, strict=True)
    ]


def _warnings(study: Study, result: Result) -> Sequence[Mapping[str, object]]:
    if result.change is None or result.outcome is not Outcome.RECORDED:
        return ()
    change = result.change
    return discrepancies.raised(study, change.before, change.after, change.share)


def _record(store: Store, study: Study, posted: Sequence[Posted], principal: str) -> list[Result]:
    entries = [_read(study, each) for each in posted]
    receipts = [Receipt(each, principal) for each in entries if isinstance(each, Entry)]
    recorded = iter(store.record(study, receipts))
    results = []
    for entry in entries:
        result = next(recorded) if isinstance(entry, Entry) else Result(entry)
        if result.outcome is Outcome.CONFLICT and isinstance(entry, Entry):
            result = Result(_dispute(store, entry))
        results.append(result)
    return results


def posted(body: bytes | None) -> list[Posted]:
    """Read a body as it was posted: one event, or a batch of them."""
    if body is None or len(body) > EVENT_BYTES:
        raise too_large()
    value = messages.read_json(body)
    if isinstance(value, list):
        return [Posted(text, each) for each, text in messages.split_batch(body)]
    return [Posted(body.decode(), value)]


def _read(study: Study, posted: Posted) -> Entry | Rejected:
    if len(posted.body.encode(errors="surrogatepass")) > EVENT_BYTES:
        return too_large()
    try:
        entry = messages.parse(posted.value, posted.body, study.id)
        accept(study, entry)
    except Rejected as rejected:
        return rejected
    return entry


def too_large() -> Rejected:
    """Refuse an event for its size."""
    return Rejected(413, "Event too large", f"an event may have {EVENT_BYTES} bytes")


def _answer(
    store: Store,
    study: str,
    posted: Posted,
    result: Outcome | Rejected | Unavailable,
    principal: str,
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
        refuse(store, study, posted.body, rejected, principal)
    except Unavailable as error:  # it is neither recorded nor set aside: it must come again
        return Answer(name, Unavailable.STATUS, error.problem())
    return Answer(name, rejected.status, rejected.problem())


def _dispute(store: Store, entry: Entry) -> Rejected | Unavailable:
    """Note the conflict, so that documents name the record until a higher revision settles it."""
    try:
        store.dispute(entry)
    except Unavailable as error:
        return error
    return Rejected(
        Outcome.CONFLICT.value,
        "Revision already recorded with other content",
        "the content recorded first stays in force; post the next revision to correct it",
        Fault("/data/revision", "is already recorded with other content"),
    )


def refuse(store: Store, study: str, body: str | bytes, rejected: Rejected, principal: str) -> None:
    """Set aside a body that was refused, with its reason; once, however often it is posted."""
    store.set_aside(study, body, rejected.problem(), principal)


def _id(value: object) -> str:
    found = value.get("id") if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""
