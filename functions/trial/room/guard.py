"""Who gets in: every request passes here, and nothing is answered that does not get through.

In this order: who asks, whether the request comes from a page of this room, whether a role allows
the page, whether this function serves it, and a note of it where it shows or changes what must be
accounted for. Then it is answered.
"""

from dataclasses import replace
from urllib.parse import urlencode

import wiring
from trial.errors import Rejected, Unavailable
from trial.room import assets, frame, routing, signing_in
from trial.room.routing import PageRequest, RoomRequest, Route
from trial.room.signing_in import NOBODY, SIGN_IN, SIGN_OUT
from trial.room.visits import Reply, Visit
from trial.web.access import connection, cookies
from trial.web.access.person import Person
from trial.web.routing import Answer

OPEN, UNBLINDED, CHANGES = "open", "unblinded", "changes"
"""The three functions of the room, by what each may serve: they differ in their rights."""
_ASSETS = "/assets/"
_READ = "read"
_FIRST_ERROR = 400
_LONGEST_REASON = 1_000


def serve(visit: Visit) -> Reply:
    """Answer a visit; raises only what is an error of ours."""
    request = visit.request
    try:
        if request.method == "GET" and request.path.startswith(_ASSETS):
            return Reply(assets.asset_answer(request.path.removeprefix(_ASSETS)))
        if door := signing_in.DOORS.get((request.method, request.path)):
            return door(visit)
        return _of_somebody(visit)
    except Rejected as error:
        return signing_in.start_again(visit, error)
    except Unavailable as error:
        detail = "Something that the room needs does not answer. Load the page again in a minute."
        refusal = Rejected(error.STATUS, "Not available now", detail)
        return Reply(frame.error_page(request, NOBODY, refusal))


def _of_somebody(visit: Visit) -> Reply:
    """Answer what only people may ask who signed in."""
    session = visit.cookies.get(cookies.SESSION, "")
    try:
        person = connection.issuer().person(session)
    except Rejected as error:
        return _to_sign_in(visit, error)
    request = replace(visit.request, csrf=cookies.form_token(session))
    try:
        _check_size(request)
        if request.method != "GET":
            check_form(visit, request.csrf)
        if (request.method, request.path) == ("POST", SIGN_OUT):
            return signing_in.sign_out()
        return Reply(_page(request, person))
    except Rejected as error:
        return Reply(frame.error_page(request, person, error))


def _check_size(request: RoomRequest) -> None:
    request.check_size()
    _ = request.parameters


def _to_sign_in(visit: Visit, error: Rejected) -> Reply:
    """Send who asks for a page to the issuer, and back to the page; a form is lost, and says so."""
    if visit.request.method == "GET":
        query = urlencode({"to": cookies.local_path(visit.address)})
        return Reply(signing_in.redirect(f"{SIGN_IN}?{query}"), (cookies.clear(cookies.SESSION),))
    detail = f"{error.detail} Nothing was changed."
    reply = signing_in.start_again(visit, Rejected(401, error.title, detail))
    return replace(reply, cookies=(*reply.cookies, cookies.clear(cookies.SESSION)))


def check_form(visit: Visit, expected: str) -> None:
    """Raise `Rejected` (403) unless a form was sent from a page of this session.

    Browsers say from where; that is not relied upon alone, nor is the token.
    """
    origin = visit.headers.get("origin", wiring.room_address())
    site = visit.headers.get("sec-fetch-site", "same-origin")
    token = signing_in.form_of(visit.request).get("csrf", "")
    if (
        origin != wiring.room_address()
        or site != "same-origin"
        or not cookies.same(token, expected)
    ):
        detail = "The form was not sent from a page of your session. Nothing was changed."
        raise Rejected(403, "Form not accepted", detail)


def _page(request: RoomRequest, person: Person) -> Answer:
    page_request = routing.match(request, person)
    if not serves(wiring.settings().ROOM_PART, page_request.route):
        raise Rejected(404, "Page not found", "This function does not serve the page.")
    if page_request.route.method != "GET":  # what changes something is noted before it does
        _note(page_request)
        return frame.answer(page_request)
    answer = frame.answer(page_request)
    if is_noted(page_request.route) and answer.status < _FIRST_ERROR:
        _note(page_request)
    return answer


def serves(part: str, route: Route) -> bool:
    """Return whether a function of the room serves a page: where it is the only one, it does."""
    of_reader = UNBLINDED if route.unblinded else OPEN
    return part in ("", of_reader if route.method == "GET" else CHANGES)


def is_noted(route: Route) -> bool:
    """Return whether it is recorded who saw a page: of subjects, of arms, or to take away."""
    return route.subjects or route.unblinded or route.action != _READ


def _note(page_request: PageRequest) -> None:
    """Note who is about to be answered; raises where it cannot be noted, so nobody is answered."""
    if not page_request.study:
        return
    route, request = page_request.route, page_request.request
    action = "read unblinded" if route.unblinded and route.action == _READ else route.action
    values = (
        {"reason": page_request.parameter("reason")} if request.method == "GET" else request.fields
    )
    reason = values.get("reason", "")[:_LONGEST_REASON]
    wiring.activities().note(
        page_request.study, page_request.person.principal, action, request.path, reason
    )
