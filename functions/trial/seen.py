"""Routes by which a study is looked at: by everybody and, apart, by the unblinded."""

from collections.abc import Callable

from trial import wiring
from trial.blinding import UNBLINDED
from trial.errors import Rejected
from trial.web import Answer, Endpoint, Request, Routes

routes = Routes()


def shown(path: str) -> Callable[[Endpoint], Endpoint]:
    """Serve what an endpoint makes of a study as seen: to everybody and, apart, unblinded.

    They are routes of their own, so that a caller's rights say which results it may read.
    """

    def routed(endpoint: Endpoint) -> Endpoint:
        def pooled(request: Request, study: str, **parts: str) -> Answer:
            return endpoint(request, wiring.store().study(study).open, **parts)

        def whole(request: Request, study: str, **parts: str) -> Answer:
            found = wiring.store().study(study)
            if not found.definition.blinded:
                raise Rejected(
                    404, "Study is not blinded", "all of it is open: leave /unblinded out"
                )
            return endpoint(request, found, **parts)

        routes("GET", f"/studies/{{study}}/{path}")(pooled)
        routes("GET", f"/studies/{{study}}/{UNBLINDED}/{path}")(whole)
        return endpoint

    return routed
