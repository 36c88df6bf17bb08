"""The clients of AWS: each in its region, whatever botocore the runtime brings."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore import auth, awsrequest, handlers, loaders, session
from botocore.exceptions import ClientError
from invoking import forget
from pydantic import ValidationError

import wiring

REGIONS = "us-east-1", "eu-central-1", "ap-south-2", "us-gov-west-1", "cn-north-1"
STAGES = {name.partition(".")[0] for name, *_ in handlers.BUILTIN_HANDLERS} - {"docs"}


@pytest.fixture
def in_region(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Give what settles in a region of AWS, where nothing is called."""

    def settle(region: str) -> None:
        for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_DEFAULT_REGION", region)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "TABLE_NAME"):
            monkeypatch.setenv(name, "x")
        monkeypatch.setenv("BUCKET_NAME", "records-of-ours")
        forget()

    return settle


@pytest.mark.parametrize("region", REGIONS)
def test_a_link_leads_to_the_bucket_in_its_region_and_is_signed_for_it(
    in_region: Callable[[str], None], region: str
) -> None:
    """The bucket's global address redirects for a time, and a signature is for one address."""
    in_region(region)
    link = wiring.documents().bucket.link("studies/S/open/live/x", 60, VersionId="1")
    assert link.startswith(f"https://records-of-ours.s3.{region}.amazonaws.com")
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in link
    assert f"%2F{region}%2Fs3%2Faws4_request" in link


@pytest.mark.parametrize("region", [*REGIONS, "eusc-de-east-1", "us-isob-east-1", "eu-new-9"])
@pytest.mark.parametrize("service", ["dynamodb", "s3"])
def test_clients_call_the_address_that_botocore_itself_would_call(
    in_region: Callable[[str], None], region: str, service: str
) -> None:
    in_region(region)
    client, plain = wiring.client(service), session.Session().create_client(service)
    assert called(client) == called(plain)


@pytest.mark.parametrize("kind", ["FIPS", "DUALSTACK"])
def test_an_address_of_another_kind_is_called_where_it_is_asked_for(
    in_region: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    in_region("us-gov-west-1")
    usual = called(wiring.client("dynamodb"))
    monkeypatch.setenv(f"AWS_USE_{kind}_ENDPOINT", "true")
    asked_for = called(wiring.client("dynamodb"))
    assert asked_for == called(session.Session().create_client("dynamodb")) != usual


def called(client: Any) -> tuple[str, ...]:
    """Return what a client's requests are sent to and signed for."""
    signer = client._request_signer
    return (
        client.meta.endpoint_url,
        signer.region_name,
        signer.signing_name,
        signer._signature_version,
    )


@pytest.mark.parametrize(
    "endpoint", ["", "http://127.0.0.1:4566", "https://Ours.example:443", "http://[::1]:8000"]
)
def test_a_request_names_the_host_that_its_signature_is_for(
    in_region: Callable[[str], None], endpoint: str
) -> None:
    in_region("eu-central-1")
    client, sent = wiring.client("dynamodb", endpoint_url=endpoint or None), list[Any]()

    def send(request: Any, **_: Any) -> awsrequest.AWSResponse:
        sent.append(request)
        response = awsrequest.AWSResponse("", 200, awsrequest.HeadersDict(), None)
        response._content = b"{}"
        return response

    client.meta.events.register_first("before-send.dynamodb", send)
    client.get_item(TableName="x", Key={"PK": {"S": "a"}})
    (request,) = sent
    assert request.headers["Host"].decode() == auth._host_from_url(request.url)
    assert request.headers["Authorization"].count(b";host;") == 1


def test_a_botocore_that_is_made_otherwise_is_used_as_it_comes(
    in_region: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    in_region("eu-central-1")

    def otherwise(*_: Any) -> None:
        raise AttributeError

    for method in ("list_available_services", "load_service_model", "load_file", "register"):
        for owner in (wiring._Services, wiring._Files, wiring._Session):
            if hasattr(owner, method):
                with monkeypatch.context() as patch:
                    patch.setattr(owner, method, otherwise)
                    client = wiring.client("dynamodb", wiring.CLIENT)
                assert client.meta.endpoint_url == "https://dynamodb.eu-central-1.amazonaws.com"


def test_a_variable_that_is_empty_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """`sam local` gives an empty one where the template leaves a variable out by a condition."""
    forget()
    for name in ("TABLE_NAME", "BUCKET_NAME"):
        monkeypatch.setenv(name, "x")
    for name in ("SESSION_MINUTES", "PRINCIPAL_CLAIM", "ROOM_PART", "AUDIT_HOURS"):
        monkeypatch.setenv(name, "")
    settings = wiring.settings()
    assert (settings.SESSION_MINUTES, settings.PRINCIPAL_CLAIM) == (60, "sub")
    monkeypatch.setenv("TABLE_NAME", "")
    forget()
    with pytest.raises(ValidationError, match="TABLE_NAME"):
        wiring.settings()
    forget()


def registered(core: session.Session, event: str) -> list[str]:
    """Name the handlers of an event; Powertools, once imported, gives each session its own."""
    emitter = core.get_component("event_emitter")._emitter
    return [f"{h.__module__}.{h.__qualname__}" for h in emitter._handlers.prefix_search(event)]


@pytest.mark.parametrize("service", ["dynamodb", "kms", "s3", "sqs", "stepfunctions"])
def test_every_handler_of_its_service_and_of_all_services_is_there(service: str) -> None:
    own, whole = wiring._Session(service), session.Session()
    model = whole.get_service_model(service)
    name = model.service_id.hyphenize()
    events = [f"{stage}.{name}.{part}" for stage in STAGES for part in model.operation_names]
    events += [*STAGES, *(f"{stage}.{name}" for stage in STAGES)]
    for event in events:
        assert registered(own, event) == registered(whole, event), event
    assert any(registered(own, event) for event in events)
    assert len(registered(own, "before-call.glacier.UploadArchive")) < len(
        registered(whole, "before-call.glacier.UploadArchive")
    )


def test_credentials_of_the_environment_are_the_ones_that_sign(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-the-environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    client = wiring.client("dynamodb", region_name="eu-central-1")
    credentials = client._request_signer._credentials
    assert (credentials.access_key, credentials.token) == ("of-the-environment", "token")


def test_a_key_that_is_empty_leaves_the_other_places_to_be_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where Lambda keeps snapshots it gives the credentials at another place, and no key."""
    place = tmp_path / "credentials"
    place.write_text("[default]\naws_access_key_id = of-a-file\naws_secret_access_key = secret\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(place))
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "")
    client = wiring.client("dynamodb", region_name="eu-central-1")
    assert client._request_signer._credentials.access_key == "of-a-file"


ANSWERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "get_item": (
        {"TableName": "x", "Key": {"PK": {"S": "a"}, "SK": {"S": "b"}}, "ConsistentRead": True},
        {"Item": {"B": {"B": "AP8="}, "shares": {"M": {"B": {"B": ""}, "n": {"N": "1E+2"}}}}},
    ),
    "batch_get_item": (
        {"RequestItems": {"x": {"Keys": [{"PK": {"S": "a"}}], "ConsistentRead": True}}},
        {
            "Responses": {"x": [{"body": {"B": "AP8="}}, {"files": {"L": [{"B": "AP8="}]}}]},
            "UnprocessedKeys": {"x": {"Keys": [{"PK": {"S": "a"}}]}},
        },
    ),
    "query": (
        {
            "TableName": "x",
            "KeyConditionExpression": "PK = :p",
            "ExpressionAttributeValues": {":p": {"S": "a"}, ":b": {"B": b"\0\xff"}},
        },
        {"Items": [{"final": {"BOOL": False}}], "Count": 1, "LastEvaluatedKey": {"PK": {"S": "a"}}},
    ),
    "put_item": (
        {"TableName": "x", "Item": {"B": {"B": b""}, "S": {"M": {"B": {"B": b"\0\xff"}}}}},
        {"ConsumedCapacity": {"TableName": "x", "CapacityUnits": 2.0}},
    ),
    "transact_write_items": (
        {
            "TransactItems": [
                {"Put": {"TableName": "x", "Item": {"B": {"L": [{"B": b"\0"}, {"S": "é"}]}}}},
                {"Update": {"TableName": "x", "ExpressionAttributeValues": {":0": {"B": b"1"}}}},
            ],
            "ReturnConsumedCapacity": "TOTAL",
            "ClientRequestToken": "drawn anew otherwise",
        },
        {"ConsumedCapacity": [{"CapacityUnits": 26.0}]},
    ),
    "transact_get_items": (
        {"TransactItems": [{"Get": {"TableName": "x", "Key": {"PK": {"S": "a"}}}}]},
        {"Responses": [{"Item": {"head": {"B": "AP8="}}}, {}]},
    ),
}
CANCELLED = {
    "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
    "Message": "cancelled",
    "CancellationReasons": [{"Code": "None"}, {"Code": "TransactionConflict", "Message": "busy"}],
}


def exchange(
    client: Any, operation: str, request: dict[str, Any], status: int, answer: dict[str, Any]
) -> tuple[Any, Any]:
    """Call what answers so; return what it was sent, and what the caller is given."""
    sent: list[Any] = []

    def send(request: Any, **_: Any) -> awsrequest.AWSResponse:
        sent.append(json.loads(request.body))
        body = awsrequest.HeadersDict({"x-amzn-requestid": "1"})
        response = awsrequest.AWSResponse("", status, body, None)
        response._content = json.dumps(answer).encode()
        return response

    client.meta.events.register_first("before-send.dynamodb", send)
    try:
        given = getattr(client, operation)(**request)
    except ClientError as error:
        given = error.response
    finally:
        client.meta.events.unregister("before-send.dynamodb", send)
    return sent, given


@pytest.mark.parametrize("operation", ANSWERS)
@pytest.mark.parametrize("status", [200, 400])
def test_what_is_sent_and_read_is_what_botocore_itself_would_send_and_read(
    in_region: Callable[[str], None], operation: str, status: int
) -> None:
    """Binary values too, at whatever depth, and what the request holds is left as it was."""
    in_region("eu-central-1")
    request, answer = ANSWERS[operation]
    before = copy.deepcopy(request)
    answer = answer if status == 200 else CANCELLED
    client, plain = (
        wiring.client("dynamodb", wiring.CLIENT),
        session.Session().create_client("dynamodb", config=wiring.CLIENT),
    )
    assert client.meta.service_model.shape_for("AttributeValue").is_document_type
    ours, theirs = (exchange(c, operation, request, status, answer) for c in (client, plain))
    assert ours == theirs
    assert request == before


def test_a_botocore_that_speaks_cbor_is_given_binary_values_as_they_are(
    in_region: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It regards no documents: base 64 would be stored in the place of the value."""
    in_region("eu-central-1")
    load, sent = loaders.Loader.load_service_model, list[bytes]()

    def load_cbor(loader: loaders.Loader, name: str, kind: str, *version: Any) -> Any:
        model = load(loader, name, kind, *version)
        if kind == "service-2":
            model["metadata"]["protocols"] = ["smithy-rpc-v2-cbor"]
        return model

    def send(request: Any, **_: Any) -> awsrequest.AWSResponse:
        sent.append(request.body)
        response = awsrequest.AWSResponse("", 200, awsrequest.HeadersDict(), None)
        response._content = b"\xa1dItem\xa1aa\xa1aBB\0\xff"
        return response

    monkeypatch.setattr(loaders.Loader, "load_service_model", load_cbor)
    client = wiring.client("dynamodb", wiring.CLIENT)
    client.meta.events.register_first("before-send.dynamodb", send)
    client.put_item(TableName="x", Item={"a": {"B": b"\0\xff"}})
    assert b"\0\xff" in sent[0]
    answer = client.get_item(TableName="x", Key={"a": {"B": b"\0\xff"}})
    assert answer["Item"] == {"a": {"B": b"\0\xff"}}
