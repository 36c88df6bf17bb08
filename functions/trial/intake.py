"""From a posted body to an answer: read, check, record, or set aside with the reason.

The API and the queue both come through here, so an event meets the same fate by either road.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trial import messages
from trial.acceptance import accept
from trial.errors import Fault, Rejected, Unavailable
from trial.messages import Entry
from trial.store.dynamodb import Store
from trial.store.rows import Receipt
from trial.store.writing import Moved
from trial.study import Study
from trial.subject import Outcome

_LOOKS = 3  # at definitions that come into force, one after the other, while an event waits

EVENT_BYTES = 256 * 1024


@dataclass(frozen=True)
class Answer:
    """What became of one event: an HTTP status and, where it was not taken, the problem."""

    id: str
    status: int
    problem: dict[str, object] | None = None


@dataclass(frozen=True)
class Posted:
    """One event as posted: its text and, where it could be read, its value."""

    body: str
    value: Any


def take(store: Store, study: Study, posted: Sequence[Posted], principal: str) -> list[Answer]:
    """Record events of one study and answer each in order; what is refused is set aside."""
    outcomes = _record(store, study, posted, principal)
    for _ in range(_LOOKS):
        moved = [index for index, each in enumerate(outcomes) if isinstance(each, Moved)]
        if not moved:
            break
        again = [posted[index] for index in moved]
        found = _record(store, store.study(study.id), again, principal)
        for index, outcome in zip(moved, found, strict=True):
            outcomes[index] = outcome
    return [
        _answer(store, study.id, each, outcome, principal)
        for each, outcome in zip(posted, outcomes, strict=True)
    ]


def _record(
    store: Store, study: Study, posted: Sequence[Posted], principal: str
) -> list[Outcome | Rejected | Unavailable]:
    entries = [_read(study, each) for each in posted]
    receipts = [Receipt(each, principal) for each in entries if isinstance(each, Entry)]
    results = iter(store.record(study, receipts))
    return [next(results).outcome if isinstance(each, Entry) else each for each in entries]


def _read(study: Study, posted: Posted) -> Entry | Rejected:
    if len(posted.body) > EVENT_BYTES:
        return Rejected(413, "Event too large", f"an event may have {EVENT_BYTES} bytes")
    try:
        entry = messages.parse(posted.value, posted.body, study.id)
        accept(study, entry)
    except Rejected as rejected:
        return rejected
    return entry


def _answer(
    store: Store,
    study: str,
    posted: Posted,
    result: Outcome | Rejected | Unavailable,
    principal: str,
) -> Answer:
    name = _id(posted.value)
    match result:
        case Outcome.CONFLICT:
            rejected = Rejected(
                409,
                "Revision already recorded with other content",
                "the content recorded first stays in force; post the next revision to correct it",
                Fault("/data/revision", "is already recorded with other content"),
            )
        case Outcome():
            return Answer(name, result.value)
        case Rejected():
            rejected = result
        case Unavailable():
            return Answer(name, Unavailable.STATUS, result.problem())
    refuse(store, study, posted.body, rejected, principal)
    return Answer(name, rejected.status, rejected.problem())


def refuse(store: Store, study: str, body: str | bytes, rejected: Rejected, principal: str) -> None:
    """Set aside a body that was refused, with its reason; once, however often it is posted."""
    store.set_aside(study, body, rejected.problem(), principal)


def _id(value: object) -> str:
    found = value.get("id") if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""
