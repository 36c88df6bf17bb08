"""The API function: record events, answer with their tables, administer studies."""

from importlib import import_module
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

import wiring
from trial.commands import intake
from trial.commands.intake import PostedEvent
from trial.commands.intake_context import Channel, IntakeContext
from trial.definition.study import Study
from trial.errors import Rejected, Unavailable, error_location
from trial.events import fields, json_body
from trial.store.definitions import PutStatus
from trial.store.rows import second_text
from trial.web import routing
from trial.web.routing import Answer, Request, Routes

logger, metrics = Logger(), Metrics()
routes = Routes()

EVENT_TYPES = ("application/cloudevents+json", "application/json")
BATCH_TYPE = "application/cloudevents-batch+json"
BATCH_EVENTS, BATCH_BYTES = 100, 1_000_000
LATER_MODULES = (
    "cryptography.hazmat.primitives.ciphers.aead",
    "difflib",
    "trial.commands.admission",
    "trial.commands.clarification",
    "trial.commands.erasure",
    "trial.commands.redrive",
    "trial.commands.unblinding",
    "trial.definition.validation_errors",
    "trial.store.activities",
    "trial.store.discrepancy_states",
    "trial.tables.checking",
    "trial.web.by_token",
    "trial.web.pagination",
    "trial.web.queries",
    "trial.web.request_bodies",
    "unicodedata",
)
"""What is imported only where a request needs it."""


@routes("PUT", "/studies/{study}/definition")
def put_definition(request: Request, study: str) -> Answer:
    """Upload a study's definition, or amend it."""
    # Whoever only posts events needs none of what other requests do.
    from trial.commands import admission  # noqa: PLC0415

    request.content_type(routing.JSON)
    admitted = admission.admit_for(study, request.body)
    status = wiring.store().put_definition(
        admitted, request.body, request.principal, request.reason
    )
    return _definition_answer(admitted, status)


@routes("PUT", "/studies/{study}/senders")
def put_senders(request: Request, study: str) -> Answer:
    """Set the senders: who may post which kinds of event of which sites."""
    from trial.web import request_bodies  # noqa: PLC0415 (as above)

    wiring.store().study(study)
    request.content_type(routing.JSON)
    senders, reason = request_bodies.parse_senders(json_body.read_json(request.body))
    sender_list = wiring.senders().put_list(study, senders, request.principal, reason)
    return routing.json_answer({"study": study} | sender_list.document())


@routes("POST", "/studies/{study}/unblind")
def post_unblind(request: Request, study: str) -> Answer:
    """Unblind a study: amend its definition so that it is not blinded any more."""
    from trial.commands import unblinding  # noqa: PLC0415

    reason = _because(request, "Study not unblinded")
    return _definition_answer(*unblinding.unblind(wiring.store(), study, request.principal, reason))


def _definition_answer(admitted: Study, status: PutStatus) -> Answer:
    from trial.tables import checking  # noqa: PLC0415

    document: dict[str, object] = {
        "study": admitted.id,
        "definition": admitted.digest,
        "status": status,
    }
    if warnings := checking.study_warnings(admitted):
        document["warnings"] = [warning.document() for warning in warnings]
    return routing.json_answer(document, _STATUS_CODES.get(status, 200))


_STATUS_CODES = {"created": 201, "backfilling": 202}


@routes("POST", "/studies/{study}/events")
def post_events(request: Request, study: str) -> Answer:
    """Record one event or a batch; 201 means recorded and counted."""
    return _post(request, study, Channel.EVENTS)


@routes("POST", "/studies/{study}/treatment-events")
def post_treatment_events(request: Request, study: str) -> Answer:
    """Submit treatment events, which could unblind; 202 means received, whatever follows."""
    return _post(request, study, Channel.TREATMENT)


def _post(request: Request, study: str, channel: Channel) -> Answer:
    try:
        kind = request.content_type(*EVENT_TYPES, BATCH_TYPE)
        defined = wiring.store().study(study)
        context = wiring.intake_context(request.principal, channel)
        post = _post_batch if kind == BATCH_TYPE else _post_one
        return post(context, defined, request.body)
    except Rejected as rejected:
        if fields.is_identifier(study):
            intake.quarantine(wiring.store(), study, request.body, rejected, request.principal)
        raise


def _post_one(context: IntakeContext, study: Study, body: bytes) -> Answer:
    if len(body) > intake.EVENT_BYTES:
        raise intake.event_too_large()
    posted = PostedEvent(json_body.text_of(body), json_body.read_json(body))
    answer = intake.take(context, study, [posted])[0]
    _count_event(answer.status)
    if answer.problem is not None:
        return routing.json_answer(answer.problem, answer.status, routing.PROBLEM)
    return routing.json_answer(
        {"id": answer.id, "status": answer.status} | _warnings(answer), answer.status
    )


def _post_batch(context: IntakeContext, study: Study, body: bytes) -> Answer:
    if len(body) > BATCH_BYTES:
        raise Rejected(413, "Batch too large", f"the limit is {BATCH_BYTES} bytes")
    posted = [PostedEvent(text, value) for value, text in json_body.split_batch(body)]
    if len(posted) > BATCH_EVENTS:
        raise Rejected(413, "Batch too large", f"the limit is {BATCH_EVENTS} events")
    results = []
    for index, answer in enumerate(intake.take(context, study, posted)):
        _count_event(answer.status)
        result = {"index": index, "id": answer.id, "status": answer.status} | _warnings(answer)
        results.append(result | ({"problem": answer.problem} if answer.problem else {}))
    return routing.json_answer({"results": results})


def _warnings(answer: intake.Answer) -> dict[str, Any]:
    """Return the discrepancies that an event raised, if any."""
    return {"warnings": answer.warnings} if answer.warnings else {}


@routes("POST", "/studies/{study}/quarantine/redrive")
def post_redrive(request: Request, study: str) -> Answer:
    """Redrive quarantined bodies once their cause is resolved; each call takes so many of them."""
    from trial.commands import redrive  # noqa: PLC0415 (as above)

    store = wiring.store()
    defined, after = store.study(study), request.query.get("after", "")
    wiring.activities().note(study, request.principal, "redrive", request.path, request.reason)
    answer = redrive.redrive(
        wiring.intake_context(request.principal, Channel.QUEUE), defined, after, request.beat
    )
    for failure in answer["failed"]:
        logger.error("Redrive failed", study=study, **failure)
        metrics.add_metric("RequestsFailed", "Count", 1)
    return routing.json_answer(answer)


@routes("POST", "/studies/{study}/subjects/{subject}/erase")
def post_erase(request: Request, study: str, subject: str) -> Answer:
    """Erase a subject's free text and identifiers for good; counts and the journal's chain stay."""
    from trial.commands import erasure  # noqa: PLC0415 (as above)
    from trial.web import request_bodies  # noqa: PLC0415 (as above)

    store = wiring.store()
    defined = store.study(study)
    if not fields.is_identifier(subject):
        raise erasure.not_found(subject)
    reason = _because(request, "Subject not erased")
    entry = erasure.entry_of(
        defined, subject, reason, request_bodies.new_request_id(), wiring.now()
    )
    erased = erasure.erase(store, defined, entry, request.principal)
    wiring.submissions().erase(study, subject)
    status = "erased" if erased.first else "already erased"
    document = {"study": study, "subject": subject, "status": status}
    return routing.json_answer(document | {"quarantined": erased.quarantined})


@routes("POST", "/studies/{study}/subjects/{subject}/discrepancies/{discrepancy}")
def post_discrepancy_state(request: Request, study: str, subject: str, discrepancy: str) -> Answer:
    """Record that a discrepancy is answered or accepted, or open again, and why."""
    from trial.commands import clarification  # noqa: PLC0415 (who posts events needs no reports)
    from trial.web import request_bodies  # noqa: PLC0415 (as above)

    defined = wiring.store().study(study)
    body = request_bodies.parse_state(json_body.read_posted(request.body))
    change = clarification.change_state(
        wiring.store(),
        wiring.discrepancy_states(),
        defined,
        (subject, discrepancy),
        (body.state, request.principal, body.reason),
    )
    names = {"study": study, "subject": subject, "discrepancy": discrepancy}
    return routing.json_answer(names | change.document())


@routes("POST", "/studies/{study}/retire")
def post_retire(request: Request, study: str) -> Answer:
    """Retire a study: from now on it is read-only, for good."""
    wiring.store().study(study)
    reason = _because(request, "Study not retired")
    retired = wiring.store().retire(study, request.principal, reason)
    return routing.json_answer({"study": study, "status": "retired", **vars(retired)})


@routes("DELETE", "/studies/{study}")
def delete_study(request: Request, study: str) -> Answer:
    """Delete a retired study once its retention is over; Audit does it, step by step."""
    wiring.store().study(study)
    reason = _because(request, "Study not deleted")
    wiring.store().remove(study, request.principal, reason)
    return routing.json_answer({"study": study, "status": "being deleted"}, 202)


def _because(request: Request, title: str) -> str:
    from trial.web import request_bodies  # noqa: PLC0415 (as above)

    return request_bodies.parse_reason(json_body.read_posted(request.body), title)


@routes("POST", "/studies/{study}/reports")
def post_report(request: Request, study: str) -> Answer:
    """Request a report of the study; Publish makes its documents."""
    from trial.web import request_bodies  # noqa: PLC0415 (as above)

    testing = wiring.store().study(study).definition.testing
    body = json_body.read_posted(request.body) if request.body.strip() else {}
    report = request_bodies.parse_report_request(body, request.principal, wiring.now(), testing)
    reports = wiring.reports()
    earlier = reports.same_look_or_final(study, report) if report.final or report.look else []
    reports.request(study, report)
    location = f"/studies/{study}/reports/{report.id}"
    earlier_reports = {"earlier_reports": earlier} if earlier else {}
    return routing.accepted_answer(
        {"report": report.id, "status": report.status, **earlier_reports}, location
    )


@routes("POST", "/studies/{study}/audit")
def post_audit(request: Request, study: str) -> Answer:
    """Request an audit: the sums are compared with the records, and every chain is verified."""
    from trial.web import request_bodies  # noqa: PLC0415 (as above)

    wiring.store().study(study)
    audit_id, moment = request_bodies.new_request_id(), second_text(wiring.now())
    wiring.reports().request_audit(study, audit_id, request.principal, moment)
    return routing.accepted_answer(
        {"audit": audit_id, "status": "requested"}, f"/studies/{study}/audit"
    )


def _count_event(status: int) -> None:
    metrics.add_metric(intake.METRICS.get(status, "EventsRejected"), "Count", 1)


def serve(request: Request) -> Answer:
    """Answer a request by its route."""
    if request.method != "GET":
        return routes.answer(request)
    from trial.web import pagination, queries  # noqa: PLC0415 (as above)

    return routing.conditional(request, pagination.check_size(queries.serve(request)))


def parse_request(event: dict[str, Any], context: LambdaContext) -> Request:
    """Parse a request: of the API, whom IAM let through, or of the room's, who brings a token."""
    beat = wiring.beat(context)
    if not _is_by_token(event):
        return routing.parse_request(event, beat)
    from trial.web import by_token  # noqa: PLC0415 (what verifies tokens loads slowly)

    return by_token.parse_request(event, beat, routes)


def _is_by_token(event: dict[str, Any]) -> bool:
    """Return whether an event comes from the room's HTTP API: IAM verified nobody."""
    return "httpMethod" not in event


def _event_of(answer: Answer, event: dict[str, Any]) -> dict[str, Any]:
    if not _is_by_token(event):
        return answer.event()
    from trial.web import by_token  # noqa: PLC0415 (as above)

    return by_token.event_of(answer)


def internal_error(error: Exception) -> Answer:
    """Answer an error of ours; its text stays out of the log: it may quote a patient's data."""
    logger.error("Request failed", error=type(error).__name__, place=error_location(error))
    metrics.add_metric("RequestsFailed", "Count", 1)
    return routing.problem_answer(
        Rejected(500, "The service failed", "No partial write was made; retry the request.")
    )


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Serve one request of API Gateway."""
    metrics.add_metric("Requests", "Count", 1)
    try:
        answer = serve(parse_request(event, context))
    except (Rejected, Unavailable) as error:
        answer = routing.problem_answer(error)
    except Exception as error:  # noqa: BLE001 (whatever it is, its text must not be logged)
        answer = internal_error(error)
    return _event_of(answer, event)


def prepare() -> None:
    """Make the clients and all that only some requests need; nothing is asked of AWS."""
    for name in LATER_MODULES:
        import_module(name)
    wiring.finish_classes()
    wiring.make_clients()


wiring.prepare_snapshot(prepare)
