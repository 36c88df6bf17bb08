"""Who did what: requests, senders, submissions and changes of the definition, as listed."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

import wiring
from trial.definition.study import Study
from trial.events import json_body
from trial.store.submissions import Submission
from trial.web import pagination, routing
from trial.web.json_diff import differences
from trial.web.read_routes import read_route, routes
from trial.web.routing import Answer, Request

ROWS = 200
"""How many rows an answer lists, where rows are short."""
LONGEST_VALUE = 2_000
"""How many characters of a value are shown that differs."""


@read_route("treatment-events")
def get_treatment_events(request: Request, view: Study) -> Answer:
    """List the submitted treatment events and, to the unblinded, what became of each."""
    submissions = wiring.submissions().all(view.id, _after(request))
    page = pagination.fill_page(
        submissions, Submission.blinded_document if view.pooled else Submission.document
    )
    document = {"study": view.id, "submitted": page.rows}
    return routing.json_answer(document | _next(request, page.last.id if page.last else None))


@routes("GET", "/studies/{study}/activity")
def get_activity(request: Request, study: str) -> Answer:
    """List who redrove rejected bodies, read unblinded results or downloaded documents, and why."""
    wiring.store().study(study)
    activities, last = _page(wiring.activities().all(study, _after(request)), ROWS)
    document = {"study": study, "activity": [vars(activity) for activity in activities]}
    return routing.json_answer(document | _next(request, last.at if last else None))


@routes("GET", "/studies/{study}/senders")
def get_senders(_request: Request, study: str) -> Answer:
    """List the senders: who may post which kinds of event of which sites; and earlier lists."""
    wiring.store().study(study)
    versions = [version.document() for version in wiring.senders().all(study)]
    last = versions.pop() if versions else {"senders": []}
    before = [
        {name: value for name, value in version.items() if name != "senders"}
        for version in versions
    ]
    return routing.json_answer({"study": study, **last, "before": before})


@routes("GET", "/studies/{study}/definition/history")
def get_definition_history(request: Request, study: str) -> Answer:
    """List every change of the definition: who uploaded, amended or unblinded it, when and why."""
    wiring.store().study(study)
    amendments, last = _page(wiring.store().amendments(study, _after(request)), ROWS)
    document = {"study": study, "history": [amendment.document(study) for amendment in amendments]}
    return routing.json_answer(document | _next(request, last.number if last else None))


@routes("GET", "/studies/{study}/definition/history/{digest}")
def get_earlier_definition(_request: Request, study: str, digest: str) -> Answer:
    """Get a definition that the study has or had, and how it was posted."""
    store = wiring.store()
    store.study(study)
    source, posted = store.source(study, digest)
    head = json.dumps({"study": study, "digest": digest})[:-1]
    body = f'{head}, "definition": {source}, "posted": {posted or "null"}}}'
    return routing.text_answer(body, routing.JSON)


@routes("GET", "/studies/{study}/definition/history/{digest}/changes-since/{base}")
def get_definition_changes(request: Request, study: str, digest: str, base: str) -> Answer:
    """Compare two definitions: where they differ, and the value in each."""
    store = wiring.store()
    store.study(study)
    before, after = (
        json_body.read_json(store.source(study, version)[0]) for version in (base, digest)
    )
    start = int(after_text) if (after_text := _after(request)).isdecimal() else 0
    page = list(islice(differences(before, after), start, start + ROWS + 1))
    document = {
        "study": study,
        "before": base,
        "after": digest,
        "differences": [_shortened(difference.document()) for difference in page[:ROWS]],
    }
    next_start = str(start + ROWS) if len(page) > ROWS else None
    return routing.text_answer(
        json_body.canonical(document | _next(request, next_start)), routing.JSON
    )


def _shortened(difference: dict[str, Any]) -> dict[str, Any]:
    """Replace a long value by the beginning of its JSON text."""
    for side in ("before", "after"):
        if (
            side in difference
            and len(text := json_body.canonical(difference[side])) > LONGEST_VALUE
        ):
            difference[side] = f"{text[:LONGEST_VALUE]}…"
    return difference


def _after(request: Request) -> str:
    return request.query.get("after", "")


def _page[T](rows: Iterator[T], size: int) -> tuple[list[T], T | None]:
    """Return so many rows, and the last of them if more follow."""
    page = list(islice(rows, size + 1))
    return page[:size], page[size - 1] if len(page) > size else None


def _next(request: Request, last: str | None) -> dict[str, str | None]:
    return {"next": pagination.next_call(request, after=last) if last else None}
