"""Record the events of a queue, batch by batch."""

import json
from collections import defaultdict
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

import wiring
from trial.commands import intake, submissions
from trial.commands.intake import Posted
from trial.commands.intake_context import Channel
from trial.errors import Rejected, Unavailable
from trial.events import fields, json_body
from trial.store.quarantine import UNKNOWN_STUDY

logger, metrics = Logger(), Metrics()

Message = dict[str, Any]


def record(messages_of_batch: list[Message]) -> list[str]:
    """Take the messages in, study by study; give the ids of those to be delivered again."""
    failed: list[str] = []
    by_study: dict[tuple[str, str], list[tuple[Message, Posted]]] = defaultdict(list)
    for message in messages_of_batch:
        body, sender = message["body"], message["attributes"].get("SenderId", "unknown")
        try:
            value = json_body.read_json(body)
        except Rejected as rejected:
            failed += _quarantine(UNKNOWN_STUDY, [message], rejected, sender)
            continue
        named = value.get("study") if isinstance(value, dict) else None
        study = named if isinstance(named, str) and fields.is_identifier(named) else UNKNOWN_STUDY
        by_study[study, sender].append((message, Posted(body, value)))
    for (study, sender), group in by_study.items():
        failed += _take(study, sender, group)
    return failed


def _take(study: str, sender: str, group: list[tuple[Message, Posted]]) -> list[str]:
    store = wiring.store()
    try:
        found = store.study(study)
        context = wiring.intake_context(sender, Channel.QUEUE)
        answers = intake.take(context, found, [posted for _, posted in group])
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


def settle(messages_of_batch: list[Message]) -> list[str]:
    """Settle what was submitted; give the ids of the messages to be delivered again.

    No metric and no log says what it was: they are not for the unblinded alone.
    """
    failed = []
    for message in messages_of_batch:
        told = json.loads(message["body"])
        try:
            done = submissions.settle(
                wiring.store(), wiring.submissions(), told["study"], told["submitted"]
            )
        except Rejected:  # there is no such study any more
            continue
        except Unavailable:
            done = False
        if not done:
            failed.append(message["messageId"])
    return failed


def _quarantine(study: str, refused: list[Message], rejected: Rejected, sender: str) -> list[str]:
    """Keep messages that can never be taken; give the ids of those that could not be kept."""
    failed = []
    for message in refused:
        try:
            intake.refuse(wiring.store(), study, message["body"], rejected, sender)
        except Unavailable:
            failed.append(message["messageId"])
            continue
        metrics.add_metric("EventsRejected", "Count", 1)
        logger.warning("Message quarantined", message_id=message["messageId"], title=rejected.title)
    return failed


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Answer which messages of an SQS batch must come again; the others are done with."""
    metrics.add_metric("Batches", "Count", 1)
    of_queue = event["Records"][0].get("eventSourceARN", "").rpartition(":")[2]
    work = settle if of_queue == wiring.submitted_to() else record
    failed = work(event["Records"])
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}
