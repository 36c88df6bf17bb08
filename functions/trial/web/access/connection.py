"""The issuer that people sign in with, as the environment names it: made once in a process."""

from datetime import timedelta
from functools import cache

import wiring
from trial.web.access.fetching import fetch
from trial.web.access.issuer import Client, Issuer


@cache
def issuer() -> Issuer:
    """Return the issuer: no request is sent to it before somebody's token is verified."""
    known = wiring.settings()
    client = Client(
        known.ISSUER,
        known.CLIENT_ID,
        known.ROLES_CLAIM,
        known.PRINCIPAL_CLAIM,
        timedelta(minutes=known.SESSION_MINUTES),
        local=known.AWS_ENDPOINT_URL.startswith("http://"),
    )
    return Issuer(client, fetch, wiring.now)
