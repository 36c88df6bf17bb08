"""What is signed of a publication: by which key, over what, in which order, and only once."""

import json
from base64 import b64decode
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
import signing
from builders import TINY, enrolment, viral_load
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from invoking import Service, forget

import wiring
from local import stack

Row = dict[str, Any]
OPEN = "studies/TINY/open/"


@pytest.fixture
def tiny(blank: Service) -> Service:
    assert blank.define(dict(TINY)).status == 201
    return blank


@pytest.fixture
def kms(ministack: str) -> Any:
    return stack.aws("kms", ministack)


def made(service: Service, *entries: Any, **request: str) -> Row:
    for entry in entries:
        assert service.post(entry.body, "TINY").status == 201
    return service.made("TINY", **request)


def envelope(service: Service, place: str) -> Row:
    document: Row = json.loads(service.object(f"{OPEN}audit/{place}/manifest.sig.json"))
    return document


def stated(service: Service, place: str) -> Row:
    document: Row = json.loads(b64decode(envelope(service, place)["payload"]))
    return document


def says(service: Service, row: Row) -> Row:
    predicate: Row = stated(service, row["cut"])["predicate"]
    return predicate


def verify(document: Row, key: bytes) -> None:
    """Verify an envelope with what DSSE says is signed; raises if it is not."""
    body, kind = b64decode(document["payload"]), document["payloadType"].encode()
    message = b"DSSEv1 " + str(len(kind)).encode() + b" " + kind
    message += b" " + str(len(body)).encode() + b" " + body
    public = load_der_public_key(key)
    assert isinstance(public, EllipticCurvePublicKey)
    (signed,) = document["signatures"]
    public.verify(b64decode(signed["sig"]), message, ECDSA(hashes.SHA256()))
    assert signed["keyid"] == sha256(key).hexdigest()
    assert stack.pem(key) == signed["publicKey"]


def test_every_manifest_is_signed_with_heads_and_journals_by_the_key_of_kms(
    tiny: Service, kms: Any, signing_key: str
) -> None:
    row = made(tiny, enrolment(), viral_load(0, 5_000))
    key = kms.get_public_key(KeyId=signing_key)["PublicKey"]
    latest = json.loads(tiny.object(f"{OPEN}latest.json"))
    assert latest["audit"].keys() == {"heads.json", "manifest.sig.json"}
    for place, files in ((row["cut"], f"cuts/{row['cut']}"), ("live", "live")):
        verify(envelope(tiny, place), key)
        subject = {item["name"]: item["digest"] for item in stated(tiny, place)["subject"]}
        places = {"manifest.json": files, "heads.json": f"audit/{place}"}
        if place != "live":
            places["audit.ndjson"] = f"audit/{place}"
        assert subject == {
            name: {"sha256": sha256(tiny.object(f"{OPEN}{item}/{name}")).hexdigest()}
            for name, item in places.items()
        }
        link = tiny.get(f"reports/{place}/manifest.sig.json", "TINY")
        assert link.status == 303


def test_each_cut_names_the_one_before_and_what_is_asked_for_again_is_signed_once(
    tiny: Service,
) -> None:
    first = made(tiny, enrolment())
    second = made(tiny, viral_load(0, 5_000))
    before = envelope(tiny, first["cut"])
    repeated = made(tiny)
    assert repeated["cut"] == second["cut"]
    third = made(tiny, viral_load(7, 4_000))
    assert [says(tiny, item)["number"] for item in (first, second, third)] == [1, 2, 3]
    assert says(tiny, first)["previous"] is None
    for result, next_ in ((first, second), (second, third)):
        payload = b64decode(envelope(tiny, result["cut"])["payload"])
        link = {"cut": result["cut"], "sha256": sha256(payload).hexdigest()}
        assert says(tiny, next_)["previous"] == link
    assert envelope(tiny, first["cut"]) == before
    assert len(tiny.versions(f"{OPEN}audit/{second['cut']}/manifest.sig.json")) == 1


@pytest.mark.parametrize("broken", ["keep", "write"])
def test_whoever_was_broken_off_leaves_one_link_and_no_cut_without_its_signature(
    tiny: Service, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    made(tiny, enrolment())
    tiny.post(viral_load(0, 5_000).body, "TINY")
    name = tiny.report("{}", "TINY").json["report"]
    documents = wiring.documents()
    write = documents.write

    def stopped(study: str, audience: str, place: str, file: str, *rest: Any) -> str:
        if file == "manifest.sig.json" and "live" not in place:
            raise KeyboardInterrupt
        version: str = write(study, audience, place, file, *rest)
        return version

    with monkeypatch.context() as patch:
        patch.setattr(documents, "write", stopped)
        with pytest.raises(KeyboardInterrupt):
            tiny.stream(("STUDY#TINY", f"REPORT#{name}"))
    if broken == "write":  # another cut comes in between
        tiny.post(viral_load(7, 4_000).body, "TINY")
    tiny.stream(("STUDY#TINY", f"REPORT#{name}"))
    row = tiny.get(f"reports/{name}", "TINY").json
    assert row["status"] == "ready"
    last = json.loads(tiny.object(f"{OPEN}audit/latest.sig.json"))
    assert last == envelope(tiny, row["cut"])
    numbers = [json.loads(b64decode(last["payload"]))["predicate"]["number"]]
    assert numbers == [2 if broken == "keep" else 3]
    for key, _ in tiny.versions(f"{OPEN}cuts/"):
        tiny.object(f"{OPEN}audit/{key.split('/')[4]}/manifest.sig.json")


def test_a_key_that_comes_into_use_is_the_one_that_is_named(
    tiny: Service, kms: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    alias = signing.make_key(kms, "alias/rotated-signing")
    monkeypatch.setenv("SIGNING_KEY", alias)
    forget()
    first = made(tiny, enrolment())
    old = kms.get_public_key(KeyId=alias)["PublicKey"]
    kms.update_alias(AliasName=alias, TargetKeyId=signing.make_key(kms))
    second = made(tiny, viral_load(0, 5_000))
    verify(envelope(tiny, first["cut"]), old)
    verify(envelope(tiny, second["cut"]), kms.get_public_key(KeyId=alias)["PublicKey"])


def test_without_its_key_nothing_is_published_and_why_is_told(
    tiny: Service, kms: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    alias = signing.make_key(kms, "alias/lost-signing")
    monkeypatch.setenv("SIGNING_KEY", alias)
    forget()
    key = kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"]
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    tiny.post(enrolment().body, "TINY")
    name = tiny.report("{}", "TINY").json["report"]
    tiny.stream(("STUDY#TINY", f"REPORT#{name}"))
    row = tiny.get(f"reports/{name}", "TINY").json
    assert row["status"] == "failed"
    assert row["detail"].startswith("the AWS call Sign failed: ")
    rendering = tiny.get("reports", "TINY").json["last_rendering"]
    assert (rendering["status"], rendering["detail"]) == ("failed", row["detail"])


def test_a_function_that_is_told_no_key_signs_nothing(
    tiny: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNING_KEY", "")
    forget()
    with pytest.raises(ValueError, match="SIGNING_KEY"):
        wiring.signer()


def test_the_open_chain_of_a_blinded_study_vouches_for_no_journal(
    open_service: Callable[[], Service],
) -> None:
    service = open_service()
    arms = [{"id": name, "label": name.upper()} for name in ("a", "b")]
    definition = dict(TINY) | {"blinded": True, "arms": arms, "design": "parallel"}
    assert service.define(definition).status == 201, service.define(definition).text
    row = made(service, enrolment())
    names = [item["name"] for item in stated(service, row["cut"])["subject"]]
    assert names == ["manifest.json"]
    assert says(service, row)["audience"] == "open"
