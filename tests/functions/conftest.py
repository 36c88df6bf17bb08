"""The three handlers in this process, before a table and a bucket of their own on ministack."""

import json
import logging
from collections.abc import Callable, Iterator
from itertools import count
from types import ModuleType
from typing import Any

import boto3
import pytest
from invoking import EVENTS, Service, forget

from local.feed import read_definition

_NUMBER = count(1)


@pytest.fixture(scope="session")
def definition() -> dict[str, Any]:
    return read_definition(EVENTS / "tmb-301" / "definition.yaml")


@pytest.fixture(scope="session")
def feed() -> list[str]:
    return (EVENTS / "tmb-301" / "feed.ndjson").read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="session")
def visit(feed: list[str]) -> dict[str, Any]:
    """Give the feed's first visit."""
    event: dict[str, Any] = json.loads(next(each for each in feed if ".visit.recorded.v1" in each))
    return event


@pytest.fixture(scope="session")
def handlers() -> dict[str, ModuleType]:
    """Import the handlers as Lambda does: the environment is there first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POWERTOOLS_SERVICE_NAME", "livetlf")
        patch.setenv("POWERTOOLS_METRICS_NAMESPACE", "LiveTLF")
        patch.setenv("LOG_LEVEL", "DEBUG")
        import api  # noqa: PLC0415
        import audit  # noqa: PLC0415
        import ingest  # noqa: PLC0415
        import publish  # noqa: PLC0415
    return {"api": api, "audit": audit, "ingest": ingest, "publish": publish}


@pytest.fixture(scope="session")
def session() -> boto3.session.Session:
    return boto3.session.Session()


@pytest.fixture
def open_service(
    handlers: dict[str, ModuleType],
    ministack: str,
    session: boto3.session.Session,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[[], Service]]:
    """Give a maker of services; the last one made is the one whose handlers answer."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", ministack)

    dynamodb, s3 = session.client("dynamodb"), session.client("s3")

    def make() -> Service:
        name = f"functions-{next(_NUMBER)}"
        monkeypatch.setenv("TABLE_NAME", name)
        monkeypatch.setenv("BUCKET_NAME", name)
        forget()
        create_table(dynamodb, name)
        s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)  # which keeps versions too
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        service = Service(handlers, name, name, dynamodb, s3)
        for handler in handlers.values():
            for each in handler.logger.handlers:
                assert isinstance(each, logging.StreamHandler)
                monkeypatch.setattr(each, "stream", service.log)
        return service

    yield make
    forget()


@pytest.fixture
def blank(open_service: Callable[[], Service]) -> Service:
    """Give a service that knows no study."""
    return open_service()


@pytest.fixture
def service(blank: Service, definition: dict[str, Any]) -> Service:
    """Give a service that knows TMB-301 and none of its events."""
    assert blank.define(definition).status == 201
    return blank


def create_table(client: Any, name: str) -> None:
    keys = ("PK", "HASH"), ("SK", "RANGE")
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key, _ in keys],
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys],
    )
