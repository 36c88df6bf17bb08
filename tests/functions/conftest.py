"""The three handlers in this process, before a table and a bucket of their own on ministack."""

import io
import json
import logging
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from types import ModuleType
from typing import Any

import builders
import pytest
import signing
from doubles import Clock
from drawn import DEFINITION, refused
from drawn import STUDY as DRAWN
from drawn import feed as feed_of
from invoking import EVENTS, STUDY, Service, forget
from roads import Road

import wiring
from local import stack
from local.feed import read_definition
from trial.definition import study as studies
from trial.store.encoding import sealing

_NUMBER = count(1)


@pytest.fixture(scope="session")
def definition() -> dict[str, Any]:
    return read_definition(EVENTS / "tmb-301" / "definition.yaml")


@pytest.fixture(scope="session")
def feed() -> list[str]:
    return (EVENTS / "tmb-301" / "feed.ndjson").read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="session")
def example_definition() -> dict[str, Any]:
    """Give the guide's example under the name by which a service is asked.

    Its documents take a tenth of the time of TMB-301's: what is shown of one study is shown of all.
    """
    return read_definition(EVENTS / "example" / "definition.yaml") | {"study": STUDY}


@pytest.fixture(scope="session")
def example_feed() -> list[str]:
    text = (EVENTS / "example" / "feed.ndjson").read_text(encoding="utf-8")
    return text.replace('"DEMO-1"', f'"{STUDY}"').splitlines()


@pytest.fixture(scope="session")
def example_documents(example_definition: dict[str, Any]) -> frozenset[str]:
    """Name the files of a cut of the example."""
    return builders.documents_of(studies.load(json.dumps(example_definition)))


@pytest.fixture(scope="session")
def visit(feed: list[str]) -> dict[str, Any]:
    """Give the feed's first visit."""
    event: dict[str, Any] = json.loads(next(item for item in feed if ".visit.recorded.v1" in item))
    return event


@pytest.fixture(scope="session")
def handlers() -> dict[str, ModuleType]:
    import api  # noqa: PLC0415
    import audit  # noqa: PLC0415
    import ingest  # noqa: PLC0415
    import publish  # noqa: PLC0415

    return {"api": api, "audit": audit, "ingest": ingest, "publish": publish}


@pytest.fixture(scope="session")
def clients(ministack: str) -> dict[str, Any]:
    """Give the tests' own clients, made once: each service has others."""
    return {name: stack.aws(name, ministack) for name in ("dynamodb", "s3", "sqs")}


@pytest.fixture(scope="session")
def shared_clients() -> Callable[..., Any]:
    """Give what makes the service's own clients, each once for all services of a session.

    They keep nothing from call to call, and making one reads megabytes of botocore's data.
    """
    make = wiring.client
    client_at = cache(lambda _endpoint, service, config: make(service, config))
    return lambda service, config: client_at(os.environ["AWS_ENDPOINT_URL"], service, config)


@pytest.fixture(scope="session")
def signing_key(ministack: str) -> str:
    """Make a key as the template does, and give its alias."""
    return signing.make_key(stack.aws("kms", ministack), "alias/functions-signing")


type Maker = Callable[[], Service]


@pytest.fixture(scope="session")
def opening(
    handlers: dict[str, ModuleType],
    ministack: str,
    clients: dict[str, Any],
    signing_key: str,
    shared_clients: Callable[..., Any],
) -> Callable[[pytest.MonkeyPatch], Maker]:
    """Give what makes a maker of services for as long as an environment is patched."""

    def begin(patch: pytest.MonkeyPatch) -> Maker:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", ministack)
        patch.setenv("SIGNING_KEY", signing_key)
        patch.setattr(wiring, "client", shared_clients)
        return lambda: _service(handlers, patch, clients)

    return begin


def _service(
    handlers: dict[str, ModuleType], patch: pytest.MonkeyPatch, clients: dict[str, Any]
) -> Service:
    dynamodb, s3, sqs = clients.values()
    name = f"functions-{next(_NUMBER)}"
    patch.setenv("TABLE_NAME", name)
    patch.setenv("BUCKET_NAME", name)
    forget()
    create_table(dynamodb, name)
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)  # which keeps versions too
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    submissions = sqs.create_queue(QueueName=name)["QueueUrl"]
    patch.setenv("SUBMISSIONS_URL", submissions)
    service = Service(handlers, name, name, dynamodb, s3, sqs, submissions)
    for handler in handlers.values():
        for item in handler.logger.handlers:
            assert isinstance(item, logging.StreamHandler)
            patch.setattr(item, "stream", service.log)
    return service


@pytest.fixture
def open_service(
    opening: Callable[[pytest.MonkeyPatch], Maker], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Maker]:
    """Give a maker of services; the last one made is the one whose handlers answer."""
    yield opening(monkeypatch)
    forget()


@pytest.fixture
def open_blinded(
    open_service: Callable[[], Service], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Service]:
    """Give a maker of services that hold a blinded study with subjects of some arms."""

    def make(arms: str = "ab", /, **changes: Any) -> Service:
        monkeypatch.setattr(wiring, "now", Clock(step=timedelta(milliseconds=1)))
        monkeypatch.setattr(sealing.secrets, "token_bytes", bytes)
        service = open_service()
        assert service.define(DEFINITION | changes).status == 201
        for item in feed_of(arms):
            assert service.record(item.body, DRAWN).status in {201, 202}
        for item in refused(arms[0]):
            assert service.record(item, DRAWN).status == 422
        return service

    return make


@pytest.fixture
def road(handlers: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch) -> Iterator[Road]:
    for handler in handlers.values():
        for item in handler.logger.handlers:
            monkeypatch.setattr(item, "stream", io.StringIO())
    yield Road(handlers, monkeypatch)
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


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., datetime]]:
    """Move the service's clock by hand, and read it; each look at it takes a millisecond."""
    instant = datetime(2026, 1, 1, tzinfo=UTC)

    def later(**step: float) -> datetime:
        nonlocal instant
        instant += timedelta(**step)
        return instant

    monkeypatch.setattr(wiring, "now", lambda: later(milliseconds=1))
    yield later
    forget()
