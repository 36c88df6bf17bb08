"""Clients as the functions make them, but for their address and a shorter patience."""

from typing import Any

import boto3
from botocore.config import Config

from trial import report, wiring
from trial.store import Store
from trial.store.table import Table

_SESSION = boto3.session.Session(
    aws_access_key_id="test",
    aws_secret_access_key="test",
    region_name="us-east-1",
)
_HASTY = wiring.CLIENT.merge(Config(read_timeout=1.2, max_pool_connections=2))


def dynamodb(endpoint: str) -> Any:
    return _SESSION.client("dynamodb", endpoint_url=endpoint, config=_HASTY)


def patient(service: str, endpoint: str) -> Any:
    """Make a client for looking at what is there, past every fault."""
    return _SESSION.client(service, endpoint_url=endpoint, config=Config(read_timeout=60))


def store(client: Any, table: str, contribute: Any = report.contribute) -> Store:
    return Store(Table(client, table), contribute, wiring.now)
