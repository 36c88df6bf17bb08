"""Make the documents of the studies that changed, and the reports that were asked for."""

from collections import defaultdict
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from trial import publishing, wiring
from trial.errors import Unavailable, place_of
from trial.store import keys
from trial.store.reports import FAILED, PUBLISHED
from trial.study import Study

logger, metrics = Logger(), Metrics()


def wanted(records: list[dict[str, Any]]) -> dict[str, set[str]]:
    """Find which studies changed, and which of their reports were asked for."""
    studies: dict[str, set[str]] = defaultdict(set)
    for record in records:
        item = record["dynamodb"]["Keys"]
        requests = studies[keys.study_of(item["PK"]["S"])]
        if item["SK"]["S"].startswith(keys.REPORT):
            requests.add(item["SK"]["S"].removeprefix(keys.REPORT))
    return studies


def publish(name: str, requests: set[str]) -> None:
    """Bring a study's live documents up to date and make the reports asked for."""
    store, documents, reports = wiring.store(), wiring.documents(), wiring.reports()
    store.look_again(name)  # another definition may just have come into force
    current = store.current(name)
    if current is not None and current.removed:
        return
    study, version = store.study(name), wiring.code_version()
    for request in reports.in_order(name, requests):
        publish_report(study, request, version)
    cut = publishing.publish_live(store, documents, study, version)
    if not publishing.agrees(store, study):
        metrics.add_metric("SumsDiffer", "Count", 1)
        logger.error("The sums differ from the subjects' shares", study=name)
    reports.mark(name, PUBLISHED, wiring.now().isoformat(timespec="seconds"))
    if cut is not None:
        metrics.add_metric("StudiesPublished", "Count", 1)
        logger.info("Documents published", study=name, cut=cut.id, accepted=cut.accepted)


def publish_report(study: Study, request: str, version: str) -> None:
    """Make one report; one that cannot be made is marked, and fails no other."""
    store, documents, reports = wiring.store(), wiring.documents(), wiring.reports()
    try:
        publishing.publish_report(store, documents, reports, study, request, version)
    except Unavailable:
        raise
    except Exception as error:  # noqa: BLE001
        # Its cut may hold what no other does: the live documents and other reports go on.
        give_up_report(study.id, request, error)


def give_up_report(name: str, request: str, error: Exception) -> None:
    """Mark and alarm a report that cannot be made."""
    place = place_of(error)
    logger.error("Report not made", study=name, error=type(error).__name__, place=place)
    metrics.add_metric("StudiesNotPublished", "Count", 1)
    wiring.reports().fail(name, request)


def give_up(name: str, requests: set[str], error: Exception) -> None:
    """Mark and alarm a study that fails to render; its error's text may quote a patient's data."""
    place = place_of(error)
    logger.error("Study not published", study=name, error=type(error).__name__, place=place)
    metrics.add_metric("StudiesNotPublished", "Count", 1)
    reports, at = wiring.reports(), wiring.now().isoformat(timespec="seconds")
    reports.mark(name, FAILED, at, f"{type(error).__name__} at {place}")
    for request in requests:
        reports.fail(name, request)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> None:  # noqa: ARG001
    """Publish what a batch of the table's stream calls for; one study never fails another."""
    metrics.add_metric("Batches", "Count", 1)
    busy: Unavailable | None = None
    for name, requests in sorted(wanted(event["Records"]).items()):
        try:
            publish(name, requests)
        except Unavailable as error:
            busy = error  # the batch comes again; what is published by then is left alone
        except Exception as error:  # noqa: BLE001
            # Whatever a study's data or definition does to rendering must not stop the others,
            # and repeating it would not help: mark it, alarm, go on.
            give_up(name, requests, error)
    if busy is not None:
        raise busy
