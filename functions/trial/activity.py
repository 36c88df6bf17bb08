"""Who did what: what the API tells of those who used it."""

from itertools import islice
from urllib.parse import quote

from trial import web, wiring
from trial.seen import shown
from trial.study import Study
from trial.web import Answer, Request

SUBMISSIONS = 15
"""How many treatment events are listed in one answer: each may hold a body of 256 KB."""


@shown("treatment-events")
def get_treatment_events(request: Request, seen: Study) -> Answer:
    """List the treatment events that were submitted, and what became of each: for the unblinded."""
    after = request.query.get("after", "")
    found = list(islice(wiring.submissions().all(seen.id, after), SUBMISSIONS + 1))
    rows = [each.masked() if seen.pooled else each.document() for each in found[:SUBMISSIONS]]
    more = len(found) > SUBMISSIONS
    return web.document({
        "study": seen.id,
        "submitted": rows,
        "next": f"{request.path}?after={quote(rows[-1]['id'])}" if more else None,
    })  # fmt: skip
