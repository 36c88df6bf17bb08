"""The Audit function: fill sums, compare them with the recorded events, repair differences."""

from datetime import datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

import wiring
from trial.commands import auditing
from trial.errors import Beat, OutOfTime, Unavailable, error_location
from trial.store import keys

logger, metrics = Logger(), Metrics()

DORMANT_FOR = timedelta(days=7)
"""How long the sums of a definition no longer in force are kept for its return."""
OVERDUE_PERIODS = 3
"""After how many periods without an audit a study counts as overdue."""


def studies_to_audit(event: dict[str, Any]) -> list[str]:
    """Return the studies that stream records name or, by the schedule, those that are due."""
    if "Records" not in event:
        return due_studies()
    return sorted({keys.study_of_record(record) for record in event["Records"]})


def due_studies() -> list[str]:
    """Return the studies that are due for an audit: the one begun longest ago comes first.

    So one that takes all the time there is comes after all others the next time.
    """
    audits, now, hours = wiring.audits(), wiring.now(), wiring.settings().AUDIT_HOURS
    due_before, overdue_before = _stamp(now, hours), _stamp(now, OVERDUE_PERIODS * hours)
    states = {name: audits.get(name) for name in wiring.store().studies()}
    overdue = [
        name for name, state in states.items() if hours and state.is_overdue_since(overdue_before)
    ]
    metrics.add_metric("AuditsOverdue", "Count", len(overdue))
    due = [
        name
        for name, state in states.items()
        if state.is_interrupted or state.last_ended <= due_before
    ]
    return sorted(due, key=lambda name: (states[name].last_begun, name))


def audit(name: str, beat: Beat) -> None:
    """Audit one study, from where an interrupted run ended, and publish the report."""
    store, audits = wiring.store(), wiring.audits()
    current = store.current(name)
    if current is not None and current.removed:
        store.clear(name)
        logger.info("Study removed", study=name)
        return
    audits.begin(name, _stamp(wiring.now()))
    state = audits.get(name)
    audited = auditing.audit(
        store,
        name,
        beat,
        state.progress,
        lambda progress: audits.save_progress(name, progress),
    )
    store.drop_generations(name, wiring.now() - DORMANT_FOR)
    store.clear_sums(audited.study)
    auditing.publish(wiring.documents(), audited, wiring.now().isoformat(timespec="seconds"))
    audits.end(name, _stamp(wiring.now()))
    metrics.add_metric("AuditDifferences", "Count", len(audited.differences))
    for difference in audited.differences:
        logger.error(
            "Audit found a difference", study=name, what=difference.what, shard=difference.shard
        )
    logger.info("Study audited", study=name, complete=audited.complete, subjects=audited.subjects)


def _stamp(now: datetime, hours: int = 0) -> str:
    return (now - timedelta(hours=hours)).isoformat(timespec="seconds")


def report_failure(name: str, error: Exception) -> None:
    """Log and count a study that cannot be audited; the error's text may quote a patient's data."""
    place = error_location(error)
    logger.error("Study not audited", study=name, error=type(error).__name__, place=place)
    metrics.add_metric("AuditDifferences", "Count", 1)


def interrupt(name: str) -> None:
    """Leave the rest of an audit to a scheduled run, after the other studies that are due."""
    logger.info("Audit interrupted; the next run resumes it", study=name)
    wiring.audits().interrupt(name)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Audit the studies that an event asks for; one study never fails another."""
    metrics.add_metric("Batches", "Count", 1)
    beat, busy = wiring.beat(context), None
    for name in studies_to_audit(event):
        try:
            beat()  # without time left nothing is begun, so that it stays first in turn
            audit(name, beat)
        except Unavailable as error:
            busy = error  # the batch is retried, and resumes from where it was
        except OutOfTime:
            interrupt(name)
        except Exception as error:  # noqa: BLE001
            # Whatever is damaged in one study must not keep the others from being audited.
            report_failure(name, error)
    if busy is not None:
        raise busy
