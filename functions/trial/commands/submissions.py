"""Settle treatment events of blinded studies: what each was to its subject is noted, not answered.

Whoever posts one is told that it arrived, and nothing else: whether its content is what is recorded
would say who is in which arm.
"""

from collections.abc import Mapping, Sequence

from trial.commands import intake
from trial.definition.study import Study
from trial.errors import Rejected, Unavailable
from trial.events import envelope, json_body
from trial.events.envelope import Entry
from trial.store import submissions
from trial.store.dynamodb import Store
from trial.store.rows import Receipt
from trial.store.submissions import PENDING, Submission, Submissions
from trial.store.writing import DefinitionSuperseded
from trial.subject.acceptance import check_acceptable
from trial.subject.fold import Outcome

_LOOKS = 3  # at definitions that come into force, one after the other, while an event waits
_VERDICTS = {
    Outcome.RECORDED: submissions.RECORDED,
    Outcome.REPEATED: submissions.REPEATED,
    Outcome.CONFLICT: submissions.CONFLICT,
}


def settle(store: Store, kept: Submissions, study_id: str, names: Sequence[str]) -> bool:
    """Record what was submitted under these names; say whether all of it is settled.

    Safe to repeat: what is settled already is left alone.
    """
    waiting = [each for each in kept.get(study_id, names) if each.verdict == PENDING]
    for _ in range(_LOOKS):
        if not waiting:
            break
        moved = _settle(store, kept, store.study(study_id), waiting)
        if moved is None:
            return False
        waiting = moved
    return not waiting


def _settle(
    store: Store, kept: Submissions, study: Study, waiting: Sequence[Submission]
) -> list[Submission] | None:
    """Give those that must be looked at under another definition; None where the store is busy."""
    entries = [_read(study, each) for each in waiting]
    receipts = [
        Receipt(entry, each.principal)
        for entry, each in zip(entries, waiting, strict=True)
        if isinstance(entry, Entry)
    ]
    results = iter(store.record(study, receipts))
    moved, busy = [], False
    for entry, each in zip(entries, waiting, strict=True):
        outcome = next(results).outcome if isinstance(entry, Entry) else entry
        if isinstance(outcome, DefinitionSuperseded):
            moved.append(each)
        elif isinstance(outcome, Unavailable):
            busy = True
        else:
            _note(store, kept, study, each, entry, outcome)
    return None if busy else moved


def _read(study: Study, submitted: Submission) -> Entry | Rejected:
    body = (submitted.body or b"").decode(errors="surrogatepass")
    try:
        entry = envelope.parse(json_body.read_json(body), body, study.id)
        check_acceptable(study, entry)
    except Rejected as rejected:
        return rejected
    return entry


def _note(
    store: Store,
    kept: Submissions,
    study: Study,
    submitted: Submission,
    entry: Entry | Rejected,
    outcome: Outcome | Rejected,
) -> None:
    """Note what a submission was; what was not recorded is quarantined with it."""
    if isinstance(outcome, Rejected):
        kept.resolve(study.id, submitted, submissions.REFUSED, outcome.problem())
        return
    problem: Mapping[str, object] | None = None
    if isinstance(entry, Entry) and outcome is Outcome.CONFLICT:
        store.dispute(entry)
        problem = intake.conflict().problem()
    kept.resolve(study.id, submitted, _VERDICTS[outcome], problem)
