"""Bring sums up to date, compare them with what was recorded, and put right what differs."""

from datetime import timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from trial import auditing, wiring
from trial.errors import Unavailable, place_of
from trial.store import keys

logger, metrics = Logger(), Metrics()

TAKEN_BACK_AFTER = timedelta(days=7)
"""How long the sums of a definition that is in force no more wait for its return."""


def wanted(event: dict[str, Any]) -> list[str]:
    """Find which studies a batch of the table's stream names; by the schedule, all of them."""
    if "Records" not in event:
        return list(wiring.store().studies())
    partitions = (each["dynamodb"]["Keys"]["PK"]["S"] for each in event["Records"])
    return sorted({keys.study_of(each) for each in partitions})


def audit(name: str) -> None:
    """Audit one study and publish the report."""
    store = wiring.store()
    current = store.current(name)
    if current is not None and current.removed:
        store.clear(name)
        logger.info("Study removed", study=name)
        return
    audited = auditing.audit(store, name)
    store.take_back(name, wiring.now() - TAKEN_BACK_AFTER)
    store.clear_sums(audited.study)
    auditing.publish(wiring.documents(), audited, wiring.now().isoformat(timespec="seconds"))
    metrics.add_metric("AuditDifferences", "Count", len(audited.differences))
    for each in audited.differences:
        logger.error("Audit found a difference", study=name, what=each.what, shard=each.shard)
    logger.info("Study audited", study=name, complete=audited.complete, subjects=audited.subjects)


def give_up(name: str, error: Exception) -> None:
    """Alarm for a study that cannot be audited; its error's text may quote a patient's data."""
    place = place_of(error)
    logger.error("Study not audited", study=name, error=type(error).__name__, place=place)
    metrics.add_metric("AuditDifferences", "Count", 1)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> None:  # noqa: ARG001
    """Audit the studies that an event calls for; one study never fails another."""
    busy: Unavailable | None = None
    for name in wanted(event):
        try:
            audit(name)
        except Unavailable as error:
            busy = error  # it comes again, and goes on from where it was
        except Exception as error:  # noqa: BLE001
            # Whatever is damaged in one study must not keep the others from being audited.
            give_up(name, error)
    if busy is not None:
        raise busy
