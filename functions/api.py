"""The API: record events and answer with what they amount to."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from trial import asking, intake, messages, report, study, wiring
from trial.cells import Share
from trial.errors import Rejected, Unavailable, place_of
from trial.intake import Posted
from trial.render import consort, tables_json
from trial.store.documents import AUDIT, HEADS, LIVE, REPORT, TRAIL
from trial.store.rows import verify
from trial.study import Study

logger, metrics = Logger(), Metrics()
app = APIGatewayRestResolver()

EVENT_TYPES = ("application/cloudevents+json", "application/json")
BATCH_TYPE = "application/cloudevents-batch+json"
PROBLEM_TYPE = "application/problem+json"
BATCH_EVENTS, BATCH_BYTES = 100, 1_000_000


@app.put("/studies/<name>/definition")
def put_definition(name: str) -> Response[str]:
    """Register a study's definition."""
    _content_type("application/json")
    body = _body()
    defined = study.load(body)
    if defined.id != name:
        detail = "the definition's study is not the one it is put to"
        raise Rejected(422, "Definition not accepted", detail)
    report.check(defined)
    made = wiring.store().put_definition(defined, body)
    document = {"study": defined.id, "definition": defined.digest, "status": made}
    return _json(document, _PUT.get(made, 200))


_PUT = {"created": 201, "filling": 202}


@app.get("/studies/<name>/definition")
def get_definition(name: str) -> Response[str]:
    """Give the definition in force, as data, and say whether another is being filled."""
    _study(name)
    wiring.store().look_again(name)
    found, current = _study(name), wiring.store().current(name)
    filling, epoch = (current.filling, current.epoch) if current else ("", 0)
    standing = {"study": name, "in_force": found.digest, "filling": filling or None, "epoch": epoch}
    # The definition as its sponsor wrote it: read and written again, 1.50 would become 1.5.
    body = f'{json.dumps(standing)[:-1]}, "definition": {found.source}}}'
    return _answer(body, "application/json")


@app.post("/studies/<name>/events")
def post_events(name: str) -> Response[str]:
    """Record one event, or a batch; 201 means recorded and counted."""
    body = _body()
    try:
        kind = _content_type(*EVENT_TYPES, BATCH_TYPE)
        found = _study(name)
        return _post_batch(found, body) if kind == BATCH_TYPE else _post_one(found, body)
    except Rejected as rejected:
        if messages.is_identifier(name):
            intake.refuse(wiring.store(), name, body, rejected, _principal())
        raise


def _post_one(found: Study, body: bytes) -> Response[str]:
    if len(body) > intake.EVENT_BYTES:
        raise intake.too_large()
    posted = Posted(body.decode(errors="surrogateescape"), messages.read_json(body))
    answer = intake.take(wiring.store(), found, [posted], _principal())[0]
    _count(answer.status)
    if answer.problem is not None:
        return _json(answer.problem, answer.status, PROBLEM_TYPE)
    return _json({"id": answer.id, "status": answer.status}, answer.status)


def _post_batch(found: Study, body: bytes) -> Response[str]:
    if len(body) > BATCH_BYTES:
        raise Rejected(413, "Batch too large", f"at most {BATCH_BYTES} bytes")
    posted = [Posted(text, value) for value, text in messages.split_batch(body)]
    if len(posted) > BATCH_EVENTS:
        raise Rejected(413, "Batch too large", f"at most {BATCH_EVENTS} events")
    answers = intake.take(wiring.store(), found, posted, _principal())
    results = []
    for index, answer in enumerate(answers):
        _count(answer.status)
        result = {"index": index, "id": answer.id, "status": answer.status}
        results.append(result | ({"problem": answer.problem} if answer.problem else {}))
    return _json({"results": results})


@app.get("/studies/<name>/summary")
def get_summary(name: str) -> Response[str]:
    """Give the figures as they are now, and how many revisions they count."""
    found, sums = _sums(name)
    findings = report.found(found, sums, _disputed(found))
    document = tables_json.summary(report.live(found, sums), report.summary(found, sums), findings)
    counts = {"accepted": report.accepted(sums), "set_aside": wiring.store().count_asides(name)}
    return _json({**counts, **document})


def _disputed(found: Study) -> int:
    """Count the revisions in dispute; only their subjects are read."""
    store = wiring.store()
    disputes = list(store.disputes(found.id))
    subjects = [store.subject(found, each) for each in {each.subject for each in disputes}]
    known = [each.subject for each in subjects if each is not None]
    return sum(map(len, report.unsettled(known, disputes).values()))


@app.get("/studies/<name>/consort")
def get_consort(name: str) -> Response[str]:
    """Give the participant flow as it is now, as data or as a picture."""
    wanted = app.current_event.headers.get("accept", "*/*")
    found, sums = _sums(name)
    flow, cut = report.flow(found, sums), report.live(found, sums)
    if "image/svg+xml" in wanted:
        return _answer(consort.flow_svg(flow, cut), "image/svg+xml")
    if not any(each in wanted for each in ("application/json", "application/*", "*/*")):
        raise Rejected(406, "Not acceptable", "ask for application/json or image/svg+xml")
    return _json(consort.flow_json(flow, cut))


@app.get("/studies/<name>/tables")
def get_tables(name: str) -> Response[str]:
    """Give every table as it is now."""
    found, sums = _sums(name)
    return _json(tables_json.tables(report.live(found, sums), report.tables(found, sums)))


@app.get("/studies/<name>/tables/<table>")
def get_table(name: str, table: str) -> Response[str]:
    """Give one table as it is now."""
    found, sums = _sums(name)
    grid = next((each for each in report.tables(found, sums) if each.id == table), None)
    if grid is None:
        raise Rejected(404, "No such table")
    return _json(tables_json.tables(report.live(found, sums), [grid]))


@app.get("/studies/<name>/set-aside")
def get_set_aside(name: str) -> Response[str]:
    """List what was refused, with the reason, the sender and the body."""
    _study(name)
    asides = sorted(wiring.store().asides(name), key=lambda each: (each.at, each.sha256))
    rows = [each.document() for each in asides]
    return _json({"study": name, "count": len(rows), "set_aside": rows})


@app.post("/studies/<name>/set-aside/redrive")
def post_redrive(name: str) -> Response[str]:
    """Take once more what was set aside, after its cause was mended."""
    return _json(intake.redrive(wiring.store(), _study(name)))


@app.get("/studies/<name>/subjects/<subject>/history")
def get_history(name: str, subject: str) -> Response[str]:
    """Give a subject's events as recorded: who, when, why, and the chain that proves it."""
    _study(name)
    rows = wiring.store().journal(name, subject) if messages.is_identifier(subject) else []
    if not rows:
        raise Rejected(404, "No such subject")
    head = rows[-1].hash
    return _json({
        "study": name,
        "subject": subject,
        "version": rows[-1].version,
        "head": head.hex(),
        "intact": verify(rows, head),
        "events": [row.document() for row in rows],
    })  # fmt: skip


@app.post("/studies/<name>/reports")
def post_report(name: str) -> Response[str]:
    """Ask for a report of the study as it is now; Publish makes its documents."""
    _study(name)
    body = _body()
    given = messages.read_json(body) if body.strip() else {}
    asked = asking.read(given, _principal(), wiring.now())
    wiring.reports().request(name, asked)
    place = f"/studies/{name}/reports/{asked.id}"
    response = _json({"report": asked.id, "status": asked.status, "location": place}, 202)
    response.headers["Location"] = place
    return response


@app.post("/studies/<name>/audit")
def post_audit(name: str) -> Response[str]:
    """Ask for an audit: sums against records, and every chain."""
    _study(name)
    request, at = asking.identifier(), wiring.now().isoformat(timespec="seconds")
    wiring.reports().request_audit(name, request, _principal(), at)
    place = f"/studies/{name}/audit"
    response = _json({"audit": request, "status": "asked", "location": place}, 202)
    response.headers["Location"] = place
    return response


@app.get("/studies/<name>/audit")
def get_audit(name: str) -> Response[str]:
    """Give the report of the last audit."""
    _study(name)
    found = wiring.documents().read(name, report.AUDIENCE, AUDIT, REPORT)
    return _answer(found.decode(), "application/json")


@app.get("/studies/<name>/reports")
def get_reports(name: str) -> Response[str]:
    """List the reports asked for, and what is published now."""
    _study(name)
    latest, _ = wiring.documents().latest(name, report.AUDIENCE)
    asked = sorted(wiring.reports().all(name), key=lambda each: (each.requested_at, each.id))
    return _json({
        "study": name,
        "live": latest,
        "last_rendering": wiring.reports().marked(name),
        "reports": [vars(each) for each in asked],
    })  # fmt: skip


@app.get("/studies/<name>/reports/<cut>")
def get_report(name: str, cut: str) -> Response[str]:
    """Say whether a report that was asked for is ready."""
    _study(name)
    return _json(vars(wiring.reports().get(name, cut)))


@app.get("/studies/<name>/reports/<cut>/<file>")
def get_file(name: str, cut: str, file: str) -> Response[str]:
    """Lead to a document: of `live`, of a cut, or of a report that was asked for."""
    _study(name)
    found = cut if cut == LIVE else _cut_of(name, cut)
    if file in (HEADS, TRAIL):
        place = f"{AUDIT}/{found}"
    else:
        place = LIVE if cut == LIVE else f"cuts/{found}"
    link = wiring.documents().link(name, report.AUDIENCE, place, file)
    return Response(303, body="", headers={"Location": link, "Cache-Control": "no-store"})


def _cut_of(name: str, cut: str) -> str:
    """Take a request's id for the cut it became."""
    try:
        asked = wiring.reports().get(name, cut)
    except Rejected:
        return cut
    if not asked.cut:
        raise Rejected(404, "No such document", "the report is not ready yet; ask again")
    return asked.cut


def _study(name: str) -> Study:
    if not messages.is_identifier(name):
        raise Rejected(404, "No such study")
    return wiring.store().study(name)


def _sums(name: str) -> tuple[Study, Share]:
    found = _study(name)
    return found, wiring.store().sums(found)


def _body() -> bytes:
    event = app.current_event
    body = event.body or ""
    return base64.b64decode(body) if event.is_base64_encoded else body.encode()


def _content_type(*accepted: str) -> str:
    given = app.current_event.headers.get("content-type", "").split(";")[0].strip().lower()
    if given not in accepted:
        raise Rejected(415, "Unsupported media type", f"expected {', '.join(accepted)}")
    return given


def _principal() -> str:
    """Name the authenticated caller, as API Gateway found it."""
    identity = app.current_event.request_context.identity
    return identity.user_arn or identity.caller or "unknown"


def _count(status: int) -> None:
    metrics.add_metric(intake.METRICS.get(status, "EventsRefused"), "Count", 1)


def _json(
    document: Mapping[str, Any], status: int = 200, media_type: str = "application/json"
) -> Response[str]:
    return _answer(json.dumps(document, ensure_ascii=False), media_type, status)


def _answer(body: str, media_type: str, status: int = 200) -> Response[str]:
    return Response(status, content_type=media_type, body=body)


@app.exception_handler([Rejected, Unavailable])  # type: ignore[untyped-decorator]
def refused(error: Rejected | Unavailable) -> Response[str]:
    """Answer a failure with its problem document (RFC 9457)."""
    status = error.status if isinstance(error, Rejected) else error.STATUS
    return _json(error.problem(), status, PROBLEM_TYPE)


@app.exception_handler(Exception)  # type: ignore[untyped-decorator]
def failed(error: Exception) -> Response[str]:
    """Answer an error of ours; its text stays out of the log: it may quote a patient's data."""
    logger.error("Request failed", error=type(error).__name__, place=place_of(error))
    metrics.add_metric("RequestsFailed", "Count", 1)
    problem = Rejected(500, "The service failed", "nothing was recorded by halves; send it again")
    return _json(problem.problem(), 500, PROBLEM_TYPE)


@app.not_found
def not_found(_error: Exception) -> Response[str]:
    """Answer an address that is none."""
    return _json(Rejected(404, "No such address").problem(), 404, PROBLEM_TYPE)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Serve one request of API Gateway."""
    metrics.add_metric("Requests", "Count", 1)
    return app.resolve(event, context)
