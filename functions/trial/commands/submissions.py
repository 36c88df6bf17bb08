"""Record treatment events of blinded studies: the verdict on each is stored, not answered.

Whoever posts one is told that it arrived, and nothing else: whether its content is what is recorded
would say who is in which arm.
"""

from collections.abc import Mapping, Sequence

from trial.commands import intake
from trial.definition.study import Study
from trial.errors import Rejected, Unavailable
from trial.events import envelope, json_body
from trial.events.envelope import Entry
from trial.store.dynamodb import Store
from trial.store.rows import Receipt
from trial.store.submissions import (
    CONFLICT,
    PENDING,
    RECORDED,
    REFUSED,
    REPEATED,
    Submission,
    Submissions,
)
from trial.store.writing import DefinitionSuperseded
from trial.subject.acceptance import check_acceptable
from trial.subject.fold import Outcome

_DEFINITIONS_TRIED = 3  # that come into force, one after the other, while an event waits
_VERDICTS = {
    Outcome.RECORDED: RECORDED,
    Outcome.REPEATED: REPEATED,
    Outcome.CONFLICT: CONFLICT,
}


def record(store: Store, submissions: Submissions, study_id: str, ids: Sequence[str]) -> bool:
    """Record the submissions with these ids; say whether all of them have a verdict now.

    Safe to repeat: those that have a verdict already are left alone.
    """
    waiting = [
        submission for submission in submissions.get(study_id, ids) if submission.verdict == PENDING
    ]
    for _ in range(_DEFINITIONS_TRIED):
        if not waiting:
            break
        superseded = _record_waiting(store, submissions, store.study(study_id), waiting)
        if superseded is None:
            return False
        waiting = superseded
    return not waiting


def _record_waiting(
    store: Store, submissions: Submissions, study: Study, waiting: Sequence[Submission]
) -> list[Submission] | None:
    """Record; return those whose definition was superseded, None where the store is busy."""
    entries = [_parse(study, submission) for submission in waiting]
    receipts = [
        Receipt(entry, submission.principal)
        for entry, submission in zip(entries, waiting, strict=True)
        if isinstance(entry, Entry)
    ]
    results = iter(store.record(study, receipts))
    superseded, busy = [], False
    for entry, submission in zip(entries, waiting, strict=True):
        outcome = next(results).outcome if isinstance(entry, Entry) else entry
        if isinstance(outcome, DefinitionSuperseded):
            superseded.append(submission)
        elif isinstance(outcome, Unavailable):
            busy = True
        else:
            _resolve(store, submissions, study, submission, entry, outcome)
    return None if busy else superseded


def _parse(study: Study, submission: Submission) -> Entry | Rejected:
    body = (submission.body or b"").decode(errors="surrogatepass")
    try:
        entry = envelope.parse(json_body.read_json(body), body, study.id)
        check_acceptable(study, entry)
    except Rejected as rejected:
        return rejected
    return entry


def _resolve(
    store: Store,
    submissions: Submissions,
    study: Study,
    submission: Submission,
    entry: Entry | Rejected,
    outcome: Outcome | Rejected,
) -> None:
    """Store the verdict on a submission; what was not recorded is quarantined with it."""
    if isinstance(outcome, Rejected):
        submissions.resolve(study.id, submission, REFUSED, outcome.problem())
        return
    problem: Mapping[str, object] | None = None
    if isinstance(entry, Entry) and outcome is Outcome.CONFLICT:
        store.dispute(entry)
        problem = intake.conflict_error().problem()
    submissions.resolve(study.id, submission, _VERDICTS[outcome], problem)
