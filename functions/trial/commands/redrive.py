"""Retry what is quarantined: a new definition may have cured the reason.

A call tries so many bodies, in order of their digests, and says where the next goes on. What
becomes of one body never keeps those after it from being tried.
"""

import re
from dataclasses import replace
from typing import Any

from trial.commands import intake
from trial.commands.intake_context import IntakeContext
from trial.definition.study import Study
from trial.errors import Beat, FieldError, OutOfTime, Rejected, Unavailable
from trial.events.blinding import could_unblind
from trial.store.definitions import retired_error
from trial.store.dynamodb import Store
from trial.store.failures import describe_failure
from trial.store.rows import RejectedBody
from trial.subject.fold import Outcome

BODIES = 100
"""How many bodies one call tries."""

_ACCEPTED = frozenset(outcome.value for outcome in Outcome if outcome is not Outcome.CONFLICT)
_FORBIDDEN = 403


def redrive(context: IntakeContext, study: Study, after: str, beat: Beat) -> dict[str, Any]:
    """Retry what waits beyond a digest; what is accepted is recorded under its first sender.

    `beat` raises `OutOfTime` when this process must soon end.
    """
    store = context.store
    _check(store, study, after)
    if not after:
        context.submissions.resend(study.id)
    attempts, resolved, failed, last = 0, 0, [], ""
    for rejected in store.rejected_bodies(study.id, after):
        if rejected.resolved:
            continue
        if attempts == BODIES or (attempts and _is_out_of_time(beat)):
            break
        attempts, last = attempts + 1, rejected.sha256
        sender_context = replace(context, principal=rejected.principal)
        try:
            resolved += _is_accepted(sender_context, study, rejected)
        except Unavailable:
            continue
        except Exception as error:  # noqa: BLE001 (whatever one body does, the others are tried)
            failed.append({"sha256": rejected.sha256, "detail": describe_failure(error)})
    else:
        last = ""
    return {
        "tried": attempts,
        "resolved": resolved,
        "waiting": attempts - resolved,
        "failed": failed,
        "next": f"/studies/{study.id}/quarantine/redrive?after={last}" if last else None,
    }


def _check(store: Store, study: Study, after: str) -> None:
    current = store.current(study.id)
    if current is not None and current.retired:
        raise retired_error()
    if after and not re.fullmatch(r"[0-9a-f]{64}", after):
        raise Rejected(
            422,
            "Quarantine not redriven",
            "",
            FieldError("/after", "must be left out, or as in the `next` of an earlier answer"),
        )


def _is_out_of_time(beat: Beat) -> bool:
    try:
        beat()
    except OutOfTime:
        return True
    return False


def _is_accepted(context: IntakeContext, study: Study, rejected: RejectedBody) -> bool:
    if _was_refused_to_sender(study, rejected):
        return False
    try:
        posted_events = intake.read_posted_events(rejected.body)
    except Rejected:
        return False
    answers = intake.take(context, study, posted_events)
    if not answers or any(answer.status not in _ACCEPTED for answer in answers):
        return False
    context.store.resolve(study.id, rejected.sha256)
    return True


def _was_refused_to_sender(study: Study, rejected: RejectedBody) -> bool:
    """Return whether a treatment event was refused for its sender: a redrive gives no right."""
    return (
        study.definition.blinded
        and rejected.problem.get("status") == _FORBIDDEN
        and rejected.body is not None
        and could_unblind(rejected.body)
    )
