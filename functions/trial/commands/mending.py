"""Mend what was refused: a corrected event is taken in like any other, and settles the refused one.

It is recorded under whoever mended it, not under the first sender: what is recorded is what that
person wrote. A correction that is refused too changes nothing, and the refused body waits on; of
several events in one body those that are accepted are recorded, and it waits until all are.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from trial.commands import intake
from trial.commands.intake_context import IntakeContext
from trial.deferred import dataclass
from trial.definition.study import Study
from trial.errors import Rejected
from trial.events.blinding import could_unblind
from trial.events.envelope import kind_of
from trial.store.dynamodb import Store
from trial.store.rows import Mending, RejectedBody

_DIGEST = r"[0-9a-f]{64}"
_ACCEPTED_MEANWHILE = (
    "It was accepted as it is while this correction was recorded, too: see both in the subject's"
    " history, and correct what is wrong by a revision."
)


@dataclass(frozen=True)
class Mended:
    """What became of a correction: the answer to each event, and whether all were accepted."""

    answers: Sequence[intake.Answer]
    settled: bool


def waiting_body(store: Store, study: Study, digest: str) -> RejectedBody:
    """Return a refused body that waits and is a text, by its digest.

    Raises `Rejected`: 404 where there is none, 409 where it was accepted since. While a study is
    blinded, one that may tell the arm is answered as if it were not there: else a digest would
    confirm a guess.
    """
    is_digest = re.fullmatch(_DIGEST, digest) is not None
    rejected = (
        next(store.rejected_bodies_by_digest(study.id, [digest]), None) if is_digest else None
    )
    if (
        rejected is None
        or rejected.text is None
        or (study.definition.blinded and could_unblind(rejected.text.encode()))
    ):
        detail = (
            "There is no such refused event that can be mended here: what may tell the arm of a"
            " blinded study, what is no text and what was erased cannot. Its sender can post it"
            " again, corrected."
        )
        raise Rejected(404, "Refused event not found", detail)
    if rejected.resolved:
        detail = "It was accepted since: correct its record by a revision instead."
        raise Rejected(409, "Already accepted", detail)
    return rejected


def mend(context: IntakeContext, study: Study, digest: str, text: str, reason: str) -> Mended:
    """Take in the correction of a refused body, by the person in `context`, for a reason.

    Raises `Rejected` where the body cannot be mended, where somebody else does at the same time
    (409), or where the correction is no JSON; what is wrong with an event is in its answer.
    """
    context.store.check_open(study.id)
    waiting_body(context.store, study, digest)
    posted_events = intake.read_posted_events(text.encode(errors="surrogatepass"))
    if not posted_events:
        raise Rejected(422, "Event not accepted", "there is no event in it")
    keeping_none = replace(context, keeps_refused=False)
    claimed = context.store.claim_body(study.id, digest)
    settled = False
    try:
        answers = intake.take(keeping_none, study, posted_events)
        settled = all(answer.problem is None for answer in answers)
    finally:
        if not settled:
            context.store.release_body(study.id, digest, claimed)
    if settled:
        records = tuple(_records(posted_events))
        mending = Mending(context.principal, reason, records)
        if not context.store.resolve(study.id, digest, mending):
            raise Rejected(409, "Already accepted", _ACCEPTED_MEANWHILE)
    return Mended(answers, settled)


def _records(posted_events: Sequence[intake.PostedEvent]) -> Iterator[Mapping[str, Any]]:
    """Yield of each accepted event which revision of which record it is."""
    for posted in posted_events:
        data = posted.value["data"]
        yield {
            "subject": posted.value["subject"],
            "kind": kind_of(posted.value["type"]),
            "record": data["record"],
            "revision": int(data["revision"]),
        }
