"""Who did what: what the API tells of those who used it."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import wiring
from trial.definition.study import Study
from trial.events import json_body
from trial.store.submissions import Submission
from trial.web import pagination, routing
from trial.web.json_diff import differences
from trial.web.read_routes import routes, shown
from trial.web.routing import Answer, Request

ROWS = 200
"""How much is listed in one answer, where it is short."""
SHOWN = 2_000
"""How much of a value is shown that differs."""


@shown("treatment-events")
def get_treatment_events(request: Request, seen: Study) -> Answer:
    """List the treatment events that were submitted, and what became of each: for the unblinded."""
    found = wiring.submissions().all(seen.id, _after(request))
    page = pagination.page(
        found, Submission.blinded_document if seen.pooled else Submission.document
    )
    document = {"study": seen.id, "submitted": page.rows}
    return routing.document(document | _next(request, page.last.id if page.last else None))


@routes("GET", "/studies/{study}/activity")
def get_activity(request: Request, study: str) -> Answer:
    """List who redrove, read what is not for all, or was led to a document, and why."""
    wiring.store().study(study)
    found, last = _page(wiring.activities().all(study, _after(request)), ROWS)
    document = {"study": study, "activity": [vars(each) for each in found]}
    return routing.document(document | _next(request, last.at if last else None))


@routes("GET", "/studies/{study}/senders")
def get_senders(_request: Request, study: str) -> Answer:
    """Say who may post which kinds of event, of which sites; and who could before, and why."""
    wiring.store().study(study)
    listed = [each.document() for each in wiring.senders().all(study)]
    last = listed.pop() if listed else {"senders": []}
    before = [{name: of for name, of in each.items() if name != "senders"} for each in listed]
    return routing.document({"study": study, **last, "before": before})


@routes("GET", "/studies/{study}/definition/history")
def get_definition_history(request: Request, study: str) -> Answer:
    """List every change of the definition: who put, amended or unblinded it, when and why."""
    wiring.store().study(study)
    found, last = _page(wiring.store().amendments(study, _after(request)), ROWS)
    document = {"study": study, "history": [each.document(study) for each in found]}
    return routing.document(document | _next(request, last.number if last else None))


@routes("GET", "/studies/{study}/definition/history/{digest}/changes-since/{base}")
def get_definition_changes(request: Request, study: str, digest: str, base: str) -> Answer:
    """Say where two definitions differ, and what stands there in each."""
    store = wiring.store()
    store.study(study)
    before, after = (json_body.read_json(store.source(study, each)) for each in (base, digest))
    first = int(given) if (given := _after(request)).isdecimal() else 0
    found = list(islice(differences(before, after), first, first + ROWS + 1))
    document = {
        "study": study,
        "before": base,
        "after": digest,
        "differences": [_bounded(each.document()) for each in found[:ROWS]],
    }
    more = str(first + ROWS) if len(found) > ROWS else None
    return routing.text(json_body.canonical(document | _next(request, more)), routing.JSON)


def _bounded(difference: dict[str, Any]) -> dict[str, Any]:
    """Shorten values that are long: their beginning, as the text that JSON writes them as."""
    for side in ("before", "after"):
        if side in difference and len(written := json_body.canonical(difference[side])) > SHOWN:
            difference[side] = f"{written[:SHOWN]}…"
    return difference


def _after(request: Request) -> str:
    return request.query.get("after", "")


def _page[T](rows: Iterator[T], size: int) -> tuple[list[T], T | None]:
    """Take so many rows, and the last of them if more follow."""
    found = list(islice(rows, size + 1))
    return found[:size], found[size - 1] if len(found) > size else None


def _next(request: Request, last: str | None) -> dict[str, str | None]:
    return {"next": pagination.following(request, after=last) if last else None}
