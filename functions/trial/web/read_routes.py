"""Routes by which a study is looked at: by everybody and, apart, by the unblinded."""

from collections.abc import Callable
from functools import wraps

import wiring
from trial.errors import Rejected
from trial.events.blinding import UNBLINDED
from trial.web.routing import Answer, Endpoint, Request, Routes

routes = Routes()
LED_TO = 303
"""The status of an answer that hands out a link."""


def shown(path: str) -> Callable[[Endpoint], Endpoint]:
    """Serve what an endpoint makes of a study as seen: to everybody and, apart, unblinded.

    They are routes of their own, so that a caller's rights say which results it may read. Who
    reads what is not for all, and who is led to a document, is noted before the answer is given.
    """

    def routed(endpoint: Endpoint) -> Endpoint:
        @wraps(endpoint)
        def pooled(request: Request, study: str, **parts: str) -> Answer:
            answer = endpoint(request, wiring.store().study(study).open, **parts)
            if answer.status == LED_TO:
                _note(request, study, "download")
            return answer

        @wraps(endpoint)
        def whole(request: Request, study: str, **parts: str) -> Answer:
            found = wiring.store().study(study)
            if not found.definition.blinded:
                raise Rejected(
                    404, "Study is not blinded", "all of it is open: leave /unblinded out"
                )
            answer = endpoint(request, found, **parts)
            _note(request, study, "download" if answer.status == LED_TO else "read unblinded")
            return answer

        routes("GET", f"/studies/{{study}}/{path}")(pooled)
        routes("GET", f"/studies/{{study}}/{UNBLINDED}/{path}")(whole)
        return endpoint

    return routed


def _note(request: Request, study: str, action: str) -> None:
    """Note who is about to be answered; where that cannot be, nobody is."""
    wiring.activities().note(study, request.principal, action, request.path, request.reason)
