"""The doors of the room: to the issuer, back from it, and out.

What a browser starts with is kept in a cookie of its own and compared when it comes back: so a code
that somebody else asked for, or that was used before, opens nothing.
"""

import re
from collections.abc import Callable, Mapping

import wiring
from trial.errors import Rejected, Unavailable
from trial.render.markup import EMPTY, Html, escape, html
from trial.room import frame
from trial.room.routing import RoomRequest
from trial.room.visits import Reply, Visit
from trial.web.access import connection, cookies
from trial.web.access.person import Person
from trial.web.access.tokens import not_signed_in
from trial.web.routing import Answer

SIGN_IN, CALLBACK, SIGN_OUT, SIGNED_OUT = (
    "/sign-in", "/sign-in/callback", "/sign-out", "/signed-out",
)  # fmt: skip
NOBODY = Person("", "")
"""Who has not signed in."""
_SEE_OTHER = 303
_ERROR_CODE = re.compile(r"[a-z_]{1,40}")


def sign_in(visit: Visit) -> Reply:
    """Send the browser to the issuer; it keeps what it will be asked when it comes back."""
    attempt = cookies.begin(_query(visit).get("to", "/"))
    address = connection.issuer().sign_in_address(
        wiring.room_address() + CALLBACK, attempt.state, attempt.nonce, attempt.verifier
    )
    cookie = cookies.write(cookies.SIGN_IN, attempt.text(), cookies.SIGN_IN_SECONDS)
    return Reply(redirect(address), (cookie,))


def come_back(visit: Visit) -> Reply:
    """Take the issuer's code for a token, and open the session that the token allows."""
    query = _query(visit)
    attempt = cookies.read_sign_in(visit.cookies.get(cookies.SIGN_IN, ""))
    if attempt is None or not cookies.same(query.get("state", ""), attempt.state):
        raise Rejected(400, "Sign-in not completed", "It was begun elsewhere, or too long ago.")
    if error := query.get("error"):
        code = error if _ERROR_CODE.fullmatch(error) else "an error"
        raise not_signed_in(f"The issuer did not sign you in: it says {code}.")
    back = wiring.room_address() + CALLBACK
    token = connection.issuer().exchange(query.get("code", ""), attempt.verifier, back)
    connection.issuer().person(token, attempt.nonce)
    if len(token) > cookies.LONGEST_COOKIE:
        detail = "Your token is too long for a browser to keep: it needs fewer claims or groups."
        raise Rejected(400, "Sign-in not completed", detail)
    session = cookies.write(cookies.SESSION, token, connection.issuer().seconds_left(token))
    return Reply(redirect(attempt.to), (session, cookies.clear(cookies.SIGN_IN)))


def sign_out() -> Reply:
    """Close the session in this browser."""
    return Reply(redirect(SIGNED_OUT), (cookies.clear(cookies.SESSION),))


def signed_out(visit: Visit) -> Reply:
    """Show that the session is closed here, and where that of the issuer is closed.

    It is a link: a form may lead nowhere but to this host, nor be redirected elsewhere.
    """
    body = (
        html("<p>You are signed out of the reading room in this browser.</p>\n"),
        _issuer_link(),
        html('<p><a class="button" href="{}">Sign in</a></p>\n', escape(SIGN_IN)),
    )
    return Reply(frame.plain_page(visit.request, NOBODY, "Signed out", body))


def _issuer_link() -> Html:
    try:
        address = connection.issuer().sign_out_address(wiring.room_address() + SIGNED_OUT)
    except Unavailable:
        return EMPTY
    if not address:
        return EMPTY
    text = 'The issuer may still know you here: <a href="{}">sign out of it too</a>.'
    return html(f"<p>{text}</p>\n", escape(address))


def start_again(visit: Visit, error: Rejected) -> Reply:
    """Show why somebody is not signed in, and offer to begin anew; what was begun is forgotten."""
    body = (
        html('<p class="warning" role="alert">{}</p>\n', escape(error.detail or error.title)),
        html('<p><a class="button" href="{}">Sign in</a></p>\n', escape(SIGN_IN)),
    )
    page = frame.plain_page(visit.request, NOBODY, error.title, body, error.status)
    return Reply(page, (cookies.clear(cookies.SIGN_IN),))


DOORS: Mapping[tuple[str, str], Callable[[Visit], Reply]] = {
    ("GET", SIGN_IN): sign_in,
    ("GET", CALLBACK): come_back,
    ("GET", SIGNED_OUT): signed_out,
}
"""What is open to who has not signed in, beside the assets."""


def redirect(address: str) -> Answer:
    """Answer with another address, which is asked for by GET."""
    return Answer(_SEE_OTHER, {"Location": address})


def form_of(request: RoomRequest) -> Mapping[str, str]:
    """Return the fields of a request's form; none where it is no form."""
    try:
        return request.fields
    except (Rejected, ValueError):
        return {}


def _query(visit: Visit) -> Mapping[str, str]:
    return dict(visit.request.parameters)
