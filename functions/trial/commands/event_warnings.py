"""What an accepted event is answered beside its status: the discrepancies that it raised."""

from typing import Any

from trial.definition.study import Study
from trial.statistics.cells import Share
from trial.subject.derivation import Derivation
from trial.subject.fold import Subject
from trial.tables.compiled import compiled
from trial.tables.discrepancies import ROW


def raised_by_event(
    study: Study, before: Subject, after: Subject, share: Share | None
) -> list[dict[str, Any]]:
    """List the discrepancies that a subject has after an event and had not before it.

    They are those of the open view, whoever sent the event: a sender of a blinded study must not
    learn an arm from them. `share` is what is counted of the subject now: without a row of
    discrepancies in it there are none, and nothing is derived.
    """
    if share is not None and ROW not in share:
        return []
    checks = compiled(study.open).checks
    raised = checks.find(Derivation(study.open, after))
    earlier = checks.find(Derivation(study.open, before)) if raised else []
    return [discrepancy.document(after.id) for discrepancy in raised if discrepancy not in earlier]
