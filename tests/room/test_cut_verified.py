"""A cut is verified in the room: what was changed behind the service's back is named."""

import json
from base64 import b64decode
from typing import Any

import pytest
from builders import TINY, enrolment
from rooms import READER, TOKEN, UNBLINDED, Room, text_of
from signing import KeyInMemory

from trial.errors import OutOfTime
from trial.reporting import attestation
from trial.reporting.signing import Signer

START = "/studies/TINY"
CHANGED = "This cut is not as it was published"
SIGNATURE = "manifest.sig.json"


class Published:
    """A study with two cuts, in a bucket in which anybody may write."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.room = Room(patch)
        self.study = self.room.define(json.dumps(TINY))
        self.room.record(self.study, [enrolment(0, "S-1")])
        self.first = self.cut()
        self.room.record(self.study, [enrolment(0, "S-2")])
        self.second = self.cut()
        self.client = self.room.documents.bucket._client

    def cut(self) -> str:
        answer = self.room.answer(f"{START}/cuts", READER, "POST", csrf=TOKEN, reason="Look")
        self.room.make_reports(self.study)
        return answer.headers["Location"].rpartition("/")[2]

    def key(self, report: str, name: str) -> str:
        part = "audit" if name == SIGNATURE else "cuts"
        cut = self.room.reports.get(self.study.id, report).cut
        return f"studies/{self.study.id}/open/{part}/{cut}/{name}"

    def content(self, report: str, name: str) -> bytes:
        content: bytes = self.client.get_object(self.key(report, name))["Body"].read()
        return content

    def replace(self, report: str, name: str, content: bytes) -> None:
        self.client.put_object(self.key(report, name), content)

    def verdict(self, report: str) -> str:
        return text_of(self.room.page(f"{START}/cuts/{report}/verify"))


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Published:
    return Published(monkeypatch)


def test_an_untouched_cut_is_as_published(published: Published) -> None:
    for number, cut in enumerate((published.first, published.second), 1):
        shown = published.verdict(cut)
        assert "files are as they were published and signed" in shown
        assert CHANGED not in shown
        assert "NOT" not in shown
        assert f"Number of the cut {number}" in shown
        assert published.room.signer.sign(b"").fingerprint in shown
    manifest = json.loads(published.content(published.first, "manifest.json"))
    assert f"All {len(manifest['files'])} files" in published.verdict(published.first)


@pytest.mark.parametrize("name", ["summary.json", "report.html", "listings.xlsx"])
def test_a_file_with_another_byte_is_named_and_no_other(published: Published, name: str) -> None:
    published.replace(published.first, name, published.content(published.first, name) + b" ")
    shown = published.verdict(published.first)
    assert CHANGED in shown
    assert f"{name} NOT as published" in shown
    assert shown.count("NOT") == 1
    assert CHANGED not in published.verdict(published.second)


def test_a_file_that_is_gone_is_named(published: Published) -> None:
    del published.client.versions[published.key(published.first, "tables.json")]
    shown = published.verdict(published.first)
    assert CHANGED in shown
    assert "there is no such file" in shown


def test_a_manifest_that_fits_changed_files_is_not_the_signed_one(published: Published) -> None:
    for name in ("summary.json", "manifest.json"):
        published.replace(published.first, name, published.content(published.second, name))
    shown = published.verdict(published.first)
    assert CHANGED in shown
    assert "manifest.json NOT the signed one" in shown
    published.replace(published.first, "manifest.json", b"no manifest")
    assert "manifest.json NOT the signed one" in published.verdict(published.first)


def test_the_signature_of_another_cut_is_none_of_this(published: Published) -> None:
    published.replace(published.first, SIGNATURE, published.content(published.second, SIGNATURE))
    shown = published.verdict(published.first)
    assert CHANGED in shown
    assert f"{SIGNATURE} NOT valid" in shown


def test_a_statement_of_other_files_of_the_same_cut_does_not_sign_its_manifest(
    published: Published,
) -> None:
    """That of its changes is by the same key, names the same cut and is no link of the chain."""
    (key,) = (
        key for key in published.client.versions
        if key.endswith(f"/{published.first}/changes.sig.json") and "/open/" in key
    )  # fmt: skip
    content = published.client.get_object(key)["Body"].read()
    published.replace(published.first, SIGNATURE, content)
    shown = published.verdict(published.first)
    assert CHANGED in shown
    assert "manifest.json NOT the signed one" in shown
    assert "Number of the cut" not in shown


def spoilt(content: bytes) -> list[bytes]:
    """Give envelopes that are none, or whose signature is of something else."""
    envelope: dict[str, Any] = json.loads(content)
    entry = envelope["signatures"][0]
    other_value = {**entry, "sig": entry["sig"][:-8] + "AAAAAAA="}
    return [
        b"", b"{}", b"[]", b"\xff", b'{"signatures": []}',
        json.dumps(envelope | {"payload": "!"}).encode(),
        json.dumps(envelope | {"signatures": [other_value]}).encode(),
        json.dumps(envelope | {"signatures": [{**entry, "publicKey": "no key"}]}).encode(),
    ]  # fmt: skip


def test_what_is_no_signature_is_not_valid_and_no_error(published: Published) -> None:
    for content in spoilt(published.content(published.first, SIGNATURE)):
        published.replace(published.first, SIGNATURE, content)
        shown = published.verdict(published.first)
        assert CHANGED in shown, content
        assert f"{SIGNATURE} NOT valid" in shown, content


def test_a_forger_needs_a_key_of_their_own_and_its_fingerprint_is_shown(
    published: Published,
) -> None:
    """The page cannot know whose key it is, and says so: the reader compares the fingerprint."""
    envelope = json.loads(published.content(published.first, SIGNATURE))
    forger = Signer(KeyInMemory(), "")
    payload = b64decode(envelope["payload"])
    signature = forger.sign(attestation.signed_bytes(payload))
    forged = attestation.envelope(payload, signature)
    published.replace(published.first, SIGNATURE, forged)
    shown = published.verdict(published.first)
    assert signature.fingerprint in shown
    assert published.room.signer.sign(b"").fingerprint not in shown
    assert "compare the fingerprint" in shown


def test_what_there_was_no_time_for_is_not_called_verified(published: Published) -> None:
    looks = 0

    def beat() -> None:
        nonlocal looks
        looks += 1
        if looks > 3:
            raise OutOfTime

    published.room.beat = beat
    shown = published.verdict(published.first)
    assert "no time for" in shown
    assert "files are as they were published and signed" not in shown


def test_a_cut_that_is_none_is_not_found(published: Published) -> None:
    answer = published.room.answer(f"{START}/cuts/none/verify", READER)
    assert answer.status == 404
    answer = published.room.answer(f"{START}/cuts/{published.first}/verify", UNBLINDED)
    assert answer.status == 200
