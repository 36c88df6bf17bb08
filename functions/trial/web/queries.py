"""The queries of the API: a study's results, its documents, and how they came about.

Imported by the first request that reads: a Lambda that only records events needs no renderer.
"""

import json
from operator import itemgetter
from typing import Any

import wiring
from trial.definition.study import Study
from trial.errors import Rejected
from trial.events import fields
from trial.events.blinding import HIDDEN, OPEN, is_unblinding
from trial.events.payloads import KINDS
from trial.render import consort, tables_json
from trial.reporting import comparison, discrepancies, report
from trial.reporting.narratives import narratives_document
from trial.reporting.profile import profile
from trial.statistics.cells import Share
from trial.store.bucket.documents import COLUMNS, STATE
from trial.store.bucket.object_keys import AUDIT
from trial.store.rows import JournalRow
from trial.subject.fold import Subject
from trial.tables.file_names import AUDIT_REPORT
from trial.web import (
    activity,  # noqa: F401 (its routes)
    contract,
    files,
    pagination,
    quarantine,
    routing,
    tracing,  # noqa: F401 (its routes)
    work,  # noqa: F401 (its routes)
)
from trial.web.read_routes import SEE_OTHER, read_route, routes
from trial.web.routing import Answer, Request


def serve(request: Request) -> Answer:
    """Answer a request that reads, by its route."""
    return routes.answer(request)


@routes("GET", "/openapi.json")
def get_openapi(_request: Request) -> Answer:
    """Get this API's contract, an OpenAPI document."""
    return routing.text_answer(contract.openapi(), routing.JSON)


@routes("GET", "/schemas/{schema}")
def get_schema(_request: Request, schema: str) -> Answer:
    """Get the JSON Schema of one kind of event."""
    return routing.text_answer(contract.schema(schema), routing.SCHEMA)


@routes("GET", "/studies/{study}/definition")
def get_definition(_request: Request, study: str) -> Answer:
    """Get the definition in force, and whether another is being backfilled."""
    wiring.store().study(study)
    wiring.store().invalidate(study)
    in_force, current = wiring.store().study(study), wiring.store().current(study)
    backfilling, epoch = (current.backfilling, current.epoch) if current else ("", 0)
    state = {
        "study": study,
        "in_force": in_force.digest,
        "backfilling": backfilling or None,
        "epoch": epoch,
        "retired": vars(current.retired) if current and current.retired else None,
        "treatment_kinds": list(filter(is_unblinding, KINDS))
        if in_force.definition.blinded
        else [],
    }
    # The definition as its sponsor wrote it: read and written again, 1.50 would become 1.5.
    _, posted = wiring.store().source(study, in_force.digest)
    body = (
        f'{json.dumps(state)[:-1]}, "definition": {in_force.source}, "posted": {posted or "null"}}}'
    )
    return routing.text_answer(body, routing.JSON)


@read_route("summary")
def get_summary(_request: Request, view: Study) -> Answer:
    """Get the key results as they are now, and how many revisions they count."""
    disputed = {"disputed": _count_disputed(view)}
    quarantined = wiring.store().count_quarantined(view.id)

    def read(sums: Share) -> dict[str, Any]:
        document = tables_json.summary(
            report.live_cut(view, sums),
            report.summary(view, sums),
            report.discrepancies(view, sums, disputed),
            report.flow(view, sums).discrepancies,
        )
        counts = {"accepted": report.accepted_revisions(sums), "quarantined": quarantined}
        return {**counts, **document}

    return routing.json_answer(wiring.store().read_sums(view, read))


def _count_disputed(view: Study) -> int:
    """Count the revisions in dispute; only their subjects are read."""
    store = wiring.store()
    disputes = list(store.disputes(view))
    rows = [store.subject(view, name) for name in {dispute.subject for dispute in disputes}]
    subjects = [row.subject for row in rows if row is not None]
    return sum(map(len, report.open_disputes_of(subjects, disputes).values()))


@read_route("consort")
def get_consort(request: Request, view: Study) -> Answer:
    """Get the participant flow as it is now, as data or as an SVG diagram."""
    accept = request.headers.get("accept", "*/*")
    flow, cut = wiring.store().read_sums(
        view, lambda sums: (report.flow(view, sums), report.live_cut(view, sums))
    )
    if "image/svg+xml" in accept:
        return routing.text_answer(consort.flow_svg(flow, cut), "image/svg+xml")
    if not any(media_type in accept for media_type in ("application/json", "application/*", "*/*")):
        raise Rejected(
            406, "Not acceptable", "`Accept` must allow application/json or image/svg+xml"
        )
    return routing.json_answer(consort.flow_json(flow, cut))


@read_route("tables")
def get_tables(_request: Request, view: Study) -> Answer:
    """Get every table as it is now."""
    sums = wiring.store().sums(view)
    return routing.json_answer(
        tables_json.tables(report.live_cut(view, sums), report.tables(view, sums))
    )


@read_route("tables/{table}")
def get_table(_request: Request, view: Study, table: str) -> Answer:
    """Get one table as it is now."""
    cut, grids = wiring.store().read_sums(
        view, lambda sums: (report.live_cut(view, sums), report.tables(view, sums, {table}))
    )
    if not grids:
        raise Rejected(404, "Table not found", f"the definition has no table {table!r}")
    return routing.json_answer(tables_json.tables(cut, grids))


@read_route("quarantine")
def get_quarantine(request: Request, view: Study) -> Answer:
    """List rejected bodies, the earliest first, with the problem, the sender and the body."""
    return quarantine.list_rejected_bodies(wiring.store(), request, view.id, masked=view.pooled)


@routes("GET", "/quarantine")
def get_quarantine_of_no_study(request: Request) -> Answer:
    """List rejected bodies that name no study, or one (`?study=`) that has no definition."""
    return quarantine.list_undefined(wiring.store(), request)


@read_route("discrepancies")
def get_discrepancies(request: Request, view: Study) -> Answer:
    """List discrepancies with their states: all, or those of a rule, a state, a site and so on."""
    query = discrepancies.parse_query(request.query)
    document, last = discrepancies.list_page(
        wiring.store(), wiring.discrepancy_states(), view, query
    )
    next_call = last and pagination.next_call(request, after=last[0], skip=last[1])
    return routing.json_answer(document | {"next": next_call})


@read_route("subjects/{subject}/history")
def get_history(request: Request, view: Study, subject: str) -> Answer:
    """Get a subject's events as recorded: who, when, why, and the chain that proves it.

    All of them, or those of a `kind` and a `record`, or of several records (`records`: each as
    `kind/record`, with commas between); `after` a version where more follow.
    """
    store, after = wiring.store(), pagination.parse_number(request, "after")
    stored = store.subject(view, subject) if fields.is_identifier(subject) else None
    chain = store.chain(view.id, subject) if stored else None
    if stored is None or chain is None:
        raise Rejected(404, "Subject not found", f"the study has no events of {subject!r}")
    sort_keys = (
        sort_key
        for version, sort_key in chain.sort_keys
        if version > after and _is_of(request, sort_key)
    )
    rows = store.journal_rows(view.id, subject, stored.cipher_key, sort_keys)
    page = pagination.fill_page(
        rows, JournalRow.blinded_document if view.pooled else JournalRow.received_document
    )
    return routing.json_answer({
        "study": view.id,
        "subject": subject,
        "version": chain.sort_keys[-1][0],
        "head": HIDDEN if view.pooled else chain.head.hex(),
        "intact": chain.intact,
        "events": page.rows,
        "next": page.last and pagination.next_call(request, after=page.last.version),
    })  # fmt: skip


@read_route("subjects/{subject}/profile")
def get_profile(_request: Request, view: Study, subject: str) -> Answer:
    """Get a subject on one time axis: dates, visits, doses, adverse events, medications, results.

    While the study is blinded, what tells the arm is left out.
    """
    return routing.json_answer(profile(view, _subject(view, subject)).document())


@read_route("subjects/{subject}/narratives")
def get_narratives(_request: Request, view: Study, subject: str) -> Answer:
    """Get a subject's narratives, written by the definition's templates from the records as of now.

    While the study is blinded, what tells the arm is left out.
    """
    return routing.json_answer(narratives_document(view, _subject(view, subject)))


def _subject(view: Study, name: str) -> Subject:
    """Read a subject; raises `Rejected` (404)."""
    stored = wiring.store().subject(view, name) if fields.is_identifier(name) else None
    if stored is None:
        raise Rejected(404, "Subject not found", f"the study has no events of {name!r}")
    return stored.subject


def _is_of(request: Request, sort_key: str) -> bool:
    """Return whether a row of a journal is of the kind, record or records in the query."""
    filters = request.query.get("kind", ""), request.query.get("record", "")
    kind, record, *_ = sort_key.split("#")
    several = request.query.get("records", "")
    return all(
        value in ("", part) for value, part in zip(filters, (kind, record), strict=True)
    ) and (not several or f"{kind}/{record}" in several.split(","))


@routes("GET", "/studies/{study}/audit")
def get_audit(request: Request, study: str) -> Answer:
    """Get the report of the last audit."""
    wiring.store().study(study)
    audit = json.loads(wiring.documents().read(study, OPEN, AUDIT, AUDIT_REPORT))
    after = pagination.parse_number(request, "after")
    remaining = list(enumerate(audit["differences"], start=1))[after:]
    page = pagination.fill_page(remaining, itemgetter(1))
    next_call = page.last and pagination.next_call(request, after=page.last[0])
    return routing.json_answer({**audit, "differences": page.rows, "next": next_call})


@routes("GET", "/studies/{study}/reports")
def get_reports(request: Request, study: str) -> Answer:
    """List the requested reports, the newest first, and what is published now."""
    defined = wiring.store().study(study)
    latest = wiring.documents().latest(study, OPEN).document
    marked = wiring.reports().last_rendering(study)
    if marked and defined.definition.blinded:  # a treatment event's second content marks it too
        marked |= dict.fromkeys(("at", "behind_since"), HIDDEN)
    requests = sorted(
        wiring.reports().all(study), key=lambda report_request: report_request.order, reverse=True
    )
    names = [report_request.id for report_request in requests]
    if after := request.query.get("after"):
        requests = requests[names.index(after) + 1 :] if after in names else []
    page = pagination.fill_page(requests, lambda report_request: report_request.document(study))
    return routing.json_answer({
        "study": study,
        "live": latest and {name: latest[name] for name in latest if name not in (STATE, COLUMNS)},
        "last_rendering": marked,
        "reports": page.rows,
        "next": page.last and pagination.next_call(request, after=page.last.id),
    })  # fmt: skip


@routes("GET", "/studies/{study}/reports/{cut}")
def get_report(_request: Request, study: str, cut: str) -> Answer:
    """Get a requested report: its status and, once it is ready, its files."""
    wiring.store().study(study)
    return routing.json_answer(wiring.reports().get(study, cut).document(study))


@read_route("reports/{cut}/{file}")
def get_file(_request: Request, view: Study, cut: str, file: str) -> Answer:
    """Get a link to a document: of `live`, of a cut, or of a requested report."""
    return _redirect(files.link(view, cut, file))


@read_route("reports/{cut}/datasets/{file}")
def get_dataset(_request: Request, view: Study, cut: str, file: str) -> Answer:
    """Get a link to the data set of a listing."""
    return _redirect(files.link(view, cut, f"datasets/{file}"))


def _redirect(link: str) -> Answer:
    return Answer(SEE_OTHER, {"Location": link, "Cache-Control": "no-store"})


@read_route("reports/{cut}/changes-since/{base}")
def get_changes(request: Request, view: Study, cut: str, base: str) -> Answer:
    """Compare two cuts: which key results and cells differ, and whose records changed them."""
    store, documents, reports = wiring.store(), wiring.documents(), wiring.reports()
    after = request.query.get("after", "")
    document = comparison.compare(store, documents, reports, view, (cut, base), after)
    document["next"] = document["next"] and f"{request.path}?after={document['next']}"
    return routing.json_answer(document)
