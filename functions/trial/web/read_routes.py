"""Routes that read a study: for everybody and, as routes of their own, for the unblinded."""

from collections.abc import Callable
from functools import wraps

import wiring
from trial.errors import Rejected
from trial.events.blinding import UNBLINDED
from trial.web.routing import Answer, Endpoint, Request, Routes

routes = Routes()
SEE_OTHER = 303
"""The status of an answer that is a link to a document."""


def read_route(path: str) -> Callable[[Endpoint], Endpoint]:
    """Return a decorator that serves an endpoint twice: to everybody, and to the unblinded.

    They are routes of their own, so that IAM decides by the path which results a caller may read.
    Who reads unblinded results, or is given a link to a document, is noted before the answer goes.
    """

    def decorate(endpoint: Endpoint) -> Endpoint:
        @wraps(endpoint)
        def open_endpoint(request: Request, study: str, **parts: str) -> Answer:
            answer = endpoint(request, wiring.store().study(study).open, **parts)
            if answer.status == SEE_OTHER:
                _note(request, study, "download")
            return answer

        @wraps(endpoint)
        def unblinded_endpoint(request: Request, study: str, **parts: str) -> Answer:
            defined = wiring.store().study(study)
            if not defined.definition.blinded:
                raise Rejected(
                    404,
                    "Study is not blinded",
                    "all of its results are open: leave /unblinded out of the path",
                )
            answer = endpoint(request, defined, **parts)
            _note(request, study, "download" if answer.status == SEE_OTHER else "read unblinded")
            return answer

        routes("GET", f"/studies/{{study}}/{path}")(open_endpoint)
        routes("GET", f"/studies/{{study}}/{UNBLINDED}/{path}")(unblinded_endpoint)
        return endpoint

    return decorate


def _note(request: Request, study: str, action: str) -> None:
    """Note who is about to be answered; raises where it cannot be noted, so nobody is answered."""
    wiring.activities().note(study, request.principal, action, request.path, request.reason)
