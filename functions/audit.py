"""Bring sums up to date, compare them with what was recorded, and put right what differs."""

from datetime import datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

import wiring
from trial.commands import auditing
from trial.errors import Beat, OutOfTime, Unavailable, error_location
from trial.store import keys

logger, metrics = Logger(), Metrics()

TAKEN_BACK_AFTER = timedelta(days=7)
"""How long the sums of a definition that is in force no more wait for its return."""
LATE = 3
"""How many periods may pass until a study that is not audited is told."""


def wanted(event: dict[str, Any]) -> list[str]:
    """Find which studies a batch of the table's stream names; by the schedule, whose turn it is."""
    if "Records" not in event:
        return in_turn()
    partitions = (each["dynamodb"]["Keys"]["PK"]["S"] for each in event["Records"])
    return sorted({keys.study_of(each) for each in partitions})


def in_turn() -> list[str]:
    """Name the studies that are to be audited: who waits longest for a turn comes first.

    So one that takes all the time there is comes after all others the next time.
    """
    audits, now, hours = wiring.audits(), wiring.now(), wiring.settings().AUDIT_HOURS
    due, late = _before(now, hours), _before(now, LATE * hours)
    found = {name: audits.find(name) for name in wiring.store().studies()}
    missed = [name for name, each in found.items() if hours and each.is_overdue_since(late)]
    metrics.add_metric("AuditsOverdue", "Count", len(missed))
    turns = [name for name, each in found.items() if each.is_interrupted or each.done <= due]
    return sorted(turns, key=lambda name: (found[name].tried, name))


def audit(name: str, beat: Beat) -> None:
    """Audit one study, from where an earlier run had to end, and publish the report."""
    store, audits = wiring.store(), wiring.audits()
    current = store.current(name)
    if current is not None and current.removed:
        store.clear(name)
        logger.info("Study removed", study=name)
        return
    audits.begin(name, _before(wiring.now()))
    progress = audits.find(name).progress
    audited = auditing.audit(store, name, beat, progress, lambda far: audits.note(name, far))
    store.drop_generations(name, wiring.now() - TAKEN_BACK_AFTER)
    store.clear_sums(audited.study)
    auditing.publish(wiring.documents(), audited, wiring.now().isoformat(timespec="seconds"))
    audits.end(name, _before(wiring.now()))
    metrics.add_metric("AuditDifferences", "Count", len(audited.differences))
    for each in audited.differences:
        logger.error("Audit found a difference", study=name, what=each.what, shard=each.shard)
    logger.info("Study audited", study=name, complete=audited.complete, subjects=audited.subjects)


def _before(now: datetime, hours: int = 0) -> str:
    return (now - timedelta(hours=hours)).isoformat(timespec="seconds")


def give_up(name: str, error: Exception) -> None:
    """Alarm for a study that cannot be audited; its error's text may quote a patient's data."""
    place = error_location(error)
    logger.error("Study not audited", study=name, error=type(error).__name__, place=place)
    metrics.add_metric("AuditDifferences", "Count", 1)


def put_off(name: str) -> None:
    """Leave a study for the schedule: it goes on when all others had their turn."""
    logger.info("Audit goes on in another run", study=name)
    wiring.audits().interrupt(name)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Audit the studies that an event calls for; one study never fails another."""
    metrics.add_metric("Batches", "Count", 1)
    beat, busy = wiring.beat(context), None
    for name in wanted(event):
        try:
            beat()  # one that had no time had no turn either
            audit(name, beat)
        except Unavailable as error:
            busy = error  # it comes again, and goes on from where it was
        except OutOfTime:
            put_off(name)
        except Exception as error:  # noqa: BLE001
            # Whatever is damaged in one study must not keep the others from being audited.
            give_up(name, error)
    if busy is not None:
        raise busy
