"""Clients as the functions make them, but for their address and how long they wait."""

from typing import Any

import boto3
import signing
from botocore.config import Config

import wiring
from trial.reporting import report
from trial.reporting.signing import Signer
from trial.store import Store
from trial.store.table import Table

_SESSION = boto3.session.Session(
    aws_access_key_id="test",
    aws_secret_access_key="test",
    region_name="us-east-1",
)

TIME_OUT = 5.0
"""How long a writer waits for an answer, s: longer than one takes on a busy machine."""


def dynamodb(endpoint: str, read_timeout: float) -> Any:
    config = wiring.CLIENT.merge(Config(read_timeout=read_timeout, max_pool_connections=2))
    return _SESSION.client("dynamodb", endpoint_url=endpoint, config=config)


def patient(service: str, endpoint: str) -> Any:
    """Make a client for looking at what is there, past every fault."""
    return _SESSION.client(service, endpoint_url=endpoint, config=Config(read_timeout=60))


def signer(endpoint: str) -> Signer:
    """Sign with a key of one's own."""
    kms = patient("kms", endpoint)
    return Signer(kms, signing.make_key(kms))


def store(client: Any, table: str, contribute: Any = report.contribute) -> Store:
    return Store(Table(client, table), contribute, wiring.now)
