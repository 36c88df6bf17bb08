"""The development issuer, which is a real one, on a port of its own."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from local.issuer import CLIENT, ROLES_CLAIM, DevelopmentIssuer
from trial.web.access.fetching import fetch
from trial.web.access.issuer import Client, Issuer


@pytest.fixture(scope="session")
def development() -> Iterator[DevelopmentIssuer]:
    issuer = DevelopmentIssuer().start()
    yield issuer
    issuer.stop()


@pytest.fixture
def issuer(development: DevelopmentIssuer) -> Issuer:
    """Give what the room knows of it: nothing yet."""
    client = Client(development.address, CLIENT, ROLES_CLAIM, local=True)
    return Issuer(client, fetch, lambda: datetime.now(UTC))
