"""The reading room's functions: pages for people who signed in, of one part of the room each."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

import wiring
from trial.errors import Rejected, error_location
from trial.room import guard
from trial.room.frame import error_page
from trial.room.signing_in import NOBODY
from trial.room.visits import Reply, Visit, parse_visit

logger, metrics = Logger(), Metrics()
_DENIED = frozenset({401, 403})
_MARGIN = 12_000
"""How long before its time limit a function reads no more, ms: a page is made of it then."""


def serve(visit: Visit) -> Reply:
    """Answer a visit; an error of ours is a page too."""
    try:
        return guard.serve(visit)
    except Exception as error:  # noqa: BLE001 (whatever it is, its text must not be logged)
        return internal_error(visit, error)


def internal_error(visit: Visit, error: Exception) -> Reply:
    """Answer an error of ours; its text stays out of the log: it may quote a patient's data."""
    logger.error("Request failed", error=type(error).__name__, place=error_location(error))
    metrics.add_metric("RequestsFailed", "Count", 1)
    failure = Rejected(500, "The service failed", "Load the page again, or try again later.")
    return Reply(error_page(visit.request, NOBODY, failure))


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Serve one request of the room's HTTP API."""
    metrics.add_metric("RoomRequests", "Count", 1)
    reply = serve(parse_visit(event, wiring.beat(context, _MARGIN)))
    if reply.answer.status in _DENIED:
        metrics.add_metric("RoomDenied", "Count", 1)
    return reply.event()
