"""The Ingest function: record the events of a queue, batch by batch."""

import json
from collections import defaultdict
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

import wiring
from trial.commands import intake, submissions
from trial.commands.intake import PostedEvent
from trial.commands.intake_context import Channel
from trial.errors import Rejected, Unavailable
from trial.events import fields, json_body
from trial.store.quarantine import UNKNOWN_STUDY

logger, metrics = Logger(), Metrics()

Message = dict[str, Any]


def record(messages_of_batch: list[Message]) -> list[str]:
    """Record the messages' events, study by study; return the ids of those to be redelivered."""
    failed: list[str] = []
    by_study: dict[tuple[str, str], list[tuple[Message, PostedEvent]]] = defaultdict(list)
    for message in messages_of_batch:
        body, sender = message["body"], message["attributes"].get("SenderId", "unknown")
        try:
            value = json_body.read_json(body)
        except Rejected as rejected:
            failed += _quarantine(UNKNOWN_STUDY, [message], rejected, sender)
            continue
        name = value.get("study") if isinstance(value, dict) else None
        study = name if isinstance(name, str) and fields.is_identifier(name) else UNKNOWN_STUDY
        by_study[study, sender].append((message, PostedEvent(body, value)))
    for (study, sender), group in by_study.items():
        failed += _record_group(study, sender, group)
    return failed


def _record_group(study: str, sender: str, group: list[tuple[Message, PostedEvent]]) -> list[str]:
    store = wiring.store()
    try:
        defined = store.study(study)
        context = wiring.intake_context(sender, Channel.QUEUE)
        answers = intake.take(context, defined, [posted for _, posted in group])
    except Rejected as rejected:
        return _quarantine(study, [message for message, _ in group], rejected, sender)
    except Unavailable:
        return [message["messageId"] for message, _ in group]
    for answer in answers:
        metrics.add_metric(intake.METRICS.get(answer.status, "EventsRejected"), "Count", 1)
    return [
        message["messageId"]
        for (message, _), answer in zip(group, answers, strict=True)
        if answer.status == Unavailable.STATUS
    ]


def record_submissions(messages_of_batch: list[Message]) -> list[str]:
    """Record what was submitted; return the ids of the messages to be redelivered.

    No metric and no log tells a verdict: they are not for the unblinded alone.
    """
    failed = []
    for message in messages_of_batch:
        body = json.loads(message["body"])
        try:
            complete = submissions.record(
                wiring.store(), wiring.submissions(), body["study"], body["submitted"]
            )
        except Rejected:  # there is no such study any more
            continue
        except Unavailable:
            complete = False
        if not complete:
            failed.append(message["messageId"])
    return failed


def _quarantine(study: str, messages: list[Message], rejected: Rejected, sender: str) -> list[str]:
    """Quarantine messages that can never be recorded; return the ids of those that could not be."""
    failed = []
    for message in messages:
        try:
            intake.quarantine(wiring.store(), study, message["body"], rejected, sender)
        except Unavailable:
            failed.append(message["messageId"])
            continue
        metrics.add_metric("EventsRejected", "Count", 1)
        logger.warning("Message quarantined", message_id=message["messageId"], title=rejected.title)
    return failed


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Return which messages of an SQS batch must be redelivered; the others are done."""
    metrics.add_metric("Batches", "Count", 1)
    queue_name = event["Records"][0].get("eventSourceARN", "").rpartition(":")[2]
    work = record_submissions if queue_name == wiring.submission_queue_name() else record
    failed = work(event["Records"])
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
