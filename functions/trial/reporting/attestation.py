"""What is signed of a publication: which files it has, where its journals stood, what came before.

A cut's files depend on its content alone, a signature and the order of cuts do not. So all that is
stated here stands beside the cut, in one file: an in-toto statement in a DSSE envelope. Each names
the one before it of the same study and audience, so that nobody can replace what somebody holds.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from textwrap import wrap
from typing import Any

from trial.errors import Unavailable
from trial.events.json_body import canonical
from trial.render.documents import File
from trial.reporting.signing import ALGORITHM, Signature, Signer
from trial.store.bucket.documents import Documents
from trial.store.bucket.object_keys import SIGNATURE
from trial.tables.grid import Cut

PAYLOAD = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://livetlf.org/cut/v1"


@dataclass(frozen=True)
class Stated:
    """A signed statement: the file that holds it, and what it says."""

    content: bytes
    payload: bytes

    @classmethod
    def read(cls, content: bytes) -> "Stated":
        """Read what this service wrote."""
        return cls(content, b64decode(json.loads(content)["payload"]))

    @property
    def says(self) -> dict[str, Any]:
        """Give study, audience, cut, code, epoch, number and the statement before."""
        said: dict[str, Any] = json.loads(self.payload)["predicate"]
        return said

    @property
    def link(self) -> dict[str, Any]:
        """Give what the next statement names this one by."""
        return {"cut": self.says["cut"], "sha256": sha256(self.payload).hexdigest()}

    def files(self, name: str = SIGNATURE) -> Iterator[File]:
        """Give it as a file."""
        yield File(name, (self.content,))


@dataclass(frozen=True)
class Vouching:
    """Signs what is published of a study for one audience, by one code and in one epoch."""

    documents: Documents
    signer: Signer
    study: str
    audience: str
    code_version: str
    epoch: int

    def apart(self, cut: Cut, digests: Mapping[str, str]) -> Stated:
        """Sign what is no link of the chain: what is live, and is replaced; a report's changes."""
        return self._signed(cut, digests, {})

    def of(self, cut: str) -> dict[str, Any] | None:
        """Say what is stated of a cut; None where nothing is, so that it is not there whole.

        Whoever was broken off may have added a link and not have put it beside its cut.
        """
        last, _ = self.documents.last_signature(self.study, self.audience)
        if last is not None:
            stated = Stated.read(last)
            self.documents.write_signature_once(self.study, self.audience, stated.says["cut"], last)
        found = self.documents.signature(self.study, self.audience, cut)
        return Stated.read(found).says if found else None

    def add(self, cut: Cut, digests: Mapping[str, str]) -> Stated:
        """Sign a cut as the next of the chain; raises `Unavailable` if another was added."""
        last, tag = self.documents.last_signature(self.study, self.audience)
        before = Stated.read(last) if last else None
        link = {
            "number": before.says["number"] + 1 if before else 1,
            "previous": before.link if before else None,
        }
        stated = self._signed(cut, digests, link)
        if not self.documents.follow(self.study, self.audience, stated.content, tag):
            raise Unavailable("another cut was signed meanwhile")
        return stated

    def _signed(self, cut: Cut, digests: Mapping[str, str], link: Mapping[str, Any]) -> Stated:
        predicate: dict[str, Any] = {
            "study": self.study,
            "audience": self.audience,
            "cut": cut.id,
            "content_root": cut.content_root,
            "code_version": self.code_version,
            "epoch": self.epoch,
        }
        payload = statement(digests, {**predicate, **link})
        signature = self.signer.sign(encoded(payload))
        return Stated(envelope(payload, signature), payload)


def statement(digests: Mapping[str, str], predicate: Mapping[str, Any]) -> bytes:
    """Write an in-toto statement of files, by their SHA-256."""
    subject = [{"name": name, "digest": {"sha256": of}} for name, of in sorted(digests.items())]
    stated = {"_type": STATEMENT, "subject": subject, "predicateType": PREDICATE}
    return canonical(stated | {"predicate": dict(predicate)}).encode()


def encoded(payload: bytes) -> bytes:
    """Give the bytes that DSSE has signed: of a payload and of what kind it is."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD), PAYLOAD.encode(), len(payload), payload)


def envelope(payload: bytes, signature: Signature) -> bytes:
    """Put a payload and its signature into one file (DSSE), with the key to verify it by.

    Whether that key is this service's, its reader has to know from elsewhere.
    """
    signed = {
        "keyid": signature.fingerprint,
        "algorithm": ALGORITHM,
        "sig": b64encode(signature.value).decode(),
        "publicKey": pem(signature.public_key),
    }
    made = {
        "payloadType": PAYLOAD,
        "payload": b64encode(payload).decode(),
        "signatures": [signed],
    }
    return json.dumps(made, indent=2).encode() + b"\n"


def pem(public_key: bytes) -> str:
    """Write a public key as other tools read it (RFC 7468)."""
    lines = wrap(b64encode(public_key).decode(), 64)
    return "\n".join(("-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""))
