"""What the API shows: a study's key results and documents, and how they came about.

Loaded by the first request that reads: whoever only posts needs none of the renderers.
"""

import json
from operator import itemgetter

import wiring
from trial.definition.study import Study
from trial.errors import Rejected
from trial.events import fields
from trial.events.blinding import HIDDEN, OPEN, UNBLINDED, is_unblinding
from trial.events.payloads import KINDS
from trial.render import consort, tables_json
from trial.reporting import comparison, discrepancies, report
from trial.store.bucket import object_keys
from trial.store.bucket.object_keys import AUDIT, CHANGES, CHANGES_SIGNATURE, LIVE, REPORT, UNLISTED
from trial.store.rows import JournalRow
from trial.web import (
    activity,  # noqa: F401 (its routes)
    contract,
    pagination,
    quarantine,
    routing,
)
from trial.web.read_routes import LED_TO, routes, shown
from trial.web.routing import Answer, Request


def serve(request: Request) -> Answer:
    """Answer a request that only reads, by its route."""
    return routes.answer(request)


@routes("GET", "/openapi.json")
def get_openapi(_request: Request) -> Answer:
    """Give the contract of this API, as an OpenAPI document."""
    return routing.text(contract.openapi(), routing.JSON)


@routes("GET", "/schemas/{schema}")
def get_schema(_request: Request, schema: str) -> Answer:
    """Give the JSON Schema of one kind of event."""
    return routing.text(contract.schema(schema), routing.SCHEMA)


@routes("GET", "/studies/{study}/definition")
def get_definition(_request: Request, study: str) -> Answer:
    """Give the definition in force, as data, and say whether another is being filled."""
    wiring.store().study(study)
    wiring.store().invalidate(study)
    found, current = wiring.store().study(study), wiring.store().current(study)
    filling, epoch = (current.filling, current.epoch) if current else ("", 0)
    standing = {
        "study": study,
        "in_force": found.digest,
        "filling": filling or None,
        "epoch": epoch,
        "retired": vars(current.retired) if current and current.retired else None,
        "treatment_kinds": list(filter(is_unblinding, KINDS)) if found.definition.blinded else [],
    }
    # The definition as its sponsor wrote it: read and written again, 1.50 would become 1.5.
    body = f'{json.dumps(standing)[:-1]}, "definition": {found.source}}}'
    return routing.text(body, routing.JSON)


@shown("summary")
def get_summary(_request: Request, seen: Study) -> Answer:
    """Give the key results as they are now, and how many revisions they count."""
    sums = wiring.store().sums(seen)
    found = report.discrepancies(seen, sums, {"disputed": _disputed(seen)})
    document = tables_json.summary(
        report.live(seen, sums),
        report.summary(seen, sums),
        found,
        report.flow(seen, sums).discrepancies,
    )
    counts = {
        "accepted": report.accepted(sums),
        "quarantined": wiring.store().count_quarantined(seen.id),
    }
    return routing.document({**counts, **document})


def _disputed(found: Study) -> int:
    """Count the revisions in dispute; only their subjects are read."""
    store = wiring.store()
    disputes = list(store.disputes(found))
    subjects = [store.subject(found, each) for each in {each.subject for each in disputes}]
    present = [each.subject for each in subjects if each is not None]
    return sum(map(len, report.open_disputes_of(present, disputes).values()))


@shown("consort")
def get_consort(request: Request, seen: Study) -> Answer:
    """Give the participant flow as it is now, as data or as a picture."""
    wanted = request.headers.get("accept", "*/*")
    sums = wiring.store().sums(seen)
    flow, cut = report.flow(seen, sums), report.live(seen, sums)
    if "image/svg+xml" in wanted:
        return routing.text(consort.flow_svg(flow, cut), "image/svg+xml")
    if not any(each in wanted for each in ("application/json", "application/*", "*/*")):
        raise Rejected(406, "Not acceptable", "ask for application/json or image/svg+xml")
    return routing.document(consort.flow_json(flow, cut))


@shown("tables")
def get_tables(_request: Request, seen: Study) -> Answer:
    """Give every table as it is now."""
    sums = wiring.store().sums(seen)
    return routing.document(tables_json.tables(report.live(seen, sums), report.tables(seen, sums)))


@shown("tables/{table}")
def get_table(_request: Request, seen: Study, table: str) -> Answer:
    """Give one table as it is now."""
    sums = wiring.store().sums(seen)
    found = report.tables(seen, sums, {table})
    if not found:
        raise Rejected(404, "No such table")
    return routing.document(tables_json.tables(report.live(seen, sums), found))


@shown("quarantine")
def get_quarantine(request: Request, seen: Study) -> Answer:
    """List what was refused, the earliest first, with the reason, the sender and the body."""
    return quarantine.listed(wiring.store(), request, seen.id, masked=seen.pooled)


@routes("GET", "/quarantine")
def get_quarantine_of_no_study(request: Request) -> Answer:
    """List what was refused and names no study, or one (`?study=`) that has no definition."""
    return quarantine.undefined_studies(wiring.store(), request)


@shown("discrepancies")
def get_discrepancies(request: Request, seen: Study) -> Answer:
    """List the records that do not agree: all, or those of a rule, a severity, a subject."""
    asked = discrepancies.read(request.query)
    found, last = discrepancies.listed(wiring.store(), seen, asked)
    following = last and pagination.following(request, after=last[0], skip=last[1])
    return routing.document(found | {"next": following})


@shown("subjects/{subject}/history")
def get_history(request: Request, seen: Study, subject: str) -> Answer:
    """Give a subject's events as recorded: who, when, why, and the chain that proves it.

    All of them, or those of a `kind` and a `record`; `after` a version where more follow.
    """
    store, after = wiring.store(), pagination.number(request, "after")
    stored = store.subject(seen, subject) if fields.is_identifier(subject) else None
    chain = store.chain(seen.id, subject) if stored else None
    if stored is None or chain is None:
        raise Rejected(404, "No such subject")
    wanted = (at for version, at in chain.sort_keys if version > after and _is_of(request, at))
    rows = store.journal_rows(seen.id, subject, stored.cipher_key, wanted)
    page = pagination.page(
        rows, JournalRow.blinded_document if seen.pooled else JournalRow.received_document
    )
    return routing.document({
        "study": seen.id,
        "subject": subject,
        "version": chain.sort_keys[-1][0],
        "head": HIDDEN if seen.pooled else chain.head.hex(),
        "intact": chain.intact,
        "events": page.rows,
        "next": page.last and pagination.following(request, after=page.last.version),
    })  # fmt: skip


def _is_of(request: Request, sort_key: str) -> bool:
    """Say whether a row of a journal is of the kind and of the record that are asked for."""
    wanted = request.query.get("kind", ""), request.query.get("record", "")
    of = sort_key.split("#")
    return all(asked in ("", own) for asked, own in zip(wanted, of, strict=False))


@routes("GET", "/studies/{study}/audit")
def get_audit(request: Request, study: str) -> Answer:
    """Give the report of the last audit."""
    wiring.store().study(study)
    found = json.loads(wiring.documents().read(study, OPEN, AUDIT, REPORT))
    after = pagination.number(request, "after")
    left = list(enumerate(found["differences"], start=1))[after:]
    page = pagination.page(left, itemgetter(1))
    following = page.last and pagination.following(request, after=page.last[0])
    return routing.document({**found, "differences": page.rows, "next": following})


@routes("GET", "/studies/{study}/reports")
def get_reports(request: Request, study: str) -> Answer:
    """List the reports asked for, the newest first, and what is published now."""
    found = wiring.store().study(study)
    latest, _ = wiring.documents().latest(study, OPEN)
    marked = wiring.reports().last_rendering(study)
    if marked and found.definition.blinded:  # two contents of a treatment event call for one too
        marked |= dict.fromkeys(("at", "behind_since"), HIDDEN)
    asked = sorted(wiring.reports().all(study), key=lambda each: each.order, reverse=True)
    names = [each.id for each in asked]
    if after := request.query.get("after"):
        asked = asked[names.index(after) + 1 :] if after in names else []
    page = pagination.page(asked, lambda each: each.document(study))
    return routing.document({
        "study": study,
        "live": latest,
        "last_rendering": marked,
        "reports": page.rows,
        "next": page.last and pagination.following(request, after=page.last.id),
    })  # fmt: skip


@routes("GET", "/studies/{study}/reports/{cut}")
def get_report(_request: Request, study: str, cut: str) -> Answer:
    """Say whether a report that was asked for is ready."""
    wiring.store().study(study)
    return routing.document(wiring.reports().get(study, cut).document(study))


@shown("reports/{cut}/{file}")
def get_file(_request: Request, seen: Study, cut: str, file: str) -> Answer:
    """Lead to a document: of `live`, of a cut, or of a report that was asked for."""
    found = cut if cut == LIVE else _cut_of(seen, cut)
    if file in (CHANGES, CHANGES_SIGNATURE):
        place = object_keys.changes(found, cut)
    elif file in UNLISTED:
        place = object_keys.audit(found)
    else:
        place = LIVE if cut == LIVE else object_keys.cut(found)
    return _led_to(seen, place, file)


@shown("reports/{cut}/datasets/{file}")
def get_dataset(_request: Request, seen: Study, cut: str, file: str) -> Answer:
    """Lead to the data of a listing."""
    place = LIVE if cut == LIVE else object_keys.cut(_cut_of(seen, cut))
    return _led_to(seen, place, f"datasets/{file}")


def _led_to(seen: Study, place: str, name: str) -> Answer:
    link = wiring.documents().link(seen.id, seen.audience, place, name)
    return Answer(LED_TO, {"Location": link, "Cache-Control": "no-store"})


@shown("reports/{cut}/changes-since/{base}")
def get_changes(request: Request, seen: Study, cut: str, base: str) -> Answer:
    """Say which key results and cells differ between two cuts, and whose records differ."""
    store, documents, reports = wiring.store(), wiring.documents(), wiring.reports()
    after = request.query.get("after", "")
    found = comparison.compare(store, documents, reports, seen, (cut, base), after)
    found["next"] = found["next"] and f"{request.path}?after={found['next']}"
    return routing.document(found)


def _cut_of(seen: Study, cut: str) -> str:
    """Take a request's id for the cut it became."""
    asked = wiring.reports().find(seen.id, cut)
    if asked is None:
        return cut
    if not asked.cut:
        raise Rejected(404, "No such document", "the report is not ready yet; ask again")
    return asked.unblinded_cut if seen.audience == UNBLINDED else asked.cut
