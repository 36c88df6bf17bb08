"""The reading room: a study's results, subjects and history as pages, for people who signed in.

Pages are made from the same pieces as `report.html` and show the state of the moment that they are
asked for. They need no script. `routing.ROUTES` holds every page with the roles that may see it:
one for which no role is named cannot be registered.
"""

from trial.errors import Rejected
from trial.room import (  # noqa: F401 (their pages)
    amending,
    assets,
    cuts,
    definition,
    discrepancies,
    documents,
    frame,
    listings,
    numbers,
    overview,
    progress,
    quarantine,
    studies,
    subjects,
    tables,
    trail,
    verifying,
    words,
)
from trial.room.frame import error_page
from trial.room.routing import ROUTES, PageRequest, RoomRequest, Route, match
from trial.web.access.person import Person
from trial.web.routing import Answer

__all__ = ["ROUTES", "PageRequest", "RoomRequest", "Route", "error_page", "match", "serve"]


def serve(request: RoomRequest, person: Person) -> Answer:
    """Answer a person's request; whatever is refused is a page that says why.

    The caller has verified the person and, of a form, its token.
    """
    try:
        return frame.answer(match(request, person))
    except Rejected as error:
        return error_page(request, person, error)
