"""The API: record events and answer with what they amount to."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

import wiring
from trial.commands import erasure, intake, redrive
from trial.commands.intake import Posted
from trial.commands.intake_context import Channel, IntakeContext
from trial.definition.study import Study
from trial.errors import Rejected, Unavailable, error_location
from trial.events import fields, json_body
from trial.store.definitions import PutStatus
from trial.web import request_bodies, routing
from trial.web.routing import Answer, Request, Routes

logger, metrics = Logger(), Metrics()
routes = Routes()

EVENT_TYPES = ("application/cloudevents+json", "application/json")
BATCH_TYPE = "application/cloudevents-batch+json"
BATCH_EVENTS, BATCH_BYTES = 100, 1_000_000


@routes("PUT", "/studies/{study}/definition")
def put_definition(request: Request, study: str) -> Answer:
    """Register a study's definition."""
    # Whoever only posts events needs no renderers.
    from trial.commands import admission  # noqa: PLC0415

    request.content_type(routing.JSON)
    admitted = admission.admit(request.body)
    if admitted.id != study:
        detail = f"`study` must equal the study in the URL, {study}; it is {admitted.id}"
        raise Rejected(422, "Definition not accepted", detail)
    status = wiring.store().put_definition(
        admitted, request.body, request.principal, request.reason
    )
    return _definition_answer(admitted, status)


@routes("PUT", "/studies/{study}/senders")
def put_senders(request: Request, study: str) -> Answer:
    """Say who may post which kinds of event, of which sites."""
    wiring.store().study(study)
    request.content_type(routing.JSON)
    senders, reason = request_bodies.senders(json_body.read_json(request.body))
    listed = wiring.senders().put_list(study, senders, request.principal, reason)
    return routing.document({"study": study} | listed.document())


@routes("POST", "/studies/{study}/unblind")
def post_unblind(request: Request, study: str) -> Answer:
    """Open a blinded study: amend its definition so that it is not blinded any more."""
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
    if odd := checking.study_warnings(admitted):
        document["warnings"] = [each.document() for each in odd]
    return routing.document(document, _STATUS_CODES.get(status, 200))


_STATUS_CODES = {"created": 201, "filling": 202}


@routes("POST", "/studies/{study}/events")
def post_events(request: Request, study: str) -> Answer:
    """Record one event, or a batch; 201 means recorded and counted."""
    return _post(request, study, Channel.EVENTS)


@routes("POST", "/studies/{study}/treatment-events")
def post_treatment_events(request: Request, study: str) -> Answer:
    """Take events that tell the arm; 202 means that they arrived, whatever they are."""
    return _post(request, study, Channel.TREATMENT)


def _post(request: Request, study: str, channel: Channel) -> Answer:
    try:
        kind = request.content_type(*EVENT_TYPES, BATCH_TYPE)
        found = wiring.store().study(study)
        context = wiring.intake_context(request.principal, channel)
        post = _post_batch if kind == BATCH_TYPE else _post_one
        return post(context, found, request.body)
    except Rejected as rejected:
        if fields.is_identifier(study):
            intake.refuse(wiring.store(), study, request.body, rejected, request.principal)
        raise


def _post_one(context: IntakeContext, found: Study, body: bytes) -> Answer:
    if len(body) > intake.EVENT_BYTES:
        raise intake.too_large()
    posted = Posted(json_body.text_of(body), json_body.read_json(body))
    answer = intake.take(context, found, [posted])[0]
    _count(answer.status)
    if answer.problem is not None:
        return routing.document(answer.problem, answer.status, routing.PROBLEM)
    return routing.document(
        {"id": answer.id, "status": answer.status} | _warnings(answer), answer.status
    )


def _post_batch(context: IntakeContext, found: Study, body: bytes) -> Answer:
    if len(body) > BATCH_BYTES:
        raise Rejected(413, "Batch too large", f"at most {BATCH_BYTES} bytes")
    posted = [Posted(text, value) for value, text in json_body.split_batch(body)]
    if len(posted) > BATCH_EVENTS:
        raise Rejected(413, "Batch too large", f"at most {BATCH_EVENTS} events")
    results = []
    for index, answer in enumerate(intake.take(context, found, posted)):
        _count(answer.status)
        result = {"index": index, "id": answer.id, "status": answer.status} | _warnings(answer)
        results.append(result | ({"problem": answer.problem} if answer.problem else {}))
    return routing.document({"results": results})


def _warnings(answer: intake.Answer) -> dict[str, Any]:
    """Give the discrepancies that an event raised, if any."""
    return {"warnings": answer.warnings} if answer.warnings else {}


@routes("POST", "/studies/{study}/quarantine/redrive")
def post_redrive(request: Request, study: str) -> Answer:
    """Take once more what is quarantined, after its cause was mended: so many bodies a call."""
    store = wiring.store()
    found, after = store.study(study), request.query.get("after", "")
    wiring.activities().note(study, request.principal, "redrive", request.path, request.reason)
    answer = redrive.redrive(
        wiring.intake_context(request.principal, Channel.QUEUE), found, after, request.beat
    )
    for each in answer["failed"]:
        logger.error("Body not tried again", study=study, **each)
        metrics.add_metric("RequestsFailed", "Count", 1)
    return routing.document(answer)


@routes("POST", "/studies/{study}/subjects/{subject}/erase")
def post_erase(request: Request, study: str, subject: str) -> Answer:
    """Erase a subject's free text and identifiers for ever; counts and the chain stay."""
    store = wiring.store()
    found = store.study(study)
    if not fields.is_identifier(subject):
        raise Rejected(404, "No such subject")
    reason = _because(request, "Subject not erased")
    entry = erasure.entry_of(found, subject, reason, request_bodies.identifier(), wiring.now())
    erased = erasure.erase(store, found, entry, request.principal)
    wiring.submissions().erase(study, subject)
    status = "erased" if erased.first else "erased before"
    document = {"study": study, "subject": subject, "status": status}
    return routing.document(document | {"quarantined": erased.quarantined})


@routes("POST", "/studies/{study}/retire")
def post_retire(request: Request, study: str) -> Answer:
    """Let a study only be read from now on; there is no way back."""
    wiring.store().study(study)
    reason = _because(request, "Study not retired")
    retired = wiring.store().retire(study, request.principal, reason)
    return routing.document({"study": study, "status": "retired", **vars(retired)})


@routes("DELETE", "/studies/{study}")
def delete_study(request: Request, study: str) -> Answer:
    """Delete a retired study once its retention is over; Audit does it, step by step."""
    wiring.store().study(study)
    reason = _because(request, "Study not removed")
    wiring.store().remove(study, request.principal, reason)
    return routing.document({"study": study, "status": "being removed"}, 202)


def _because(request: Request, title: str) -> str:
    return request_bodies.because(json_body.read_posted(request.body), title)


@routes("POST", "/studies/{study}/reports")
def post_report(request: Request, study: str) -> Answer:
    """Ask for a report of the study as it is now; Publish makes its documents."""
    testing = wiring.store().study(study).definition.testing
    given = json_body.read_posted(request.body) if request.body.strip() else {}
    asked = request_bodies.read(given, request.principal, wiring.now(), testing)
    before = wiring.reports().same_look_or_final(study, asked) if asked.final or asked.look else []
    wiring.reports().request(study, asked)
    place = f"/studies/{study}/reports/{asked.id}"
    said = {"asked_before": before} if before else {}
    return routing.accepted({"report": asked.id, "status": asked.status, **said}, place)


@routes("POST", "/studies/{study}/audit")
def post_audit(request: Request, study: str) -> Answer:
    """Ask for an audit: sums against records, and every chain."""
    wiring.store().study(study)
    name, at = request_bodies.identifier(), wiring.now().isoformat(timespec="seconds")
    wiring.reports().request_audit(study, name, request.principal, at)
    return routing.accepted({"audit": name, "status": "asked"}, f"/studies/{study}/audit")


def _count(status: int) -> None:
    metrics.add_metric(intake.METRICS.get(status, "EventsRejected"), "Count", 1)


def serve(request: Request) -> Answer:
    """Answer a request by its route."""
    if request.method != "GET":
        return routes.answer(request)
    from trial.web import pagination, queries  # noqa: PLC0415 (as above)

    return pagination.bounded(queries.serve(request))


def failed(error: Exception) -> Answer:
    """Answer an error of ours; its text stays out of the log: it may quote a patient's data."""
    logger.error("Request failed", error=type(error).__name__, place=error_location(error))
    metrics.add_metric("RequestsFailed", "Count", 1)
    return routing.problem(
        Rejected(500, "The service failed", "nothing was recorded by halves; send it again")
    )


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Serve one request of API Gateway."""
    metrics.add_metric("Requests", "Count", 1)
    try:
        answer = serve(routing.read(event, wiring.beat(context)))
    except (Rejected, Unavailable) as error:
        answer = routing.problem(error)
    except Exception as error:  # noqa: BLE001 (whatever it is, its text must not be logged)
        answer = failed(error)
    return answer.event()
